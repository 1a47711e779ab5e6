"""Settings: keys, regions, servers and limits."""

import math
import sys

import attrs
import pytest
from cio_pipelines import constants
from hypothesis import given
from hypothesis import strategies as st

from cio_facade.config import Limits, Settings, from_env
from cio_facade.errors import ValidationError

US, EU = constants.REGIONS["us"], constants.REGIONS["eu"]
SECRET = "s3cr3tk3y"
NUMBERS = [field.name for field in attrs.fields(Limits)]


def resolve(api_key=SECRET, region=None, base_url=None, *, strict=True, timeout=30.0):
    return Settings.resolve(api_key, region, base_url, strict=strict, timeout=timeout)


# Limits ---------------------------------------------------------------------------------------------------------------


def test_limits_are_the_specs_unless_others_are_given():
    limits = Limits(window_requests=500)
    assert limits.call_bytes == constants.CALL_BYTES
    assert limits.batch_bytes == constants.BATCH_BYTES
    assert limits.batch_calls == constants.BATCH_CALLS
    assert limits.id_bytes == constants.ID_BYTES
    assert limits.event_name_bytes == constants.EVENT_NAME_BYTES
    assert limits.window_seconds == constants.WINDOW_SECONDS
    assert limits.window_requests == 500


@pytest.mark.parametrize("value", [0, -1, math.nan, -math.inf])
@pytest.mark.parametrize("name", NUMBERS)
def test_a_limit_that_lets_nothing_through_is_refused_by_its_name(name, value):
    with pytest.raises(ValidationError) as refused:
        Limits(**{name: value})
    assert refused.value.field == f"limits.{name}"


@pytest.mark.parametrize("name", ["batch_calls", "id_bytes", "event_name_bytes"])
def test_none_switches_a_limit_off(name):
    assert getattr(Limits(**{name: None}), name) is None


def test_a_batch_must_hold_one_call_and_its_envelope():
    assert Limits(call_bytes=100, batch_bytes=100 + len('{"batch":[]}')).batch_bytes == 112
    with pytest.raises(ValidationError) as refused:
        Limits(call_bytes=100, batch_bytes=111)
    assert refused.value.field == "limits.batch_bytes"


def test_a_share_is_a_part_of_the_limit() -> None:
    assert Limits().share == Limits(share=1).share == 1.0
    with pytest.raises(ValidationError, match=r"limits\.share: must be at most 1"):
        Limits(share=8)


def test_limits_are_frozen_and_compare_by_content():
    assert Limits(in_flight=3) == Limits(in_flight=3) != Limits()
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        Limits().call_bytes = 1


# Keys -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("written", [SECRET, f"{SECRET}\n", f"  {SECRET}\r\n", f"\t{SECRET} "])
def test_white_space_around_a_key_is_dropped(written):
    assert resolve(written).api_key == SECRET


@pytest.mark.parametrize("key", ["pk_us_abc", "sk_us_abc", " sk_us_abc\n"])
def test_keys_of_the_newer_form_travel_as_bearer_tokens(key):
    assert resolve(key).scheme == "bearer"


@pytest.mark.parametrize("key", [SECRET, "pk_us", "xk_us_abc", "apk_us_abc", "PK_US_abc"])
def test_all_other_keys_travel_as_the_user_name(key):
    assert resolve(key).scheme == "basic"


@pytest.mark.parametrize("key", [None, "", " \n", b"key", 7])
def test_a_missing_key_is_named(key):
    with pytest.raises(ValidationError) as refused:
        resolve(key)
    assert refused.value.field == "api_key"


@pytest.mark.parametrize("inside", ["\n", "\r", "\x00", "\x7f", " ", ":", "é", "\u2028", "\ud800"])
def test_a_key_that_fits_no_header_is_refused_without_being_shown(inside):
    with pytest.raises(ValidationError) as refused:
        resolve(f"{SECRET}{inside}more")
    assert refused.value.field == "api_key"
    assert SECRET not in f"{refused.value} {refused.value!r}"


def test_a_key_is_not_shown_by_settings():
    assert SECRET not in repr(resolve())
    assert SECRET not in str(resolve())


# Regions and servers --------------------------------------------------------------------------------------------------


def test_a_key_without_a_region_belongs_to_the_specs_first():
    assert resolve().base_url == constants.REGIONS[constants.DEFAULT_REGION]


@pytest.mark.parametrize("region", ["eu", "EU", "Eu", " eu\n"])
def test_a_region_is_known_in_any_case(region):
    assert resolve(region=region).base_url == EU
    assert resolve("sk_eu_abc", region).base_url == EU


def test_a_newer_key_names_its_region():
    assert resolve("sk_eu_abc").base_url == EU
    assert resolve("pk_us_abc").base_url == US


@pytest.mark.parametrize("region", ["US", "us"])
def test_a_region_that_contradicts_the_key_is_refused(region):
    with pytest.raises(ValidationError) as refused:
        resolve("sk_eu_abc", region)
    assert refused.value.field == "region"
    assert "sk_eu_abc" not in str(refused.value)


@pytest.mark.parametrize("region", ["mars", "", 7, "e u"])
def test_a_region_that_the_spec_does_not_have_is_refused(region):
    with pytest.raises(ValidationError) as refused:
        resolve(region=region)
    assert refused.value.field == "region"
    assert refused.value.problem.endswith(f"known are {', '.join(sorted(constants.REGIONS))}")


def test_a_key_of_an_unknown_region_is_refused_by_the_field_of_the_key():
    with pytest.raises(ValidationError) as refused:
        resolve("sk_mars_abc")
    assert refused.value.field == "api_key"
    assert "mars" not in str(refused.value)


@pytest.mark.parametrize(
    "written", ["http://127.0.0.1:8080/v1", "http://127.0.0.1:8080/v1/", "http://127.0.0.1:8080/v1//"]
)
def test_another_server_is_used_whatever_the_region(written):
    for key, region in ((SECRET, None), (SECRET, "eu"), ("sk_eu_abc", "us"), ("sk_mars_abc", None)):
        assert resolve(key, region, written).base_url == "http://127.0.0.1:8080/v1"


@pytest.mark.parametrize(
    "url",
    [
        "127.0.0.1:8080",
        "ftp://host/v1",
        "https://",
        "http:///v1",
        "https:// host",
        "//host",
        "http://[::1/v1",
        "http://host:65536",
    ],
)
def test_an_address_that_is_no_http_url_is_refused(url):
    with pytest.raises(ValidationError) as refused:
        resolve(base_url=url)
    assert refused.value.field == "base_url"


@pytest.mark.parametrize("url", ["http://host:65535", "http://[::1]:80/v1", "https://host"])
def test_an_address_with_any_real_port_is_taken(url):
    assert resolve(base_url=url).base_url == url


def test_an_empty_address_is_none():
    assert resolve(base_url="").base_url == constants.REGIONS[constants.DEFAULT_REGION]
    with pytest.raises(ValidationError, match="region"):
        resolve("sk_eu_abc", "us", "")


def test_strict_mode_is_on_unless_turned_off():
    assert Settings(api_key=SECRET, scheme="basic", base_url=US).strict is True


def test_the_other_settings_are_kept():
    settings = resolve(strict=False, timeout=2.5)
    assert (settings.strict, settings.timeout) == (False, 2.5)


@given(st.text(max_size=30))
def test_a_key_is_taken_whole_or_refused_but_never_changed_inside(key):
    refused = None
    try:
        kept = resolve(key, base_url="http://host").api_key
    except ValidationError as error:
        refused = error.field
    if refused is None:
        assert kept == key.strip()
        assert all("!" <= character <= "~" for character in kept)
    else:
        assert refused == "api_key"


# Environment ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def env(monkeypatch):
    for name in ("CIO_API_KEY", "CIO_REGION", "CIO_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def test_the_environment_gives_key_region_and_server(env):
    env.setenv("CIO_API_KEY", SECRET)
    assert from_env() == {"api_key": SECRET, "region": None, "base_url": None}
    env.setenv("CIO_REGION", "EU")
    env.setenv("CIO_BASE_URL", "http://127.0.0.1:1/v1")
    assert from_env() == {"api_key": SECRET, "region": "EU", "base_url": "http://127.0.0.1:1/v1"}


@pytest.mark.parametrize("value", [None, "", "  \n"])
def test_an_environment_without_a_key_says_which_variable_is_missing(env, value):
    if value is not None:
        env.setenv("CIO_API_KEY", value)
    with pytest.raises(ValidationError) as refused:
        from_env()
    assert refused.value.field == "CIO_API_KEY"


def test_empty_variables_are_none(env):
    env.setenv("CIO_API_KEY", SECRET)
    env.setenv("CIO_REGION", "")
    env.setenv("CIO_BASE_URL", "")
    assert from_env() == {"api_key": SECRET, "region": None, "base_url": None}


@pytest.mark.parametrize("form", [str, lambda path: path])
def test_a_dotenv_file_is_read_when_it_is_named(env, tmp_path, form):
    path = tmp_path / "settings.env"
    path.write_text(f"CIO_API_KEY={SECRET}\nCIO_REGION='eu'\n")
    assert from_env(form(path)) == {"api_key": SECRET, "region": "eu", "base_url": None}


def test_no_file_is_read_that_is_not_named(env, tmp_path):
    (tmp_path / ".env").write_text(f"CIO_API_KEY={SECRET}\n")
    env.chdir(tmp_path)
    with pytest.raises(ValidationError):
        from_env()


def test_the_environment_wins_over_the_file(env, tmp_path):
    path = tmp_path / ".env"
    path.write_text("CIO_API_KEY=of-the-file\nCIO_REGION=eu\n")
    env.setenv("CIO_API_KEY", SECRET)
    assert from_env(path) == {"api_key": SECRET, "region": "eu", "base_url": None}


def test_reading_a_file_changes_no_environment(env, tmp_path):
    path = tmp_path / ".env"
    path.write_text(f"CIO_API_KEY={SECRET}\n")
    from_env(path)
    with pytest.raises(ValidationError):
        from_env()


@pytest.mark.parametrize("name", ["absent.env", "."])
def test_a_file_that_is_not_there_is_an_error(env, tmp_path, name):
    env.setenv("CIO_API_KEY", SECRET)
    with pytest.raises(ValidationError) as refused:
        from_env(tmp_path / name)
    assert refused.value.field == "dotenv"


def test_without_the_extra_the_error_says_what_to_install(env, tmp_path):
    env.setitem(sys.modules, "dotenv", None)
    path = tmp_path / ".env"
    path.write_text(f"CIO_API_KEY={SECRET}\n")
    with pytest.raises(ImportError, match=r"cio-facade\[dotenv\]") as refused:
        from_env(path)
    assert SECRET not in str(refused.value)

"""Where a load remembers: one folder for the same load, for its owner alone; and the key is in none of it."""

import stat
from pathlib import Path
from uuid import UUID

import pytest

from cio_facade.errors import CustomerIOError
from cio_facade.loading import state
from cio_facade.loading.state import job_id, namespace_of, state_folder

JOB = UUID(int=7)
GIVEN = {"as": "identify", "mapping": {"a": "traits.a", "b": None}, "only": False}


def job(**changes: object) -> UUID:
    return job_id(**{"name": "n", "given": GIVEN, "base_url": "https://host/v1", "api_key": "secret", **changes})


def test_the_same_load_has_the_same_id_and_nothing_else_has() -> None:
    assert job() == job(base_url="https://host/v1/")
    assert job() == job(given={"only": False, "mapping": {"b": None, "a": "traits.a"}, "as": "identify"})
    others = [
        job(name="m"),
        job(given={**GIVEN, "as": "track"}),
        job(given={**GIVEN, "mapping": {}}),
        job(given={**GIVEN, "only": None}),
        job(base_url="https://other/v1"),
        job(api_key="another"),
    ]
    assert len({job(), *others}) == 7


def test_what_json_cannot_say_is_said_as_text() -> None:
    assert job(given={"mapping": Path("map.yaml")}) == job(given={"mapping": "map.yaml"})


def test_the_key_is_nowhere_in_what_is_hashed(monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[str] = []
    monkeypatch.setattr(state, "uuid5", lambda space, text: (hashed.append(text), JOB)[1])
    job()
    assert "secret" not in hashed[0]


def test_ids_of_messages_depend_on_the_source_alone() -> None:
    assert namespace_of("n") == namespace_of("n") != namespace_of("m")


@pytest.fixture
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CIO_STATE", "XDG_STATE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("_no_variables")
def test_the_folder_is_where_the_system_has_such_things(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    own = tmp_path / "home" / ".local" / "state" / "cio-facade" / str(JOB)
    assert state_folder(JOB) == own
    monkeypatch.setenv("XDG_STATE_HOME", "not/absolute")
    assert state_folder(JOB) == own
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "xdg"))
    assert state_folder(JOB) == tmp_path / "xdg" / "cio-facade" / str(JOB)
    monkeypatch.setenv("CIO_STATE", str(tmp_path / "own"))
    assert state_folder(JOB) == tmp_path / "own" / str(JOB)
    assert state_folder(JOB, tmp_path / "given") == tmp_path / "given" / str(JOB)


@pytest.mark.usefixtures("_no_variables")
def test_on_windows_it_is_with_the_local_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state.sys, "platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path))
    assert state_folder(JOB) == tmp_path / "cio-facade" / str(JOB)


@pytest.mark.usefixtures("_no_variables")
def test_where_there_is_no_home_the_way_out_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError

    monkeypatch.setattr(Path, "home", homeless)
    with pytest.raises(CustomerIOError, match="set CIO_STATE"):
        state_folder(JOB)


def test_what_is_made_is_for_its_owner_alone(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    folder = state_folder(JOB, tmp_path / "new" / "root")
    assert {stat.S_IMODE(made.stat().st_mode) for made in (folder, *list(folder.parents)[:2])} == {0o700}
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755
    folder.chmod(0o755)
    assert stat.S_IMODE(state_folder(JOB, tmp_path / "new" / "root").stat().st_mode) == 0o700


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CustomerIOError, match=r"state: the folder .* cannot be made: .*CIO_STATE"):
        state_folder(JOB, tmp_path / "file")

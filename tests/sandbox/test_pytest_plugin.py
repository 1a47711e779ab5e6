"""The plugin as a project has it that installed the package: pytest in a process of its own, by the entry point."""

import os
import subprocess
import sys

import pytest

pytest_plugins = ["pytester"]

# Others that happen to be installed here are none of the project's.
OTHERS = [f"-pno:{name}" for name in ("respx", "hypothesispytest", "schemathesis", "anyio", "cacheprovider")]


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch):
    """Run a project's tests, in which every warning is an error."""
    for name in [name for name in os.environ if name.startswith(("CIO_", "PYTEST_"))]:
        monkeypatch.delenv(name)

    def call(source: str = "", *arguments: str, conftest: str = "") -> pytest.RunResult:
        pytester.makepyfile(source)
        if conftest:
            pytester.makeconftest(conftest)
        return pytester.runpytest_subprocess("--strict-markers", "-Werror", *OTHERS, *arguments)

    return call


def test_each_test_has_a_sandbox_of_its_own(run) -> None:
    done = run("""
        import asyncio, os, subprocess, sys, unittest
        import pytest
        from cio_facade import AsyncCustomerIO, CustomerIO
        from cio_facade.sandbox.pytest_plugin import CioSandbox

        SEND = "from cio_facade import CustomerIO; CustomerIO.from_env().identify('u1')"

        @pytest.mark.parametrize("again", [1, 2])
        def test_isolated(cio_sandbox: CioSandbox, cio_client: CustomerIO, again: int) -> None:
            cio_sandbox.assert_delivered(0)
            cio_client.track("u1", "E", {"n": 1})
            cio_sandbox.assert_tracked("u1", "E", n=1)

        def test_asyncio(cio_sandbox):
            async def send():
                async with AsyncCustomerIO(**cio_sandbox.settings) as cio:
                    await cio.identify("u1", {"plan": "pro"})
            asyncio.run(send())
            cio_sandbox.assert_identified("u1", plan="pro")

        def test_environment(cio_environment, cio_sandbox):
            with CustomerIO.from_env() as cio:
                cio.identify("u1")
            subprocess.run([sys.executable, "-c", SEND], check=True)
            cio_sandbox.assert_delivered(2)
            assert cio_environment == {name: os.environ[name] for name in cio_environment}

        def test_environment_is_as_before():
            assert "CIO_BASE_URL" not in os.environ

        class Old(unittest.TestCase):
            @pytest.fixture(autouse=True)
            def _have(self, cio_sandbox, cio_client):
                self.sandbox, self.cio = cio_sandbox, cio_client

            def test_one(self):
                self.cio.identify("u1")
                self.sandbox.assert_delivered(1)

            def test_two(self):
                self.sandbox.assert_delivered(0)
    """)
    done.assert_outcomes(passed=7)


def test_markers_set_its_options_and_the_nearest_wins(run) -> None:
    done = run("""
        import httpx, pytest

        pytestmark = pytest.mark.cio_sandbox(api_keys=["module"], refuse_gzip=415)

        def status(sandbox, key, **headers):
            url, strict = f"{sandbox.url}/identify", {"X-Strict-Mode": "1"}
            return httpx.post(url, json={"userId": "u1"}, auth=(key, ""), headers=strict | headers).status_code

        def test_module(cio_sandbox):
            assert [status(cio_sandbox, key) for key in ("module", "other")] == [200, 401]

        @pytest.mark.cio_sandbox(api_keys=["class"])
        class TestClass:
            def test_class(self, cio_sandbox):
                assert [status(cio_sandbox, key) for key in ("module", "class")] == [401, 200]

            @pytest.mark.cio_sandbox(api_keys=["test"])
            def test_test(self, cio_sandbox):
                assert [status(cio_sandbox, key) for key in ("class", "test")] == [401, 200]
                assert status(cio_sandbox, "test", **{"Content-Encoding": "gzip"}) == 415
    """)
    done.assert_outcomes(passed=3)


def test_trouble_and_what_the_calls_did_are_at_hand(run) -> None:
    done = run("""
        import pytest

        @pytest.mark.cio_sandbox(faults=["503@1"], seed=1, rate=False)
        def test_trouble(cio_sandbox, cio_client):
            assert cio_client.identify("u1", {"plan": "pro"}).attempts == 2
            cio_sandbox.assert_nothing_refused()  # for what was wrong with it
            cio_sandbox.assert_delivered(1)
            cio_sandbox.faults.set("500@1")
            assert cio_client.identify("u2").attempts == 2
            assert [request.fault for request in cio_sandbox.requests()] == ["503", None, "500", None]

        def test_none_is_left(cio_sandbox, cio_client):
            assert not list(cio_sandbox.faults)
            cio_client.identify("u1", {"plan": "pro"})
            cio_sandbox.wait_until(lambda: "u1" in cio_sandbox.people)
            assert cio_sandbox.people["u1"].traits == {"plan": "pro"}
            assert cio_sandbox.sql("SELECT user_id FROM people") == [{"user_id": "u1"}]

        @pytest.mark.cio_sandbox(drop_repeats=True)
        def test_repeats(cio_sandbox, cio_client):
            for _ in range(2):
                cio_client.track("u1", "E", message_id="m1")
            assert cio_sandbox.counts().accepted == 1

        @pytest.mark.cio_sandbox(faults=["429:lots"])
        def test_bad(cio_sandbox):
            pass
    """)
    done.assert_outcomes(passed=3, errors=1)
    done.stdout.fnmatch_lines(["the marker cio_sandbox: *429:lots*"])
    done.stdout.no_fnmatch_line("*pytest_plugin.py*")


def test_a_project_may_have_its_own_sandbox_and_the_other_fixtures_follow(run) -> None:
    done = run(
        """
        def test_it(cio_sandbox, cio_client, cio_environment):
            cio_client.identify("u1")
            cio_sandbox.assert_delivered(1)
            assert cio_environment["CIO_API_KEY"] == "ours"
        """,
        conftest="""
        import pytest
        from cio_facade.sandbox.pytest_plugin import CioSandbox

        @pytest.fixture
        def cio_sandbox():
            with CioSandbox(api_keys=["ours"]) as sandbox:
                yield sandbox
        """,
    )
    done.assert_outcomes(passed=1)


def test_what_is_wrong_with_a_marker_is_one_line(run) -> None:
    done = run("""
        import pytest

        @pytest.mark.cio_sandbox(rat=False)
        def test_mistyped(cio_sandbox): pass

        @pytest.mark.cio_sandbox("429:5%")
        def test_nameless(cio_sandbox): pass

        @pytest.mark.cio_sandbox(region="mars")
        def test_unknown(cio_sandbox): pass
    """)
    done.assert_outcomes(errors=3)
    done.stdout.fnmatch_lines(
        [
            "the marker cio_sandbox has no option rat; did you mean rate?",
            "the marker cio_sandbox takes names with values, such as rate=False",
            "the marker cio_sandbox: the region 'mars' is not one of *",
        ]
    )
    for line in ("*pytest_plugin.py*", "*During handling*"):
        done.stdout.no_fnmatch_line(line)


def test_a_failure_shows_the_line_of_the_test_and_what_arrived(run) -> None:
    done = run(
        """
        def test_it(cio_sandbox, cio_client):
            cio_client.track("u1", "Order Completed", {"total": 9.9})
            cio_sandbox.assert_tracked("u1", "Order Completed", total=99.9)

        def test_well(cio_sandbox, cio_client):
            cio_client.identify("nobody asks")
    """,
        "-rP",
    )
    done.assert_outcomes(failed=1, passed=1)
    done.stdout.fnmatch_lines(
        [
            '>*cio_sandbox.assert_tracked("u1", "Order Completed", total=99.9)',
            "E*no track 'Order Completed' of 'u1' with total=99.9 has arrived",
            "E*track 'Order Completed' of 'u1': properties.total is 9.9, not 99.9",
            "*Captured cio_sandbox teardown*",
            "1 request, 1 call accepted, 0 lost, 0 requests refused",
        ]
    )
    done.stdout.no_fnmatch_line("*asserting.py*")
    done.stdout.no_fnmatch_line("*nobody asks*")


def test_processes_that_share_the_tests_do_not_meet(run) -> None:
    done = run(
        """
        import pytest

        @pytest.mark.parametrize("number", range(8))
        def test_it(cio_sandbox, cio_client, number):
            cio_client.identify(f"u{number}")
            cio_sandbox.assert_identified(f"u{number}")
            cio_sandbox.assert_delivered(1)
        """,
        "-n2",
    )
    done.assert_outcomes(passed=8)


def test_the_marker_and_the_fixtures_are_listed_with_what_they_are_for(run) -> None:
    told = run("", "--markers").stdout.str()
    assert "@pytest.mark.cio_sandbox(**options): " in told
    told = run("", "--fixtures").stdout.str()
    for name in ("cio_sandbox", "cio_client", "cio_environment"):
        assert f"\n{name} -- " in told


WITHOUT = "import sys; sys.modules.update(dict.fromkeys(['jsonschema_rs', 'starlette', 'uvicorn', 'jinja2']))"


def test_without_the_extra_only_who_asks_is_told_what_to_install(run, monkeypatch: pytest.MonkeyPatch) -> None:
    done = run("def test_other(): pass\ndef test_it(cio_sandbox): pass", conftest=WITHOUT)
    done.assert_outcomes(passed=1, errors=1)
    done.stdout.re_match_lines([r"the fixture cio_sandbox: the sandbox needs \w+: pip install 'cio-facade\[sandbox\]'"])
    for line in ("*Traceback*", "*During handling*"):
        done.stdout.no_fnmatch_line(line)


def test_whoever_does_not_ask_for_it_loads_no_server_and_no_client() -> None:
    code = (
        "import sys, pytest; before = set(sys.modules); import cio_facade.sandbox.pytest_plugin;"
        "print(*sorted({name.partition('.')[0] for name in set(sys.modules) - before} - sys.stdlib_module_names))"
        ";print(*sorted(name for name in sys.modules if name.startswith('cio_facade')))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told.splitlines() == [
        "cio_facade",
        "cio_facade cio_facade._version cio_facade.sandbox cio_facade.sandbox.pytest_plugin",
    ]


def test_a_name_that_the_plugin_does_not_have_is_an_attribute_error() -> None:
    from cio_facade.sandbox import pytest_plugin

    assert pytest_plugin.CioSandbox.__name__ == "CioSandbox"
    with pytest.raises(AttributeError, match="no attribute 'Sandbox'"):
        pytest_plugin.Sandbox  # noqa: B018

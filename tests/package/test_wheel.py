"""The package as users get it: built, installed into a clean environment, and used there.

Needs the network (or a pip that knows where to look) for the build's and the package's own dependencies.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterator
from configparser import ConfigParser
from email.message import Message as Metadata
from email.parser import HeaderParser
from pathlib import Path
from typing import Any

import pytest

from cio_facade import CustomerIO, __version__

_ROOT = Path(__file__).parents[2]
_LIMIT = 300  # seconds, for whatever one step does


@pytest.fixture(scope="session")
def plain(once: Any, wheel: Path) -> Path:
    """Python with the package and what it cannot do without, and pytest."""
    return once("plain", lambda folder: _install(folder, wheel, "pytest")) / "bin" / "python"


@pytest.fixture(scope="session")
def equipped(once: Any, wheel: Path) -> Path:
    """Python with the extras of the command line and the sandbox too, and pytest."""
    return once("equipped", lambda folder: _install(folder, f"{wheel}[cli,sandbox]", "pytest")) / "bin" / "python"


def _install(folder: Path, *what: Path | str) -> None:
    venv.create(folder, with_pip=True)
    _run(folder / "bin" / "python", "-m", "pip", "install", "--quiet", *what)


def _run(*command: object, cwd: Path | None = None, code: int = 0) -> str:
    """What a command prints. It knows nothing of this tree, nor of this process's settings."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "CIO_"))}
    words = [str(word) for word in command]
    done = subprocess.run(words, check=False, cwd=cwd, env=env, capture_output=True, text=True, timeout=_LIMIT)
    assert done.returncode == code, f"{words}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


def _names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if not name.endswith("/")}


def _metadata(wheel: Path) -> Metadata:
    (name,) = (name for name in _names(wheel) if name.endswith(".dist-info/METADATA"))
    with zipfile.ZipFile(wheel) as archive:
        return HeaderParser().parsestr(archive.read(name).decode())


def test_the_wheel_holds_the_two_packages_and_nothing_else(wheel: Path) -> None:
    names = _names(wheel)
    assert {name.split("/")[0] for name in names} == {
        "cio_facade",
        "cio_pipelines",
        f"cio_facade-{__version__}.dist-info",
    }
    assert {"cio_facade/py.typed", "cio_pipelines/py.typed", "cio_pipelines/openapi.json"} <= names
    assert not [name for name in names if "__pycache__" in name or name.endswith((".pyc", ".sqlite"))]


def test_the_wheel_holds_what_the_tree_holds_and_the_sample(wheel: Path) -> None:
    expected = {
        *_tree(_ROOT, "cio_facade"),
        *_tree(_ROOT / "generated", "cio_pipelines"),
        *(f"cio_facade/demo/data/{name}" for name in _tree(_ROOT / "examples" / "data", ".")),
    }
    assert {name for name in _names(wheel) if ".dist-info/" not in name} == expected


def test_the_wheel_holds_the_page_with_the_licence_of_what_others_wrote(wheel: Path) -> None:
    page = "cio_facade/sandbox/page"
    expected = {
        *_tree(_ROOT, f"{page}/templates", "*.html"),
        *_tree(_ROOT, f"{page}/static"),
    }
    names = _names(wheel)
    assert expected <= names
    vendored = {name for name in names if name.startswith(f"{page}/static/vendor/")}
    assert any(name.endswith(".js") for name in vendored)
    assert any("LICENSE" in name for name in vendored)


def test_pytest_finds_the_plugin_of_the_wheel(wheel: Path) -> None:
    (name,) = (name for name in _names(wheel) if name.endswith(".dist-info/entry_points.txt"))
    with zipfile.ZipFile(wheel) as archive:
        told = ConfigParser()
        told.read_string(archive.read(name).decode())
    assert dict(told["pytest11"]) == {"cio_facade": "cio_facade.sandbox.pytest_plugin"}
    assert dict(told["console_scripts"]) == {"cio-facade": "cio_facade.cli:main"}


def _tree(root: Path, package: str, pattern: str = "*") -> Iterator[str]:
    for path in (root / package).rglob(pattern):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path.relative_to(root).as_posix()


def test_the_metadata_say_what_is_needed_and_under_which_licence(wheel: Path) -> None:
    metadata = _metadata(wheel)
    assert metadata["Name"] == "cio-facade"
    assert metadata["Version"] == __version__
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["License-Expression"] == "MIT AND 0BSD"
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert metadata.get_payload() == (_ROOT / "README.md").read_text("utf-8")
    needed = [line for line in metadata.get_all("Requires-Dist", []) if "extra ==" not in line]
    assert sorted(line.split(">")[0].split("<")[0] for line in needed) == [
        "aiohttp",
        "attrs",
        "httpx",
        "orjson",
        "python-dateutil",
    ]
    assert {"cli", "sandbox", "dotenv", "all"} <= set(metadata.get_all("Provides-Extra", []))


def test_the_licences_are_in_the_wheel_and_named_by_its_metadata(wheel: Path) -> None:
    vendored = {
        path.relative_to(_ROOT).as_posix()
        for path in (_ROOT / "cio_facade").rglob("LICENSE*")
        if "static" in path.parts
    }
    told = set(_metadata(wheel).get_all("License-File", []))
    assert told == {"LICENSE", *vendored}
    assert {name.partition(".dist-info/licenses/")[2] for name in _names(wheel)} - {""} == told


def test_no_file_is_in_the_wheel_twice_but_the_licences(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        found = [(archive.read(name), name) for name in _names(wheel) if ".dist-info/licenses/" not in name]
    contents = [content for content, _ in found if content]
    assert len(contents) == len(set(contents))


SMOKE = """
import asyncio, importlib.resources, logging, pathlib, pickle, sys
import cio_facade, cio_pipelines
from cio_facade import AsyncCustomerIO, CustomerIO, RefusedError, people
from cio_facade.events import ecommerce
from cio_facade.testing import RecordingTransport

for package in (cio_facade, cio_pipelines):
    assert pathlib.Path(package.__file__).is_relative_to(sys.prefix), package.__file__
    assert (importlib.resources.files(package) / "py.typed").is_file()

transport = RecordingTransport()
with CustomerIO("key", transport=transport) as cio:
    assert cio.track("u1", ecommerce.OrderCompleted(order_id="o-1", total=99.9)).status == 200
    assert cio.send_many(people.delete(f"u{n}") for n in range(100)).complete
assert transport.calls[0]["properties"] == {"order_id": "o-1", "total": 99.9}

async def main():
    async with AsyncCustomerIO("key", transport=RecordingTransport([400])) as cio:
        await cio.identify("u1")

try:
    asyncio.run(main())
except RefusedError as error:
    assert pickle.loads(pickle.dumps(error)).status == 400
print(cio_facade.__version__)
"""


def test_what_is_installed_works(plain: Path, tmp_path: Path) -> None:
    assert _run(plain, "-W", "error", "-c", SMOKE, cwd=tmp_path) == f"{__version__}\n"


def test_what_an_extra_is_needed_for_says_which(plain: Path, tmp_path: Path) -> None:
    assert "cio-facade[sandbox]" in _run(plain, "-c", "from cio_facade.sandbox import Sandbox", cwd=tmp_path, code=1)
    assert "cio-facade[cli]" in _run(plain.with_name("cio-facade"), "--version", cwd=tmp_path, code=2)
    dotenv = "import cio_facade; cio_facade.CustomerIO.from_env('.env')"
    assert "cio-facade[dotenv]" in _run(plain, "-c", dotenv, cwd=tmp_path, code=1)


TESTS = """
def test_without_it() -> None:
    pass


def test_with_it(cio_sandbox, cio_client) -> None:
    cio_client.track("u1", "Signed Up", {"plan": "pro"})
    cio_sandbox.assert_tracked("u1", "Signed Up", plan="pro")
    assert cio_sandbox.people["u1"].user_id == "u1"
"""


def test_a_project_without_the_extra_runs_its_tests_and_is_told_of_it_when_it_asks(plain: Path, tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(TESTS)
    pytest_ = (plain, "-W", "error", "-m", "pytest", "--strict-markers")
    assert "1 passed, 1 deselected" in _run(*pytest_, "-k", "without", cwd=tmp_path)
    told = _run(*pytest_, cwd=tmp_path, code=1)
    assert "1 passed, 1 error" in told
    assert "pip install 'cio-facade[sandbox]'" in told
    assert "Traceback" not in told


def test_a_project_with_the_extra_has_the_fixtures(equipped: Path, tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(TESTS)
    told = _run(equipped, "-W", "error", "-m", "pytest", "--strict-markers", cwd=tmp_path)
    assert "2 passed" in told


def test_a_type_checker_knows_the_fixture(equipped: Path, tmp_path: Path) -> None:
    (tmp_path / "ours.py").write_text(
        "from cio_facade.sandbox.pytest_plugin import CioSandbox\n"
        "def test_it(cio_sandbox: CioSandbox) -> None:\n"
        "    reveal_type(cio_sandbox.assert_tracked('u1', 'E', total=9.9))\n"
        "    cio_sandbox.assert_delivered('three')\n"
    )
    checker = (sys.executable, "-m", "mypy", "--strict", "--python-executable", equipped)
    told = _run(*checker, "ours.py", cwd=tmp_path, code=1)
    assert 'Revealed type is "dict[str, Any]"' in told.replace("builtins.", "")
    assert 'Argument 1 to "assert_delivered" of "CioSandbox" has incompatible type "str"' in told
    assert "Found 1 error in 1 file" in told


def test_a_type_checker_knows_the_types_of_what_is_installed(plain: Path, tmp_path: Path) -> None:
    (tmp_path / "ours.py").write_text(
        "from cio_facade import CustomerIO\n"
        "from cio_facade.events import ecommerce\n"
        "reveal_type(CustomerIO('key').track('u1', ecommerce.OrderCompleted(total=3)))\n"
        "ecommerce.OrderCompleted(total='3')\n"
    )
    told = _run(sys.executable, "-m", "mypy", "--strict", "--python-executable", plain, "ours.py", cwd=tmp_path, code=1)
    assert 'Revealed type is "cio_facade.outcomes.Receipt"' in told
    assert 'Argument "total" to "OrderCompleted" has incompatible type "str"' in told
    assert "Found 1 error in 1 file" in told


def test_the_command_says_its_version(equipped: Path, tmp_path: Path) -> None:
    assert __version__ in _run(equipped.with_name("cio-facade"), "--version", cwd=tmp_path)


def test_the_demo_runs_with_the_sample_that_the_package_carries(equipped: Path, tmp_path: Path) -> None:
    told = _run(equipped.with_name("cio-facade"), "demo", cwd=tmp_path)
    assert "delivered" in told.lower()
    assert list(tmp_path.iterdir()) == []


def test_the_sandbox_runs_and_keeps_what_arrives(equipped: Path, tmp_path: Path) -> None:
    command = [equipped.with_name("cio-facade"), "sandbox", "--port", "0", "--db", tmp_path / "arrived.sqlite"]
    with subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, text=True, cwd=tmp_path) as server:
        try:
            assert server.stdout is not None
            url = server.stdout.readline().split()[-1]
            with CustomerIO("key", base_url=url) as cio:
                assert cio.track("u1", "Signed Up").status == 200
            server.send_signal(signal.SIGTERM)
            assert server.wait(20) == 0
        finally:
            server.kill()
    count = "import sqlite3; print(*sqlite3.connect('arrived.sqlite').execute('SELECT count(*) FROM calls').fetchone())"
    assert _run(equipped, "-c", count, cwd=tmp_path) == "1\n"

import sys
from collections.abc import Iterator

import pytest
from editing import Editor
from language_server import LanguageServer


@pytest.fixture(scope="session")
def editor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Editor]:
    """An editor on an empty folder, with the package as it is installed for this Python."""
    pytest.importorskip("pyright", reason="needs the package pyright")
    folder = tmp_path_factory.mktemp("editor")
    settings = {"python": {"pythonPath": sys.executable, "analysis": {"typeCheckingMode": "standard"}}}
    with LanguageServer([sys.executable, "-m", "pyright.langserver", "--stdio"], folder, settings) as server:
        yield Editor(server)

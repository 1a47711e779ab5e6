import json
from pathlib import Path
from typing import Any

import pytest
import samples

from scripts.import_spec import FACTS, SPEC
from scripts.importer.importing import Facts


def _read(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


@pytest.fixture(scope="session")
def spec() -> Any:
    return _read(SPEC)


@pytest.fixture(scope="session")
def broken_samples() -> Any:
    """Samples of the vendor's that its own schemas refuse, each with the reason."""
    return _read(samples.BROKEN)


@pytest.fixture(scope="session")
def facts() -> Facts:
    return Facts.read(FACTS / SPEC.stem)


@pytest.fixture(scope="session")
def vendor_files() -> list[Path]:
    """Everything the vendor has published, of all its APIs."""
    return samples.vendor_files()


@pytest.fixture(scope="session")
def vendor() -> Any:
    """The vendor's files for this API, by year."""
    return samples.vendor_documents()

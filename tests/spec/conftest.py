import json
from pathlib import Path
from typing import Any

import pytest

from scripts.import_spec import FACTS, SPEC
from scripts.importer.importing import Facts

ROOT = Path(__file__).parents[2]
VENDOR = ROOT.parent / "shared" / "vendor"


def _read(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


@pytest.fixture(scope="session")
def spec() -> Any:
    return _read(SPEC)


@pytest.fixture(scope="session")
def broken_samples() -> Any:
    """Samples of the vendor's that its own schemas refuse, each with the reason."""
    return _read(Path(__file__).with_name("broken_samples.json"))


@pytest.fixture(scope="session")
def facts() -> Facts:
    return Facts.read(FACTS / SPEC.stem)


@pytest.fixture(scope="session")
def vendor_files() -> list[Path]:
    """Everything the vendor has published, of all its APIs."""
    if not VENDOR.is_dir():
        pytest.skip("the vendor's files are not here")
    return sorted(VENDOR.glob("*.json"))


@pytest.fixture(scope="session")
def vendor(vendor_files: list[Path]) -> Any:
    """The vendor's files for this API, by year."""
    ours = [path for path in vendor_files if path.stem.startswith("pipelines_")]
    return {path.stem.removeprefix("pipelines_"): _read(path) for path in ours}

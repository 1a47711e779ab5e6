import pytest
from generation_runs import SPEC, STAND_IN, generate, read


@pytest.fixture(scope="session")
def spec():
    """The spec of the project."""
    return read(SPEC)


@pytest.fixture
def stand_in():
    """A small spec with one of everything; a test may change its copy."""
    return read(STAND_IN)


@pytest.fixture(scope="session")
def stand_in_package(tmp_path_factory):
    """The folder that holds the package generated from the stand-in."""
    return generate(STAND_IN, tmp_path_factory.mktemp("stand_in"), PYTHONHASHSEED="1")

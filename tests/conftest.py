"""What holds for the whole suite.

Properties try the same examples in every run, or many more on request. No load is remembered in anybody's home.
"""

import os

import pytest
from hypothesis import settings

settings.register_profile("house", derandomize=True, deadline=None)
settings.register_profile("thorough", max_examples=5_000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "house"))


@pytest.fixture(scope="session", autouse=True)
def _state_of_loads(tmp_path_factory: pytest.TempPathFactory) -> None:
    os.environ["CIO_STATE"] = str(tmp_path_factory.mktemp("state"))

"""What holds for the whole suite: properties try the same examples in every run, or many more on request."""

import os

from hypothesis import settings

settings.register_profile("house", derandomize=True, deadline=None)
settings.register_profile("thorough", max_examples=5_000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "house"))

"""What holds for the whole suite: properties try the same examples in every run."""

from hypothesis import settings

settings.register_profile("house", derandomize=True, deadline=None)
settings.load_profile("house")

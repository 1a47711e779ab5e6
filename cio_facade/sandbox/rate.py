"""The rate limit: a moving window for each key. The clock is handed in."""

from collections import defaultdict, deque

__all__ = ["Window"]


class Window:
    """Admit at most so many requests of one key in any window of so many seconds.

    Requests that are turned away do not count. All that is remembered is when the last ones were admitted.

    Parameters
    ----------
    requests : int
        Most requests admitted in one window.
    seconds : float
        Length of the window.
    """

    def __init__(self, requests: int, seconds: float) -> None:
        self._requests = requests
        self._seconds = seconds
        self._admitted: defaultdict[str, deque[float]] = defaultdict(lambda: deque(maxlen=requests))

    def admit(self, key: str, now: float) -> bool:
        """Count a request at this moment, in seconds of a monotonic clock; False when it is one too many."""
        admitted = self._admitted[key]
        if len(admitted) == self._requests and now - admitted[0] < self._seconds:
            return False
        admitted.append(now)
        return True

    def clear(self) -> None:
        """Forget all requests."""
        self._admitted.clear()

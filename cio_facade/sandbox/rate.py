"""The rate limit: a moving window for each key. The clock is handed in."""

from collections import OrderedDict, deque

__all__ = ["Window"]


class Window:
    """Admit at most so many requests of one key in any window of so many seconds.

    Requests that are turned away do not count. All that is remembered is when the last ones were admitted, of keys that
    had one in the last window; `len` gives the number of these keys.

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
        self._admitted = OrderedDict[str, deque[float]]()  # the key whose last request is the oldest comes first

    def admit(self, key: str, now: float) -> bool:
        """Count a request at this moment, in seconds of a monotonic clock; False when it is one too many."""
        admitted = self._admitted.setdefault(key, deque(maxlen=self._requests))
        if len(admitted) == self._requests and now - admitted[0] < self._seconds:
            return False
        admitted.append(now)
        self._admitted.move_to_end(key)
        while now - next(iter(self._admitted.values()))[-1] >= self._seconds:
            self._admitted.popitem(last=False)
        return True

    def __len__(self) -> int:
        return len(self._admitted)

    def clear(self) -> None:
        """Forget all requests."""
        self._admitted.clear()

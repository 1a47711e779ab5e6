"""Faults on demand: which requests go wrong, and how. Clock and chance are handed in; nothing here does any I/O."""

import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from cio_facade.sandbox.faultrules import SLOW, Rule

__all__ = ["NO_FAULT", "Faults", "Strike"]


@dataclass(frozen=True, slots=True)
class Strike:
    """What befalls one request.

    Attributes
    ----------
    delay : float
        Seconds that its answer is held back.
    rule : Rule or None
        What else goes wrong.
    name : str or None
        What the request is marked with, such as ``slow:200ms, 429``; None where nothing befalls it.
    """

    delay: float = 0
    rule: Rule | None = None
    name: str | None = None

    @property
    def kind(self) -> str | None:
        """What goes wrong, besides the delay."""
        return self.rule.kind if self.rule else None


NO_FAULT: Final = Strike()


class _Armed:
    """A rule at work: the requests that it has seen, since when, and its own run of chance."""

    def __init__(self, rule: Rule, since: float, chance: random.Random) -> None:
        self.rule = rule
        self._since = since
        self._chance = chance
        self._seen = 0

    def strikes(self, now: float) -> bool:
        self._seen += 1
        # Drawn for every request, within the period or not: the n-th meets the same draw whatever else is set.
        drawn = self._chance.random()
        return self.rule.period.holds(self._seen, now - self._since) and drawn < self.rule.share


class Faults:
    """The faults that a sandbox makes, to be set and cleared while it runs, from any thread.

    Every rule is asked for every request to the API's endpoints. Delays add up; of all else, the first rule that
    strikes holds. A rule counts requests and seconds from when it was set. With the same seed, the same requests in the
    same order meet the same faults of a rule, whatever other rules there are.

    Parameters
    ----------
    rules : iterable of str
        Rules such as ``429:5%``, ``500@1-3``, ``slow:200ms:10%``, ``reset:1%``, ``drop-response:1%``,
        ``close-midway:1%``.
    seed : int
        What chance begins with.
    clock : callable
        Gives seconds that only grow.
    chance : callable
        Makes a source of chance out of a text.

    Raises
    ------
    ValueError
        A rule is none. The error names it, and shows the forms.

    Examples
    --------
    >>> faults = Faults(["429:5%"])
    >>> faults.set("500@1-2", "slow:20ms")
    >>> list(faults)
    ['500@1-2', 'slow:20ms']
    >>> [faults.strike().name for _ in range(3)]
    ['slow:20ms, 500', 'slow:20ms, 500', 'slow:20ms']
    """

    def __init__(
        self,
        rules: Iterable[str] = (),
        seed: int = 0,
        *,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[str], random.Random] = random.Random,
    ) -> None:
        self._clock = clock
        self._chance = chance
        self._lock = threading.Lock()
        self._seed = seed
        self._armed: list[_Armed] = []
        self.set(*rules)

    @property
    def seed(self) -> int:
        """What chance begins with."""
        return self._seed

    def set(self, *rules: str, seed: int | None = None) -> None:
        """Put rules in the place of those that there are, and count from now.

        Parameters
        ----------
        *rules : str
            The rules; none clears them.
        seed : int or None
            What chance begins with; None leaves it.

        Raises
        ------
        ValueError
            A rule is none; nothing has changed then.
        """
        read = [Rule.read(rule) for rule in rules]
        with self._lock:
            self._seed = self._seed if seed is None else seed
            self._armed = self._arm(read)

    def add(self, *rules: str) -> None:
        """Add rules behind those that there are, which go on counting.

        Raises
        ------
        ValueError
            A rule is none; nothing has changed then.
        """
        read = [Rule.read(rule) for rule in rules]
        with self._lock:
            self._armed = self._armed + self._arm(read, [armed.rule for armed in self._armed])

    def clear(self) -> None:
        """Let everything go well."""
        self.set()

    def restart(self) -> None:
        """Count from now, and have chance begin with the seed again."""
        with self._lock:
            self._armed = self._arm([armed.rule for armed in self._armed])

    def strike(self) -> Strike:
        """Say what befalls the next request."""
        if not self._armed:
            return NO_FAULT
        with self._lock:
            now = self._clock()
            struck = [armed.rule for armed in self._armed if armed.strikes(now)]
        if not struck:
            return NO_FAULT
        slow = [rule for rule in struck if rule.kind == SLOW]
        first = next((rule for rule in struck if rule.kind != SLOW), None)
        told = [*slow, first] if first else slow
        return Strike(sum(rule.delay for rule in slow), first, ", ".join(rule.name for rule in told))

    def __iter__(self) -> Iterator[str]:
        return iter([armed.rule.text for armed in self._armed])

    def __len__(self) -> int:
        return len(self._armed)

    def __repr__(self) -> str:
        return f"Faults({list(self)}, seed={self._seed})"

    def _arm(self, rules: Iterable[Rule], before: Iterable[Rule] = ()) -> list[_Armed]:
        """Give each rule its own chance, by its text and by how many of the same text stand before it."""
        texts = [rule.text for rule in before]
        now = self._clock()
        armed: list[_Armed] = []
        for rule in rules:
            armed.append(_Armed(rule, now, self._chance(f"{self._seed} {texts.count(rule.text)} {rule.text}")))
            texts.append(rule.text)
        return armed

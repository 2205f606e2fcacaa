"""Even dealing: kinds of scenes by their shares, the values of a factor equally often, over the first n for any n.

Kinds follow Tijdeman (1980, Discrete Mathematics 32, the chairman assignment problem): after any number of scenes each
kind has come as often as its share says, give or take less than one. Of a factor's values one of the least used is
next, so that a value which may not be dealt here comes later. Among equals the order is shuffled anew in each round,
and one language begins it half-way: in half a round each, the two have had all values.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from persona_forge.core.ids import key64, unit

_ROUNDING = 1e-9


def next_kind(shares: Mapping[str, float], done: Mapping[str, int]) -> str:
    """The kind of the scene after those that are done; shares add up to 1."""
    wanted = {kind: share for kind, share in shares.items() if share > _ROUNDING}
    if len(wanted) == 1:
        return next(iter(wanted))
    least = 1 / (2 * len(wanted) - 2)
    number = sum(done.get(kind, 0) for kind in wanted) + 1
    behind = {kind: share * number - done.get(kind, 0) for kind, share in wanted.items()}
    ready = [kind for kind in wanted if behind[kind] >= least - _ROUNDING]
    return min(ready, key=lambda kind: round((1 - least - behind[kind]) / wanted[kind], 9))


@dataclass(slots=True)
class Dealt:
    """What the scenes of one language have had so far."""

    key: str
    language: str
    uses: Counter[tuple[str, str]] = field(default_factory=Counter)

    def deal(
        self,
        factor: str,
        values: Collection[str],
        never: Collection[str] = (),
        worth: Callable[[str, str], int] = lambda factor, value: 0,
    ) -> str:
        """One of the least used values that may be dealt, the one worth most; it counts once `used` is told."""
        allowed = [v for v in values if v not in never]
        fewest = min(self.uses[factor, v] for v in allowed)
        least = [v for v in self._round(factor, values, fewest) if v in allowed and self.uses[factor, v] == fewest]
        return max(least, key=lambda v: worth(factor, v)) if len(least) > 1 else least[0]

    def used(self, factor: str, value: str | None, times: int = 1) -> None:
        if value is not None:
            self.uses[factor, value] += times

    def nth(self, factor: str, value: str, size: int) -> int:
        """A number that is one more each time `size` scenes have had the value, from a start of its own."""
        return key64(self.key, self.language, factor, value) % 1000 + self.uses[factor, value] // size

    def _round(self, factor: str, values: Collection[str], number: int) -> Sequence[str]:
        order = sorted(values, key=lambda v: key64(self.key, factor, str(number), v))
        half = 0 if self.language == "en" else (len(order) + 1) // 2
        return order[half:] + order[:half]

    def among(self, what: str, share: float, number: int) -> bool:
        """Whether this number is one of a share of all numbers, spread evenly."""
        start = unit(self.key, self.language, what)
        return int(start + (number + 1) * share) > int(start + number * share)

"""A failing run made small: fewer troubles, a shorter first phase, and the command that replays what is left."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from dita.runtime.simulation.scenario import Scenario

TRIES_MAX: Final = 60  # runs; what is left then is small enough or does not get smaller
_SHORTEST_SECONDS: Final = 5.0
_SHORTER: Final = (0.5, 0.75)

Fails = Callable[[Scenario], bool]


@dataclass(frozen=True, slots=True)
class Shrunk:
    """The smallest scenario found that still fails, after so many runs."""

    scenario: Scenario
    tries: int

    @property
    def command(self) -> str:
        """What replays it."""
        if self.scenario.point:
            return f"dita simulate --seed {self.scenario.seed} --point {self.scenario.point}"
        kept = ",".join(str(trouble.number) for trouble in self.scenario.troubles)
        return f"dita simulate --seed {self.scenario.seed} --keep '{kept}' --seconds {self.scenario.safety_seconds}"


def shrink(scenario: Scenario, fails: Fails, tries_max: int = TRIES_MAX) -> Shrunk:
    """Drop troubles by halves, quarters and singly, then cut the first phase, as long as it still fails.

    ``fails`` runs a scenario. What is given must fail; it is not run again.
    """
    if scenario.point:
        return Shrunk(scenario, 0)  # one kill on a short market: there is nothing to leave out
    left = tries_max

    def still_fails(candidate: Scenario) -> bool:
        nonlocal left
        if left == 0:
            return False
        left -= 1
        return fails(candidate)

    smallest = _fewer(scenario, still_fails)
    for share in _SHORTER:
        while (seconds := round(smallest.safety_seconds * share, 3)) >= _SHORTEST_SECONDS:
            candidate = smallest.shorter(seconds)
            if not still_fails(candidate):
                break
            smallest = candidate
    return Shrunk(smallest, tries_max - left)


def _fewer(scenario: Scenario, fails: Fails) -> Scenario:
    if fails(scenario.only(())):
        return scenario.only(())
    kept = [trouble.number for trouble in scenario.troubles]
    size = (len(kept) + 1) // 2
    while size:
        start = 0
        while start < len(kept):
            without = kept[:start] + kept[start + size :]
            if without and fails(scenario.only(without)):
                kept = without
            else:
                start += size
        size //= 2
    return scenario.only(kept)

"""Random inputs, swarm style: each run draws its own world and weights, so that rare combinations get long runs.

Most inputs know the state they meet (``dita.conformance.likely``); some repeat an earlier one, some have one field put
on a boundary, some are noise. Everything comes from one ``random.Random``: the same seed gives the same inputs for the
same states.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from dita.conformance import likely
from dita.conformance.draw import BOUNDARIES, I64_MAX, I64_MIN, Draw
from dita.conformance.encoding import scalars, with_scalars
from dita.conformance.likely import Scene
from dita.spec.inputs import Input
from dita.spec.state import State
from dita.spec.vocabulary import SLOTS, Phase

Action = Callable[[Draw, Scene], Input]
Own = Mapping[int, tuple[tuple[Action, float], ...]]
"""For each phase what is likely in it, besides what is common to all, with weights."""

TABLE_LENGTH: Final = 128  # entries of a weighted table
IDLE_SHARE: Final = 0.4  # most inputs mean nothing to an idle slot
RECENT: Final = 16  # inputs remembered for repetition
USED_FIELDS: Final = tuple(range(3, 36))  # every field but kind, slot, instrument and the ratios

COMMON: Final[tuple[tuple[Action, float], ...]] = (
    (likely.exit_leg, 1), (likely.flatten, 0.6), (likely.cancel, 0.6), (likely.entry_order, 0.7),
    (likely.past_order, 0.5), (likely.tail_order, 0.4), (likely.settle, 1), (likely.settle_forced, 0.2),
    (likely.wallet, 0.5), (likely.income, 0.3), (likely.position, 0.8), (likely.set_mode, 0.15),
    (likely.set_limits, 0.1), (likely.calibrate, 0.1), (likely.register, 0.1), (likely.seed, 0.05),
    (likely.adopt, 0.3), (likely.enter, 0.4), (likely.external_close, 0.5), (likely.exit_order, 0.4),
    (likely.rejected, 0.3), (likely.unknown, 0.3), (likely.silent, 0.3), (likely.not_found, 0.3),
)  # fmt: skip
ANSWERS: Final[tuple[tuple[Action, float], ...]] = (
    (likely.rejected, 1), (likely.unknown, 1), (likely.silent, 1), (likely.not_found, 1.5),
)  # fmt: skip
OWN: Final[Own] = {
    Phase.IDLE: ((likely.enter, 9), (likely.heal, 2), (likely.settle, 2), (likely.tail_order, 1), (likely.adopt, 1)),
    Phase.ENTRY_REQUESTED: ((likely.entry_order, 5), *ANSWERS),
    Phase.ENTRY_WORKING: ((likely.entry_order, 6), *ANSWERS),
    Phase.ENTRY_UNRESOLVED: ((likely.entry_order, 3), *ANSWERS),
    Phase.POSITION_OPEN: ((likely.exit_leg, 4), (likely.flatten, 1), (likely.exit_order, 1), (likely.heal, 1)),
    Phase.EXIT_REQUESTED: ((likely.exit_order, 5), *ANSWERS),
    Phase.EXIT_WORKING: ((likely.exit_order, 6), *ANSWERS),
    Phase.EXIT_UNRESOLVED: ((likely.exit_order, 3), *ANSWERS),
}


class Generator:
    """One run's source of inputs."""

    def __init__(
        self, rng: random.Random, preamble: bool = True, *, draw: Draw | None = None, own: Own | None = None
    ) -> None:
        self._draw = Draw(rng) if draw is None else draw
        self._random = rng.random
        self._recent: list[Input] = []
        swing = {action: self._draw.among((0.1, 1.0, 1.0, 4.0)) for action, _ in COMMON}
        common = [(action, weight * swing[action]) for action, weight in COMMON]
        idle = [(action, weight * IDLE_SHARE) for action, weight in common]
        mine = OWN if own is None else own
        self._tables = [_table([*mine[phase], *(common if phase else idle)]) for phase in Phase]
        self._pending = self._draw.preamble() if preamble else []

    def adapt(self, state: State) -> None:
        """Move this run's world onto a given state, so that it goes on there instead of starting anew."""
        draw = self._draw
        used = [index for index, instrument in enumerate(state.instruments) if instrument.registered]
        if used:
            draw.first_instrument, draw.instruments = used[0], used[-1] - used[0] + 1
        live = [index for index, slot in enumerate(state.slots) if slot.phase or slot.tails[0].trade]
        if live:
            draw.first_slot, draw.slots = live[0], min(SLOTS - live[0], live[-1] - live[0] + 1 + draw.below(2))
        newest = max(instrument.fill_time_ns for instrument in state.instruments)
        draw.now = max(draw.now, newest, state.account.ledger.last_money_time_ns)

    def next(self, state: State) -> Input:
        """The next input, given the state it will meet."""
        if self._pending:
            return self._pending.pop()
        draw, dice = self._draw, self._random()
        if dice < draw.noise:
            return draw.noisy()
        if dice < draw.noise + draw.repeats and self._recent:
            return self._recent[draw.below(len(self._recent))]
        k = draw.first_slot + draw.below(draw.slots)
        slot = state.slots[k]
        if slot.phase == Phase.IDLE and dice < 0.7:  # look once more for a live one, so that trades come to an end
            k = draw.first_slot + draw.below(draw.slots)
            slot = state.slots[k]
        i = slot.instrument if slot.phase != Phase.IDLE else draw.first_instrument + draw.below(draw.instruments)
        table = self._tables[slot.phase]
        event = table[int(self._random() * len(table))](draw, Scene(state, k, slot, i, state.instruments[i]))
        if self._random() < draw.bends:
            event = bent(draw, event)
        event = fitting(event)
        if len(self._recent) < RECENT:
            self._recent.append(event)
        else:
            self._recent[draw.below(RECENT)] = event
        return event


def fitting(event: Input) -> Input:
    """The input, with a word that 64 bits do not hold put on the end of what they hold."""
    words = scalars(event)
    if min(words) >= I64_MIN and max(words) <= I64_MAX:
        return event
    return with_scalars([max(I64_MIN, min(I64_MAX, word)) for word in words], event.ratios)


def bent(draw: Draw, event: Input) -> Input:
    """The input with one field put on a boundary, or one off what it was."""
    field = draw.among(USED_FIELDS) if draw.random() < 0.9 else draw.below(3)
    words = scalars(event)
    used = [index for index in USED_FIELDS if words[index] != 0]
    if used and draw.random() < 0.7:
        field = draw.among(used)
    words[field] = words[field] + draw.among((-1, 1)) if draw.random() < 0.4 else draw.among(BOUNDARIES)
    return with_scalars(words, event.ratios)


def _table(weighted: Sequence[tuple[Action, float]]) -> list[Action]:
    total = sum(weight for _, weight in weighted)
    return [action for action, weight in weighted for _ in range(max(1, round(TABLE_LENGTH * weight / total)))]

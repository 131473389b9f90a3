"""Make a failing trace short: delete whole stories, then many inputs at once, then any few; then simplify fields.

Every candidate is run anew from the start, so the result always reproduces. An input whose preconditions were deleted
would be refused and the candidate would not fail; so what depends on something goes with it (all inputs of a slot, of a
trade, of an instrument, of a kind), and what is left is put right: when an exit is deleted, later exits of its trade
have lower numbers. Slots, instruments and trades are renamed to small numbers in all inputs at once. Time is bounded.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import combinations
from typing import Final

from dita.conformance.encoding import scalars, with_scalars
from dita.spec.inputs import Input
from dita.spec.vocabulary import Kind

Fails = Callable[[Sequence[Input]], bool]
OutOfTime = Callable[[], bool]
STRETCHES_MAX: Final = 40  # inputs of a trace in which every stretch is tried
TOGETHER: Final = ((2, 40), (3, 18), (4, 12))  # any so many together, in a trace of at most so many inputs


def shrink(inputs: Sequence[Input], fails: Fails, out_of_time: OutOfTime) -> tuple[Input, ...]:
    """The shortest failing trace found before the time is up. ``inputs`` must fail."""
    best = list(inputs)
    while not out_of_time():
        shorter = _without_stories(best, fails, out_of_time)
        shorter = _without_chunks(shorter, fails, out_of_time)
        shorter = _without_any(shorter, fails, out_of_time)
        simpler = _renamed(_simplified(shorter, fails, out_of_time), fails, out_of_time)
        if simpler == best:
            break
        best = simpler
    return tuple(best)


# --- deleting -------------------------------------------------------------------------------------------------------


def _without_stories(inputs: list[Input], fails: Fails, out_of_time: OutOfTime) -> list[Input]:
    """Without everything of one slot, instrument, trade or kind."""
    best = inputs
    stories: tuple[Callable[[Input], object], ...] = (
        lambda event: ("slot", event.slot) if event.trade else None,
        lambda event: ("instrument", event.instrument) if event.kind != Kind.SEED else None,
        lambda event: ("trade", event.trade) if event.trade else None,
        lambda event: ("kind", event.kind),
    )
    for story in stories:
        for name in dict.fromkeys(map(story, best)):
            if out_of_time():
                return best
            candidate = [event for event in best if story(event) != name]
            if name is not None and 0 < len(candidate) < len(best) and fails(candidate):
                best = candidate
    return best


def _without_chunks(inputs: list[Input], fails: Fails, out_of_time: OutOfTime) -> list[Input]:
    best = inputs
    size = max(1, len(best) // 2)
    while not out_of_time():
        shorter = _without_chunks_of(best, size, fails, out_of_time)
        if size == 1 and len(shorter) == len(best):
            break
        best = shorter
        size = max(1, min(size, len(best)) // 2)
    return best


def _without_chunks_of(inputs: list[Input], size: int, fails: Fails, out_of_time: OutOfTime) -> list[Input]:
    best = inputs
    at = 0
    while at < len(best) and not out_of_time():
        for candidate in _without(best, tuple(range(at, min(at + size, len(best))))):
            if candidate and fails(candidate):
                best = candidate
                break
        else:
            at += size
    return best


def _without_any(inputs: list[Input], fails: Fails, out_of_time: OutOfTime) -> list[Input]:
    """Without any stretch, any two, three or four: what was done and undone again goes together."""
    best = inputs
    again = True
    while again and not out_of_time():
        again = False
        for gone in _choices(len(best)):
            if out_of_time():
                return best
            shorter = next((candidate for candidate in _without(best, gone) if candidate and fails(candidate)), None)
            if shorter is not None:
                best, again = shorter, True
                break
    return best


def _choices(count: int) -> Iterator[tuple[int, ...]]:
    """Places to delete together, in a trace of so many inputs; fewer kinds of them in a longer one."""
    if count <= STRETCHES_MAX:
        for size in range(count - 1, 1, -1):
            yield from (tuple(range(at, at + size)) for at in range(count - size + 1))
    for size, limit in TOGETHER:
        if size < count <= limit:
            yield from combinations(range(count), size)


def _without(inputs: list[Input], gone: tuple[int, ...]) -> Iterator[list[Input]]:
    """Without the inputs at these places; then also with later exits of their trades numbered as they now are."""
    kept = [(index, event) for index, event in enumerate(inputs) if index not in gone]
    plain = [event for _, event in kept]
    yield plain
    exits = [index for index in gone if inputs[index].kind in (Kind.EXIT, Kind.FLATTEN)]
    if exits:
        yield [_lowered(event, sum(1 for n in exits if n < index and _same(inputs[n], event))) for index, event in kept]


def _same(gone: Input, event: Input) -> bool:
    return gone.slot == event.slot and gone.trade in (0, event.trade)


def _lowered(event: Input, count: int) -> Input:
    """About an exit with a number lower by so many."""
    if count == 0:
        return event
    return event._replace(attempt=max(min(event.attempt, 1), event.attempt - count), leg=max(0, event.leg - count))


# --- simplifying ----------------------------------------------------------------------------------------------------


def _simplified(inputs: list[Input], fails: Fails, out_of_time: OutOfTime) -> list[Input]:
    best = inputs
    for index in range(len(best)):
        for event in _simpler(best[index]):
            if out_of_time():
                return best
            candidate = [*best[:index], event, *best[index + 1 :]]
            if fails(candidate):
                best = candidate
    return best


def _simpler(event: Input) -> list[Input]:
    """The input with one field put to 0 or 1; the kind stays."""
    found: list[Input] = []
    words = scalars(event)
    for field in range(1, len(words)):
        smaller = (value for value in (0, 1) if abs(value) < abs(words[field]))
        found += [with_scalars([*words[:field], value, *words[field + 1 :]], event.ratios) for value in smaller]
    if any(event.ratios[1:]):
        found.append(event._replace(legs=1, ratios=(event.ratios[0], *(0 for _ in event.ratios[1:]))))
    return found


def _renamed(inputs: list[Input], fails: Fails, out_of_time: OutOfTime) -> list[Input]:
    """With small numbers for slots, instruments and trades, in all inputs at once."""
    best = inputs
    slots = _names((event.slot for event in best), 0)
    used_slots = _names((event.slot for event in best if event.slot), 0)
    instruments = _names((event.instrument for event in best), 0)
    used_instruments = _names((event.instrument for event in best if event.instrument), 0)
    trades = _names((event.trade for event in best if event.trade), 1)
    changes: tuple[Callable[[Input], Input], ...] = (  # an input that names nothing says 0 too
        lambda event: event._replace(slot=used_slots.get(event.slot, 0)),
        lambda event: event._replace(slot=slots.get(event.slot, event.slot)),
        lambda event: event._replace(instrument=used_instruments.get(event.instrument, 0)),
        lambda event: event._replace(instrument=instruments.get(event.instrument, event.instrument)),
        lambda event: event._replace(trade=trades.get(event.trade, event.trade)),
    )
    for change in changes:
        candidate = [change(event) for event in best]
        if candidate != best and not out_of_time() and fails(candidate):
            best = candidate
    return best


def _names(numbers: Iterable[int], first: int) -> dict[int, int]:
    """New numbers from ``first`` on in the old order."""
    return {old: first + new for new, old in enumerate(sorted(set(numbers)))}

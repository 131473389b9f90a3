"""Make a failing trace short: delete many inputs at once, then one by one, then simplify the fields of what is left.

Every candidate is run anew from the start, so an input whose preconditions were deleted is simply refused and the
candidate fails to fail: no knowledge of the domain is needed, and the result always reproduces. The time is bounded.
"""

from collections.abc import Callable, Sequence

from dita.conformance.encoding import scalars, with_scalars
from dita.spec.inputs import Input

Fails = Callable[[Sequence[Input]], bool]
OutOfTime = Callable[[], bool]


def shrink(inputs: Sequence[Input], fails: Fails, out_of_time: OutOfTime) -> tuple[Input, ...]:
    """The shortest failing trace found before the time is up. ``inputs`` must fail."""
    best = list(inputs)
    while not out_of_time():
        shorter = _without_chunks(best, fails, out_of_time)
        simpler = _simplified(shorter, fails, out_of_time)
        if simpler == best:
            break
        best = simpler
    return tuple(best)


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
        candidate = best[:at] + best[at + size :]
        if candidate and fails(candidate):
            best = candidate
        else:
            at += size
    return best


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

"""Steps that planted defects of the reference make: what predicates are there to refute.

Each patch of ``conformance/defects`` that changes the reference is planted in a child, which answers the traffic; the
steps that differ from the sound ones and break a law are the examples.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, cast

from dita.conformance.defects import REPOSITORY
from dita.conformance.exhaustive import broken_laws
from dita.conformance.mutants.catalogue import by_hand
from dita.conformance.mutants.children import in_child
from dita.conformance.mutants.edits import changed_files
from dita.conformance.mutants.examples import Example, Row, of_row, of_step, to_row
from dita.conformance.mutants.planting import module_of, planted_step
from dita.conformance.mutants.recording import Move
from dita.spec.outcome import Outcome
from dita.spec.state import State

A_DEFECT: Final = 6  # examples of one defect, each breaking laws that none before it broke
DIFFERING: Final = 200  # steps of a defect that are asked for laws
CPU_SECONDS: Final = 120


def of_defects(
    moves: Mapping[str, Sequence[Move]], asked: Callable[[dict[str, bytes]], Mapping[str, Sequence[int]]],
    repository: Path = REPOSITORY,
) -> Iterator[Example]:  # fmt: skip
    """The examples of every defect of the reference, of the moves on which it may differ. Raises PatchRefused."""
    for mutant in by_hand(repository):
        if not mutant.is_kernel:
            changed = changed_files(mutant, repository)
            here = [moves[layer][number] for layer, numbers in asked(changed).items() for number in numbers]
            yield from map(of_row, _asked({module_of(path): source for path, source in changed.items()}, here))


def _asked(sources: Mapping[str, bytes], moves: Sequence[Move]) -> list[Row]:
    """The examples of one defect; none of one that does not come to an end."""
    ended = in_child(lambda _: _rows(sources, moves), CPU_SECONDS)
    return cast("list[Row]", ended.result or [])


def _rows(sources: Mapping[str, bytes], moves: Sequence[Move]) -> list[Any]:
    step = planted_step(sources)
    found: list[Row] = []
    known: set[str] = set()
    differing = 0
    for move in moves:
        answered = _answered(step, move)
        if answered is None:
            continue
        after, outcome, laws = answered
        differing += 1
        if not known.issuperset(laws):
            known.update(laws)
            found += [to_row(example) for example in of_step(move.before, move.event, after, outcome)]
        if differing == DIFFERING or len(found) >= A_DEFECT:
            break
    return found


def _answered(step: Any, move: Move) -> tuple[State, Outcome, list[str]] | None:
    """What a defective step makes of a move and the laws that this breaks; None where nothing differs, or it raises."""
    try:
        after, outcome = step(move.before, move.event)
        if outcome == move.outcome and after == move.after:
            return None
        return after, outcome, broken_laws(move.before, move.event, after, outcome, known=False)
    except Exception:  # noqa: BLE001 a defect that raises leaves no step to look at
        return None

"""Journals in memory for projections: rows as a journal would give them, and what comes of them."""

import random
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

from dita.adapters.journal import Note
from dita.adapters.journal.records import PackedRow
from dita.conformance.generate import Generator
from dita.kernel.binding import Kernel
from dita.kernel.loader import load_for_conformance
from dita.runtime.lockstep import step_digest
from dita.runtime.projection.derivation import Derivation
from dita.runtime.projection.engine_view import engine_snapshot
from dita.runtime.projection.names import Names
from dita.runtime.projection.projector import Projector
from dita.runtime.projection.steps import Step
from dita.spec.inputs import Input
from dita.spec.layout import pack
from dita.spec.state import State
from dita.spec.vocabulary import Verdict
from report_sessions import SYMBOL, Written, every_second

Stored = tuple[PackedRow, tuple[Note, ...]]
TAG: Final = "test0"


def stored(rows: Iterable[Written | Input]) -> list[Stored]:
    """What a journal of these inputs holds; what the kernel refuses is no row."""
    made: list[Stored] = []
    with Kernel(load_for_conformance()) as kernel:
        for row in rows:
            event, notes = row if isinstance(row, Written) else (row, ())
            outcome = kernel.step(event)
            if outcome.verdict != Verdict.REFUSED:
                digest = step_digest(pack(event), pack(outcome), kernel.snapshot())
                place = len(made) + 1
                send_by_ns = place * 7 if outcome.submit else 0
                made.append((PackedRow(place, pack(event), send_by_ns, digest, every_second(place)), notes))
    return made


def drawn_traffic(seed: int, steps: int) -> Iterator[Input]:
    """Inputs of one run of the campaign's generator: mostly likely ones, also late, repeated and hostile."""
    rng = random.Random(f"projections {seed}")
    source = Generator(rng)
    with Kernel(load_for_conformance()) as kernel:
        for _ in range(steps):
            event = source.next(kernel.state())
            kernel.step(event)
            yield event


class Projected(NamedTuple):
    """Rows by family, the steps that they were made from, and the state at the end."""

    rows: dict[str, list[Any]]
    steps: list[Step]
    state: State


def projected(rows: list[Stored], batch: int = 1_000) -> Projected:
    """The rows of all families."""
    names = Names(TAG, {number: SYMBOL if number == 0 else f"C{number}-USDT" for number in range(64)})
    with Kernel(load_for_conformance()) as kernel:
        derivation, projector = Derivation(kernel), Projector(names)
        steps: list[Step] = []
        for at in range(0, len(rows), batch):
            for step in derivation.steps(rows[at : at + batch], None):
                projector.project(step, kernel.state)
                steps.append(step)
        if steps:  # and one more of the end, whatever minute that is in
            last = steps[-1]
            view = engine_snapshot(
                kernel.state(), projector.memory, names, position=last.position, wall_ns=last.wall_ns
            )  # fmt: skip
            snapshots = projector.rows["engine_snapshots"]
            if snapshots[-1].journal_position != last.position:
                snapshots.append(view)
        return Projected(projector.take(), steps, kernel.state())

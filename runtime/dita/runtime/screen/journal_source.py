"""A journal as a source: a moment for each of its newest rows, to be moved through. Rows that are written follow."""

from collections import deque
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple, final

from dita.adapters.journal import JournalReader
from dita.kernel.binding import Kernel
from dita.runtime.projection.derivation import Derivation
from dita.runtime.projection.engine_view import engine_snapshot
from dita.runtime.projection.names import Names
from dita.runtime.projection.projector import Projector
from dita.runtime.projection.steps import Step
from dita.runtime.screen.look import Look, Standing
from dita.runtime.screen.words import clock
from dita.runtime.story import said
from dita.spec.published.rows import DecisionEvent
from dita.spec.published.snapshot import EngineSnapshot, GateView

KEPT_ROWS: Final = 10_000  # moments that are kept: some kilobytes each
_BATCH: Final = 500  # rows between two checks of the whole state
_LINES: Final = 40  # of the log
_GATES: Final = 12


class Moment(NamedTuple):
    """After one row."""

    engine: EngineSnapshot
    gates: tuple[GateView, ...]
    lines: tuple[str, ...]


@final
class JournalSource:
    """``reader`` stays the caller's, and so does ``kernel``, a fresh one that walks along."""

    def __init__(self, reader: JournalReader, kernel: Kernel, kept: int = KEPT_ROWS) -> None:
        self._reader = reader
        self._derivation = Derivation(kernel)
        self._projector = Projector(Names(reader.meta.tag, reader.symbols))
        self._kernel = kernel
        self._moments: deque[Moment] = deque(maxlen=kept)
        self._gates: dict[tuple[str, str], GateView] = {}
        self._lines: deque[str] = deque(maxlen=_LINES)
        self._at = 0  # from the newest moment backwards

    def read(self, progress: Callable[[int, int], None]) -> None:
        """Everything that is there now. Raises JournalError, ReplayRefused."""
        while self._follow():
            progress(self._derivation.position, self._reader.position)

    def look(self) -> Look:
        """The moment that was moved to; at the end, whatever has been written since as well."""
        if self._at == 0:
            self._follow()
        if not self._moments:
            return Look(Standing.MISSING, 0, about=f"no row yet in {self._reader.path}")
        moment = self._moments[-1 - self._at]
        last = self._moments[-1].engine.journal_position
        about = f"{Path(self._reader.path).name}, {last} rows:"
        return Look(
            Standing.REPLAY, moment.engine.wall_ns, moment.engine, about=about, gates=moment.gates, lines=moment.lines
        )

    def move(self, rows: int) -> None:
        """So many rows on, or back; beyond an end is that end."""
        self._at = min(max(0, self._at - rows), max(0, len(self._moments) - 1))

    def _follow(self) -> bool:
        """Walk through some rows that are new; whether there were any."""
        rows = list(islice(self._reader.stored(self._derivation.position), _BATCH))
        for step in self._derivation.steps(rows, self._reader.migration()):
            self._take(step)
        return bool(rows)

    def _take(self, step: Step) -> None:
        self._projector.project(step, self._kernel.state)
        for event in self._projector.take()["decision_events"]:
            self._held(event)
        self._lines.appendleft(f"{clock(step.wall_ns)} {step.position} {said(step.event)} → {step.outcome}")
        engine = engine_snapshot(
            self._kernel.state(), self._projector.memory, self._projector.names, position=step.position,
            wall_ns=step.wall_ns,
        )  # fmt: skip
        gates = sorted(self._gates.values(), key=lambda gate: -gate.newest_ns)[:_GATES]
        self._moments.append(Moment(engine, tuple(gates), tuple(self._lines)))

    def _held(self, event: DecisionEvent) -> None:
        if event.decided != "HELD":
            return
        key = event.symbol, event.reason
        before = self._gates[key].held if key in self._gates else 0
        self._gates[key] = GateView(
            event.symbol, event.side, event.check, event.reason, before + event.decisions, event.decided_ns, event.facts
        )

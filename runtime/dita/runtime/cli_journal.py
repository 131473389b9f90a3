"""``dita status`` and ``dita replay``: what a journal holds, also while a runtime writes it."""

from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from rich.table import Table

from dita.adapters.journal import JournalReader, Row, open_reader
from dita.kernel.binding import Kernel
from dita.kernel.loader import load_for_conformance
from dita.runtime.cli_report import Report, Reporter, escape, table
from dita.runtime.lockstep import Lockstep, Stepped
from dita.runtime.replay import ReplayRefused, replay
from dita.runtime.session import money_text
from dita.runtime.settings import load_settings
from dita.spec.inputs import Input
from dita.spec.scales import NANOSECONDS_PER_SECOND
from dita.spec.state import State, capital, remaining
from dita.spec.vocabulary import Kind, Mode, Phase, Side

_PROGRESS_EVERY = 500


def status(reporter: Reporter, *, journal: Path | None) -> Report:
    """Replay and say where it ends. Raises JournalError, ReplayRefused."""
    reader = open_reader(load_settings(journal=journal).journal)
    try:
        newest: deque[Row] = deque(maxlen=1)
        state = _replayed(reader, reporter, lambda row, _: newest.append(row))
        rows = reader.position
        ledger = state.account.ledger
        live = [slot for slot in state.slots if slot.phase != Phase.IDLE]
        figures: dict[str, int | str] = {
            "rows": rows,
            "trades": state.account.trade_high_water,
            "live": len(live),
            "unreconciled": state.account.unreconciled,
            "mode": Mode(state.account.mode).name,
            "capital": money_text(capital(ledger)),
            "realised": money_text(ledger.realised),
            "fees": money_text(ledger.fees),
            "funding": money_text(ledger.funding),
            "wallet_difference": money_text(ledger.difference),
        }
        about = [
            ("account", reader.meta.account),
            ("order ids begin with", reader.meta.tag),
            ("made", _moment(reader.meta.created_ns)),
            ("newest row", _moment(newest[0].wall_ns) if newest else "none"),
        ]
        shown = [table(f"journal {reader.path}", [*about, *figures.items()], ("what", "value"))]
        if live:
            shown.append(_live_table(state, reader.symbols))
        return Report(figures, (), shown)
    finally:
        reader.close()


def replay_journal(reporter: Reporter, *, journal: Path | None, last: int, trade: int | None) -> Report:
    """Step through it and show the timeline. Raises JournalError; a digest that differs is a problem."""
    reader = open_reader(load_settings(journal=journal).journal)
    try:
        lines: deque[tuple[str, ...]] = deque(maxlen=last or None)
        seen = 0

        def observe(row: Row, stepped: Stepped) -> None:
            nonlocal seen
            seen = row.position
            if trade is None or row.input.trade == trade:
                lines.append(_line(row, stepped))

        problems: list[str] = []
        try:
            _replayed(reader, reporter, observe)
        except ReplayRefused as refusal:
            problems.append(str(refusal))
        shown = Table(title=f"timeline of {reader.path}", title_justify="left", header_style="bold")
        for header in ("row", "time (UTC)", "input", "trade", "slot", "outcome"):
            shown.add_column(header)
        for line in lines:
            shown.add_row(*(escape(cell) for cell in line))
        notes = [] if trade is None else [f"{note.name}: {note.body}" for note in reader.notes(trade)]
        figures = {"rows": reader.position, "digests_verified": seen}
        return Report(figures, problems, [shown, *(escape(note) for note in notes)])
    finally:
        reader.close()


def _replayed(reader: JournalReader, reporter: Reporter, observe: Callable[[Row, Stepped], None]) -> State:
    total = reader.position

    def watch(row: Row, stepped: Stepped) -> None:
        if row.position % _PROGRESS_EVERY == 0:
            reporter.progress("replaying", row.position, total)
        observe(row, stepped)

    with Kernel(load_for_conformance()) as kernel:
        lockstep = Lockstep(kernel)
        replay(reader.rows(), lockstep, migration=reader.migration(), accept_migration=False, observe=watch)
        return lockstep.state


def _line(row: Row, stepped: Stepped) -> tuple[str, ...]:
    event = row.input
    return (
        str(row.position),
        _moment(row.wall_ns),
        _said(event),
        str(event.trade or ""),
        str(stepped.outcome.slot),
        str(stepped.outcome),
    )


def _said(event: Input) -> str:
    """The kind and every field that is not zero."""
    default = Input()
    named = [
        f"{name}={value}"
        for name, value in event._asdict().items()
        if name not in ("kind", "slot", "trade", "ratios", "time_ns") and value != getattr(default, name)
    ]
    return " ".join((Kind(event.kind).name, *named))


def _moment(time_ns: int) -> str:
    return datetime.fromtimestamp(time_ns // NANOSECONDS_PER_SECOND, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _live_table(state: State, symbols: dict[int, str]) -> Table:
    made = Table(title="live", title_justify="left", header_style="bold")
    for header in ("slot", "trade", "symbol", "side", "phase", "entered", "left"):
        made.add_column(header)
    for number, slot in enumerate(state.slots):
        if slot.phase != Phase.IDLE:
            made.add_row(
                str(number), str(slot.trade), symbols.get(slot.instrument, "?"), Side(slot.side).name,
                Phase(slot.phase).name, str(slot.entry.quantity), str(remaining(slot)),
            )  # fmt: skip
    return made

"""``dita status`` and ``dita replay``: what a journal holds, also while a runtime writes it."""

import json
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import RenderableType
from rich.table import Table

from dita.adapters.journal import (
    JournalCorrupt,
    JournalReader,
    Note,
    Row,
    Snapshot,
    SwitchTo,
    is_held,
    open_reader,
    read_lease,
    read_switch,
)
from dita.kernel.binding import Kernel
from dita.kernel.loader import load_for_conformance
from dita.runtime.cli_report import CommandError, Report, Reporter, escape, table
from dita.runtime.decisions import HELD, NO_TRADE
from dita.runtime.lockstep import Lockstep, Stepped
from dita.runtime.replay import ReplayRefused, replay
from dita.runtime.session import money_text
from dita.runtime.settings import load_settings
from dita.runtime.story import Story, decimal_text, said
from dita.spec.canonical import sha256_hex
from dita.spec.layout import flatten_words, pack, word_names
from dita.spec.scales import NANOSECONDS_PER_SECOND
from dita.spec.state import State, capital, initial_state, remaining
from dita.spec.vocabulary import Mode, Phase, Side

_PROGRESS_EVERY = 500


def status(reporter: Reporter, *, journal: Path | None) -> Report:
    """Replay and say where it ends. Raises JournalError, ReplayRefused."""
    reader = open_reader(load_settings(journal=journal).journal)
    try:
        newest: deque[Row] = deque(maxlen=1)
        state = replayed(reader, reporter, lambda row, _: newest.append(row))
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
            ("held by", _holder(Path(reader.path))),
            ("operator's switch", _switch(Path(reader.path))),
        ]
        shown = [table(f"journal {reader.path}", [*about, *figures.items()], ("what", "value"))]
        if live:
            shown.append(_live_table(state, reader.symbols))
        return Report(figures, (), shown)
    finally:
        reader.close()


def _holder(path: Path) -> str:
    holder = read_lease(path)
    return str(holder) if holder is not None and is_held(path) else "nobody"


def _switch(path: Path) -> str:
    switch = read_switch(path)
    return "not set" if switch is None or switch.to is SwitchTo.ACTIVE else f"{switch.to.value}, {switch.why}"


def replay_journal(
    reporter: Reporter, *, journal: Path | None, last: int, trade: int | None, at: int | None, held: bool = False
) -> Report:
    """Step through it and show the timeline, the story of one trade, why entries were held, or the state at a row.

    Raises JournalError when it cannot be opened, CommandError for a trade or row that is not there. A row that is
    damaged, a digest or a snapshot that differs is a problem.
    """
    reader = open_reader(load_settings(journal=journal).journal)
    try:
        seen = _Seen(at, deque(maxlen=last or None), {one.position: one for one in reader.snapshots()})
        story = None if trade is None else Story(trade, reader.meta.tag, reader.symbols)

        def observe(row: Row, stepped: Stepped) -> None:
            seen.observe(row, stepped)
            if story is not None:
                story.observe(row, stepped)

        problems: list[str] = []
        try:
            replayed(reader, reporter, observe)
        except (ReplayRefused, JournalCorrupt) as refusal:
            problems.append(str(refusal))
        problems += seen.problems
        if at is not None and not seen.shown:
            raise CommandError(f"--at: row `{at}` is not there; the journal replays to row `{seen.position}`")
        figures: dict[str, int | str] = {
            "rows": reader.position,
            "digests_verified": seen.position,
            "snapshots_verified": seen.snapshots_verified,
            "state_sha256": seen.state_sha256,
        }
        if story is not None and not story.lines:
            raise CommandError(f"--trade: `{trade}` is in no row")
        if held:
            holds = [one for one in reader.notes(NO_TRADE) if one.name == HELD]
            figures["held"] = sum(int(json.loads(one.body)["count"]) for one in holds)
            shown: list[RenderableType] = [_held(holds[-last:])]
        elif story is None:
            shown = [_timeline(reader.path, seen.lines)]
        else:
            shown = _told(story, reader.notes(story.trade))
        return Report(figures, problems, [*shown, *seen.shown])
    finally:
        reader.close()


class _Seen:
    """What a replay has shown so far: how far it came, and what it stood at."""

    def __init__(self, at: int | None, lines: deque[tuple[str, ...]], snapshots: dict[int, Snapshot]) -> None:
        self.position = 0
        self.lines = lines
        self.shown: list[Table] = []
        self.problems: list[str] = []
        self.snapshots_verified = 0
        self._at = at
        self._snapshots = snapshots
        self._newest = initial_state()
        self._state_at: State | None = None

    @property
    def state_sha256(self) -> str:
        """Of the packed state at the row that was asked for, else after the last one."""
        return sha256_hex(pack(self._newest if self._state_at is None else self._state_at))

    def observe(self, row: Row, stepped: Stepped) -> None:
        """One row."""
        self.position = row.position
        self._newest = stepped.after
        self.lines.append(_line(row, stepped))
        snapshot = self._snapshots.get(row.position)
        if snapshot is not None:
            if (snapshot.outcome, snapshot.state) == (pack(stepped.outcome), pack(stepped.after)):
                self.snapshots_verified += 1
            else:
                self.problems.append(f"the snapshot at row `{row.position}` is of another state than the row leads to")
        if row.position == self._at:
            self._state_at = stepped.after
            self.shown.append(_state_table(row.position, stepped.after))


def _state_table(position: int, state: State) -> Table:
    words = [
        (name, str(word))
        for name, word, blank in zip(
            word_names(State), flatten_words(state), flatten_words(initial_state()), strict=True
        )
        if word != blank
    ]
    return table(f"state after row {position}, words that are not as at the beginning", words, ("word", "value"))


def _timeline(path: str, lines: Iterable[tuple[str, ...]]) -> Table:
    shown = Table(title=f"timeline of {path}", title_justify="left", header_style="bold")
    for header in ("row", "time (UTC)", "input", "trade", "slot", "outcome"):
        shown.add_column(header)
    for line in lines:
        shown.add_row(*(escape(cell) for cell in line))
    return shown


def _told(story: Story, notes: Sequence[Note]) -> list[RenderableType]:
    shown = Table(title=f"the story of trade {story.trade}", title_justify="left", header_style="bold")
    for header in ("row", "after", "what happened", "answer"):
        shown.add_column(header)
    for line in story.lines:
        after = f"{decimal_text(line.after_ms, 1000)} s"
        shown.add_row(str(line.position), after, escape(line.what), escape(line.answer))
    said = [escape(f"{note.name}: {note.body}") for note in notes]
    return [*said, shown, table("what it came to", story.summary, ("what", "value"))]


def _held(notes: Sequence[Note]) -> Table:
    shown = Table(title="entries that were not made", title_justify="left", header_style="bold")
    for header in ("time (UTC)", "symbol", "side", "held by", "reason", "times"):
        shown.add_column(header, no_wrap=True)
    shown.add_column("from what, the last time", overflow="fold")
    for note in notes:
        body = json.loads(note.body)
        facts = " ".join(f"{name}={value}" for name, value in body["facts"].items())
        row = (_moment(body["wall_ns"]), *(str(body[name]) for name in ("symbol", "side", "check", "reason", "count")))
        shown.add_row(*(escape(cell) for cell in (*row, facts)))
    return shown


def replayed(
    reader: JournalReader,
    reporter: Reporter,
    observe: Callable[[Row, Stepped], None],
    rows: Iterable[Row] | None = None,
) -> State:
    """Take all rows of a journal through kernel and reference, ``observe`` each; the state they lead to.

    ``rows``: the same rows, for one who wants to see them on their way. Raises JournalError, ReplayRefused.
    """
    total = reader.position

    def watch(row: Row, stepped: Stepped) -> None:
        if row.position % _PROGRESS_EVERY == 0:
            reporter.progress("replaying", row.position, total)
        observe(row, stepped)

    with Kernel(load_for_conformance()) as kernel:
        lockstep = Lockstep(kernel)
        every = reader.rows() if rows is None else rows
        replay(every, lockstep, migration=reader.migration(), accept_migration=False, observe=watch)
        return lockstep.state


def _line(row: Row, stepped: Stepped) -> tuple[str, ...]:
    event = row.input
    return (
        str(row.position),
        _moment(row.wall_ns),
        said(event),
        str(event.trade or ""),
        str(stepped.outcome.slot),
        str(stepped.outcome),
    )


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

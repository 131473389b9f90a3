"""``dita settle-forced``: the operator accepts the predicted figures of a trade that the venue never settled.

The way out of clause F3, taken on the journal of a session that has ended. Like any other input it passes through
reference and kernel and is durable before it counts; the next session begins from there. It sends nothing.
"""

import asyncio
import json
from pathlib import Path

from dita.adapters.bingx.clock import SystemClock
from dita.adapters.journal import (
    NOTHING_MENDED,
    InlineCommit,
    Journal,
    JournalMeta,
    Mended,
    Note,
    open_journal,
    open_reader,
)
from dita.kernel.binding import Kernel
from dita.kernel.loader import load_for_conformance
from dita.runtime.cli_report import CommandError, Report, Reporter, escape, table
from dita.runtime.lockstep import Lockstep
from dita.runtime.replay import replay
from dita.runtime.session import money_text
from dita.runtime.settings import load_settings
from dita.spec import inputs
from dita.spec.state import Half, State, Tail
from dita.spec.vocabulary import Phase, Verdict

NOTE = "settled-by-force"
_WARNING = (
    "accepted as predicted; fill rows that come later replace these figures only if they are larger."
    " What then differs from the wallet is for an adjustment"
)


def settle_forced(reporter: Reporter, *, journal: Path | None, trade: int) -> Report:
    """Grade a finished trade. Raises CommandError, JournalError, ReplayRefused; then nothing was written."""
    path = load_settings(journal=journal).journal
    reader = open_reader(path)  # a journal that is not there is not made
    meta = reader.meta
    reader.close()
    reporter.progress("replaying", 0, 0)
    slot, tail, mended = asyncio.run(_force(path, meta, trade))
    figures: dict[str, int | str] = {"trade": trade, "slot": slot}
    for name, half in _predicted(tail).items():
        figures |= {f"{name}_quote": money_text(half.quote), f"{name}_fee": money_text(half.fee)}
    notes = [_WARNING]
    if mended != NOTHING_MENDED:
        notes.append(escape(f"the journal's end was damaged ({mended.what}) and is cut off; as found: {mended.kept}"))
    return Report(figures, (), [table("settled by force", figures, ("what", "value")), *notes])


async def _force(path: Path, meta: JournalMeta, trade: int) -> tuple[int, Tail, Mended]:
    """Replay, step, write; give where it was, what it was before, and what was cut off the journal."""
    clock = SystemClock()
    journal = open_journal(path, account=meta.account, tag=meta.tag, wall_ns=clock.wall_ns(), driver=InlineCommit)
    try:
        with Kernel(load_for_conformance()) as kernel:
            lockstep = Lockstep(kernel)
            replay(journal.rows(), lockstep, migration=journal.migration(), accept_migration=False)
            slot, tail = finished_trade(lockstep.state, trade)
            await _write(journal, lockstep, slot, tail, clock.wall_ns())
            return slot, tail, journal.mended
    finally:
        await journal.close()


async def _write(journal: Journal, lockstep: Lockstep, slot: int, tail: Tail, wall_ns: int) -> None:
    event = inputs.settle_forced(slot=slot, trade=tail.trade)
    stepped = lockstep.step(event)
    if stepped.diverged_now:
        raise CommandError(f"trade `{tail.trade}`: kernel and reference disagree on it; run `dita conform`")
    if stepped.outcome.verdict != Verdict.ACCEPTED:
        raise CommandError(f"trade `{tail.trade}`: the kernel answered `{stepped.outcome}`; run `dita replay`")
    said = {name: half._asdict() for name, half in _predicted(tail).items()}
    note = Note(tail.trade, NOTE, json.dumps(said))
    digest = lockstep.digest(event, stepped.outcome)
    await journal.append(event, send_by_ns=0, digest=digest, wall_ns=wall_ns, notes=(note,))


def finished_trade(state: State, trade: int) -> tuple[int, Tail]:
    """The slot that remembers a finished, unsettled trade, and its record. Raises CommandError."""
    for number, slot in enumerate(state.slots):
        if slot.phase != Phase.IDLE and slot.trade == trade:
            raise CommandError(f"trade `{trade}`: it is live in slot {number}; close it first, it may settle by itself")
        for tail in slot.tails:
            if tail.trade == trade and _predicted(tail):
                return number, tail
    if trade > state.account.trade_high_water:
        raise CommandError(f"trade `{trade}`: this journal has none beyond {state.account.trade_high_water}")
    raise CommandError(f"trade `{trade}`: it is settled, or never filled; there is nothing to force")


def _predicted(tail: Tail) -> dict[str, Half]:
    """The halves whose figures are still the kernel's own."""
    return {name: half for name, half in (("entry", tail.entry), ("exit", tail.exit)) if not half.graded}

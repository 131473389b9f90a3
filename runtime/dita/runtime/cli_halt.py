"""``dita halt`` and ``dita resume``: the operator's switch, from any other process.

Setting it is one file. Whether the runtime has obeyed is not asked of the runtime but read in its journal: the mode is
an input like any other, and durable before it counts.
"""

import getpass
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from dita.adapters.journal import (
    JournalMissing,
    Switch,
    SwitchTo,
    clear_switch,
    is_held,
    open_reader,
    read_lease,
    set_switch,
)
from dita.runtime.cli_report import Report, Reporter, table
from dita.runtime.helm import mode_of
from dita.runtime.settings import load_settings
from dita.spec.vocabulary import Kind, Mode

_LOOK_SECONDS: Final = 0.05


def halt(reporter: Reporter, *, journal: Path | None, to: str, why: str | None, within_seconds: float) -> Report:
    """Set the switch and wait until the journal shows the mode. Raises JournalError."""
    path = load_settings(journal=journal).journal.resolve()
    by = why or f"set by {getpass.getuser()}"
    switch = Switch(SwitchTo(to), by, time.time_ns())
    set_switch(path, switch)
    wanted = mode_of(switch)
    return _report(reporter, path, f"set to {to}", lambda mode: mode >= wanted, within_seconds)


def resume(reporter: Reporter, *, journal: Path | None, within_seconds: float) -> Report:
    """Clear the switch and wait until the journal shows that trades may be opened. Raises JournalError."""
    path = load_settings(journal=journal).journal.resolve()
    clear_switch(path, time.time_ns())
    return _report(reporter, path, "cleared", lambda mode: mode == Mode.ACTIVE, within_seconds)


def _report(
    reporter: Reporter, path: Path, said: str, is_wanted: Callable[[Mode], bool], within_seconds: float
) -> Report:
    reporter.progress(f"switch {said}, waiting for the journal to show it", 0, 0)
    running = is_held(path)
    until = time.monotonic() + within_seconds
    mode = _mode(path)
    while running and not is_wanted(mode) and time.monotonic() < until:
        time.sleep(_LOOK_SECONDS)
        mode, running = _mode(path), is_held(path)
    confirmed = running and is_wanted(mode)
    figures: dict[str, int | str] = {
        "switch": said,
        "running": int(running),
        "confirmed": int(confirmed),
        "mode": mode.name,
    }
    problems: list[str] = []
    if running and not confirmed:
        holder = read_lease(path)
        who = "the runtime" if holder is None else f"process {holder.pid}"
        problems.append(
            f"{who} has not confirmed within {within_seconds:g} s, its mode is {mode.name}; if it does not answer,"
            " end it (kill -KILL) and run `dita flatten`; the switch stays, and the next start obeys it"
        )
    notes = [] if running else ["no runtime is running on this journal; the next one obeys the switch at its start"]
    return Report(figures, problems, [table(f"switch of {path}", figures, ("what", "value")), *notes])


def _mode(path: Path) -> Mode:
    """By the newest row that set it."""
    try:
        reader = open_reader(path)
    except JournalMissing:
        return Mode.ACTIVE
    try:
        row = reader.newest(Kind.SET_MODE)
        return Mode.ACTIVE if row is None else Mode(row.input.mode)
    finally:
        reader.close()

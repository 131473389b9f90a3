"""The operator's switch of a journal: a file beside it that any process may write and the runtime obeys at once.

It outlives both: a runtime that is started while it is set starts in that mode, however often a supervisor restarts it.
A file that cannot be read or understood counts as HALTED: somebody wanted something stopped.
"""

import json
import os
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, NamedTuple, cast

from dita.adapters.journal.errors import JournalReadOnly

_BYTES_MAX: Final = 4096
_WHY_CHARACTERS: Final = 500


class SwitchTo(StrEnum):
    """What the operator wants."""

    REDUCE_ONLY = "reduce-only"  # no new trades; open ones end as their strategy decides
    HALTED = "halted"  # no new trades, and none is closed but by FLATTEN
    FLAT = "flat"  # no new trades, working entries cancelled, every position closed


class Switch(NamedTuple):
    """What the file says."""

    to: SwitchTo
    why: str
    set_ns: int  # UTC


def switch_path(journal_path: Path) -> Path:
    """The switch of a journal."""
    return Path(f"{journal_path}.switch")


def read_switch(journal_path: Path) -> Switch | None:
    """What is wanted of the runtime; None when nothing is."""
    try:
        with switch_path(journal_path).open("rb") as file:
            document = json.loads(file.read(_BYTES_MAX))
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        return Switch(SwitchTo.HALTED, "the switch cannot be read", 0)
    try:
        values = cast("dict[str, Any]", document)
        return Switch(SwitchTo(values["to"]), str(values["why"]), int(values["set_ns"]))
    except (KeyError, TypeError, ValueError):
        return Switch(SwitchTo.HALTED, "the switch cannot be understood", 0)


def set_switch(journal_path: Path, switch: Switch) -> None:
    """Set it, whole or not at all. Raises JournalReadOnly."""
    path = switch_path(journal_path)
    fresh = Path(f"{path}.{os.getpid()}")
    document = {"to": switch.to.value, "why": switch.why[:_WHY_CHARACTERS], "set_ns": switch.set_ns}
    try:
        with fresh.open("w") as file:
            file.write(json.dumps(document) + "\n")
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError as error:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)
        raise JournalReadOnly(
            str(journal_path), f"its switch `{path}` cannot be set ({error.strerror})", "check folder and disk"
        ) from error


def clear_switch(journal_path: Path) -> None:
    """Nothing is wanted any more. Raises JournalReadOnly."""
    try:
        switch_path(journal_path).unlink(missing_ok=True)
    except OSError as error:
        raise JournalReadOnly(
            str(journal_path), f"its switch cannot be removed ({error.strerror})", "check the folder's permissions"
        ) from error

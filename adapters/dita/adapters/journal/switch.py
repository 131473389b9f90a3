"""The operator's switch of a journal: a file beside it that any process may write and the runtime obeys at once.

It is there for whoever is not heard otherwise: a runtime that hangs, or the next one, which obeys it at its start,
however often a supervisor restarts it. What it says is obeyed once, and stands in the journal from then on; what is
wanted otherwise is written as something new. A file that cannot be read or understood counts as HALTED: somebody
wanted something stopped.
"""

import hashlib
import json
import os
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, NamedTuple, cast

from dita.adapters.journal.errors import JournalReadOnly

_BYTES_MAX: Final = 4096
_WHY_CHARACTERS: Final = 500
_NAME_DIGITS: Final = 32


class SwitchTo(StrEnum):
    """What the operator wants."""

    ACTIVE = "active"  # whatever was wanted is taken back
    REDUCE_ONLY = "reduce-only"  # no new trades; open ones end as their strategy decides
    HALTED = "halted"  # no new trades, and none is closed but by FLATTEN
    FLAT = "flat"  # no new trades, working entries cancelled, every position closed


class Switch(NamedTuple):
    """What the file says."""

    to: SwitchTo
    why: str
    set_ns: int  # UTC
    content: str = ""  # names what the file holds; two settings are never the same


def switch_path(journal_path: Path) -> Path:
    """The switch of a journal."""
    return Path(f"{journal_path}.switch")


def read_switch(journal_path: Path) -> Switch | None:
    """What is wanted of the runtime; None when nothing ever was."""
    try:
        with switch_path(journal_path).open("rb") as file:
            content = file.read(_BYTES_MAX)
    except FileNotFoundError:
        return None
    except OSError as error:
        return Switch(SwitchTo.HALTED, "the switch cannot be read", 0, f"unreadable: {error.strerror}")
    name = hashlib.sha256(content).hexdigest()[:_NAME_DIGITS]
    try:
        values = cast("dict[str, Any]", json.loads(content))
        return Switch(SwitchTo(values["to"]), str(values["why"]), int(values["set_ns"]), name)
    except (KeyError, TypeError, ValueError):
        return Switch(SwitchTo.HALTED, "the switch cannot be understood", 0, name)


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


def clear_switch(journal_path: Path, set_ns: int = 0) -> None:
    """Whatever was wanted is taken back. Raises JournalReadOnly."""
    before = read_switch(journal_path)
    later_ns = set_ns if before is None else max(set_ns, before.set_ns + 1)
    set_switch(journal_path, Switch(SwitchTo.ACTIVE, "taken back", later_ns))

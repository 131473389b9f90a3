"""What the operator has asked of a session and not taken back: its standing order. Pure.

It stands in the journal, as a note on the row of the command that made it; so it holds over restarts exactly when its
command was durable. The newest note says all of it.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from dita.adapters.control import Command
from dita.adapters.journal import ACCOUNT_NOTES, Note
from dita.spec.vocabulary import SLOTS, Mode

NOTE: Final = "control"
_WHY_CHARACTERS: Final = 200


class Standing(NamedTuple):
    """``mode``: the least that the kernel's is to be. ``slot_limit``: 0 is that of the settings.

    ``switch``: which content of the switch beside the journal has been obeyed last; "" when none was.
    """

    mode: Mode = Mode.ACTIVE
    is_paused: bool = False
    is_flattening: bool = False
    slot_limit: int = 0
    switch: str = ""


class Order(NamedTuple):
    """A command of the operator, from whichever door. ``switch``: see ``Standing``; "" when it came by another."""

    command: Command
    by: str
    why: str = ""
    slot_limit: int = 0
    switch: str = ""


_MODES: Final = {Command.REDUCE_ONLY: Mode.REDUCE_ONLY, Command.HALT: Mode.HALTED}


def after(standing: Standing, order: Order) -> Standing:
    """What stands then. Only RESUME takes back; HALT and REDUCE_ONLY name the mode, others leave it or lower it."""
    if order.switch:
        standing = standing._replace(switch=order.switch)
    match order.command:
        case Command.STATUS:
            return standing
        case Command.PAUSE:
            return standing._replace(is_paused=True)
        case Command.REDUCE_ONLY | Command.HALT:
            return standing._replace(mode=_MODES[order.command])
        case Command.FLATTEN:
            return standing._replace(mode=max(standing.mode, Mode.REDUCE_ONLY), is_flattening=True)
        case Command.LIMIT:
            return standing._replace(slot_limit=order.slot_limit)
        case Command.RESUME:
            return standing._replace(mode=Mode.ACTIVE, is_paused=False, is_flattening=False)


def note_of(standing: Standing, order: Order) -> Note:
    """What is written with the command's row."""
    body = {
        "command": order.command.value,
        "by": order.by,
        "why": order.why[:_WHY_CHARACTERS],
        "standing": standing._asdict() | {"mode": standing.mode.name},
    }
    return Note(ACCOUNT_NOTES, NOTE, json.dumps(body))


def standing_of(notes: Iterable[Note]) -> Standing:
    """By the newest of an account's notes. One that cannot be understood halts: somebody wanted something."""
    newest = None
    for note in notes:
        if note.name == NOTE:
            newest = note
    if newest is None:
        return Standing()
    try:
        return _read(json.loads(newest.body)["standing"])
    except (ValueError, TypeError, KeyError):
        return Standing(mode=Mode.HALTED)


def _read(found: Mapping[str, object]) -> Standing:
    """Raises ValueError, TypeError, KeyError."""
    is_paused, is_flattening, slot_limit, switch = (found[name] for name in Standing._fields[1:])
    if (
        isinstance(is_paused, bool)
        and isinstance(is_flattening, bool)
        and isinstance(slot_limit, int)
        and 0 <= slot_limit <= SLOTS
        and isinstance(switch, str)
    ):
        return Standing(Mode[str(found["mode"])], is_paused, is_flattening, slot_limit, switch)
    raise ValueError(f"standing: `{found}` is none of this version")

"""What an operator can command from the screen, each behind a question."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from dita.adapters.control import Command, ControlError, Request, ask
from dita.adapters.plane import Place


class Control(NamedTuple):
    """A key, the command of the control plane behind it, and what is asked before it is sent."""

    key: str
    command: Command
    question: str
    asks_number: bool = False


CONTROLS: Final = (
    Control("p", Command.PAUSE, "Let the strategy open nothing more? Orders that work go on, and so do exits."),
    Control("d", Command.REDUCE_ONLY, "Cancel entries that work, and let trades only be reduced from now on?"),
    Control("h", Command.HALT, "Halt? Cancel entries that work; the strategy neither opens nor closes anything."),
    Control("f", Command.FLATTEN, "Cancel entries and close EVERY position now, at the market?"),
    Control("r", Command.RESUME, "Take back pause, reduce-only, halt and flatten, and trade again?"),
    Control("n", Command.LIMIT, "How many trades may be live at once?", asks_number=True),
)

_SECONDS: Final = 10.0  # to wait for an answer; a flatten is waited for as long again until it is flat

Send = Callable[[Command, int | None], Awaitable[str]]
"""Sends a command, with its number if it has one; gives what came of it. Raises what says why nothing did."""


def sender(place: Callable[[], Place]) -> Send:
    """Sends to the session that listens there."""

    async def send(command: Command, number: int | None) -> str:
        waits = _SECONDS if command is Command.FLATTEN else 0.0
        request = Request(command, "from the screen", number or 0, round(waits * 1000))
        reply = await asyncio.to_thread(ask, place(), request, _SECONDS + waits)
        if reply.problem:
            raise ControlError(reply.problem)
        after = reply.after
        return f"row {reply.position}: {after.mode}{', paused' if after.is_paused else ''}, {after.live_slots} live"

    return send

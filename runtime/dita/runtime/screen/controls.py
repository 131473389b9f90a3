"""What an operator can command from the screen, each behind a question."""

from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple


class Control(NamedTuple):
    """A key, the command of the control plane behind it, and what is asked before it is sent."""

    key: str
    command: str
    question: str
    asks_number: bool = False


CONTROLS: Final = (
    Control("p", "pause", "Open nothing more for now? Open trades go on, and end as their strategy decides."),
    Control("d", "reduce-only", "Let trades only be reduced from now on, also after a restart?"),
    Control("h", "halt", "Halt: neither open nor close anything by strategy, also after a restart?"),
    Control("f", "flatten", "Cancel entries and close EVERY position now, at the market?"),
    Control("r", "resume", "Take back pause, reduce-only, halt and flatten, and trade again?"),
    Control("n", "limit", "How many trades may be live at once?", asks_number=True),
)

Send = Callable[[str, int | None], Awaitable[str]]
"""Sends a command, with its number if it has one; gives what came of it. Raises what says why nothing did."""

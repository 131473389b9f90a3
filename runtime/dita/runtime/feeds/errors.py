"""The one error a market feed raises: it names the file, the line, what is wrong and the next step."""

from collections.abc import Callable
from functools import partial
from typing import Final, Self

ECHO_MAX: Final = 80  # characters of foreign text repeated in a message: enough to find it, too few to flood a log


class FeedError(Exception):
    """A feed cannot be opened, or what it read is not market data.

    ``source`` is the file or the argument at fault, ``line`` the 1-based line in a file (None where no line is
    concerned), ``reason`` what is wrong with it and ``next_step`` what the reader of the message should do.
    """

    def __init__(self, source: str, reason: str, next_step: str, *, line: int | None = None) -> None:
        where = f"`{source}`" if line is None else f"`{source}` line {line}"
        super().__init__(f"{where}: {reason}; {next_step}")
        self.source = source
        self.line = line
        self.reason = reason
        self.next_step = next_step

    def __reduce__(self) -> tuple[Callable[..., Self], tuple[str, str, str]]:
        """What pickling needs: the constructor's own arguments."""
        return partial(type(self), line=self.line), (self.source, self.reason, self.next_step)


def echo(value: object) -> str:
    """Foreign text in backticks, cut to ``ECHO_MAX`` characters, on one line and printable."""
    text = value.decode("ascii", "backslashreplace") if isinstance(value, bytes) else str(value)
    cut = text if len(text) <= ECHO_MAX else text[:ECHO_MAX] + "..."
    return "`" + "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in cut) + "`"

"""What lies over the screen for a moment: a question before a command, and the keys."""

import os
from pathlib import Path
from typing import ClassVar, Final, final

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from dita.runtime.screen.controls import CONTROLS, Control

_KEYS = (
    *((control.key, control.command) for control in CONTROLS),
    ("l", "the log"),
    ("? F1", "these keys"),
    ("q", "quit; the runtime goes on"),
)
_REPLAY_KEYS = (
    ("← →", "a row back or on"),
    ("PgUp PgDn", "a hundred rows"),
    ("Home End", "the first row, the last"),
    ("space", "play, stop"),
)

_TAIL_SECONDS: Final = 1.0
_TAIL_BYTES: Final = 64 * 1024


class _Dialog(ModalScreen[int | None]):
    """Something that is closed once, however fast keys follow each other."""

    _is_closed = False

    def _close(self, result: int | None) -> None:
        if not self._is_closed:
            self._is_closed = True
            _ = self.dismiss(result)


@final
class Ask(_Dialog):
    """A question. Gives None for no, else the number that was asked for, or 0."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("y", "agree", "yes"), ("n", "dismiss_no", "no"), ("escape", "dismiss_no", "no"),
    ]  # fmt: skip

    def __init__(self, control: Control) -> None:
        super().__init__()
        self._control = control

    def compose(self) -> ComposeResult:
        """The question, and for a number a place to write it."""
        with Vertical(classes="dialog"):
            yield Static(f"[b]{self._control.command}[/b]\n\n{self._control.question}\n")
            if self._control.asks_number:
                yield Input(type="integer", placeholder="a number, then Enter; Esc leaves it", id="number")
            else:
                yield Static("[b]y[/b] yes   [b]n[/b] no")

    def action_agree(self) -> None:
        """Yes."""
        if not self._control.asks_number:
            self._close(0)

    def action_dismiss_no(self) -> None:
        """No."""
        self._close(None)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """A number was entered; what is none leaves everything as it is."""
        self._close(int(event.value) if event.value.isdigit() else None)


@final
class Keys(_Dialog):
    """Help: every key, any key closes it."""

    def __init__(self, *, replay: bool) -> None:
        super().__init__()
        self._replay = replay

    def compose(self) -> ComposeResult:
        """A line a key."""
        rows = _REPLAY_KEYS + _KEYS[-2:] if self._replay else _KEYS
        text = "\n".join(f"[b]{key:<9}[/b] {what}" for key, what in rows)
        said = "A journal cannot be commanded." if self._replay else "Each command is asked about before it is sent."
        with Vertical(classes="dialog"):
            yield Static(f"{text}\n\n{said}\nRed above: the numbers are not those of now.\n\nany key closes this")

    def on_key(self) -> None:
        """Any."""
        self._close(None)


@final
class LogTail(_Dialog):
    """The end of a log file, all over the screen, as it grows; any key closes it."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._text = Static(id="tail")

    def compose(self) -> ComposeResult:
        """One text."""
        yield self._text

    def on_mount(self) -> None:
        """Read it now, and every second."""
        self.set_interval(_TAIL_SECONDS, self._read)
        self._read()

    def on_key(self) -> None:
        """Any."""
        self._close(None)

    def _read(self) -> None:
        lines = tail_of(self._path, max(1, self.size.height - 1))
        made = Text("\n").join(map(Text, [*lines, f"{self._path}, its end; any key closes this"]))
        made.no_wrap, made.overflow = True, "ellipsis"
        self._text.update(made)


def tail_of(path: Path, count: int) -> list[str]:
    """The last lines of a file, or why there are none. What terminals would obey is taken out."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
            content = file.read(_TAIL_BYTES)
    except OSError as error:
        return [f"cannot be read: {error.strerror}"]
    lines = content.decode(errors="replace").split("\n")
    whole = lines if len(content) < _TAIL_BYTES else lines[1:]
    shown = ["".join(one if one.isprintable() else "�" for one in line) for line in whole if line]
    return shown[-count:] or ["nothing has been written"]

"""A real terminal of a size: a process behind a pseudo-terminal, what its screen shows, and keys for it."""

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pyte

SECONDS = 60.0
_KEYS = {"right": "\x1b[C", "left": "\x1b[D", "home": "\x1b[H", "end": "\x1b[F", "escape": "\x1b", "enter": "\r"}


class Terminal:
    """What a person would sit before."""

    def __init__(self, handle: int, process: "subprocess.Popen[bytes]", width: int, height: int) -> None:
        self.process = process
        self._handle = handle
        self._screen = pyte.Screen(width, height)
        self._stream = pyte.ByteStream(self._screen)

    @property
    def lines(self) -> list[str]:
        """What it shows, line by line."""
        return [line.rstrip() for line in self._screen.display]

    @property
    def text(self) -> str:
        """The same in one piece."""
        return "\n".join(self.lines)

    def background(self, row: int, column: int) -> str:
        """The colour behind a character."""
        return str(self._screen.buffer[row][column].bg)

    def press(self, *keys: str) -> None:
        """Type them."""
        for key in keys:
            os.write(self._handle, _KEYS.get(key, key).encode())

    def until(self, condition: "Callable[[], bool]", seconds: float = SECONDS) -> None:
        """Take in what is written until it holds; fails with what is shown when it does not in time."""
        ends = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < ends, f"not within {seconds:g} s; it shows:\n{self.text}"
            self._take_in()

    def shows(self, text: str, seconds: float = SECONDS) -> None:
        """Wait for words."""
        self.until(lambda: text in self.text, seconds)

    def ended(self, seconds: float = SECONDS) -> int:
        """Wait for the end of the process; its status."""
        self.until(lambda: self.process.poll() is not None, seconds)
        return int(self.process.returncode)

    def _take_in(self) -> None:
        ready, _, _ = select.select([self._handle], [], [], 0.05)
        if ready:
            try:
                self._stream.feed(os.read(self._handle, 65_536))
            except OSError:  # the process has closed its side
                time.sleep(0.02)


@contextmanager
def terminal(
    command: list[str], folder: Path, environment: Mapping[str, str], width: int = 80, height: int = 24
) -> Generator[Terminal]:
    """Run a command on a terminal of its own; it is ended at the end."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
    beside = {name: value for name, value in environment.items() if name not in ("COLUMNS", "LINES")}  # it asks us
    process = subprocess.Popen(
        command, cwd=folder, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
        env={**beside, "TERM": "xterm-256color", "COLORTERM": "truecolor", "LC_ALL": "C.UTF-8"},
    )  # fmt: skip
    os.close(theirs)
    try:
        yield Terminal(ours, process, width, height)
    finally:
        process.kill()
        process.wait(timeout=20)
        os.close(ours)

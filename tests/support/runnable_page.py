"""Runs the commands of a page one after the other in one shell, and holds what they print against the page.

A fence `sh` is a step. A fence `text` behind it says what it prints: its lines stand in the output in this order, `…`
stands for anything. `(status N)` alone in a line says that the step ends with that status; otherwise it ends with 0.
"""

import os
import re
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

_END: Final = "@@end of step@@"


class Step(NamedTuple):
    """One fence of commands."""

    line: int
    command: str
    status: int
    prints: tuple[str, ...]


class Done(NamedTuple):
    """What came of it. ``output``: both streams as they came."""

    step: Step
    status: int
    output: str
    seconds: float

    @property
    def problem(self) -> str:
        """What is not as the page says; "" when all is."""
        if self.status != self.step.status:
            return f"line {self.step.line}: status {self.status}, the page says {self.step.status}:\n{self.output}"
        rest = self.output
        for wanted in self.step.prints:
            found = re.search(pattern(wanted), rest, re.MULTILINE)
            if found is None:
                return f"line {self.step.line}: `{wanted}` is not printed, or not in this order:\n{self.output}"
            rest = rest[found.end() :]
        return ""


def pattern(line: str) -> str:
    """A line of a page as a regular expression: blanks are any blanks, `…` is anything in the line."""
    parts = (r"[^\S\n]+".join(map(re.escape, part.split())) for part in line.strip().split("…"))
    return r"[^\n]*".join(parts)


def steps_of(text: str) -> list[Step]:
    """The steps of a page."""
    found: list[Step] = []
    fences = re.finditer(r"^```(sh|text)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    for fence in fences:
        line = text.count("\n", 0, fence.start()) + 1
        if fence[1] == "sh":
            found.append(Step(line, fence[2], 0, ()))
        elif found and not found[-1].prints:
            said = [one for one in fence[2].splitlines() if one.strip()]
            status = [int(mark[1]) for one in said if (mark := re.fullmatch(r"\(status (\d+)\)", one.strip()))]
            prints = tuple(one for one in said if not re.fullmatch(r"\(status \d+\)", one.strip()))
            found[-1] = found[-1]._replace(status=status[0] if status else 0, prints=prints)
    return found


def performed(steps: list[Step], folder: Path, environment: Mapping[str, str], log: Path) -> list[Done]:
    """Each step in turn; the first that is not as the page says is the last."""
    with log.open("wb") as written:
        shell = subprocess.Popen(
            ["bash", "--norc", "-m"], cwd=folder, env=dict(environment), stdin=subprocess.PIPE, stdout=written,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    done: list[Done] = []
    at = 0
    try:
        for step in steps:
            began = time.monotonic()
            assert shell.stdin is not None
            shell.stdin.write(f"{step.command}\nprintf '\\n{_END} %s\\n' $?\n".encode())
            shell.stdin.flush()
            while (end := re.search(rf"\n{_END} (\d+)\n", text := log.read_text()[at:])) is None:
                assert shell.poll() is None, f"line {step.line}: the shell has ended:\n{text}"
                assert time.monotonic() - began < 100, f"line {step.line}: not within 100 s:\n{text}"
                time.sleep(0.02)
            at += end.end()
            done.append(Done(step, int(end[1]), text[: end.start()], time.monotonic() - began))
            if done[-1].problem:
                break
    finally:
        for group in _session_of(shell.pid):  # with -m each job is a group of its own
            with suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)
        shell.wait(timeout=20)
        if shell.stdin is not None:
            with suppress(BrokenPipeError):
                shell.stdin.close()
    return done


def _session_of(leader: int) -> set[int]:
    """The process groups of a session."""
    groups: set[int] = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                if os.getsid(int(entry.name)) == leader:
                    groups.add(os.getpgid(int(entry.name)))
    return groups


def cpu_seconds() -> float:
    """Of the children that have been waited for."""
    times = os.times()
    return times.children_user + times.children_system

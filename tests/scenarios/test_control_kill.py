"""Commands to a process that is killed, and by processes that are killed: applied and durable, or not at all."""

import io
import json
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from control_process import session
from dita.adapters.control import Command, ControlSilent, Reply, Request, ask
from dita.adapters.control.messages import request_line
from dita.adapters.journal import open_reader
from dita.adapters.plane import place_of
from dita.runtime.cli import app
from dita.runtime.cli_control import control
from dita.runtime.cli_report import CommandError, Report, Reporter
from dita.runtime.standing import NOTE

COMMANDERS = 6


def asked(folder: Path, command: Command, seconds: float = 10.0) -> Reply:
    return ask(place_of(folder, folder / "journal.sqlite"), Request(command, "a test"), seconds)


def commands_in(folder: Path) -> list[str]:
    """Those that the journal has, in order."""
    reader = open_reader(folder / "journal.sqlite")
    bodies = [json.loads(note.body) for note in reader.notes(0) if note.name == NOTE]
    reader.close()
    return [body["command"] for body in bodies]


@pytest.mark.parametrize(
    ("moment", "mode", "kept"), [("before", "ACTIVE", []), ("after", "HALTED", ["halt"])], ids=["before", "after"]
)
def test_a_session_killed_around_the_row_has_applied_what_it_has_written(
    tmp_path: Path, moment: str, mode: str, kept: list[str]
) -> None:
    """Killed between receipt and row: not answered, and no restart knows of it. Behind the row: the restart obeys."""
    with session(tmp_path, moment), pytest.raises(ControlSilent, match=r"has not answered `halt` within 0.5 s"):
        asked(tmp_path, Command.HALT, 0.5)
    assert commands_in(tmp_path) == kept
    with session(tmp_path):
        assert asked(tmp_path, Command.STATUS).after.mode == mode


# Sends a part of a request, says so, and waits to be killed.
HALF = """
import os, socket, sys
connection = socket.socket(socket.AF_UNIX)
folder = os.open(sys.argv[1], os.O_PATH)
connection.connect(f"/proc/self/fd/{folder}/{sys.argv[2]}")
connection.sendall(bytes.fromhex(sys.argv[3]))
print("sent", flush=True)
sys.stdin.read()
"""


def test_a_commander_killed_at_any_byte_leaves_nothing_half_applied(tmp_path: Path) -> None:
    """Before the end of its line it has asked for nothing; behind it, for all of it. The session goes on."""
    line = request_line(Request(Command.HALT, "from one that is killed"))
    place = place_of(tmp_path, tmp_path / "journal.sqlite")
    cuts = [0, 1, len(line) // 2, len(line) - 1, len(line)]
    with session(tmp_path):
        for cut in cuts:
            child = subprocess.Popen(
                [sys.executable, "-S", "-c", HALF, str(place.folder), place.socket.name, line[:cut].hex()],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            )  # fmt: skip
            assert child.stdout is not None
            assert child.stdout.readline() == b"sent\n"
            child.send_signal(signal.SIGKILL)
            child.communicate()
            if cut < len(line):
                assert asked(tmp_path, Command.STATUS).after.mode == "ACTIVE", cut
        until = time.monotonic() + 10
        while asked(tmp_path, Command.STATUS).after.mode != "HALTED" and time.monotonic() < until:
            time.sleep(0.01)
        assert asked(tmp_path, Command.STATUS).after.mode == "HALTED"
    assert commands_in(tmp_path) == ["halt"]


def test_commanders_at_once_are_all_answered_and_each_has_its_row(tmp_path: Path) -> None:
    """As many rows as answers; in their order each begins where the one before ended (flaw X4), on a slow disk, too."""
    rng = random.Random(7)
    wanted = [rng.choice((Command.HALT, Command.REDUCE_ONLY, Command.RESUME)) for _ in range(COMMANDERS)]
    replies: list[tuple[Command, Reply]] = []

    def ask_for(command: Command) -> None:
        replies.append((command, asked(tmp_path, command)))

    with session(tmp_path, "slow"):
        threads = [threading.Thread(target=ask_for, args=(command,)) for command in wanted]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        last = asked(tmp_path, Command.STATUS)
    assert sorted(command for command, _ in replies) == sorted(wanted)
    kept = commands_in(tmp_path)
    assert sorted(kept) == sorted(wanted)
    in_order = sorted((reply for _, reply in replies), key=lambda reply: reply.position)
    assert len({reply.position for reply in in_order}) == COMMANDERS
    assert [reply.before for reply in in_order[1:]] == [reply.after for reply in in_order[:-1]]
    modes = {"halt": "HALTED", "reduce-only": "REDUCE_ONLY", "resume": "ACTIVE"}
    assert last.after.mode == modes[kept[-1]]


def test_sessions_side_by_side_are_commanded_apart(tmp_path: Path) -> None:
    """Flaws X10 and W2: two journals of one name in two folders, one folder for planes; each obeys its own alone."""
    one, other = tmp_path / "one", tmp_path / "other"
    for folder in (one, other):
        folder.mkdir()
    with session(one, base=tmp_path), session(other, base=tmp_path):
        halted = ask(place_of(tmp_path, one / "journal.sqlite"), Request(Command.HALT), 10)
        left = ask(place_of(tmp_path, other / "journal.sqlite"), Request(Command.STATUS), 10)
    assert (halted.after.mode, left.after.mode, halted.pid != left.pid) == ("HALTED", "ACTIVE", True)


def test_the_command_gives_and_reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`dita control`: figures and a table of before and after; what was not done is a problem, as is nobody there."""
    monkeypatch.setenv("DITA_PLANE", str(tmp_path))

    def told(command: str, number: int | None = None, within: float = 5.0) -> Report:
        journal = tmp_path / "journal.sqlite"
        return control(Reporter(), command=command, number=number, journal=journal, why="a test", within_seconds=within)

    with session(tmp_path):
        limited = told("limit", 2)
        assert (limited.figures["done"], limited.figures["slot_limit"], limited.problems) == (1, 2, ())
        flat = told("flatten", within=3.0).figures
        assert (flat["mode"], flat["flattening"], flat["live_slots"]) == ("REDUCE_ONLY", 1, 0)
        (shown,) = limited.show
        text = io.StringIO()
        Console(width=100, file=text).print(shown)
        assert "SET_LIMITS │        │ ACCEPTED OK" in text.getvalue()
    nobody = told("status")
    assert nobody.figures["running"] == 0
    assert "no session of this journal takes commands" in nobody.problems[0]
    monkeypatch.setenv("DITA_PLANE", "off")
    with pytest.raises(CommandError, match="DITA_PLANE: `off` leaves no socket"):
        told("status")


@pytest.mark.parametrize("arguments", [["limit"], ["halt", "3"], ["limit", "17"], ["stop"]])
def test_a_command_that_means_nothing_is_refused(arguments: list[str]) -> None:
    """By the command line itself, with status 2; nobody is asked."""
    assert CliRunner().invoke(app, ["control", *arguments]).exit_code == 2

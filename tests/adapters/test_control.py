"""The control socket by itself: who may, what is read, how much at once, and what is left where nobody answers."""

import asyncio
import json
import os
import re
import socket
import stat
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import pytest

from dita.adapters.control import (
    Answer,
    Command,
    Condition,
    ControlError,
    ControlRefused,
    ControlServer,
    ControlSilent,
    NobodyThere,
    Reply,
    Request,
    ask,
)
from dita.adapters.control.messages import (
    REQUEST_BYTES_MAX,
    WHY_CHARACTERS_MAX,
    read_reply,
    read_request,
    reply_line,
    request_line,
)
from dita.adapters.plane import Place, PlaneUnusable, place_of
from dita.adapters.plane.places import make_folder

BEFORE = Condition("ACTIVE", is_paused=False, is_flattening=False, slot_limit=16, live_slots=1, kept_back="a, b")
REPLY = Reply(
    'not "all"\n ü', 7, 12, is_journaled=True, before=BEFORE, after=BEFORE._replace(mode="HALTED", is_paused=True),
    answers=(Answer("SET_MODE", "ACCEPTED", "OK"),), left=("slot 0",),
)  # fmt: skip
HALT = Request(Command.HALT, 'because "ü"\n')


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A place whose folder is there."""
    made = place_of(tmp_path, tmp_path / "journal.sqlite")
    make_folder(made)
    return made


class Obeyed:
    """What the session was asked; answers with ``REPLY``."""

    def __init__(self) -> None:
        self.asked: list[tuple[Request, str]] = []
        self.release = asyncio.Event()
        self.release.set()

    async def __call__(self, request: Request, by: str) -> Reply:
        """See ``Obey``."""
        self.asked.append((request, by))
        await self.release.wait()
        return REPLY


async def sent(place: Place, content: bytes, *, ends: bool = False) -> bytes:
    """What comes back for raw bytes. ``ends``: our side is shut behind them."""
    with open_folder(place) as folder:
        reader, writer = await asyncio.open_unix_connection(f"{folder}/{place.socket.name}")
    writer.write(content)
    if ends:
        writer.write_eof()
    answer = await asyncio.wait_for(reader.read(), 20)
    writer.close()
    return answer


@contextmanager
def open_folder(place: Place) -> Generator[str]:
    """A short path of the folder: a socket's address has at most 107 bytes."""
    handle = os.open(place.folder, os.O_PATH)
    yield f"/proc/self/fd/{handle}"
    os.close(handle)


# --- messages --------------------------------------------------------------------------------------------------------


def test_what_is_sent_is_what_is_read() -> None:
    """A request and a reply, one line each, whatever their texts hold."""
    for request in (HALT, Request(Command.LIMIT, slot_limit=16), Request(Command.FLATTEN, wait_ms=600_000)):
        line = request_line(request)
        assert (line.count(b"\n"), read_request(line)) == (1, request)
    assert (reply_line(REPLY).count(b"\n"), read_reply(reply_line(REPLY))) == (1, REPLY)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"command": "stop"}, "command: `'stop'` is none of status, pause"),
        ({"command": 1}, "command: "),
        ({"version": 2}, "version: `2` is not 1"),
        ({"why": "x" * (WHY_CHARACTERS_MAX + 1)}, "why: "),
        ({"why": None}, "why: "),
        ({"slot_limit": 1}, "slot_limit: `1` is no number from 0 to 0"),
        ({"command": "limit"}, "slot_limit: `0` is no number from 1 to 16"),
        ({"command": "limit", "slot_limit": 17}, "slot_limit: `17` is no number from 1 to 16"),
        ({"command": "limit", "slot_limit": True}, "slot_limit: `True` is no number"),
        ({"command": "limit", "slot_limit": 2.0}, "slot_limit: `2.0` is no number"),
        ({"wait_ms": 1}, "wait_ms: "),
        ({"command": "flatten", "wait_ms": 600_001}, "wait_ms: "),
        ({"more": 1}, "request: its fields are"),
    ],
)
def test_a_request_is_read_strictly(change: dict[str, object], said: str) -> None:
    """Another field, another type, another range: refused by name, with what is wanted."""
    document = json.loads(request_line(Request(Command.HALT))) | change
    with pytest.raises(ControlRefused, match="^" + re.escape(said)):
        read_request(json.dumps(document).encode())


@pytest.mark.parametrize("line", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 5000, b"{}", b'"halt"'])
def test_what_is_no_request_and_no_reply_is_refused(line: bytes) -> None:
    """And nothing else is raised."""
    with pytest.raises(ControlRefused):
        read_request(line)
    with pytest.raises(ControlError):
        read_reply(line)


def test_a_reply_of_another_version_is_refused() -> None:
    """A field that is missing inside is named."""
    document = json.loads(reply_line(REPLY))
    document["before"].pop("mode")
    with pytest.raises(ControlError, match="mode"):
        read_reply(json.dumps(document).encode())


# --- the socket ------------------------------------------------------------------------------------------------------


async def test_a_command_is_obeyed_and_answered(place: Place) -> None:
    """With who asked, as the system knows it; and who asks before the session is ready is answered once it is."""
    obeyed = Obeyed()
    server = ControlServer(place, obeyed)
    asking = asyncio.create_task(asyncio.to_thread(ask, place, HALT, 10))
    await asyncio.sleep(0.1)
    assert not asking.done()
    await server.start()
    assert await asking == REPLY
    assert obeyed.asked == [(HALT, f"process {os.getpid()} of user {os.getuid()}")]
    assert (server.taken, server.refused) == (1, 0)
    server.close()
    with pytest.raises(NobodyThere):
        ask(place, HALT, 1)


async def test_only_its_user_can_reach_it(place: Place) -> None:
    """By the modes of folder and socket; and whom those let in all the same is refused by who the system says it is."""
    obeyed = Obeyed()
    server = ControlServer(place, obeyed)
    await server.start()
    assert stat.S_IMODE(place.socket.stat().st_mode) == 0o600
    assert stat.S_IMODE(place.folder.stat().st_mode) == 0o700
    with (
        mock.patch("dita.adapters.control.server._who", return_value=(1, os.getuid() + 1)),
        pytest.raises(ControlRefused, match="may not command"),
    ):
        await asyncio.to_thread(ask, place, HALT, 10)
    assert obeyed.asked == []
    place.folder.chmod(0o755)
    with pytest.raises(PlaneUnusable, match="run chmod 700"):
        ask(place, HALT, 1)
    with pytest.raises(PlaneUnusable, match="run chmod 700"):
        ControlServer(place, obeyed)
    server.close()


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"{}\n", "its fields are"), (b"\xff\n", "is no JSON"), (b"x" * (REQUEST_BYTES_MAX + 10), "its fields are")],
)
async def test_garbage_is_answered_and_obeyed_by_nobody(place: Place, content: bytes, said: str) -> None:
    """And the next command is taken as ever."""
    obeyed = Obeyed()
    server = ControlServer(place, obeyed)
    await server.start()
    assert said in json.loads(await sent(place, content))["problem"]
    assert obeyed.asked == []
    assert await asyncio.to_thread(ask, place, HALT, 10) == REPLY
    server.close()


async def test_who_sends_no_whole_line_has_asked_for_nothing(place: Place) -> None:
    """An end within the line, and silence within it: no answer, nothing obeyed, and nobody waits for it."""
    obeyed = Obeyed()
    server = ControlServer(place, obeyed)
    await server.start()
    line = request_line(HALT)
    assert await sent(place, line[:-1], ends=True) == b""
    with mock.patch("dita.adapters.control.server._LINE_SECONDS", 0.2):
        silent = asyncio.create_task(sent(place, line[:-1]))
        assert await asyncio.to_thread(ask, place, HALT, 10) == REPLY
        assert await silent == b""
    assert len(obeyed.asked) == 1
    server.close()


async def test_so_many_at_once_and_no_more(place: Place) -> None:
    """Eight wait for their answers; the ninth is told to ask again, and nothing of it is done."""
    obeyed = Obeyed()
    obeyed.release.clear()
    server = ControlServer(place, obeyed)
    await server.start()
    waiting = [asyncio.create_task(sent(place, request_line(HALT))) for _ in range(8)]
    while len(obeyed.asked) < 8:  # noqa: ASYNC110 - a list that nobody announces
        await asyncio.sleep(0.01)
    assert "8 commands are under way" in json.loads(await sent(place, request_line(HALT)))["problem"]
    obeyed.release.set()
    assert {read_reply(line) for line in await asyncio.gather(*waiting)} == {REPLY}
    assert len(obeyed.asked) == 8
    server.close()


async def test_a_bug_in_a_command_is_told_and_ends_nothing(place: Place) -> None:
    """Whoever gave it is told to look; the next one is taken."""
    raised = iter([KeyError("planted"), None])

    async def buggy(_request: Request, _by: str) -> Reply:
        if error := next(raised):
            raise error
        return REPLY

    server = ControlServer(place, buggy)
    await server.start()
    with pytest.raises(ControlRefused, match=r"a bug: KeyError\('planted'\)"):
        await asyncio.to_thread(ask, place, HALT, 10)
    assert await asyncio.to_thread(ask, place, HALT, 10) == REPLY
    server.close()


async def test_an_answer_that_does_not_come_is_no_answer(place: Place) -> None:
    """The process is named, and where to look; an end without an answer is the same."""
    obeyed = Obeyed()
    obeyed.release.clear()
    server = ControlServer(place, obeyed)
    await server.start()
    with pytest.raises(ControlSilent, match=rf"process {os.getpid()} has not answered `halt` within 0\.2 s"):
        await asyncio.to_thread(ask, place, HALT, 0.2)
    server.close()
    with socket.socket(socket.AF_UNIX) as listener, open_folder(place) as folder:
        listener.bind(f"{folder}/{place.socket.name}")
        listener.listen()
        asking = asyncio.create_task(asyncio.to_thread(ask, place, HALT, 5))
        (await asyncio.to_thread(listener.accept))[0].close()
        with pytest.raises(ControlSilent):
            await asking


async def test_a_socket_that_a_dead_session_left_is_replaced(place: Place) -> None:
    """It answers nobody, and is no obstacle; a folder in which none can be made refuses the start."""
    with socket.socket(socket.AF_UNIX) as left, open_folder(place) as folder:
        left.bind(f"{folder}/{place.socket.name}")
    with pytest.raises(NobodyThere):
        ask(place, HALT, 1)
    obeyed = Obeyed()
    server = ControlServer(place, obeyed)
    await server.start()
    assert await asyncio.to_thread(ask, place, HALT, 10) == REPLY
    server.close()
    place.socket.mkdir()
    with pytest.raises(PlaneUnusable, match="no socket can be made there"):
        ControlServer(place, obeyed)
    with pytest.raises(NobodyThere):
        ask(place_of(place.folder.parent / "nowhere", place.folder), HALT, 1)

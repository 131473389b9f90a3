"""What goes over the socket: one line of JSON there, one line back. Both are read strictly and within bounds."""

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final, NamedTuple, cast

from dita.spec.vocabulary import SLOTS

VERSION: Final = 1
LINE_BYTES_MAX: Final = 64 * 1024  # of a reply; a request is far smaller
REQUEST_BYTES_MAX: Final = 8 * 1024
WHY_CHARACTERS_MAX: Final = 500
WAIT_MS_MAX: Final = 600_000


class ControlError(Exception):
    """A command could not be given, or its answer not be read; the message says what to do."""


class NobodyThere(ControlError):
    """No session listens: nothing was done."""


class ControlSilent(ControlError):
    """No answer came: whether the command was taken has to be looked up."""


class ControlRefused(ControlError):
    """The session did not take the command, and changed nothing."""


class Command(StrEnum):
    """What can be asked. Every one but STATUS becomes an input with a row in the journal."""

    STATUS = "status"
    PAUSE = "pause"  # no new entries of the policy; orders that work go on, exits too
    REDUCE_ONLY = "reduce-only"  # the kernel refuses entries; working ones are cancelled; exits go on
    HALT = "halt"  # nor does the strategy close anything
    RESUME = "resume"  # take back all of these, and FLATTEN; not LIMIT
    LIMIT = "limit"  # so many trades at once, never more than by the settings
    FLATTEN = "flatten"  # reduce-only, and every position closed


class Request(NamedTuple):
    """One command."""

    command: Command
    why: str = ""
    slot_limit: int = 0  # of LIMIT alone
    wait_ms: int = 0  # of FLATTEN alone: how long to wait until everything is flat


class Condition(NamedTuple):
    """How a session stands."""

    mode: str  # a ``Mode``, by name
    is_paused: bool
    is_flattening: bool
    slot_limit: int
    live_slots: int
    kept_back: str  # what keeps entries back, with commas


class Answer(NamedTuple):
    """What the kernel made of one input that a command became."""

    kind: str
    verdict: str
    code: str


class Reply(NamedTuple):
    """What came of a command."""

    problem: str  # "" when it was done; otherwise what was not, and why
    pid: int
    position: int  # the journal's newest row; the command's own is at or before it
    is_journaled: bool
    before: Condition
    after: Condition
    answers: tuple[Answer, ...]
    left: tuple[str, ...]  # slots that are not free, in words


NO_CONDITION: Final = Condition("", is_paused=False, is_flattening=False, slot_limit=0, live_slots=0, kept_back="")


def request_line(request: Request) -> bytes:
    """As it is sent."""
    return _line({"version": VERSION, **request._asdict()})


def read_request(line: bytes) -> Request:
    """What was sent. Raises ControlRefused, which names the field."""
    found = _parsed(line, "request", (*Request._fields, "version"))
    if found["version"] != VERSION:
        raise ControlRefused(f"version: `{found['version']!r}` is not {VERSION}; use the `dita` that the session runs")
    try:
        command = Command(_text(found, "command", 40))
    except ValueError:
        raise ControlRefused(f"command: `{found['command']!r}` is none of {', '.join(Command)}") from None
    low, high = (1, SLOTS) if command is Command.LIMIT else (0, 0)
    slot_limit = _number(found, "slot_limit", low, high)
    wait_ms = _number(found, "wait_ms", 0, WAIT_MS_MAX if command is Command.FLATTEN else 0)
    return Request(command, _text(found, "why", WHY_CHARACTERS_MAX), slot_limit, wait_ms)


def reply_line(reply: Reply) -> bytes:
    """As it is sent."""
    document = reply._asdict()
    for name in ("before", "after"):
        document[name] = getattr(reply, name)._asdict()
    document["answers"] = [answer._asdict() for answer in reply.answers]
    return _line({"version": VERSION, **document})


def read_reply(line: bytes) -> Reply:
    """What came back. Raises ControlError."""
    found = _parsed(line, "reply", (*Reply._fields, "version"))
    try:
        return Reply(
            problem=_text(found, "problem", LINE_BYTES_MAX),
            pid=_number(found, "pid", 0, 2**31),
            position=_number(found, "position", 0, 2**62),
            is_journaled=found["is_journaled"] is True,
            before=Condition(**found["before"]),
            after=Condition(**found["after"]),
            answers=tuple(Answer(**answer) for answer in found["answers"]),
            left=tuple(map(str, found["left"])),
        )
    except TypeError as error:
        raise ControlError(f"reply: `{line[:80]!r}` is none of this version ({error})") from error


def _line(document: Mapping[str, object]) -> bytes:
    return json.dumps(document).encode() + b"\n"  # ASCII: no character of a text can end the line


def _parsed(line: bytes, what: str, names: tuple[str, ...]) -> dict[str, Any]:
    try:
        document = json.loads(line)
    except (ValueError, RecursionError):
        raise ControlRefused(f"{what}: `{line[:80]!r}` is no JSON") from None
    if not isinstance(document, dict):
        raise ControlRefused(f"{what}: `{line[:80]!r}` is no object")
    found = cast("dict[str, Any]", document)
    if set(found) != set(names):
        raise ControlRefused(f"{what}: its fields are `{sorted(found)}`, wanted {sorted(names)}")
    return found


def _text(found: Mapping[str, object], name: str, characters_max: int) -> str:
    value = found[name]
    if not isinstance(value, str) or len(value) > characters_max:
        raise ControlRefused(f"{name}: `{str(value)[:80]!r}` is no text of at most {characters_max} characters")
    return value


def _number(found: Mapping[str, object], name: str, low: int, high: int) -> int:
    value = found[name]
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise ControlRefused(f"{name}: `{str(value)[:80]}` is no number from {low} to {high}")
    return value

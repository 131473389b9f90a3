"""What goes wrong, when, as data: a plan of faults.

A fault fires on an *occasion* (a submit, a cancel, a frame about to be sent ...). ``When`` says on which. Occasions
``frame`` and ``market`` are frames of the account's and of the market's stream; kinds that end in ``At`` have a time.
"""

from collections.abc import Container, Iterable
from dataclasses import dataclass
from typing import Annotated, ClassVar, Final, Literal, TypeVar

from pydantic import ConfigDict, Field

Request = Literal["submit", "cancel", "query", "read", "listen_key", "any"]
Stream = Literal["frame", "market"]
Occasion = Request | Stream | Literal["time"]
CutHow = Literal["reset", "close", "half_close", "silent"]
_STRICT: Final = ConfigDict(extra="forbid")
CERTAIN: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class When:
    """Which occasions a fault picks; ``nth`` and ``every`` count only those with the right symbol, id and time."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    nth: int = 0  # only the n-th such occasion, counted from 1; 0 = any
    every: int = 0  # every n-th such occasion; 0 = any
    client_id_prefix: str = ""
    symbol: str = ""
    from_ms: int = 0  # UTC milliseconds of the exchange's clock, inclusive
    until_ms: int = 0  # exclusive; 0 = open end
    chance_ppm: int = CERTAIN
    times: int = 1  # how often at most; 0 = no bound

    def __post_init__(self) -> None:
        if min(self.nth, self.every, self.from_ms, self.until_ms, self.times) < 0:
            raise ValueError("when: `nth`, `every`, `from_ms`, `until_ms` and `times` cannot be negative")
        if not 0 <= self.chance_ppm <= CERTAIN:
            raise ValueError(f"when.chance_ppm: `{self.chance_ppm}` is outside 0 to 1000000")


@dataclass(frozen=True, slots=True)
class SplitFills:
    """The order is filled in ``parts`` pieces, the first at once and the others ``delay_ms`` apart."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    parts: int
    delay_ms: int = 100
    when: When = When()
    on: Literal["submit"] = "submit"
    kind: Literal["split_fills"] = "split_fills"

    def __post_init__(self) -> None:
        if self.parts < 1 or self.delay_ms < 0:
            raise ValueError(f"split_fills: `{self.parts}` parts, `{self.delay_ms}` ms; give at least 1 part and 0 ms")


@dataclass(frozen=True, slots=True)
class RefuseRequest:
    """The request is answered with ``code`` and has no effect: a definite rejection, or 101500 before acceptance."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    code: int
    text: str = "refused by the fault plan"
    status: int = 200
    when: When = When()
    on: Request = "submit"
    kind: Literal["refuse_request"] = "refuse_request"


@dataclass(frozen=True, slots=True)
class LoseRequest:
    """The request never reaches the exchange.

    The client waits in vain (``hang``), meets a reset (``reset``), or the end of what the server has to say
    (``half_close``: the server goes on listening).
    """

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    how: Literal["hang", "reset", "half_close"] = "hang"
    when: When = When()
    on: Request = "submit"
    kind: Literal["lose_request"] = "lose_request"


@dataclass(frozen=True, slots=True)
class DelayAdmission:
    """The request waits ``delay_ms`` before it is judged again: refused if it is then older than its window."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    delay_ms: int
    when: When = When()
    on: Request = "submit"
    kind: Literal["delay_admission"] = "delay_admission"


@dataclass(frozen=True, slots=True)
class DelayReply:
    """The request is carried out at once and answered ``delay_ms`` later."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    delay_ms: int
    when: When = When()
    on: Request = "submit"
    kind: Literal["delay_reply"] = "delay_reply"


@dataclass(frozen=True, slots=True)
class LoseReply:
    """The request is carried out and its answer never arrives; ``torn`` sends headers and half a body."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    how: Literal["hang", "reset", "half_close", "torn"] = "hang"
    when: When = When()
    on: Request = "submit"
    kind: Literal["lose_reply"] = "lose_reply"


@dataclass(frozen=True, slots=True)
class SpoilReply:
    """The request is answered with something that tells nothing, and is carried out all the same if ``accepted``.

    ``body``: ``html`` (a gateway page), ``empty``, ``object`` (``{}``), ``no_code`` (JSON without code), ``null_data``,
    ``empty_data``, or ``code`` (an envelope with ``code`` and ``text``, such as 101500, 100500 or 80019).
    """

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    status: int = 504
    body: Literal["html", "empty", "object", "no_code", "null_data", "empty_data", "code"] = "html"
    code: int = 101500
    text: str = "rpc timeout"
    accepted: bool = True
    when: When = When()
    on: Request = "submit"
    kind: Literal["spoil_reply"] = "spoil_reply"


@dataclass(frozen=True, slots=True)
class MisstateLength:
    """The request is carried out; its answer's Content-Length is ``by`` bytes off.

    Fewer, and the body is cut short and the rest spills into the connection, which then ends; more, and the client
    waits for bytes that never come.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    by: int
    when: When = When()
    on: Request = "submit"
    kind: Literal["misstate_length"] = "misstate_length"

    def __post_init__(self) -> None:
        if not self.by:
            raise ValueError("misstate_length: `by` is 0, give by how many bytes the length is wrong")


@dataclass(frozen=True, slots=True)
class DripReply:
    """The request is carried out; its answer, headers and all, comes ``bytes_each`` at a time with pauses between."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    interval_ms: int
    bytes_each: int = 1
    when: When = When()
    on: Request = "submit"
    kind: Literal["drip_reply"] = "drip_reply"

    def __post_init__(self) -> None:
        if self.bytes_each < 1 or self.interval_ms < 0:
            raise ValueError(
                f"drip_reply: `{self.bytes_each}` bytes, `{self.interval_ms}` ms; give at least 1 byte, 0 ms"
            )


@dataclass(frozen=True, slots=True)
class RepeatRequest:
    """The exchange receives the request again ``delay_ms`` later and judges it anew; nobody sees the second answer."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    delay_ms: int = 0
    when: When = When()
    on: Request = "submit"
    kind: Literal["repeat_request"] = "repeat_request"


@dataclass(frozen=True, slots=True)
class LimitRate:
    """The request is refused for its frequency; 109429 carries the time of the next permitted attempt."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    how: Literal["100410", "http429", "http418", "http403", "109429"] = "100410"
    pause_ms: int = 1000
    when: When = When()
    on: Request = "submit"
    kind: Literal["limit_rate"] = "limit_rate"


@dataclass(frozen=True, slots=True)
class HideOrder:
    """GET does not show the new order and its fills for ``lag_ms``, although the stream has announced them."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    lag_ms: int
    when: When = When()
    on: Literal["submit"] = "submit"
    kind: Literal["hide_order"] = "hide_order"


@dataclass(frozen=True, slots=True)
class StaleRead:
    """After a successful cancel GET shows the order for ``lag_ms`` as it was before, and lists it as open."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    lag_ms: int
    when: When = When()
    on: Literal["cancel"] = "cancel"
    kind: Literal["stale_read"] = "stale_read"


@dataclass(frozen=True, slots=True)
class AcceptDuplicate:
    """A used client order id is accepted a second time (the venue does not promise otherwise under a race)."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    when: When = When()
    on: Literal["submit"] = "submit"
    kind: Literal["accept_duplicate"] = "accept_duplicate"


@dataclass(frozen=True, slots=True)
class CancelLosesToFill:
    """The order to be cancelled fills completely first and the cancel is answered like that of a finished order."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    when: When = When()
    on: Literal["cancel"] = "cancel"
    kind: Literal["cancel_loses_to_fill"] = "cancel_loses_to_fill"


@dataclass(frozen=True, slots=True)
class DropFrame:
    """A frame is not sent. ``event`` is its name (of a market frame: its channel), or empty for any."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    event: str = ""
    when: When = When()
    on: Stream = "frame"
    kind: Literal["drop_frame"] = "drop_frame"


@dataclass(frozen=True, slots=True)
class DuplicateFrame:
    """A frame is sent twice."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    event: str = ""
    when: When = When()
    on: Stream = "frame"
    kind: Literal["duplicate_frame"] = "duplicate_frame"


@dataclass(frozen=True, slots=True)
class DelayFrame:
    """A frame is sent ``delay_ms`` late, so that later frames and replies overtake it."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    delay_ms: int
    event: str = ""
    when: When = When()
    on: Stream = "frame"
    kind: Literal["delay_frame"] = "delay_frame"


@dataclass(frozen=True, slots=True)
class ReorderFrames:
    """This frame and those after it, ``count`` in all, are held back and sent last first.

    If no more come within ``hold_ms``, what is held goes out.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    count: int = 2
    hold_ms: int = 1000
    event: str = ""
    when: When = When()
    on: Stream = "frame"
    kind: Literal["reorder_frames"] = "reorder_frames"

    def __post_init__(self) -> None:
        if self.count < 2 or self.hold_ms < 1:
            raise ValueError(
                f"reorder_frames: `{self.count}` frames, `{self.hold_ms}` ms; give at least 2 frames, 1 ms"
            )


@dataclass(frozen=True, slots=True)
class SpoilFrame:
    """Something that is no frame of the protocol comes before a frame, or with ``instead`` in its place.

    ``body``: ``garbage`` (bytes that are no gzip), ``torn`` (half a gzip member), ``not_json``, ``wrong_types``,
    ``unknown_values`` (well-formed, with words nobody knows), ``huge`` (a frame of ``size`` bytes) or ``bomb`` (a small
    frame that unpacks to ``size`` bytes).
    """

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    body: Literal["garbage", "torn", "not_json", "wrong_types", "unknown_values", "huge", "bomb"] = "garbage"
    size: int = 10_000_000
    instead: bool = False
    event: str = ""
    when: When = When()
    on: Stream = "frame"
    kind: Literal["spoil_frame"] = "spoil_frame"


@dataclass(frozen=True, slots=True)
class CutStream:
    """Every socket that would get this frame ends instead of getting it.

    ``reset`` and ``half_close`` come without a close frame, ``close`` with one; ``silent`` leaves the socket open and
    never says anything again, heartbeats included.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    event: str = ""
    when: When = When()
    how: CutHow = "reset"
    on: Stream = "frame"
    kind: Literal["cut_stream"] = "cut_stream"


@dataclass(frozen=True, slots=True)
class ExpireKey:
    """The account's listen keys end in the middle of a burst: this frame and all later ones are lost.

    ``announced``: with the event listenKeyExpired and a close; otherwise the stream falls silent.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    announced: bool = True
    event: str = ""
    when: When = When()
    on: Literal["frame"] = "frame"
    kind: Literal["expire_key"] = "expire_key"


@dataclass(frozen=True, slots=True)
class ExpireKeysAt:
    """All listen keys end at ``at_ms`` (UTC milliseconds of the exchange's clock), however young they are."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    at_ms: int
    announced: bool = True
    when: When = When()  # its time is ``at_ms``; the rest can still prevent it
    on: Literal["time"] = "time"
    kind: Literal["expire_keys_at"] = "expire_keys_at"


@dataclass(frozen=True, slots=True)
class CutStreamsAt:
    """At ``at_ms`` (UTC milliseconds of the exchange's clock) sockets are cut, traffic or not."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    at_ms: int
    streams: Literal["account", "market", "all"] = "all"
    when: When = When()
    how: CutHow = "reset"
    on: Literal["time"] = "time"
    kind: Literal["cut_streams_at"] = "cut_streams_at"


@dataclass(frozen=True, slots=True)
class StepClockAt:
    """At ``at_ms`` the clock that the exchange tells, and judges timestamps by, steps by ``by_ms``.

    What is due keeps its time: the matching engine has a clock of its own.
    """

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    at_ms: int
    by_ms: int
    when: When = When()
    on: Literal["time"] = "time"
    kind: Literal["step_clock_at"] = "step_clock_at"


@dataclass(frozen=True, slots=True)
class DeleverageAt:
    """At ``at_ms`` every position of a symbol is deleveraged by ``share_ppm`` of its size, in whole lots."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    at_ms: int
    symbol: str
    share_ppm: int = CERTAIN
    when: When = When()
    on: Literal["time"] = "time"
    kind: Literal["deleverage_at"] = "deleverage_at"

    def __post_init__(self) -> None:
        if not 0 < self.share_ppm <= CERTAIN:
            raise ValueError(f"deleverage_at: share_ppm `{self.share_ppm}` is outside 1 to 1000000")


Fault = (
    SplitFills
    | RefuseRequest
    | LoseRequest
    | DelayAdmission
    | DelayReply
    | LoseReply
    | SpoilReply
    | MisstateLength
    | DripReply
    | RepeatRequest
    | LimitRate
    | HideOrder
    | StaleRead
    | AcceptDuplicate
    | CancelLosesToFill
    | DropFrame
    | DuplicateFrame
    | DelayFrame
    | ReorderFrames
    | SpoilFrame
    | CutStream
    | ExpireKey
    | ExpireKeysAt
    | CutStreamsAt
    | StepClockAt
    | DeleverageAt
)
FrameFault = DropFrame | DuplicateFrame | DelayFrame | ReorderFrames | SpoilFrame | CutStream | ExpireKey
TimedFault = CutStreamsAt | ExpireKeysAt | StepClockAt | DeleverageAt
FaultKind = TypeVar("FaultKind", bound=Fault)


def check_symbols(faults: Iterable[Fault], symbols: Container[str]) -> None:
    """Raise ValueError when a fault waits for a symbol that is not listed: it would never happen."""
    for fault in faults:
        for symbol in (fault.when.symbol, fault.symbol if isinstance(fault, DeleverageAt) else ""):
            if symbol and symbol not in symbols:
                raise ValueError(f"{fault.kind}: symbol `{symbol}` is not listed, name one of the contracts")


@dataclass(frozen=True, slots=True)
class FaultPlan:
    """Everything that goes wrong in one run."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    faults: tuple[Annotated[Fault, Field(discriminator="kind")], ...] = ()

"""What goes wrong, when, as data: a plan of faults that a seed makes repeatable, and the book that counts them.

A fault fires on an *occasion* (a submit, a cancel, a frame about to be sent ...). ``When`` says on which. Each stage of
the server asks the book for the kinds that can happen there, so a fault that is counted has really happened.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Final, Literal, TypeVar

from pydantic import ConfigDict, Field

Occasion = Literal["submit", "cancel", "query", "read", "listen_key", "frame", "time", "any"]
_STRICT: Final = ConfigDict(extra="forbid")
_CERTAIN: Final = 1_000_000


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
    chance_ppm: int = _CERTAIN
    times: int = 1  # how often at most; 0 = no bound

    def __post_init__(self) -> None:
        if min(self.nth, self.every, self.from_ms, self.until_ms, self.times) < 0:
            raise ValueError("when: `nth`, `every`, `from_ms`, `until_ms` and `times` cannot be negative")
        if not 0 <= self.chance_ppm <= _CERTAIN:
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
    on: Occasion = "submit"
    kind: Literal["refuse_request"] = "refuse_request"


@dataclass(frozen=True, slots=True)
class LoseRequest:
    """The request never reaches the exchange: the client waits in vain (``hang``) or is cut off (``reset``)."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    how: Literal["hang", "reset"] = "hang"
    when: When = When()
    on: Occasion = "submit"
    kind: Literal["lose_request"] = "lose_request"


@dataclass(frozen=True, slots=True)
class DelayAdmission:
    """The request waits ``delay_ms`` before it is judged again: refused if it is then older than its window."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    delay_ms: int
    when: When = When()
    on: Occasion = "submit"
    kind: Literal["delay_admission"] = "delay_admission"


@dataclass(frozen=True, slots=True)
class DelayReply:
    """The request is carried out at once and answered ``delay_ms`` later."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    delay_ms: int
    when: When = When()
    on: Occasion = "submit"
    kind: Literal["delay_reply"] = "delay_reply"


@dataclass(frozen=True, slots=True)
class LoseReply:
    """The request is carried out and its answer never arrives; ``torn`` sends headers and half a body."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    how: Literal["hang", "reset", "torn"] = "hang"
    when: When = When()
    on: Occasion = "submit"
    kind: Literal["lose_reply"] = "lose_reply"


@dataclass(frozen=True, slots=True)
class SpoilReply:
    """The request is carried out and answered with something that tells nothing.

    ``body``: ``html`` (a gateway page), ``empty``, ``no_code`` (JSON without code), ``null_data``, or ``code`` (an
    envelope with ``code`` and ``text``, such as 101500, 100500 or 80019 after acceptance).
    """

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    status: int = 504
    body: Literal["html", "empty", "no_code", "null_data", "code"] = "html"
    code: int = 101500
    text: str = "rpc timeout"
    when: When = When()
    on: Occasion = "submit"
    kind: Literal["spoil_reply"] = "spoil_reply"


@dataclass(frozen=True, slots=True)
class LimitRate:
    """The request is refused for its frequency; 109429 carries the time of the next permitted attempt."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    how: Literal["100410", "http429", "http418", "http403", "109429"] = "100410"
    pause_ms: int = 1000
    when: When = When()
    on: Occasion = "submit"
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
    """An account frame is not sent. ``event`` is its name, or empty for any."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    event: str = ""
    when: When = When()
    on: Literal["frame"] = "frame"
    kind: Literal["drop_frame"] = "drop_frame"


@dataclass(frozen=True, slots=True)
class DuplicateFrame:
    """An account frame is sent twice."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    event: str = ""
    when: When = When()
    on: Literal["frame"] = "frame"
    kind: Literal["duplicate_frame"] = "duplicate_frame"


@dataclass(frozen=True, slots=True)
class DelayFrame:
    """An account frame is sent ``delay_ms`` late, so that later frames and replies overtake it."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    delay_ms: int
    event: str = ""
    when: When = When()
    on: Literal["frame"] = "frame"
    kind: Literal["delay_frame"] = "delay_frame"


@dataclass(frozen=True, slots=True)
class CutStream:
    """Every account socket of the account is cut, without a close frame, instead of sending this frame to it."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    event: str = ""
    when: When = When()
    on: Literal["frame"] = "frame"
    kind: Literal["cut_stream"] = "cut_stream"


@dataclass(frozen=True, slots=True)
class CutStreamsAt:
    """At ``at_ms`` (UTC milliseconds of the exchange's clock) sockets are cut without a close frame, traffic or not."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    at_ms: int
    streams: Literal["account", "market", "all"] = "all"
    when: When = When()  # its time is ``at_ms``; the rest can still prevent it
    on: Literal["time"] = "time"
    kind: Literal["cut_streams_at"] = "cut_streams_at"


Fault = (
    SplitFills
    | RefuseRequest
    | LoseRequest
    | DelayAdmission
    | DelayReply
    | LoseReply
    | SpoilReply
    | LimitRate
    | HideOrder
    | AcceptDuplicate
    | CancelLosesToFill
    | DropFrame
    | DuplicateFrame
    | DelayFrame
    | CutStream
    | CutStreamsAt
)
FaultKind = TypeVar("FaultKind", bound=Fault)


@dataclass(frozen=True, slots=True)
class FaultPlan:
    """Everything that goes wrong in one run."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    faults: tuple[Annotated[Fault, Field(discriminator="kind")], ...] = ()


class _Armed:
    """A fault with its counters."""

    __slots__ = ("fault", "fired", "seen")

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.seen = 0
        self.fired = 0


class FaultBook:
    """The plan at work. Equal seeds and equal occasions give equal faults."""

    def __init__(self, plan: FaultPlan, seed: int) -> None:
        self._random = random.Random(f"faults {seed}")
        self._by_kind: dict[type[object], list[_Armed]] = {}
        self._fired: dict[str, int] = {}
        self.arm(plan.faults)

    def arm(self, faults: Sequence[Fault]) -> None:
        """Add faults to a running exchange; their occasions are counted from now."""
        for fault in faults:
            self._by_kind.setdefault(type(fault), []).append(_Armed(fault))
            self._fired.setdefault(fault.kind, 0)

    def disarm(self) -> None:
        """From now on nothing goes wrong; the counts stay."""
        self._by_kind.clear()

    @property
    def armed(self) -> bool:
        """Whether anything can still go wrong."""
        return bool(self._by_kind)

    @property
    def fired(self) -> dict[str, int]:
        """How often each planned kind has happened."""
        return dict(self._fired)

    def fire(
        self, kind: type[FaultKind], on: Occasion, now_ms: int, client_id: str = "", symbol: str = "", event: str = ""
    ) -> FaultKind | None:
        """The fault of this kind that happens on this occasion, or None. Counting is part of asking."""
        armed = self._by_kind.get(kind)
        if not armed:
            return None
        for entry in armed:
            fault = entry.fault
            if isinstance(fault, kind) and self._happens(entry, on, now_ms, client_id, symbol, event):
                self._fired[fault.kind] += 1
                return fault
        return None

    def _happens(self, entry: _Armed, on: Occasion, now_ms: int, client_id: str, symbol: str, event: str) -> bool:
        fault, when = entry.fault, entry.fault.when
        if fault.on not in (on, "any") or (when.symbol and when.symbol != symbol):
            return False
        if when.client_id_prefix and not client_id.startswith(when.client_id_prefix):
            return False
        if isinstance(fault, DropFrame | DuplicateFrame | DelayFrame | CutStream) and fault.event not in ("", event):
            return False
        if isinstance(fault, CutStreamsAt) and fault.at_ms > now_ms:
            return False
        if now_ms < when.from_ms or (when.until_ms and now_ms >= when.until_ms):
            return False
        entry.seen += 1
        if (when.nth and entry.seen != when.nth) or (when.every and entry.seen % when.every):
            return False
        if when.times and entry.fired >= when.times:
            return False
        if when.chance_ppm < _CERTAIN and self._random.randrange(_CERTAIN) >= when.chance_ppm:
            return False
        entry.fired += 1
        return True

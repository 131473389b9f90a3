"""Everything that goes wrong in the soak: every kind of fault that the exchange knows, for hours."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from dita.adapters.exchange import (
    AcceptDuplicate,
    CancelLosesToFill,
    CutStream,
    CutStreamsAt,
    DelayAdmission,
    DelayFrame,
    DelayReply,
    DeleverageAt,
    DripReply,
    DropFrame,
    DuplicateFrame,
    ExpireKey,
    ExpireKeysAt,
    Fault,
    HideOrder,
    LimitRate,
    LoseReply,
    LoseRequest,
    MisstateLength,
    RefuseRequest,
    ReorderFrames,
    RepeatRequest,
    SplitFills,
    SpoilFrame,
    SpoilReply,
    StaleRead,
    StepClockAt,
    When,
)

ORDER_EVENT: Final = "ORDER_TRADE_UPDATE"
_MINUTE_MS: Final = 60_000
_ROUND_MINUTES: Final = 120  # what happens at its time happens again after so long
LEFT_OUT: Final = frozenset({AcceptDuplicate})
"""The adapter never sends an id twice; together with a repeated request it would be the venue that makes two orders."""


def _every(count: int) -> When:
    return When(every=count, times=0)


_ENDS: Final[tuple[SpoilFrame | CutStream | ExpireKey, ...]] = (
    SpoilFrame("garbage", instead=True, event=ORDER_EVENT),
    SpoilFrame("torn", event=ORDER_EVENT),
    SpoilFrame("not_json", instead=True, event=ORDER_EVENT),
    SpoilFrame("wrong_types", event=ORDER_EVENT),
    SpoilFrame("unknown_values", instead=True, event=ORDER_EVENT),
    SpoilFrame("huge", event=ORDER_EVENT),
    SpoilFrame("bomb", instead=True, event=ORDER_EVENT),
    CutStream(ORDER_EVENT),
    CutStream(ORDER_EVENT, how="close"),
    CutStream(ORDER_EVENT, how="half_close"),
    CutStream(ORDER_EVENT, how="silent"),
    ExpireKey(event=ORDER_EVENT),
    ExpireKey(announced=False, event=ORDER_EVENT),
)
ALWAYS: Final[tuple[Fault, ...]] = (
    SplitFills(5, delay_ms=4_000, when=When(times=0)),
    # a request
    RefuseRequest(101204, "Insufficient margin", when=_every(37)),
    RefuseRequest(100500, "Internal system error", when=_every(5), on="listen_key"),
    LoseRequest("hang", _every(41)),
    LoseRequest("reset", _every(43)),
    LoseRequest("half_close", _every(47)),
    DelayAdmission(3_000, _every(29)),
    RepeatRequest(2_000, _every(11)),
    # a reply
    DelayReply(3_000, _every(19)),
    LoseReply("hang", _every(23), on="read"),
    LoseReply("reset", _every(31)),
    LoseReply("half_close", _every(53)),
    LoseReply("torn", _every(59)),
    SpoilReply(502, "html", when=_every(13), on="query"),
    SpoilReply(200, "empty", when=_every(17), on="read"),
    SpoilReply(504, "html", when=_every(61)),
    SpoilReply(200, "object", when=_every(67)),
    SpoilReply(500, "empty", accepted=False, when=_every(71)),
    MisstateLength(40, _every(29), on="query"),
    MisstateLength(-5, _every(73)),
    DripReply(700, when=_every(37), on="read"),
    LimitRate("100410", when=_every(79)),
    HideOrder(5_000, _every(9)),
    StaleRead(4_000, _every(2)),
    CancelLosesToFill(_every(7)),
    # a frame
    DropFrame(ORDER_EVENT, _every(7)),
    DuplicateFrame(ORDER_EVENT, _every(5)),
    DelayFrame(9_000, ORDER_EVENT, _every(11)),
    ReorderFrames(3, 20_000, ORDER_EVENT, _every(17)),
    *(
        replace(fault, when=when)
        for number, fault in enumerate(_ENDS)
        for when in (When(nth=15 + 11 * number), _every(301 + 6 * number))  # each in the first hour, then now and then
    ),
    CutStream("SNAPSHOT", _every(97)),
)


def timed(start_ms: int, hours: float, symbol: str) -> Iterator[Fault]:
    """What happens at its time: in the first hour once, and then again every two hours."""
    for minute in range(0, int(hours * 60), _ROUND_MINUTES):

        def at(later: int, minute: int = minute) -> int:
            return start_ms + (minute + later) * _MINUTE_MS

        # No key is given or extended for minutes: then a second socket is opened, or the first one has ended.
        keyless = When(from_ms=at(9), until_ms=at(13), times=0)
        yield RefuseRequest(100500, "Internal system error", when=keyless, on="listen_key")
        yield ExpireKeysAt(at(22))
        yield ExpireKeysAt(at(27), announced=False)
        yield CutStreamsAt(at(32), "account")
        yield StepClockAt(at(35), 6_000)
        yield StepClockAt(at(38), -6_000)
        yield DeleverageAt(at(41), symbol, 200_000)
        yield LimitRate("http429", on="any", when=When(from_ms=at(44), until_ms=at(44) + 120_000, times=0))

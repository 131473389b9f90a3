"""Everything that goes wrong in the soak: every kind of fault that the exchange knows, for hours."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from dita.adapters.exchange import faults

ORDER_EVENT: Final = "ORDER_TRADE_UPDATE"
_MINUTE_MS: Final = 60_000
_ROUND_MINUTES: Final = 120  # what happens at its time happens again after so long
LEFT_OUT: Final = frozenset({faults.AcceptDuplicate})
"""The adapter never sends an id twice; together with a repeated request it would be the venue that makes two orders."""


def _every(count: int) -> faults.When:
    return faults.When(every=count, times=0)


_ENDS: Final[tuple[faults.SpoilFrame | faults.CutStream | faults.ExpireKey, ...]] = (
    faults.SpoilFrame("garbage", instead=True, event=ORDER_EVENT),
    faults.SpoilFrame("torn", event=ORDER_EVENT),
    faults.SpoilFrame("not_json", instead=True, event=ORDER_EVENT),
    faults.SpoilFrame("wrong_types", event=ORDER_EVENT),
    faults.SpoilFrame("unknown_values", instead=True, event=ORDER_EVENT),
    faults.SpoilFrame("huge", event=ORDER_EVENT),
    faults.SpoilFrame("bomb", instead=True, event=ORDER_EVENT),
    faults.CutStream(ORDER_EVENT),
    faults.CutStream(ORDER_EVENT, how="close"),
    faults.CutStream(ORDER_EVENT, how="half_close"),
    faults.CutStream(ORDER_EVENT, how="silent"),
    faults.ExpireKey(event=ORDER_EVENT),
    faults.ExpireKey(announced=False, event=ORDER_EVENT),
)
ALWAYS: Final[tuple[faults.Fault, ...]] = (
    faults.SplitFills(5, delay_ms=4_000, when=faults.When(times=0)),
    # a request
    faults.RefuseRequest(101204, "Insufficient margin", when=_every(37)),
    faults.RefuseRequest(100500, "Internal system error", when=_every(5), on="listen_key"),
    faults.LoseRequest("hang", _every(41)),
    faults.LoseRequest("reset", _every(43)),
    faults.LoseRequest("half_close", _every(47)),
    faults.DelayAdmission(3_000, _every(29)),
    faults.RepeatRequest(2_000, _every(11)),
    # a reply
    faults.DelayReply(3_000, _every(19)),
    faults.LoseReply("hang", _every(23), on="read"),
    faults.LoseReply("reset", _every(31)),
    faults.LoseReply("half_close", _every(53)),
    faults.LoseReply("torn", _every(59)),
    faults.SpoilReply(502, "html", when=_every(13), on="query"),
    faults.SpoilReply(200, "empty", when=_every(17), on="read"),
    faults.SpoilReply(504, "html", when=_every(61)),
    faults.SpoilReply(200, "object", when=_every(67)),
    faults.SpoilReply(500, "empty", accepted=False, when=_every(71)),
    faults.MisstateLength(40, _every(29), on="query"),
    faults.MisstateLength(-5, _every(73)),
    faults.DripReply(700, when=_every(37), on="read"),
    faults.LimitRate("100410", when=_every(79)),
    faults.HideOrder(5_000, _every(9)),
    faults.StaleRead(4_000, _every(2)),
    faults.CancelLosesToFill(_every(7)),
    # a frame
    faults.DropFrame(ORDER_EVENT, _every(7)),
    faults.DuplicateFrame(ORDER_EVENT, _every(5)),
    faults.DelayFrame(9_000, ORDER_EVENT, _every(11)),
    faults.ReorderFrames(3, 20_000, ORDER_EVENT, _every(17)),
    *(
        replace(fault, when=when)
        for number, fault in enumerate(_ENDS)
        for when in (
            faults.When(nth=15 + 11 * number),
            _every(301 + 6 * number),
        )  # each in the first hour, then now and then
    ),
    faults.CutStream("SNAPSHOT", _every(97)),
)


def timed(start_ms: int, hours: float, symbol: str) -> Iterator[faults.Fault]:
    """What happens at its time: in the first hour once, and then again every two hours."""
    for minute in range(0, int(hours * 60), _ROUND_MINUTES):

        def at(later: int, minute: int = minute) -> int:
            return start_ms + (minute + later) * _MINUTE_MS

        # No key is given or extended for minutes: then a second socket is opened, or the first one has ended.
        keyless = faults.When(from_ms=at(9), until_ms=at(13), times=0)
        yield faults.RefuseRequest(100500, "Internal system error", when=keyless, on="listen_key")
        yield faults.ExpireKeysAt(at(22))
        yield faults.ExpireKeysAt(at(27), announced=False)
        yield faults.CutStreamsAt(at(32), "account")
        yield faults.StepClockAt(at(35), 6_000)
        yield faults.StepClockAt(at(38), -6_000)
        yield faults.DeleverageAt(at(41), symbol, 200_000)
        yield faults.LimitRate(
            "http429", on="any", when=faults.When(from_ms=at(44), until_ms=at(44) + 120_000, times=0)
        )

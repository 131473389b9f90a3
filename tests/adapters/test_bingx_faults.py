"""Every kind of fault that the exchange knows, and what the adapter makes of it; without its handling it makes a mess.

A row has faults, a play, what comes of it, a defect that takes the handling away, and what comes of it then. Both are
compared in full, so a defect that breaks something else, or nothing, turns its row red.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, get_args, get_type_hints

import pytest

from dita.adapters.bingx.orders import CancelKind
from dita.adapters.exchange import faults
from dita.spec.clearance import Clearance
from fault_defects import (
    Defect,
    a_miss_is_absence,
    anything_200_is_a_yes,
    bad_frames_are_skipped,
    bad_orders_are_skipped,
    clock_is_never_doubted,
    echoes_prove_the_end,
    every_code_is_definite,
    everything_is_news,
    expiry_is_ignored,
    frames_are_unbounded,
    gaps_are_not_told,
    gateways_are_definite,
    ids_are_forgotten,
    keys_are_asked_for_once,
    late_cancels_are_strange,
    limits_say_nothing_of_cancels,
    never_pauses,
    new_codes_are_definite,
    no_client_id,
    no_code_is_definite,
    no_reply_is_no_position,
    partly_filled_is_over,
    queries_prove_no_end,
    silence_is_borne,
    silence_is_rejection,
    strangers_are_not_told,
    topics_are_asked_for_once,
    unanswered_cancels_are_done,
    unanswered_queries_are_misses,
    waits_for_ever,
    waits_for_every_byte,
)
from fault_plays import (
    asked,
    cancelled,
    cancelled_unheard,
    deleveraged,
    explained,
    later,
    limited,
    market_goes_on,
    once,
    opening,
    quiet,
    reading,
    stepped,
    stormed,
    streamed,
    then_another,
    twice,
)
from fault_session import SYMBOL, Play, played

START_MS = 1_761_000_000_000  # where a session's clock begins
SOON_MS = START_MS + 30_000
ALWAYS = faults.When(times=0)
ORDERS = "ORDER_TRADE_UPDATE"
PIECES = faults.SplitFills(3, delay_ms=300, when=ALWAYS)


@dataclass(frozen=True)
class Row:
    """What goes wrong, during which play, what comes of it, and what would come of it with the defect."""

    faults: tuple[faults.Fault, ...]
    play: Play
    told: object
    defect: Defect
    mess: object

    @property
    def name(self) -> str:
        """For the name of its test."""
        fault = self.faults[0]
        how = next((str(value) for part in ("how", "body") if (value := getattr(fault, part, None))), "")
        return "-".join(filter(None, (fault.kind, how, self.play.__name__, self.defect.__name__)))


WHOLE: Final[list[str]] = []  # nothing is wrong with what is known
NONE: Final[dict[str, int]] = {}  # no session ended
HALFWAY: Final = ["4 done False, not 10 FILLED", "a notional of 2400004000, not 6000010000"]
CUT_SHORT = ["7 done False, not 10 FILLED", "a notional of 4200007000, not 6000010000"]
UNKNOWN: Final = CancelKind.UNKNOWN
NEVER_TOLD = ["0 done False, not 10 FILLED", "a notional of 0, not 6000010000"]
TOLD_AGAIN: Final = ["told backwards or twice"]
THROTTLED, ACCEPTED = "rejected: throttled", "accepted"
FOURTH: dict[str, Any] = {"event": ORDERS, "when": faults.When(nth=4)}
INSTEAD: dict[str, Any] = {"instead": True, **FOURTH}
MARKET: dict[str, Any] = {"on": "market", "event": "bookTicker", "when": faults.When(nth=2)}
UNDECODABLE, NO_GZIP = (
    "undecodable frame: compressed bytes:",
    "Error -3 while decompressing data: unknown compression method",
)
STORM = faults.When(from_ms=SOON_MS, until_ms=SOON_MS + 30_000, times=0)


def submits() -> list[Row]:
    """What goes wrong with one order on its way."""
    silent = ("unknown: no_reply, found", WHOLE, 1), silence_is_rejection, ("rejected: refused", WHOLE, 1)
    lost = ("unknown: no_reply, absent", WHOLE, 0), silence_is_rejection, ("rejected: refused", WHOLE, 0)
    vague = ("unknown: ambiguous, found", WHOLE, 1), anything_200_is_a_yes, (ACCEPTED, WHOLE, 1)
    hollow = ("unknown: bad_reply, found", WHOLE, 1), anything_200_is_a_yes, (ACCEPTED, WHOLE, 1)
    gateway = ("unknown: ambiguous, found", WHOLE, 1), gateways_are_definite, ("rejected: refused", WHOLE, 1)
    closed = ("unknown: ambiguous, absent", WHOLE, 0), gateways_are_definite, ("rejected: refused", WHOLE, 0)
    late = ("unknown: no_reply, found", WHOLE, 1), a_miss_is_absence, ("unknown: no_reply, absent", WHOLE, 1)
    slow = ("unknown: no_reply, found", WHOLE, 1), waits_for_ever, (ACCEPTED, WHOLE, 1)
    dripping = ("unknown: no_reply, found", WHOLE, 1), waits_for_every_byte, (ACCEPTED, WHOLE, 1)
    table: list[tuple[tuple[faults.Fault, ...], tuple[object, Defect, object]]] = [
        ((faults.LoseRequest("hang"),), lost),
        ((faults.LoseRequest("reset"),), lost),
        ((faults.LoseRequest("half_close"),), lost),
        ((faults.DelayAdmission(1500),), late),
        ((faults.DelayAdmission(4000),), lost),
        ((faults.DelayReply(1500),), silent),
        ((faults.DelayReply(5000),), slow),
        ((faults.LoseReply("hang"),), silent),
        ((faults.LoseReply("reset"),), silent),
        ((faults.LoseReply("half_close"),), silent),
        ((faults.LoseReply("torn"),), silent),
        ((faults.DripReply(500),), dripping),
        ((faults.HideOrder(3000), faults.LoseReply("reset")), late),
        *[((faults.SpoilReply(status),), gateway) for status in (500, 502, 503, 504)],
        *[((faults.SpoilReply(status, "empty"),), gateway) for status in (500, 502, 503, 504)],
        *[((faults.SpoilReply(status, "html", accepted=False),), closed) for status in (500, 502, 503, 504)],
        ((faults.SpoilReply(503, "object", accepted=False),), closed),
        ((faults.SpoilReply(200, "html"),), vague),
        ((faults.SpoilReply(200, "empty"),), vague),
        ((faults.SpoilReply(200, "object"),), vague),
        ((faults.SpoilReply(200, "no_code"),), vague),
        ((faults.SpoilReply(200, "null_data"),), hollow),
        ((faults.SpoilReply(200, "empty_data"),), hollow),
    ]
    return [Row(faults, opening, *rest) for faults, rest in table]


def cancels_and_queries() -> list[Row]:
    """What goes wrong with a request that changes nothing when it is asked again."""
    doubt = (UNKNOWN, False, WHOLE), unanswered_cancels_are_done, (CancelKind.REQUESTED, False, WHOLE)
    paused = (CancelKind.THROTTLED, False, WHOLE), limits_say_nothing_of_cancels, (UNKNOWN, False, WHOLE)
    unasked = ([False, True], WHOLE), unanswered_queries_are_misses, ([True, True], WHOLE)
    table: list[tuple[faults.Fault, Play, tuple[object, Defect, object]]] = [
        (faults.LoseRequest("reset", on="cancel"), cancelled_unheard, doubt),
        (faults.LoseReply("hang", on="cancel"), cancelled_unheard, doubt),
        (faults.LoseReply("torn", on="cancel"), cancelled_unheard, doubt),
        (faults.SpoilReply(504, on="cancel"), cancelled_unheard, doubt),
        (faults.SpoilReply(200, "object", on="cancel"), cancelled_unheard, doubt),
        (faults.MisstateLength(-5, on="cancel"), cancelled_unheard, doubt),
        (faults.LimitRate("http429", on="cancel"), cancelled_unheard, paused),
        (faults.LoseReply("hang", on="query"), asked, unasked),
        (faults.SpoilReply(502, on="query"), asked, unasked),
        (faults.SpoilReply(200, "empty", on="query"), asked, unasked),
        (faults.MisstateLength(-5, on="query"), asked, unasked),
        (faults.RefuseRequest(100500, "Internal system error", on="query"), asked, unasked),
    ]
    return [Row((fault,), play, *rest) for fault, play, rest in table]


def streams() -> list[Row]:
    """What goes wrong with the frames of orders that are filled in pieces."""
    again = (WHOLE, NONE), everything_is_news, (TOLD_AGAIN, NONE)
    garbled = (WHOLE, {"undecodable": 1}), bad_frames_are_skipped, (CUT_SHORT, NONE)
    unread = (WHOLE, {"unreadable order": 1}), bad_orders_are_skipped, (CUT_SHORT, NONE)
    lost = (WHOLE, {"connection lost": 1}), gaps_are_not_told, (CUT_SHORT, {"connection lost": 1})
    silent = (WHOLE, {"silent": 1}), silence_is_borne, ([*CUT_SHORT, *NEVER_TOLD], NONE)
    expired = (WHOLE, {"listen key": 1}), gaps_are_not_told, (CUT_SHORT, {"listen key": 1})
    missed = (WHOLE, {"listen key": 1}), expiry_is_ignored, (WHOLE, {"connection lost": 1})
    table: list[tuple[faults.Fault, tuple[object, Defect, object]]] = [
        (faults.DuplicateFrame(ORDERS, ALWAYS), again),
        (faults.DelayFrame(2000, ORDERS, faults.When(every=2, times=0)), again),
        (faults.ReorderFrames(3, event=ORDERS, when=ALWAYS), again),
        (faults.SpoilFrame("garbage", **INSTEAD), garbled),
        (faults.SpoilFrame("torn", **INSTEAD), garbled),
        (faults.SpoilFrame("not_json", **INSTEAD), garbled),
        (faults.SpoilFrame("wrong_types", **INSTEAD), unread),
        (faults.SpoilFrame("unknown_values", **INSTEAD), unread),
        (faults.CutStream(how="reset", **FOURTH), lost),
        (faults.CutStream(how="close", **FOURTH), lost),
        (faults.CutStream(how="half_close", **FOURTH), lost),
        (faults.CutStream(how="silent", **FOURTH), silent),
        (faults.ExpireKey(**FOURTH), expired),
        (faults.ExpireKey(**FOURTH), missed),
        (faults.ExpireKey(announced=False, **FOURTH), silent),
    ]
    return [Row((fault, PIECES), streamed, *rest) for fault, rest in table]


def moments() -> list[Row]:
    """What happens at its time, whatever is under way."""
    lost = (WHOLE, {"connection lost": 1}), gaps_are_not_told, (CUT_SHORT, {"connection lost": 1})
    silent = (WHOLE, {"silent": 1}), silence_is_borne, ([*CUT_SHORT, *HALFWAY, *NEVER_TOLD], NONE)
    table: list[tuple[faults.Fault, tuple[object, Defect, object]]] = [
        (
            faults.ExpireKeysAt(SOON_MS),
            ((WHOLE, {"listen key": 1}), gaps_are_not_told, (CUT_SHORT, {"listen key": 1})),
        ),
        (faults.ExpireKeysAt(SOON_MS, announced=False), silent),
        (faults.CutStreamsAt(SOON_MS, "account"), lost),
        (faults.CutStreamsAt(SOON_MS, "account", how="close"), lost),
        (faults.CutStreamsAt(SOON_MS, "account", how="half_close"), lost),
        (faults.CutStreamsAt(SOON_MS, "all", how="silent"), silent),
    ]
    return [Row((fault, PIECES), later, *rest) for fault, rest in table]


REFUSED = "rejected: refused"
REQUESTED, ALREADY_DONE = CancelKind.REQUESTED, CancelKind.ALREADY_DONE
MARGIN = faults.RefuseRequest(101204, "Insufficient margin")
RPC = faults.RefuseRequest(101500, "rpc timeout")
BUSY_KEYS = faults.RefuseRequest(100500, "Internal system error", on="listen_key", when=faults.When(times=2))
LATE_CODE = faults.SpoilReply(200, "code", 101500, "rpc timeout")
NEW_CODE = faults.SpoilReply(200, "code", 987654, "what no page of the venue tells of")
ROWS: list[Row] = [
    *submits(),
    *cancels_and_queries(),
    Row((MARGIN,), opening, (REFUSED, WHOLE, 0), no_code_is_definite, ("unknown: ambiguous, absent", WHOLE, 0)),
    Row((RPC,), opening, ("unknown: ambiguous, absent", WHOLE, 0), every_code_is_definite, (REFUSED, WHOLE, 0)),
    Row((LATE_CODE,), opening, ("unknown: ambiguous, found", WHOLE, 1), every_code_is_definite, (REFUSED, WHOLE, 1)),
    Row((NEW_CODE,), opening, ("unknown: ambiguous, found", WHOLE, 1), new_codes_are_definite, (REFUSED, WHOLE, 1)),
    Row(
        (faults.MisstateLength(40),), then_another,
        (("unknown: no_reply, found", WHOLE, 1), ACCEPTED), silence_is_rejection, ((REFUSED, WHOLE, 1), ACCEPTED),
    ),
    Row(
        (faults.MisstateLength(-5),), then_another,
        (("unknown: ambiguous, found", WHOLE, 1), ACCEPTED), anything_200_is_a_yes, ((ACCEPTED, WHOLE, 1), ACCEPTED),
    ),
    Row((faults.RepeatRequest(),), once, (ACCEPTED, 1), no_client_id, ("unknown: echo_differs", 2)),
    Row((faults.RepeatRequest(500),), once, (ACCEPTED, 1), no_client_id, ("unknown: echo_differs", 2)),
    Row(
        (faults.AcceptDuplicate(),), twice,
        ([ACCEPTED, "unknown: already_submitted"], 1), ids_are_forgotten, ([ACCEPTED, ACCEPTED], 2),
    ),
    Row(
        (faults.SpoilReply(200, "object", on="read", when=faults.When(times=2)),), reading,
        ["VenueRefused", "VenueRefused", "0 positions"], no_reply_is_no_position,
        ["VenueRefused", "0 positions", "0 positions"],
    ),
    *[
        Row(
            (faults.LimitRate(how, pause_ms=60_000),), limited,
            ([THROTTLED, THROTTLED, ACCEPTED], True), never_pauses, ([THROTTLED, ACCEPTED, ACCEPTED], False),
        )
        for how in get_args(get_type_hints(faults.LimitRate)["how"])
    ],
    Row(
        (faults.LimitRate("http429", on="any", when=STORM),), stormed,
        (ACCEPTED, True, ["0 positions"]), never_pauses, (ACCEPTED, False, ["0 positions"]),
    ),
    Row(
        (faults.StaleRead(2000),), cancelled,
        (REQUESTED, False, WHOLE, [(0, False), (0, True)]), everything_is_news,
        (REQUESTED, False, TOLD_AGAIN, [(0, False), (0, False), (0, True), (0, False), (0, True)]),
    ),
    Row(
        (faults.StaleRead(2000),), cancelled_unheard,
        (REQUESTED, False, WHOLE), echoes_prove_the_end, (REQUESTED, True, WHOLE),
    ),
    Row(
        (faults.CancelLosesToFill(),), cancelled_unheard,
        (ALREADY_DONE, False, WHOLE), late_cancels_are_strange, (UNKNOWN, False, WHOLE),
    ),
    Row(
        (faults.SplitFills(3, delay_ms=300),), streamed, (WHOLE, NONE), partly_filled_is_over,
        (["over too soon"], NONE),
    ),
    Row(
        (faults.DropFrame(ORDERS, faults.When(every=2, times=0)), PIECES), quiet,
        WHOLE, queries_prove_no_end, ["10 done False, not 10 FILLED"],
    ),
    Row((BUSY_KEYS,), streamed, (WHOLE, {"listen key": 2}), keys_are_asked_for_once, (NEVER_TOLD, {"listen key": 1})),
    *streams(),
    Row(
        (faults.SpoilFrame("huge", **INSTEAD), PIECES), explained,
        ((WHOLE, {"connection lost": 1}), ["not connected yet", "connection lost: ConnectionClosedError"]),
        frames_are_unbounded,
        ((WHOLE, {"undecodable": 1}), ["not connected yet", f"{UNDECODABLE} not readable ({NO_GZIP})"]),
    ),
    Row(
        (faults.SpoilFrame("bomb", **INSTEAD), PIECES), explained,
        ((WHOLE, {"undecodable": 1}), ["not connected yet", f"{UNDECODABLE} more than `4194304` bytes inside"]),
        frames_are_unbounded,
        ((WHOLE, {"undecodable": 1}), ["not connected yet", "undecodable frame: JSON: not readable (JSONDecodeError)"]),
    ),
    *moments(),
    Row(
        (faults.SpoilFrame("garbage", **MARKET),), market_goes_on,
        ([True, True], {"undecodable": 1}), bad_frames_are_skipped, ([True, True], NONE),
    ),
    Row(
        (faults.CutStream(**MARKET),), market_goes_on,
        ([True, True], {"connection lost": 1}), topics_are_asked_for_once,
        ([True, False], {"connection lost": 1, "heartbeats only": 1}),
    ),
    Row(
        (faults.CutStream(how="silent", **MARKET),), market_goes_on,
        ([True, True], {"silent": 1}), silence_is_borne, ([True, False], NONE),
    ),
    Row(
        (faults.CutStreamsAt(START_MS + 3_000, "market"),), market_goes_on,
        ([True, True], {"connection lost": 1}), topics_are_asked_for_once,
        ([True, False], {"connection lost": 1, "heartbeats only": 1}),
    ),
    Row(
        (faults.StepClockAt(SOON_MS, 7000),), stepped,
        [ACCEPTED, REFUSED, "rejected: not_sent", ACCEPTED], clock_is_never_doubted, [ACCEPTED, *[REFUSED] * 3],
    ),
    Row(
        (faults.StepClockAt(SOON_MS, -7000),), stepped,
        [ACCEPTED, REFUSED, ACCEPTED, ACCEPTED], clock_is_never_doubted, [ACCEPTED, *[REFUSED] * 3],
    ),
    Row(
        (faults.DeleverageAt(SOON_MS, SYMBOL, 300_000),), deleveraged,
        ([7], {("", "LIQUIDATION"): 1}), strangers_are_not_told, ([7], NONE),
    ),
]  # fmt: skip
NEVER_GETS_THE_CHANCE = {faults.AcceptDuplicate}
"""The adapter gives these no occasion; with the defect they happen."""


# ---- the suite


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_fault_is_borne(row: Row, clearance: Clearance) -> None:
    """What comes of the play is what the row says, to the unit; and the fault has really happened."""
    told, fired = played(row.play, clearance, *row.faults)
    assert told == row.told
    assert all((fired[fault.kind] > 0) is (type(fault) not in NEVER_GETS_THE_CHANCE) for fault in row.faults)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_without_its_handling_the_fault_is_not_borne(
    row: Row, clearance: Clearance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the defect the same play comes to what the row says it would: another end, and for this very reason."""
    row.defect(monkeypatch)
    told, fired = played(row.play, clearance, *row.faults)
    assert told == row.mess != row.told
    assert all(fired[fault.kind] > 0 for fault in row.faults)


def unnamed(rows: Sequence[Row]) -> list[str]:
    """Every kind of fault, and every way of one, that no row begins with."""
    found: list[str] = []
    for kind in get_args(faults.Fault):
        named = [row.faults[0] for row in rows if type(row.faults[0]) is kind]
        if not named:
            found.append(kind.__name__)
        for part, hint in get_type_hints(kind).items():
            if part in ("how", "body", "accepted", "announced", "streams"):
                ways = get_args(hint) or (True, False)
                seen = {getattr(fault, part) for fault in named}
                found += [f"{kind.__name__} {part} {way}" for way in ways if way not in seen]
    occasions = [occasion for part in get_args(faults.Occasion) for occasion in get_args(part) or (part,)]
    return found + [f"on {occasion}" for occasion in occasions if occasion not in {row.faults[0].on for row in rows}]


def test_every_kind_and_way_of_fault_has_a_row() -> None:
    """The kinds that the exchange knows and those of the rows are the same; a row that is taken away is missed."""
    assert unnamed(ROWS) == []
    for kind in get_args(faults.Fault):
        assert kind.__name__ in unnamed([row for row in ROWS if type(row.faults[0]) is not kind])
    assert unnamed([row for row in ROWS if getattr(row.faults[0], "how", "") != "torn"]) == ["LoseReply how torn"]
    for occasion in ("submit", "cancel", "query", "read", "listen_key", "any", "frame", "market", "time"):
        assert f"on {occasion}" in unnamed([row for row in ROWS if row.faults[0].on != occasion])

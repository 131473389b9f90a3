"""What became of an order whose submit has no certain answer: asked for until it is found, or surely absent.

A pure state machine: ``question`` says what to ask the venue next, ``answered`` takes the answer. It believes in
absence only when everything of clause U4 holds, in this order:

1. *Premises*: this process has seen the venue echo a client id, and has seen it refuse a stale timestamp.
2. A fresh reading of the venue's own clock lies beyond deadline + ADMIT_MARGIN; deadline = send_by + receive window, so
   no copy of the request can still be admitted.
3. After that, three misses in a row by client id, at least a second apart.
4. A fencing cancel by client id meets `no such order`.
5. The order is not among the open orders, the order history, the full listing or the fills; there is no order nobody
   owns that could be it under another name; the position is what the kernel expects. After SHORTFALL_ROUNDS rounds,
   which take longer than any listing lags, an exit may be absent although something else is held than expected, and
   although an order that is over could be it: then something has closed or opened (a hand, a process whose journal
   failed, an entry that was admitted late), and an exit that nothing lists has not. To believe so wrongly opens
   nothing; the mismatch that remains is the reconcile's to explain.

Any read that fails, and anything that does not fit, is an obstacle: the round begins anew after a back-off, clock
reading included. The machine never gives up and never guesses. A time-out of the caller's patience is an alert, not an
answer. An order that was ever seen is never absent: when the venue no longer knows it, it has ended with the fills that
the history shows.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum, IntFlag
from typing import Final

from dita.adapters.logic.arithmetic import money_of_e18
from dita.adapters.logic.rows import FillRow, OrderRow, PositionRow
from dita.adapters.logic.snowflake import created_ns
from dita.spec import inputs
from dita.spec.inputs import Input
from dita.spec.order_ids import OrderKey, parse_client_order_id
from dita.spec.scales import NANOSECONDS_PER_MILLISECOND, NANOSECONDS_PER_SECOND
from dita.spec.vocabulary import ADMIT_MARGIN_NS, OrderSide, Side

MISSES_NEEDED: Final = 3
MISS_SPACING_NS: Final = NANOSECONDS_PER_SECOND
_POLL_NS: Final = 400 * NANOSECONDS_PER_MILLISECOND  # while the deadline has not passed
_BACKOFF_NS: Final = NANOSECONDS_PER_SECOND
_BACKOFF_DOUBLINGS_MAX: Final = 5  # 1 s … 32 s
SHORTFALL_ROUNDS: Final = 5  # 31 s of waiting, and the questions of each round
_HISTORY_BEFORE_NS: Final = 5 * NANOSECONDS_PER_SECOND
_SUSPECT_BEFORE_NS: Final = 2 * NANOSECONDS_PER_SECOND


class Check(IntFlag):
    """The evidence in a NOT_FOUND input; together they are the kernel's ALL_CHECKS."""

    CLOCK = 1  # a fresh reading of the venue's clock, where stale timestamps are known to be refused
    MISSES = 2  # three in a row by client id, where client ids are known to be honoured
    FENCE = 4
    OPEN_ORDERS = 8
    HISTORY = 16  # order history and full listing, strangers included
    FILLS = 32
    POSITION = 64


NO_CHECKS: Final = Check(0)


@dataclass(frozen=True, slots=True)
class Case:
    """The order in question. Times are venue time, UTC nanoseconds."""

    key: OrderKey
    tag: str
    symbol: str
    client_order_id: str
    side: OrderSide
    quantity: int  # ordered, 1e-8 coins
    submitted_ns: int  # not after the submit was first attempted
    send_by_ns: int  # nothing was written after it
    window_ns: int  # the receive window in the request
    order_id: str = ""  # the venue's, if it was ever told

    @property
    def deadline_ns(self) -> int:
        """After this venue time the request cannot be admitted any more."""
        return self.send_by_ns + self.window_ns


@dataclass(frozen=True, slots=True)
class Facts:
    """What the runtime knows at the moment of judgement."""

    seen: bool  # any evidence that the order ever existed
    long_quantity: int  # what the kernel expects to be held, the order in question not filled
    short_quantity: int
    owned_order_ids: frozenset[str]  # venue ids of our other orders on this symbol
    echo_seen: bool  # this process has seen the venue echo a client id of ours
    stale_refused: bool  # this process has seen the venue refuse a stale timestamp


# ---- questions


@dataclass(frozen=True, slots=True)
class AskByClientId:
    """Query the order by our id."""

    symbol: str
    client_order_id: str


@dataclass(frozen=True, slots=True)
class AskByOrderId:
    """Query the order by the venue's id."""

    symbol: str
    order_id: str


@dataclass(frozen=True, slots=True)
class AskServerTime:
    """Read the venue's clock."""


@dataclass(frozen=True, slots=True)
class AskFence:
    """Cancel by our id, to see whether there is anything to cancel."""

    symbol: str
    client_order_id: str


@dataclass(frozen=True, slots=True)
class AskOpenOrders:
    """List the open orders."""

    symbol: str


@dataclass(frozen=True, slots=True)
class AskHistory:
    """List the order history, or with ``full`` the orders of every state, from ``start_ns`` on."""

    symbol: str
    start_ns: int
    full: bool


@dataclass(frozen=True, slots=True)
class AskFills:
    """List the fills of the symbol from ``start_ns`` on."""

    symbol: str
    start_ns: int


@dataclass(frozen=True, slots=True)
class AskPositions:
    """List the positions of the symbol."""

    symbol: str


@dataclass(frozen=True, slots=True)
class AskFacts:
    """Say what the kernel expects now."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Do nothing for so long; answer with Waited."""

    duration_ns: int


Question = (
    AskByClientId | AskByOrderId | AskServerTime | AskFence | AskOpenOrders | AskHistory | AskFills | AskPositions
    | AskFacts | Wait
)  # fmt: skip


# ---- answers


@dataclass(frozen=True, slots=True)
class Failed:
    """The question was not answered with certainty."""

    why: str


@dataclass(frozen=True, slots=True)
class Order:
    """A query's answer: the row, or None for `no such order`."""

    row: OrderRow | None


@dataclass(frozen=True, slots=True)
class ServerTime:
    """The venue's clock, UTC nanoseconds."""

    time_ns: int


class Fence(Enum):
    """What the fencing cancel met."""

    NO_SUCH_ORDER = "no such order"
    SOMETHING = "something"  # it was cancelled, or is done: there was an order


@dataclass(frozen=True, slots=True)
class Orders:
    """A listing, complete."""

    rows: tuple[OrderRow, ...]


@dataclass(frozen=True, slots=True)
class Fills:
    """Fill rows, complete."""

    rows: tuple[FillRow, ...]


@dataclass(frozen=True, slots=True)
class Positions:
    """Positions, complete."""

    rows: tuple[PositionRow, ...]


@dataclass(frozen=True, slots=True)
class Waited:
    """The wait is over."""


Answer = Failed | Order | ServerTime | Fence | Orders | Fills | Positions | Facts | Waited


# ---- results


@dataclass(frozen=True, slots=True)
class Found:
    """The venue knows the order: ``dita.adapters.logic.orders`` turns the row into a snapshot."""

    row: OrderRow


@dataclass(frozen=True, slots=True)
class Absent:
    """Accepted as absent, with the evidence."""

    deadline_ns: int
    as_of_ns: int
    checks: Check


@dataclass(frozen=True, slots=True)
class Ended:
    """The order was seen, the venue knows it no more, and its fills are these: it is over."""

    quantity: int
    quote: int
    time_ns: int


Result = Found | Absent | Ended


# ---- the machine


class Stage(Enum):
    """What the machine is about to ask."""

    QUERY = "query"
    QUERY_ID = "query id"
    CLOCK = "clock"
    FENCE = "fence"
    OPEN_ORDERS = "open orders"
    HISTORY = "history"
    FULL = "full"
    FILLS = "fills"
    POSITIONS = "positions"
    FACTS = "facts"
    WAIT = "wait"


@dataclass(frozen=True, slots=True)
class Resolution:
    """The state between two questions. ``obstacle``: why the last round proved nothing; ``rounds``: how many did."""

    case: Case
    stage: Stage = Stage.QUERY
    order_id: str = ""  # one to query by: known from the start, or found in a listing
    as_of_ns: int = 0  # the fresh venue time beyond the deadline; 0: none in this round
    misses: int = 0
    checks: Check = NO_CHECKS
    rows: tuple[OrderRow, ...] = ()
    fills: tuple[FillRow, ...] = ()
    positions: tuple[PositionRow, ...] = ()
    wait_ns: int = 0
    after_wait: Stage = Stage.QUERY
    rounds: int = 0
    obstacle: str = ""


def begin(case: Case) -> Resolution:
    """Start asking."""
    return Resolution(case, order_id=case.order_id)


def question(at: Resolution) -> Question:
    """What to ask now."""
    case = at.case
    start_ns = case.submitted_ns - _HISTORY_BEFORE_NS
    match at.stage:
        case Stage.QUERY:
            return AskByClientId(case.symbol, case.client_order_id)
        case Stage.QUERY_ID:
            return AskByOrderId(case.symbol, at.order_id)
        case Stage.CLOCK:
            return AskServerTime()
        case Stage.FENCE:
            return AskFence(case.symbol, case.client_order_id)
        case Stage.OPEN_ORDERS:
            return AskOpenOrders(case.symbol)
        case Stage.HISTORY | Stage.FULL:
            return AskHistory(case.symbol, start_ns, full=at.stage is Stage.FULL)
        case Stage.FILLS:
            return AskFills(case.symbol, start_ns)
        case Stage.POSITIONS:
            return AskPositions(case.symbol)
        case Stage.FACTS:
            return AskFacts()
        case Stage.WAIT:
            return Wait(at.wait_ns)


def answered(at: Resolution, answer: Answer) -> Resolution | Result:
    """Take the answer to ``question(at)``. An answer of another kind raises TypeError: that is the caller's bug."""
    match at.stage, answer:
        case _, Failed(why):
            return _blocked(at, f"{at.stage.value}: {why}")
        case Stage.WAIT, Waited():
            return replace(at, stage=at.after_wait)
        case ((Stage.QUERY | Stage.QUERY_ID), Order(row)):
            return _missed(at) if row is None else _matched(at, row)
        case Stage.CLOCK, ServerTime(time_ns):
            return _clock_read(at, time_ns)
        case Stage.FENCE, Fence() as fence:
            if fence is Fence.SOMETHING:
                return _blocked(at, "the fencing cancel met an order")
            return replace(at, stage=Stage.OPEN_ORDERS, checks=at.checks | Check.FENCE)
        case Stage.OPEN_ORDERS, Orders(rows):
            return _listed(at, rows, Stage.HISTORY)
        case Stage.HISTORY, Orders(rows):
            return _listed(at, rows, Stage.FULL)
        case Stage.FULL, Orders(rows):
            return _listed(at, rows, Stage.FILLS)
        case Stage.FILLS, Fills(rows):
            return replace(at, stage=Stage.POSITIONS, fills=rows)
        case Stage.POSITIONS, Positions(rows):
            return replace(at, stage=Stage.FACTS, positions=rows)
        case Stage.FACTS, Facts() as facts:
            return _judged(at, facts)
        case _:
            raise TypeError(f"answer: `{type(answer).__name__}` does not answer the question `{at.stage.value}`")


def not_found_input(case: Case, instrument: int, absent: Absent) -> Input:
    """The NOT_FOUND input of an absence; the kernel judges its evidence again."""
    return inputs.not_found(
        slot=case.key.slot,
        instrument=instrument,
        trade=case.key.trade,
        attempt=case.key.attempt,
        deadline_ns=absent.deadline_ns,
        as_of_ns=absent.as_of_ns,
        checks=int(absent.checks),
    )


def ended_input(case: Case, instrument: int, ended: Ended) -> Input:
    """The ORDER input of an order that was seen and is no more."""
    return inputs.order(
        slot=case.key.slot,
        instrument=instrument,
        trade=case.key.trade,
        attempt=case.key.attempt,
        quantity=ended.quantity,
        quote=ended.quote,
        done=True,
        time_ns=ended.time_ns,
    )


# ---- steps


def _blocked(at: Resolution, obstacle: str) -> Resolution:
    """Nothing is proved: forget the evidence of this round, wait, begin again."""
    backoff_ns = _BACKOFF_NS << min(at.rounds, _BACKOFF_DOUBLINGS_MAX)
    return Resolution(
        at.case,
        stage=Stage.WAIT,
        order_id=at.order_id,
        wait_ns=backoff_ns,
        rounds=at.rounds + 1,
        obstacle=obstacle,
    )


def _pause(at: Resolution, wait_ns: int, then: Stage) -> Resolution:
    return replace(at, stage=Stage.WAIT, wait_ns=wait_ns, after_wait=then)


def _matched(at: Resolution, row: OrderRow) -> Resolution | Result:
    """Believe a row only if it is about this very order; by the venue's id, one without a client id will do."""
    case = at.case
    nameless = row.client_order_id == "" and at.stage is Stage.QUERY_ID
    if row.client_order_id != case.client_order_id and not nameless:
        if at.stage is Stage.QUERY_ID and at.order_id != case.order_id:
            return _blocked(replace(at, order_id=case.order_id), "an order of the listings proved to be another one")
        return _blocked(at, f"asked for `{case.client_order_id}`, told about `{row.client_order_id}`")
    if row.symbol != case.symbol or row.side is not case.side:
        return _blocked(at, f"the order under our id is another one: `{row.symbol}` `{row.side.name}`")
    return Found(row)


def _missed(at: Resolution) -> Resolution:
    """`No such order`: by our id it counts, once the deadline has passed; then the venue's id is tried, if known."""
    if at.stage is Stage.QUERY and at.order_id:
        return replace(at, stage=Stage.QUERY_ID)
    if at.as_of_ns == 0:
        return replace(at, stage=Stage.CLOCK)
    misses = at.misses + 1
    if misses < MISSES_NEEDED:
        return _pause(replace(at, misses=misses), MISS_SPACING_NS, Stage.QUERY)
    return replace(at, stage=Stage.FENCE, misses=misses, checks=at.checks | Check.MISSES)


def _clock_read(at: Resolution, time_ns: int) -> Resolution:
    earliest_ns = at.case.deadline_ns + ADMIT_MARGIN_NS
    if time_ns > earliest_ns:
        # The misses must come after this reading; so the query is asked anew, and counts from one.
        return replace(at, stage=Stage.QUERY, as_of_ns=time_ns, misses=0, checks=Check.CLOCK)
    left_ns = earliest_ns - time_ns + NANOSECONDS_PER_MILLISECOND
    return _pause(at, min(_POLL_NS, left_ns), Stage.QUERY)


def _listed(at: Resolution, rows: tuple[OrderRow, ...], then: Stage) -> Resolution:
    """A listing: our order in it ends the search for absence."""
    case = at.case
    own = [
        row
        for row in rows
        if row.client_order_id == case.client_order_id or (case.order_id and row.order_id == case.order_id)
    ]
    if own:
        # A listing is a hint; the order itself is asked for by the id that the listing gave.
        return replace(_blocked(at, f"{at.stage.value}: the order is listed"), order_id=own[0].order_id)
    check = Check.OPEN_ORDERS if at.stage is Stage.OPEN_ORDERS else NO_CHECKS
    if at.stage is Stage.FULL:
        check = Check.HISTORY
    return replace(at, stage=then, rows=(*at.rows, *rows), checks=at.checks | check)


def _judged(at: Resolution, facts: Facts) -> Resolution | Result:
    case = at.case
    own_ids = frozenset(row.order_id for row in at.rows if _is_of_this_journal(case.tag, row.client_order_id))
    owned = (facts.owned_order_ids | own_ids) - {at.order_id, case.order_id}
    is_patient = case.key.attempt > 0 and at.rounds >= SHORTFALL_ROUNDS
    harmless = owned | {
        row.order_id for row in at.rows if not _is_like_ours(case, row) or (is_patient and row.state.is_terminal)
    }
    obstacle = _stranger(case, at.rows, harmless) or _strange_fill(at, harmless)
    if obstacle:
        return _blocked(at, obstacle)
    if facts.seen or case.order_id:  # what the venue has named has existed
        return _ended(at)
    held = (_held(at.positions, Side.LONG), _held(at.positions, Side.SHORT))
    expected = (facts.long_quantity, facts.short_quantity)
    if held != expected and not is_patient:
        return _blocked(at, f"position: held `{held}`, expected `{expected}`")
    if not facts.echo_seen or not facts.stale_refused:
        return _blocked(at, "premises: the venue has not been seen to echo ids and to refuse stale timestamps")
    return Absent(case.deadline_ns, at.as_of_ns, at.checks | Check.FILLS | Check.POSITION)


def _is_of_this_journal(tag: str, client_order_id: str) -> bool:
    """Whether we gave out this id, under the journal's tag or under one that only begins with it (``OrderNames``)."""
    given = client_order_id.partition("-")[0]
    return given.startswith(tag) and parse_client_order_id(given, client_order_id) is not None


def _stranger(case: Case, rows: Iterable[OrderRow], harmless: frozenset[str]) -> str:
    """An order that nobody owns and that could be ours under another name: our side and quantity, created then."""
    for row in rows:
        if row.order_id not in harmless and _may_be_ours(case, row.order_id):
            return f"order `{row.order_id}` is nobody's and could be this one"
    return ""


def _is_like_ours(case: Case, row: OrderRow) -> bool:
    return row.side is case.side and row.ordered_quantity == case.quantity


def _strange_fill(at: Resolution, harmless: frozenset[str]) -> str:
    """A fill of an order that nobody owns, created when ours could have been, and not known to be unlike it."""
    own = {at.case.order_id, at.order_id} - {""}
    for fill in at.fills:
        if fill.order_id in harmless or fill.order_id in own or not _may_be_ours(at.case, fill.order_id):
            continue
        return f"fill `{fill.trade_id}` belongs to order `{fill.order_id}`, which is nobody's"
    return ""


def _may_be_ours(case: Case, order_id: str) -> bool:
    """Whether an order of this id can have been created by our request; unreadable ids can."""
    time_ns = created_ns(order_id)
    if time_ns is None:
        return True
    return case.submitted_ns - _SUSPECT_BEFORE_NS <= time_ns <= case.deadline_ns + ADMIT_MARGIN_NS


def _held(rows: Iterable[PositionRow], side: Side) -> int:
    return sum(row.quantity for row in rows if row.side is side)


def _ended(at: Resolution) -> Resolution | Result:
    """Seen once and known no more: what the history shows of it is all there ever will be."""
    order_id = at.case.order_id or at.order_id
    if not order_id:
        return _blocked(at, "the order was seen, and the venue's id of it is not known")
    fills = {row.trade_id: row for row in at.fills if row.order_id == order_id}.values()
    quantity = sum(row.quantity for row in fills)
    quote = money_of_e18(sum(row.price * row.quantity for row in fills))
    if quantity > at.case.quantity:
        return _blocked(at, f"fills of `{quantity}` for an order of `{at.case.quantity}`")
    return Ended(quantity, quote, max((row.time_ns for row in fills), default=at.as_of_ns))

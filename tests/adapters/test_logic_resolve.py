"""Resolution of an unknown order: absence is believed only on full evidence, and everything else keeps asking."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dita.adapters.logic import resolve
from dita.adapters.logic.resolve import (
    SHORTFALL_ROUNDS,
    Absent,
    Answer,
    AskByClientId,
    AskByOrderId,
    AskFacts,
    AskFence,
    AskFills,
    AskHistory,
    AskOpenOrders,
    AskPositions,
    AskServerTime,
    Case,
    Check,
    Ended,
    Facts,
    Failed,
    Fence,
    Fills,
    Found,
    Order,
    Orders,
    Positions,
    Question,
    Resolution,
    ServerTime,
    Wait,
    Waited,
)
from dita.adapters.logic.rows import Evidence, FillRow, OrderRow, OrderState, PositionRow
from dita.adapters.logic.snowflake import created_ns
from dita.spec.inputs import Input
from dita.spec.order_ids import OrderKey
from dita.spec.vocabulary import ADMIT_MARGIN_NS, ALL_CHECKS, Kind, OrderSide, Side

SECOND = 10**9
MS = 10**6
T0 = 1_760_000_000 * SECOND
CASE = Case(
    key=OrderKey(1, 0, 0), tag="jrnl", symbol="BTC-USDT", client_order_id="jrnl-1-0-0", side=OrderSide.BUY,
    quantity=1_000_000, submitted_ns=T0, send_by_ns=T0 + SECOND, window_ns=2 * SECOND,
)  # fmt: skip
EARLIEST = CASE.deadline_ns + ADMIT_MARGIN_NS
FACTS = Facts(
    seen=False, long_quantity=0, short_quantity=0, owned_order_ids=frozenset(), echo_seen=True, stale_refused=True
)


def snowflake(time_ns: int, sequence: int = 1) -> str:
    """An id as the venue would make it at that time."""
    return str(((time_ns // MS - 1_288_834_974_657) << 22) | sequence)


def order_row(**change: object) -> OrderRow:
    row = OrderRow(
        evidence=Evidence.QUERY, symbol="BTC-USDT", order_id=snowflake(T0 + 50 * MS), client_order_id="jrnl-1-0-0",
        side=OrderSide.BUY, position_side="LONG", state=OrderState.OPEN, status_text="NEW", type_text="LIMIT",
        ordered_quantity=1_000_000, cum_quantity=0, average_price=0, time_ns=T0 + 50 * MS,
    )  # fmt: skip
    return replace(row, **change)  # type: ignore[arg-type]  # one field of many


def fill_row(order_id: str, trade_id: str = "1", quantity: int = 400_000, price: int = 600_000_000_000_000) -> FillRow:
    return FillRow(
        "BTC-USDT", trade_id, order_id, OrderSide.BUY, "LONG", price, quantity, -(10**15), "USDT", T0 + SECOND
    )


STRANGER = order_row(order_id=snowflake(T0 + 100 * MS, 7), client_order_id="", evidence=Evidence.LISTING)


@dataclass
class World:
    """A venue that answers questions, with a clock that moves; the test bends single answers."""

    now_ns: int = T0 + 100 * MS
    order: OrderRow | None = None
    listed: dict[str, tuple[OrderRow, ...]] = field(default_factory=dict[str, tuple[OrderRow, ...]])
    fills: tuple[FillRow, ...] = ()
    positions: tuple[PositionRow, ...] = ()
    fence: Answer = Fence.NO_SUCH_ORDER
    facts: Facts = FACTS
    bend: Callable[[int, Question], Answer | None] = lambda number, question: None
    asked: list[Question] = field(default_factory=list[Question])
    times: list[int] = field(default_factory=list[int])

    def answer(self, question: Question) -> Answer:
        """What the venue says, unless the test bends it."""
        bent = self.bend(len(self.asked), question)
        self.asked.append(question)
        self.times.append(self.now_ns)
        self.now_ns += 10 * MS
        if bent is not None:
            return bent
        match question:
            case AskByClientId():
                return Order(self.order)
            case AskByOrderId(_, order_id):
                known = self.order is not None and self.order.order_id == order_id
                return Order(self.order if known else None)
            case AskServerTime():
                return ServerTime(self.now_ns)
            case AskFence():
                return self.fence
            case AskOpenOrders():
                return Orders(self.listed.get("open", ()))
            case AskHistory(_, _, full):
                return Orders(self.listed.get("full" if full else "all", ()))
            case AskFills():
                return Fills(self.fills)
            case AskPositions():
                return Positions(self.positions)
            case AskFacts():
                return self.facts
            case Wait(duration_ns):
                self.now_ns += duration_ns
                return Waited()

    def run(self, case: Case = CASE, steps: int = 400) -> resolve.Result | Resolution:
        """Drive until a result, or give back the state after so many questions."""
        at: Resolution | resolve.Result = resolve.begin(case)
        for _ in range(steps):
            assert isinstance(at, Resolution)
            at = resolve.answered(at, self.answer(resolve.question(at)))
            if not isinstance(at, Resolution):
                return at
        return at


def test_the_checks_are_exactly_what_the_kernel_asks_for() -> None:
    """Clause U4: the seven bits together are the kernel's ALL_CHECKS."""
    everything = 0
    for check in Check:
        everything |= check
    assert everything == ALL_CHECKS


def test_absence_needs_every_step_in_order() -> None:
    """The whole procedure: poll, deadline by the venue's clock, three spaced misses, fence, listings, facts."""
    world = World()
    result = world.run()
    assert isinstance(result, Absent)
    assert result.checks == ALL_CHECKS
    assert result.deadline_ns == T0 + 3 * SECOND
    assert result.as_of_ns > EARLIEST
    passed = next(
        index for index, question in enumerate(world.asked)
        if isinstance(question, AskServerTime) and world.times[index] + 10 * MS > EARLIEST
    )  # fmt: skip
    after = [(world.times[passed + n], question) for n, question in enumerate(world.asked[passed:])]
    misses = [time for time, question in after if isinstance(question, AskByClientId)]
    assert len(misses) == 3
    assert all(later - earlier >= SECOND for earlier, later in pairwise(misses))
    tail = [type(question) for _, question in after if not isinstance(question, (AskByClientId, Wait, AskServerTime))]
    assert tail == [AskFence, AskOpenOrders, AskHistory, AskHistory, AskFills, AskPositions, AskFacts]
    starts = {question.start_ns for _, question in after if isinstance(question, (AskHistory, AskFills))}
    assert starts == {T0 - 5 * SECOND}
    told = resolve.not_found_input(CASE, 3, result)
    assert told == Input(
        kind=Kind.NOT_FOUND, slot=0, instrument=3, trade=1, attempt=0, deadline_ns=result.deadline_ns,
        time_ns=result.as_of_ns, checks=ALL_CHECKS,
    )  # fmt: skip


def test_an_order_that_appears_at_any_moment_is_found() -> None:
    """Read lag of any length: whenever the query begins to see the order, that is the result."""
    total = len(_asked_by_an_absence())
    for moment in range(total):
        appears = order_row()

        def bend(number: int, question: Question, moment: int = moment, appears: OrderRow = appears) -> Answer | None:
            return Order(appears) if number >= moment and isinstance(question, AskByClientId) else None

        world = World(bend=bend)
        if moment <= max(i for i, q in enumerate(_asked_by_an_absence()) if isinstance(q, AskByClientId)):
            assert world.run() == Found(appears)


def _asked_by_an_absence() -> list[Question]:
    world = World()
    world.run()
    return world.asked


def test_any_read_that_fails_leaves_it_unknown() -> None:
    """Whichever single question fails, nothing is believed from that round: clock and all else are asked anew."""
    questions = _asked_by_an_absence()
    for failing, question in enumerate(questions):
        if isinstance(question, (Wait, AskFacts)):
            continue

        def bend(number: int, _: Question, failing: int = failing) -> Answer | None:
            return Failed("timed out") if number == failing else None

        world = World(bend=bend)
        result = world.run()
        assert isinstance(result, Absent)
        later = world.asked[failing + 1 :]
        kinds = [type(asked) for asked in later]
        for needed in (AskServerTime, AskFence, AskOpenOrders, AskFills, AskPositions, AskFacts):
            assert needed in kinds
        assert sum(kind is AskByClientId for kind in kinds) >= 3
        assert isinstance(later[0], Wait)


def test_a_question_that_always_fails_is_asked_for_ever_with_back_off() -> None:
    """No number of failures becomes an answer; the waits double to half a minute and stay there."""
    for kind in (AskByClientId, AskServerTime, AskFence, AskOpenOrders, AskHistory, AskFills, AskPositions):

        def bend(_: int, question: Question, kind: type = kind) -> Answer | None:
            return Failed("no") if isinstance(question, kind) else None

        state = World(bend=bend).run(steps=300)
        assert isinstance(state, Resolution)
        assert state.rounds >= 5
        assert "no" in state.obstacle
    world = World(bend=lambda _, question: Failed("no") if isinstance(question, AskByClientId) else None)
    world.run(steps=40)
    waits = [question.duration_ns // SECOND for question in world.asked if isinstance(question, Wait)]
    assert waits[:8] == [1, 2, 4, 8, 16, 32, 32, 32]


def test_the_deadline_is_the_venues_and_must_be_strictly_past() -> None:
    """A reading up to deadline plus margin proves nothing, however long we waited by our own clock."""
    for reading, believed in ((EARLIEST, False), (EARLIEST + 1, True), (T0, False)):

        def bend(_: int, question: Question, reading: int = reading) -> Answer | None:
            return ServerTime(reading) if isinstance(question, AskServerTime) else None

        result = World(bend=bend, now_ns=T0 + 10**6 * SECOND).run(steps=100)
        assert isinstance(result, Absent) is believed


BLOCKS: list[tuple[str, World]] = [
    ("no echo of a client id was ever seen", World(facts=replace(FACTS, echo_seen=False))),
    ("stale timestamps are not known to be refused", World(facts=replace(FACTS, stale_refused=False))),
    ("the position is larger", World(positions=(PositionRow("BTC-USDT", Side.LONG, 5, 1, 0, "1"),))),
    ("the other side is held", World(positions=(PositionRow("BTC-USDT", Side.SHORT, 5, 1, 0, "1"),))),
    ("the position is smaller", World(facts=replace(FACTS, long_quantity=7))),
    ("the fence met an order", World(fence=Fence.SOMETHING)),
    ("a nameless twin is open", World(listed={"open": (STRANGER,)})),
    ("a nameless twin is in the history", World(listed={"all": (STRANGER,)})),
    ("a nameless twin is in the full listing", World(listed={"full": (STRANGER,)})),
    ("a twin with another client id", World(listed={"all": (replace(STRANGER, client_order_id="web-1"),)})),
    ("a twin with an unreadable id", World(listed={"all": (replace(STRANGER, order_id="x"),)})),
    ("a fill of nobody's order", World(fills=(fill_row(STRANGER.order_id),))),
    ("a fill with an unreadable order id", World(fills=(fill_row("x"),))),
]


@pytest.mark.parametrize(("name", "world"), BLOCKS, ids=[name for name, _ in BLOCKS])
def test_whatever_does_not_fit_keeps_it_unknown(name: str, world: World) -> None:
    """Each single piece of contrary evidence is enough, for ever."""
    state = world.run()
    assert isinstance(state, Resolution), name
    assert state.obstacle
    assert state.rounds >= 2


ALLOWED: list[tuple[str, World]] = [
    ("an own order of another trade", World(listed={"all": (replace(STRANGER, client_order_id="jrnl-9-0-0"),)})),
    ("an order whose id we know", World(
        listed={"all": (STRANGER,)}, fills=(fill_row(STRANGER.order_id),),
        facts=replace(FACTS, owned_order_ids=frozenset({STRANGER.order_id})),
    )),
    ("a twin of the other side", World(listed={"all": (replace(STRANGER, side=OrderSide.SELL),)})),
    ("a twin of another size", World(listed={"all": (replace(STRANGER, ordered_quantity=5),)})),
    ("a twin from before", World(listed={"all": (replace(STRANGER, order_id=snowflake(T0 - 3 * SECOND)),)})),
    ("a twin from after", World(listed={"all": (replace(STRANGER, order_id=snowflake(EARLIEST + SECOND)),)})),
    ("a fill of an order created before", World(fills=(fill_row(snowflake(T0 - 3 * SECOND)),))),
    ("a twin that we sent when the journal had failed", World(
        listed={"all": (replace(STRANGER, client_order_id="jrnlx7-1-0-0"),)}, fills=(fill_row(STRANGER.order_id),),
    )),
    ("a fill of an order of another size", World(
        listed={"all": (replace(STRANGER, ordered_quantity=5),)}, fills=(fill_row(STRANGER.order_id),),
    )),
    ("a fill of an order of ours that the history names", World(
        listed={"full": (replace(STRANGER, client_order_id="jrnl-9-0-0"),)}, fills=(fill_row(STRANGER.order_id),),
    )),
    ("the expected position", World(
        positions=(PositionRow("BTC-USDT", Side.LONG, 7, 1, 0, "1"),), facts=replace(FACTS, long_quantity=7),
    )),
]  # fmt: skip


def test_an_exit_is_absent_whatever_is_held_once_no_listing_can_lag_so_long() -> None:
    """Something else has closed or opened: the slot is not stranded for ever. An entry stays unknown."""
    exit_case = replace(CASE, key=OrderKey(1, 0, 2), client_order_id="jrnl-1-0-2")
    less = World(facts=replace(FACTS, long_quantity=7), positions=(PositionRow("BTC-USDT", Side.LONG, 5, 1, 0, "1"),))
    entry = World(facts=replace(FACTS, long_quantity=7), positions=(PositionRow("BTC-USDT", Side.LONG, 5, 1, 0, "1"),))
    more = World(facts=replace(FACTS, long_quantity=7), positions=(PositionRow("BTC-USDT", Side.LONG, 9, 1, 0, "1"),))
    other = World(facts=replace(FACTS, long_quantity=7), positions=(PositionRow("BTC-USDT", Side.SHORT, 1, 1, 0, "1"),))
    for world in (less, more, other):
        assert isinstance(world.run(exit_case), Absent)
        assert world.now_ns - T0 > 40 * SECOND
    state = entry.run(CASE)
    assert isinstance(state, Resolution)
    assert state.rounds > SHORTFALL_ROUNDS


def test_an_exit_is_absent_although_a_twin_that_is_over_has_closed() -> None:
    """A hand closed just as much at that moment: the slot is not stranded. An open twin, or an entry, stays unknown."""
    exit_case = replace(CASE, key=OrderKey(1, 0, 2), client_order_id="jrnl-1-0-2")
    over = replace(STRANGER, state=OrderState.FILLED, cum_quantity=STRANGER.ordered_quantity)

    def world(twin: OrderRow) -> World:
        return World(
            facts=replace(FACTS, long_quantity=1_000_000), listed={"all": (twin,)}, fills=(fill_row(STRANGER.order_id),)
        )

    assert isinstance(world(over).run(exit_case), Absent)
    for twin, case in ((STRANGER, exit_case), (over, CASE)):
        state = world(twin).run(case)
        assert isinstance(state, Resolution)
        assert "nobody's" in state.obstacle


@pytest.mark.parametrize(("name", "world"), ALLOWED, ids=[name for name, _ in ALLOWED])
def test_what_is_surely_another_order_does_not_strand_the_slot(name: str, world: World) -> None:
    """Orders that cannot be ours (known as others, other side or size, created outside the window) do not block."""
    assert isinstance(world.run(), Absent), name


def test_a_listing_that_shows_the_order_leads_to_it() -> None:
    """The query by client id never sees it, a listing does: it is then asked for by the venue's id."""
    shown = order_row(evidence=Evidence.LISTING)
    for listing in ("open", "all", "full"):

        def bend(_: int, question: Question) -> Answer | None:
            return Order(None) if isinstance(question, AskByClientId) else None

        world = World(order=order_row(), listed={listing: (shown,)}, bend=bend)
        assert world.run() == Found(order_row())
        assert AskByOrderId("BTC-USDT", shown.order_id) in world.asked


def test_a_query_about_another_order_is_not_believed() -> None:
    """Another client id, side or symbol under our question: unknown, not found."""
    for wrong in (
        order_row(client_order_id="other"), order_row(client_order_id=""), order_row(side=OrderSide.SELL),
        order_row(symbol="ETH-USDT"),
    ):  # fmt: skip
        state = World(order=wrong).run()
        assert isinstance(state, Resolution)
        assert state.obstacle


def test_the_venues_own_id_finds_an_order_without_client_id() -> None:
    """The submit named the order and the client id was not kept: by the venue's id it is found."""
    named = replace(CASE, order_id=snowflake(T0 + 50 * MS))
    nameless = order_row(client_order_id="")

    def bend(_: int, question: Question) -> Answer | None:
        return Order(None) if isinstance(question, AskByClientId) else None

    assert World(order=nameless, bend=bend).run(named) == Found(nameless)


def test_an_order_that_was_seen_is_never_absent() -> None:
    """After the same checks it has ended, with exactly the fills of its id, each once, notional rounded once."""
    order_id = snowflake(T0 + 50 * MS)
    seen = replace(CASE, order_id=order_id)
    fills = (fill_row(order_id, "1"), fill_row(order_id, "2", 100_000, 600_000_000_000_001), fill_row(order_id, "1"))
    result = World(fills=fills, facts=replace(FACTS, seen=True)).run(seen)
    quote = round((400_000 * 600_000_000_000_000 + 100_000 * 600_000_000_000_001) / 10**10)
    assert result == Ended(500_000, quote, T0 + SECOND)
    assert isinstance(result, Ended)
    told = resolve.ended_input(seen, 2, result)
    assert (told.kind, told.quantity, told.done, told.instrument) == (Kind.ORDER, 500_000, 1, 2)
    nothing = World(facts=replace(FACTS, seen=True)).run(seen)
    assert isinstance(nothing, Ended)
    assert (nothing.quantity, nothing.quote) == (0, 0)


def test_a_seen_order_whose_fills_exceed_it_or_whose_id_is_lost_stays_unknown() -> None:
    """Nothing is invented: too many fills, or no id to look for, keep asking."""
    order_id = snowflake(T0 + 50 * MS)
    too_many = World(fills=(fill_row(order_id, "1", 1_000_001),), facts=replace(FACTS, seen=True))
    assert isinstance(too_many.run(replace(CASE, order_id=order_id)), Resolution)
    assert isinstance(World(facts=replace(FACTS, seen=True)).run(), Resolution)


def test_the_wrong_kind_of_answer_is_the_callers_bug() -> None:
    """An answer to some other question is refused loudly, not misread."""
    with pytest.raises(TypeError, match="does not answer"):
        resolve.answered(resolve.begin(CASE), ServerTime(1))
    with pytest.raises(TypeError, match="does not answer"):
        resolve.answered(resolve.begin(CASE), Waited())


BENDS: list[Answer | None] = [
    None, None, None, Failed("x"), Order(None), Fence.SOMETHING, Orders(()), Fills(()), Positions(()), ServerTime(T0),
    ServerTime(EARLIEST + SECOND), FACTS, replace(FACTS, stale_refused=False),
]  # fmt: skip
FITTING: dict[type, tuple[type, ...]] = {
    AskByClientId: (Order,), AskByOrderId: (Order,), AskServerTime: (ServerTime,), AskFence: (Fence,),
    AskOpenOrders: (Orders,), AskHistory: (Orders,), AskFills: (Fills,), AskPositions: (Positions,), AskFacts: (Facts,),
}  # fmt: skip


@given(st.lists(st.sampled_from(BENDS), max_size=80), st.booleans())
def test_no_sequence_of_failures_and_misses_proves_more_than_a_clean_round(
    bends: list[Answer | None], exists: bool
) -> None:
    """Whatever fails on the way: Absent only after a whole clean round, never while the order exists at the venue.

    The dumb twin counts for itself: since the last failure, the questions of a round must all have been answered well.
    """

    def bend(number: int, question: Question) -> Answer | None:
        given_ = bends[number] if number < len(bends) else None
        if given_ is None or isinstance(given_, Failed):
            return given_
        return given_ if isinstance(given_, FITTING.get(type(question), ())) else None

    row = order_row()
    late_twin = (replace(row, evidence=Evidence.LISTING),)
    world = World(order=row if exists else None, listed={"full": late_twin} if exists else {}, bend=bend)
    result = world.run(steps=300)
    if exists:
        assert not isinstance(result, Absent)
        return
    if isinstance(result, Absent):
        last = len(world.asked) - 1 - next(
            (i for i, q in enumerate(reversed(world.asked)) if isinstance(q, AskServerTime)), 0
        )  # fmt: skip
        kinds = [type(question) for question in world.asked[last:]]
        assert kinds.count(AskByClientId) == 3
        assert kinds[-7:] == [AskFence, AskOpenOrders, AskHistory, AskHistory, AskFills, AskPositions, AskFacts]
        assert result.as_of_ns > EARLIEST


@pytest.mark.parametrize(
    ("order_id", "time_ms"),
    [
        ("1736011869418901234", 1702732457867),  # the venue's documented cancel sample and its `time`
        ("1736012449498123456", 1702732596168),
        ("1976209350456246273", 1760000000000),
    ],
)
def test_ids_tell_when_an_order_was_created(order_id: str, time_ms: int) -> None:
    """Twitter's epoch, 22 bits of sequence: the venue's own samples decode to their own times."""
    assert created_ns(order_id) == time_ms * MS


@pytest.mark.parametrize("order_id", ["", "0", "12", "-1976209350456246273", "1e18", "x", "9" * 19, "9" * 30, "١٢٣"])
def test_what_is_no_such_id_tells_nothing(order_id: str) -> None:
    """Short, long, signed or foreign texts have no creation time."""
    assert created_ns(order_id) is None

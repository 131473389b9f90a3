"""Commands and what comes of them: sent once, believed only on proof, cancelled until over, exits tried for ever."""

import asyncio
from itertools import pairwise
from pathlib import Path

import pytest

from dita.adapters.bingx.errors import ErrorClass
from dita.adapters.bingx.orders import Accepted, CancelKind, Rejected, SubmitResult, Unknown, UnknownReason
from dita.adapters.logic.rows import Evidence, OrderRow, OrderState
from dita.runtime.alerts import Alert
from dita.runtime.silence import SilenceWatch
from dita.spec import inputs
from dita.spec.inputs import Input
from dita.spec.order_ids import OrderKey, client_order_id, parse_client_order_id
from dita.spec.scales import NANOSECONDS_PER_SECOND, QUANTITY_SCALE
from dita.spec.vocabulary import OrderSide, Phase, RejectReason, Side
from runtime_parts import PRICE, opened
from scripted_venue import CONTRACT, SYMBOL, EngineRoom
from virtual_time import VirtualClock, run_virtually

QUANTITY = QUANTITY_SCALE // 10


def enter(trade: int = 1) -> Input:
    return inputs.enter(slot=0, instrument=0, trade=trade, side=Side.LONG, quantity=QUANTITY, price=PRICE)


def row(
    room: EngineRoom, key: OrderKey, filled: int, state: OrderState, evidence: Evidence = Evidence.QUERY
) -> OrderRow:
    return OrderRow(
        evidence=evidence, symbol=SYMBOL, order_id=f"9{key.attempt}", client_order_id=client_order_id("test0", key),
        side=OrderSide.BUY if key.attempt == 0 else OrderSide.SELL, position_side="LONG", state=state,
        status_text=state.value, type_text="MARKET", ordered_quantity=QUANTITY, cum_quantity=filled,
        average_price=PRICE if filled else None, time_ns=room.clock.wall_ns(),
    )  # fmt: skip


def test_an_order_carries_the_journals_tag_and_its_deadline(tmp_path: Path) -> None:
    """The wire id maps back to trade, slot and attempt; the send-by time is the one in the journal."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        await room.engine.apply(enter())
        order = room.script.submits[0]
        assert parse_client_order_id("test0", order.client_order_id) == OrderKey(1, 0, 0)
        assert (order.side, order.quantity, order.reduce_only) == (OrderSide.BUY, QUANTITY, False)
        assert order.send_by_ns == next(r.send_by_ns for r in room.journal.rows() if r.send_by_ns)
        assert order.send_by_ns > clock.wall_ns()
        await room.close()

    run_virtually(work)


@pytest.mark.parametrize(
    ("answer", "phase", "resolutions"),
    [
        (None, Phase.ENTRY_WORKING, 0),
        (Rejected(RejectReason.REFUSED, "101204", "margin", ErrorClass.DEFINITE_REJECT), Phase.IDLE, 0),
        (Rejected(RejectReason.NOT_SENT, None, "too late"), Phase.IDLE, 0),
        (Unknown(UnknownReason.NO_REPLY, "timed out"), Phase.ENTRY_UNRESOLVED, 1),
        (Unknown(UnknownReason.DUPLICATE_ID, "101400"), Phase.ENTRY_UNRESOLVED, 1),
    ],
)
def test_each_answer_to_a_submit_means_one_thing(
    tmp_path: Path, answer: SubmitResult | None, phase: Phase, resolutions: int
) -> None:
    """Accepted works, Rejected rolls back, Unknown is resolved; and in no case is anything sent a second time."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        if answer is not None:
            room.script.answers.append(answer)
        await room.engine.apply(enter())
        await asyncio.sleep(60)
        assert room.engine.state.slots[0].phase == phase
        assert len(room.truth.resolved) == resolutions
        assert len(room.script.submits) == 1
        await room.close()

    run_virtually(work)


def test_an_answer_that_comes_after_the_fill_changes_nothing(tmp_path: Path) -> None:
    """The stream tells the whole fill before the reply arrives: the late reply, whatever it is, is no news."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        room.script.answer_after = 2.0
        await room.engine.apply(enter())
        await asyncio.sleep(0.1)
        filled = row(room, OrderKey(1, 0, 0), QUANTITY, OrderState.FILLED, Evidence.STREAM)
        await room.orders.on_row(filled, room.carrier.flights)
        before = room.engine.state
        assert before.slots[0].phase == Phase.POSITION_OPEN
        steps = room.engine.lockstep.steps
        await asyncio.sleep(5)
        assert room.engine.state == before
        assert room.engine.lockstep.steps == steps
        assert room.script.cancels == []
        await room.close()

    run_virtually(work)


def test_a_cancel_is_repeated_until_the_end_of_the_order_is_known(tmp_path: Path) -> None:
    """The venue says yes three times and does nothing; then a query shows the end, and the cancelling stops."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        key = OrderKey(1, 0, 0)
        await room.engine.apply(enter())
        await asyncio.sleep(1)
        name = client_order_id("test0", key)
        room.script.orders[name] = row(room, key, 0, OrderState.OPEN)
        await room.engine.apply(inputs.cancel(slot=0, instrument=0, trade=1))
        await asyncio.sleep(4)
        assert room.script.cancels == [name] * 3
        room.script.orders[name] = row(room, key, 0, OrderState.CANCELED)
        await asyncio.sleep(120)
        assert room.engine.state.slots[0].phase == Phase.IDLE
        assert len(room.script.cancels) == 4
        await room.close()

    run_virtually(work)


@pytest.mark.parametrize("kind", list(CancelKind))
def test_the_reply_to_a_cancel_ends_no_order(tmp_path: Path, kind: CancelKind) -> None:
    """Whatever the cancel call answers, the order stays in flight until a query or the stream shows its end."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        room.script.cancel_kind = kind
        await room.engine.apply(enter())
        await asyncio.sleep(1)
        await room.engine.apply(inputs.cancel(slot=0, instrument=0, trade=1))
        await asyncio.sleep(60)
        assert room.engine.state.slots[0].phase == Phase.ENTRY_WORKING
        await room.close()

    run_virtually(work)


def test_a_silent_order_is_asked_about_once_at_a_time(tmp_path: Path) -> None:
    """Nothing heard for the bound: SILENT, one resolution; while it runs there is no second one."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        watch = SilenceWatch(room.engine, room.venue, room.carrier.flights, 3 * NANOSECONDS_PER_SECOND)
        room.background.start(watch.run(), "silence")
        await room.engine.apply(enter())
        await asyncio.sleep(2.5)
        assert room.truth.resolved == []
        await asyncio.sleep(2)
        assert len(room.truth.resolved) == 1
        await asyncio.sleep(600)
        assert len(room.truth.resolved) == 1
        await room.close()

    run_virtually(work)


def test_an_exit_goes_out_as_the_kernel_sized_it(tmp_path: Path) -> None:
    """Flaw S08: not a lot less, however odd the lots; the kernel alone rounds, and knows what a rest would be."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        held = QUANTITY + CONTRACT.lot
        for event in opened(1, held):
            await room.engine.apply(event)
        await room.engine.apply(inputs.flatten(slot=0, instrument=0, trade=1))
        await asyncio.sleep(1)
        assert [(order.quantity, order.reduce_only) for order in room.script.submits] == [(held, False), (held, True)]
        await room.close()

    run_virtually(work)


def test_a_rejected_exit_is_tried_for_ever_later_and_later(tmp_path: Path) -> None:
    """A FLATTEN whose orders are all rejected: attempts 1, 2, 4, … up to 30 s apart, an alert at the fifth."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        for event in opened(1, QUANTITY):
            await room.engine.apply(event)
        await asyncio.sleep(1)
        refusal = Rejected(RejectReason.REFUSED, "101204", "no", ErrorClass.DEFINITE_REJECT)
        room.script.answers.extend([refusal] * 100)
        at: list[float] = []
        seen = len(room.script.submits)
        began = clock.monotonic_ns()
        await room.engine.apply(inputs.flatten(slot=0, instrument=0, trade=1))
        while len(at) < 9:
            await asyncio.sleep(0.05)
            if len(room.script.submits) > seen:
                seen = len(room.script.submits)
                at.append((clock.monotonic_ns() - began) / 1e9)
        gaps = [round(later - earlier) for earlier, later in pairwise(at)]
        assert gaps == [1, 2, 4, 8, 16, 30, 30, 30]
        assert [order.client_order_id.rpartition("-")[2] for order in room.script.submits[1:4]] == ["1", "2", "3"]
        assert room.engine.state.slots[0].phase == Phase.POSITION_OPEN
        assert not room.carrier.exits.may_exit(0)
        told = [one.text for one in room.alerts.newest if one.alert is Alert.EXIT_REJECTED and "in a row" in one.text]
        assert told == ["trade `1`: 5 exits in a row were rejected"]
        await room.close()

    run_virtually(work)


@pytest.mark.parametrize(("floor", "sent"), [(0, "1"), (1, "3")], ids=["a whole journal", "rows were lost"])
def test_an_exit_takes_no_name_that_a_lost_row_has_used(tmp_path: Path, floor: int, sent: str) -> None:
    """Two exits of a live trade were sent by rows that are gone: their names are passed over, and told."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        for event in opened(1, QUANTITY):
            await room.engine.apply(event)
        room.journal.trade_floor = floor
        for attempt in (1, 2):
            key = OrderKey(1, 0, attempt)
            room.script.orders[client_order_id("test0", key)] = row(room, key, 0, OrderState.CANCELED)
        reads = room.script.reads
        await room.engine.apply(inputs.flatten(slot=0, instrument=0, trade=1))
        await asyncio.sleep(5)
        assert [order.client_order_id for order in room.script.submits[1:]] == [f"test0-1-0-{sent}"]
        assert room.alerts.counts[Alert.EXIT_REJECTED] == int(sent) - 1
        assert (room.script.reads > reads) == (floor > 0)
        await room.close()

    run_virtually(work)


def test_an_exit_that_may_have_been_sent_waits_until_the_venue_answers(tmp_path: Path) -> None:
    """While nothing can be asked nothing is sent under such a name; afterwards it is, under one that is free."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        for event in opened(1, QUANTITY):
            await room.engine.apply(event)
        room.journal.trade_floor = 1
        room.script.down = True
        await room.engine.apply(inputs.flatten(slot=0, instrument=0, trade=1))
        await asyncio.sleep(10)
        assert len(room.script.submits) == 1
        assert room.alerts.counts[Alert.READ_FAILED] >= 2
        room.script.down = False
        await asyncio.sleep(40)
        assert len(room.script.submits) == 2
        assert room.script.submits[1].reduce_only
        await room.close()

    run_virtually(work)


def test_a_filled_exit_ends_the_waiting(tmp_path: Path) -> None:
    """After two rejections an exit fills: the next rejection waits one second again."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        refusal = Rejected(RejectReason.REFUSED, "101204", "no", ErrorClass.DEFINITE_REJECT)
        await room.engine.apply(
            inputs.enter(
                slot=0,
                instrument=0,
                trade=1,
                side=Side.LONG,
                quantity=QUANTITY,
                price=PRICE,
                ratios=(500_000, 1_000_000),
            )
        )
        await room.engine.apply(opened(1, QUANTITY)[1])
        await asyncio.sleep(1)
        room.script.answers.extend([refusal, refusal])
        for _ in range(2):
            await room.engine.apply(inputs.exit_leg(slot=0, instrument=0, trade=1, leg=0))
            await asyncio.sleep(0.5)
            assert not room.carrier.exits.may_exit(0)
            await asyncio.sleep(5)
            assert room.carrier.exits.may_exit(0)
        await room.engine.apply(inputs.exit_leg(slot=0, instrument=0, trade=1, leg=0))
        await asyncio.sleep(0.5)
        half = QUANTITY // 2
        quote = half * PRICE // 10**10
        await room.engine.apply(
            inputs.order(
                slot=0, instrument=0, trade=1, attempt=3, quantity=half, quote=quote, done=True, time_ns=clock.wall_ns()
            )
        )
        room.script.answers.append(refusal)
        await room.engine.apply(inputs.exit_leg(slot=0, instrument=0, trade=1, leg=1))
        await asyncio.sleep(0.9)
        assert not room.carrier.exits.may_exit(0)
        await asyncio.sleep(0.3)
        assert room.carrier.exits.may_exit(0)
        await room.close()

    run_virtually(work)


def test_an_order_of_ours_without_a_place_is_cancelled(tmp_path: Path) -> None:
    """An open order of a trade that is long over (a late admission): cancelled by its id, and looked at."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        room.script.answers.append(Rejected(RejectReason.REFUSED, "1", "no", ErrorClass.DEFINITE_REJECT))
        await room.engine.apply(enter())
        await asyncio.sleep(1)
        late = row(room, OrderKey(1, 0, 0), 0, OrderState.OPEN, Evidence.STREAM)
        await room.orders.on_row(late, room.carrier.flights)
        await asyncio.sleep(1)
        assert room.script.cancels == [late.client_order_id]
        await room.close()

    run_virtually(work)


def test_duplicates_and_older_frames_are_not_forwarded(tmp_path: Path) -> None:
    """The same frames again, in any order, after a reconnect: not one input reaches the kernel."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        await room.engine.apply(enter())
        await asyncio.sleep(1)
        key = OrderKey(1, 0, 0)
        frames = [
            row(room, key, 0, OrderState.OPEN, Evidence.STREAM),
            row(room, key, QUANTITY // 2, OrderState.OPEN, Evidence.STREAM),
            row(room, key, QUANTITY, OrderState.FILLED, Evidence.STREAM),
        ]
        for frame in frames:
            await room.orders.on_row(frame, room.carrier.flights)
        steps = room.engine.lockstep.steps
        for frame in (*reversed(frames), *frames):
            await room.orders.on_row(frame, room.carrier.flights)
        assert room.engine.lockstep.steps == steps
        await room.close()

    run_virtually(work)


def test_finishing_a_trade_removes_its_protection(tmp_path: Path) -> None:
    """CANCEL_PROTECTION is carried out for the finished trade, once."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        for event in opened(1, QUANTITY):
            await room.engine.apply(event)
        await room.engine.apply(inputs.exit_leg(slot=0, instrument=0, trade=1, leg=0))
        await asyncio.sleep(1)
        done = row(room, OrderKey(1, 0, 1), QUANTITY, OrderState.FILLED, Evidence.STREAM)
        await room.orders.on_row(done, room.carrier.flights)
        await asyncio.sleep(1)
        assert room.truth.unprotected == [1]
        await room.close()

    run_virtually(work)


def test_an_accepted_order_remembers_the_venues_id(tmp_path: Path) -> None:
    """What the acceptance names is used for cancelling when our own id is not known there."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        room.script.answers.append(Accepted("1234", client_order_id("test0", OrderKey(1, 0, 0)), 1))
        await room.engine.apply(enter())
        await asyncio.sleep(1)
        flight = room.carrier.flights.of(OrderKey(1, 0, 0))
        assert flight is not None
        assert flight.order_id == "1234"
        await room.close()

    run_virtually(work)


def test_a_late_acceptance_of_an_older_exit_cancels_nothing(tmp_path: Path) -> None:
    """The reply about the first exit arrives when the second is under way: it is no news, and cancels no order."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        await room.engine.apply(
            inputs.enter(
                slot=0,
                instrument=0,
                trade=1,
                side=Side.LONG,
                quantity=QUANTITY,
                price=PRICE,
                ratios=(500_000, 1_000_000),
            )
        )
        await room.engine.apply(opened(1, QUANTITY)[1])
        await asyncio.sleep(1)
        room.script.answer_after = 3.0
        await room.engine.apply(inputs.exit_leg(slot=0, instrument=0, trade=1, leg=0))
        await asyncio.sleep(1)
        first = row(room, OrderKey(1, 0, 1), QUANTITY // 2, OrderState.FILLED, Evidence.STREAM)
        await room.orders.on_row(first, room.carrier.flights)
        await room.engine.apply(inputs.exit_leg(slot=0, instrument=0, trade=1, leg=1))
        await asyncio.sleep(10)
        assert room.script.cancels == []
        assert room.engine.state.account.unreconciled == 0
        assert room.engine.state.slots[0].phase == Phase.EXIT_WORKING
        await room.close()

    run_virtually(work)

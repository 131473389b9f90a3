"""The account stream's consumer: rows go in, gaps are looked into, and one bad event ends nothing."""

import asyncio
from collections import deque
from pathlib import Path

from dita.adapters.bingx.stream_base import StreamClosed
from dita.adapters.bingx.stream_events import AccountEvent, AccountUpdate, OrderUpdate, StreamGap, StreamRestored
from dita.adapters.logic.rows import Evidence, FillRow, OrderRow, OrderState
from dita.runtime.account_watch import AccountWatch
from dita.runtime.alerts import Alert
from dita.runtime.backfilling import Backfiller
from dita.spec.order_ids import OrderKey, client_order_id
from dita.spec.scales import QUANTITY_SCALE
from dita.spec.vocabulary import OrderSide, Phase
from runtime_parts import PRICE, opened
from scripted_venue import SYMBOL, EngineRoom
from virtual_time import VirtualClock, run_virtually

QUANTITY = QUANTITY_SCALE // 10
SECOND = 10**9


class Stream:
    """Gives what it holds, then is closed."""

    def __init__(self, *events: AccountEvent) -> None:
        self.events = deque(events)

    async def next_event(self) -> AccountEvent:
        """The next one."""
        await asyncio.sleep(0.01)
        if not self.events:
            raise StreamClosed("test")
        return self.events.popleft()


class Asked:
    """Counts requests for a reading."""

    def __init__(self) -> None:
        self.times = 0

    def request(self) -> None:
        """One more."""
        self.times += 1


def entry_row(room: EngineRoom, filled: int, state: OrderState, evidence: Evidence) -> OrderRow:
    return OrderRow(
        evidence=evidence, symbol=SYMBOL, order_id="90", client_order_id=client_order_id("test0", OrderKey(1, 0, 0)),
        side=OrderSide.BUY, position_side="LONG", state=state, status_text=state.value, type_text="MARKET",
        ordered_quantity=QUANTITY, cum_quantity=filled, average_price=PRICE if filled else None,
        time_ns=room.clock.wall_ns(),
    )  # fmt: skip


def watch_of(room: EngineRoom, stream: Stream) -> tuple[AccountWatch, Asked, Asked]:
    positions, wallet = Asked(), Asked()

    def wake() -> None:
        positions.request()
        wallet.request()

    backfiller = Backfiller(
        room.venue, room.instruments, room.orders, room.carrier.flights, room.background, room.alerts, wake
    )
    watch = AccountWatch(stream, room.orders, room.carrier.flights, positions, wallet, backfiller, room.alerts)
    return watch, positions, wallet


def backfiller_of(watch: AccountWatch) -> Backfiller:
    """The watch's own."""
    return watch._backfiller  # pyright: ignore[reportPrivateUsage] - its counters are asked for


def test_a_fill_on_the_stream_reaches_the_kernel(tmp_path: Path) -> None:
    """One pushed row, and the position is open."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        await room.engine.apply(opened(1, QUANTITY)[0])
        await asyncio.sleep(1)
        filled = entry_row(room, QUANTITY, OrderState.FILLED, Evidence.STREAM)
        watch, _, _ = watch_of(room, Stream(OrderUpdate(filled, 1)))
        await watch.run()
        assert room.engine.state.slots[0].phase == Phase.POSITION_OPEN
        await room.close()

    run_virtually(work)


def test_what_a_gap_hid_is_found_after_it(tmp_path: Path) -> None:
    """The fill was pushed while nobody listened: after it the order is queried, positions and wallet are read."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        await room.engine.apply(opened(1, QUANTITY)[0])
        await asyncio.sleep(1)
        filled = entry_row(room, QUANTITY, OrderState.FILLED, Evidence.QUERY)
        room.script.orders[filled.client_order_id] = filled
        stream = Stream(StreamGap(1, "not yet"), StreamRestored(1, 2), StreamGap(3, "cut"), StreamRestored(3, 4))
        watch, positions, wallet = watch_of(room, stream)
        await watch.run()
        await asyncio.sleep(1)
        assert room.engine.state.slots[0].phase == Phase.POSITION_OPEN
        assert (watch.gaps, watch.reconnects) == (1, 1)  # the first connection is neither
        backfiller = backfiller_of(watch)
        assert (backfiller.done, backfiller.news) == (2, 1)
        assert (positions.times, wallet.times) == (6, 6)  # at the beginning and after each of two passes, per gap
        assert room.alerts.counts[Alert.STREAM_GAP] == 2
        await room.close()

    run_virtually(work)


def test_a_late_fill_of_an_order_that_had_ended_is_found_by_its_fill_row(tmp_path: Path) -> None:
    """The kernel believes an end at zero; a fill happened in the gap: its row leads to the order, and truth is booked.

    Reads fail at first: they are asked again. The row of a stranger's order is only a reason to look at positions.
    """

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        await room.engine.apply(opened(1, QUANTITY)[0])
        await asyncio.sleep(1)
        part = entry_row(room, QUANTITY // 2, OrderState.CANCELED, Evidence.STREAM)
        started_ns = clock.wall_ns()
        watch, _, _ = watch_of(room, Stream(OrderUpdate(part, 1), StreamRestored(started_ns, started_ns + 1)))
        whole = entry_row(room, QUANTITY, OrderState.FILLED, Evidence.QUERY)
        room.script.orders[whole.client_order_id] = whole
        room.script.fills = tuple(
            FillRow(SYMBOL, f"t{number}", order_id, OrderSide.BUY, "LONG", PRICE, QUANTITY // 2, 0, "USDT", started_ns)
            for number, order_id in enumerate(["90", "90", "a stranger's"])
        )
        room.script.down = True
        await watch.run()
        await asyncio.sleep(3)
        assert room.engine.state.slots[0].entry.quantity == QUANTITY // 2
        room.script.down = False
        await asyncio.sleep(30)
        assert room.engine.state.slots[0].entry.quantity == QUANTITY
        backfiller = backfiller_of(watch)
        assert (backfiller.done, backfiller.news) == (1, 1)
        await room.close()

    run_virtually(work)


def test_a_gap_in_a_gap_is_read_from_the_older_start(tmp_path: Path) -> None:
    """The first reading never ended: the second one covers it, and only one is under way."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        asked: list[int] = []
        real = room.script.fill_history

        async def recorded(symbol: str, start_ns: int, end_ns: int, order_id: str | None = None) -> tuple[FillRow, ...]:
            asked.append(start_ns)
            return await real(symbol, start_ns, end_ns, order_id)

        room.script.fill_history = recorded  # type: ignore[method-assign]  # listened to
        room.script.down = True
        now_ns = clock.wall_ns()
        first, second = StreamRestored(now_ns - 60 * SECOND, now_ns), StreamRestored(now_ns, now_ns + 1)
        watch, _, _ = watch_of(room, Stream(first, second))
        await watch.run()
        await asyncio.sleep(10)
        room.script.down = False
        await asyncio.sleep(30)
        assert set(asked) == {now_ns - 70 * SECOND}
        assert backfiller_of(watch).done == 1
        await room.close()

    run_virtually(work)


def test_money_that_moves_outside_trades_is_read(tmp_path: Path) -> None:
    """Funding and deposits ask for the wallet, orders do not."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        updates = [AccountUpdate(reason, 1, (), ()) for reason in ("FUNDING_FEE", "ORDER", "DEPOSIT")]
        watch, _, wallet = watch_of(room, Stream(*updates))
        await watch.run()
        assert wallet.times == 2
        await room.close()

    run_virtually(work)


def test_an_event_that_breaks_our_code_ends_nothing(tmp_path: Path) -> None:
    """A row that makes our own code raise becomes an alert; the event after it is handled."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        await room.engine.apply(opened(1, QUANTITY)[0])
        await asyncio.sleep(1)
        filled = entry_row(room, QUANTITY, OrderState.FILLED, Evidence.STREAM)
        broken = OrderUpdate(None, 1)  # type: ignore[arg-type]  # planted
        watch, positions, _ = watch_of(room, Stream(broken, OrderUpdate(filled, 1)))
        await watch.run()
        assert room.alerts.counts[Alert.OWN_BUG] == 1
        assert positions.times == 1
        assert room.engine.state.slots[0].phase == Phase.POSITION_OPEN
        await room.close()

    run_virtually(work)

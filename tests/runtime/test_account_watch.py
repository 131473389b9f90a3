"""The account stream's consumer: rows go in, gaps are looked into, and one bad event ends nothing."""

import asyncio
from collections import deque
from pathlib import Path

from dita.adapters.bingx.stream_base import StreamClosed
from dita.adapters.bingx.stream_events import AccountEvent, AccountUpdate, OrderUpdate, StreamGap, StreamRestored
from dita.adapters.logic.rows import Evidence, OrderRow, OrderState
from dita.runtime.account_watch import AccountWatch
from dita.runtime.alerts import Alert
from dita.spec.order_ids import OrderKey, client_order_id
from dita.spec.scales import QUANTITY_SCALE
from dita.spec.vocabulary import OrderSide, Phase
from runtime_parts import PRICE, opened
from scripted_venue import SYMBOL, EngineRoom
from virtual_time import VirtualClock, run_virtually

QUANTITY = QUANTITY_SCALE // 10


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
        evidence=evidence, symbol=SYMBOL, order_id="9", client_order_id=client_order_id("test0", OrderKey(1, 0, 0)),
        side=OrderSide.BUY, position_side="LONG", state=state, status_text=state.value, type_text="MARKET",
        ordered_quantity=QUANTITY, cum_quantity=filled, average_price=PRICE if filled else None,
        time_ns=room.clock.wall_ns(),
    )  # fmt: skip


def watch_of(room: EngineRoom, stream: Stream) -> tuple[AccountWatch, Asked, Asked]:
    positions, wallet = Asked(), Asked()
    watch = AccountWatch(stream, room.orders, room.carrier.flights, positions, wallet, room.background, room.alerts)
    return watch, positions, wallet


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
        assert (positions.times, wallet.times) == (2, 2)
        assert watch.reconnects == 1  # the first connection is none
        assert room.alerts.counts[Alert.STREAM_GAP] == 2
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

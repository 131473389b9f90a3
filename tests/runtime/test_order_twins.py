"""Two orders under one client id, which the venue should never admit: the second is told, cancelled, never merged."""

import asyncio
from dataclasses import replace
from pathlib import Path

from dita.adapters.logic.rows import Evidence, OrderRow, OrderState
from dita.runtime.alerts import Alert
from dita.spec import inputs
from dita.spec.order_ids import OrderKey, client_order_id
from dita.spec.scales import QUANTITY_SCALE
from dita.spec.vocabulary import OrderSide, Phase, Side
from runtime_parts import PRICE
from scripted_venue import SYMBOL, EngineRoom
from virtual_time import VirtualClock, run_virtually

QUANTITY = QUANTITY_SCALE // 10
KEY = OrderKey(1, 0, 0)
FIRST, TWIN = "90", "77"  # the venue's ids; the script gives the first to an entry that it accepts


def row(order_id: str, filled: int, state: OrderState, evidence: Evidence = Evidence.STREAM) -> OrderRow:
    """A reading of the order of that id; both have one name."""
    return OrderRow(
        evidence=evidence, symbol=SYMBOL, order_id=order_id, client_order_id=client_order_id("test0", KEY),
        side=OrderSide.BUY, position_side="LONG", state=state, status_text=state.value, type_text="MARKET",
        ordered_quantity=QUANTITY, cum_quantity=filled, average_price=PRICE if filled else None,
        time_ns=1_000_000_000,
    )  # fmt: skip


async def working(folder: Path, clock: VirtualClock) -> EngineRoom:
    """An entry that the venue has accepted."""
    room = EngineRoom(folder, clock)
    await room.open_shop()
    await room.engine.apply(inputs.enter(slot=0, instrument=0, trade=1, side=Side.LONG, quantity=QUANTITY, price=PRICE))
    await asyncio.sleep(0.1)
    assert room.orders.order_id(KEY) == FIRST
    return room


def test_a_twin_on_the_stream_is_cancelled_and_not_counted(tmp_path: Path) -> None:
    """Its fills are not the order's; it is cancelled by the venue's id each time it is seen at rest, told once."""

    async def work(clock: VirtualClock) -> None:
        room = await working(tmp_path, clock)
        for _ in range(2):
            await room.orders.on_row(row(TWIN, QUANTITY // 2, OrderState.OPEN), room.carrier.flights)
        assert room.engine.state.slots[0].entry.quantity == 0
        assert room.script.cancels == [TWIN, TWIN]
        assert room.alerts.counts[Alert.TWIN_ORDER] == 1
        await room.orders.on_row(row(TWIN, QUANTITY // 2, OrderState.CANCELED), room.carrier.flights)
        assert room.script.cancels == [TWIN, TWIN]
        await room.orders.on_row(row(FIRST, QUANTITY, OrderState.FILLED), room.carrier.flights)
        assert room.engine.state.slots[0].phase == Phase.POSITION_OPEN
        assert room.engine.state.slots[0].entry.quantity == QUANTITY
        await room.close()

    run_virtually(work)


def test_an_answer_about_a_twin_is_asked_again_by_the_venues_id(tmp_path: Path) -> None:
    """Asked by name the venue tells of the twin: what counts is the order that was accepted."""

    async def work(clock: VirtualClock) -> None:
        room = await working(tmp_path, clock)
        room.script.orders = {
            client_order_id("test0", KEY): row(TWIN, QUANTITY, OrderState.FILLED, Evidence.QUERY),
            "first": row(FIRST, QUANTITY // 2, OrderState.CANCELED, Evidence.QUERY),
        }
        await room.orders.look_at(KEY, 0)
        slot = room.engine.state.slots[0]
        assert (slot.phase, slot.entry.quantity, slot.entry.done) == (Phase.POSITION_OPEN, QUANTITY // 2, 1)
        assert room.alerts.counts[Alert.TWIN_ORDER] == 1
        assert room.script.cancels == []
        await room.close()

    run_virtually(work)


def test_a_twin_among_the_strays_is_cancelled_by_the_venues_id(tmp_path: Path) -> None:
    """Listed as resting although nobody waits for it, it is no news of the order whose name it has."""

    async def work(clock: VirtualClock) -> None:
        room = await working(tmp_path, clock)
        await room.orders.on_row(row(FIRST, 0, OrderState.CANCELED), room.carrier.flights)
        assert room.engine.state.slots[0].phase == Phase.IDLE
        before = room.engine.state
        await room.orders.tell_stray(KEY, 0, replace(row(TWIN, 0, OrderState.OPEN), evidence=Evidence.LISTING))
        assert room.engine.state == before
        assert room.script.cancels == [TWIN]
        await room.close()

    run_virtually(work)

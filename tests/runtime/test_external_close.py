"""A position that is too small: what our own exit did is booked as its fill, and only the rest as closed without us."""

import asyncio
from pathlib import Path

from dita.adapters.bingx.orders import Rejected
from dita.adapters.logic.positions import PositionReading
from dita.adapters.logic.rows import Evidence, OrderRow, OrderState
from dita.runtime.mismatch import Mismatches
from dita.spec import inputs
from dita.spec.order_ids import OrderKey, client_order_id
from dita.spec.scales import QUANTITY_SCALE
from dita.spec.vocabulary import Code, OrderSide, Phase, RejectReason, Side
from runtime_parts import PRICE
from scripted_venue import SYMBOL, EngineRoom
from virtual_time import VirtualClock, run_virtually

QUANTITY = QUANTITY_SCALE // 10


def ended(room: EngineRoom, attempt: int, filled: int) -> OrderRow:
    """The venue's own record of an order of trade 1 that is over."""
    return OrderRow(
        evidence=Evidence.QUERY, symbol=SYMBOL, order_id=f"9{attempt}",
        client_order_id=client_order_id("test0", OrderKey(1, 0, attempt)),
        side=OrderSide.BUY if attempt == 0 else OrderSide.SELL, position_side="LONG", state=OrderState.CANCELED,
        status_text="CANCELED", type_text="MARKET", ordered_quantity=QUANTITY, cum_quantity=filled,
        average_price=PRICE, time_ns=room.clock.wall_ns(),
    )  # fmt: skip


async def read_twice(room: EngineRoom, mismatches: Mismatches, held: int) -> None:
    """Two readings that show the same position, before the rejected exit is tried again."""
    for _ in range(2):
        await asyncio.sleep(0.2)
        reading = PositionReading(held, 0, (), (), room.clock.wall_ns())
        await mismatches.consider(room.instruments[0], reading, (), Code.POSITION_MISMATCH)


async def holding_after_a_wrong_rejection(room: EngineRoom) -> None:
    """Trade 1 holds QUANTITY; its exit was answered with a rejection although it reached the book."""
    await room.open_shop()
    await room.engine.apply(inputs.enter(slot=0, instrument=0, trade=1, side=Side.LONG, quantity=QUANTITY, price=PRICE))
    await asyncio.sleep(1)
    await room.orders.tell(OrderKey(1, 0, 0), 0, ended(room, 0, QUANTITY))
    room.script.answers.append(Rejected(RejectReason.REFUSED, "101204", "margin"))
    await room.engine.apply(inputs.exit_leg(slot=0, instrument=0, trade=1, leg=0))
    await asyncio.sleep(0.1)
    slot = room.engine.state.slots[0]
    assert (slot.phase, slot.exit.attempt, slot.exit.seen) == (Phase.POSITION_OPEN, 1, 0)


def test_lots_of_our_own_exit_are_not_booked_twice(tmp_path: Path) -> None:
    """The exit's snapshot is still on its way when the position shows its fill (the explorer's finding; clause T4)."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        mismatches = Mismatches(room.engine, room.venue, room.orders, room.alerts)
        await holding_after_a_wrong_rejection(room)
        late = ended(room, 1, QUANTITY // 2)
        room.script.orders[late.client_order_id] = late

        await read_twice(room, mismatches, QUANTITY // 2)
        slot = room.engine.state.slots[0]
        assert (slot.exit.quantity, slot.closed.external_quantity) == (QUANTITY // 2, 0)

        await read_twice(room, mismatches, QUANTITY // 4)
        slot = room.engine.state.slots[0]
        assert (slot.exit.quantity, slot.closed.external_quantity) == (QUANTITY // 2, QUANTITY // 4)
        await room.close()

    run_virtually(work)


def test_nothing_is_decided_while_the_exit_cannot_be_asked_for(tmp_path: Path) -> None:
    """A failed read leaves the mismatch standing; unknown is not absent (clause U1)."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        mismatches = Mismatches(room.engine, room.venue, room.orders, room.alerts)
        await holding_after_a_wrong_rejection(room)
        before = room.engine.state.slots[0]
        room.script.down = True

        await read_twice(room, mismatches, QUANTITY // 2)

        assert room.engine.state.slots[0] == before
        await room.close()

    run_virtually(work)

"""The resolution of an unknown order as the runtime drives it: questions reach the venue, answers the kernel."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from dita.adapters.bingx.orders import CancelKind, Unknown, UnknownReason
from dita.adapters.bingx.rest import PositionMode
from dita.runtime.alerts import Alert
from dita.runtime.resolving import AskedPremises, Resolver
from dita.spec import inputs
from dita.spec.scales import NANOSECONDS_PER_SECOND, QUANTITY_SCALE
from dita.spec.vocabulary import Phase, Side
from runtime_parts import PRICE
from scripted_venue import EngineRoom
from virtual_time import VirtualClock, run_virtually

SET_BACK_NS = 60 * NANOSECONDS_PER_SECOND


def resolver_of(room: EngineRoom, *, set_back_ns: int = 0) -> Resolver:
    """A resolver whose idea of the venue's clock is so much behind what it was when the order was sent."""
    premises = AskedPremises(cast("Any", None), PositionMode.HEDGE, room.instruments, "test0")
    premises.echo_seen = premises.stale_refused = True
    venue = replace(room.venue, venue_now_ns=lambda: room.clock.wall_ns() - set_back_ns)
    return Resolver(
        room.engine, venue, room.instruments, room.orders, premises, room.alerts,
        send_within_ns=NANOSECONDS_PER_SECOND,
    )  # fmt: skip


async def unknown_entry(room: EngineRoom) -> None:
    """An entry whose submit had no answer, at a venue that knows nothing of it."""
    await room.open_shop()
    room.script.cancel_kind = CancelKind.NOT_FOUND
    room.script.answers.append(Unknown(UnknownReason.NO_REPLY, "timed out"))
    await room.engine.apply(
        inputs.enter(slot=0, instrument=0, trade=1, side=Side.LONG, quantity=QUANTITY_SCALE // 10, price=PRICE)
    )
    await asyncio.sleep(1)
    assert room.engine.state.slots[0].phase == Phase.ENTRY_UNRESOLVED


def test_an_order_that_never_arrived_is_absent(tmp_path: Path) -> None:
    """Every question is put to the venue; when nothing speaks for the order the kernel is told, and frees the slot."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await unknown_entry(room)
        await asyncio.wait_for(resolver_of(room).resolve(room.truth.resolved[0]), 60)
        assert room.engine.state.slots[0].phase == Phase.IDLE
        assert room.script.cancels == ["test0-1-0-0"]
        await room.close()

    run_virtually(work)


def test_a_clock_that_was_set_back_does_not_end_the_resolution(tmp_path: Path) -> None:
    """History and fills are asked for from before the submit although by our clock of now that lies in the future."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await unknown_entry(room)
        await asyncio.wait_for(resolver_of(room, set_back_ns=SET_BACK_NS).resolve(room.truth.resolved[0]), 60)
        assert room.engine.state.slots[0].phase == Phase.IDLE
        assert room.alerts.counts[Alert.UNRESOLVED] == 0
        await room.close()

    run_virtually(work)

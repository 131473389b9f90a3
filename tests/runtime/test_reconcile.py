"""Positions and wallet: what differs is explained, adopted or booked as closed, and never on a single reading."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from dita.adapters.bingx.orders import Rejected
from dita.adapters.logic.mismatch import decide
from dita.adapters.logic.positions import PositionReading
from dita.adapters.logic.rows import PositionRow
from dita.runtime.alerts import Alert
from dita.runtime.history import History
from dita.runtime.mismatch import Mismatches
from dita.runtime.protection import Protection
from dita.runtime.reconcile import Intervals, PositionReader
from dita.spec import inputs
from dita.spec.order_ids import OrderKey, client_order_id
from dita.spec.scales import MONEY_SCALE, NANOSECONDS_PER_SECOND
from dita.spec.state import capital
from dita.spec.vocabulary import Code, Kind, Mode, OrderSide, Phase, RejectReason, Side
from reconcile_parts import QUANTITY, foreign, income_row, wallet_of
from runtime_parts import PRICE, opened
from scripted_venue import SYMBOL, EngineRoom
from virtual_time import VirtualClock, run_virtually


def reader_of(room: EngineRoom, protection: Protection | None = None) -> PositionReader:
    return PositionReader(
        room.engine, room.venue, room.instruments, room.orders, protection or Protection(room.venue), room.alerts,
        Mismatches(room.engine, room.venue, room.orders, room.alerts), Intervals(position=15.0, again=1.0),
    )  # fmt: skip


def held(side: Side, quantity: int) -> PositionRow:
    return PositionRow(SYMBOL, side, quantity, PRICE, 0, "1")


async def with_position(room: EngineRoom, quantity: int = QUANTITY) -> None:
    await room.open_shop()
    for event in opened(1, quantity):
        await room.engine.apply(event)
    await asyncio.sleep(1)


def test_positions_are_read_for_ever_even_when_nothing_happens(tmp_path: Path) -> None:
    """In ten idle minutes every instrument is read at least every 15 seconds."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        reader = reader_of(room)
        room.background.start(reader.run(), "positions")
        await asyncio.sleep(600)
        assert reader.passes >= 39
        await room.close()

    run_virtually(work)


def test_a_failed_read_is_tried_again_soon_and_changes_nothing(tmp_path: Path) -> None:
    """While the venue is down no input is made; a second after it is back the reading is there."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await with_position(room)
        room.script.held = (held(Side.LONG, QUANTITY),)
        reader = reader_of(room)
        room.background.start(reader.run(), "positions")
        room.script.down = True
        state = room.engine.state
        await asyncio.sleep(100)
        assert reader.passes == 0
        assert room.engine.state == state
        room.script.down = False
        await asyncio.sleep(1.5)
        assert reader.passes == 1
        await room.close()

    run_virtually(work)


@pytest.mark.parametrize("side", [Side.LONG, Side.SHORT])
def test_a_position_that_nobody_explains_is_adopted_and_closed(tmp_path: Path, side: Side) -> None:
    """Seen once: new risk stops. Seen twice alike: adopted, and a reduce-only order for all of it leaves."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        reader = reader_of(room)
        room.script.held = (held(side, QUANTITY),)
        assert not await reader.read()
        assert room.engine.state.account.unreconciled == 1
        assert room.script.submits == []
        await asyncio.sleep(1)
        await reader.read()
        await asyncio.sleep(1)
        slot = next(slot for slot in room.engine.state.slots if slot.phase != Phase.IDLE)
        assert (slot.side, slot.entry.quantity) == (side, QUANTITY)
        order = room.script.submits[0]
        assert (order.quantity, order.reduce_only) == (QUANTITY, True)
        assert order.side == (OrderSide.SELL if side == Side.LONG else OrderSide.BUY)
        assert room.alerts.counts[Alert.ADOPTED] == 1
        await room.close()

    run_virtually(work)


def test_a_late_order_whose_cancel_failed_is_cancelled_again(tmp_path: Path) -> None:
    """Believed absent, admitted after all, and its cancel was lost: each reading that lists it cancels it again."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        room.script.answers.append(Rejected(RejectReason.REFUSED, "101204", "margin"))
        await room.engine.apply(opened(1)[0])
        await asyncio.sleep(1)
        assert room.engine.state.slots[0].phase == Phase.IDLE
        late = replace(foreign("91"), client_order_id=client_order_id("test0", OrderKey(1, 0, 0)), side=OrderSide.BUY)
        room.script.resting = (late,)
        reader = reader_of(room)
        for count in (1, 2, 3):
            await reader.read()
            await asyncio.sleep(1)
            assert len(room.script.cancels) == count
        await room.close()

    run_virtually(work)


def test_a_position_that_is_gone_is_booked_as_closed(tmp_path: Path) -> None:
    """The venue shows nothing of an open trade, twice: EXTERNAL_CLOSE, and the slot is free without an order."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await with_position(room)
        sent = len(room.script.submits)
        reader = reader_of(room)
        await reader.read()
        assert room.engine.state.slots[0].phase == Phase.POSITION_OPEN
        await asyncio.sleep(1)
        await reader.read()
        assert room.engine.state.slots[0].phase == Phase.IDLE
        assert room.engine.state.slots[0].tails[0].exit.quantity == QUANTITY
        assert len(room.script.submits) == sent
        await room.close()

    run_virtually(work)


def test_two_different_differences_decide_nothing(tmp_path: Path) -> None:
    """A position that changes from reading to reading is still moving: no adoption until it stands still."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        reader = reader_of(room)
        for lots in range(1, 6):
            room.script.held = (held(Side.LONG, lots * 10_000),)
            await reader.read()
            await asyncio.sleep(1)
        assert room.engine.state.account.live_slots == 0
        assert room.alerts.counts[Alert.POSITION_MISMATCH] == 5
        await room.close()

    run_virtually(work)


def test_what_an_order_in_flight_explains_is_not_external(tmp_path: Path) -> None:
    """While an entry works, any position up to its size is in the band: no mismatch, no decision."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        await room.engine.apply(opened(1, QUANTITY)[0])
        await asyncio.sleep(1)
        reader = reader_of(room)
        for quantity in (0, QUANTITY // 2, QUANTITY, QUANTITY):
            room.script.held = (held(Side.LONG, quantity),) if quantity else ()
            assert await reader.read()
            await asyncio.sleep(1)
        assert room.engine.state.account.unreconciled == 0
        await room.close()

    run_virtually(work)


def test_a_foreign_order_is_cancelled_after_the_second_reading(tmp_path: Path) -> None:
    """An order that is not ours stops new risk at once and is cancelled by the venue's id when it stays."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        room.script.resting = (foreign("77"),)
        reader = reader_of(room)
        await reader.read()
        assert room.script.cancels == []
        await asyncio.sleep(1)
        await reader.read()
        assert room.script.cancels == ["77"]
        room.script.resting = ()
        await asyncio.sleep(1)
        assert await reader.read()
        assert room.engine.state.account.unreconciled == 0
        await room.close()

    run_virtually(work)


def test_a_stop_of_a_live_trade_is_not_foreign(tmp_path: Path) -> None:
    """While its trade lives a known stop explains itself; when the trade is over it is cancelled."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await with_position(room)
        room.script.held = (held(Side.LONG, QUANTITY),)
        room.script.resting = (foreign("88"),)
        protection = Protection(room.venue)
        protection.placed(1, "88")
        reader = reader_of(room, protection)
        assert await reader.read()
        await protection.remove(1, SYMBOL)
        await protection.remove(1, SYMBOL)
        assert room.script.cancels == ["88"]
        await room.close()

    run_virtually(work)


def test_decisions_for_a_surplus_and_for_the_wrong_side() -> None:
    """More than the trade holds, or something on the other side: the trade is closed first, the rest adopted later."""
    from desk import Desk

    desk = Desk()
    desk.open_shop()
    desk.enter(1, 100)
    desk.order(1, 0, 100, done=True)
    for long_quantity, short_quantity in ((110 * 10_000, 0), (100 * 10_000, 10_000)):
        reading = PositionReading(long_quantity, short_quantity, (), (), desk.now())
        event = decide(desk.state, 0, SYMBOL, reading, ())
        assert event is not None
        assert event.kind == Kind.FLATTEN
    reading = PositionReading(100 * 10_000, 0, (), (), desk.now())
    assert decide(desk.state, 0, SYMBOL, reading, ()) is None


def test_what_moves_while_the_venue_is_asked_is_not_decided_on(tmp_path: Path) -> None:
    """The policy closes while the foreign order of the second reading is cancelled: nothing is booked as external."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await with_position(room)
        room.script.resting = (foreign("77"),)
        reader = reader_of(room)
        await reader.read()
        await asyncio.sleep(1)
        seen = room.script.reads
        reading = asyncio.create_task(reader.read())
        while room.script.reads < seen + 3:  # noqa: ASYNC110 - the venue only counts what it is asked
            await asyncio.sleep(0.0005)
        room.script.answer_after = 5.0
        await room.engine.apply(inputs.exit_leg(slot=0, instrument=0, trade=1, leg=0))
        await reading
        slot = room.engine.state.slots[0]
        assert (slot.phase, slot.closed.external_quantity) == (Phase.EXIT_REQUESTED, 0)
        await room.close()

    run_virtually(work)


# --- the wallet -------------------------------------------------------------------------------------------------------


def test_funding_and_transfers_reach_the_books_before_the_wallet_is_compared(tmp_path: Path) -> None:
    """Income of 30 and -7, wallet up by 23: difference 0, never frozen; read again, nothing is booked twice."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        wallet = wallet_of(room)
        before = capital(room.engine.state.account.ledger)
        now = clock.wall_ns()
        room.script.incomes = (
            income_row("FUNDING_FEE", 30, 1, now), income_row("TRANSFER", -7, 2, now),
            income_row("TRADING_FEE", -1000, 3, now), income_row("REALIZED_PNL", 1000, 4, now),
        )  # fmt: skip
        room.script.wallet += 23
        for _ in range(3):
            await asyncio.sleep(1)
            assert await wallet.read()
            ledger = room.engine.state.account.ledger
            assert (ledger.difference, ledger.funding, ledger.transfers) == (0, 30, -7)
            assert capital(ledger) == before + 23
        await room.close()

    run_virtually(work)


def test_income_that_appears_late_is_found(tmp_path: Path) -> None:
    """A funding row half an hour old that nobody was told before: booked within the minute although the wallet fits."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        wallet = wallet_of(room)
        await asyncio.sleep(3000)
        assert await wallet.read()
        room.script.incomes = (
            income_row("FUNDING_FEE", 30, 1, clock.wall_ns() - 1800 * NANOSECONDS_PER_SECOND),
            income_row("TRANSFER", -30, 2, clock.wall_ns() - 1800 * NANOSECONDS_PER_SECOND),
        )
        for _ in range(5):
            await asyncio.sleep(15)
            assert await wallet.read()
        ledger = room.engine.state.account.ledger
        assert (ledger.difference, ledger.funding, ledger.transfers) == (0, 30, -30)
        await room.close()

    run_virtually(work)


@pytest.mark.parametrize("forgets", [False, True], ids=["as it is", "a start that forgets what was booked"])
def test_income_that_the_venue_shows_no_more_stays_booked(tmp_path: Path, *, forgets: bool) -> None:
    """A start a hundred days after the seed, when only the newest of four booked rows is shown, counts on from them.

    The planted defect counts from nothing: then four rows are fewer than the kernel knows, and the new one is lost.
    """

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        rows = [income_row("FUNDING_FEE", 10 + number, number, clock.wall_ns() + number) for number in range(3)]
        room.script.incomes = (*rows, income_row("TRANSFER", 100, 3, clock.wall_ns()))
        room.script.wallet += 133
        assert await wallet_of(room, history=room.engine.history).read()
        await asyncio.sleep(100 * 24 * 3600)
        room.script.incomes = (rows[2], income_row("FUNDING_FEE", 5, 4, clock.wall_ns()))
        room.script.wallet += 5

        history = History.from_text(room.engine.history.to_text())
        if forgets:
            history.income_ns.clear()
        assert await wallet_of(room, history=history).read()

        ledger = room.engine.state.account.ledger
        booked = (ledger.funding, ledger.funding_rows, ledger.transfers, ledger.difference)
        assert booked == ((33, 3, 100, 5) if forgets else (38, 4, 100, 0))
        await room.close()

    run_virtually(work)


def test_a_venue_clock_that_was_set_back_does_not_end_the_reading_of_the_wallet(tmp_path: Path) -> None:
    """The books began twenty seconds from now, by the clock of then: the reader goes on, and reads it then."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        wallet = wallet_of(room)
        wallet.seeded(clock.wall_ns() + 20 * NANOSECONDS_PER_SECOND)
        room.background.start(wallet.run(), "wallet")
        await asyncio.sleep(60)
        assert room.alerts.counts[Alert.OWN_BUG] == 0
        assert wallet.readings >= 2
        await room.close()

    run_virtually(work)


def test_late_income_is_looked_for_at_once_when_the_wallet_differs(tmp_path: Path) -> None:
    """The reading after one that did not fit explains the difference by a row that is half an hour old."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        wallet = wallet_of(room)
        await asyncio.sleep(3000)
        assert await wallet.read()
        room.script.incomes = (income_row("FUNDING_FEE", 30, 1, clock.wall_ns() - 1800 * NANOSECONDS_PER_SECOND),)
        room.script.wallet += 30
        await asyncio.sleep(1)
        await wallet.read()
        assert room.engine.state.account.ledger.difference == 30
        await asyncio.sleep(1)
        await wallet.read()
        assert room.engine.state.account.ledger.difference == 0
        await room.close()

    run_virtually(work)


def test_a_difference_is_looked_at_again_soon_and_then_less_often(tmp_path: Path) -> None:
    """Gone after a second: seen within three. There for ten minutes: hardly more readings than without it."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        wallet = wallet_of(room)
        room.background.start(wallet.run(), "wallet")
        room.script.wallet += 5
        wallet.request()
        await asyncio.sleep(1)
        assert wallet.difference == 5
        room.script.wallet -= 5
        await asyncio.sleep(3)
        assert wallet.difference == 0
        room.script.wallet += 5
        readings = wallet.readings
        await asyncio.sleep(600)
        assert wallet.difference == 5
        assert 600 // 15 <= wallet.readings - readings <= 600 // 15 + 6
        await room.close()

    run_virtually(work)


def test_rows_of_trades_are_read_once_or_twice_and_never_again(tmp_path: Path) -> None:
    """An hour with a fee row each second, a reading each 15: fewer than twice as many rows as there were."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        wallet = wallet_of(room)
        for number in range(240):
            start = clock.wall_ns()
            await asyncio.sleep(15)
            room.script.incomes += tuple(
                income_row("TRADING_FEE", -1, 15 * number + second, start + second * NANOSECONDS_PER_SECOND)
                for second in range(15)
            )
            await wallet.read()
        assert 3600 <= room.script.incomes_given < 2 * 3600
        await room.close()

    run_virtually(work)


def test_a_difference_freezes_new_trades_and_heals_by_itself(tmp_path: Path) -> None:
    """An unexplained difference refuses ENTER with CAPITAL_FROZEN; when it is gone, ENTER is accepted again."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        wallet = wallet_of(room)
        room.script.wallet += 5 * MONEY_SCALE
        await wallet.read()
        outcome = await room.engine.apply(opened(1, QUANTITY)[0])
        assert outcome.code == Code.CAPITAL_FROZEN
        room.script.wallet -= 5 * MONEY_SCALE
        await asyncio.sleep(1)
        await wallet.read()
        assert (await room.engine.apply(opened(1, QUANTITY)[0])).code == Code.OK
        await room.close()

    run_virtually(work)


def test_money_that_moves_around_the_reading_spoils_it(tmp_path: Path) -> None:
    """A fill booked while the wallet is read: the reading is thrown away, nothing is compared, nothing freezes."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await with_position(room)
        wallet = wallet_of(room)
        room.script.wallet = capital(room.engine.state.account.ledger)
        assert await wallet.read()  # the first one looks for late income, too
        compared_ns = room.engine.state.account.ledger.wallet_as_of_ns
        reading = asyncio.create_task(wallet.read())
        await asyncio.sleep(0.003)
        quote = QUANTITY * PRICE // 10**10
        await room.engine.apply(inputs.exit_leg(slot=0, instrument=0, trade=1, leg=0))
        await room.engine.apply(
            inputs.order(
                slot=0,
                instrument=0,
                trade=1,
                attempt=1,
                quantity=QUANTITY,
                quote=quote,
                done=True,
                time_ns=clock.wall_ns(),
            )
        )
        assert not await reading
        assert room.engine.state.account.ledger.wallet_as_of_ns == compared_ns
        await room.close()

    run_virtually(work)


def test_without_a_comparable_reading_for_too_long_no_new_trade(tmp_path: Path) -> None:
    """The venue is down beyond the age: REDUCE_ONLY; the first comparable reading lifts what we lowered ourselves."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        wallet = wallet_of(room)
        room.background.start(wallet.run(), "wallet")
        room.script.down = True
        await asyncio.sleep(100)
        assert room.engine.state.account.mode == Mode.REDUCE_ONLY
        assert room.alerts.counts[Alert.AGED_RECONCILE] == 1
        room.script.down = False
        await asyncio.sleep(20)
        assert room.engine.state.account.mode == Mode.ACTIVE
        await room.close()

    run_virtually(work)


def test_an_operators_mode_is_not_lifted(tmp_path: Path) -> None:
    """REDUCE_ONLY that somebody else set stays, whatever the wallet says."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        await room.engine.apply(inputs.set_mode(Mode.REDUCE_ONLY))
        wallet = wallet_of(room)
        room.background.start(wallet.run(), "wallet")
        await asyncio.sleep(100)
        assert room.engine.state.account.mode == Mode.REDUCE_ONLY
        await room.close()

    run_virtually(work)


@pytest.mark.parametrize(("difference", "written_off"), [(3, True), (-3, True), (4, False)])
def test_dust_is_written_off_when_flat_and_more_is_not(tmp_path: Path, difference: int, written_off: bool) -> None:
    """Up to the configured dust the books follow the wallet by an ADJUSTMENT; one unit more is left to an operator."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        wallet = wallet_of(room, dust=3)
        room.script.wallet += difference
        await wallet.read()
        ledger = room.engine.state.account.ledger
        assert ledger.adjustments == (difference if written_off else 0)
        assert ledger.difference == (0 if written_off else difference)
        await room.close()

    run_virtually(work)


def test_income_of_an_unknown_type_is_told_once(tmp_path: Path) -> None:
    """It is booked nowhere; an operator hears of it by name."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        wallet = wallet_of(room)
        room.script.incomes = (income_row("MYSTERY", 5, 1, clock.wall_ns()),)
        await wallet.read()
        await asyncio.sleep(1)
        await wallet.read()
        told = [one.text for one in room.alerts.newest if one.alert is Alert.UNKNOWN_INCOME]
        assert len(told) == 1
        assert "MYSTERY" in told[0]
        await room.close()

    run_virtually(work)

"""Settlement: the venue's own rows replace the predictions, once, and only when they sum exactly."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from dita.adapters.journal import Note
from dita.adapters.journal.store import checked_note
from dita.adapters.logic.orders import Snapshot
from dita.adapters.logic.rows import Evidence, FillRow, OrderRow, OrderState, PositionRow
from dita.runtime import settlement
from dita.runtime.alerts import Alert
from dita.runtime.settlement import Half, Settler, spent_notes, spent_rows, unsettled
from dita.spec import inputs
from dita.spec.inputs import Input
from dita.spec.order_ids import OrderKey, client_order_id
from dita.spec.scales import NANOSECONDS_PER_SECOND, QUANTITY_SCALE
from dita.spec.vocabulary import TAILS, OrderSide, Part, Phase, Side
from runtime_parts import PRICE, opened
from scripted_venue import SYMBOL, EngineRoom
from virtual_time import VirtualClock, run_virtually

QUANTITY = QUANTITY_SCALE // 10
QUOTE = QUANTITY * PRICE // 10**10
E18 = 10**10


async def nobody(_: tuple[FillRow, ...]) -> None:
    """Whom these tests tell what was settled."""


def settler_of(room: EngineRoom) -> Settler:
    settler = Settler(
        room.engine, room.venue, room.instruments, room.orders, room.alerts, on_settled=nobody, pause_seconds=0.1,
        again_seconds=1.0,
    )  # fmt: skip
    room.engine.observers.append(settler.observe)
    return settler


def fill(room: EngineRoom, number: int, order_id: str, side: OrderSide, quantity: int, fee: int) -> FillRow:
    return FillRow(
        symbol=SYMBOL, trade_id=str(number), order_id=order_id, side=side, position_side="LONG", price=PRICE,
        quantity=quantity, commission_e18=-fee * E18, commission_asset="USDT",
        time_ns=room.clock.wall_ns() // NANOSECONDS_PER_SECOND * NANOSECONDS_PER_SECOND,
    )  # fmt: skip


def whole_fills(room: EngineRoom, entry_fee: int, exit_fee: int) -> tuple[FillRow, FillRow]:
    """The rows of a finished trade, one for each of its orders."""
    entry = fill(room, 1, "10", OrderSide.BUY, QUANTITY, entry_fee)
    return entry, fill(room, 2, "11", OrderSide.SELL, QUANTITY, exit_fee)


async def finished_trade(room: EngineRoom, trade: int = 1, *, learn: bool = True) -> None:
    """Trade 1: entry by order 10, exit by order 11, both filled whole. Others likewise."""
    for event in opened(trade, QUANTITY):
        await room.engine.apply(event)
    await room.engine.apply(inputs.exit_leg(slot=0, instrument=0, trade=trade, leg=0))
    await room.engine.apply(
        inputs.order(
            slot=0,
            instrument=0,
            trade=trade,
            attempt=1,
            quantity=QUANTITY,
            quote=QUOTE,
            done=True,
            time_ns=room.clock.wall_ns(),
        )
    )
    await asyncio.sleep(1)
    for attempt in (0, 1):
        key = OrderKey(trade, 0, attempt)
        if learn:
            room.orders.learn(key, f"{trade}{attempt}")
        room.script.orders[client_order_id("test0", key)] = order_row(key)


def order_row(key: OrderKey) -> OrderRow:
    return OrderRow(
        evidence=Evidence.LISTING, symbol=SYMBOL, order_id=f"{key.trade}{key.attempt}",
        client_order_id=client_order_id("test0", key), side=OrderSide.SELL if key.attempt else OrderSide.BUY,
        position_side="LONG", state=OrderState.FILLED, status_text="FILLED", type_text="MARKET",
        ordered_quantity=QUANTITY, cum_quantity=QUANTITY, average_price=PRICE, time_ns=1,
    )  # fmt: skip


def test_both_halves_settle_from_exactly_their_own_rows(tmp_path: Path) -> None:
    """Split fills, a neighbour's rows in between: quantity, notional and fees are the exact sums of the trade's own."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        settler = settler_of(room)
        await finished_trade(room)
        third = QUANTITY // 4
        room.script.fills = (
            fill(room, 1, "10", OrderSide.BUY, third, 111),
            fill(room, 2, "99", OrderSide.BUY, third, 999),
            fill(room, 3, "10", OrderSide.BUY, QUANTITY - third, 222),
            fill(room, 4, "11", OrderSide.SELL, QUANTITY, 300),
            fill(room, 5, "98", OrderSide.SELL, QUANTITY, 999),
        )
        assert await settler.settle()
        tail = room.engine.state.slots[0].tails[0]
        assert (tail.entry.fee, tail.exit.fee, tail.entry.graded, tail.exit.graded) == (333, 300, 1, 1)
        assert room.engine.state.account.ledger.fees_provisional == 0
        assert next(unsettled(room.engine.state), None) is None
        await room.close()

    run_virtually(work)


def test_a_start_that_lies_in_the_future_does_not_keep_a_trade_unsettled(tmp_path: Path) -> None:
    """Our clock was ahead when the trade began and was set back: nothing raises, and after some tries it settles."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        settler = settler_of(room)
        await finished_trade(room)
        room.script.fills = whole_fills(room, 333, 300)
        settler.began(1, clock.wall_ns() + 20 * NANOSECONDS_PER_SECOND)
        room.background.start(settler.run(), "settle")
        settler.wake()
        await asyncio.sleep(60)
        assert room.alerts.counts[Alert.OWN_BUG] == 0
        assert next(unsettled(room.engine.state), None) is None
        await room.close()

    run_virtually(work)


@pytest.mark.parametrize("remembered", [True, False])
def test_a_trade_of_our_own_is_not_settled_by_the_rows_of_others(tmp_path: Path, remembered: bool) -> None:
    """Our clock was ahead, so that its own rows are not read at first; somebody traded as much on the same side.

    It is known to be all our own, or, after a restart, that the others' rows are of the other position side.
    """

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        settler = settler_of(room)
        await finished_trade(room)
        own = list(whole_fills(room, 5, 6))
        for attempt in (0, 1):
            key = OrderKey(1, 0, attempt)
            known = room.orders.order_id(key)
            assert known is not None
            row = replace(order_row(key), order_id=known)
            room.script.orders[row.client_order_id] = row
            own[attempt] = replace(own[attempt], order_id=known)
            if remembered:
                await room.orders.tell(key, 0, row)
        await asyncio.sleep(30)
        others = [
            fill(room, number, f"9{number}", side, QUANTITY, 700)
            for number, side in ((3, OrderSide.BUY), (4, OrderSide.SELL))
        ]
        room.script.fills = (
            *own,
            *(one if remembered else replace(one, position_side="SHORT") for one in others),
        )
        settler.began(1, clock.wall_ns() - 5 * NANOSECONDS_PER_SECOND)
        room.background.start(settler.run(), "settle")
        settler.wake()
        await asyncio.sleep(60)
        tail = room.engine.state.slots[0].tails[0]
        assert (tail.entry.fee, tail.exit.fee) == (5, 6)
        assert next(unsettled(room.engine.state), None) is None
        await room.close()

    run_virtually(work)


def test_rows_that_are_not_complete_are_waited_for(tmp_path: Path) -> None:
    """Half of the rows settle nothing; when the rest has come, a second later, it does, without a reminder."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        settler = settler_of(room)
        room.background.start(settler.run(), "settle")
        await finished_trade(room)
        whole = (
            fill(room, 1, "10", OrderSide.BUY, QUANTITY, 5),
            fill(room, 2, "11", OrderSide.SELL, QUANTITY // 2, 3),
            fill(room, 3, "11", OrderSide.SELL, QUANTITY // 2, 3),
        )
        room.script.fills = whole[:2]
        await asyncio.sleep(10)
        tail = room.engine.state.slots[0].tails[0]
        assert (tail.entry.graded, tail.exit.graded) == (1, 0)
        room.script.fills = whole
        await asyncio.sleep(2)
        assert room.engine.state.slots[0].tails[0].exit == tail.exit._replace(fee=6, graded=1)
        await room.close()

    run_virtually(work)


def test_after_a_restart_the_orders_are_found_by_listing(tmp_path: Path) -> None:
    """A process that has never heard the venue's ids settles all the same: the listing carries our client ids."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        settler = settler_of(room)
        await finished_trade(room, learn=False)
        room.script.fills = whole_fills(room, 5, 6)
        assert await settler.settle()
        assert room.engine.state.slots[0].tails[0].exit.fee == 6
        await room.close()

    run_virtually(work)


def reading(long_quantity: int, as_of_ns: int) -> Input:
    return inputs.position(
        slot=0, instrument=0, long_quantity=long_quantity, short_quantity=0, foreign_orders=0, as_of_ns=as_of_ns
    )


def adoption(time_ns: int, trade: int = 1) -> Input:
    return inputs.adopt(
        slot=0,
        instrument=0,
        trade=trade,
        side=Side.LONG,
        quantity=QUANTITY,
        quote=QUOTE - 5,
        price=PRICE,
        time_ns=time_ns,
    )


def test_what_nobody_owns_settles_an_adopted_position(tmp_path: Path) -> None:
    """A position that was adopted has no order of ours: the rows that nobody owns are its entry."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        settler = settler_of(room)
        room.script.held = (PositionRow(SYMBOL, Side.LONG, QUANTITY, PRICE, 0, "1"),)
        await room.engine.apply(reading(QUANTITY, clock.wall_ns()))
        await room.engine.apply(adoption(clock.wall_ns()))
        assert room.engine.state.slots[0].phase == Phase.POSITION_OPEN
        room.script.fills = (fill(room, 1, "77", OrderSide.BUY, QUANTITY, 44),)
        assert await settler.settle()
        entry = room.engine.state.slots[0].entry
        assert (entry.quote, entry.fee, entry.graded) == (QUOTE, 44, 1)
        await room.close()

    run_virtually(work)


@pytest.mark.parametrize("clock_was_ahead_in", [None, 1, 2])
def test_two_positions_closed_by_hand_have_their_rows_apart(tmp_path: Path, clock_was_ahead_in: int | None) -> None:
    """Nobody owns the rows of either close: each goes to the trade that held the instrument then, on its own side.

    Also when our clock was ahead as one of them began: then the rows of our own orders say when that was.
    """

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        settler = settler_of(room)
        for trade in (1, 2):
            await asyncio.sleep(5)
            for event in opened(trade, QUANTITY):
                await room.engine.apply(event)
            key = OrderKey(trade, 0, 0)
            entry = replace(order_row(key), order_id=f"{trade}0")
            room.script.orders[client_order_id("test0", key)] = entry
            room.script.fills += (fill(room, trade, f"{trade}0", OrderSide.BUY, QUANTITY, trade),)
            await asyncio.sleep(5)
            room.script.fills += (fill(room, trade + 10, f"9{trade}", OrderSide.SELL, QUANTITY, 100 * trade),)
            await room.engine.apply(
                inputs.external_close(
                    slot=0, instrument=0, trade=trade, quantity=QUANTITY, quote=QUOTE, time_ns=clock.wall_ns()
                )
            )
            await room.engine.apply(reading(0, clock.wall_ns()))
        if clock_was_ahead_in is not None:
            settler.began(clock_was_ahead_in, clock.wall_ns() + 20 * NANOSECONDS_PER_SECOND)
        room.background.start(settler.run(), "settle")
        settler.wake()
        await asyncio.sleep(1 if clock_was_ahead_in is None else 60)
        fees = {tail.trade: (tail.entry.fee, tail.exit.fee) for tail in room.engine.state.slots[0].tails if tail.trade}
        assert fees == {1: (1, 100), 2: (2, 200)}
        assert next(unsettled(room.engine.state), None) is None
        await room.close()

    run_virtually(work)


@pytest.mark.parametrize("is_restarted", [False, True])
@pytest.mark.parametrize("is_spent", [True, False], ids=["as it is", "forgotten"])
def test_a_row_of_nobody_settles_one_half(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_restarted: bool, is_spent: bool
) -> None:
    """Two positions of one size that somebody else opened: while the second's rows are late, the first's do not do.

    Also after a restart. The planted defect forgets which rows have settled something.
    """
    if not is_spent:
        monkeypatch.setattr(settlement, "_SPENT_NS", -1)

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        settler = settler_of(room)
        for trade in (1, 2):
            await asyncio.sleep(5)
            await room.engine.apply(reading(QUANTITY, clock.wall_ns()))
            await room.engine.apply(adoption(clock.wall_ns(), trade))
            if trade == 1:
                room.script.fills += (fill(room, 1, "71", OrderSide.BUY, QUANTITY, 40),)
                assert await settler.settle()
            await room.engine.apply(
                inputs.external_close(
                    slot=0, instrument=0, trade=trade, quantity=QUANTITY, quote=QUOTE, time_ns=clock.wall_ns()
                )
            )
            await room.engine.apply(reading(0, clock.wall_ns()))
            if trade == 1:
                await asyncio.sleep(5)
                room.script.fills += (fill(room, 2, "81", OrderSide.SELL, QUANTITY, 50),)
                assert await settler.settle()
        if is_restarted:
            if not is_spent:
                monkeypatch.setattr(room.engine.journal, "notes", no_notes)
            settler = settler_of(room)
        for _ in range(40):
            await settler.settle()
            await asyncio.sleep(61)
        second = next(tail for tail in room.engine.state.slots[0].tails if tail.trade == 2)
        assert ((second.entry.graded, second.exit.graded) == (0, 0)) is is_spent
        room.script.fills += (
            fill(room, 3, "72", OrderSide.BUY, QUANTITY, 41), fill(room, 4, "82", OrderSide.SELL, QUANTITY, 51),
        )  # fmt: skip
        assert await settler.settle()
        second = next(tail for tail in room.engine.state.slots[0].tails if tail.trade == 2)
        assert ((second.entry.fee, second.exit.fee) == (41, 51)) is is_spent
        await room.close()

    run_virtually(work)


@pytest.mark.parametrize("is_told_apart", [True, False], ids=["as it is", "planted"])
def test_orders_of_trades_that_are_forgotten_are_not_nobodys(tmp_path: Path, *, is_told_apart: bool) -> None:
    """A position that somebody else opened waits for its own rows, however many trades of ours have one of its size.

    The planted defect takes for nobody's what is of none of the trades that the slots remember.
    """

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        if not is_told_apart:
            room.engine.history.given_up = [*range(1, TAILS + 2)]
        settler = settler_of(room)
        for trade in range(1, TAILS + 2):  # the first one is forgotten then
            await finished_trade(room, trade)
            room.script.fills += (
                fill(room, 2 * trade, f"{trade}0", OrderSide.BUY, QUANTITY, 5),
                fill(room, 2 * trade + 1, f"{trade}1", OrderSide.SELL, QUANTITY, 6),
            )
            assert await settler.settle()
        await asyncio.sleep(5)
        await room.engine.apply(reading(QUANTITY, clock.wall_ns()))
        await room.engine.apply(adoption(clock.wall_ns(), TAILS + 2))
        for _ in range(25):
            await settler.settle()
            await asyncio.sleep(61)
        assert (room.engine.state.slots[0].entry.graded == 0) is is_told_apart
        await room.close()

    run_virtually(work)


def test_hundreds_of_rows_are_named_in_notes_that_the_journal_takes(tmp_path: Path) -> None:
    """Also with the longest names that the venue has."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        rows = [
            replace(fill(room, number, "71", OrderSide.BUY, 1, 0), trade_id=f"{number:064d}") for number in range(333)
        ]
        half = Half(0, 0, 9, Part.ENTRY, OrderSide.BUY, 333, 0)
        notes = [checked_note(note) for note in spent_notes(half, rows)]
        assert spent_rows(notes, room.engine.state) == {(SYMBOL, row.trade_id): row.time_ns for row in rows}
        await room.close()

    run_virtually(work)


def no_notes(_: int) -> list[Note]:
    return []


def test_rows_of_a_settlement_that_was_refused_are_not_spent(tmp_path: Path) -> None:
    """Its note stands in the journal all the same; but what it was to settle still waits."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        await finished_trade(room)
        entry, exit_ = unsettled(room.engine.state)
        rows = whole_fills(room, 5, 6)
        notes = [note for half, row in zip((entry, exit_), rows, strict=True) for note in spent_notes(half, [row])]
        assert spent_rows(notes, room.engine.state) == {}
        room.script.fills = rows
        assert await settler_of(room).settle()
        assert spent_rows(notes, room.engine.state) == {(SYMBOL, row.trade_id): row.time_ns for row in rows}
        await room.close()

    run_virtually(work)


@pytest.mark.parametrize("explained_before", [True, False])
def test_an_adopted_position_is_settled_by_rows_older_than_its_adoption(tmp_path: Path, explained_before: bool) -> None:
    """Filled 20 s before it was adopted; found from the last reading that was explained on, or else a day back.

    A foreign round trip before that reading does not count.
    """

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        settler = settler_of(room)
        if explained_before:
            room.script.fills = (fill(room, 1, "76", OrderSide.BUY, QUANTITY, 40),)
            await asyncio.sleep(30)
            await room.engine.apply(reading(0, clock.wall_ns()))
        await asyncio.sleep(10)
        room.script.fills += (fill(room, 2, "77", OrderSide.BUY, QUANTITY, 44),)
        await asyncio.sleep(20)
        await room.engine.apply(reading(QUANTITY, clock.wall_ns()))
        await room.engine.apply(adoption(clock.wall_ns()))
        assert await settler.settle()
        entry = room.engine.state.slots[0].entry
        assert (entry.quote, entry.fee, entry.graded) == (QUOTE, 44, 1)
        await room.close()

    run_virtually(work)


def test_a_trade_that_does_not_settle_is_told_once(tmp_path: Path) -> None:
    """Rows that never come: tried for ever, one alert for each half, and memory does not grow."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        settler = settler_of(room)
        room.background.start(settler.run(), "settle")
        await finished_trade(room)
        await asyncio.sleep(200)
        assert room.alerts.counts[Alert.UNSETTLED] == 2
        assert [half.part for half in unsettled(room.engine.state)] == [Part.ENTRY, Part.EXIT]
        await room.close()

    run_virtually(work)


@pytest.mark.parametrize("put_off", [True, False], ids=["as it is", "never put off"])
def test_what_is_looked_for_in_vain_is_looked_for_less_often(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, put_off: bool
) -> None:
    """Once a minute in the end, however often others wake it; it settles within the minute when its rows are there.

    The planted defect looks once a second for ever: each look reads the fills of a day.
    """
    if not put_off:
        monkeypatch.setattr(settlement, "_AGAIN_SECONDS_MAX", 1.0)

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        settler = settler_of(room)
        room.background.start(settler.run(), "settle")
        await finished_trade(room)
        await asyncio.sleep(300)
        before = room.script.reads
        for _ in range(1200):
            settler.wake()
            await asyncio.sleep(0.5)
        assert (room.script.reads - before <= 2 * 11) is put_off  # fills, and whose they are
        assert room.script.reads - before >= 2 * 9

        room.script.fills = whole_fills(room, 5, 6)
        await asyncio.sleep(61)
        assert [*unsettled(room.engine.state)] == []
        await room.close()

    run_virtually(work)


@pytest.mark.parametrize("is_ours", [True, False])
def test_each_look_in_vain_goes_further_back_until_it_reads_a_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_ours: bool
) -> None:
    """Late rows of orders of ours do not cost a day of rows at once; in the end a day is read.

    Of rows that nobody owns a part may sum up by chance, so where those may do a day is read at once.
    """

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        spans: list[int] = []
        reads = room.script.fill_history

        async def noted(symbol: str, start_ns: int, end_ns: int, order_id: str | None = None) -> tuple[FillRow, ...]:
            spans.append((end_ns - start_ns) // NANOSECONDS_PER_SECOND)
            return await reads(symbol, start_ns, end_ns, order_id)

        monkeypatch.setattr(room.script, "fill_history", noted)
        settler = settler_of(room)
        await finished_trade(room)
        if is_ours:
            told = Snapshot(QUANTITY, QUOTE, done=True, time_ns=1)
            monkeypatch.setattr(room.orders, "forwarded", {OrderKey(1, 0, n): told for n in (0, 1)}.get)
        for _ in range(40):
            assert not await settler.settle()
            await asyncio.sleep(61)
        minutes = [span // 60 for span in spans]
        assert minutes[:22] == sorted(minutes[:22])
        assert (minutes[21] <= 22) is is_ours
        assert spans[-1] >= 86_400
        await room.close()

    run_virtually(work)


def test_more_halves_than_are_remembered_are_tried_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is forgotten of a half is how often it was tried, not the half: both settle when their rows are there."""
    monkeypatch.setattr(settlement, "_HALVES_MAX", 1)

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        settler = settler_of(room)
        await finished_trade(room)
        for _ in range(25):
            assert not await settler.settle()
            await asyncio.sleep(61)
        room.script.fills = whole_fills(room, 5, 6)
        assert await settler.settle()
        await room.close()

    run_virtually(work)


def test_more_than_was_booked_is_evidence_once(tmp_path: Path) -> None:
    """Rows of our own order beyond what is booked: the kernel is told once and demands a reconcile."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        settler = settler_of(room)
        await finished_trade(room)
        room.script.fills = (*whole_fills(room, 5, 6), fill(room, 3, "11", OrderSide.SELL, 10_000, 6))
        rows = room.journal.position
        for _ in range(5):
            assert not await settler.settle()
        assert room.engine.state.account.unreconciled == 1
        assert room.journal.position <= rows + 3  # the entry, and the mismatch once or twice
        await room.close()

    run_virtually(work)

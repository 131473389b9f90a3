"""From quotes to inputs: sized, named, explained, held back when it should be, and safe from its policy."""

import asyncio
import json
from pathlib import Path

from dita.adapters.bingx.errors import ErrorClass
from dita.adapters.bingx.orders import Rejected
from dita.runtime.alerts import Alert
from dita.runtime.policy import Close, Open
from dita.spec import inputs
from dita.spec.vocabulary import Phase, RejectReason, Side
from runtime_parts import PRICE, opened
from scripted_venue import EngineRoom
from strategy_room import Scripted, quote, strategist_of
from virtual_time import VirtualClock, run_virtually

REFUSAL = Rejected(RejectReason.REFUSED, "101204", "margin", ErrorClass.DEFINITE_REJECT)


def test_an_intent_becomes_a_sized_order_and_a_note_that_says_why(tmp_path: Path) -> None:
    """1 % of 100,000 USDT at the ask, down to the lot; the journal says what was meant and why."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        policy = Scripted(Open(Side.LONG, "a reason"))
        strategist_of(room, policy).on_market(quote())
        await asyncio.sleep(1)
        order = room.script.submits[0]
        assert order.quantity == 1_990_000  # 1000 / 50001 = 0.01999…, lots of 0.0001
        notes = room.journal.notes(1)
        assert [note.name for note in notes] == ["intent", "gates", "sizing"]
        meant = json.loads(notes[0].body)
        assert (meant["why"], meant["side"], meant["quantity"]) == ("a reason", "LONG", order.quantity)
        await room.close()

    run_virtually(work)


def test_a_short_is_sized_at_the_bid(tmp_path: Path) -> None:
    """The price that the order would meet."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        strategist_of(room, Scripted(Open(Side.SHORT, "down"))).on_market(quote())
        await asyncio.sleep(1)
        assert room.script.submits[0].quantity == 2_000_000
        await room.close()

    run_virtually(work)


def test_one_intent_of_a_symbol_at_a_time(tmp_path: Path) -> None:
    """A hundred quotes while the first intent is under way: one order."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        strategist = strategist_of(room, Scripted(Open(Side.LONG, "now")))
        for _ in range(100):
            strategist.on_market(quote())
        await asyncio.sleep(1)
        assert len(room.script.submits) == 1
        await room.close()

    run_virtually(work)


def test_it_is_busy_from_the_intent_to_the_end_of_the_order(tmp_path: Path) -> None:
    """While the input waits for the journal, and while the order is in flight: busy. Before and after: not."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        strategist = strategist_of(room, Scripted(Open(Side.LONG, "now")))
        assert not strategist.is_busy
        room.commits[0].held = True
        strategist.on_market(quote())
        await asyncio.sleep(1)
        assert (strategist.is_busy, list(room.carrier.flights)) == (True, [])
        room.commits[0].waiting[0][1].set_result(None)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert (strategist.is_busy, len(list(room.carrier.flights))) == (True, 1)
        room.carrier.flights.end(0)
        await asyncio.sleep(0)
        assert not strategist.is_busy
        await room.close()

    run_virtually(work)


def test_before_the_recovery_is_done_and_after_the_end_nothing_opens(tmp_path: Path) -> None:
    """Without leave to act the policy is not asked; without leave to open it may only close."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        policy = Scripted(Open(Side.LONG, "now"))
        strategist = strategist_of(room, policy)
        strategist.may_act = False
        strategist.on_market(quote())
        assert policy.views == []
        strategist.may_act, strategist.entries.is_open = True, False
        strategist.on_market(quote())
        await asyncio.sleep(1)
        assert len(policy.views) == 1
        assert room.script.submits == []
        for event in opened(1, 2_000_000):
            await room.engine.apply(event)
        await asyncio.sleep(1)
        policy.says = Close("out", everything=True)
        strategist.on_market(quote())
        await asyncio.sleep(1)
        assert room.script.submits[-1].reduce_only
        await room.close()

    run_virtually(work)


def test_whatever_a_policy_says_the_journal_takes_it(tmp_path: Path) -> None:
    """Twelve bytes a character, and five thousand of them: the beginning is kept, entry and exit are journaled."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        policy = Scripted(Open(Side.LONG, "\U0001f600" * 5000))
        strategist = strategist_of(room, policy)
        strategist.on_market(quote())
        await asyncio.sleep(1)
        order = room.script.submits[0]
        await room.engine.apply(
            inputs.order(
                slot=0, instrument=0, trade=1, attempt=0, quantity=order.quantity,
                quote=order.quantity * PRICE // 10**10, done=True, time_ns=clock.monotonic_ns(),
            )
        )  # fmt: skip
        policy.says = Close("\ud800\x00" * 5000)
        strategist.on_market(quote())
        await asyncio.sleep(1)
        assert room.script.submits[-1].reduce_only
        notes = {note.name: json.loads(note.body) for note in room.journal.notes(1)}
        assert notes["intent"]["why"] == "\U0001f600" * 100
        assert notes["exit"] == {"price": PRICE, "why": "\ud800\x00" * 100}
        assert room.alerts.counts == {}
        await room.close()

    run_virtually(work)


def test_a_reading_waits_for_the_event_that_is_expected(tmp_path: Path) -> None:
    """It is about to begin, which whoever feeds the market sees; the policy is asked about what is on its way."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        policy = Scripted()
        strategist = strategist_of(room, policy)
        begun = asyncio.Event()

        async def read() -> None:
            async with strategist.quiet():
                begun.set()

        strategist.is_expecting = True
        reading = asyncio.create_task(read())
        await asyncio.sleep(0.1)
        assert (strategist.is_quiet, begun.is_set()) == (True, False)
        strategist.on_market(quote())
        assert len(policy.views) == 1
        strategist.is_expecting = False
        await reading
        assert (strategist.is_quiet, begun.is_set()) == (False, True)
        await room.close()

    run_virtually(work)


def test_the_view_shows_the_position(tmp_path: Path) -> None:
    """Phase, side, what remains, the price it was opened at: as the kernel has them."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        policy = Scripted()
        strategist = strategist_of(room, policy)
        strategist.on_market(quote())
        for event in opened(1, 2_000_000):
            await room.engine.apply(event)
        strategist.on_market(quote())
        flat, holding = policy.views
        assert (flat.phase, flat.side, flat.remaining) == (Phase.IDLE, Side.NONE, 0)
        assert (holding.phase, holding.side, holding.remaining) == (Phase.POSITION_OPEN, Side.LONG, 2_000_000)
        assert holding.opened_at_price == PRICE
        await room.close()

    run_virtually(work)


def test_a_policy_that_raises_is_told_of_and_changes_nothing(tmp_path: Path) -> None:
    """Foreign code may be wrong: an alert, and the next quote is handled."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        policy = Scripted(Open(Side.LONG, "now"), raises=ZeroDivisionError("planted"))
        strategist = strategist_of(room, policy)
        strategist.on_market(quote())
        assert room.alerts.counts[Alert.POLICY] == 1
        policy.raises = None
        strategist.on_market(quote())
        await asyncio.sleep(1)
        assert len(room.script.submits) == 1
        await room.close()

    run_virtually(work)


def test_a_quantity_that_cannot_be_is_told_with_its_operands(tmp_path: Path) -> None:
    """A price so high that the share buys less than the smallest order: no ENTER, and every number is in the record."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        strategist = strategist_of(room, Scripted(Open(Side.LONG, "now")))
        strategist.on_market(quote(10**17))
        await asyncio.sleep(1)
        assert room.script.submits == []
        assert room.alerts.counts[Alert.SIZING] == 1
        assert strategist.decisions.table()[0] == ("SIZING", "BELOW_SMALLEST_ORDER", 1)
        (note,) = strategist.decisions.take()
        facts = json.loads(note.body)["facts"]
        assert (facts["capital"], facts["fraction_ppm"], facts["leverage_ppm"]) == (
            10_000_000_000_000,
            10_000,
            1_000_000,
        )
        assert (facts["price"], facts["lot"], facts["boost_ppm"]) == (10**17 + 10**10, 10_000, 1_000_000)
        await room.close()

    run_virtually(work)


def test_rejected_entries_wait_longer_each_time(tmp_path: Path) -> None:
    """A venue that refuses every entry is asked less and less often; a filled entry ends that."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        strategist = strategist_of(room, Scripted(Open(Side.LONG, "now")))
        room.script.answers.extend([REFUSAL] * 1000)
        for _ in range(600):
            strategist.on_market(quote())
            await asyncio.sleep(0.1)
        assert len(room.script.submits) <= 8  # 0.25 s, doubling
        room.script.answers.clear()
        for _ in range(400):
            strategist.on_market(quote())
            await asyncio.sleep(0.1)
        assert room.engine.state.account.live_slots == 1
        await room.close()

    run_virtually(work)


def test_quiet_waits_for_orders_in_flight_and_keeps_new_ones_back(tmp_path: Path) -> None:
    """Inside ``quiet`` no intent begins; it begins when the last order has landed, or after a second's patience."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        strategist = strategist_of(room, Scripted(Open(Side.LONG, "now")))
        async with strategist.quiet():
            strategist.on_market(quote())
            await asyncio.sleep(1)
            assert room.script.submits == []
        strategist.on_market(quote())
        await asyncio.sleep(0.5)
        assert len(room.script.submits) == 1
        began = clock.monotonic_ns()
        async with strategist.quiet():
            assert 0.9e9 < clock.monotonic_ns() - began < 1.1e9  # the entry rests: patience ends
        await room.close()

    run_virtually(work)


def test_quotes_of_other_symbols_are_nobodys_business(tmp_path: Path) -> None:
    """They are counted and nothing else."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        policy = Scripted(Open(Side.LONG, "now"))
        strategist = strategist_of(room, policy)
        strategist.on_market(quote(symbol="XRP-USDT"))
        assert (strategist.events, policy.views) == (1, [])
        await room.close()

    run_virtually(work)

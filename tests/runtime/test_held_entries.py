"""Every trade that was not made can be explained from the journal; exits pass whatever holds entries."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dita.adapters.bingx.errors import ErrorClass
from dita.adapters.bingx.orders import Rejected
from dita.adapters.bingx.stream_base import StreamClosed
from dita.adapters.bingx.stream_events import StreamGap
from dita.adapters.journal import JournalFull
from dita.runtime.alerts import Alert
from dita.runtime.decisions import Hold
from dita.runtime.engine import Engine
from dita.runtime.entries import EntryMaker
from dita.runtime.gates import Boost, Chain, Direction, OrderBook, SessionLimits, StaleData
from dita.runtime.instruments import Instrument
from dita.runtime.live import Runtime
from dita.runtime.policy import Close, Open
from dita.runtime.strategist import Strategist
from dita.spec import inputs
from dita.spec.decisions import Check, Feature, Reason
from dita.spec.market import Depth, MarketTrade
from dita.spec.scales import MONEY_SCALE, PRICE_SCALE
from dita.spec.vocabulary import Mode, Phase, RejectReason, Side
from planted_module import Module, ModuleDefect, gate_defects, planted_module
from runtime_parts import PRICE, opened
from scripted_venue import SYMBOL, EngineRoom
from strategy_room import SIZING, Scripted, quote, strategist_of
from virtual_time import VirtualClock, run_virtually

SECOND = 1_000_000_000


def in_a_room(folder: Path, work: Callable[[EngineRoom], Awaitable[None]]) -> None:
    """With an engine, a scripted venue and a journal."""

    async def body(clock: VirtualClock) -> None:
        room = EngineRoom(folder, clock)
        await room.open_shop()
        await work(room)
        await room.close()

    run_virtually(body)


async def written(room: EngineRoom) -> list[dict[str, Any]]:
    """The holds in the journal, once the next input has come."""
    await room.engine.apply(inputs.set_limits(slot_limit=16, leverage_max_ppm=3_000_000, tolerance=0))
    return [json.loads(note.body) for note in room.journal.notes(0)]


def test_a_contradicted_entry_is_in_the_journal_with_what_contradicted_it(tmp_path: Path) -> None:
    """Eight quotes, the last 1 bp up, a short: DC_CONTRADICT with both prices; no order; and a long goes out."""

    async def work(room: EngineRoom) -> None:
        policy = Scripted(Open(Side.SHORT, "a dip to come"))
        strategist = strategist_of(room, policy, Direction())
        for step in range(7):
            strategist.on_market(quote(PRICE))
            assert strategist.decisions.counts[Check.DIRECTION, Reason.DC_TOO_FEW_TICKS] == step + 1
        strategist.on_market(quote(PRICE + PRICE // 10_000))
        (few, contradicted) = await written(room)
        assert (few["reason"], few["count"]) == ("DC_TOO_FEW_TICKS", 1)
        assert (contradicted["check"], contradicted["reason"], contradicted["why"]) == (
            "DIRECTION", "DC_CONTRADICT", "a dip to come",
        )  # fmt: skip
        facts = contradicted["facts"]
        assert facts["mid_doubled_now"] - facts["mid_doubled_before"] == 2 * PRICE // 10_000
        assert room.script.submits == []
        policy.says = Open(Side.LONG, "with it")
        strategist.on_market(quote(PRICE + PRICE // 10_000))
        await asyncio.sleep(1)
        assert len(room.script.submits) == 1
        passed = {note.name: json.loads(note.body) for note in room.journal.notes(1)}
        assert passed["gates"]["DIRECTION"]["side"] == "LONG"
        assert passed["sizing"]["quantity"] == room.script.submits[0].quantity
        assert (strategist.decisions.entries, strategist.decisions.exits) == (1, 0)

    in_a_room(tmp_path, work)


def test_a_boost_of_the_features_makes_the_order_larger(tmp_path: Path) -> None:
    """1 % of 100,000 at 50,001 is 0.0199; twice that by the features."""

    async def work(room: EngineRoom) -> None:
        policy = Scripted(Open(Side.LONG, "as the features say"))
        strategist = strategist_of(room, policy, Boost(), features={Feature.BOOST: 2})
        strategist.on_market(quote())
        await asyncio.sleep(1)
        assert room.script.submits[0].quantity == 3_990_000
        passed = {note.name: json.loads(note.body) for note in room.journal.notes(1)}
        assert passed["gates"]["BOOST"] == {"boost_source": "features", "boost_ppm": 2_000_000, "said_ppm": 2_000_000}

    in_a_room(tmp_path, work)


async def exits_pass(room: EngineRoom, kind: type[Strategist]) -> list[str]:
    """With every gate holding entries and the runtime opening none, both kinds of exit: what did not leave."""
    policy = Scripted()
    gates = (
        StaleData(0), SessionLimits(loss_max=1, trades_max=1, pause_ns=10**18), Direction(), OrderBook(5, 0, 0, 10**6),
        Boost(),
    )  # fmt: skip
    strategist = strategist_of(room, policy, *gates, kind=kind)
    strategist.entries.is_open = False
    strategist.entries.keep_back("a test")
    wrong: list[str] = []
    for trade, everything in ((1, False), (2, True)):
        for event in opened(trade, 2_000_000, slot=trade):
            await room.engine.apply(event)
        await asyncio.sleep(1)
        why: Any = "out" if everything else 7  # a reason that is no text is no reason to stay
        policy.says = Close(why, everything=everything)
        strategist.on_market(quote())
        await asyncio.sleep(1)
        exits = [order for order in room.script.submits if order.reduce_only]
        if len(exits) != trade:
            wrong.append(f"exit of trade {trade}, everything {everything}")
            return wrong
        place = {"slot": trade, "instrument": 0, "trade": trade}
        quote_money = 2_000_000 * PRICE // 10**10
        await room.engine.apply(
            inputs.order(**place, attempt=1, quantity=2_000_000, quote=quote_money, done=True, time_ns=2 * SECOND)
        )
    return wrong


def test_exits_pass_no_gate(tmp_path: Path) -> None:
    """Whatever is held, stale, lost or kept back: both kinds of exit leave; with exits judged they would not."""

    async def work(room: EngineRoom) -> None:
        assert await exits_pass(room, Strategist) == []

    in_a_room(tmp_path, work)


@pytest.mark.parametrize("defect", gate_defects("strategist"), ids=lambda defect: defect.name)
def test_an_exit_that_is_judged_shows(tmp_path: Path, defect: ModuleDefect) -> None:
    """The planted defect keeps a position open."""

    async def work(room: EngineRoom) -> None:
        with planted_module(defect.file, defect) as module:
            assert await exits_pass(room, module.Strategist) != []

    in_a_room(tmp_path, work)


async def maker_failures(room: EngineRoom, module: Module) -> list[str]:
    """Where an entry is made that should not be, or of another size than worked out by hand."""
    chain = Chain([SessionLimits(trades_max=1)], (SYMBOL,))
    clocks = module.Clocks(room.clock.monotonic_ns, room.clock.wall_ns)
    maker = module.EntryMaker(room.engine, SIZING, chain, {}, clocks)
    maker.is_open = True
    (instrument,) = room.instruments
    wrong: list[str] = []

    def made(intent: Open, between: Callable[[], None] = lambda: None) -> Any:
        wanted = maker.judge(instrument, intent, PRICE, 0)
        assert isinstance(wanted, module.Wanted)
        between()
        return maker.make(wanted)

    def expect(what: str, found: Any, expected: object) -> None:
        said = found.reason if isinstance(found, Hold) else found.event.quantity
        if said != expected:
            wrong.append(f"{what}: {said!r}")

    def last_trade_is_used() -> None:
        room.engine.history.day = room.engine.history.day.on(room.clock.wall_ns(), 0)._replace(trades=1)

    def keep_back() -> None:
        maker.keep_back("now")

    expect("at the quote, 1000 / 50,000", made(Open(Side.LONG, "w")), 2_000_000)
    expect("a limit above it, 1000 / 60,000", made(Open(Side.LONG, "w", limit_price=60_000 * PRICE_SCALE)), 1_660_000)
    expect("a limit below it", made(Open(Side.LONG, "w", limit_price=40_000 * PRICE_SCALE)), 2_000_000)
    expect("kept back in between", made(Open(Side.LONG, "w"), keep_back), Reason.KEPT_BACK)
    maker.release("now")
    expect("another symbol had the last trade", made(Open(Side.LONG, "w"), last_trade_is_used), Reason.DAILY_TRADES)
    return wrong


def test_an_entry_is_asked_again_when_it_is_made(tmp_path: Path) -> None:
    """What has changed since the policy spoke counts, and a limit order is sized at the worse of quote and limit."""

    async def work(room: EngineRoom) -> None:
        with planted_module("entries.py") as module:
            assert await maker_failures(room, module) == []

    in_a_room(tmp_path, work)


@pytest.mark.parametrize("defect", gate_defects("entries"), ids=lambda defect: defect.name)
def test_a_defect_of_making_entries_shows(tmp_path: Path, defect: ModuleDefect) -> None:
    """With a planted defect an entry is made that should not be."""

    async def work(room: EngineRoom) -> None:
        with planted_module(defect.file, defect) as module:
            assert await maker_failures(room, module) != []

    in_a_room(tmp_path, work)


def test_every_defect_of_strategy_has_its_test() -> None:
    """No patch lies about that nobody plants."""
    files = {defect.file.partition("/")[0] for defect in gate_defects()}
    assert files == {
        "gates", "sizing.py", "decisions.py", "entries.py", "strategist.py", "history.py", "trading_day.py",
    }  # fmt: skip


def expect_hold(room: EngineRoom, strategist: Strategist, check: Check, reason: Reason) -> None:
    """That exactly this was counted, once, and that nothing reached the kernel or the venue."""
    assert strategist.decisions.entries == 0
    assert dict(strategist.decisions.counts) == {(check, reason): 1}
    assert room.script.submits == []


def ending(_: EngineRoom, strategist: Strategist) -> None:
    strategist.entries.is_open = False


def kept_back(_: EngineRoom, strategist: Strategist) -> None:
    strategist.entries.keep_back("dead-man timer")


def unjournaled(room: EngineRoom, _: Strategist) -> None:
    room.engine.journal_error = JournalFull("j", "no space is left", "free some")


def nothing_asked(_: EntryMaker, __: Instrument) -> tuple[Reason, dict[str, int | str]]:
    """Planted: the runtime keeps nothing back."""
    return Reason.PASSED, {}


@pytest.mark.parametrize(
    ("prepare", "reason"),
    [(ending, Reason.NOT_OPENING), (kept_back, Reason.KEPT_BACK), (unjournaled, Reason.NO_RISK)],
)
def test_what_the_runtime_keeps_back_is_explained(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    prepare: Callable[[EngineRoom, Strategist], None],
    reason: Reason,
) -> None:
    """The session ends, something keeps entries back, the journal failed: each by its name; planted out, it shows."""

    async def work(room: EngineRoom) -> None:
        strategist = strategist_of(room, Scripted(Open(Side.LONG, "now")))
        prepare(room, strategist)
        strategist.on_market(quote())
        await asyncio.sleep(0.1)
        expect_hold(room, strategist, Check.RUNTIME, reason)
        monkeypatch.setattr(EntryMaker, "_runtime", nothing_asked)
        strategist.on_market(quote())
        await asyncio.sleep(0.1)
        with pytest.raises(AssertionError):
            expect_hold(room, strategist, Check.RUNTIME, reason)

    in_a_room(tmp_path, work)


def test_a_rejection_a_moment_ago_is_explained(tmp_path: Path) -> None:
    """The venue refused an entry: the next one waits a quarter of a second, and says so."""

    async def work(room: EngineRoom) -> None:
        room.script.answers.append(Rejected(RejectReason.REFUSED, "101204", "margin", ErrorClass.DEFINITE_REJECT))
        strategist = strategist_of(room, Scripted(Open(Side.LONG, "now")))
        strategist.on_market(quote())
        await asyncio.sleep(0.1)
        strategist.on_market(quote())
        assert dict(strategist.decisions.counts) == {(Check.RUNTIME, Reason.REJECTED_LATELY): 1}
        await asyncio.sleep(0.25)
        strategist.on_market(quote())
        await asyncio.sleep(0.1)
        assert len(room.script.submits) == 2

    in_a_room(tmp_path, work)


def test_a_lack_of_slots_is_explained(tmp_path: Path) -> None:
    """Every slot is live or waits for its settlement."""

    async def work(room: EngineRoom) -> None:
        slots = tuple(slot._replace(phase=Phase.POSITION_OPEN) for slot in room.engine.state.slots)
        full = room.engine.state._replace(slots=slots)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Engine, "state", full)
            strategist = strategist_of(room, Scripted(Open(Side.LONG, "now")))
            strategist.on_market(quote())
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        expect_hold(room, strategist, Check.RUNTIME, Reason.NO_FREE_SLOT)

    in_a_room(tmp_path, work)


def test_a_busy_instrument_is_explained(tmp_path: Path) -> None:
    """A policy that opens where a trade is live."""

    async def work(room: EngineRoom) -> None:
        for event in opened(1, 2_000_000):
            await room.engine.apply(event)
        await asyncio.sleep(1)
        room.script.submits.clear()
        strategist = strategist_of(room, Scripted(Open(Side.LONG, "more")))
        strategist.on_market(quote())
        await asyncio.sleep(1)
        expect_hold(room, strategist, Check.RUNTIME, Reason.INSTRUMENT_BUSY)

    in_a_room(tmp_path, work)


def test_what_the_kernel_refuses_is_explained_by_its_code(tmp_path: Path) -> None:
    """Reduce-only: the ENTER is refused, and the record has the kernel's own word for it."""

    async def work(room: EngineRoom) -> None:
        await room.engine.apply(inputs.set_mode(Mode.REDUCE_ONLY))
        strategist = strategist_of(room, Scripted(Open(Side.LONG, "now")))
        strategist.on_market(quote())
        await asyncio.sleep(1)
        expect_hold(room, strategist, Check.KERNEL, Reason.KERNEL_REFUSED)
        (note,) = await written(room)
        assert note["facts"] == {"code": "MODE_REDUCE_ONLY"}

    in_a_room(tmp_path, work)


@pytest.mark.parametrize(
    ("said", "gates", "check", "reason", "facts"),
    [
        (Open(Side.LONG, "w", boost=float("nan")), (Boost(),), Check.BOOST, Reason.NOT_FINITE,
         {"name": "boost", "value": "nan", "boost_source": "scan"}),
        (Open(Side.LONG, "w", limit_price=float("inf")), (), Check.SIZING, Reason.NOT_FINITE,
         {"name": "limit_price", "value": "inf"}),
        (Open(Side.LONG, "w", limit_price=-5), (), Check.SIZING, Reason.NOT_POSITIVE,
         {"name": "limit_price", "value": "-5"}),
        (Open(Side.NONE, "w"), (), Check.POLICY, Reason.NOT_A_DECISION,
         {"fault": "side: `<Side.NONE: 0>` is neither LONG nor SHORT"}),
        (Open(Side.LONG, "w", ratios=(0.5, 1)), (), Check.POLICY, Reason.NOT_A_DECISION,  # type: ignore[arg-type] # planted
         {"fault": "ratios: `0.5` is no whole number of ppm"}),
        (Open(Side.LONG, "w", ratios=()), (), Check.POLICY, Reason.NOT_A_DECISION,
         {"fault": "ratios: `()` is no tuple of 1 to 8 ratios"}),
        (Open(Side.LONG, 7), (), Check.POLICY, Reason.NOT_A_DECISION, {"fault": "why: `7` is no text"}),  # type: ignore[arg-type] # planted
        (None, (), Check.POLICY, Reason.NOT_A_DECISION, {"fault": "decision: `None` is no Open, Close or Hold"}),
    ],
)  # fmt: skip
def test_what_a_policy_says_wrongly_is_refused_with_name_and_value(
    tmp_path: Path, said: Any, gates: tuple[Any, ...], check: Check, reason: Reason, facts: dict[str, str]
) -> None:
    """Numbers that are none, and decisions that cannot be meant: no order, and the record says what was wrong."""

    async def work(room: EngineRoom) -> None:
        strategist = strategist_of(room, Scripted(said), *gates)
        strategist.on_market(quote())
        await asyncio.sleep(1)
        expect_hold(room, strategist, check, reason)
        (note,) = await written(room)
        assert note["facts"] == facts
        assert room.alerts.counts[Alert.OWN_BUG] == 0

    in_a_room(tmp_path, work)


def test_a_stale_book_and_a_gap_hold_until_the_next_snapshot(tmp_path: Path) -> None:
    """No book, a good one, an old one, a gap: only with the good one an order leaves."""

    async def work(room: EngineRoom) -> None:
        strategist = strategist_of(room, Scripted(Open(Side.LONG, "now")), OrderBook(5, SECOND, 3 * SECOND, 300_000))
        strategist.on_market(quote())
        strategist.on_depth(Depth(SYMBOL, ((PRICE, 5),), ((PRICE + 1, 5),), 1))
        strategist.on_depth(Depth("XRP-USDT", ((1, 5),), (), 1))
        await asyncio.sleep(4)
        strategist.on_market(quote())
        strategist.on_depth(Depth(SYMBOL, ((PRICE, 5),), ((PRICE + 1, 5),), 1))
        strategist.on_gap()
        strategist.on_market(quote())
        await asyncio.sleep(1)
        assert room.script.submits == []
        assert dict(strategist.decisions.counts) == {
            (Check.ORDER_BOOK, Reason.BOOK_UNKNOWN): 2, (Check.ORDER_BOOK, Reason.BOOK_STALE): 1,
        }  # fmt: skip
        strategist.on_depth(Depth(SYMBOL, ((PRICE, 5),), ((PRICE + 1, 5),), 1))
        strategist.on_market(quote())
        await asyncio.sleep(1)
        assert len(room.script.submits) == 1

    in_a_room(tmp_path, work)


def test_a_trade_seen_long_after_the_last_quote_opens_nothing(tmp_path: Path) -> None:
    """Public trades still come, quotes do not: the price that an order would meet is not known."""

    async def work(room: EngineRoom) -> None:
        strategist = strategist_of(room, Scripted(Open(Side.LONG, "now")), StaleData(5 * SECOND))
        trade = MarketTrade(SYMBOL, PRICE, 1, buyer_is_maker=False, time_ns=1)
        strategist.on_market(trade)
        strategist.entries.is_open = False
        strategist.on_market(quote())
        strategist.entries.is_open = True
        await asyncio.sleep(6)
        strategist.on_market(trade)
        await asyncio.sleep(1)
        assert room.script.submits == []
        assert strategist.decisions.counts[Check.STALE_DATA, Reason.NO_QUOTE] == 1
        assert strategist.decisions.counts[Check.STALE_DATA, Reason.QUOTE_STALE] == 1

    in_a_room(tmp_path, work)


class MarketOf:
    """A market stream that tells these things and ends."""

    def __init__(self, *events: object) -> None:
        self._events = iter(events)

    async def next_event(self) -> object:
        """The next one."""
        try:
            return next(self._events)
        except StopIteration:
            raise StreamClosed("test") from None


def test_the_runtime_tells_the_gates_of_books_and_gaps(tmp_path: Path) -> None:
    """What the market stream gives reaches them: a book lets an entry go, a gap holds the next one, with an alert."""

    async def work(room: EngineRoom) -> None:
        strategist = strategist_of(room, Scripted(Open(Side.LONG, "now")), OrderBook(5, SECOND, 3 * SECOND, 300_000))
        book = Depth(SYMBOL, ((PRICE, 5),), ((PRICE + 1, 5),), 1)
        stranger = Depth("XRP-USDT", ((PRICE, 5),), (), 1)
        for events, expected in (
            ((stranger, quote()), 0),
            ((book, StreamGap(1, "lost"), quote()), 0),
            ((book, quote()), 1),
        ):
            runtime: Any = SimpleNamespace(
                strategist=strategist, alerts=room.alerts, _market_stream=MarketOf(*events)
            )  # fmt: skip
            await Runtime._follow_market(runtime)  # pyright: ignore[reportPrivateUsage] - what the runtime runs
            await asyncio.sleep(1)
            assert len(room.script.submits) == expected
        assert room.alerts.counts == {Alert.STREAM_GAP: 1}

    in_a_room(tmp_path, work)


# ---- the trading day


def lost_trade(trade: int, loss: int) -> list[Any]:
    """A long of 0.1 that is closed so much lower, 1e-8 USDT."""
    place = {"slot": 0, "instrument": 0, "trade": trade}
    quantity = 10_000_000
    paid = quantity * PRICE // 10**10
    return [
        *opened(trade, quantity),
        inputs.exit_leg(slot=0, instrument=0, trade=trade, leg=0),
        inputs.order(**place, attempt=1, quantity=quantity, quote=paid - loss, done=True, time_ns=SECOND),
    ]


def test_session_limits_look_at_what_the_kernel_has_booked(tmp_path: Path) -> None:
    """One trade that loses 7 dollars and its fees: counted, lost, cooling down; a rejected entry does not count."""

    async def work(room: EngineRoom) -> None:
        for event in lost_trade(1, 7 * MONEY_SCALE):
            await room.engine.apply(event)
        day = room.engine.history.day
        ledger = room.engine.state.account.ledger
        assert (day.trades, day.result_before) == (1, 0)
        assert day.loss_ended_ns > 0
        fees = 2 * (5000 * MONEY_SCALE) // 2000 - 7 * MONEY_SCALE // 2000  # 0.05 % of what was paid and got
        assert ledger.realised - ledger.fees == -7 * MONEY_SCALE - fees
        await room.engine.apply(opened(2)[0])
        assert room.engine.history.day.trades == 2
        place = {"slot": 0, "instrument": 0, "trade": 2, "attempt": 0}
        await room.engine.apply(inputs.rejected(**place, reason=RejectReason.REFUSED, time_ns=2 * SECOND))
        assert room.engine.history.day.trades == 1
        assert room.engine.state.slots[0].phase == Phase.IDLE
        lost = 7 * MONEY_SCALE + fees
        for limits, reason in (
            (SessionLimits(loss_max=lost), Reason.DAILY_LOSS),
            (SessionLimits(trades_max=1), Reason.DAILY_TRADES),
            (SessionLimits(pause_ns=60 * SECOND), Reason.COOLING_DOWN),
        ):
            strategist = strategist_of(room, Scripted(Open(Side.LONG, "again")), limits)
            strategist.on_market(quote())
            assert dict(strategist.decisions.counts) == {(Check.SESSION_LIMITS, reason): 1}
        limits = SessionLimits(loss_max=lost + 1, trades_max=2, pause_ns=1)
        await asyncio.sleep(1)
        strategist_of(room, Scripted(Open(Side.LONG, "again")), limits).on_market(quote())
        await asyncio.sleep(1)
        assert room.engine.history.day.trades == 2

    in_a_room(tmp_path, work)

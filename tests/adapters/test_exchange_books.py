"""The exchange's books balance under random trading, and the audit that says so goes red for planted defects."""

from collections import defaultdict
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dita.adapters.exchange import AccountConfig, MatchingRules
from dita.adapters.exchange.account import Account
from dita.adapters.exchange.config import Contract
from dita.adapters.exchange.decimals import divide_half_even
from dita.adapters.exchange.errors import VenueError
from dita.adapters.exchange.matching import Engine
from dita.adapters.exchange.orders import (
    ConditionalType,
    Fill,
    NewOrder,
    Order,
    Position,
    PositionSide,
    Side,
    SplitPlan,
    TimeInForce,
)
from dita.adapters.exchange.record import VenueRecord, take_record
from dita.adapters.exchange.timers import Timers
from dita.spec.market import BookTicker, MarketTrade
from exchange_client import KEY, MS, START_NS, USDT, exchange_config, scaled

TICK = 10**9
LOT = 10**4
EXPECTED_REFUSALS = (101204, 101205, 101215, 101290, 101400)
LEGAL: list[tuple[Side, PositionSide]] = [("BUY", "LONG"), ("SELL", "LONG"), ("SELL", "SHORT"), ("BUY", "SHORT")]


@dataclass(frozen=True)
class Tick:
    price: int  # in ticks
    spread: int
    lots: int


@dataclass(frozen=True)
class Trade:
    price: int
    lots: int
    sold: bool


@dataclass(frozen=True)
class Submit:
    leg: int
    lots: int
    offset: int | None  # ticks from the ask, None = MARKET
    tif: TimeInForce
    reduce_only: bool
    parts: int


@dataclass(frozen=True)
class Cancel:
    which: int


@dataclass(frozen=True)
class Pass:
    ms: int


@dataclass(frozen=True)
class Fund:
    rate_ppb: int


@dataclass(frozen=True)
class Transfer:
    amount: int


@dataclass(frozen=True)
class Conditional:
    kind: ConditionalType
    leg: int
    lots: int
    offset: int  # ticks from the mark


@dataclass(frozen=True)
class Deleverage:
    lots: int


Step = Tick | Trade | Submit | Cancel | Pass | Fund | Transfer | Conditional | Deleverage

TICKS = st.builds(Tick, st.integers(590_000, 610_000), st.integers(1, 40), st.integers(0, 300))
SUBMITS = st.builds(
    Submit,
    st.integers(0, 3),
    st.integers(1, 500),
    st.none() | st.integers(-60, 60),
    st.sampled_from(["GTC", "IOC", "FOK", "PostOnly"]),
    st.booleans(),
    st.sampled_from([0, 0, 0, 2, 3, 5]),
)
STEPS = st.lists(
    st.one_of(
        TICKS,
        SUBMITS,
        SUBMITS,
        st.builds(Trade, st.integers(590_000, 610_000), st.integers(1, 300), st.booleans()),
        st.builds(Cancel, st.integers(0, 5)),
        st.builds(Pass, st.integers(0, 500)),
        st.builds(Fund, st.integers(-1_000_000, 1_000_000)),
        st.builds(Transfer, st.integers(-10 * USDT, 10 * USDT)),
    ),
    min_size=1,
    max_size=40,
)
KINDS: list[ConditionalType] = ["STOP_MARKET", "TAKE_PROFIT_MARKET", "TRIGGER_MARKET"]
ROUGH_STEPS = st.lists(
    st.one_of(
        st.builds(Tick, st.integers(300_000, 900_000), st.integers(1, 40), st.integers(0, 300)),
        st.builds(
            Submit, st.integers(0, 3), st.integers(1, 5000), st.none(), st.just("GTC"), st.just(False), st.just(0)
        ),
        st.builds(
            Conditional, st.sampled_from(KINDS), st.integers(0, 3), st.integers(1, 500), st.integers(-9000, 9000)
        ),
        st.builds(Deleverage, st.integers(1, 500)),
        st.builds(Transfer, st.integers(0, 100 * USDT)),
    ),
    min_size=5,
    max_size=40,
)


class Session:
    """An engine that random steps are played on; the account class may be a defective one."""

    def __init__(
        self,
        *,
        hedge: bool,
        liquidity: Literal["best", "ladder"] = "best",
        account_class: type[Account] = Account,
        wallet: int = 100_000 * USDT,
        isolated: bool = False,
    ) -> None:
        class ThisEngine(Engine):
            pass

        ThisEngine.account_class = account_class
        config = exchange_config(matching=MatchingRules(liquidity=liquidity))
        config = replace(config, accounts=(AccountConfig(KEY, "s", hedge_mode=hedge, wallet=wallet),))
        self.timers = Timers()
        self.engine = ThisEngine(config, self.timers)
        self.account = self.engine.accounts[KEY]
        self.account.margin_types = {"BTC-USDT": "ISOLATED"} if isolated else {}
        self.hedge = hedge
        self.now_ns = START_NS
        self.count = 0
        self.play(Tick(600_000, 1, 300))

    def play(self, step: Step) -> None:
        """Do one step."""
        engine, account = self.engine, self.account
        if isinstance(step, Tick):
            bid, ask, size = step.price * TICK, (step.price + step.spread) * TICK, step.lots * LOT
            engine.feed(BookTicker("BTC-USDT", bid, size, ask, size, self.now_ns), self.now_ns)
        elif isinstance(step, Trade):
            trade = MarketTrade("BTC-USDT", step.price * TICK, step.lots * LOT, step.sold, self.now_ns)
            engine.feed(trade, self.now_ns)
        elif isinstance(step, Submit):
            self._submit(step)
        elif isinstance(step, Cancel):
            live = account.live_orders()
            if live:
                engine.cancel(account, live[step.which % len(live)], self.now_ns)
        elif isinstance(step, Pass):
            self.now_ns += step.ms * MS
            self.timers.advance(self.now_ns)
        elif isinstance(step, Conditional):
            self._conditional(step)
        elif isinstance(step, Deleverage):
            for position in list(account.open_positions()):
                if position.size >= step.lots * LOT:
                    engine.deleverage(account, position, step.lots * LOT, self.now_ns)
        elif isinstance(step, Fund):
            engine.fund("BTC-USDT", step.rate_ppb, self.now_ns)
        else:
            engine.transfer(account, step.amount, self.now_ns)

    def _submit(self, step: Submit) -> None:
        self.count += 1
        side, position_side = LEGAL[step.leg]
        market = self.engine.markets["BTC-USDT"]
        price = 0 if step.offset is None else market.ask_price + step.offset * TICK
        new = NewOrder(
            "BTC-USDT",
            side,
            position_side if self.hedge else "BOTH",
            "LIMIT" if price else "MARKET",
            step.tif if price else "GTC",
            step.lots * LOT,
            price,
            step.reduce_only and not self.hedge,
            f"c{self.count}",
        )
        split = SplitPlan(step.parts, 100) if step.parts else None
        try:
            self.engine.submit(self.account, new, self.now_ns, split=split)
        except VenueError as error:
            if error.code not in EXPECTED_REFUSALS:
                raise

    def _conditional(self, step: Conditional) -> None:
        side, position_side = LEGAL[step.leg]
        stop = self.engine.marks["BTC-USDT"] // TICK * TICK + step.offset * TICK
        position_side = position_side if self.hedge else "BOTH"
        new = NewOrder(
            "BTC-USDT", side, position_side, step.kind, "GTC", step.lots * LOT, 0, False, "", stop
        )  # fmt: skip
        try:
            self.engine.submit(self.account, new, self.now_ns)
        except VenueError as error:
            if error.code not in (*EXPECTED_REFUSALS, 109400, 110411, 110413, 110424):
                raise

    def flatten(self) -> None:
        """Cancel everything and close everything at a market that can take it."""
        self.engine.cancel_all(self.account, "", self.now_ns)
        self.play(Tick(601_234, 3, 10**9))
        self.engine.close_all(self.account, "", self.now_ns)


def audit(session: Session) -> None:
    """Recompute the books from the fills and the income rows alone, and compare."""
    account = session.account
    fills = list(account.fills)
    other = sum(row.income for row in account.income if row.income_type in ("FUNDING_FEE", "TRANSFER"))
    insured = [row.income for row in account.income if row.income_type == "INSURANCE_CLEAR" and not row.trade_id]
    other += sum(insured)
    free = {order.order_id for order in account.orders.values() if order.profit_type == "ADL"}
    paying = [fill for fill in fills if fill.order_id not in free]
    commission = sum(_half_even(fill.notional * (200_000 if fill.maker else 500_000), 10**9) for fill in paying)
    realised = sum(fill.realised for fill in fills)

    assert account.wallet == account.seed + realised - commission + other
    assert account.wallet == account.seed + sum(row.income for row in account.income)
    assert take_record(session.engine, session.now_ns).account(KEY).wallet_difference == 0
    assert all(amount > 0 for amount in insured)

    executed: dict[int, int] = defaultdict(int)
    held: dict[str, int] = defaultdict(int)
    bought_minus_sold: dict[str, int] = defaultdict(int)
    for fill in fills:
        executed[fill.order_id] += fill.quantity
        sign = 1 if fill.side == "BUY" else -1
        held[fill.position_side] += sign * fill.quantity
        bought_minus_sold[fill.position_side] += sign * fill.notional
        assert fill.notional * 10**10 == fill.price * fill.quantity
    for order in account.orders.values():
        assert order.executed == executed[order.order_id] <= order.quantity
        assert (order.status == "FILLED") == (order.executed == order.quantity)
        assert not (order.stop_price and order.executed)
    for position in account.positions.values():
        assert position.quantity == held[position.side]
        # What was paid in and not yet taken out is either still there as cost or was realised.
        gone = bought_minus_sold[position.side] + sum(f.realised for f in fills if f.position_side == position.side)
        assert position.cost * (1 if position.quantity >= 0 else -1) == gone
        assert position.side != "LONG" or position.quantity >= 0
        assert position.side != "SHORT" or position.quantity <= 0


def _half_even(numerator: int, denominator: int) -> int:
    return round(Fraction(numerator, denominator))  # the language's own half-even rounding


def play(session: Session, steps: list[Step]) -> None:
    for step in steps:
        session.play(step)
        audit(session)
    session.flatten()
    audit(session)
    assert list(session.account.open_positions()) == []


@settings(max_examples=120, deadline=None)
@given(STEPS, st.sampled_from(["best", "ladder"]))
def test_books_balance_in_hedge_mode(steps: list[Step], liquidity: Literal["best", "ladder"]) -> None:
    """After every step wallet, orders and positions equal what the fills and income rows say; no side turns over."""
    play(Session(hedge=True, liquidity=liquidity), steps)


@settings(max_examples=120, deadline=None)
@given(STEPS, st.sampled_from(["best", "ladder"]))
def test_books_balance_in_one_way_mode(steps: list[Step], liquidity: Literal["best", "ladder"]) -> None:
    """The same with one netted position that flips."""
    play(Session(hedge=False, liquidity=liquidity), steps)


def solvency(session: Session) -> None:
    """No position stands without maintenance margin, and no cross account is below zero."""
    account, mark = session.account, Fraction(session.engine.marks["BTC-USDT"], 10**10)
    positions = list(account.open_positions())
    profits = [
        Fraction(p.quantity, 10**8) * mark - (1 if p.quantity > 0 else -1) * Fraction(p.cost, USDT) for p in positions
    ]
    needed = [abs(Fraction(p.quantity, 10**8)) * mark * 4 / 1000 for p in positions]
    slack = Fraction(len(positions), 10**6)  # what rounding to units may hide
    if account.margin_types:
        for position, profit, least in zip(positions, profits, needed, strict=True):
            assert Fraction(position.cost, 20 * USDT) + profit >= least - slack
    elif positions:
        assert Fraction(account.wallet, USDT) + sum(profits) >= sum(needed) - slack
    else:
        assert account.wallet >= 0


@settings(max_examples=100, deadline=None)
@given(ROUGH_STEPS, st.booleans(), st.booleans())
def test_books_balance_when_the_market_is_rough(steps: list[Step], hedge: bool, isolated: bool) -> None:
    """With stops, liquidations, deleveraging and the fund the books balance, and nobody trades on without margin."""
    session = Session(hedge=hedge, wallet=300 * USDT, isolated=isolated)
    for step in steps:
        session.play(step)
        audit(session)
        if isinstance(step, Tick):
            solvency(session)


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_equal_inputs_make_equal_books(steps: list[Step]) -> None:
    """The engine is a function of what it is given: two runs end in the same record."""
    records: list[VenueRecord] = []
    for _ in range(2):
        session = Session(hedge=True)
        for step in steps:
            session.play(step)
        records.append(take_record(session.engine, session.now_ns))

    assert records[0] == records[1]


class DropsACommission(Account):
    """Forgets the commission of every third fill."""

    def charge_commission(self, fill: Fill) -> None:
        """Sometimes nothing."""
        if self.fills_made % 3:
            super().charge_commission(fill)


class RoundsTheEntry(Account):
    """Realises against the average entry as shown on the wire."""

    def book_fill(
        self, order: Order, contract: Contract, price: int, quantity: int, maker: bool, trade_id: int, now_ns: int
    ) -> Fill:
        """Round first."""
        position = self.position(order.symbol, order.position_side)
        if position.size:
            average = divide_half_even(position.cost * 10**10, position.size * contract.tick) * contract.tick
            position.cost = average * position.size // 10**10
        return super().book_fill(order, contract, price, quantity, maker, trade_id, now_ns)


class BooksTwice(Account):
    """Books every fifth fill a second time without telling the order."""

    def book_fill(
        self, order: Order, contract: Contract, price: int, quantity: int, maker: bool, trade_id: int, now_ns: int
    ) -> Fill:
        """Book, and sometimes book again."""
        fill = super().book_fill(order, contract, price, quantity, maker, trade_id, now_ns)
        if self.fills_made % 5 == 0:
            self.fills.append(fill)
        return fill


class ForgetsReservations(Account):
    """Lets closing orders claim what others have claimed."""

    def reserved(self, symbol: str, side: PositionSide) -> int:
        """Nothing is ever reserved, and positions look twice their size."""
        return -self.position(symbol, side).size


SCRIPT: list[Step] = [
    Submit(0, 37, None, "GTC", False, 0),
    Tick(600_013, 1, 300),
    Submit(0, 11, None, "GTC", False, 3),
    Pass(500),
    Tick(600_107, 2, 300),
    Submit(1, 13, None, "GTC", False, 0),
    Submit(1, 17, None, "GTC", False, 2),
    Pass(500),
    Submit(2, 5, None, "GTC", False, 0),
    Submit(3, 5, None, "GTC", False, 0),
]


def test_script_of_the_planted_defects_is_clean_without_them() -> None:
    """What makes the audit red below is the defect, not the script."""
    play(Session(hedge=True), SCRIPT)


@pytest.mark.parametrize("defect", [DropsACommission, RoundsTheEntry, BooksTwice])
def test_audit_goes_red_for_a_planted_defect(defect: type[Account]) -> None:
    """A dropped commission, a rounded entry price and a fill booked twice are each noticed."""
    with pytest.raises(AssertionError):
        play(Session(hedge=True, account_class=defect), SCRIPT)


class ForgetsTheFund(Account):
    """Lets an account lose more than it has."""

    def book_insurance(self, symbol: str, amount: int, now_ns: int) -> None:
        """Nobody pays."""


CRASH: list[Step] = [Submit(0, 600, None, "GTC", False, 0), Tick(500_000, 1, 300)]


def crash(account_class: type[Account] = Account, *, isolated: bool = False) -> None:
    """A position that is too large for its margin, and a market that falls through it."""
    session = Session(hedge=True, wallet=300 * USDT, isolated=isolated, account_class=account_class)
    for step in CRASH:
        session.play(step)
        audit(session)
        solvency(session)
    assert list(session.account.open_positions()) == []


def _nobody(*_: object) -> list[Position]:
    return []


def test_solvency_goes_red_for_a_planted_defect(monkeypatch: pytest.MonkeyPatch) -> None:
    """A crash ends in a liquidation; with nobody liquidated, or with no fund behind it, the check notices."""
    crash()
    crash(isolated=True)
    with pytest.raises(AssertionError):
        crash(ForgetsTheFund)
    monkeypatch.setattr("dita.adapters.exchange.matching.positions_to_liquidate", _nobody)
    for isolated in (False, True):
        with pytest.raises(AssertionError):
            crash(isolated=isolated)


def test_position_cannot_be_closed_twice_even_if_admission_forgets() -> None:
    """With the reservation check broken a second close still takes nothing: the engine clips at the position."""
    session = Session(hedge=True, account_class=ForgetsReservations)
    session.play(Submit(0, 10, None, "GTC", False, 0))

    session.play(Submit(1, 10, None, "GTC", False, 0))
    session.play(Submit(1, 10, None, "GTC", False, 0))

    assert session.account.position("BTC-USDT", "LONG").quantity == 0
    assert session.account.fills[-1].quantity == scaled("0.001", 8)
    audit(session)


def test_history_is_bounded_and_sums_are_not() -> None:
    """Retention drops the oldest orders, fills, income rows and ids; wallet and counts go on as if nothing had gone."""
    config = exchange_config()
    config = replace(
        config, retention=replace(config.retention, terminal_orders=50, fills=40, income=30, client_ids=200)
    )
    engine = Engine(config, Timers())
    account = engine.accounts[KEY]
    engine.feed(BookTicker("BTC-USDT", 600_000 * TICK, 10**12, 600_001 * TICK, 10**12, START_NS), START_NS)
    engine.transfer(account, 77, START_NS)
    for number in range(1000):
        side: Side = "BUY" if number % 2 == 0 else "SELL"
        new = NewOrder("BTC-USDT", side, "LONG", "MARKET", "GTC", 10 * LOT, 0, False, f"c{number}")
        engine.submit(account, new, START_NS)
        engine.take_events()

    record = take_record(engine, START_NS).account(KEY)
    assert (len(account.orders), len(account.by_client_id), len(account.fills), len(account.income)) == (50, 50, 40, 30)
    assert (record.orders_made, record.fills_made, record.wallet_difference) == (1000, 1000, 0)
    assert list(account.used_client_ids) == [f"c{number}" for number in range(800, 1000)]
    assert [(row.income_type, row.income) for row in account.older_income] == [("TRANSFER", 77)]

"""Each gate against its rule: figures worked out by hand, laws for all figures, and defects that must show."""

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as some

from dita.runtime.gates import (
    Boost,
    Chain,
    Deep,
    Direction,
    Entry,
    Gap,
    Gate,
    Held,
    News,
    OrderBook,
    Passed,
    Quoted,
    SessionLimits,
    StaleData,
    Verdict,
)
from dita.runtime.trading_day import DAY_NS, TradingDay
from dita.spec.decisions import Check, Feature, Reason
from dita.spec.market import BookTicker, Depth
from dita.spec.scales import MONEY_SCALE, PRICE_SCALE, QUANTITY_SCALE
from dita.spec.vocabulary import Side
from planted_module import Module, gate_defects, planted_module

SYMBOL = "BTC-USDT"
SECOND = 1_000_000_000
PRICE = 60_000 * PRICE_SCALE
TODAY = 20_000
NOON_NS = TODAY * DAY_NS + DAY_NS // 2
USDT = MONEY_SCALE


def quoted(mid: int, now_ns: int = 0) -> Quoted:
    """A quote whose middle is exactly this price."""
    return Quoted(BookTicker(SYMBOL, mid - 7, 1, mid + 7, 1, 0), now_ns)


def deep(bids: list[int], asks: list[int], now_ns: int = 0) -> Deep:
    """A book of these quantities, best first."""
    return Deep(
        Depth(
            SYMBOL,
            tuple((PRICE - number, quantity) for number, quantity in enumerate(bids, 1)),
            tuple((PRICE + number, quantity) for number, quantity in enumerate(asks, 1)),
            0,
        ),
        now_ns,
    )


def entry(side: Side = Side.LONG, **changes: Any) -> Entry:
    """One at noon of a day on which nothing has happened."""
    known: dict[str, Any] = {
        "symbol": SYMBOL, "now_ns": 0, "event_age_ns": 0, "wall_ns": NOON_NS, "day": TradingDay(TODAY), "result": 0,
    }  # fmt: skip
    return Entry(side=side, **{**known, **changes})


def verdict(gate: Gate[Any], news: list[News], wanted: Entry) -> Verdict:
    """What a gate says after some news; saying it twice changes nothing."""
    state = gate.start()
    for one in news:
        state = gate.see(state, one)
    after, said = gate.judge(state, wanted)
    assert gate.judge(after, wanted) == (after, said)
    return said


class Case(NamedTuple):
    """A situation, and what the rule says of it: the reason to hold, or PASSED."""

    what: str
    gate: Gate[Any]
    news: list[News]
    wanted: Entry
    reason: Reason


def failures(cases: list[Case]) -> list[str]:
    """The cases in which a gate does not do what its rule says."""
    wrong: list[str] = []
    for case in cases:
        said = verdict(case.gate, case.news, case.wanted)
        reason = said.reason if isinstance(said, Held) else Reason.PASSED
        if reason is not case.reason:
            wrong.append(f"{case.what}: {reason.name}")
    return wrong


def direction_cases(module: Module) -> list[Case]:
    """0.75 basis points of 60,000 are 4.5: exactly that much is no contradiction, one unit of price more is."""
    gate = module.Direction()
    edge = 45 * PRICE_SCALE // 10
    assert edge * 1_000_000 == 75 * PRICE

    def after(move: int, ticks: int = 7) -> list[News]:
        return [*[quoted(PRICE)] * ticks, quoted(PRICE + move)]

    return [
        Case("short, nothing moved", gate, after(0), entry(Side.SHORT), Reason.PASSED),
        Case("short, risen 0.75 bp", gate, after(edge), entry(Side.SHORT), Reason.PASSED),
        Case("short, risen more", gate, after(edge + 1), entry(Side.SHORT), Reason.DC_CONTRADICT),
        Case("short, fallen", gate, after(-100 * edge), entry(Side.SHORT), Reason.PASSED),
        Case("long, fallen 0.75 bp", gate, after(-edge), entry(), Reason.PASSED),
        Case("long, fallen more", gate, after(-edge - 1), entry(), Reason.DC_CONTRADICT),
        Case("long, risen", gate, after(100 * edge), entry(), Reason.PASSED),
        Case("six ticks are too few", gate, after(0, 6), entry(), Reason.DC_TOO_FEW_TICKS),
        Case("no quote", gate, [], entry(), Reason.DC_TOO_FEW_TICKS),
        Case("a rise seven ticks ago counts", gate, [quoted(PRICE), *[quoted(PRICE + 2 * edge)] * 7],
             entry(Side.SHORT), Reason.DC_CONTRADICT),
        Case("a rise eight ticks ago does not", gate, [quoted(PRICE), *[quoted(PRICE + 2 * edge)] * 8],
             entry(Side.SHORT), Reason.PASSED),
        Case("what was between does not", gate, [quoted(PRICE), *[quoted(2 * PRICE)] * 6, quoted(PRICE)],
             entry(Side.SHORT), Reason.PASSED),
        Case("books are no ticks", gate, [*after(0, 6), deep([1], [1])], entry(), Reason.DC_TOO_FEW_TICKS),
        Case("nothing goes on over a gap", gate, [*after(0), Gap(), quoted(PRICE)], entry(), Reason.DC_TOO_FEW_TICKS),
    ]  # fmt: skip


def stale_cases(module: Module) -> list[Case]:
    """Five seconds old is young enough, a nanosecond more is not."""
    gate = module.StaleData(5 * SECOND)
    strict = module.StaleData(5 * SECOND, 2 * SECOND)
    at_ten: list[News] = [quoted(PRICE, 10 * SECOND)]
    return [
        Case("no quote", gate, [], entry(now_ns=SECOND), Reason.NO_QUOTE),
        Case("a book is no quote", gate, [deep([1], [1])], entry(), Reason.NO_QUOTE),
        Case("just now", gate, at_ten, entry(now_ns=10 * SECOND), Reason.PASSED),
        Case("5 s", gate, at_ten, entry(now_ns=15 * SECOND), Reason.PASSED),
        Case("5 s and 1 ns", gate, at_ten, entry(now_ns=15 * SECOND + 1), Reason.QUOTE_STALE),
        Case("the newest counts", gate, [*at_ten, quoted(PRICE, 14 * SECOND)], entry(now_ns=19 * SECOND),
             Reason.PASSED),
        Case("a gap makes it unknown", gate, [*at_ten, Gap()], entry(now_ns=10 * SECOND), Reason.NO_QUOTE),
        Case("nobody asked for the lag", gate, at_ten, entry(now_ns=10 * SECOND, event_age_ns=DAY_NS), Reason.PASSED),
        Case("2 s on its way", strict, at_ten, entry(now_ns=10 * SECOND, event_age_ns=2 * SECOND), Reason.PASSED),
        Case("2 s and 1 ns on its way", strict, at_ten, entry(now_ns=10 * SECOND, event_age_ns=2 * SECOND + 1),
             Reason.QUOTE_LATE),
    ]  # fmt: skip


def limits_cases(module: Module) -> list[Case]:
    """A hundred dollars, three trades, a minute after a loss."""
    loss, trades, pause = module.SessionLimits(loss_max=100 * USDT), module.SessionLimits(trades_max=3), (
        module.SessionLimits(pause_ns=60 * SECOND)
    )  # fmt: skip
    began = TradingDay(TODAY, result_before=40 * USDT)
    yesterday = TradingDay(TODAY - 1, result_before=900 * USDT, trades=50)

    def since(seconds: int) -> Entry:
        return entry(day=TradingDay(TODAY, loss_ended_ns=NOON_NS), wall_ns=NOON_NS + seconds * SECOND)

    return [
        Case("no limit", module.SessionLimits(), [], entry(day=began, result=-(10**18)), Reason.PASSED),
        Case("lost 99.99999999", loss, [], entry(day=began, result=-60 * USDT + 1), Reason.PASSED),
        Case("lost 100", loss, [], entry(day=began, result=-60 * USDT), Reason.DAILY_LOSS),
        Case("earned", loss, [], entry(day=began, result=900 * USDT), Reason.PASSED),
        Case("what was lost yesterday", loss, [], entry(day=yesterday, result=0), Reason.PASSED),
        Case("two trades", trades, [], entry(day=TradingDay(TODAY, trades=2)), Reason.PASSED),
        Case("three trades", trades, [], entry(day=TradingDay(TODAY, trades=3)), Reason.DAILY_TRADES),
        Case("yesterday's trades", trades, [], entry(day=yesterday), Reason.PASSED),
        Case("the clock was set back a day", trades, [], entry(day=TradingDay(TODAY + 1, trades=3)),
             Reason.DAILY_TRADES),
        Case("59 s after a loss", pause, [], since(59), Reason.COOLING_DOWN),
        Case("60 s after a loss", pause, [], since(60), Reason.PASSED),
        Case("the clock was set back behind the loss", pause, [], since(-5), Reason.COOLING_DOWN),
        Case("there was no loss", pause, [], entry(), Reason.PASSED),
        Case("a loss of the evening before", pause, [],
             entry(day=TradingDay(TODAY - 1, loss_ended_ns=TODAY * DAY_NS - SECOND), wall_ns=TODAY * DAY_NS + SECOND),
             Reason.COOLING_DOWN),
    ]  # fmt: skip


def book_cases(module: Module) -> list[Case]:
    """Two levels, a window of a second, at most three old, at least 30 % on the own side."""
    gate = module.OrderBook(levels=2, window_ns=SECOND, age_max_ns=3 * SECOND, share_min_ppm=300_000)
    q = QUANTITY_SCALE
    return [
        Case("no book", gate, [quoted(PRICE)], entry(), Reason.BOOK_UNKNOWN),
        Case("3 of 10", gate, [deep([2 * q, q], [4 * q, 3 * q])], entry(), Reason.PASSED),
        Case("a little less", gate, [deep([2 * q, q - 1], [4 * q, 3 * q])], entry(), Reason.BOOK_AGAINST),
        Case("a short has the other side", gate, [deep([2 * q, q - 1], [4 * q, 3 * q])], entry(Side.SHORT),
             Reason.PASSED),
        Case("a short against 3 of 10", gate, [deep([4 * q, 3 * q], [2 * q, q])], entry(Side.SHORT), Reason.PASSED),
        Case("a short against less", gate, [deep([4 * q, 3 * q], [2 * q, q - 1])], entry(Side.SHORT),
             Reason.BOOK_AGAINST),
        Case("the third level does not count", gate, [deep([q, q, 50 * q], [4 * q, 4 * q])], entry(),
             Reason.BOOK_AGAINST),
        Case("5 of 10 and 1 of 10 are 6 of 20", gate, [deep([5 * q], [5 * q], 0), deep([q], [9 * q], SECOND)],
             entry(now_ns=SECOND), Reason.PASSED),
        Case("1 of 10 alone", gate, [deep([q], [9 * q], 0)], entry(), Reason.BOOK_AGAINST),
        Case("what is behind the window does not count", gate,
             [deep([9 * q], [q], 0), deep([q], [9 * q], SECOND + 1)], entry(now_ns=SECOND + 1), Reason.BOOK_AGAINST),
        Case("3 s old", gate, [deep([q], [q])], entry(now_ns=3 * SECOND), Reason.PASSED),
        Case("3 s and 1 ns old", gate, [deep([q], [q])], entry(now_ns=3 * SECOND + 1), Reason.BOOK_STALE),
        Case("nothing offered", gate, [deep([], [])], entry(), Reason.BOOK_EMPTY),
        Case("one side only, the own", gate, [deep([q], [])], entry(), Reason.PASSED),
        Case("one side only, the other", gate, [deep([], [q])], entry(), Reason.BOOK_AGAINST),
        Case("a gap makes it unknown", gate, [deep([q], [q]), Gap()], entry(), Reason.BOOK_UNKNOWN),
    ]  # fmt: skip


BOOSTS: list[tuple[str, object, object, int | Reason]] = [
    ("the scan says 2", 2.0, None, 2_000_000),
    ("the scan wins over the features", 2.0, 1.5, 2_000_000),
    ("the features say 1.5", None, 1.5, 1_500_000),
    ("both are missing", None, None, 1_000_000),
    ("at most 3", 3.5, None, 3_000_000),
    ("at most 3 from the features, too", None, 1e300, 3_000_000),
    ("exactly 3", 3, None, 3_000_000),
    ("less than 1 makes it smaller", 0.25, None, 250_000),
    ("0 is not missing", 0.0, 1.5, Reason.NOT_POSITIVE),
    ("below 0", -1.0, None, Reason.NOT_POSITIVE),
    ("infinite", float("inf"), 1.5, Reason.NOT_FINITE),
    ("no number", float("nan"), None, Reason.NOT_FINITE),
    ("no number in the features", None, float("nan"), Reason.NOT_FINITE),
    ("a text", "2", None, Reason.NOT_FINITE),
    ("a truth value", True, None, Reason.NOT_FINITE),
]
"""What scan and features say, and the factor in ppm or why there is none."""


def boost_failures(module: Module) -> list[str]:
    """Where the factor is another, or none is taken for one."""
    wrong: list[str] = []
    for what, scan, feature, expected in BOOSTS:
        features = {} if feature is None else {Feature.BOOST: feature}
        said = verdict(module.Boost(), [], entry(boost=scan, features=features))
        found = said.reason if isinstance(said, Held) else said.boost_ppm
        if found != expected:
            wrong.append(f"{what}: {found}")
    return wrong


class Fixed(NamedTuple):
    """A gate of its place that always says the same; notes that it was asked."""

    check: Check
    says: Verdict
    asked: list[Check]

    def start(self) -> None:
        """Nothing."""

    def see(self, state: None, news: News) -> None:
        """Nothing."""

    def judge(self, state: None, entry: Entry) -> tuple[None, Verdict]:  # noqa: ARG002 - a gate's form
        """The same."""
        self.asked.append(self.check)
        return state, self.says


def chain_failures(module: Module) -> list[str]:
    """Asked in the order of the checks, none behind the first that holds; boosts multiply."""
    no = Held(Reason.BOOK_STALE, {})
    wrong: list[str] = []
    for holding, expected in (
        ((), [Check.STALE_DATA, Check.DIRECTION, Check.BOOST]),
        ((Check.STALE_DATA,), [Check.STALE_DATA]),
        ((Check.DIRECTION, Check.BOOST), [Check.STALE_DATA, Check.DIRECTION]),
    ):
        asked: list[Check] = []
        gates = [
            Fixed(check, no if check in holding else Passed({}, 2_000_000), asked)
            for check in (Check.BOOST, Check.STALE_DATA, Check.DIRECTION)
        ]
        judged = module.Chain(gates, (SYMBOL,)).judge(entry())
        held = expected[-1] if holding else None
        if (asked, judged.held and judged.held[0]) != (expected, held):
            wrong.append(f"held by {holding}: asked {asked}, held {judged.held}")
        if not holding and judged.boost_ppm != 8_000_000:
            wrong.append(f"boost {judged.boost_ppm}")
    return wrong


CHECKED: dict[str, Callable[[Module], list[str]]] = {
    "boost": boost_failures,
    "chain": chain_failures,
    "direction": lambda module: failures(direction_cases(module)),
    "limits": lambda module: failures(limits_cases(module)),
    "order_book": lambda module: failures(book_cases(module)),
    "stale": lambda module: failures(stale_cases(module)),
}
"""By module of ``dita.runtime.gates``: what its rule is found broken in."""


@pytest.mark.parametrize("name", CHECKED)
def test_a_gate_does_what_its_rule_says(name: str) -> None:
    """Every case worked out by hand, at both sides of each border."""
    with planted_module(f"gates/{name}.py") as module:
        assert CHECKED[name](module) == []


@pytest.mark.parametrize("defect", gate_defects("gates/"), ids=lambda defect: defect.name)
def test_a_defect_of_a_gate_shows(defect: Any) -> None:
    """With a planted defect at least one of the cases goes wrong."""
    with planted_module(defect.file, defect) as module:
        assert CHECKED[defect.file.removeprefix("gates/").removesuffix(".py")](module) != []


def test_every_gate_has_a_defect() -> None:
    """A gate whose cases nothing could break would prove nothing."""
    assert {defect.file for defect in gate_defects("gates/")} == {f"gates/{name}.py" for name in CHECKED}


def test_a_gate_named_twice_is_refused() -> None:
    """Two of a kind would have one place in the row."""
    with pytest.raises(ValueError, match="names one twice"):
        Chain([Direction(), Direction(ticks=9)], (SYMBOL,))


def test_symbols_have_states_of_their_own() -> None:
    """What was seen of one says nothing of the other; what was seen of a stranger is nobody's business."""
    chain = Chain([StaleData(SECOND)], ("BTC-USDT", "ETH-USDT"))
    chain.see("BTC-USDT", quoted(PRICE))
    chain.see("XRP-USDT", quoted(PRICE))
    assert chain.judge(entry()).held is None
    held = chain.judge(entry(symbol="ETH-USDT")).held
    assert held is not None
    assert held[1].reason is Reason.NO_QUOTE
    chain.see_all(Gap())
    assert chain.judge(entry()).held is not None


# ---- laws

PRICES = some.integers(PRICE // 2, PRICE * 2)
SIDES = some.sampled_from([Side.LONG, Side.SHORT])
QUANTITIES = some.integers(0, 10**12)


def is_held(gate: Gate[Any], news: list[News], wanted: Entry) -> bool:
    return isinstance(verdict(gate, news, wanted), Held)


@given(some.lists(PRICES, min_size=7, max_size=12), PRICES, PRICES)
def test_the_further_the_price_rises_the_less_a_short_and_the_more_a_long_may_open(
    before: list[int], one: int, other: int
) -> None:
    """A short held at a price is held at every higher one, a long at every lower one; never both at once."""
    low, high = sorted((one, other))
    news: list[News] = [quoted(mid) for mid in before]

    def held(side: Side, mid: int) -> bool:
        return is_held(Direction(), [*news, quoted(mid)], entry(side))

    assert held(Side.SHORT, high) >= held(Side.SHORT, low)
    assert held(Side.LONG, low) >= held(Side.LONG, high)
    assert not (held(Side.SHORT, low) and held(Side.LONG, low))


@given(some.lists(PRICES, min_size=8, max_size=12), SIDES, some.integers(2, 1000))
def test_direction_depends_on_the_two_ends_alone_and_not_on_the_unit(mids: list[int], side: Side, scale: int) -> None:
    """The same moves of a price many times as high, and any other path between the ends: the same verdict."""
    found = is_held(Direction(), [quoted(mid) for mid in mids], entry(side))
    assert is_held(Direction(), [quoted(mid * scale) for mid in mids], entry(side)) == found
    path = [mids[-8], *[mids[-8]] * 6, mids[-1]]
    assert is_held(Direction(), [quoted(mid) for mid in path], entry(side)) == found


@given(some.lists(some.tuples(QUANTITIES, QUANTITIES), min_size=1, max_size=5), some.integers(0, 4), QUANTITIES)
def test_more_on_the_own_side_never_holds_an_entry(books: list[tuple[int, int]], place: int, more: int) -> None:
    """Adding bids to any snapshot frees longs and never holds one; and a mirrored book is the other side's."""
    gate = OrderBook(levels=5, window_ns=SECOND, age_max_ns=SECOND, share_min_ppm=400_000)

    def held(rows: list[tuple[int, int]], side: Side) -> bool:
        return is_held(gate, [deep([bids], [asks]) for bids, asks in rows], entry(side))

    larger = [(bids + more * (number == place % len(books)), asks) for number, (bids, asks) in enumerate(books)]
    assert held(books, Side.LONG) >= held(larger, Side.LONG)
    assert held([(asks, bids) for bids, asks in books], Side.SHORT) == held(books, Side.LONG)


@given(some.integers(-(10**12), 10**12), some.integers(0, 10**12), some.integers(0, 50), some.integers(0, 50))
def test_more_lost_or_traded_never_frees_an_entry(result: int, more: int, trades: int, further: int) -> None:
    """Held at a loss or a number of trades, held at every larger one."""
    gate = SessionLimits(loss_max=10**11, trades_max=20)
    first = is_held(gate, [], entry(result=result, day=TradingDay(TODAY, trades=trades)))
    assert is_held(gate, [], entry(result=result - more, day=TradingDay(TODAY, trades=trades + further))) >= first


@given(some.integers(0, 10 * SECOND), some.integers(0, 10 * SECOND))
def test_older_data_never_frees_an_entry(age_ns: int, more_ns: int) -> None:
    """Of quotes and of books alike."""
    rows: list[tuple[Gate[Any], list[News]]] = [
        (StaleData(SECOND), [quoted(PRICE)]),
        (OrderBook(5, SECOND, SECOND, 0), [deep([1], [1])]),
    ]
    for gate, news in rows:
        assert is_held(gate, news, entry(now_ns=age_ns + more_ns)) >= is_held(gate, news, entry(now_ns=age_ns))


@given(some.floats(), some.floats())
def test_a_boost_is_between_0_and_3_and_grows_with_what_is_said(one: float, other: float) -> None:
    """Of any floats whatever: a factor within bounds, in their order, or held."""
    said = [verdict(Boost(), [], entry(boost=value)) for value in (one, other)]
    factors = [each.boost_ppm for each in said if isinstance(each, Passed)]
    assert all(0 <= factor <= 3_000_000 for factor in factors)
    if len(factors) == 2 and one <= other:
        assert factors[0] <= factors[1]
    for value, each in zip((one, other), said, strict=True):
        assert isinstance(each, Passed) == (0 < value < float("inf"))

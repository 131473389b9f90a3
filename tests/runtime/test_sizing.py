"""Sizing: the exact quotient down to the lot, guards that name every operand, limit prices, and defects that show."""

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from dita.runtime import sizing as sound
from dita.runtime.sizing import Contract, Sized, Sizing, Unsized, limit_price_for, quantity_for
from dita.spec.decisions import Reason
from dita.spec.scales import MONEY_SCALE, PRICE_SCALE, QUANTITY_SCALE
from dita.spec.vocabulary import Side
from planted_module import Module, ModuleDefect, gate_defects, planted_module

USDT = MONEY_SCALE
ONE_PERCENT = Sizing(fraction_ppm=10_000, leverage_ppm=2_000_000, leverage_max_ppm=3_000_000)
BTC = Contract(lot=10_000, quantity_min=10_000, quantity_max=10**11, tick=PRICE_SCALE // 10)
COIN = Contract(lot=1, quantity_min=1, quantity_max=10**18, tick=1)
GIVEN: dict[str, Any] = {"capital": 100_000 * USDT, "exposure": 0, "price": 60_000 * PRICE_SCALE}

Row = tuple[str, Sizing, Contract, dict[str, int], int | Reason]
ROWS: list[Row] = [
    # 100,000 × 1 % × 2 ÷ 60,000 = 0.0333…, lots of 0.0001
    ("down to the lot", ONE_PERCENT, BTC, {}, 3_330_000),
    ("boosted by 1.5", ONE_PERCENT, BTC, {"boost_ppm": 1_500_000}, 5_000_000),
    ("boosted by 1.499999", ONE_PERCENT, BTC, {"boost_ppm": 1_499_999}, 4_990_000),
    ("the largest order", ONE_PERCENT, BTC._replace(quantity_max=25_000), {}, 20_000),
    ("the smallest order", ONE_PERCENT, BTC._replace(quantity_min=3_330_000), {}, 3_330_000),
    ("below the smallest order", ONE_PERCENT, BTC._replace(quantity_min=3_330_001), {}, Reason.BELOW_SMALLEST_ORDER),
    ("less than a lot", ONE_PERCENT, BTC, {"capital": 2 * USDT}, Reason.BELOW_SMALLEST_ORDER),
    ("no capital", ONE_PERCENT, BTC, {"capital": 0}, Reason.NOT_POSITIVE),
    ("a debt", ONE_PERCENT, BTC, {"capital": -USDT}, Reason.NOT_POSITIVE),
    ("no price", ONE_PERCENT, BTC, {"price": 0}, Reason.NOT_POSITIVE),
    ("a price below 0", ONE_PERCENT, BTC, {"price": -1}, Reason.NOT_POSITIVE),
    ("no boost", ONE_PERCENT, BTC, {"boost_ppm": 0}, Reason.NOT_POSITIVE),
    ("no lot", ONE_PERCENT, BTC._replace(lot=0), {}, Reason.NOT_POSITIVE),
    # 1e-8 USDT is 100 units of 1e-10: 1 × 1 % × 2 ÷ 1e-8 = 2,000,000 coins
    ("the price floor", ONE_PERCENT, COIN, {"price": 100, "capital": USDT}, 2_000_000 * QUANTITY_SCALE),
    ("below the price floor", ONE_PERCENT, COIN, {"price": 99, "capital": USDT}, Reason.BELOW_PRICE_FLOOR),
    # all of 60,000 at once is one coin: what it needs is what there is, to the unit
    ("all the margin", Sizing(10**6, 10**6, 3 * 10**6), BTC, {"capital": 60_000 * USDT}, QUANTITY_SCALE),
    ("a unit of it in use", Sizing(10**6, 10**6, 3 * 10**6), BTC, {"capital": 60_000 * USDT, "exposure": 1},
     Reason.ABOVE_MARGIN),
    ("a boost needs margin", Sizing(10**6, 10**6, 3 * 10**6), BTC, {"capital": 60_000 * USDT, "boost_ppm": 2 * 10**6},
     Reason.ABOVE_MARGIN),
    # three times 60,000 is the most: two coins and one more are, a unit above them is not
    ("all the leverage", Sizing(10**6, 10**6, 10**6), BTC, {"capital": 60_000 * USDT}, QUANTITY_SCALE),
    ("more than the leverage", Sizing(10**6, 4 * 10**6, 3 * 10**6), BTC, {"capital": 60_000 * USDT},
     Reason.ABOVE_LEVERAGE),
    ("with what is live just as much", Sizing(10**6, 3 * 10**6, 3 * 10**6), BTC._replace(quantity_max=QUANTITY_SCALE),
     {"capital": 60_000 * USDT, "exposure": 120_000 * USDT}, QUANTITY_SCALE),
    ("with what is live a unit more", Sizing(10**6, 3 * 10**6, 3 * 10**6), BTC._replace(quantity_max=QUANTITY_SCALE),
     {"capital": 60_000 * USDT, "exposure": 120_000 * USDT + 1}, Reason.ABOVE_LEVERAGE),
    # 0.00000001 coins at 0.00000001 are far less than a unit of money, and count as one
    ("a notional is rounded up", Sizing(10**6, 10**6, 10**6), COIN._replace(quantity_max=1),
     {"price": 100, "capital": 1, "exposure": 1}, Reason.ABOVE_LEVERAGE),
]  # fmt: skip
"""What is changed of ``GIVEN``, and the quantity or the reason, worked out by hand."""

LIMITS: list[tuple[str, object, Side, int | Reason]] = [
    ("none", 0, Side.LONG, 0),
    ("on the tick", 600_000_000_000_000, Side.LONG, 600_000_000_000_000),
    ("a long never pays more", 600_000_999_999_999, Side.LONG, 600_000_000_000_000),
    ("a short never gets less", 600_000_000_000_001, Side.SHORT, 600_001_000_000_000),
    ("a float", 600_000_999_999_999.5, Side.SHORT, 600_001_000_000_000),
    ("infinite", float("inf"), Side.LONG, Reason.NOT_FINITE),
    ("no number", float("nan"), Side.LONG, Reason.NOT_FINITE),
    ("a text", "60000", Side.LONG, Reason.NOT_FINITE),
    ("below 0", -1.0, Side.LONG, Reason.NOT_POSITIVE),
    ("less than a tick is not at market", 1, Side.LONG, Reason.BELOW_PRICE_FLOOR),
]
"""Said by a policy, in 1e-10 USDT; ticks of 0.1."""


def failures(module: Module) -> list[str]:
    """The rows in which a module does not do what the rule says."""
    wrong: list[str] = []
    for what, sizing, contract, changes, expected in ROWS:
        said: Any = module.quantity_for(sizing, contract, **{**GIVEN, **changes})
        found = said.quantity if hasattr(said, "quantity") else said.reason
        if found != expected:
            wrong.append(f"{what}: {found!r}")
    for what, price, side, expected in LIMITS:
        limit: Any = module.limit_price_for(price, side, BTC.tick)
        found = limit if isinstance(limit, int) else limit.reason
        if found != expected:
            wrong.append(f"limit price, {what}: {found!r}")
    return wrong


def test_sizing_does_what_its_rule_says() -> None:
    """Every row, at both sides of each border."""
    assert failures(sound) == []


@pytest.mark.parametrize("defect", gate_defects("sizing"), ids=lambda defect: defect.name)
def test_a_defect_of_sizing_shows(defect: ModuleDefect) -> None:
    """With a planted defect at least one row goes wrong."""
    with planted_module(defect.file, defect) as module:
        assert failures(module) != []


def test_a_refusal_names_every_operand() -> None:
    """Whatever was wrong, all that the quantity would have been made from is in the record."""
    for _, sizing, contract, changes, expected in ROWS:
        said = quantity_for(sizing, contract, **{**GIVEN, **changes})
        operands = {
            **{name: {**GIVEN, "boost_ppm": 10**6, **changes}[name] for name in (*GIVEN, "boost_ppm")},
            "fraction_ppm": sizing.fraction_ppm, "leverage_ppm": sizing.leverage_ppm,
            "leverage_max_ppm": sizing.leverage_max_ppm, "lot": contract.lot,
        }  # fmt: skip
        assert operands.items() <= dict(said.facts).items()
        assert isinstance(said, Unsized) == isinstance(expected, Reason)


CAPITALS = some.integers(1, 10**15)
PPM = some.integers(1, 10**6)
PRICES = some.integers(100, 10**16)


@given(
    CAPITALS, PPM, some.integers(1, 10**8), PRICES, some.sampled_from([1, 10_000, 10**8]), some.integers(1, 3 * 10**6)
)
def test_the_quantity_is_the_largest_lot_multiple_that_the_share_buys(
    capital: int, fraction: int, leverage: int, price: int, lot: int, boost: int
) -> None:
    """Against exact fractions: less than one lot below capital × fraction × leverage × boost ÷ price, never above."""
    contract = Contract(lot, 0, 10**40, 1)
    said = quantity_for(
        Sizing(fraction, leverage, 10**18), contract, capital=capital, exposure=0, price=price, boost_ppm=boost
    )
    money = Fraction(capital, MONEY_SCALE) * Fraction(fraction * leverage * boost, 10**18)
    exact = money / Fraction(price, PRICE_SCALE) * QUANTITY_SCALE
    if isinstance(said, Sized):
        assert said.quantity % lot == 0
        assert said.quantity <= exact < said.quantity + lot
    elif said.reason is Reason.BELOW_SMALLEST_ORDER:
        assert exact < lot
    else:
        assert said.reason is Reason.ABOVE_MARGIN
        assert money > Fraction(capital * leverage, MONEY_SCALE * 10**6) - Fraction(1, MONEY_SCALE)


@given(CAPITALS, PPM, PRICES, some.integers(0, 10**15), some.integers(0, 10**15))
def test_what_is_live_never_frees_an_entry(capital: int, fraction: int, price: int, live: int, more: int) -> None:
    """Refused with some exposure, refused with more; and what is made fits under both bounds together with it."""
    contract = Contract(1, 1, 10**18, 1)
    sizing = Sizing(fraction, 2_000_000, 3_000_000)
    less = quantity_for(sizing, contract, capital=capital, exposure=live, price=price)
    greater = quantity_for(sizing, contract, capital=capital, exposure=live + more, price=price)
    assert isinstance(greater, Unsized) >= isinstance(less, Unsized)
    if isinstance(less, Sized):
        together = Fraction(live) + Fraction(less.quantity * price, 10**10)
        assert together <= 2 * capital


@given(some.floats(1e3, 1e18), some.sampled_from([1, 7, 10**9]), some.sampled_from([Side.LONG, Side.SHORT]))
def test_a_limit_price_is_within_a_tick_of_what_was_said_and_never_worse(price: float, tick: int, side: Side) -> None:
    """Whole ticks; at most the price said for a long, at least for a short."""
    found = limit_price_for(price, side, tick)
    said = Fraction(price)
    if isinstance(found, Unsized):
        assert side == Side.LONG
        assert said < tick
        return
    assert found % tick == 0
    assert said - tick < found <= said if side == Side.LONG else said <= found < said + tick

"""Sizing and policies: exact integers, guards with provenance, and policies that do what they say."""

from collections.abc import Callable
from fractions import Fraction
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as some

from dita.runtime.policies import Coin, Idle, Reversion, UnknownPolicy, make_policy
from dita.runtime.policy import Close, Decision, Hold, MarketView, Open, Policy
from dita.runtime.sizing import Sizing, Unsized, quantity_for
from dita.spec.market import BookTicker
from dita.spec.scales import MONEY_SCALE, PRICE_SCALE, QUANTITY_SCALE
from dita.spec.vocabulary import Phase, Side


@given(
    capital=some.integers(1, 10**15), fraction=some.integers(1, 10**6), leverage=some.integers(1, 10**8),
    price=some.integers(1, 10**16), lot=some.sampled_from([1, 10_000, 10**8]),
)  # fmt: skip
def test_the_quantity_is_the_largest_lot_multiple_that_the_share_buys(
    capital: int, fraction: int, leverage: int, price: int, lot: int
) -> None:
    """Against exact fractions: within one lot below capital × fraction × leverage ÷ price, and never above it."""
    sizing = Sizing(fraction, leverage)
    quantity = quantity_for(sizing, capital=capital, price=price, lot=lot, quantity_min=0, quantity_max=10**30)
    money = Fraction(capital, MONEY_SCALE) * Fraction(fraction, 10**6) * Fraction(leverage, 10**6)
    exact = money / Fraction(price, PRICE_SCALE) * QUANTITY_SCALE
    smallest_money = Fraction(1, MONEY_SCALE) / Fraction(price, PRICE_SCALE) * QUANTITY_SCALE
    if isinstance(quantity, Unsized):
        assert exact < lot + smallest_money
    else:
        assert quantity % lot == 0
        assert quantity <= exact < quantity + lot + smallest_money


@pytest.mark.parametrize("name", ["capital", "price", "lot"])
@pytest.mark.parametrize("value", [0, -1])
def test_a_non_positive_operand_gives_no_order_and_is_named(name: str, value: int) -> None:
    """Without capital, price or lot there is no quantity, and the reason shows every operand."""
    operands = {"capital": 10**13, "price": 10**14, "lot": 10_000, name: value}
    found = quantity_for(Sizing(10_000, 10**6), **operands, quantity_min=1, quantity_max=10**12)
    assert isinstance(found, Unsized)
    assert f"{name} `{value}`" in found.reason


def test_bounds_of_the_contract_hold() -> None:
    """The largest order caps the quantity; below the smallest there is none."""
    common = {"capital": 10**13, "price": 10**14, "lot": 10_000}
    assert quantity_for(Sizing(10**6, 10**6), **common, quantity_min=1, quantity_max=25_000) == 20_000
    assert isinstance(quantity_for(Sizing(1, 1), **common, quantity_min=10_000, quantity_max=10**12), Unsized)


def view(mid: int, phase: Phase = Phase.IDLE, side: Side = Side.NONE) -> MarketView:
    event = BookTicker("BTC-USDT", mid - 1, 1, mid + 1, 1, 1)
    return MarketView("BTC-USDT", event, mid - 1, mid + 1, phase, side, 0, 0, 10**13)


def decisions(policy: Policy, seed: int, count: int) -> list[Decision]:
    """Let a policy trade a random walk against an ideal exchange."""
    rng = Random(seed)
    mid, phase, side = 10**14, Phase.IDLE, Side.NONE
    made: list[Decision] = []
    for _ in range(count):
        mid += rng.randint(-(10**10), 10**10)
        decision = policy.on_market(view(mid, phase, side))
        made.append(decision)
        if isinstance(decision, Open):
            phase, side = Phase.POSITION_OPEN, decision.side
        elif isinstance(decision, Close):
            phase, side = Phase.IDLE, Side.NONE
    return made


@pytest.mark.parametrize("make", [Reversion, lambda: Coin(Random(1))])
def test_the_samples_trade_often_on_both_sides(make: Callable[[], Policy]) -> None:
    """On a random walk of 2,000 quotes each opens and closes at least 100 times, long and short."""
    made = decisions(make(), 3, 2000)
    opens = [one for one in made if isinstance(one, Open)]
    assert len(opens) >= 100
    assert {one.side for one in opens} == {Side.LONG, Side.SHORT}
    assert sum(isinstance(one, Close) for one in made) >= len(opens) - 1


def test_the_same_seed_decides_the_same() -> None:
    """Two coins of one seed make the same decisions, another seed makes others."""
    assert decisions(Coin(Random(5)), 1, 300) == decisions(Coin(Random(5)), 1, 300)
    assert decisions(Coin(Random(5)), 1, 300) != decisions(Coin(Random(6)), 1, 300)


def test_the_idle_policy_never_trades() -> None:
    """Whatever the market does."""
    assert all(isinstance(one, Hold) for one in decisions(Idle(), 1, 100))


def test_policies_are_found_by_name() -> None:
    """Each built-in one by its name; an unknown name lists the known ones."""
    assert isinstance(make_policy("coin", Random(1)), Coin)
    with pytest.raises(UnknownPolicy, match="`moon` is not installed; use one of coin, idle, reversion"):
        make_policy("moon", Random(1))

"""Sizing and policies: exact integers, guards with provenance, and policies that do what they say."""

from collections.abc import Callable
from random import Random

import pytest

from dita.runtime.policies import Coin, Idle, Reversion, UnknownPolicy, make_policy
from dita.runtime.policy import Close, Decision, Hold, MarketView, Open, Policy
from dita.spec.market import BookTicker
from dita.spec.vocabulary import Phase, Side


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


def test_a_coin_queues_in_the_book_and_gives_up() -> None:
    """One entry in three names the near side's price; one that waits is left alone for a while, then closed."""
    coin = Coin(Random(7), open_chance=1, close_chance=2, limit_chance=3)
    quote = view(10**14, Phase.IDLE, Side.NONE)
    opened = [one for _ in range(300) if isinstance(one := coin.on_market(quote), Open)]
    waiting = [one for one in opened if one.limit_price]
    assert {(one.side, one.limit_price) for one in waiting} == {
        (Side.LONG, quote.bid_price), (Side.SHORT, quote.ask_price),
    }  # fmt: skip
    assert 70 <= len(waiting) <= 130
    assert {one.post_only for one in waiting} == {False, True}
    made = [coin.on_market(view(10**14, Phase.ENTRY_WORKING, Side.LONG)) for _ in range(600)]
    assert 70 <= sum(isinstance(one, Close) for one in made) <= 130
    assert not any(isinstance(one, Open) for one in made)
    never = Coin(Random(7), open_chance=1)
    assert not any(isinstance(one, Open) and one.limit_price for one in (never.on_market(quote) for _ in range(300)))
    assert isinstance(never.on_market(view(10**14, Phase.ENTRY_WORKING, Side.LONG)), Hold)


def test_the_idle_policy_never_trades() -> None:
    """Whatever the market does."""
    assert all(isinstance(one, Hold) for one in decisions(Idle(), 1, 100))


def test_policies_are_found_by_name() -> None:
    """Each built-in one by its name; an unknown name lists the known ones."""
    assert isinstance(make_policy("coin", Random(1)), Coin)
    with pytest.raises(UnknownPolicy, match="`moon` is not installed; use one of coin, dislocation, idle, reversion"):
        make_policy("moon", Random(1))

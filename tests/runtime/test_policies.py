"""The policies that come with DITA do what they say, plug-ins are found or refused, and none gets hold of more."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import FrozenInstanceError, dataclass, fields, is_dataclass, replace
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from random import Random
from typing import Any

import pytest

from dita.runtime.gates import StaleData
from dita.runtime.policies import Coin, Dislocation, Idle, PolicyError, Reversion, UnknownPolicy, make_policy, registry
from dita.runtime.policy import Close, Decision, Hold, MarketView, Open, Policy
from dita.runtime.strategist import Strategist
from dita.spec.market import BookTicker
from dita.spec.vocabulary import Phase, Side
from scripted_venue import EngineRoom
from strategy_room import quote, strategist_of
from virtual_time import VirtualClock, run_virtually


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


# ---- dislocation

BILLION = 10**9  # a price of which a unit is one part per billion


def after_a_fall(step: int, policy: Dislocation | None = None) -> Decision:
    """Sixteen quotes at one price, then five that fall by ``step`` parts per billion of it each."""
    policy = policy or Dislocation()
    *before, last = [BILLION] * 16 + [BILLION - step * number for number in range(1, 6)]
    for mid in before:
        assert isinstance(policy.on_market(at(mid)), Hold)
    return policy.on_market(at(last))


def at(price: int, phase: Phase = Phase.IDLE, leg: int = 0) -> MarketView:
    """Bid and ask at one price; a short that was opened at a billion, if any."""
    event = BookTicker("BTC-USDT", price, 1, price, 1, 1)
    side = Side.NONE if phase == Phase.IDLE else Side.SHORT
    return MarketView("BTC-USDT", event, price, price, phase, side, 0, BILLION, 10**13, leg)


def test_a_dislocation_is_sold_beyond_the_threshold_alone() -> None:
    """Five of twenty quotes fall by d: velocities -d and -d/4, divergence -3/4 d; 2000 is reached at 2666.7."""
    assert after_a_fall(2666) == Hold("no dislocation")
    sold = after_a_fall(2667)
    assert isinstance(sold, Open)
    assert (sold.side, sold.ratios, sold.boost) == (Side.SHORT, (500_000, 1_000_000), 2000.25 / 2000)
    assert after_a_fall(-2667) == Hold("no dislocation")
    larger = after_a_fall(2667 * 100)
    assert isinstance(larger, Open)
    assert larger.boost == 3


def test_a_dislocation_is_left_alone_where_volatility_is_out_of_range() -> None:
    """The mean move of twenty quotes is a fourth of d, near 667: bounds just beside it hold."""
    assert isinstance(after_a_fall(2667, Dislocation(volatility_min_ppb=666, volatility_max_ppb=667)), Open)
    for policy in (Dislocation(volatility_min_ppb=668), Dislocation(volatility_max_ppb=666)):
        assert after_a_fall(2667, policy) == Hold("the volatility is out of range")


def test_a_dislocation_waits_for_all_quotes() -> None:
    """Twenty moves are twenty-one quotes."""
    policy = Dislocation()
    assert [policy.on_market(at(BILLION - 10**6 * number)) for number in range(20)] == [Hold("too few quotes")] * 20
    assert policy.on_market(at(BILLION // 2)) != Hold("too few quotes")


def test_each_leg_of_a_dislocation_has_its_profit() -> None:
    """Twenty ppm below for the first leg, forty for the second; a unit of price less is not enough."""
    held = Phase.POSITION_OPEN
    for leg, price in ((0, BILLION - 20_000), (1, BILLION - 40_000)):
        assert isinstance(Dislocation().on_market(at(price + 1, held, leg)), Hold)
        assert Dislocation().on_market(at(price, held, leg)) == Close(
            f"{20 * leg + 20} ppm better, leg {leg} wants {20 * leg + 20}"
        )


def test_a_dislocation_that_does_not_come_back_is_closed() -> None:
    """The sixtieth quote closes everything, at any price; the next trade has its own patience."""
    policy = Dislocation()
    for _ in range(2):
        said = [policy.on_market(at(2 * BILLION, Phase.POSITION_OPEN)) for _ in range(60)]
        assert said == [Hold("waiting for the profit")] * 59 + [Close("held for 60 quotes", everything=True)]
        policy.on_market(at(BILLION))


# ---- plug-ins


def plug_in(monkeypatch: pytest.MonkeyPatch, *points: tuple[str, object]) -> None:
    """Installed entry points of these names, which load to these things."""

    def loading(point: EntryPoint) -> object:
        found = dict(points)[point.name]
        if isinstance(found, Exception):
            raise found
        return found

    made = EntryPoints(EntryPoint(name, "a_package:thing", registry.GROUP) for name, _ in points)

    def installed(group: str) -> EntryPoints:
        return made.select(group=group)

    monkeypatch.setattr(registry, "entry_points", installed)
    monkeypatch.setattr(EntryPoint, "load", loading)


def test_a_plug_in_is_made_with_a_seed_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its maker gets a generator of chance; what it gives back is the policy."""
    given: list[object] = []

    def maker(*arguments: object, **named: object) -> Policy:
        given.extend((*arguments, *named))
        return Idle()

    plug_in(monkeypatch, ("mine", maker))
    rng = Random(1)
    assert isinstance(make_policy("mine", rng), Idle)
    assert given == [rng]


def divides_by_zero(_: Random) -> object:
    return 1 // 0


def gives_nothing(_: Random) -> object:
    return object()


class Half:
    """A policy that does not say whether it wants trades."""

    def __init__(self, _: Random) -> None: ...

    def on_market(self, view: MarketView) -> Decision:
        """Hold."""
        return Hold(view.symbol)


@pytest.mark.parametrize(
    ("maker", "said"),
    [
        (ImportError("no such thing"), "cannot be made: ImportError"),
        (divides_by_zero, "cannot be made: ZeroDivisionError"),
        (7, "cannot be made: TypeError"),
        (gives_nothing, "gave `object`; give it a method `on_market`"),
        (Half, "gave `Half`; give it a method `on_market` and a truth value `wants_trades`"),
    ],
)  # fmt: skip
def test_a_plug_in_that_cannot_be_used_is_refused(monkeypatch: pytest.MonkeyPatch, maker: object, said: str) -> None:
    """Whatever it raises or gives: one error that names the policy and where it comes from."""
    plug_in(monkeypatch, ("mine", maker))
    with pytest.raises(PolicyError, match="policy: `mine` is a_package:thing") as refused:
        make_policy("mine", Random(1))
    assert said in str(refused.value)


def test_a_name_that_two_have_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plug-in cannot take the place of one of ours in silence, nor ours that of a plug-in."""
    plug_in(monkeypatch, ("idle", Idle))
    with pytest.raises(PolicyError, match="`idle` is the name of several: a_package:thing"):
        make_policy("idle", Random(1))


# ---- what a policy gets hold of


def reached(value: object) -> list[object]:
    """The value and all that it is made of."""
    if not is_dataclass(value):
        return [value]
    return [value, *(part for field in fields(value) for part in reached(getattr(value, field.name)))]


def test_a_view_leads_nowhere() -> None:
    """It is made of numbers, names and the market event; no way leads from it to an engine or a venue."""
    harmless = {MarketView, BookTicker, str, int, Phase, Side}
    assert {type(part) for part in reached(view(10**14))} == harmless
    planted: Any = Strategist.__new__(Strategist)
    assert {type(part) for part in reached(replace(view(10**14), symbol=planted))} - harmless == {Strategist}


def test_a_view_cannot_be_changed() -> None:
    """Neither a field, nor one of its event, nor a new one."""
    shown = view(10**14)
    for target, name in ((shown, "capital"), (shown, "bid_price"), (shown.event, "time_ns"), (shown, "engine")):
        with pytest.raises((FrozenInstanceError, AttributeError, TypeError)):
            setattr(target, name, 1)


@dataclass
class Forger:
    """Changes what it is shown by force, then opens."""

    wants_trades: bool = True

    def on_market(self, view: MarketView) -> Decision:
        """See the class."""
        for name in ("bid_price", "ask_price", "capital"):
            object.__setattr__(view, name, 1)
        for name in ("bid_price", "ask_price", "time_ns"):
            object.__setattr__(view.event, name, 2**60)
        return Open(Side.LONG, "forged")


def test_a_view_that_is_changed_by_force_changes_nothing(tmp_path: Path) -> None:
    """Gates and sizing do not read what the policy had in its hands."""

    async def work(clock: VirtualClock) -> None:
        room = EngineRoom(tmp_path, clock)
        await room.open_shop()
        strategist = strategist_of(room, Forger(), StaleData(5 * 10**9, 10**30))
        strategist.on_market(quote())
        await asyncio.sleep(1)
        assert room.script.submits[0].quantity == 1_990_000  # as of an honest policy
        lag = json.loads({note.name: note.body for note in room.journal.notes(1)}["gates"])["STALE_DATA"]["lag_ns"]
        assert 0 < lag < 2**60 + 10**18
        assert lag == clock.wall_ns() - 10**9 - 1
        await room.close()

    run_virtually(work)

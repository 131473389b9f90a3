"""A strategist in an engine room: all there is between market and kernel, with a policy that says what it is told."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dita.runtime.decisions import Decisions
from dita.runtime.entries import Clocks, EntryMaker
from dita.runtime.gates import Chain, Gate
from dita.runtime.policy import Decision, Hold, MarketView, Policy
from dita.runtime.sizing import Sizing
from dita.runtime.strategist import Strategist
from dita.spec.decisions import Feature
from dita.spec.market import BookTicker
from dita.spec.scales import PRICE_SCALE, QUANTITY_SCALE
from runtime_parts import PRICE
from scripted_venue import SYMBOL, EngineRoom

SIZING = Sizing(10_000, 1_000_000, 3_000_000)


@dataclass
class Scripted:
    """Says what it is told to; keeps what it was shown."""

    says: Decision = field(default_factory=lambda: Hold("nothing"))
    views: list[MarketView] = field(default_factory=list[MarketView])
    raises: Exception | None = None
    wants_trades: bool = True

    def on_market(self, view: MarketView) -> Decision:
        """See the class."""
        self.views.append(view)
        if self.raises is not None:
            raise self.raises
        return self.says


def strategist_of(
    room: EngineRoom,
    policy: Policy,
    *gates: Gate[Any],
    sizing: Sizing = SIZING,
    features: Mapping[Feature, object] | None = None,
    kind: type[Strategist] = Strategist,
) -> Strategist:
    """It may act, and has these gates alone. ``kind``: another class in its place."""
    chain = Chain(gates, (SYMBOL,))
    decisions = Decisions(room.clock.monotonic_ns, room.clock.wall_ns)
    room.engine.beside = decisions.take
    entries = EntryMaker(
        room.engine, sizing, chain, {SYMBOL: features or {}}, Clocks(room.clock.monotonic_ns, room.clock.wall_ns)
    )
    room.engine.observers.append(entries.observe)
    strategist = kind(
        room.engine, room.instruments, (SYMBOL,), policy, entries, chain, decisions, room.carrier.exits,
        room.carrier.flights, room.alerts, room.background, room.clock.monotonic_ns,
    )  # fmt: skip
    entries.is_open = strategist.may_act = True
    return strategist


def quote(price: int = PRICE, symbol: str = SYMBOL) -> BookTicker:
    """A bid at the price and an offer one dollar above."""
    return BookTicker(symbol, price, QUANTITY_SCALE, price + PRICE_SCALE, QUANTITY_SCALE, 1)

"""What the runtime must know of the past besides the state: kept along with every input, and part of a snapshot."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Self, final

from dita.runtime.lockstep import Stepped
from dita.runtime.trading_day import TradingDay, result
from dita.spec.inputs import Input
from dita.spec.order_ids import OrderKey
from dita.spec.state import Slot, State
from dita.spec.vocabulary import Code, IncomeKind, Kind, Phase, Side, Verdict

_GIVEN_UP_MAX: Final = 256


@final
@dataclass(slots=True)
class History:
    """Follows every input that was journaled, live and in a replay alike. At most an entry a slot and a trade."""

    seeded_ns: int = 0  # venue time of the seed; 0: not seeded yet
    starts: dict[int, int] = field(default_factory=dict[int, int])  # live or unsettled trade: our time of its ENTER
    submits: dict[int, tuple[OrderKey, int]] = field(default_factory=dict[int, tuple[OrderKey, int]])
    """The newest order of each slot, and the venue time after which it may not be written any more."""
    day: TradingDay = field(default_factory=TradingDay)
    income_ns: dict[IncomeKind, int] = field(default_factory=dict[IncomeKind, int])
    """Venue time of the newest row in the booked total of each kind."""
    newest_ns: int = 0  # our time of the newest input
    moved_ns: dict[int, int] = field(default_factory=dict[int, int])  # slot: our time of its last change of phase
    commanded: dict[int, tuple[int, int]] = field(default_factory=dict[int, tuple[int, int]])
    """Of the newest order of each slot: our time of its command, its limit price (0: market)."""
    given_up: list[int] = field(default_factory=list[int])
    """The newest trades that ended without a fill, oldest first: what their orders do later is in no trade's books."""

    def observe(self, event: Input, stepped: Stepped, *, send_by_ns: int, wall_ns: int) -> None:
        """Take one input in."""
        outcome = stepped.outcome
        self.day = day_after(self.day, event, stepped, wall_ns)
        if event.kind == Kind.SEED:
            self.seeded_ns = event.time_ns
        if event.kind == Kind.INCOME and outcome.verdict == Verdict.ACCEPTED:
            self.income_ns[IncomeKind(event.income_kind)] = event.time_ns
        if outcome.moves and event.kind == Kind.ENTER:  # an adopted one began at a time nobody knows
            self.starts[event.trade] = wall_ns
        if outcome.submit:
            key = OrderKey(outcome.trade, outcome.slot, outcome.attempt)
            self.submits[outcome.slot] = (key, send_by_ns)
            self.commanded[outcome.slot] = (wall_ns, outcome.limit_price)
        if outcome.moves:
            self.moved_ns[event.slot] = wall_ns
            if ended_without_a_fill(stepped.before.slots[event.slot], stepped.after.slots[event.slot]):
                self.given_up = [*self.given_up, stepped.before.slots[event.slot].trade][-_GIVEN_UP_MAX:]
        self.newest_ns = wall_ns

    def keep(self, state: State) -> None:
        """Forget the starts of trades that the state does not remember either."""
        wanted = set(_remembered_trades(state))
        self.starts = {trade: start for trade, start in self.starts.items() if trade in wanted}

    def to_text(self) -> str:
        """As a snapshot keeps it."""
        document = {
            "seeded_ns": self.seeded_ns,
            "starts": sorted(self.starts.items()),
            "submits": sorted((*key, send_by_ns) for key, send_by_ns in self.submits.values()),
            "day": self.day._asdict(),
            "income_ns": sorted(self.income_ns.items()),
            "newest_ns": self.newest_ns,
            "moved_ns": sorted(self.moved_ns.items()),
            "commanded": sorted((slot, *values) for slot, values in self.commanded.items()),
            "given_up": self.given_up,
        }
        return json.dumps(document, separators=(",", ":"))

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Back again. Raises ValueError."""
        try:
            document = json.loads(text)
            starts = {int(trade): int(start) for trade, start in document["starts"]}
            submits = {
                int(slot): (OrderKey(int(trade), int(slot), int(attempt)), int(send_by_ns))
                for trade, slot, attempt, send_by_ns in document["submits"]
            }
            day = TradingDay(**{name: int(document["day"][name]) for name in TradingDay._fields})
            income_ns = {IncomeKind(kind): int(time_ns) for kind, time_ns in document["income_ns"]}
            moved_ns = {int(slot): int(since) for slot, since in document["moved_ns"]}
            commanded = {int(slot): (int(at), int(price)) for slot, at, price in document["commanded"]}
            newest_ns = int(document["newest_ns"])
            given_up = [int(trade) for trade in document["given_up"]]
            seeded_ns = int(document["seeded_ns"])
            return cls(seeded_ns, starts, submits, day, income_ns, newest_ns, moved_ns, commanded, given_up)
        except (KeyError, TypeError) as error:
            raise ValueError(f"history: `{text[:80]}` is not what `to_text` gives") from error


def ended_without_a_fill(before: Slot, after: Slot) -> bool:
    """Whether the slot's trade was given up in this step."""
    return before.phase != Phase.IDLE and after.phase == Phase.IDLE and before.entry.quantity == 0


def day_after(day: TradingDay, event: Input, stepped: Stepped, wall_ns: int) -> TradingDay:
    """The trading day after one step: an entry counts until it is rejected, a loss once its trade is finished."""
    day = day.on(wall_ns, result(stepped.before.account.ledger))
    outcome = stepped.outcome
    if event.kind == Kind.ENTER and outcome.verdict == Verdict.ACCEPTED:
        return day._replace(trades=day.trades + 1)
    if outcome.code == Code.ROLLED_BACK and event.attempt == 0:
        return day._replace(trades=max(0, day.trades - 1))
    if outcome.cancel_protection and _net(event, stepped) < 0:
        return day._replace(loss_ended_ns=max(wall_ns, day.loss_ended_ns))
    return day


def _net(event: Input, stepped: Stepped) -> int:
    """Of the trade that this step finished, 1e-8 USDT, fees as booked now; 0 for one that never filled."""
    tail = stepped.after.slots[event.slot].tails[0]
    if tail.trade != stepped.before.slots[event.slot].trade or tail.entry.quantity == 0:
        return 0
    earned = tail.exit.quote - tail.entry.quote
    return (earned if tail.side == Side.LONG else -earned) - tail.entry.fee - tail.exit.fee


def _remembered_trades(state: State) -> Iterable[int]:
    for slot in state.slots:
        yield slot.trade
        for tail in slot.tails:
            yield tail.trade

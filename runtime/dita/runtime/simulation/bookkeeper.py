"""A bookkeeper who follows the runtime's inputs and says, for each, by how much capital may have moved.

Like the auditor it knows neither kernel nor reference: it has its own join of fills, its own average cost in fractions,
and its own idea of which fee is predicted and which is settled. It is told what the runtime claims its capital was
before and after each input. Money 1e-8 USDT.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final, NamedTuple, final

from dita.spec.inputs import Input
from dita.spec.scales import NOTIONAL_DIVISOR, RATE_SCALE, RATIO_SCALE
from dita.spec.vocabulary import Code, Kind, Part, Side, Verdict

_ROUNDINGS: Final = 3  # units: a predicted fee of either half, and a cost share, are each rounded once
_EXTERNAL: Final = -1  # the order number under which closes without an order of ours are kept


class Step(NamedTuple):
    """An input, what became of it, and the capital that the runtime claims before and after it."""

    event: Input
    verdict: int
    code: int
    capital_before: int
    capital_after: int


@dataclass(slots=True)
class _Trade:
    side: int
    instrument: int
    rate: Fraction  # of the notional, as predicted
    planned: Fraction  # notional
    orders: dict[int, tuple[int, int]] = field(default_factory=dict[int, tuple[int, int]])  # number: filled, notional
    settled: dict[int, tuple[int, int]] = field(default_factory=dict[int, tuple[int, int]])  # part: notional, fee
    over: bool = False

    def half(self, part: Part) -> tuple[int, int]:
        """Quantity and notional of one half as they stand."""
        mine = [value for number, value in self.orders.items() if (number == 0) == (part is Part.ENTRY)]
        quantity, quote = sum(one for one, _ in mine), sum(other for _, other in mine)
        return quantity, self.settled[part][0] if part in self.settled else quote

    @property
    def worth(self) -> Fraction:
        """What the trade has added to capital: profit at average cost, less fees."""
        entered, cost = self.half(Part.ENTRY)
        left, proceeds = self.half(Part.EXIT)
        share = Fraction(cost * left, entered) if left else Fraction()
        profit = (proceeds - share) * (1 if self.side == Side.LONG else -1)
        return profit - self._fee(Part.ENTRY, cost) - self._fee(Part.EXIT, proceeds)

    def _fee(self, part: Part, quote: int) -> Fraction:
        return Fraction(self.settled[part][1]) if part in self.settled else quote * self.rate

    @property
    def is_settled(self) -> bool:
        """Whether nothing of it is predicted any more."""
        return all(part in self.settled or not self.half(part)[0] for part in (Part.ENTRY, Part.EXIT))


@final
class Bookkeeper:
    """Tell it every step; ``found`` says what does not add up."""

    def __init__(self, leverage_max_ppm: int, rates: Mapping[int, tuple[int, int]]) -> None:
        """``rates``: taker and maker, parts per billion, by instrument, as the exchange has them."""
        self.found: list[str] = []
        self.fills = 0
        self._leverage_max_ppm = leverage_max_ppm
        self._rates = rates
        self._calibration_ppm = RATIO_SCALE
        self._trades: dict[int, _Trade] = {}
        self._income: dict[int, tuple[int, int]] = defaultdict(lambda: (0, 0))
        self._seed = 0

    def take_all(self, steps: Iterable[Step]) -> None:
        """Each in turn."""
        for step in steps:
            self.take(step)

    def take(self, step: Step) -> None:
        """One step. Refused and flagged inputs move nothing."""
        moved = step.capital_after - step.capital_before
        expected = Fraction()
        exact = True
        if step.verdict == Verdict.ACCEPTED:
            trade = self._trades.get(step.event.trade)
            before = Fraction() if trade is None else trade.worth
            expected = self._follow(step)
            trade = self._trades.get(step.event.trade)
            if trade is not None:
                expected += trade.worth - before
                exact = trade.is_settled and before.denominator == 1
        if abs(moved - expected) > (0 if exact else _ROUNDINGS):
            name = Kind(step.event.kind).name
            self.found.append(
                f"{name} of trade {step.event.trade} moved capital by {moved}, it realised {float(expected):.3f}"
            )

    @property
    def capital(self) -> Fraction:
        """Seed, trades and income; a whole number once everything is settled."""
        income = sum(total for _, total in self._income.values())
        return Fraction(self._seed + income) + sum((one.worth for one in self._trades.values()), Fraction())

    @property
    def unsettled(self) -> list[int]:
        """Trades of which something is still predicted."""
        return [number for number, one in self._trades.items() if not one.is_settled]

    def profit_of(self, trade: int) -> tuple[Fraction, Fraction]:
        """Profit less fees, and the fees of a trade."""
        one = self._trades[trade]
        fees = sum((Fraction(fee) for _, fee in one.settled.values()), Fraction())
        return one.worth, fees

    @property
    def trades(self) -> tuple[int, ...]:
        """Those that have filled, in order."""
        return tuple(sorted(number for number, one in self._trades.items() if one.half(Part.ENTRY)[0]))

    def _follow(self, step: Step) -> Fraction:
        """Take the input in; what it moves besides the worth of its trade."""
        event = step.event
        match event.kind:
            case Kind.CALIBRATE:
                self._calibration_ppm = event.ratio_ppm
            case Kind.SEED:
                self._seed = event.amount
                return Fraction(event.amount)
            case Kind.INCOME:
                before = self._income[event.income_kind]
                self._income[event.income_kind] = max(before, (event.rows, event.amount))
                return Fraction(self._income[event.income_kind][1] - before[1])
            case Kind.ENTER:
                self._enter(step)
            case Kind.ADOPT:
                self._trades[event.trade] = self._new(event)
                self._trades[event.trade].orders[0] = (event.quantity, event.quote)
            case Kind.ORDER:
                self._join(event.trade, event.attempt, event)
            case Kind.EXTERNAL_CLOSE:
                self._join(event.trade, _EXTERNAL, event)
            case Kind.SETTLE:
                self._trades[event.trade].settled[event.part] = (event.quote, event.amount)
            case Kind.SETTLE_FORCED:
                self.found.append(f"trade {event.trade} was settled by force")
            case _:
                pass
        if event.kind in (Kind.REJECTED, Kind.NOT_FOUND) and step.code == Code.ROLLED_BACK:
            self._trades[event.trade].over = True
        return Fraction()

    def _new(self, event: Input) -> _Trade:
        taker_ppb, maker_ppb = self._rates[event.instrument]
        stated = maker_ppb if event.post_only else taker_ppb
        rate_ppb = round(Fraction(stated * self._calibration_ppm, RATIO_SCALE))  # ties to even
        planned = Fraction(event.quantity * event.price, NOTIONAL_DIVISOR)
        return _Trade(event.side, event.instrument, Fraction(rate_ppb, RATE_SCALE), planned)

    def _enter(self, step: Step) -> None:
        new = self._new(step.event)
        live = sum((max(one.planned, Fraction(one.half(Part.ENTRY)[1])) for one in self._trades.values()
                    if not one.over), Fraction())  # fmt: skip
        if (live + new.planned) * RATIO_SCALE > step.capital_before * self._leverage_max_ppm:
            self.found.append(
                f"trade {step.event.trade} was opened with {float(live + new.planned):.0f} of notional on a capital of"
                f" {step.capital_before}"
            )
        self._trades[step.event.trade] = new

    def _join(self, number: int, order: int, event: Input) -> None:
        trade = self._trades.get(number)
        if trade is None:
            self.found.append(f"a fill of trade {number}, which was never opened, was booked")
            return
        known = trade.orders.get(order, (0, 0))
        if event.quantity > known[0]:
            trade.orders[order] = (event.quantity, event.quote)
            self.fills += 1
        entered, left = trade.half(Part.ENTRY)[0], trade.half(Part.EXIT)[0]
        if left > entered:
            self.found.append(f"trade {number} has closed {left} of {entered}")
        if event.kind == Kind.ORDER and event.attempt == 0 and event.done and entered == 0:
            trade.over = True
        if entered and left == entered:
            trade.over = True

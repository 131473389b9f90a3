"""A desk: one reference kernel with two registered instruments and 10,000 USDT, driven input by input."""

from dita.reference import step
from dita.spec import inputs
from dita.spec.inputs import Input
from dita.spec.outcome import Outcome
from dita.spec.state import Slot, State, capital, initial_state
from dita.spec.vocabulary import Side

LOT = 10_000  # 0.0001 coin
TICK = 1_000_000_000  # 0.1 USDT
COIN = 100_000_000
PRICE = 600_000_000_000_000  # 60,000 USDT
USDT = 100_000_000


class Desk:
    """The kernel's state plus shorthand for the inputs that tests repeat; quantities in lots, prices in USDT."""

    def __init__(self) -> None:
        self.state: State = initial_state()
        self.clock_ns = 1_000_000_000_000
        self.outcome = Outcome()

    def send(self, event: Input) -> Outcome:
        """One step; the outcome is kept too."""
        self.state, self.outcome = step(self.state, event)
        return self.outcome

    def open_shop(self, *, slot_limit: int = 1, instruments: int = 2, leverage_ppm: int = 5_000_000) -> None:
        """Register, limit, seed."""
        for index in range(instruments):
            self.send(contract(index))
        self.send(inputs.set_limits(slot_limit=slot_limit, leverage_max_ppm=leverage_ppm, tolerance=0))
        self.send(inputs.seed(amount=10_000 * USDT, time_ns=1))

    def now(self) -> int:
        """A venue time later than all before."""
        self.clock_ns += 1_000_000_000
        return self.clock_ns

    def enter(
        self, trade: int, lots: int = 100, *, slot: int = 0, instrument: int = 0, side: Side = Side.LONG,
        ratios: tuple[int, ...] = (1_000_000,), post_only: bool = False,
    ) -> Outcome:  # fmt: skip
        """ENTER at 60,000 USDT."""
        return self.send(
            inputs.enter(
                slot=slot,
                instrument=instrument,
                trade=trade,
                side=side,
                quantity=lots * LOT,
                price=PRICE,
                ratios=ratios,
                post_only=post_only,
            )
        )

    def order(
        self, trade: int, attempt: int, lots: int, *, done: bool = False, slot: int = 0, instrument: int = 0,
        usdt: int = 60_000, time_ns: int | None = None,
    ) -> Outcome:  # fmt: skip
        """A snapshot at an average price."""
        return self.send(
            inputs.order(
                slot=slot,
                instrument=instrument,
                trade=trade,
                attempt=attempt,
                quantity=lots * LOT,
                quote=quote(lots, usdt),
                done=done,
                time_ns=self.now() if time_ns is None else time_ns,
            )
        )

    def exit(self, trade: int, leg: int = 0, *, slot: int = 0, instrument: int = 0) -> Outcome:
        """EXIT the leg."""
        return self.send(inputs.exit_leg(slot=slot, instrument=instrument, trade=trade, leg=leg))

    def flatten(self, trade: int = 0, *, slot: int = 0, instrument: int = 0) -> Outcome:
        """FLATTEN."""
        return self.send(inputs.flatten(slot=slot, instrument=instrument, trade=trade))

    def position(self, long: int, short: int = 0, *, foreign: int = 0, instrument: int = 0) -> Outcome:
        """POSITION in lots, newer than everything."""
        return self.send(
            inputs.position(
                slot=0,
                instrument=instrument,
                long_quantity=long * LOT,
                short_quantity=short * LOT,
                foreign_orders=foreign,
                as_of_ns=self.now(),
            )
        )

    def hold(self, trade: int, lots: int = 100, *, slot: int = 0, instrument: int = 0) -> None:
        """A position of so many lots."""
        self.enter(trade, lots, slot=slot, instrument=instrument)
        self.order(trade, 0, lots, done=True, slot=slot, instrument=instrument)

    def round_trip(self, trade: int, lots: int = 100, exit_usdt: int = 61_000) -> None:
        """Enter and exit in full."""
        self.hold(trade, lots)
        self.exit(trade)
        self.order(trade, 1, lots, done=True, usdt=exit_usdt)

    @property
    def slot(self) -> Slot:
        """Slot 0."""
        return self.state.slots[0]

    @property
    def capital(self) -> int:
        """The books' capital."""
        return capital(self.state.account.ledger)


def quote(lots: int, usdt: int) -> int:
    """Notional of so many lots of 0.0001 coin at a price in whole USDT, 1e-8 USDT."""
    return lots * usdt * (USDT // 10_000)


def contract(index: int) -> Input:
    """A contract like BTC-USDT."""
    return inputs.register(
        instrument=index, lot=LOT, tick=TICK, quantity_min=LOT, notional_min=2 * USDT,
        price_max=100 * PRICE, quantity_max=1000 * COIN, taker_ppb=500_000, maker_ppb=200_000,
    )  # fmt: skip


def changed(event: Input, **words: object) -> Input:
    """The input with some words replaced, whatever their type."""
    return Input._make(words.get(name, old) for name, old in zip(Input._fields, event, strict=True))

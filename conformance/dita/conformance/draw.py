"""What one random run draws: its own contracts, rates of truth and noise, its clock; and the boundary values."""

import random
from collections.abc import Sequence
from typing import Final, TypeVar

from dita.conformance.encoding import with_scalars
from dita.spec.inputs import Input
from dita.spec.scales import (
    ATTEMPT_MAX,
    BOUND,
    NANOSECONDS_PER_SECOND,
    NOTIONAL_DIVISOR,
    RATIO_SCALE,
    TIME_MAX_NS,
    TRADE_ID_MAX,
)
from dita.spec.vocabulary import INSTRUMENTS, SLOTS, Kind

T = TypeVar("T")

I64_MIN: Final = -(1 << 63)
I64_MAX: Final = (1 << 63) - 1
BOUNDARIES: Final = (
    0, 1, -1, 2, 3, 7, 8, 9, 15, 16, 63, 64, RATIO_SCALE, RATIO_SCALE + 1, BOUND - 1, BOUND, BOUND + 1, -BOUND,
    -BOUND - 1, TRADE_ID_MAX, TRADE_ID_MAX + 1, ATTEMPT_MAX, ATTEMPT_MAX + 1, TIME_MAX_NS, TIME_MAX_NS + 1, 1 << 31,
    1 << 32, I64_MIN, I64_MIN + 1, I64_MAX, I64_MAX - 1,
)  # fmt: skip
CONTRACTS: Final = (  # (lot, tick, reference price): real shapes, and the ends of the scales
    (10_000, 1_000_000_000, 600_000_000_000_000),  # 0.0001 coins at 60 000 USDT, tick 0.1
    (1_000_000, 100_000_000, 30_000_000_000_000),  # 0.01 coins at 3 000 USDT
    (100_000_000, 1_000, 1_234_567_000),  # whole coins at 0.12 USDT, tick 1e-7
    (100_000_000, 100, 123_400),  # whole coins at 1e-5 USDT
    (1, 10_000_000_000, 20_000_000_000),  # one unit of quantity at 2 USDT
    (10_000_000_000, 1, 40),  # hundreds of coins at 4e-9 USDT
)


class Draw:
    """One run's dice. All arguments and results are integers in the scales of ``dita.spec.scales``."""

    def __init__(self, rng: random.Random) -> None:
        self.random = rng.random
        self.bits = rng.getrandbits
        self.slots = self.among((1, 1, 2, 3, 5, SLOTS))
        self.instruments = min(INSTRUMENTS, self.slots + self.among((0, 0, 1, 2)))
        self.first_slot = self.below(SLOTS - self.slots + 1)
        self.first_instrument = self.below(INSTRUMENTS - self.instruments + 1)
        self.lots = self.among((1, 2, 3, 3, 10, 100, 12_345))  # how large an ENTER is, in smallest orders
        self.truth = self.among((0.5, 0.8, 0.95))  # how often an input says what a true venue would
        self.repeats = 0.04
        self.bends = self.among((0.0, 0.03, 0.1))
        self.noise = self.among((0.0, 0.005, 0.02))
        self.jumps = self.among((0.0, 0.0, 0.02))  # ids and times that leave the usual range, accepted or not
        self.now = NANOSECONDS_PER_SECOND * 1_000

    def below(self, limit: int) -> int:
        """0 to limit - 1."""
        return int(self.random() * limit)

    def among(self, choices: Sequence[T]) -> T:
        """One of the choices; repeat one to make it likelier."""
        return choices[int(self.random() * len(choices))]

    def true(self) -> bool:
        """Whether the next fact is to be a true one."""
        return self.random() < self.truth

    def time(self, known: int = 0) -> int:
        """Mostly now, which moves on; else around a time the kernel knows."""
        dice = self.random()
        self.now += 1 + int(dice * 1_000_000)
        if dice < 0.8:
            return self.now
        if dice < 0.99 - self.jumps:
            return max(0, known + self.among((-1, 0, 0, 1, -NANOSECONDS_PER_SECOND)))
        return self.among((0, self.now + NANOSECONDS_PER_SECOND, self.now, TIME_MAX_NS if self.jumps else self.now))

    def quote(self, quantity: int, price: int) -> int:
        """A notional for the quantity at a price around the reference; unreal ones now and then."""
        if quantity <= 0 or price <= 0:
            return 0 if self.true() else self.among((1, -1))
        exact = min(quantity * price // NOTIONAL_DIVISOR, 1 << 62)
        dice = self.random()
        if dice < 0.6:
            return max(1, exact * (9_500 + int(dice * 1_600)) // 10_000)
        if dice < 0.9:
            return max(1, exact + self.among((-1, 0, 0, 1)))
        if self.true():
            return max(1, exact)
        odd = self.among((0, 1, 4 * exact, 4 * exact + 1, exact // 4, max(0, exact // 4 - 1), -exact, exact * 100))
        return max(I64_MIN, min(I64_MAX, odd))

    def contract(self, index: int) -> Input:
        """A registration of one instrument."""
        lot, tick, price = self.among(CONTRACTS)
        price_max = min(price * self.among((4, 100)), BOUND)
        smallest = lot * price // NOTIONAL_DIVISOR
        return Input(
            kind=Kind.REGISTER, slot=self.first_slot, instrument=index, lot=lot, tick=tick,
            quantity_min=self.among((0, lot, 2 * lot, lot + 1)), notional_min=self.among((0, smallest, 3 * smallest)),
            price_max=price_max, quantity_max=min(BOUND, BOUND * NOTIONAL_DIVISOR // price_max),
            taker_ppb=self.among((0, 500_000, 500_001, 100_000_000)), maker_ppb=self.among((0, 200_000)),
        )  # fmt: skip

    def limits(self) -> Input:
        """Limits that mostly let trades through."""
        return Input(
            kind=Kind.SET_LIMITS, slot=self.first_slot, instrument=self.first_instrument,
            slot_limit=self.among((self.slots, SLOTS, SLOTS, 1)),
            ratio_ppm=self.among((RATIO_SCALE, 10 * RATIO_SCALE, 1000 * RATIO_SCALE)),
            amount=self.among((0, 100, 100_000_000, BOUND // 2)),
        )  # fmt: skip

    def preamble(self) -> list[Input]:
        """What makes a world of a blank state."""
        first = self.first_instrument
        amount = self.among((10**13, 10**16, BOUND // 4, BOUND))
        seeded = Input(kind=Kind.SEED, slot=self.first_slot, amount=amount, time_ns=self.now)
        world = [*(self.contract(index) for index in range(first, first + self.instruments)), self.limits(), seeded]
        return world if self.random() < 0.95 else [event for event in world if self.random() < 0.8]

    def noisy(self) -> Input:
        """Words of any bit pattern, in any field; the kind and the indices are mostly usable."""
        words = [self.bits(64) + I64_MIN if self.random() < 0.5 else self.among(BOUNDARIES) for _ in range(44)]
        if self.random() < 0.9:
            words[0] = self.below(24) - 1
            words[1] = self.first_slot + self.below(self.slots)
            words[2] = self.first_instrument + self.below(self.instruments)
        return with_scalars(words[:36], tuple(words[36:]))

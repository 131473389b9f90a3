"""The rows of the benchmark: what is prepared, what is timed, and what must have come out."""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Final

from dita.kernel.binding import Kernel
from dita.kernel.errors import raise_for
from dita.reference import step
from dita.runtime.lockstep import Lockstep
from dita.runtime.policies import Reversion
from dita.runtime.policy import Close, MarketView, Open
from dita.runtime.sizing import Contract, Sizing, Unsized, quantity_for
from dita.spec import inputs
from dita.spec.inputs import Input
from dita.spec.layout import WORD_BYTES, pack, size_of, unpack, word_names
from dita.spec.market import BookTicker
from dita.spec.scales import MONEY_SCALE, NOTIONAL_DIVISOR, PRICE_SCALE, QUANTITY_SCALE, RATIO_SCALE
from dita.spec.state import State, capital, initial_state
from dita.spec.vocabulary import Part, Phase, Side, Verdict

_LOT: Final = 10_000
_CONTRACT: Final = Contract(_LOT, _LOT, 10**11, PRICE_SCALE // 10)
_PRICE: Final = 50_000 * PRICE_SCALE
_QUANTITY: Final = QUANTITY_SCALE // 10
_QUOTE: Final = _QUANTITY * _PRICE // NOTIONAL_DIVISOR
_TIME_NS: Final = 1_000_000_000
_LIFECYCLE: Final = 8  # inputs: enter, three snapshots, exit, one snapshot, two settlements
_LIFECYCLES: Final = 128
_BATCH: Final = 1024
_REPEATS: Final = 12
_FEW: Final = 10
_MANY: Final = 100_000
_STEPS_OF_PYTHON: Final = 320
_ROUND_TRIPS: Final = 30
_TRADE_AT: Final = word_names(Input).index("trade") * WORD_BYTES
_INPUT_BYTES: Final = size_of(Input)


class WrongResult(Exception):
    """A row of the benchmark computed something else than it should have: nothing it measured counts."""


@dataclass(slots=True)
class Row:
    """One row: ``run`` does ``units`` units of work between ``prepare`` and ``check``, which are not timed."""

    name: str
    what: str
    units: int
    target: float | None
    prepare: Callable[[], None]
    run: Callable[[], None]
    check: Callable[[], None]
    repeats: int = 1  # in one sample, each after ``prepare``: short work is timed together


def account() -> list[Input]:
    """One registered contract, a seeded account."""
    register = inputs.register(
        instrument=0, lot=_LOT, tick=PRICE_SCALE // 10, quantity_min=_LOT, notional_min=2 * MONEY_SCALE,
        price_max=10**17, quantity_max=10**11, taker_ppb=500_000, maker_ppb=200_000,
    )  # fmt: skip
    limits = inputs.set_limits(slot_limit=16, leverage_max_ppm=3 * RATIO_SCALE, tolerance=0)
    return [register, limits, inputs.seed(amount=1_000_000 * MONEY_SCALE, time_ns=_TIME_NS)]


def lifecycle(trade: int) -> list[Input]:
    """One trade from ENTER to both settlements."""
    place = {"slot": 0, "instrument": 0, "trade": trade}
    third = _QUANTITY // 4
    third_quote = third * _PRICE // NOTIONAL_DIVISOR
    done = {"quantity": _QUANTITY, "quote": _QUOTE, "time_ns": _TIME_NS}
    return [
        inputs.enter(slot=0, instrument=0, trade=trade, side=Side.LONG, quantity=_QUANTITY, price=_PRICE),
        inputs.order(**place, attempt=0, quantity=0, quote=0, done=False, time_ns=_TIME_NS),
        inputs.order(**place, attempt=0, quantity=third, quote=third_quote, done=False, time_ns=_TIME_NS),
        inputs.order(**place, attempt=0, **done, done=True),
        inputs.exit_leg(**place, leg=0),
        inputs.order(**place, attempt=1, **done, done=True),
        inputs.settle(**place, part=Part.ENTRY, **done, fee=1000),
        inputs.settle(**place, part=Part.EXIT, **done, fee=1000),
    ]


def expect(condition: bool, what: str) -> None:
    """Raise WrongResult unless it holds."""
    if not condition:
        raise WrongResult(f"bench: {what}")


class Bench:
    """The kernel, brought to a state before each sample, and memory for what is timed."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        for event in account():
            kernel.step(event)
        self.start = kernel.snapshot()
        self.lifecycles = [event for trade in range(1, _LIFECYCLES + 1) for event in lifecycle(trade)]
        self.ended = self._reference_end(self.lifecycles)

    def back(self) -> None:
        """To the state before any trade."""
        self.kernel.restore(self.start)

    @staticmethod
    def _reference_end(events: list[Input]) -> bytes:
        state = initial_state()
        for event in (*account(), *events):
            state, outcome = step(state, event)
            expect(outcome.verdict == Verdict.ACCEPTED, f"the reference answered {outcome}")
        return pack(state)

    def check_end(self) -> None:
        """The kernel is where the reference is after all lifecycles."""
        expect(self.kernel.snapshot() == self.ended, "the kernel is not in the reference's state")


def rows_of(kernel: Kernel) -> list[Row]:
    """Every row; those whose names begin with an underscore only serve others."""
    bench = Bench(kernel)
    return [
        _ready(bench),
        _integers(bench),
        _batch(bench, 64, "batch_64_r", 0.45),
        _batch(bench, _BATCH, "batch_1024_r", 0.45),
        _lifecycles(bench, "lifecycle_batched_r", 3.5),
        _after(bench, _FEW, "_after_few"),
        _after(bench, _MANY, "_after_many"),
        _reference(bench),
        _differential(bench),
        _paper(bench),
    ]


def _ready(bench: Bench) -> Row:
    calls = bench.kernel.ready_calls(len(bench.lifecycles))
    for index, event in enumerate(bench.lifecycles):
        calls.write(index, event)
    pointers, step_call = calls.pointers, calls.step

    def run() -> None:
        for pointer in pointers:
            step_call(pointer)

    def check() -> None:
        bench.check_end()
        last = calls.outcome(len(pointers) - 1)  # the calls own the memory that the pointers point to
        expect(last.verdict == Verdict.ACCEPTED, f"the last call answered {last}")

    what = "one ready input a call from Python"
    return Row("call_ready_r", what, len(pointers), 3.0, bench.back, run, check, _REPEATS)


def _integers(bench: Bench) -> Row:
    calls = bench.kernel.ready_calls(1)
    count = 4000
    ordered = count * _LOT
    step_order, handle, out = calls.step_order, calls.handle, calls.outcomes[0]
    values = [(n * _LOT, n * _LOT * _PRICE // NOTIONAL_DIVISOR) for n in range(1, count)]

    def prepare() -> None:
        bench.back()
        bench.kernel.step(inputs.enter(slot=0, instrument=0, trade=1, side=Side.LONG, quantity=ordered, price=_PRICE))

    def run() -> None:
        for quantity, quote in values:
            step_order(handle, 0, 0, 1, 0, quantity, quote, 0, _TIME_NS, out)

    def check() -> None:
        entry = bench.kernel.state().slots[0].entry
        expect((entry.quantity, entry.quote) == values[-1], "the order is not filled as told")

    return Row("call_integers_r", "one ORDER a call from Python integers", len(values), 5.0, prepare, run, check)


def _batch(bench: Bench, size: int, name: str, target: float) -> Row:
    lane = bench.kernel.lane(len(bench.lifecycles))
    lane.write(bench.lifecycles)
    places = [(lane.inputs + at, lane.outcomes + at) for at in range(0, len(bench.lifecycles), size)]
    step_batch = lane.step_batch

    def run() -> None:
        for events, outcomes in places:
            step_batch(events, size, outcomes)

    what = f"one input in a batch of {size}"
    return Row(name, what, len(bench.lifecycles), target, bench.back, run, bench.check_end, _REPEATS)


def _lifecycles(bench: Bench, name: str, target: float) -> Row:
    lane = bench.kernel.lane(len(bench.lifecycles))
    lane.write(bench.lifecycles)

    def run() -> None:
        raise_for(lane.step_batch(lane.inputs, len(bench.lifecycles), lane.outcomes))

    what = "a whole trade of 8 inputs, batched"
    return Row(name, what, _LIFECYCLES, target, bench.back, run, bench.check_end, _REPEATS)


def _after(bench: Bench, past: int, name: str) -> Row:
    """Lifecycles on top of so many past trades."""
    count = 512
    first = past + 1
    lane = bench.kernel.lane(count * _LIFECYCLE)
    pattern = [pack(event) for event in lifecycle(1)]
    grown: list[bytes] = []

    def grow() -> None:
        bench.back()
        for begin in range(1, past + 1, count):
            number = min(count, past + 1 - begin)
            _write_lifecycles(lane.input_bytes, pattern, begin, number)
            raise_for(lane.step_batch(lane.inputs, number * _LIFECYCLE, lane.outcomes))
        expect(bench.kernel.state().account.trade_high_water == past, "the past trades were not made")
        _write_lifecycles(lane.input_bytes, pattern, first, count)
        grown.append(bench.kernel.snapshot())

    def prepare() -> None:
        if not grown:
            grow()
        bench.kernel.restore(grown[0])

    def run() -> None:
        raise_for(lane.step_batch(lane.inputs, count * _LIFECYCLE, lane.outcomes))

    def check() -> None:
        expect(bench.kernel.state().account.trade_high_water == past + count, "not every trade was made")

    return Row(name, f"a whole trade after {past} others", count, None, prepare, run, check)


def _write_lifecycles(memory: memoryview, pattern: list[bytes], first: int, count: int) -> None:
    at = 0
    for trade in range(first, first + count):
        for content in pattern:
            memory[at : at + _INPUT_BYTES] = content
            struct.pack_into("<q", memory, at + _TRADE_AT, trade)
            at += _INPUT_BYTES


def _reference(bench: Bench) -> Row:
    events = bench.lifecycles[:_STEPS_OF_PYTHON]
    begin = unpack(State, bench.start)
    ended: list[State] = []

    def prepare() -> None:
        ended.clear()

    def run() -> None:
        state = begin
        for event in events:
            state, _ = step(state, event)
        ended.append(state)

    def check() -> None:
        expect(ended[0].account.trade_high_water == len(events) // _LIFECYCLE, "not every trade was made")

    return Row("reference_step_r", "one step of the Python reference", len(events), None, prepare, run, check)


def _differential(bench: Bench) -> Row:
    events = [*account(), *bench.lifecycles[:_STEPS_OF_PYTHON]]
    blank = pack(initial_state())
    ended: list[Lockstep] = []

    def prepare() -> None:
        bench.kernel.restore(blank)
        ended[:] = [Lockstep(bench.kernel)]

    def run() -> None:
        lockstep = ended[0]
        for event in events:
            lockstep.step(event)

    def check() -> None:
        expect(ended[0].divergence is None and ended[0].steps == len(events), "kernel and reference disagree")
        bench.back()

    what = "kernel and reference in lockstep, whole state compared"
    return Row("differential_step_r", what, len(events), None, prepare, run, check)


def _paper(bench: Bench) -> Row:
    """Quote, policy, sizing, kernel and ideal fills, until so many trades are done; no journal, no sockets."""
    trader = _PaperTrader(bench.kernel)

    def prepare() -> None:
        bench.back()
        trader.begin()

    def run() -> None:
        while trader.done < _ROUND_TRIPS:
            trader.on_quote()

    def check() -> None:
        state = bench.kernel.state()
        ledger = state.account.ledger
        flat = state.account.live_slots == 0 and ledger.fees_provisional == 0
        expect(flat and state.account.trade_high_water == _ROUND_TRIPS, "the paper session is not flat and settled")
        expect(capital(ledger) == trader.wallet, "the books are not the wallet")

    what = "policy, sizing, kernel and ideal fills of a whole trade, in Python"
    return Row("paper_round_trip_r", what, _ROUND_TRIPS, None, prepare, run, check)


class _PaperTrader:
    """The shortest way from quotes to settled trades."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._sizing = Sizing(10_000, RATIO_SCALE, 3 * RATIO_SCALE)

    def begin(self) -> None:
        """Flat, with a walk of prices and a policy of their own."""
        self.done = 0
        self.wallet = 1_000_000 * MONEY_SCALE
        self._rng = Random(7)
        self._mid = _PRICE
        self._policy = Reversion(legs=(RATIO_SCALE,))
        self._side = Side.NONE
        self._trade = self._quantity = self._entry_quote = 0

    def on_quote(self) -> None:
        """One quote, and whatever the policy makes of it."""
        self._mid += self._rng.randint(-5, 5) * PRICE_SCALE
        quote = BookTicker("BTC-USDT", self._mid, QUANTITY_SCALE, self._mid + PRICE_SCALE, QUANTITY_SCALE, _TIME_NS)
        phase = Phase.IDLE if self._side == Side.NONE else Phase.POSITION_OPEN
        view = MarketView(
            quote.symbol, quote, quote.bid_price, quote.ask_price, phase, self._side, self._quantity, 0, self.wallet
        )
        decision = self._policy.on_market(view)
        if isinstance(decision, Open):
            self._open(decision.side, quote)
        elif isinstance(decision, Close):
            self._close(quote)

    def _open(self, side: Side, quote: BookTicker) -> None:
        price = quote.ask_price if side == Side.LONG else quote.bid_price
        sized = quantity_for(self._sizing, _CONTRACT, capital=self.wallet, exposure=0, price=price)
        if isinstance(sized, Unsized):
            raise WrongResult(f"bench: {sized.reason.name}, {sized.facts}")
        quantity = sized.quantity
        self._trade += 1
        self._side, self._quantity = side, quantity
        self._entry_quote = quantity * price // NOTIONAL_DIVISOR
        self._kernel.step(
            inputs.enter(slot=0, instrument=0, trade=self._trade, side=side, quantity=quantity, price=price)
        )
        self._filled(0, self._entry_quote)

    def _close(self, quote: BookTicker) -> None:
        price = quote.bid_price if self._side == Side.LONG else quote.ask_price
        exit_quote = self._quantity * price // NOTIONAL_DIVISOR
        self._kernel.step(inputs.exit_leg(slot=0, instrument=0, trade=self._trade, leg=0))
        self._filled(1, exit_quote)
        earned = exit_quote - self._entry_quote
        self.wallet += earned if self._side == Side.LONG else -earned
        for part, notional in ((Part.ENTRY, self._entry_quote), (Part.EXIT, exit_quote)):
            fee = notional // 2000
            self.wallet -= fee
            self._kernel.step(
                inputs.settle(
                    slot=0,
                    instrument=0,
                    trade=self._trade,
                    part=part,
                    quantity=self._quantity,
                    quote=notional,
                    fee=fee,
                    time_ns=_TIME_NS,
                )
            )
        self._side = Side.NONE
        self.done += 1

    def _filled(self, attempt: int, quote: int) -> None:
        self._kernel.step(
            inputs.order(
                slot=0,
                instrument=0,
                trade=self._trade,
                attempt=attempt,
                quantity=self._quantity,
                quote=quote,
                done=True,
                time_ns=_TIME_NS,
            )
        )

"""Random walks of the reference beside the kernel, every byte compared after every step.

A walk draws its own weights from its seed, so that different seeds dwell in different corners. Most inputs are what a
runtime could send in the state at hand, some have one field bent, some are noise. ``divergence`` runs walks and says in
one text where the first difference is, or None.
"""

import struct
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from random import Random
from typing import Any

from dita.kernel.loader import RawKernel
from dita.reference import step
from dita.spec import inputs
from dita.spec.inputs import Input
from dita.spec.layout import flatten_words, pack, size_of, unpack, word_names
from dita.spec.outcome import Outcome
from dita.spec.scales import ATTEMPT_MAX, BOUND, TIME_MAX_NS, TRADE_ID_MAX
from dita.spec.state import Account, Instrument, Slot, State, capital, initial_state, remaining
from dita.spec.vocabulary import ALL_CHECKS, IncomeKind, Kind, Mode, Part, Phase, RejectReason, Side

PLACES = 3  # slots and instruments that a walk mostly dwells in; few, so that it meets itself
EDGES = (
    0, 1, 2, -1, 3, 7, 8, 15, 16, 63, 64, 1 << 20, (1 << 20) + 1, TRADE_ID_MAX, TRADE_ID_MAX + 1, BOUND, BOUND + 1,
    -BOUND, -BOUND - 1, TIME_MAX_NS, TIME_MAX_NS + 1, 2**63 - 1, -(2**63), 1_000_000, 1_000_001, ALL_CHECKS,
)  # fmt: skip
CONTRACTS = (
    # lot, tick, quantity_min, notional_min, price_max, quantity_max, typical price
    (10_000, 1_000_000_000, 10_000, 2 * 10**8, 10**16, 10**12, 600_000_000_000_000),
    (1, 10_000_000_000, 0, 0, 2**40, 2**53, 2**36),
    (10**8, 10_000, 10**8, 5 * 10**8, 10**12, 10**16, 1_234_560_000),
    (7, 10_000_000_000, 21, 10**6, 2**43, 2**50, 2**42),
)
NEED_A_TRADE = (
    Kind.EXIT, Kind.FLATTEN, Kind.CANCEL, Kind.ORDER, Kind.REJECTED, Kind.UNKNOWN, Kind.NOT_FOUND, Kind.SILENT,
    Kind.EXTERNAL_CLOSE,
)  # fmt: skip


class Walk:
    """Inputs for a state, drawn from a seed."""

    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)
        self.clock_ns = 10**18
        self.noise = self.rng.choice((0.0, 0.01, 0.05))
        self.bend = self.rng.choice((0.0, 0.05, 0.15))
        self.diligence = self.rng.choice((0.05, 0.2, 0.4))
        self.huge = self.rng.random() < 0.2
        self.makers: dict[Kind, Callable[[State], Input]] = {
            Kind.ENTER: self._enter, Kind.EXIT: self._exit, Kind.FLATTEN: self._flatten, Kind.CANCEL: self._cancel,
            Kind.SET_MODE: self._set_mode, Kind.SET_LIMITS: self._set_limits, Kind.REGISTER: self._register,
            Kind.SEED: self._seed, Kind.ADOPT: self._adopt, Kind.SETTLE_FORCED: self._settle_forced,
            Kind.ORDER: self._order, Kind.REJECTED: self._rejected, Kind.UNKNOWN: self._unknown,
            Kind.NOT_FOUND: self._not_found, Kind.SILENT: self._silent, Kind.EXTERNAL_CLOSE: self._external_close,
            Kind.SETTLE: self._settle, Kind.INCOME: self._income, Kind.WALLET: self._wallet,
            Kind.POSITION: self._position, Kind.CALIBRATE: self._calibrate,
        }  # fmt: skip
        base = {
            Kind.ENTER: 16, Kind.EXIT: 8, Kind.ORDER: 30, Kind.SETTLE: 12, Kind.POSITION: 8, Kind.SET_MODE: 0.4,
            Kind.SET_LIMITS: 0.4, Kind.REGISTER: 0.4, Kind.SEED: 0.2, Kind.CALIBRATE: 0.4, Kind.ADOPT: 3,
        }  # fmt: skip
        self.kinds = list(self.makers)
        self.weights = [base.get(kind, 2.0) * self.rng.choice((0.3, 1, 1, 3)) for kind in self.kinds]

    def opening(self) -> Iterator[Input]:
        """What makes trading possible at all."""
        if self.rng.random() < 0.1:
            return  # whatever comes, comes without it
        for index in range(PLACES):
            yield self._register(initial_state(1, 1))._replace(instrument=index)
        yield inputs.set_limits(slot_limit=PLACES, leverage_max_ppm=1000 * 10**6, tolerance=BOUND // 8)
        amount = BOUND - self.rng.randrange(100) if self.huge else self.rng.randrange(10**10, 10**16)
        yield inputs.seed(amount=amount, time_ns=1)

    def next(self, state: State) -> Input:
        """One more input."""
        rng = self.rng
        if rng.random() < self.noise:
            return unpack(Input, rng.randbytes(size_of(Input)))
        event = self.repair(state) or self.makers[self.kind(state)](state)
        words = flatten_words(event)
        if rng.random() < self.bend:
            place = rng.randrange(len(words))
            words[place] = rng.choice((rng.choice(EDGES), words[place] + rng.choice((-1, 1)), rng.getrandbits(62)))
        fitting = [max(-(2**63), min(2**63 - 1, word)) for word in words]
        return unpack(Input, struct.pack(f"<{len(fitting)}q", *fitting))

    def kind(self, state: State) -> Kind:
        """Any kind; without a live trade mostly one that does not need any."""
        kind = self.rng.choices(self.kinds, self.weights)[0]
        if state.account.live_slots == 0 and kind in NEED_A_TRADE and self.rng.random() < 0.9:
            return self.rng.choice((Kind.ENTER, Kind.ENTER, Kind.SETTLE, Kind.ADOPT))
        return kind

    def repair(self, state: State) -> Input | None:
        """Often enough, what makes ENTER possible again: an explained position, a comparable wallet, a live mode."""
        if self.rng.random() > self.diligence:
            return None
        if state.account.mode != Mode.ACTIVE:
            return inputs.set_mode(Mode.ACTIVE)
        if state.account.unreconciled:
            return self._position(state, next(i for i, x in enumerate(state.instruments) if x.reconcile_required))
        ledger = state.account.ledger
        if abs(ledger.difference) > state.account.tolerance + ledger.fees_provisional:
            return inputs.wallet(
                amount=capital(ledger), as_of_ns=max(ledger.last_money_time_ns, ledger.wallet_as_of_ns)
            )
        return None

    def teleported(self, state: State) -> State:
        """Now and then, a state at the far end of a counter or of the books, that no short walk could reach."""
        return state if self.rng.random() > 0.003 else self.at_the_edge(state)

    def at_the_edge(self, state: State) -> State:
        """A state like this one, whose next exit or booking may well be one too many."""
        rng = self.rng
        slot = rng.randrange(PLACES)
        if rng.random() < 0.5:
            last = state.slots[slot].exit
            if last.attempt == 0:
                return state
            last = last._replace(attempt=ATTEMPT_MAX - rng.randrange(3))
            return state._replace(slots=tuple_with(state.slots, slot, state.slots[slot]._replace(exit=last)))
        name = rng.choice(("realised", "fees", "funding"))
        ledger = state.account.ledger._replace(**{name: rng.choice((-1, 1)) * (BOUND - rng.getrandbits(40))})
        return state._replace(account=state.account._replace(ledger=ledger))

    # --- one maker a kind ---------------------------------------------------------------------------------------------

    def _now(self) -> int:
        self.clock_ns += self.rng.choice((0, 1, 1000, 10**9, -(10**9)))
        return self.clock_ns

    def _places(self, state: State) -> tuple[int, int, Slot]:
        """A slot and an instrument that belong together, mostly."""
        index = self.rng.randrange(PLACES)
        live = [number for number in range(PLACES) if state.slots[number].phase != Phase.IDLE]
        if live and self.rng.random() < 0.8:
            index = self.rng.choice(live)
        slot = state.slots[index]
        instrument = slot.instrument if slot.phase != Phase.IDLE else index
        if self.rng.random() < 0.05:
            instrument = self.rng.randrange(PLACES)
        return index, instrument, slot

    def _idle_place(self, state: State) -> int:
        """A slot without a trade, mostly."""
        idle = [number for number in range(PLACES) if state.slots[number].phase == Phase.IDLE]
        return self.rng.choice(idle) if idle and self.rng.random() < 0.9 else self.rng.randrange(PLACES)

    def _trade_of(self, state: State, slot: Slot) -> int:
        """The live trade, or one of the tails', or any."""
        draw = self.rng.random()
        if slot.phase != Phase.IDLE and draw < 0.9:
            return slot.trade
        known = [tail.trade for tail in slot.tails if tail.trade]
        if known and draw < 0.97:
            return self.rng.choice(known)
        return max(1, state.account.trade_high_water + self.rng.choice((-1, 0, 1)))

    def _attempt_of(self, slot: Slot) -> int:
        return slot.exit.attempt if slot.phase > Phase.POSITION_OPEN or self.rng.random() < 0.2 else 0

    def _price(self, instrument: Instrument) -> int:
        typical = next((c[6] for c in CONTRACTS if c[0] == instrument.lot), 10**12)
        ticks = max(1, typical * self.rng.randrange(90, 110) // 100 // max(1, instrument.tick))
        return ticks * max(1, instrument.tick)

    def _lots(self, instrument: Instrument, low: int, high: int) -> int:
        """A whole number of lots between two quantities, the ends being likely."""
        lot = max(1, instrument.lot)
        first, last = -(-low // lot), max(-(-low // lot), high // lot)
        return self.rng.choice((first, last, self.rng.randint(first, last))) * lot

    def _notional(self, instrument: Instrument, quantity: int) -> int:
        return max(1, quantity * self._price(instrument) // 10**10) if quantity else 0

    def _enter(self, state: State) -> Input:
        rng = self.rng
        index = self._idle_place(state)
        instrument = index if rng.random() < 0.95 else rng.randrange(PLACES)
        terms = state.instruments[instrument]
        price = self._price(terms)
        top = terms.quantity_max if self.huge else max(1, min(terms.quantity_max, 10**8))
        legs = rng.choice((1, 1, 2, 3, 8))
        return inputs.enter(
            slot=index, instrument=instrument, trade=state.account.trade_high_water + rng.choice((1, 1, 1, 5, 0)),
            side=rng.choice((Side.LONG, Side.SHORT)), quantity=self._lots(terms, max(1, terms.quantity_min * 4), top),
            price=price, ratios=[rng.choice((1, 250_000, 500_000, 333_333, 1_000_000)) for _ in range(legs)],
            limit_price=rng.choice((0, 0, price)), post_only=rng.random() < 0.3,
        )  # fmt: skip

    def _exit(self, state: State) -> Input:
        index, instrument, slot = self._places(state)
        leg = slot.plan.next_leg + (self.rng.random() < 0.05)
        limit = self.rng.choice((0, 0, self._price(state.instruments[instrument])))
        trade = self._trade_of(state, slot)
        return inputs.exit_leg(slot=index, instrument=instrument, trade=trade, leg=leg, limit_price=limit)

    def _flatten(self, state: State) -> Input:
        index, instrument, slot = self._places(state)
        trade = self.rng.choice((0, self._trade_of(state, slot)))
        return inputs.flatten(slot=index, instrument=instrument, trade=trade)

    def _cancel(self, state: State) -> Input:
        index, instrument, slot = self._places(state)
        return inputs.cancel(slot=index, instrument=instrument, trade=self._trade_of(state, slot))

    def _order(self, state: State) -> Input:
        rng = self.rng
        index, instrument, slot = self._places(state)
        attempt = self._attempt_of(slot)
        if rng.random() < 0.06:
            attempt = max(0, attempt + rng.choice((-1, 1)))
        known, ordered = slot.exit.quantity, slot.exit.ordered
        if attempt == 0:
            known, ordered = slot.entry.quantity, slot.entry.ordered
        quantity = known if rng.random() < 0.25 else self._lots(state.instruments[instrument], known, ordered)
        if rng.random() < 0.05:
            quantity = max(0, quantity - rng.choice((1, state.instruments[instrument].lot)))
        last_quote = slot.entry.quote if attempt == 0 else slot.exit.quote
        quote = self._notional(state.instruments[instrument], quantity)
        if quantity == known and rng.random() < 0.5:
            quote = last_quote + rng.choice((0, 0, 1))
        return inputs.order(
            slot=index, instrument=instrument, trade=self._trade_of(state, slot), attempt=attempt, quantity=quantity,
            quote=quote, done=rng.random() < 0.35, time_ns=self._now(),
        )  # fmt: skip

    def _rejected(self, state: State) -> Input:
        index, instrument, slot = self._places(state)
        return inputs.rejected(
            slot=index, instrument=instrument, trade=self._trade_of(state, slot), attempt=self._attempt_of(slot),
            reason=self.rng.choice(list(RejectReason)), time_ns=self._now(),
        )  # fmt: skip

    def _unknown(self, state: State) -> Input:
        index, instrument, slot = self._places(state)
        attempt = self._attempt_of(slot)
        return inputs.unknown(slot=index, instrument=instrument, trade=self._trade_of(state, slot), attempt=attempt)

    def _silent(self, state: State) -> Input:
        index, instrument, slot = self._places(state)
        attempt = self._attempt_of(slot)
        return inputs.silent(slot=index, instrument=instrument, trade=self._trade_of(state, slot), attempt=attempt)

    def _not_found(self, state: State) -> Input:
        index, instrument, slot = self._places(state)
        as_of_ns = self._now()
        return inputs.not_found(
            slot=index, instrument=instrument, trade=self._trade_of(state, slot), attempt=self._attempt_of(slot),
            deadline_ns=self.rng.choice((as_of_ns - 2 * 10**9 - 1, as_of_ns - 2 * 10**9, 1, 0)), as_of_ns=as_of_ns,
            checks=self.rng.choice((ALL_CHECKS, ALL_CHECKS, ALL_CHECKS, ALL_CHECKS - 1)),
        )  # fmt: skip

    def _external_close(self, state: State) -> Input:
        rng = self.rng
        index, instrument, slot = self._places(state)
        known = slot.closed.external_quantity
        quantity = self._lots(state.instruments[instrument], known, max(known, known + remaining(slot)))
        if rng.random() < 0.1:
            quantity += state.instruments[instrument].lot
        return inputs.external_close(
            slot=index, instrument=instrument, trade=self._trade_of(state, slot), quantity=quantity,
            quote=self._notional(state.instruments[instrument], quantity), time_ns=self._now(),
        )  # fmt: skip

    def _settle(self, state: State) -> Input:
        rng = self.rng
        index, instrument, slot = self._places(state)
        part = rng.choice(list(Part))
        halves = [(slot.trade, slot.instrument, slot.entry.quantity, slot.entry.quote)] if slot.phase else []
        for tail in slot.tails:
            half = tail.entry if part == Part.ENTRY else tail.exit
            if tail.trade and (half.graded == 0 or rng.random() < 0.2):
                halves.append((tail.trade, tail.instrument, half.quantity, half.quote))
        trade, instrument, quantity, quote = rng.choice(halves) if halves else (1, instrument, 1, 1)
        quantity = max(0, quantity + rng.choice((0, 0, 0, 0, 0, 0, 1, -1)))
        quote = max(1, quote + rng.choice((0, 0, 1, -1, quote // 100)))
        return inputs.settle(
            slot=index, instrument=instrument, trade=trade, part=part, quantity=quantity, quote=quote,
            fee=rng.choice((0, 1, quote // 2000, -(quote // 5000), quote, -quote)), time_ns=self._now(),
        )  # fmt: skip

    def _settle_forced(self, state: State) -> Input:
        index, _, slot = self._places(state)
        return inputs.settle_forced(slot=index, trade=self.rng.choice(slot.tails).trade or self._trade_of(state, slot))

    def _adopt(self, state: State) -> Input:
        index = self._idle_place(state)
        flagged = [number for number in range(PLACES) if state.instruments[number].reconcile_required]
        instrument = self.rng.choice(flagged) if flagged else index
        terms = state.instruments[instrument]
        quantity = self._lots(terms, 1, max(1, min(terms.quantity_max, 10**8)))
        price = self._price(terms)
        return inputs.adopt(
            slot=index, instrument=instrument, trade=state.account.trade_high_water + 1,
            side=self.rng.choice((Side.LONG, Side.SHORT)), quantity=quantity,
            quote=max(1, quantity * price // 10**10 * self.rng.choice((1, 1, 1, 5))), price=price, time_ns=self._now(),
        )  # fmt: skip

    def _income(self, state: State) -> Input:
        rng = self.rng
        kind = rng.choice(list(IncomeKind))
        ledger = state.account.ledger
        rows = (ledger.funding_rows, ledger.transfer_rows, ledger.adjustment_rows)[kind]
        total = (ledger.funding, ledger.transfers, ledger.adjustments)[kind]
        step_by = rng.randrange(-(10**9), 10**9)
        if self.huge and rng.random() < 0.1:
            step_by = rng.choice((-1, 1)) * BOUND - total
        return inputs.income(kind=kind, rows=rows + rng.choice((0, 1, 1)), total=total + step_by, time_ns=self._now())

    def _wallet(self, state: State) -> Input:
        amount = capital(state.account.ledger) + self.rng.choice((0, 0, 1, -(10**6), 10**12))
        return inputs.wallet(amount=amount, as_of_ns=self._now() + self.rng.choice((0, 10**9)))

    def _position(self, state: State, instrument: int | None = None) -> Input:
        rng = self.rng
        index, chosen, _ = self._places(state)
        instrument = chosen if instrument is None else instrument
        terms = state.instruments[instrument]
        long_quantity = short_quantity = 0
        if terms.holder != 0 and rng.random() < 0.95:
            index = terms.holder - 1
            held = remaining(state.slots[index])
            if state.slots[index].side == Side.SHORT:
                short_quantity = held
            else:
                long_quantity = held
        self.clock_ns = max(self.clock_ns, terms.evidence_time_ns, terms.fill_time_ns)
        return inputs.position(
            slot=index, instrument=instrument, long_quantity=long_quantity + (rng.random() < 0.05),
            short_quantity=short_quantity + (rng.random() < 0.03), foreign_orders=int(rng.random() < 0.03),
            as_of_ns=self._now(),
        )  # fmt: skip

    def _set_mode(self, _state: State) -> Input:
        return inputs.set_mode(self.rng.choice((Mode.ACTIVE, Mode.ACTIVE, Mode.REDUCE_ONLY, Mode.HALTED)))

    def _set_limits(self, _state: State) -> Input:
        return inputs.set_limits(
            slot_limit=self.rng.randint(1, PLACES), leverage_max_ppm=self.rng.choice((10**6, 10**7, 10**9)),
            tolerance=self.rng.choice((0, 10**9, BOUND)),
        )  # fmt: skip

    def _register(self, _state: State) -> Input:
        lot, tick, quantity_min, notional_min, price_max, quantity_max, _ = self.rng.choice(CONTRACTS)
        if self.rng.random() < 0.05:
            lot += 1  # then a fill's notional is no whole number of money units
        return inputs.register(
            instrument=self.rng.randrange(PLACES), lot=lot, tick=tick, quantity_min=quantity_min,
            notional_min=notional_min, price_max=price_max, quantity_max=quantity_max,
            taker_ppb=self.rng.choice((0, 500_000, 10**8)), maker_ppb=200_000,
        )  # fmt: skip

    def _seed(self, _state: State) -> Input:
        return inputs.seed(amount=self.rng.randrange(1, 10**16), time_ns=self._now())

    def _calibrate(self, _state: State) -> Input:
        return inputs.calibrate(self.rng.choice((1, 999_999, 1_000_000, 1_234_567, 4_000_000)))


def tuple_with(records: tuple[Slot, ...], index: int, record: Slot) -> tuple[Slot, ...]:
    """The tuple with one place exchanged."""
    return (*records[:index], record, *records[index + 1 :])


class Pair:
    """A reference state and the same state in memory that the kernel steps on."""

    def __init__(self, raw: RawKernel, state: State) -> None:
        self.state = state
        self.expected = bytearray(pack(state))
        self._lib: Any = raw.lib
        ffi: Any = raw.ffi
        self._state = ffi.new("struct dita_state *")
        self._input = ffi.new("struct dita_input *")
        self._outcome = ffi.new("struct dita_outcome *")
        self._state_bytes = ffi.buffer(self._state)
        self._input_bytes = ffi.buffer(self._input)
        self._outcome_bytes = ffi.buffer(self._outcome)
        self._state_bytes[:] = bytes(self.expected)

    def replace(self, state: State) -> None:
        """Put both sides into a state."""
        if state is not self.state:
            self.state = state
            self.expected[:] = pack(state)
            self._state_bytes[:] = bytes(self.expected)

    def step(self, event: Input) -> tuple[Outcome, str | None]:
        """Step both; the reference's outcome, and the first difference if there is one."""
        after, outcome = step(self.state, event)
        self._note(event, after)
        self._input_bytes[:] = pack(event)
        self._outcome_bytes[:] = b"\xa5" * len(self._outcome_bytes)
        status = self._lib.dita_step_state(self._state, self._input, self._outcome)
        found, shown = bytes(self._state_bytes), bytes(self._outcome_bytes)
        if (status, found, shown) == (0, bytes(self.expected), pack(outcome)):
            return outcome, None
        differences = [
            *word_differences("outcome", Outcome, shown, pack(outcome)),
            *word_differences("state", State, found, bytes(self.expected)),
        ]
        return outcome, f"{event}\nreference: {outcome}\nstatus {status}\n" + "\n".join(differences[:20])

    def _note(self, event: Input, after: State) -> None:
        """Carry what the step changed into the expected bytes, without packing the whole state."""
        if after is self.state:
            return
        instrument_at = size_of(Account) + event.instrument * size_of(Instrument)
        slot_at = size_of(Account) + len(after.instruments) * size_of(Instrument) + event.slot * size_of(Slot)
        self.expected[: size_of(Account)] = pack(after.account)
        self.expected[instrument_at : instrument_at + size_of(Instrument)] = pack(after.instruments[event.instrument])
        self.expected[slot_at : slot_at + size_of(Slot)] = pack(after.slots[event.slot])
        self.state = after


def word_differences(what: str, kind: type[Outcome] | type[State], found: bytes, wanted: bytes) -> Iterator[str]:
    """One line a word that differs."""
    names = word_names(kind)
    for index, name in enumerate(names):
        part = slice(8 * index, 8 * index + 8)
        if found[part] != wanted[part]:
            left, right = (int.from_bytes(side[part], "little", signed=True) for side in (found, wanted))
            yield f"{what} {name}: kernel `{left}`, reference `{right}`"


def divergence(raw: RawKernel, seeds: Iterable[int], steps: int, seen: Counter[tuple[int, int, int]]) -> str | None:
    """Walk from each seed; the first difference in words, or None. Counts (kind, verdict, code) in ``seen``."""
    for seed in seeds:
        walk = Walk(seed)
        pair = Pair(raw, initial_state())
        opening = walk.opening()
        for number in range(steps):
            pair.replace(walk.teleported(pair.state))
            before = pair.state
            event = next(opening, None) or walk.next(before)
            outcome, difference = pair.step(event)
            seen[event.kind, outcome.verdict, outcome.code] += 1
            if difference is not None:
                return f"seed {seed}, step {number}, phase {before_phase(before, event)}: {difference}"
    return None


def before_phase(state: State, event: Input) -> str:
    """Name of the phase of the slot that the input selects."""
    return Phase(state.slots[event.slot].phase).name if 0 <= event.slot < len(state.slots) else "none"

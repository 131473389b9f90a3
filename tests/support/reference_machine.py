"""A hypothesis state machine over the reference: rules that know the state, every law after every step.

Two slots, two instruments. Every rule first lets a trade go on by one natural step, then does what it is named after:
mostly something that a true venue or a careful operator could do in this state, now and then late, doubled,
contradictory or plain nonsense. Units are small (a lot is a few units of quantity, whose price is about two units of
money), so that every rounding shows.
"""

from collections.abc import Sequence
from typing import Final, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from dita.conformance.exhaustive import broken_laws
from dita.reference import step
from dita.spec.inputs import Input
from dita.spec.invariants import broken
from dita.spec.outcome import Outcome
from dita.spec.scales import BOUND, PRICE_SCALE, RATIO_SCALE, TRADE_ID_MAX
from dita.spec.state import Slot, Tail, capital, initial_state, remaining
from dita.spec.vocabulary import (
    ADMIT_MARGIN_NS,
    ALL_CHECKS,
    LEGS,
    IncomeKind,
    Kind,
    Mode,
    Part,
    Phase,
    RejectReason,
    Side,
    Verdict,
)

T = TypeVar("T")

ONE: Final = PRICE_SCALE  # the price at which one unit of quantity costs one unit of money
SLOTS: Final = 2
PLANS: Final = ((1_000_000,), (500_000, 1_000_000), (300_000, 500_000, 1_000_000), (1, 1_000_000))
PRICES: Final = (4, 3, 5)  # in halves of ONE, so that costs do not divide evenly
MODES: Final = (Mode.HALTED, Mode.REDUCE_ONLY, Mode.ACTIVE)
WRONGS: Final = (*("nothing",) * 4, "health", "mode", "wallet", "position", "slot", "slot", "instrument", "number")
WORDS: Final = st.one_of(st.sampled_from((0, 1, -1, BOUND, BOUND + 1, -(1 << 63), (1 << 63) - 1)), st.integers(-3, 3))
# Making a strategy costs more than using it.
PLACES: Final = {length: st.integers(0, length - 1) for length in range(1, 32)}
INDICES: Final = st.sampled_from((0, 1, 2, -1))


def pick(data: st.DataObject, choices: Sequence[T]) -> T:
    """One of the choices; name one twice to make it likelier."""
    return choices[data.draw(PLACES[len(choices)])]


def worth(quantity: int, price: int) -> int:
    """What a quantity costs at a price in halves, rounded down but not to nothing."""
    return max(min(quantity, price, 1), quantity * price // 2)


def is_in_flight(slot: Slot) -> bool:
    """The slot owns an order whose fate is open."""
    return slot.phase not in (Phase.IDLE, Phase.POSITION_OPEN)


class Machine(RuleBasedStateMachine):
    """The reference, judged after every step by the invariants and the step properties."""

    instruments = SLOTS
    asks_laws = True

    def __init__(self) -> None:
        super().__init__()
        self.state = initial_state(SLOTS, self.instruments)

    # --- judging ----------------------------------------------------------------------------------------------------

    def take(self, event: Input) -> Outcome:
        """One step, and every law about it."""
        after, outcome = step(self.state, event)
        laws = broken_laws(self.state, event, after, outcome, known=False) if self.asks_laws else []
        assert laws == [], f"{event} breaks {laws}"
        self.state = after
        return outcome

    def teardown(self) -> None:
        """Every invariant on the whole state, those parts included that no step has touched."""
        found = broken(self.state)
        assert found == [], f"at the end: {found}"

    # --- looking ----------------------------------------------------------------------------------------------------

    def finished(self) -> list[tuple[int, Tail]]:
        """Slot index and tail of every remembered trade."""
        return [(k, tail) for k, slot in enumerate(self.state.slots) for tail in slot.tails if tail.trade]

    def live(self) -> list[int]:
        """Indices of the live slots."""
        return [k for k, slot in enumerate(self.state.slots) if slot.phase != Phase.IDLE]

    def unreconciled(self) -> list[int]:
        """Indices of the instruments that await a reconcile."""
        return [i for i, instrument in enumerate(self.state.instruments) if instrument.reconcile_required]

    def home(self, k: int) -> int:
        """The instrument to name with a slot."""
        slot = self.state.slots[k]
        return slot.instrument if slot.phase != Phase.IDLE else k

    def lot(self, i: int) -> int:
        """The instrument's lot."""
        return max(1, self.state.instruments[i].lot)

    def newest(self, i: int) -> int:
        """The newest time that is known of an instrument."""
        return max(self.state.instruments[i].fill_time_ns, self.state.instruments[i].evidence_time_ns)

    def time(self, data: st.DataObject, i: int) -> int:
        """A time after all that is known of an instrument, now and then the same, long after, or before."""
        return max(0, self.newest(i) + pick(data, (1, 1, 0, -1, ADMIT_MARGIN_NS + 2)))

    # --- beginning --------------------------------------------------------------------------------------------------

    @initialize(
        amount=st.sampled_from((BOUND // 4, 1_000, 12)), tolerance=st.sampled_from((5, 0)), limit=st.integers(1, SLOTS),
        lots=st.tuples(st.sampled_from((1, 3)), st.sampled_from((2, 1))), smallest=st.sampled_from((0, 2, 5)),
        ratio=st.sampled_from((100, 1)), fee=st.sampled_from((100_000_000, 500_000, 0)),
    )  # fmt: skip
    def begin(
        self, amount: int, tolerance: int, limit: int, lots: tuple[int, int], smallest: int, ratio: int, fee: int
    ) -> None:
        """Seed, limits, contracts."""
        self.take(Input(kind=Kind.SEED, amount=amount, time_ns=1))
        self.take(Input(kind=Kind.SET_LIMITS, slot_limit=limit, ratio_ppm=ratio * RATIO_SCALE, amount=tolerance))
        for i in range(self.instruments):
            self.take(
                Input(
                    kind=Kind.REGISTER, instrument=i, lot=lots[i % len(lots)], tick=ONE, quantity_min=smallest,
                    price_max=9 * ONE, quantity_max=60, taker_ppb=fee, maker_ppb=fee // 2,
                )
            )  # fmt: skip

    # --- the rules --------------------------------------------------------------------------------------------------

    @rule(data=st.data())
    def trade(self, data: st.DataObject) -> None:
        """A slot goes on: an idle one opens a trade, an order fills or is answered, a position is closed."""
        k = data.draw(PLACES[SLOTS])
        slot = self.state.slots[k]
        if slot.phase == Phase.IDLE:
            pick(data, (self.open, self.open, self.open, self.round_trips))(data, k)
        elif slot.phase == Phase.POSITION_OPEN:
            self.want(data, k)
        else:
            pick(data, (self.progress, self.progress, self.progress, self.answer, self.answer, self.want))(data, k)

    @rule(data=st.data())
    def venue(self, data: st.DataObject) -> None:
        """What the venue says of orders and positions, whether or not it makes sense now; at times after a surprise."""
        self.trade(data)
        k = pick(data, (self.live() or [0]) + [data.draw(PLACES[SLOTS])])
        if pick(data, (False, False, True)):
            self.snapshot(self.home(k), 6, 0, self.newest(self.home(k)) + 1)
        said = (self.late_news, self.late_news, self.past_news, self.close_outside, self.position, self.adopt)
        pick(data, said)(data, k)

    @rule(data=st.data())
    def books(self, data: st.DataObject) -> None:
        """Settlement, the account's own money, and the venue's balance."""
        self.trade(data)
        done = (self.settle_all, self.settle, self.settle, self.settle_forced, self.wallet, self.income)
        pick(data, done)(data)

    @rule(data=st.data())
    def operator(self, data: st.DataObject) -> None:
        """Another mode, other limits, another fee ratio, a second seed; or a want for what is or is not there."""
        self.trade(data)
        what = pick(data, ("mode", "mode", "limits", "calibration", "seed", "want", "want"))
        k = data.draw(PLACES[SLOTS])
        ratio_ppm = pick(data, (100, 1)) * RATIO_SCALE
        if what == "mode":
            self.take(Input(kind=Kind.SET_MODE, mode=pick(data, MODES)))
        elif what == "limits":
            self.take(Input(kind=Kind.SET_LIMITS, slot_limit=k + 1, ratio_ppm=ratio_ppm, amount=pick(data, (5, 0))))
        elif what == "calibration":
            self.take(Input(kind=Kind.CALIBRATE, ratio_ppm=pick(data, (RATIO_SCALE, 987_654, 4 * RATIO_SCALE))))
        elif what == "seed":
            self.take(Input(kind=Kind.SEED, amount=ratio_ppm, time_ns=k))
        else:
            self.want(data, k)

    @rule(kind=st.integers(-1, 23), slot=INDICES, instrument=INDICES, trade=st.sampled_from((0, 1, TRADE_ID_MAX)),
          field=st.integers(3, 35), word=WORDS)  # fmt: skip
    def hostile(self, kind: int, slot: int, instrument: int, trade: int, field: int, word: int) -> None:
        """Anything at all, but no ENTER or ADOPT that would spend the last trade number."""
        words = [kind, slot, instrument, trade, *(0 for _ in range(32))]
        words[field] = word
        opens = kind in (Kind.ENTER, Kind.ADOPT) and words[3] > 1
        if not opens:
            self.take(Input._make((*words, (0,) * LEGS)))

    # --- what the runtime wants -------------------------------------------------------------------------------------

    def enter(self, k: int, i: int, lots: int, plan: Sequence[int], side: Side, *, fresh: bool = True) -> Outcome:
        """ENTER the smallest order and some lots."""
        lot = self.lot(i)
        smallest = -(-max(self.state.instruments[i].quantity_min, 1) // lot) * lot
        return self.take(
            Input(
                kind=Kind.ENTER, slot=k, instrument=i, trade=self.state.account.trade_high_water + int(fresh),
                side=side, quantity=smallest + lot * lots, price=2 * ONE, legs=len(plan),
                ratios=(*plan, *(0,) * (LEGS - len(plan))),
            )
        )  # fmt: skip

    def open(self, data: st.DataObject, k: int) -> None:
        """Open a trade, with at most one thing wrong: a busy slot or instrument, an old number, what heal() mends."""
        wrong = pick(data, WRONGS)
        held = [i for i, instrument in enumerate(self.state.instruments) if instrument.holder]
        free = [i for i, instrument in enumerate(self.state.instruments) if not instrument.holder]
        i = pick(data, (held if wrong == "instrument" else free) or [k])
        if wrong != "health":
            self.heal()
        if wrong == "mode":
            self.take(Input(kind=Kind.SET_MODE, mode=pick(data, MODES[:2])))
        elif wrong == "wallet":
            self.reading(-900)
        elif wrong == "position":
            self.snapshot(i, 1, 0, self.newest(i))
        elif wrong == "slot":
            k = pick(data, self.live() or [k])
        side = pick(data, (Side.LONG, Side.SHORT))
        self.enter(k, i, data.draw(PLACES[7]), pick(data, PLANS), side, fresh=wrong != "number")

    def round_trips(self, data: st.DataObject, k: int) -> None:
        """Several whole trades in one slot, as fast as can be, settled in time, too late, or not at all."""
        settled = pick(data, ("none", "last", "all"))
        for _ in range(1 + data.draw(PLACES[5])):
            self.heal()
            if self.enter(k, k, 0, PLANS[0], Side.LONG).verdict != Verdict.ACCEPTED:
                return
            self.fill(k, pick(data, PRICES))
            self.take(Input(kind=Kind.EXIT, slot=k, instrument=k, trade=self.state.slots[k].trade))
            self.fill(k, PRICES[0])
            if settled == "all":
                self.settle_all(data)
            elif settled == "last":
                self.settle_tail(k, self.state.slots[k].tails[0])

    def want(self, data: st.DataObject, k: int) -> None:
        """Close or cancel, now and then by a wrong number or leg, or in another mode."""
        slot = self.state.slots[k]
        wrong = pick(data, ("nothing", "nothing", "nothing", "mode", "trade", "leg"))
        if wrong == "mode":
            self.take(Input(kind=Kind.SET_MODE, mode=pick(data, MODES)))
        trade = pick(data, (0, 1, slot.trade - 1)) if wrong == "trade" else slot.trade
        leg = slot.plan.next_leg + int(wrong == "leg")
        kind = pick(data, (Kind.EXIT, Kind.EXIT, Kind.FLATTEN, Kind.CANCEL))
        self.take(Input(kind=kind, slot=k, instrument=self.home(k), trade=trade, leg=leg))

    # --- what the venue says of orders ------------------------------------------------------------------------------

    def news(self, k: int, quantity: int, price: int, time_ns: int, *, exit_order: bool, done: bool) -> Outcome:
        """A cumulative snapshot of one of the two addressable orders of a live trade."""
        slot = self.state.slots[k]
        known = slot.exit if exit_order else slot.entry
        more = quantity - known.quantity
        quote = known.quote + worth(more, price) if more >= 0 else worth(quantity, price)
        return self.take(
            Input(
                kind=Kind.ORDER, slot=k, instrument=slot.instrument, trade=slot.trade,
                attempt=slot.exit.attempt if exit_order else 0, quantity=quantity, quote=quote, done=int(done),
                time_ns=time_ns,
            )
        )  # fmt: skip

    def fill(self, k: int, price: int) -> None:
        """The order in flight fills whole, after everything that has been booked or read."""
        slot, ledger = self.state.slots[k], self.state.account.ledger
        exit_order = slot.phase > Phase.POSITION_OPEN
        ordered = slot.exit.ordered if exit_order else slot.entry.ordered
        now = max(self.newest(slot.instrument), ledger.last_money_time_ns, ledger.wallet_as_of_ns) + 1
        self.news(k, ordered, price, now, exit_order=exit_order, done=True)

    def progress(self, data: st.DataObject, k: int) -> None:
        """The order in flight fills by a lot, a part, whole, or not at all; it may be over with that."""
        slot = self.state.slots[k]
        exit_order = slot.phase > Phase.POSITION_OPEN
        known, ordered = (
            (slot.exit.quantity, slot.exit.ordered) if exit_order else (slot.entry.quantity, slot.entry.ordered)
        )
        lot = self.lot(slot.instrument)
        quantity = pick(data, (ordered, known + (ordered - known) // lot // 2 * lot, known + lot, known))
        time_ns = self.time(data, slot.instrument)
        done = pick(data, (False, True))
        self.news(k, quantity, pick(data, PRICES), time_ns, exit_order=exit_order, done=done)

    def late_news(self, data: st.DataObject, k: int) -> None:
        """A snapshot of either order of a live trade: older, the same, larger, too large, too cheap."""
        slot = self.state.slots[k]
        exit_order = pick(data, (False, True))
        known = slot.exit.quantity if exit_order else slot.entry.quantity
        quantity = max(0, known + pick(data, (1, 0, 2, 3, -1, -2)) * self.lot(self.home(k)))
        time_ns = self.time(data, self.home(k))
        done = pick(data, (False, True))
        self.news(k, quantity, pick(data, (*PRICES, 0)), time_ns, exit_order=exit_order, done=done)

    def past_news(self, data: st.DataObject, k: int) -> None:
        """A snapshot of an order of a finished trade: as booked, or a lot more or less."""
        if not self.finished():
            return self.late_news(data, k)
        home, tail = pick(data, self.finished())
        attempt = pick(data, (0, tail.last_attempt, tail.last_attempt + 1))
        shown = tail.last_attempt_quantity if attempt else tail.entry.quantity
        quantity = max(0, shown + pick(data, (0, 1, -1)) * self.lot(tail.instrument))
        self.take(
            Input(
                kind=Kind.ORDER, slot=home, instrument=tail.instrument, trade=tail.trade, attempt=attempt,
                quantity=quantity, quote=2 * quantity, done=pick(data, (0, 1)),
                time_ns=self.time(data, tail.instrument),
            )
        )  # fmt: skip
        return None

    def answer(self, data: st.DataObject, k: int) -> None:
        """An answer about the order in flight, with proof or with something lacking; or about the other order."""
        slot = self.state.slots[k]
        kind = pick(data, (Kind.UNKNOWN, Kind.REJECTED, Kind.SILENT, Kind.NOT_FOUND, Kind.NOT_FOUND))
        attempt = slot.exit.attempt if slot.phase >= Phase.POSITION_OPEN else 0
        if pick(data, (False, False, False, True)):
            attempt = 1 - min(1, attempt)
        named = Input(slot=k, instrument=slot.instrument, trade=slot.trade, attempt=attempt)
        if kind == Kind.NOT_FOUND:
            self.take(named._replace(kind=Kind.UNKNOWN))  # nobody looks for an order whose fate is known
        lacks = pick(data, ("nothing", "check", "margin", "deadline"))
        now = self.time(data, slot.instrument) + ADMIT_MARGIN_NS + 2
        deadline = now - ADMIT_MARGIN_NS - (0 if lacks == "margin" else 1)
        self.take(
            named._replace(
                kind=kind, reason=pick(data, tuple(RejectReason)), time_ns=now,
                deadline_ns=0 if lacks == "deadline" else deadline,
                checks=ALL_CHECKS - 1 if lacks == "check" else ALL_CHECKS,
            )
        )  # fmt: skip

    # --- what happens outside ---------------------------------------------------------------------------------------

    def close_outside(self, data: st.DataObject, k: int) -> None:
        """Something left the position without us: some lots more than known, or all that remains, once or twice."""
        slot, i = self.state.slots[k], self.home(k)
        for _ in range(1 + data.draw(PLACES[2])):
            closed = self.state.slots[k].closed
            lots = pick(data, (-1, 0, 1, 2))
            more = remaining(self.state.slots[k]) if lots < 0 else lots * self.lot(i)
            self.take(
                Input(
                    kind=Kind.EXTERNAL_CLOSE, slot=k, instrument=i, trade=slot.trade or slot.tails[0].trade,
                    quantity=closed.external_quantity + more,
                    quote=closed.external_quote + worth(more, pick(data, (*PRICES, 0))), time_ns=self.time(data, i),
                )
            )  # fmt: skip

    def snapshot(self, i: int, lots_off: int, other: int, time_ns: int) -> None:
        """A position snapshot: what the slot holds and so many lots more, and something on the other side."""
        holder = self.state.instruments[i].holder
        slot = self.state.slots[holder - 1] if holder else Slot()
        own = max(0, remaining(slot) + lots_off * self.lot(i))
        long, short = (other, own) if slot.side == Side.SHORT else (own, other)
        self.take(
            Input(
                kind=Kind.POSITION, slot=max(0, holder - 1), instrument=i, long_quantity=long, short_quantity=short,
                time_ns=time_ns,
            )
        )  # fmt: skip

    def position(self, data: st.DataObject, k: int) -> None:
        """A position snapshot, mostly a true one, first of all of an instrument that awaits a reconcile."""
        i = pick(data, self.unreconciled() or [self.home(k)])
        off, other = pick(data, (0, 0, 0, 1, -1, 6)), pick(data, (0, 0, 0, 1))
        self.snapshot(i, off, other, max(0, self.newest(i) + pick(data, (-1, -1, 0, 1))))

    def adopt(self, data: st.DataObject, k: int) -> None:
        """Take what the venue has too much, first of all in an instrument that awaits a reconcile."""
        i = pick(data, self.unreconciled() or [k])
        quantity = (1 + data.draw(PLACES[4])) * self.lot(i)
        self.take(
            Input(
                kind=Kind.ADOPT, slot=k, instrument=i, trade=self.state.account.trade_high_water + 1,
                side=pick(data, (Side.LONG, Side.SHORT)), quantity=quantity,
                quote=worth(quantity, pick(data, PRICES)), price=2 * ONE,
                time_ns=max(0, self.newest(i) + pick(data, (-1, 0, 1))),
            )
        )  # fmt: skip

    # --- money ------------------------------------------------------------------------------------------------------

    def settle(self, data: st.DataObject) -> None:
        """The venue's rows for a half of a finished trade or the live ones' entries, right or somewhat off."""
        part = pick(data, tuple(Part))
        known = [(k, tail.trade, tail.instrument, tail.exit if part else tail.entry) for k, tail in self.finished()]
        halves = [(k, trade, i, half.quantity, half.quote) for k, trade, i, half in known]
        for k, slot in enumerate(self.state.slots):
            halves.append((k, slot.trade, slot.instrument, slot.entry.quantity, slot.entry.quote))
        k, trade, i, quantity, quote = pick(data, halves)
        quote = max(1, quote + pick(data, (0, 1, -1)))
        fee = pick(data, (0, 1, 2, -1, -2))
        self.take(
            Input(
                kind=Kind.SETTLE, slot=k, instrument=i, trade=trade, part=part,
                quantity=quantity + pick(data, (0, 0, 0, 1, -1)), quote=quote, amount=max(-quote, min(quote, fee)),
                time_ns=self.time(data, i),
            )
        )  # fmt: skip

    def settle_all(self, data: st.DataObject) -> None:
        """All that waits for it is settled, at what was predicted."""
        del data
        for k, tail in self.finished():
            self.settle_tail(k, tail)

    def settle_tail(self, k: int, tail: Tail) -> None:
        """Both halves of a finished trade settle at what was predicted, as far as they have not."""
        for part, half in ((Part.ENTRY, tail.entry), (Part.EXIT, tail.exit)):
            if half.graded == 0:
                self.take(
                    Input(
                        kind=Kind.SETTLE, slot=k, instrument=tail.instrument, trade=tail.trade, part=part,
                        quantity=half.quantity, quote=half.quote, amount=half.fee,
                        time_ns=self.newest(tail.instrument),
                    )
                )  # fmt: skip

    def settle_forced(self, data: st.DataObject) -> None:
        """The operator gives up waiting for a settlement."""
        k, trade = pick(data, [(0, 0), (0, 1), *((k, tail.trade) for k, tail in self.finished())])
        self.take(Input(kind=Kind.SETTLE_FORCED, slot=k, trade=trade))

    def income(self, data: st.DataObject) -> None:
        """Funding and the like: more rows, as many, fewer."""
        ledger = self.state.account.ledger
        kind = pick(data, tuple(IncomeKind))
        rows = (ledger.funding_rows, ledger.transfer_rows, ledger.adjustment_rows)[kind]
        total = (ledger.funding, ledger.transfers, ledger.adjustments)[kind]
        self.take(
            Input(
                kind=Kind.INCOME, income_kind=kind, rows=max(0, rows + pick(data, (1, 0, -1))),
                amount=total + pick(data, (1, 0, 2, 3, -1, -2, -3)), time_ns=ledger.last_money_time_ns,
            )
        )  # fmt: skip

    def wallet(self, data: st.DataObject) -> None:
        """The venue's balance: that of the books or somewhat off, newer than the last money or older."""
        self.reading(pick(data, (0, 0, 1, -7, 40)), pick(data, (0, 1, -1)))

    def reading(self, off: int, age: int = 0) -> None:
        """A wallet reading that is off by so much, and so much newer than the last booked money."""
        ledger = self.state.account.ledger
        amount = max(-BOUND, min(BOUND, capital(ledger) + off))
        self.take(Input(kind=Kind.WALLET, amount=amount, time_ns=max(0, ledger.last_money_time_ns + age)))

    # --- the careful operator ---------------------------------------------------------------------------------------

    def heal(self) -> None:
        """Take away what keeps the next ENTER from being accepted, as far as it can be."""
        account = self.state.account
        if account.mode != Mode.ACTIVE:
            self.take(Input(kind=Kind.SET_MODE, mode=Mode.ACTIVE))
        if account.ledger.difference != 0:
            self.reading(0)
        for i in self.unreconciled():
            self.snapshot(i, 0, 0, self.newest(i))

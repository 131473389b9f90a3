"""The occupancy list as rules of a hypothesis machine: each item is asked of whatever state the others have led to.

Five instruments, two slots. ``ASKED`` counts how often each item was really put to the test, so that an item that never
could be asked is noticed.
"""

from collections import Counter
from typing import Final

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from dita.reference import step
from dita.spec.inputs import Input
from dita.spec.scales import BOUND, RATIO_SCALE
from dita.spec.state import Slot, capital
from dita.spec.vocabulary import LEGS, Code, Kind, Part, Phase, Side, Verdict
from reference_machine import ONE, PLANS, PRICES, SLOTS, Machine, pick

INSTRUMENTS: Final = 5
CYCLES: Final = 20
ITEMS: Final = (
    "a working entry blocks the entry of another trade",
    "an open position blocks the entry of another trade",
    "five instruments, one slot: the first is accepted, four are SLOT_BUSY",
    "twenty rapid cycles leave no residue",
    "EXIT on an idle slot is always refused",
)
ENTRY: Final = (Phase.ENTRY_REQUESTED, Phase.ENTRY_WORKING, Phase.ENTRY_UNRESOLVED)

ASKED: Final = Counter[str]()


class Occupancy(Machine):
    """The reference with five instruments; its rules, and one rule for each item of the list."""

    instruments = INSTRUMENTS

    def unchanged(self, event: Input, code: Code) -> None:
        """The input is refused with this code, and the state is the same object as before."""
        before = self.state
        outcome = self.take(event)
        assert (outcome.verdict, outcome.code) == (Verdict.REFUSED, code), f"{event}: {outcome}"
        assert self.state is before, f"{event} was refused and changed the state"

    def another(self, data: st.DataObject, k: int) -> Input:
        """An ENTER of a new trade into the slot, right in every value, of any instrument."""
        i = data.draw(st.integers(0, INSTRUMENTS - 1))
        plan = pick(data, PLANS)
        return Input(
            kind=Kind.ENTER, slot=k, instrument=i, trade=self.state.account.trade_high_water + 1,
            side=pick(data, (Side.LONG, Side.SHORT)), quantity=self.lot(i) * data.draw(st.integers(1, 9)),
            price=2 * ONE, legs=len(plan), ratios=(*plan, *(0,) * (LEGS - len(plan))),
        )  # fmt: skip

    def slots_in(self, *phases: Phase) -> list[int]:
        """Indices of the slots in these phases."""
        return [k for k, slot in enumerate(self.state.slots) if slot.phase in phases]

    def ready(self) -> None:
        """Nothing but the slots stands in the way of an ENTER: enough money, room for tails, no doubt."""
        ledger = self.state.account.ledger
        rich = BOUND // 4
        self.take(
            Input(
                kind=Kind.INCOME, income_kind=1, rows=ledger.transfer_rows + 1, amount=rich,
                time_ns=ledger.last_money_time_ns,
            )
        )  # fmt: skip
        self.take(Input(kind=Kind.SET_LIMITS, slot_limit=SLOTS, ratio_ppm=100 * RATIO_SCALE, amount=0))
        self.reading(0, 1)
        self.heal()
        for k, tail in self.finished():
            self.settle_tail(k, tail)

    @precondition(lambda self: self.slots_in(*ENTRY))
    @rule(data=st.data())
    def a_working_entry_blocks(self, data: st.DataObject) -> None:
        """Item 1: whatever the entry's fate, another ENTER into its slot is SLOT_BUSY."""
        self.unchanged(self.another(data, pick(data, self.slots_in(*ENTRY))), Code.SLOT_BUSY)
        ASKED[ITEMS[0]] += 1

    @precondition(lambda self: self.slots_in(*(phase for phase in Phase if phase >= Phase.POSITION_OPEN)))
    @rule(data=st.data())
    def an_open_position_blocks(self, data: st.DataObject) -> None:
        """Item 2: from POSITION_OPEN until the trade has finished, another ENTER into its slot is SLOT_BUSY."""
        held = self.slots_in(*(phase for phase in Phase if phase >= Phase.POSITION_OPEN))
        self.unchanged(self.another(data, pick(data, held)), Code.SLOT_BUSY)
        ASKED[ITEMS[1]] += 1

    @precondition(lambda self: len(self.slots_in(Phase.IDLE)) == SLOTS)
    @rule(order=st.permutations(range(INSTRUMENTS)), k=st.integers(0, SLOTS - 1))
    def five_instruments_one_slot(self, order: list[int], k: int) -> None:
        """Item 3: of five instruments for one slot the first is accepted, the other four are SLOT_BUSY."""
        self.ready()
        codes = [self.enter(k, i, 1, PLANS[0], Side.LONG).code for i in order]
        assert codes == [Code.OK, *[Code.SLOT_BUSY] * 4], codes
        assert self.state.slots[k].instrument == order[0]
        ASKED[ITEMS[2]] += 1

    @precondition(lambda self: len(self.slots_in(Phase.IDLE)) == SLOTS)
    @rule(
        prices=st.lists(st.sampled_from(PRICES), min_size=2 * CYCLES, max_size=2 * CYCLES), k=st.integers(0, SLOTS - 1)
    )
    def twenty_cycles(self, prices: list[int], k: int) -> None:
        """Item 4: twenty trades, each settled while the next is open, leave slot, limits and books clean."""
        self.ready()
        before = self.state
        earned = 0
        for cycle in range(CYCLES):
            assert self.enter(k, k, 1, PLANS[0], Side.LONG).verdict == Verdict.ACCEPTED, f"cycle {cycle} was refused"
            self.fill(k, prices[2 * cycle])
            if cycle:
                self.settle_without_fee(k)
            slot = self.state.slots[k]
            assert self.take(Input(kind=Kind.EXIT, slot=k, instrument=k, trade=slot.trade)).submit == 1
            self.fill(k, prices[2 * cycle + 1])
            quantity = slot.entry.ordered
            earned += quantity * prices[2 * cycle + 1] // 2 - quantity * prices[2 * cycle] // 2
        self.settle_without_fee(k)
        account, after = before.account, self.state.account
        assert self.state.slots[k] == Slot(tails=self.state.slots[k].tails)
        assert self.state.slots[1 - k] is before.slots[1 - k]
        assert after.live_slots == account.live_slots
        assert (after.exposure, after.unreconciled) == (account.exposure, account.unreconciled)
        assert after.trade_high_water == account.trade_high_water + CYCLES
        assert after.ledger.fees_provisional == account.ledger.fees_provisional
        assert capital(after.ledger) == capital(account.ledger) + earned
        ASKED[ITEMS[3]] += 1

    def settle_without_fee(self, k: int) -> None:
        """The newest finished trade of the slot settles at its own figures, with no fee."""
        tail = self.state.slots[k].tails[0]
        for part, half in ((Part.ENTRY, tail.entry), (Part.EXIT, tail.exit)):
            self.take(
                Input(
                    kind=Kind.SETTLE, slot=k, instrument=tail.instrument, trade=tail.trade, part=part,
                    quantity=half.quantity, quote=half.quote, amount=0, time_ns=1,
                )
            )  # fmt: skip

    @precondition(lambda self: self.slots_in(Phase.IDLE))
    @rule(data=st.data(), leg=st.integers(-1, 8), limit=st.sampled_from((0, 10**10, -1)))
    def exit_on_an_idle_slot(self, data: st.DataObject, leg: int, limit: int) -> None:
        """Item 5: EXIT, FLATTEN and CANCEL on an idle slot are refused, whatever trade, leg or instrument they name."""
        k = pick(data, self.slots_in(Phase.IDLE))
        known = [tail.trade for tail in self.state.slots[k].tails]
        trade = pick(data, (0, *known, self.state.account.trade_high_water, self.state.account.trade_high_water + 1))
        i = data.draw(st.integers(0, INSTRUMENTS - 1))
        named = Input(slot=k, instrument=i, trade=trade, leg=leg, limit_price=limit)
        self.unchanged(named._replace(kind=Kind.EXIT), Code.NO_POSITION)
        self.unchanged(named._replace(kind=Kind.FLATTEN), Code.NO_POSITION)
        self.unchanged(named._replace(kind=Kind.CANCEL), Code.NOTHING_WORKING)
        assert step(self.state, named._replace(kind=Kind.EXIT))[0] is self.state
        ASKED[ITEMS[4]] += 1


class OccupancyAlone(Occupancy):
    """The same rules, judged by the items of the list and by no law: what it finds, an item has noticed."""

    asks_laws = False

"""Divergences come out short and on one screen, and the command that is printed shows them again."""

import os
import subprocess
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path

import pytest

from command import DITA
from dita.conformance.declare import never
from dita.conformance.defects import DEFECTS, defects
from dita.conformance.exhaustive import Finding
from dita.conformance.findings import AGAIN, kept, shown_again, told
from dita.conformance.shrink import shrink
from dita.conformance.starts import simpler_start
from dita.conformance.suite import measured, median, shortest
from dita.conformance.tasks import explained, signature_of
from dita.conformance.timeline import LINES_MAX, timeline, unit_of
from dita.conformance.under_test import Canary, ReferenceStandIn
from dita.reference import step
from dita.spec.inputs import Input, enter, exit_leg, flatten, order, register, rejected, seed, set_limits, set_mode
from dita.spec.invariants import broken
from dita.spec.layout import word_names
from dita.spec.outcome import Outcome
from dita.spec.state import State
from dita.spec.vocabulary import Kind, Mode, Phase, RejectReason, Side, Verdict

MEDIAN_MAX = 6

WORLD = [
    seed(amount=10**12, time_ns=1),
    register(
        instrument=3, lot=1, tick=10**10, quantity_min=0, notional_min=0, price_max=10**12, quantity_max=10**6,
        taker_ppb=500_000, maker_ppb=0,
    ),
]  # fmt: skip


def entered(trade: int) -> Input:
    """An ENTER of ten units in slot 5."""
    return enter(slot=5, instrument=3, trade=trade, side=Side.LONG, quantity=10, price=10**10)


def filled(trade: int, attempt: int = 0) -> Input:
    """The named order is done, in full."""
    return order(slot=5, instrument=3, trade=trade, attempt=attempt, quantity=10, quote=10, done=True, time_ns=2)


def reaches(wanted: Callable[[State, Input, Outcome], bool]) -> Callable[[Sequence[Input]], bool]:
    """Fails where some accepted step is what is wanted."""

    def fails(inputs: Sequence[Input]) -> bool:
        state = State()
        for event in inputs:
            after, outcome = step(state, event)
            if outcome.verdict == Verdict.ACCEPTED and wanted(state, event, outcome):
                return True
            state = after
        return False

    return fails


def test_the_median_of_the_planted_defects_is_at_most_six() -> None:
    """Counting every input from the blank state, those that set up the world too; and each fits on one screen."""
    table = measured()
    known = {defect.name for defect in defects()}

    assert len(table) >= 30
    assert set(table) <= known
    assert median(table) <= MEDIAN_MAX
    assert all(shown.lines + 2 <= LINES_MAX and shown.columns <= 120 for shown in table.values())
    assert sum(shown.blank for shown in table.values()) >= len(table) - 3


def commit() -> str:
    """What the sample is drawn by: the commit, or the defects where there is none."""
    done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=DEFECTS, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "none"


@pytest.mark.timeout(300)
def test_a_sampled_defect_still_comes_out_as_short() -> None:
    """One defect of the reference, another at every commit, is planted, met and shrunk to what the suite holds."""
    table = {name: shown for name, shown in measured().items() if name.startswith("reference-")}
    drawn = sorted(table)[int(sha256(commit().encode()).hexdigest(), 16) % len(table)]
    (defect,) = (defect for defect in defects() if defect.name == drawn)

    found = shortest(defect)

    assert found is not None, drawn
    assert found.inputs <= table[drawn].inputs + 2, drawn


def test_what_was_done_and_undone_goes_together() -> None:
    """A mode set and taken back, and a trade rolled back, are in nobody's way alone and gone in the end."""
    inputs = [
        *WORLD, set_mode(Mode.HALTED), set_mode(Mode.ACTIVE), entered(1),
        rejected(slot=5, instrument=3, trade=1, attempt=0, reason=RejectReason.REFUSED, time_ns=1), entered(2),
    ]  # fmt: skip

    short = shrink(inputs, reaches(lambda state, event, outcome: event.kind == Kind.ENTER), never)

    assert [event.kind for event in short] == [Kind.SEED, Kind.REGISTER, Kind.ENTER]
    assert (short[2].slot, short[2].instrument, short[2].trade) == (0, 0, 1)


def test_later_exits_are_numbered_anew_when_an_earlier_one_goes() -> None:
    """An exit that was rejected is deleted although the next one's snapshot names attempt 2."""
    away = rejected(slot=5, instrument=3, trade=1, attempt=1, reason=RejectReason.REFUSED, time_ns=1)
    close = flatten(slot=5, instrument=3, trade=1)
    inputs = [*WORLD, entered(1), filled(1), close, away, close, filled(1, attempt=2)]

    short = shrink(inputs, reaches(lambda state, event, outcome: outcome.cancel_protection == 1), never)

    assert [event.kind for event in short] == [
        Kind.SEED, Kind.REGISTER, Kind.ENTER, Kind.ORDER, Kind.FLATTEN, Kind.ORDER,
    ]  # fmt: skip
    assert short[-1].attempt == 1


class Faulty(Canary):
    """Counts anew with every load, as a kernel with a fault in its code would."""

    def load(self, state: bytes | bytearray, /) -> None:
        """Replace the state; the fault is not yet in view."""
        super().__init__(self._inner, kind=Kind.ENTER, hits=1, word=self._word, in_outcome=False)
        super().load(state)


def faulty(word: str) -> Faulty:
    """A kernel whose first ENTER flips a word."""
    return Faulty(ReferenceStandIn(), kind=Kind.ENTER, hits=1, word=word_names(State).index(word), in_outcome=False)


def test_a_finding_is_told_with_names_units_seed_and_command(tmp_path: Path) -> None:
    """The screen has phases, both outcomes, the first word with its unit, the seed, and a file that shows it again."""
    kernel = faulty("slots[5].entry.ordered")
    finding = Finding("random: x", State(), (*WORLD, set_mode(Mode.REDUCE_ONLY), set_mode(Mode.ACTIVE), entered(1)))

    report = explained(finding, kernel, never)
    path = kept(report.what, 77, report.trace, tmp_path)
    screen = told(report.timeline, 77, path)

    assert "slot 0 IDLE\n     ENTER trade=1 side=1 quantity=1" in screen
    assert "reference: ACCEPTED OK IDLE→ENTRY_REQUESTED SUBMIT" in screen
    assert "   kernel: ACCEPTED OK IDLE→ENTRY_REQUESTED SUBMIT" in screen
    assert "differs: state.slots[5].entry.ordered: reference `0`, kernel `1`, in 1e-8 coins" in screen
    assert "    seed: 77" in screen
    assert screen.splitlines()[-1] == f"    again: {AGAIN} {path}"
    assert len(screen.splitlines()) <= LINES_MAX
    with path.open() as file:
        assert shown_again(file, kernel) == (report.timeline, True)
    with path.open() as file:
        assert shown_again(file, ReferenceStandIn())[1] is False


def test_findings_of_one_cause_have_one_signature() -> None:
    """Other numbers and another slot give the same signature; another word gives another one."""
    kernel = faulty("slots[5].entry.ordered")
    one, other = ((*WORLD, entered(1)), (*WORLD, set_mode(Mode.ACTIVE), entered(9)))

    marks = {signature_of(Finding("x", State(), inputs), kernel) for inputs in (one, other)}

    assert marks == {"kind 1 in IDLE: state.slots.entry.ordered, codes 0/0"}
    assert signature_of(Finding("x", State(), one), faulty("account.exposure")) not in marks


def test_a_long_trace_and_a_full_start_fit_on_one_screen() -> None:
    """What does not fit is left out and said so."""
    state = State()
    for event in (*WORLD, entered(1), filled(1)):
        state, _ = step(state, event)

    text = timeline([set_mode(Mode(n % 3)) for n in range(1, 60)], ReferenceStandIn(), state)

    assert state.slots[5].phase == Phase.POSITION_OPEN
    assert "… 45 inputs before" in text
    assert "slots[5].phase=4" in text
    assert len(text.splitlines()) <= LINES_MAX - 2
    assert max(map(len, text.splitlines())) <= 120


def test_a_start_keeps_only_what_the_failure_needs() -> None:
    """Other slots, instruments and income go; the open trade that is asked about stays, in a sound state."""
    state = State()
    other = enter(slot=2, instrument=4, trade=2, side=Side.SHORT, quantity=10, price=10**10)
    more = WORLD[1]._replace(instrument=4)
    limits = set_limits(slot_limit=9, leverage_max_ppm=10**6, tolerance=7)
    for event in (*WORLD, more, limits, entered(1), filled(1), other):
        state, outcome = step(state, event)
        assert outcome.verdict == Verdict.ACCEPTED
    event = exit_leg(slot=5, instrument=3, trade=1, leg=0)

    def fails(candidate: State) -> bool:
        return step(candidate, event)[1].submit == 1

    simple = simpler_start(state, fails, never)

    assert fails(simple)
    assert broken(simple) == []
    assert simple.slots[5].phase == Phase.POSITION_OPEN
    assert simple.slots[2] == State().slots[2]
    assert simple.instruments[4] == State().instruments[4]
    assert (simple.account.live_slots, simple.account.tolerance, simple.account.slot_limit) == (1, 0, 1)
    assert simpler_start(state, fails, lambda: True) == state


def test_every_word_that_is_measured_has_its_unit() -> None:
    """Money, coins, prices, times and rates are told apart; counters and names have none."""
    assert unit_of("slots[3].exit.quote") == unit_of("account.ledger.fees_provisional") == "1e-8 USDT"
    assert unit_of("slots[3].closed.past_quantity") == unit_of("instruments[9].quantity_max") == "1e-8 coins"
    assert unit_of("slots[3].ref_price") == unit_of("instruments[0].tick") == "1e-10 USDT"
    assert unit_of("instruments[0].fill_time_ns") == "ns"
    assert unit_of("account.leverage_max_ppm") == "parts per million"
    assert unit_of("instruments[0].maker_ppb") == "parts per billion"
    assert unit_of("slots[0].phase") == unit_of("account.trade_high_water") == unit_of("funding_rows") == ""


def test_the_printed_command_works(tmp_path: Path) -> None:
    """``dita replay --trace`` shows a trace on the installed kernel; a file that is no trace is refused by name."""
    path = kept("what", 1, '{"format": "dita-trace", "version": 1}\n{"kind": "SET_MODE", "mode": "HALTED"}\n', tmp_path)
    bad = tmp_path / "bad.jsonl"
    bad.write_text("nothing\n")
    command = [*DITA, *AGAIN.split()[1:]]

    good, refused = (
        subprocess.run([*command, str(file)], capture_output=True, text=True, check=False, timeout=60, env=os.environ)
        for file in (path, bad)
    )

    assert good.returncode == 0, good.stderr
    assert "no divergence" in good.stdout
    assert refused.returncode == 2
    assert "line 1" in refused.stderr

"""The invariants and step properties hold for the reference, and each says something."""

import random

import pytest

from dita.conformance.defects import Defect, defects, planted, run_python
from dita.conformance.exhaustive import broken_laws
from dita.conformance.generate import Generator
from dita.conformance.hunt import broken_on, hunt
from dita.reference import step
from dita.spec import inputs
from dita.spec.inputs import Input
from dita.spec.invariants import ACCOUNT, IDS, INSTRUMENT, WHOLE, broken
from dita.spec.layout import flatten_words, pack, unpack, word_names
from dita.spec.outcome import refused
from dita.spec.properties import STEP, WHEN_REFUSED
from dita.spec.slot_invariants import HELD, SLOT
from dita.spec.state import State, focus_of
from dita.spec.vocabulary import Code, Kind, Phase, Verdict
from machine_profiles import commit_seed, rotating

pytestmark = pytest.mark.unmeasured

REFERENCE_DEFECTS = [defect for defect in defects() if defect.name.startswith("reference-")]
SAMPLE = 6  # defects planted at profile commit, rotating with the commit; a campaign plants all


def test_every_law_holds_on_random_traces() -> None:
    """Thirty thousand random steps break no invariant and no step property."""
    result = hunt(20_260_101, 30_000)

    assert result.laws == []
    assert result.steps >= 30_000


def test_laws_have_unique_names_and_sentences() -> None:
    """Each invariant and property has an ID of its own and one English sentence."""
    predicates = [item.holds for table in (SLOT, HELD, INSTRUMENT, ACCOUNT, WHOLE, STEP) for item in table]
    names = [*IDS, *(item.id for item in STEP)]

    assert len(set(names)) == len(names)
    assert all((predicate.__doc__ or "").rstrip().endswith((".", ".)")) for predicate in predicates)


def test_the_initial_state_is_sound() -> None:
    """Every invariant holds before the first input."""
    assert broken(State()) == []


def test_almost_every_single_word_change_of_a_state_is_noticed() -> None:
    """In a state with a live trade and tails, adding 1 to a word mostly breaks an invariant.

    The others are words that nothing else determines: settings, times, and prices that came in once.
    """
    state = busy_state()
    free = 0
    words = list(zip(word_names(State), flatten_words(state), strict=True))
    index = next(k for k, slot in enumerate(state.slots) if slot.phase == Phase.EXIT_WORKING)
    mine = [(name, n) for n, (name, _) in enumerate(words) if name.startswith((f"slots[{index}].", "account."))]
    for _, n in mine:
        data = bytearray(pack(state))
        data[8 * n : 8 * n + 8] = (words[n][1] + 1).to_bytes(8, "little", signed=True)
        free += not broken(unpack(State, bytes(data)))

    assert free <= len(mine) // 3


def busy_state() -> State:
    """A state with an exit at work and a finished trade in one slot."""
    rng = random.Random(11)
    for _ in range(200):
        source, state = Generator(rng), State()
        for _ in range(300):
            state, _ = step(state, source.next(state))
            if any(slot.phase == Phase.EXIT_WORKING and slot.tails[0].trade for slot in state.slots):
                return state
    raise AssertionError("no run came to a second trade; look at the generator")


def test_repeating_any_input_moves_no_slot_and_no_money() -> None:
    """A duplicate of what was just taken changes neither slots nor books (clauses O1, O8)."""
    rng = random.Random(77)
    wanted = {Kind.EXIT, Kind.FLATTEN}  # a second wish is a wish of its own; everything the venue says is a snapshot
    repeated: set[int] = set()
    for _ in range(60):
        source, state = Generator(rng), State()
        for _ in range(200):
            event = source.next(state)
            after, outcome = step(state, event)
            if outcome.verdict == Verdict.ACCEPTED and event.kind not in wanted:
                again, second = step(after, event)
                assert again.slots == after.slots
                assert again.account.ledger == after.account.ledger
                assert second.submit == 0
                repeated.add(event.kind)
            state = after

    assert repeated >= {Kind.ENTER, Kind.ORDER, Kind.SETTLE, Kind.INCOME, Kind.EXTERNAL_CLOSE, Kind.WALLET, Kind.ADOPT}


@pytest.mark.parametrize("defect", rotating(REFERENCE_DEFECTS, SAMPLE, commit_seed()), ids=lambda defect: defect.name)
def test_a_defect_of_the_reference_breaks_a_law(defect: Defect) -> None:
    """Each planted defect of the reference is found by the laws alone, on random traces, with a trace to show it."""
    with planted(defect) as tree:
        found = run_python(tree, ["-m", "dita.conformance.hunt", "4711", "60000", "1"], seconds=100)

    assert found.returncode == 1, found.stderr
    assert found.stdout.startswith("broken: ")


def test_the_same_hunt_on_the_unplanted_tree_finds_nothing() -> None:
    """The scratch copy itself breaks no law: what the defects show is theirs."""
    with planted(None) as tree:
        found = run_python(tree, ["-m", "dita.conformance.hunt", "4711", "4000", "1"], seconds=100)

    assert (found.returncode, found.stdout) == (0, "4000 steps, every law held\n")


def test_at_least_six_defects_are_planted() -> None:
    """The list of planted defects of the reference cannot shrink unnoticed."""
    assert len(REFERENCE_DEFECTS) >= 6


def test_a_trace_without_a_break_is_told_so() -> None:
    """Looking for the broken law of a sound trace gives nothing."""
    assert broken_on([]) == []


def test_refusals_are_asked_what_they_can_break() -> None:
    """Every step property that some refusal breaks is asked of refusals of that kind; none of the others is forgotten.

    On random traces each property is asked of the refusal of every input with every code, made up or not.
    """
    breaking: set[tuple[int, str]] = set()
    rng = random.Random(7)
    state, source = State(), Generator(rng)
    for number in range(1_500):
        if number % 250 == 0:
            state, source = State(), Generator(rng)
        event = source.next(state)
        if 0 <= event.slot < len(state.slots) and 0 <= event.instrument < len(state.instruments):
            focus = focus_of(state, event.slot, event.instrument)
            for code in (Code.NO_CHANGE, Code.MODE_HALTED, Code.SLOT_BUSY, Code.TERMINAL_STATE, Code.CAPITAL_FROZEN):
                breaking |= {
                    (event.kind, item.id) for item in STEP if not item.holds(focus, event, focus, refused(code))
                }
        state, _ = step(state, event)
    known = {(kind, holds.__name__.replace("_", "-")) for kind, asked in WHEN_REFUSED.items() for holds in asked}

    assert breaking <= known
    assert len(breaking) >= 8


def test_a_refusal_that_must_not_be_is_found() -> None:
    """The planted answer: FLATTEN refused because of the mode, and SILENT refused as no change."""
    state = State()
    slot = state.slots[0]._replace(phase=Phase.ENTRY_REQUESTED, trade=1)
    state = state._replace(slots=(slot, *state.slots[1:]))
    flatten, silent = inputs.flatten(slot=0, instrument=0, trade=1), Input(kind=Kind.SILENT, trade=1)

    assert broken_laws(state, flatten, state, refused(Code.MODE_HALTED), known=True) == ["nothing-blocks-a-close"]
    assert broken_laws(state, silent, state, refused(Code.NO_CHANGE), known=True) == ["silence-asks"]
    assert broken_laws(state, flatten, state, refused(Code.STALE_ID), known=True) == []

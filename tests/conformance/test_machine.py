"""Hypothesis machines over the reference: no law breaks, and planted defects are found without any proof's help."""

import subprocess
import sys

import pytest

from dita.conformance.defects import Defect, defects, planted
from dita.spec.inputs import Input
from dita.spec.state import State
from dita.spec.vocabulary import Kind, Mode, Phase, Side, Verdict
from machine_profiles import commit_seed, hunt_in, rotating, run_machine, seconds
from reference_machine import PLANS, Machine

pytestmark = pytest.mark.unmeasured

DEFECTS = [defect for defect in defects() if defect.name.startswith("reference-")]
SAMPLE = 10  # defects hunted at profile commit, rotating with the commit; a campaign hunts all
EXAMPLES = 120  # a defect is found within so many examples of one of the seeds; most within 20
SEEDS = (1, 2, 3, 4, 5, 6)  # tried in turn: starting anew is better luck than going on


@pytest.mark.timeout(seconds(600))  # a failure may take five minutes to shrink
def test_every_law_holds_on_whatever_hypothesis_comes_up_with() -> None:
    """Sixty programs of forty rules (thousands in a campaign) break no invariant and no step property."""
    run_machine(Machine, share=0.6)


def test_the_machine_comes_to_a_finished_trade() -> None:
    """The rules can do something: a trade opens, closes and settles through them."""
    machine = begun()
    machine.enter(0, 0, 2, PLANS[0], Side.LONG)
    machine.fill(0, 4)
    assert machine.state.slots[0].phase == Phase.POSITION_OPEN
    machine.take(Input(kind=Kind.EXIT, trade=1))
    machine.fill(0, 5)
    machine.settle_tail(0, machine.state.slots[0].tails[0])

    tail = machine.state.slots[0].tails[0]
    assert (tail.entry.graded, tail.exit.graded, tail.entry.quantity) == (1, 1, 3)
    assert machine.take(Input(kind=Kind.SET_MODE, mode=Mode.HALTED)).verdict == Verdict.ACCEPTED


def begun() -> Machine:
    """A machine with its contracts, limits and seed."""
    machine = Machine()
    machine.begin(1_000_000, 0, 2, (1, 2), 0, 100, 100_000_000)
    return machine


def test_the_machine_notices_a_broken_law() -> None:
    """The planted defect: in a state that counts a live slot too many, the next step is reported."""
    machine = begun()
    machine.state = State(machine.state.account._replace(live_slots=1), machine.state.instruments, machine.state.slots)

    with pytest.raises(AssertionError, match="live-counted"):
        machine.take(Input(kind=Kind.SET_MODE, mode=Mode.HALTED))


def test_the_machine_looks_at_what_no_step_touched() -> None:
    """The planted defect: an instrument that nobody named since is broken; the end of the program reports it."""
    machine = begun()
    broken = machine.state.instruments[1]._replace(lot=0)
    machine.state = State(machine.state.account, (machine.state.instruments[0], broken), machine.state.slots)

    with pytest.raises(AssertionError, match="terms-fit in instruments"):
        machine.teardown()


# ---- planted defects of the reference


def test_there_are_many_defects() -> None:
    """At least thirty defects of the reference, each of them another one; at least ten are hunted at each commit."""
    assert len({defect.path.read_bytes() for defect in DEFECTS}) == len(DEFECTS) >= 30
    assert SAMPLE >= 10
    assert len(rotating(DEFECTS, SAMPLE, 5)) >= 10
    assert set(rotating(DEFECTS, SAMPLE, 5)) != set(rotating(DEFECTS, SAMPLE, 6)) or len(DEFECTS) <= SAMPLE


@pytest.mark.timeout(seconds(600))
@pytest.mark.parametrize("defect", rotating(DEFECTS, SAMPLE, commit_seed()), ids=lambda defect: defect.name)
def test_a_defect_of_the_reference_is_found(defect: Defect) -> None:
    """The machine breaks a law of the patched reference within 120 examples of one of six seeds."""
    with planted(defect) as tree:
        for number in SEEDS:
            found, problem = hunt_in(tree, "reference", number=number, examples=EXAMPLES)
            if found is not None:
                assert problem
                return
    raise AssertionError(f"{defect.name}: {defect.says} Not found in {len(SEEDS)} times {EXAMPLES} examples.")


def test_nothing_is_found_where_nothing_is_planted() -> None:
    """The same hunt in an unchanged tree comes back empty: what it finds elsewhere is the defect."""
    with planted(None) as tree:
        assert hunt_in(tree, "reference", number=SEEDS[0], examples=15) == (None, "")


def test_a_campaign_hunts_every_defect() -> None:
    """`--hypothesis-profile=campaign` takes the large profile: all defects are collected, not only the sample."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", __file__]
    small, large = (
        subprocess.run([*command, *option], capture_output=True, text=True, check=True, timeout=100).stdout
        for option in ([], ["--hypothesis-profile=campaign"])
    )

    collected = [text.count("::test_a_defect_of_the_reference_is_found[") for text in (small, large)]
    assert collected == [SAMPLE, len(DEFECTS)]

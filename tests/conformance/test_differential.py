"""Lockstep sees every word, campaigns reach everything, and a divergence comes out short and readable."""

import random
from collections import Counter
from collections.abc import Sequence

import pytest

from dita.conformance.campaign import Campaign, run_campaign
from dita.conformance.declare import never
from dita.conformance.differential import Diverged, Lockstep, StateHash
from dita.conformance.distribution import distribution_text
from dita.conformance.encoding import OUTCOME_BYTES, STATE_BYTES, fresh_buffer
from dita.conformance.exhaustive import Finding
from dita.conformance.generate import Generator
from dita.conformance.shrink import shrink
from dita.conformance.tasks import diverges, explained
from dita.conformance.timeline import timeline
from dita.conformance.under_test import ByHandle, CallerMemory, Canary, ReferenceStandIn
from dita.kernel.binding import Kernel
from dita.kernel.errors import StateRefused
from dita.kernel.loader import RawKernel
from dita.reference import step
from dita.spec.inputs import Input
from dita.spec.outcome import Outcome
from dita.spec.scales import RATIO_SCALE
from dita.spec.state import State
from dita.spec.trace import parse_trace
from dita.spec.vocabulary import Code, Kind, Phase, Verdict

pytestmark = pytest.mark.unmeasured


@pytest.fixture(scope="module")
def campaign(raw_kernel: RawKernel) -> Campaign:
    """Twenty-five thousand distinct random pairs on both sides, with all replays."""
    with Kernel(raw_kernel) as kernel:
        return run_campaign(CallerMemory(raw_kernel), ByHandle(kernel), 2_026, 25_000, never)


def test_a_random_campaign_finds_no_divergence(campaign: Campaign) -> None:
    """Reference and kernel agree in every word of state and outcome, and so do batches and restored snapshots."""
    assert campaign.findings == []
    assert campaign.distinct >= 25_000
    assert campaign.kernel_steps >= 4 * campaign.steps


def test_the_distribution_has_a_floor_everywhere(campaign: Campaign) -> None:
    """Every kind is accepted and refused, every phase and code occurs: no part of the campaign is silently empty."""
    verdicts: Counter[tuple[int, int]] = Counter()
    phases: Counter[int] = Counter()
    codes: Counter[int] = Counter()
    for cell, count in campaign.distribution.items():
        verdicts[(cell.kind, cell.verdict)] += count
        phases[cell.phase] += count
        codes[cell.code] += count

    assert all(verdicts[(kind, Verdict.ACCEPTED)] >= 5 for kind in Kind if kind != Kind.NONE)
    assert all(verdicts[(kind, Verdict.REFUSED)] >= 5 for kind in Kind)
    assert all(phases[phase] >= 200 for phase in Phase)
    assert {code for code in Code if not codes[code]} <= {Code.OVERFLOW, Code.NOT_SEEDED, Code.UNFIT_INSTRUMENT}
    accepted = sum(count for (_, verdict), count in verdicts.items() if verdict == Verdict.ACCEPTED)
    assert accepted >= campaign.steps // 5


def test_the_distribution_is_printed_whole(campaign: Campaign) -> None:
    """People see every kind, code and phase, and the transitions that were made."""
    text = distribution_text(campaign.distribution)

    assert all(name in text for name in (*Kind.__members__, *Code.__members__, *Phase.__members__))
    assert "POSITION_OPEN -EXIT→ EXIT_REQUESTED" in text


def test_the_same_seed_gives_the_same_campaign() -> None:
    """Nothing but the seed decides what is generated."""
    first = run_campaign(ReferenceStandIn(), None, 9, 1_500, never)
    second = run_campaign(ReferenceStandIn(), None, 9, 1_500, never)

    assert (first.steps, first.distinct, first.distribution) == (second.steps, second.distinct, second.distribution)


@pytest.mark.parametrize("word", [0, 25, 500, STATE_BYTES // 8 - 1])
def test_a_fault_in_any_word_of_the_state_is_found(raw_kernel: RawKernel, word: int) -> None:
    """One flipped word, however far from the slot that the input names, ends the campaign with a finding."""
    planted = Canary(CallerMemory(raw_kernel), kind=Kind.ENTER, hits=1, word=word, in_outcome=False)

    found = run_campaign(planted, None, 31, 20_000, never).findings

    assert [finding.what.split(":")[0] for finding in found] == ["random"]
    assert "state." in found[0].what


def test_a_fault_in_the_outcome_is_found(raw_kernel: RawKernel) -> None:
    """One flipped word of an outcome is named."""
    word = OUTCOME_BYTES // 8 - 1
    planted = Canary(CallerMemory(raw_kernel), kind=Kind.ORDER, hits=1, word=word, in_outcome=True)

    found = run_campaign(planted, None, 32, 20_000, never).findings

    assert "outcome.close_all" in found[0].what


def test_a_fault_that_only_batches_have_is_found(raw_kernel: RawKernel) -> None:
    """When the second way into the kernel differs from the first, the replay of the run finds it."""
    with Kernel(raw_kernel) as kernel:
        planted = Canary(ByHandle(kernel), kind=Kind.EXIT, hits=1, word=3, in_outcome=True)
        found = run_campaign(CallerMemory(raw_kernel), planted, 33, 20_000, never).findings

    assert found[0].what.startswith("replay: ")


def test_a_snapshot_that_is_not_taken_back_is_a_finding() -> None:
    """When restoring is refused, be it for a fault in the view of the state, the campaign says so and does not stop."""

    class Stubborn(ReferenceStandIn):
        """Takes the first state only."""

        def load(self, state: bytes | bytearray, /) -> None:
            """Refuse what is not blank."""
            if bytes(state) != bytes(fresh_buffer(State())):
                raise StateRefused("a word of the state is out of its range")
            super().load(state)

    found = run_campaign(ReferenceStandIn(), Stubborn(), 5, 2_000, never).findings

    assert found[0].what == "replay: a sound state is not taken back"


def test_a_divergence_is_shrunk_and_printed_with_the_word_that_differs(raw_kernel: RawKernel) -> None:
    """A fault behind the second ENTER of a long random trace comes out as a trace of a handful of inputs."""

    class Faulty(Canary):
        """Counts hits anew with every load, as a kernel with a fault in its code would."""

        def load(self, state: bytes | bytearray, /) -> None:
            super().__init__(self._inner, kind=Kind.ENTER, hits=2, word=5, in_outcome=False)
            super().load(state)

    kernel = Faulty(CallerMemory(raw_kernel), kind=Kind.ENTER, hits=2, word=5, in_outcome=False)
    source, state, inputs = Generator(random.Random(8)), State(), list[Input]()
    for _ in range(300):
        inputs.append(source.next(state))
        state, _ = step(state, inputs[-1])
    assert diverges(inputs, Lockstep(kernel), State())

    report = explained(Finding("random", State(), tuple(inputs)), kernel, never)

    short = parse_trace(report.trace.splitlines())
    assert diverges(short.inputs, Lockstep(kernel), State())
    assert len(short.inputs) <= 12
    assert "ENTRY_REQUESTED" in report.timeline
    assert "differs: state.account.calibration_ppm" in report.timeline
    assert len(report.timeline.splitlines()) <= 50


def test_shrinking_stops_when_the_time_is_up() -> None:
    """With no time at all the trace is given back as it was."""
    inputs = [Input(kind=Kind.SET_MODE, mode=mode) for mode in (1, 2, 0)]

    assert shrink(inputs, lambda _: True, lambda: True) == tuple(inputs)


def test_shrinking_keeps_only_what_the_failure_needs() -> None:
    """Many inputs go at once, single ones after that, and fields that do not matter become 0."""
    noise = [Input(kind=Kind.CALIBRATE, ratio_ppm=n, slot=3) for n in range(1, 60)]
    wanted = Input(kind=Kind.SET_MODE, slot=7, mode=2, quantity=99)

    def fails(candidate: Sequence[Input]) -> bool:
        return any(event.kind == Kind.SET_MODE and event.mode == 2 for event in candidate)

    short = shrink([*noise[:30], wanted, *noise[30:]], fails, never)

    assert short == (Input(kind=Kind.SET_MODE, mode=2),)


def test_equal_states_have_equal_hashes_and_a_run_changes_them() -> None:
    """The hash that counts distinct pairs follows the state part by part."""
    source, state, hashed = Generator(random.Random(3)), State(), StateHash(State())
    values = {hashed.value}
    for _ in range(200):
        event = source.next(state)
        after, _ = step(state, event)
        hashed.move(state, after, event)
        assert hashed.value == StateHash(after).value
        state = after
        values.add(hashed.value)

    assert len(values) > 20


def test_a_timeline_of_agreement_says_so(raw_kernel: RawKernel) -> None:
    """A trace without divergence is not made to look like one."""
    text = timeline([Input(kind=Kind.CALIBRATE, ratio_ppm=RATIO_SCALE)], CallerMemory(raw_kernel))

    assert text.endswith("no divergence")


def test_a_reference_that_raises_is_a_divergence() -> None:
    """The planted defect: an exception out of the reference ends the run with a finding, not with a traceback."""

    def raising(state: State, event: Input) -> tuple[State, Outcome]:
        del state, event
        raise IndexError

    with pytest.raises(Diverged, match=r"reference\.raises IndexError"):
        Lockstep(ReferenceStandIn(), oracle=raising).step(Input(kind=Kind.SET_MODE, mode=2))


def test_lockstep_stops_at_the_first_difference() -> None:
    """The exception carries the input and both values."""
    planted = Canary(ReferenceStandIn(), kind=Kind.SET_MODE, hits=1, word=0, in_outcome=False)
    lockstep = Lockstep(planted)

    with pytest.raises(Diverged) as caught:
        lockstep.step(Input(kind=Kind.SET_MODE, mode=2))

    difference = caught.value.difference
    assert (difference.word, difference.reference, difference.kernel) == ("account.mode", 2, 3)

"""Campaign traffic: spoiled, misdirected, rich and stretched inputs, and a pool that returns to what is rare."""

import random
from collections import Counter

import pytest

from dita.conformance import campaign
from dita.conformance.boundary import NAMED
from dita.conformance.campaign import Campaign, Place, Pool, run_campaign
from dita.conformance.declare import never
from dita.conformance.draw import Draw
from dita.conformance.encoding import with_scalars
from dita.conformance.generate import Generator, bent, fitting
from dita.conformance.likely import Scene
from dita.conformance.traffic import ELSEWHERE, PLAN, Traffic, misdirected, places, spoiled, stretched
from dita.conformance.under_test import ReferenceStandIn
from dita.reference import step
from dita.spec.inputs import Input
from dita.spec.invariants import broken
from dita.spec.layout import flatten_words
from dita.spec.scales import ATTEMPT_MAX, BOUND
from dita.spec.state import State
from dita.spec.trace import WORD_MAX, WORD_MIN
from dita.spec.vocabulary import INSTRUMENTS, SLOTS, Code, Kind


@pytest.mark.parametrize("kind", NAMED, ids=lambda kind: kind.name)
def test_spoiling_reaches_every_field_that_a_kind_names(kind: Kind) -> None:
    """Each named field, the instrument and for ENTER the plan are changed one at a time, and always fit 64 bits."""
    draw = Draw(random.Random(kind))
    event = with_scalars([kind, *(5 if name in NAMED[kind] else 0 for name in Input._fields[1:-1])], Input().ratios)
    changed: Counter[str] = Counter()
    for _ in range(80 * places(kind)):
        after = spoiled(draw, event)
        names = [name for name, old, new in zip(Input._fields, event, after, strict=True) if old != new]
        assert len(names) <= 1
        assert all(WORD_MIN <= word <= WORD_MAX for word in flatten_words(after))
        changed.update(names)

    assert set(changed) == {*NAMED[kind], "instrument", *(("ratios",) if kind == Kind.ENTER else ())}
    assert places(kind) == len(NAMED[kind]) + ELSEWHERE + (PLAN if kind == Kind.ENTER else 0)


def test_whatever_is_generated_fits_64_bits() -> None:
    """A word that is bent or multiplied beyond its end stays on it; any other is left as it is."""
    edge = Input(kind=Kind.ORDER, quantity=WORD_MAX, quote=-(1 << 70), price=1 << 63, time_ns=7)
    bends = Draw(random.Random(1))

    assert fitting(edge) == edge._replace(quote=WORD_MIN, price=WORD_MAX)
    assert fitting(edge._replace(quote=0, price=0)) == edge._replace(quote=0, price=0)
    assert any(max(flatten_words(bent(bends, Input(quantity=WORD_MAX)))) > WORD_MAX for _ in range(200))
    source = Endless(random.Random(2), preamble=False)
    assert all(WORD_MIN <= word <= WORD_MAX for _ in range(200) for word in flatten_words(source.next(State())))


class Endless(Generator):
    """Asks for inputs of which every word has grown beyond 64 bits."""

    def __init__(self, rng: random.Random, preamble: bool) -> None:
        def grown(draw: Draw, at: Scene) -> Input:
            del draw, at
            return Input(kind=Kind.ORDER, quantity=1 << 64)

        super().__init__(rng, preamble)
        self._tables = [[grown] for _ in self._tables]


def test_misdirected_inputs_name_what_is_not_there() -> None:
    """A slot, an instrument or a kind on either side of its range: always refused, and all six ways occur."""
    draw = Draw(random.Random(1))
    seen: set[str] = set()
    for _ in range(300):
        event = misdirected(draw, Input(kind=Kind.SET_MODE, mode=1))
        assert step(State(), event)[1].code in (Code.BAD_INDEX, Code.BAD_KIND)
        seen |= {"slot low"} if event.slot < 0 else set()
        seen |= {"slot high"} if event.slot >= SLOTS else set()
        seen |= {"instrument low"} if event.instrument < 0 else set()
        seen |= {"instrument high"} if event.instrument >= INSTRUMENTS else set()
        seen |= {"kind low"} if event.kind < Kind.ENTER else set()
        seen |= {"kind high"} if event.kind > Kind.CALIBRATE else set()

    assert len(seen) == 6


def test_stretched_states_are_sound_and_near_a_bound() -> None:
    """Every invariant holds in them, and each way of stretching occurs."""
    rng = random.Random(3)
    numbered, predicted = 0, 0
    for _ in range(40):
        source, state = Traffic(rng), State()
        for _ in range(150):
            state, _outcome = step(state, source.next(state))
        far = stretched(rng, state)
        if far is None:
            continue
        assert broken(far) == []
        numbered += any(slot.exit.attempt >= ATTEMPT_MAX - 1 for slot in far.slots)
        predicted += far.account.ledger.fees_provisional > BOUND - 2_000

    assert numbered >= 3
    assert predicted >= 3


def test_nothing_can_be_stretched_in_a_blank_state() -> None:
    """Where there is no trade there is no bound to bring it near to."""
    assert stretched(random.Random(1), State()) is None


def test_a_pool_counts_keys_and_returns_to_the_rare_ones() -> None:
    """A key is new once; of two places the rarer is visited, and a full pool gives up a common one."""
    pool = Pool(random.Random(5))
    for key in ("common", "rare"):
        assert pool.meets(key)
        pool.keep(Place(State(), State(), (), key))
    assert not any(pool.meets("common") for _ in range(50))
    visits = Counter(str(pool.place().key) for _ in range(400))
    assert visits["rare"] > 2 * visits["common"] > 0
    for number in range(campaign.POOL_MAX + 50):
        pool.keep(Place(State(), State(), (), number))

    assert len(pool) == campaign.POOL_MAX


def test_runs_begin_blank_at_places_and_stretched(monkeypatch: pytest.MonkeyPatch) -> None:
    """A finding of any of them starts where its run did: replaying its inputs from its start shows the same end."""
    monkeypatch.setattr(campaign, "RUN_LENGTH", 60)
    starts: list[tuple[bool, bool]] = []
    original = campaign._one_run  # pyright: ignore[reportPrivateUsage] a test may look inside

    def watched(lockstep: object, place: Place, *rest: object) -> object:
        state = place.start
        for event in place.inputs:
            state, _ = step(state, event)
        assert state == place.state
        starts.append((place.start == State(), bool(place.inputs)))
        return original(lockstep, place, *rest)  # type: ignore[arg-type]  # handed on as it came

    monkeypatch.setattr(campaign, "_one_run", watched)
    result: Campaign = run_campaign(ReferenceStandIn(), None, 6, None, never, runs_max=90)

    assert result.runs == 90
    assert {(True, False), (True, True), (False, False)} <= set(starts)

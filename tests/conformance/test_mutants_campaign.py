"""The campaign over mutants, in small: trials end to end, each held against what is recorded of the same mutant."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from dita.conformance.campaign import run_campaign
from dita.conformance.exhaustive import Finding
from dita.conformance.mutants import bench as benches
from dita.conformance.mutants import defect_examples, recording
from dita.conformance.mutants.bench import SOLVER, UNIT_TESTS, Bench, ask_together, doubted, tried
from dita.conformance.mutants.calls import ARITHMETIC
from dita.conformance.mutants.campaign import Order, run_mutants
from dita.conformance.mutants.catalogue import Catalogue, by_hand
from dita.conformance.mutants.edits import Family, Mutant, edit_at, mutants_of
from dita.conformance.mutants.examples import damaged
from dita.conformance.mutants.records import Evidence, Record, Witnesses, read_evidence, write_evidence
from dita.conformance.mutants.sources import side_of
from dita.conformance.under_test import StepUnderTest
from machine_profiles import commit_seed, rotating
from recorded_mutants import copied_sources, every_mutant, kept_evidence, recorded

PAIRS = 1_500  # of random traffic
ALL_IN_SMALL = ("corpus", "random")
WITHOUT_HAND: tuple[Family, ...] = ("kernel", "reference", "predicate")  # whose patches cost a process each


def few_pairs(kernel: StepUnderTest) -> list[Finding] | None:
    """Random traffic of seconds instead of minutes."""
    return run_campaign(kernel, None, recording.RANDOM_SEED, PAIRS, lambda: False).findings


def few_by_hand(repository: Path) -> list[Mutant]:
    """Three defects of the reference in place of all."""
    return [mutant for mutant in by_hand(repository) if not mutant.is_kernel][:3]


@pytest.fixture(scope="module")
def every(repository: Path) -> Catalogue:
    """All mutants."""
    return every_mutant(repository)


@pytest.fixture(scope="module")
def evidence(repository: Path) -> Evidence:
    """What is recorded."""
    return kept_evidence(repository)


@pytest.fixture
def tree(repository: Path, tmp_path: Path) -> Path:
    """A copy of the sources and the evidence, to be changed."""
    return copied_sources(repository, tmp_path)


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    """A bench whose traffic and examples are few, and that has no witnesses yet."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(recording.LAYERS, "random", few_pairs)
        for name in recording.LAYERS.keys() - set(ALL_IN_SMALL):
            patch.delitem(recording.LAYERS, name)
        patch.setattr(defect_examples, "by_hand", few_by_hand)
        patch.setattr(benches, "damaged", partial(damaged, count=500))
        made = Bench(Witnesses())
        assert set(made.traffic) == set(ALL_IN_SMALL)
        yield made
        made.close()


def of_side(every: Catalogue, evidence: Evidence, side: Family, verdict: str) -> list[tuple[Mutant, Record]]:
    """The mutants of a side with this verdict, and their records; those made by hand are of a side too."""
    rows = recorded(every, evidence, verdict)
    return [(mutant, record) for mutant, record in rows if side_of(mutant) == side]


def some(rows: list[tuple[Mutant, Record]], count: int) -> list[tuple[Mutant, Record]]:
    """So many of them, others at every commit."""
    return rotating(rows, count, commit_seed())


def is_seen_soon(record: Record) -> bool:
    """Whether what there is here notices it too: the corpus did, or of a predicate's an example that is made up."""
    return any(name in record.answers and record.answers[name].noticed for name in ("corpus", "corners"))


# --- one mutant -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", ["kernel", "reference", "predicate"])
def test_a_trial_ends_as_it_is_recorded(side: Family, every: Catalogue, evidence: Evidence, bench: Bench) -> None:
    """Killed with a witness that kills again, shown to be equal, or no mutant at all: whatever was recorded at length.

    The solver's kills are among them: what little traffic there is here does not notice those. Not a predicate's, whose
    solver starts from examples that are too many for here; `make mutants` and the sample of the evidence ask those.
    """
    killed = of_side(every, evidence, side, "killed")
    asked = some([row for row in killed if row[1].witness is not None and is_seen_soon(row[1])], 1)
    asked += some([row for row in killed if SOLVER in row[1].answers and side != "predicate"], 1)
    asked += some(of_side(every, evidence, side, "equivalent"), 1) + of_side(every, evidence, side, "unviable")[:1]

    for mutant, kept in asked:
        made = tried(bench, mutant)
        assert (mutant.title, made.verdict, made.own) == (mutant.title, kept.verdict, kept.own)
        assert doubted(bench, mutant, made) == ""


def test_what_nothing_notices_survives(every: Catalogue, evidence: Evidence, bench: Bench) -> None:
    """A change without effect that the compiler does not see through: no layer, no test of the crate, other bytes."""
    mutant, _ = some([row for row in of_side(every, evidence, "kernel", "survived") if row[0].edit is not None], 1)[0]

    made = tried(bench, mutant)

    assert (made.verdict, made.witness) == ("survived", None)
    assert {name: answer.how for name, answer in made.answers.items()} == dict.fromkeys(
        (*ALL_IN_SMALL, ARITHMETIC, UNIT_TESTS), "survived"
    )


@pytest.mark.unmeasured
def test_a_panic_that_can_be_reached_is_refused_by_the_build(repository: Path, bench: Bench) -> None:
    """No layer meets it, the product's build does, and says so."""
    path = "kernel_rs/src/control.rs"
    source = (repository / path).read_bytes()
    at = source.index(b"fn set_mode")
    start = source.index(b"{", at) + 1
    rare = " if event.time_ns == i64::MIN + 12_345 { panic!() } "
    mutant = mutants_of("kernel", [edit_at(path, "set_mode", source, start, start, rare)])[0]

    made = tried(bench, mutant)

    assert made.verdict == "killed", made.note
    assert "the product's build refuses it" in made.note
    assert doubted(bench, mutant, made) == ""


def test_predicates_asked_together_say_what_they_say_alone(every: Catalogue, evidence: Evidence, bench: Bench) -> None:
    """The same verdict, from one child for all or from one for each."""
    killed = of_side(every, evidence, "predicate", "killed")
    mutants = [mutant for mutant, _ in some([row for row in killed if is_seen_soon(row[1])], 2)]
    alone = [tried(bench, mutant).verdict for mutant in mutants]

    ask_together(bench, mutants)
    assert len(bench.early) == len(mutants)

    assert [tried(bench, mutant).verdict for mutant in mutants] == alone == ["killed"] * len(mutants)
    assert bench.early == {}


# --- a run ----------------------------------------------------------------------------------------------------------


def test_a_run_confirms_what_is_stale_and_keeps_it(tree: Path, every: Catalogue, evidence: Evidence) -> None:
    """Only what is stale is tried, in processes; records are true of the sources again, and on disk."""
    stale = [row for family in WITHOUT_HAND for row in some(recorded(every, evidence, "killed", families=[family]), 2)]
    kept = read_evidence(tree)
    for mutant, record in stale:
        kept.put(mutant.family, replace(record, own="0" * len(record.own)))
    write_evidence(kept, every, tree)
    told: list[tuple[int, int]] = []

    before = run_mutants(Order(WITHOUT_HAND, run=False), repository=tree)
    report = run_mutants(Order(WITHOUT_HAND, processes=1), lambda _, done, of: told.append((done, of)), tree)

    assert before.figures["stale"] == len(stale) + report.figures["stale"]
    assert (report.tried, told[-1]) == (len(stale), (len(stale), len(stale)))
    again = read_evidence(tree)
    assert [again.records[mutant.family][mutant.id].own for mutant, _ in stale] == [r.own for _, r in stale]


@pytest.mark.unmeasured
def test_a_run_that_is_out_of_time_begins_nothing(tree: Path, every: Catalogue, evidence: Evidence) -> None:
    """What was not tried stays as it was, and the report is red."""
    mutant, record = recorded(every, evidence, "killed", families=["reference"])[0]
    lines = tree / "conformance" / "mutants"
    kept = read_evidence(tree)
    kept.put(mutant.family, replace(record, own="0" * len(record.own)))
    write_evidence(kept, every, tree)
    files = {path.name: path.read_bytes() for path in lines.iterdir()}

    report = run_mutants(Order(("reference",), seconds=-1.0, processes=1), repository=tree)

    assert (report.tried, report.figures["stale"] > 0) == (0, True)
    assert any("no evidence for the present sources" in problem for problem in report.problems)
    assert {path.name: path.read_bytes() for path in lines.iterdir()} == files

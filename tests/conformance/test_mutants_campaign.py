"""The campaign over mutants, in small: trials end to end, each held against what is recorded of the same mutant."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from dita.conformance.campaign import run_campaign
from dita.conformance.exhaustive import Finding
from dita.conformance.mutants import recording
from dita.conformance.mutants.bench import SOLVER, UNIT_TESTS, Bench, ask_together, doubted, tried
from dita.conformance.mutants.calls import ARITHMETIC
from dita.conformance.mutants.campaign import Order, run_mutants
from dita.conformance.mutants.catalogue import Catalogue, catalogue
from dita.conformance.mutants.edits import FAMILIES, Mutant, edit_at, mutants_of
from dita.conformance.mutants.records import Evidence, Record, Witnesses, read_evidence, write_evidence
from dita.conformance.mutants.sources import side_of
from dita.conformance.under_test import StepUnderTest
from machine_profiles import commit_seed, rotating

PAIRS = 1_500  # of random traffic
ROOTS = ("kernel_rs", "reference_py", "spec", "conformance/defects", "conformance/mutants")
ALL_IN_SMALL = ("corpus", "random")


def few_pairs(kernel: StepUnderTest) -> list[Finding] | None:
    """Random traffic of seconds instead of minutes."""
    return run_campaign(kernel, None, recording.RANDOM_SEED, PAIRS, lambda: False).findings


@pytest.fixture(scope="module")
def every(repository: Path) -> Catalogue:
    """All mutants."""
    return catalogue(repository)


@pytest.fixture(scope="module")
def evidence(repository: Path) -> Evidence:
    """What is recorded."""
    return read_evidence(repository)


@pytest.fixture
def tree(repository: Path, tmp_path: Path) -> Path:
    """A copy of the sources and the evidence, to be changed."""
    for root in ROOTS:
        ignored = shutil.ignore_patterns("target", "__pycache__", "kernel.image", "vectors")
        shutil.copytree(repository / root, tmp_path / root, ignore=ignored)
    return tmp_path


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    """A bench whose traffic is small, and that has no witnesses yet."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(recording.LAYERS, "random", few_pairs)
        for name in recording.LAYERS.keys() - set(ALL_IN_SMALL):
            patch.delitem(recording.LAYERS, name)
        made = Bench(Witnesses())
        assert set(made.traffic) == set(ALL_IN_SMALL)
        yield made
        made.close()


def recorded(every: Catalogue, evidence: Evidence, side: str, verdict: str) -> list[tuple[Mutant, Record]]:
    """The mutants of a side with this verdict, and their records."""
    rows = [(mutant, evidence.records[family].get(mutant.id)) for family in FAMILIES for mutant in every[family]]
    return [(m, r) for m, r in rows if r is not None and r.verdict == verdict and side_of(m) == side]


def some(rows: list[tuple[Mutant, Record]], count: int) -> list[tuple[Mutant, Record]]:
    """So many of them, others at every commit."""
    return rotating(rows, count, commit_seed())


def is_seen_soon(record: Record) -> bool:
    """Whether the traffic that there is here notices it too: the corpus did, or it is a predicate's."""
    corpus = record.answers.get("corpus")
    return corpus is None or corpus.noticed


# --- one mutant -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", ["kernel", "reference", pytest.param("predicate", marks=pytest.mark.unmeasured)])
def test_a_trial_ends_as_it_is_recorded(side: str, every: Catalogue, evidence: Evidence, bench: Bench) -> None:
    """Killed with a witness that kills again, shown to be equal, or no mutant at all: whatever was recorded at length.

    The solver's kills are among them: what little traffic there is here does not notice those.
    """
    killed = recorded(every, evidence, side, "killed")
    asked = some([row for row in killed if row[1].witness is not None and is_seen_soon(row[1])], 1)
    asked += some([row for row in killed if SOLVER in row[1].answers], 1)
    asked += some(recorded(every, evidence, side, "equivalent"), 1) + recorded(every, evidence, side, "unviable")[:1]

    for mutant, kept in asked:
        made = tried(bench, mutant)
        assert (mutant.title, made.verdict, made.own) == (mutant.title, kept.verdict, kept.own)
        assert doubted(bench, mutant, made) == ""


def test_what_nothing_notices_survives(every: Catalogue, evidence: Evidence, bench: Bench) -> None:
    """A change without effect that the compiler does not see through: no layer, no test of the crate, other bytes."""
    mutant, _ = some([row for row in recorded(every, evidence, "kernel", "survived") if row[0].edit is not None], 1)[0]

    made = tried(bench, mutant)

    assert (made.verdict, made.witness) == ("survived", None)
    assert {name: answer.how for name, answer in made.answers.items()} == dict.fromkeys(
        (*ALL_IN_SMALL, ARITHMETIC, UNIT_TESTS), "survived"
    )


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
    mutants = [mutant for mutant, _ in some(recorded(every, evidence, "predicate", "killed"), 2)]
    alone = [tried(bench, mutant).verdict for mutant in mutants]

    ask_together(bench, mutants)
    assert len(bench.early) == len(mutants)

    assert [tried(bench, mutant).verdict for mutant in mutants] == alone == ["killed"] * len(mutants)
    assert bench.early == {}


# --- a run ----------------------------------------------------------------------------------------------------------


def test_a_run_confirms_what_is_stale_and_keeps_it(tree: Path, every: Catalogue, evidence: Evidence) -> None:
    """Only what is stale is tried, in processes; records are true of the sources again, and on disk."""
    stale = [
        row
        for side in ("kernel", "reference", "predicate")
        for row in some(recorded(every, evidence, side, "killed"), 2)
    ]
    kept = read_evidence(tree)
    for mutant, record in stale:
        kept.put(mutant.family, replace(record, own="0" * len(record.own)))
    write_evidence(kept, every, tree)
    told: list[tuple[int, int]] = []

    before = run_mutants(Order(run=False), repository=tree)
    report = run_mutants(Order(processes=1), lambda _, done, of: told.append((done, of)), tree)

    assert before.figures["stale"] == len(stale) + report.figures["stale"]
    assert (report.tried, told[-1]) == (len(stale), (len(stale), len(stale)))
    again = read_evidence(tree)
    assert [again.records[mutant.family][mutant.id].own for mutant, _ in stale] == [r.own for _, r in stale]


def test_a_run_that_is_out_of_time_begins_nothing(tree: Path, every: Catalogue, evidence: Evidence) -> None:
    """What was not tried stays as it was, and the report is red."""
    mutant, record = recorded(every, evidence, "reference", "killed")[0]
    lines = tree / "conformance" / "mutants"
    kept = read_evidence(tree)
    kept.put(mutant.family, replace(record, own="0" * len(record.own)))
    write_evidence(kept, every, tree)
    files = {path.name: path.read_bytes() for path in lines.iterdir()}

    report = run_mutants(Order(seconds=-1.0, processes=1), repository=tree)

    assert (report.tried, report.figures["stale"] > 0) == (0, True)
    assert any("no evidence for the present sources" in problem for problem in report.problems)
    assert {path.name: path.read_bytes() for path in lines.iterdir()} == files

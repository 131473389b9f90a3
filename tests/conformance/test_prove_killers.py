"""Killing defects: every obligation has one, and the proof refutes the obligation where its defect is planted.

Patches named ``proof-`` change the reference like those named ``reference-``. They have a name of their own because
random traces hunt each ``reference-`` defect at every commit, and many of these need a state that few traces come to.
"""

import subprocess

import pytest

from dita.conformance.defects import Defect, defects, planted, run_python
from dita.conformance.prove.killers import KILLERS, Killer, by_part
from dita.conformance.prove.proof import everything, parts
from machine_profiles import commit_seed, rotating

pytestmark = pytest.mark.unmeasured

DEFECTS = {defect.name: defect for defect in defects()}
SAMPLE = rotating(sorted(KILLERS), 4, commit_seed())


def proved(obligation: str, part: str, defect: Defect | None) -> subprocess.CompletedProcess[str]:
    """Ask for one obligation in one part of the proof, in a copy of the tree with the defect (or without any)."""
    with planted(defect) as tree:
        asked = ["-m", "dita.conformance.prove.proof", "--only", obligation, "--part", part]
        return run_python(tree, asked, seconds=250)


def refuted(done: subprocess.CompletedProcess[str]) -> list[str]:
    """The obligations that a run refuted. Raises AssertionError, with what it wrote, when it did not end by itself."""
    lines = [line for line in done.stdout.splitlines() if line.startswith("refuted:")]
    assert len(lines) == 1, done.stdout + done.stderr
    return lines[0].split()[1:]


def test_every_obligation_has_a_killer() -> None:
    """Obligations and killers are the same names, each once; at least forty are asked for."""
    names = [item.id for item in everything()]

    assert len(set(names)) == len(names) >= 40
    assert set(KILLERS) == set(names)


def test_every_killer_is_a_patch_and_a_part() -> None:
    """Every killer names a patch that is there, and a part that the proof has."""
    assert {killer.defect for killer in KILLERS.values()} <= set(DEFECTS)
    assert {killer.part for killer in KILLERS.values()} <= {part.name for part in parts("quick", 0)}


def test_every_patch_that_was_made_for_a_proof_kills() -> None:
    """No patch made for the proof is left over: each refutes some obligation, and no two are the same."""
    made = [defect for name, defect in DEFECTS.items() if name.startswith(("proof-", "prover-", "spec-"))]

    assert {defect.name for defect in made} <= {killer.defect for killer in KILLERS.values()}
    assert len({defect.path.read_bytes() for defect in made}) == len(made) >= 40


def test_an_obligation_with_two_killers_is_refused() -> None:
    """The planted defect of the table: an obligation that stands under two parts."""
    assert by_part(SEED={"one": "first"}, lift={"two": "first"})["two"] == Killer("first", "lift")
    with pytest.raises(ValueError, match=r"`one` has a killer in `SEED` and in `lift`"):
        by_part(SEED={"one": "first"}, lift={"one": "second"})


@pytest.mark.timeout(300)
@pytest.mark.parametrize("obligation", SAMPLE)
def test_the_killer_refutes_its_obligation(obligation: str) -> None:
    """Four obligations, rotating with the commit: where the killing defect is planted, each is refuted."""
    killer = KILLERS[obligation]
    done = proved(obligation, killer.part, DEFECTS[killer.defect])

    assert obligation in refuted(done), done.stdout
    assert done.returncode == 1


@pytest.mark.timeout(300)
@pytest.mark.parametrize("obligation", SAMPLE)
def test_nothing_is_refuted_where_nothing_is_planted(obligation: str) -> None:
    """The same question in a copy without a defect: nothing is refuted, and the proof says so by its exit status."""
    done = proved(obligation, KILLERS[obligation].part, None)

    assert refuted(done) == []
    assert done.returncode == 0, done.stdout

"""Design bugs put back: the simulation finds each within a few runs, and finds nothing in those runs without it."""

import shutil
from pathlib import Path

import pytest

from dita.conformance.defects import Defect, defects, planted, run_python
from dita.kernel.image import IMAGE_PATH
from machine_profiles import commit_seed, rotating

DEFECTS = {defect.name: defect for defect in defects()}
FOUND: dict[str, tuple[tuple[str, ...], str]] = {
    "simulate-time-out-is-rejected": (("3+deaf", "5+deaf"), "lost track of an order"),
    "runtime-order-before-journal": (("3@10", "3@14", "3@6"), "lost track of an order"),
    "runtime-unanswered-is-unsent": (("3+killed", "5+killed"), "lost track of an order"),
    "recovery-forgets-orders": (("3@69", "3@70", "3@68"), "ENTRY_UNRESOLVED"),
    "simulate-restart-places-a-second-order": (("3@69", "3@70", "3@68"), "no durable row commands it"),
    "simulate-unjournaled-names-come-again": (("3+failing", "5+failing"), "no durable row commands it"),
    "simulate-close-by-hand-strands-an-exit": (("9+hand", "3+hand"), "EXIT_UNRESOLVED"),
    "simulate-gap-is-not-read": (("3+cut", "5+cut"), "nobody has read what the account stream missed of"),
    "simulate-clock-set-back-ends-settlement": (("3+backwards", "5+backwards"), "trades without their fill rows"),
}
"""What is planted, the runs it is looked for in (see ``simulation_hunt``), and what is said of it."""
SAMPLE = 4  # of these at profile commit, rotating with the commit; a campaign (``make tampering``) plants all


def hunt(defect: Defect | None, repository: Path, runs: tuple[str, ...]) -> tuple[int, str]:
    """Status and output of the hunt in a copy of the tree with the defect in it."""
    script = repository / "tests" / "support" / "simulation_hunt.py"
    with planted(defect) as tree:
        shutil.copy(IMAGE_PATH, tree / "kernel_rs" / "dita" / "kernel")  # the defects are in Python
        done = run_python(tree, [str(script), str(tree / "certificate"), *runs], seconds=200)
        return done.returncode, done.stdout + done.stderr


@pytest.mark.timeout(250)
@pytest.mark.parametrize("name", rotating(list(FOUND), SAMPLE, commit_seed()))
def test_a_planted_design_bug_is_found(name: str, repository: Path) -> None:
    """Within the named runs, with the words of the finding."""
    runs, says = FOUND[name]
    status, output = hunt(DEFECTS[name], repository, runs)
    assert status == 1, output
    assert says in output


@pytest.mark.timeout(250)
def test_without_a_defect_their_first_runs_find_nothing(repository: Path) -> None:
    """Otherwise the finding above would be none."""
    runs = tuple(dict.fromkeys(hunted[0] for hunted, _ in FOUND.values()))
    assert hunt(None, repository, runs) == (0, "")


def test_every_defect_of_the_simulation_is_planted() -> None:
    """A patch that no test plants would prove nothing."""
    assert {name for name in DEFECTS if name.startswith("simulate-")} <= set(FOUND)

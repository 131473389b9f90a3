"""The hostile caller of the C interface under memcheck, which watches the Rust side too (Debian's `valgrind`)."""

from pathlib import Path

import pytest

from dita.conformance.defects import Defect, defects, planted
from hostile_driver import RELEASED, Done, compiled, counted, linked, run, tool, unoptimised_library
from machine_profiles import commit_seed

ROUNDS = 20
MEMCHECK_STATUS = 99
SEEN_AS = {
    "boundary-word-past-the-outcome": "Invalid write of size 8",
    "boundary-word-past-the-input": "Invalid read of size 8",
    "boundary-closed-handle-read": "a handle got another answer than it should",
    "boundary-place-leaked": "a kernel that should open does not",
}
DEFECTS = [one for one in defects() if one.name in SEEN_AS]


def under_memcheck(program: Path, seed: int) -> Done:
    """Run the caller with each record in a block of its own; any error or leak is status 99."""
    valgrind = tool("valgrind", "install the package valgrind, or run `make test-services` as root")
    # Valgrind runs one thread at a time; without fair turns one of the two threads may starve the other for minutes.
    fair = "--fair-sched=yes"
    options = ["--quiet", f"--error-exitcode={MEMCHECK_STATUS}", "--leak-check=full", "--errors-for-leak-kinds=all"]
    return run(program, seed, ROUNDS, "heap", valgrind, fair, *options)


def test_memcheck_finds_nothing_in_the_released_kernel(tmp_path: Path) -> None:
    """No invalid access, no decision on memory that nobody wrote, no leak; and the caller counts what it checked."""
    program = linked(compiled(tmp_path), RELEASED, tmp_path / "hostile")

    done = under_memcheck(program, commit_seed())

    assert sum(checks for checks, _ in counted(done).values()) > 100_000
    assert done.stderr == ""


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda one: one.name)
def test_memcheck_sees_a_defect(defect: Defect, tmp_path: Path) -> None:
    """A patched kernel that goes a word too far is named by memcheck; one that keeps places, by the caller."""
    with planted(defect) as tree:
        library = unoptimised_library(tree, tmp_path / "target")
    program = linked(compiled(tmp_path), library, tmp_path / "hostile")

    done = under_memcheck(program, commit_seed())

    assert done.returncode != 0, done.stdout
    assert SEEN_AS[defect.name] in done.stderr


def test_every_defect_named_here_is_planted() -> None:
    """None was renamed away."""
    assert {one.name for one in DEFECTS} == SEEN_AS.keys()


def test_a_leaking_caller_is_seen(tmp_path: Path) -> None:
    """Memcheck's own check: a program that loses a block ends with the status of an error."""
    source = tmp_path / "hostile.c"
    source.write_text("#include <stdlib.h>\nint main(void) { volatile char *p = malloc(64); p = 0; return p != 0; }\n")
    program = linked(source, RELEASED, tmp_path / "leak", "-O0")

    assert under_memcheck(program, 1).returncode == MEMCHECK_STATUS

"""The C interface under hostile callers: no crash, no leak, a refusal every time, and no panic across it.

The caller is a C program with the compiler's address and undefined-behaviour sanitizers on its side. The Rust side is
not instrumented; what it reads and writes is watched by pages that nobody may touch around every record. Memcheck runs
the same program in ``tests/services``. None of this is a layer of the certificate: that speaks of the image's bytes,
and the caller is linked with the static library from which the image was linked.
"""

from pathlib import Path

import pytest

from dita.conformance.defects import Defect, defects, planted
from dita.kernel.loader import RawKernel
from hostile_driver import RELEASED, SANITIZED, compiled, counted, linked, run, unoptimised_library
from machine_profiles import commit_seed, rotating

ROUNDS = 100
CHECKS_MIN = {
    "identity": 5, "any_bits": 20_000, "every_field": 100_000, "every_length": 1_000, "every_pointer": 400,
    "every_handle": 10_000, "every_word_of_a_state": 40_000, "arithmetic": 10_000, "two_threads": 100,
}  # fmt: skip
REFUSALS_MIN = {
    "any_bits": 2_000, "every_field": 10_000, "every_length": 100, "every_pointer": 50, "every_handle": 5_000,
    "every_word_of_a_state": 4_000, "two_threads": 20,
}  # fmt: skip
DEFECTS = [one for one in defects() if one.name.startswith("boundary-")]
SEEN_AS = {
    "boundary-word-past-the-outcome": "AddressSanitizer: SEGV",
    "boundary-word-past-the-input": "AddressSanitizer: SEGV",
    "boundary-input-written": "AddressSanitizer: SEGV",
    "boundary-refused-outcome-written": "memory was written although the handle was refused",
    "boundary-closed-handle-read": "a handle got another answer than it should",
    "boundary-place-leaked": "a kernel that should open does not",
    "boundary-panic-reached": "a panic was reached",
}
PLANTED_AT_A_COMMIT = 2


@pytest.fixture(scope="module")
def caller(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The caller, compiled with sanitizers."""
    return compiled(tmp_path_factory.mktemp("hostile"), *SANITIZED)


@pytest.mark.parametrize("memory", ["guard", "heap"])
def test_a_hostile_caller_is_refused_every_time(
    caller: Path, tmp_path: Path, raw_kernel: RawKernel, memory: str
) -> None:
    """Hundreds of thousands of checks on the released kernel hold, in every part enough of them, and nothing leaks."""
    program = linked(caller, RELEASED, tmp_path / "hostile", *SANITIZED)

    done = run(program, commit_seed(), ROUNDS, memory)
    found = counted(done)

    assert done.stdout.startswith(f"source {raw_kernel.source_sha256}\n"), "this is not what the image was linked from"
    assert {name: found[name][0] for name, least in CHECKS_MIN.items() if found[name][0] < least} == {}
    assert {name: found[name][1] for name, least in REFUSALS_MIN.items() if found[name][1] < least} == {}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("defect", rotating(DEFECTS, PLANTED_AT_A_COMMIT, commit_seed()), ids=lambda one: one.name)
def test_a_defect_at_the_boundary_is_seen(caller: Path, tmp_path: Path, defect: Defect) -> None:
    """The patched kernel ends the caller's run with what the patch says; which are planted rotates with the commit."""
    with planted(defect) as tree:
        library = unoptimised_library(tree, tmp_path / "target")
    program = linked(caller, library, tmp_path / "hostile", *SANITIZED)

    done = run(program, commit_seed(), ROUNDS, "guard")

    assert done.returncode != 0, done.stdout
    assert SEEN_AS[defect.name] in done.stderr


def test_the_unpatched_kernel_of_the_quick_profile_passes(caller: Path, tmp_path: Path) -> None:
    """What turns the defects red is the defect: built the same way without one, the kernel holds."""
    with planted(None) as tree:
        library = unoptimised_library(tree, tmp_path / "target")
    program = linked(caller, library, tmp_path / "hostile", *SANITIZED)

    assert counted(run(program, commit_seed(), ROUNDS, "guard")).keys() >= CHECKS_MIN.keys()


def test_every_defect_of_the_boundary_says_how_it_is_seen() -> None:
    """No patch is without the words that betray it, and no words without their patch."""
    assert {one.name for one in DEFECTS} == SEEN_AS.keys()


def test_a_caller_that_leaks_is_noticed(tmp_path: Path) -> None:
    """The sanitizer's own check: a block that the caller loses ends its run with a report."""
    source = tmp_path / "leak.c"
    source.write_text("#include <stdlib.h>\nint main(void) { volatile char *p = malloc(64); p = 0; return p != 0; }\n")
    program = linked(source, RELEASED, tmp_path / "leak", *SANITIZED, "-O0")

    done = run(program, 1, 1, "heap")

    assert done.returncode != 0
    assert "detected memory leaks" in done.stderr

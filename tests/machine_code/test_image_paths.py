"""``make equiv``: what is no proof is refused, on the image's own machine code, with what `make equiv-tools` installs.

The proof itself is the command's; this is no part of `make test`.
"""

import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from dita.conformance.defects import DEFECTS, build_image, defects, planted
from dita.conformance.equiv import undecided
from dita.conformance.equiv.lifting import lifted
from dita.conformance.equiv.refuting import (
    OF_ARITHMETIC,
    drawn,
    is_around,
    killed_by_steps,
    named_in,
    refute,
    refute_named,
    run_refuting,
    words_of,
)
from dita.conformance.equiv.replay import Parted, parted, source_digest_in
from dita.conformance.equiv.run import run_equiv
from dita.conformance.equiv.tools import PROGRAMS, PYTHON, Bitwuzla, explored
from dita.kernel.image import IMAGE_PATH
from dita.spec.vocabulary import Kind

REFUTED: Final = {
    "kernel-absent-at-the-deadline": Kind.NOT_FOUND,
    "kernel-adopted-at-the-model-rate": Kind.ADOPT,
    "kernel-cancel-names-the-entry": Kind.CANCEL,
    "kernel-foreign-orders-ignored": Kind.POSITION,
    "kernel-funding-sign": Kind.INCOME,
    "kernel-old-wallet-believed": Kind.WALLET,
    "kernel-registration-under-a-trade": Kind.REGISTER,
    "kernel-rejection-of-a-seen-order": Kind.REJECTED,
    "kernel-seeded-twice": Kind.SEED,
    "kernel-settled-twice": Kind.SETTLE,
}
"""Defects of the kernel, and a kind whose machine code each changes."""
OF_INCOME: Final = "adbcad3b03"
"""A mutant of the kernel that answers the same though its bytes differ."""
SOON: Final = frozenset({Kind.SET_LIMITS, Kind.CANCEL, Kind.FLATTEN, Kind.INCOME, Kind.WALLET, Kind.POSITION})
ANYTHING: Final = Parted("outcome.code", 1, 0)
BY_A_KNOWN_STEP: Final = frozenset({"kernel-adopted-at-the-model-rate", "kernel-registration-under-a-trade"})
"""Defects that show only where a named function says what it does; to the solver it may say anything."""
SIGNED: Final = """
from angr.engines.vex.claripy.irop import operations
for name in ("LT", "LE"):
    operations[f"Iop_Cmp{name}64U"] = operations[f"Iop_Cmp{name}64S"]
import machine
raise SystemExit(machine.main())
"""
"""The program, with an engine that takes every comparison of words for one with a sign."""


def silent(_: str, __: int, ___: int) -> None:
    """No progress."""


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", sorted(REFUTED))
def test_a_planted_defect_is_refuted_and_seen_on_the_cpu(name: str) -> None:
    """A defect's machine code differs, in a state and input on which the patched image and the reference part.

    On the built image they do not.
    """
    kind = REFUTED[name]
    (defect,) = [one for one in defects(DEFECTS) if one.name == name]
    (killed,) = [one for one in killed_by_steps() if one.mutant.title == name]
    known = words_of(killed.before, killed.event)
    with planted(defect) as tree, Bitwuzla() as first:
        image: Path = build_image(tree)
        report = run_equiv([kind], "quick", silent, image=image, anew=True)
        found = report.rows[kind].differ
        if name in BY_A_KNOWN_STEP:
            by_step = refute(image, known, first)
            seen: list[Mapping[str, int]] = [known] if by_step.verdict == "refuted" else []
        else:
            seen = [one.words for one in found if parted(image, one.words)]

    assert report.figures["kinds_proved"] == 0
    assert found
    assert seen, "no state and input that the prover calls different shows anything on the CPU"
    assert parted(IMAGE_PATH, seen[0]) == []


@pytest.mark.timeout(900)
def test_an_engine_that_misreads_an_instruction_is_seen_on_the_cpu(tmp_path: Path) -> None:
    """The same paths agree with the processor as they are read, and not where comparisons lose their meaning."""
    bent, python = tmp_path / "bent.py", tmp_path / "python"
    bent.write_text(SIGNED)
    command = f"PYTHONPATH={shlex.quote(str(PROGRAMS))} exec {shlex.quote(str(PYTHON))} {shlex.quote(str(bent))}"
    python.write_text(f"#!/bin/sh\n{command}\n")
    python.chmod(0o755)

    (well,) = explored(IMAGE_PATH, [int(Kind.SET_MODE)])
    (badly,) = explored(IMAGE_PATH, [int(Kind.SET_MODE)], python)

    assert lifted(IMAGE_PATH, well, 200).findings == []
    assert lifted(IMAGE_PATH, badly, 200).findings


@pytest.mark.timeout(900)
def test_the_step_reads_no_constant_that_it_may_not(tmp_path: Path) -> None:
    """It needs no digest of its sources, and tables of jumps it does; what is not among the constants is asked in vain.

    What is proved of an image is kept under a name that this digest is no part of.
    """
    tables = tmp_path / "constants"
    subprocess.run(["objcopy", "-O", "binary", "--only-section=.rodata", str(IMAGE_PATH), str(tables)], check=True)
    unread = [source_digest_in(IMAGE_PATH), tables.read_bytes().hex(), "00" * 7 + "ff" * 25]

    found = [next(iter(explored(IMAGE_PATH, [int(Kind.SET_MODE)], unread=[text]))) for text in unread]

    assert unread[0]
    assert "problem" not in found[0]
    assert "a read of" in found[1]["problem"]
    assert "is 0 times" in found[2]["problem"]


@pytest.mark.timeout(900)
def test_a_mutant_that_no_layer_can_tell_is_proved_to_be_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its image has other bytes and is equal to the reference where they are used. ``--undecided`` asks all of them."""
    images: list[bytes] = []

    def built(tree: Path) -> Path:
        images.append((image := build_image(tree)).read_bytes())
        return image

    monkeypatch.setattr(undecided, "build_image", built)
    (mutant,) = [one.mutant for one in undecided.undecided_mutants() if one.name == OF_INCOME]
    found = undecided.decide(mutant, "quick")

    assert (found.verdict, found.says) == ("the same", "INCOME")
    assert images[0] != IMAGE_PATH.read_bytes()


@pytest.mark.timeout(900)
def test_mutants_that_a_step_killed_are_refuted_on_their_machine_code() -> None:
    """A few of those kinds that are soon read; ``dita equiv --mutants`` takes any. The sound image is called equal."""
    inside = [one for one in killed_by_steps() if not is_around(one.mutant) and OF_ARITHMETIC not in one.mutant.paths]
    soon = [one for one in inside if one.event.kind in SOON]
    chosen = drawn(soon, 3, seed=1)
    report = run_refuting(chosen, silent)
    with Bitwuzla() as first:
        sound = refute(IMAGE_PATH, words_of(chosen[0].before, chosen[0].event), first, lambda _, __: [ANYTHING])

    assert report.problems == []
    assert report.figures["kernel_mutants_refuted"] > 0
    assert sound.verdict == "missed"
    assert "called equal" in sound.says


@pytest.mark.timeout(900)
def test_a_mutant_around_the_core_breaks_a_lemma() -> None:
    """Its own paths are the kernel's, but it carries them out on another slot."""
    (chosen,) = [one for one in killed_by_steps() if one.mutant.title == "kernel-high-slots-folded"]

    report = run_refuting([chosen], silent)

    assert report.figures["kernel_mutants_refuted"] == 1
    assert report.rows[chosen.mutant.title].says.startswith("on the lemma ")


@pytest.mark.timeout(900)
def test_a_mutant_of_the_arithmetic_is_refuted_by_its_function() -> None:
    """Its steps call another function by the same name. The sound function is called proved, and so nothing of it."""
    (chosen,) = [one for one in killed_by_steps() if one.mutant.title == "kernel-leg-not-clamped"]

    report = run_refuting([chosen], silent)
    words = words_of(chosen.before, chosen.event)
    sound = refute_named(IMAGE_PATH, words, named_in(chosen.mutant), lambda _, __: [ANYTHING])

    assert report.figures["kernel_mutants_refuted"] == 1
    assert report.rows[chosen.mutant.title].says.endswith(" arguments of `leg_quantity`")
    assert sound.verdict == "missed"

"""``make equiv``: what a second engine reads in the image is proved too, and what is no proof is refused."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from dita.conformance.defects import DEFECTS, build_image, defects, planted
from dita.conformance.equiv.flags import Flags, compared
from dita.conformance.equiv.lifting import lifted
from dita.conformance.equiv.proving import Difference
from dita.conformance.equiv.replay import parted
from dita.conformance.equiv.run import PAIRS
from dita.conformance.equiv.second_route import PROGRAM, TIER, SecondRouteReport, explored_again, run_second_route
from dita.kernel.image import IMAGE_PATH
from dita.spec.vocabulary import Kind

REFUTED: Final = {
    "kernel-cancel-names-the-entry": Kind.CANCEL,
    "kernel-old-wallet-believed": Kind.WALLET,
    "kernel-seeded-twice": Kind.SEED,
}
"""Defects of the kernel, and a kind whose machine code each changes."""

MAIN: Final = 'if __name__ == "__main__":'
BENT: Final = """
decoded = Image.instruction

def misread(image, place):
    read = decoded(image, place)
    content = read.getOpcode()
    for right, wrong in {misread!r}:
        if content.startswith(right):
            return triton.Instruction(place, wrong + content[len(right):])
    return read

Image.instruction = misread
"""
"""What makes the program take some instructions for others."""


def misreads(*pairs: tuple[bytes, bytes]) -> str:
    """Text that makes the program take the first of two instructions for the second."""
    return BENT.format(misread=pairs)


MISREAD: Final[Mapping[str, tuple[Kind, str]]] = {
    "a sign": (Kind.SET_MODE, misreads((b"\x77", b"\x7f"), (b"\x0f\x87", b"\x0f\x8f"))),
    "a sum": (Kind.WALLET, misreads((b"\x48\x01", b"\x48\x29"), (b"\x48\x03", b"\x48\x2b"))),
}
"""A comparison without a sign taken for one with, and a sum for a difference."""

REFUSED: Final[Mapping[str, tuple[Kind, str, str]]] = {
    "garbage": (Kind.REGISTER, misreads((b"\x84\xc0", b"\x85\xc0")), "depends on garbage"),
    "the input": (Kind.SET_MODE, misreads((b"\x4d\x89\x68\x60", b"\x4c\x89\x69\x60")), "a write of 8 bytes"),
    "beyond a record": (Kind.SET_MODE, misreads((b"\x4d\x89\x68\x60", b"\x4d\x89\x68\xf8")), "a write of 8 bytes"),
    "a register": (Kind.SET_MODE, misreads((b"\x5b", b"\x5a")), "does not restore rbx"),
    "a return": (Kind.SET_MODE, misreads((b"\x5b", b"\x90")), "goes where nobody knows"),
    "the stack": (Kind.SET_MODE, misreads((b"\x48\x89\x7c\x24\x70", b"\x48\x8b\x7c\x24\x70")), "of the stack"),
    "a division": (Kind.SET_MODE, misreads((b"\x48\xff\xc8", b"\x48\xf7\xf0")), "as a run's own values have it"),
    "a jump": (Kind.SET_MODE, misreads((b"\xff\xe0", b"\xff\xe1")), "has nothing at"),
    "many places": (Kind.EXIT, "PLACES_MAX = 2\n", "more than 2 places"),
    "no end": (Kind.SET_MODE, "STEPS_MAX = 10\n", "does not return in 10 steps"),
    "no model": (Kind.SET_MODE, "Run.asked = lambda *_: {}\n", "another path than its input was made for"),
}
"""What makes the program do what it has to refuse, and what it says then."""


def silent(_: str, __: int, ___: int) -> None:
    """No progress."""


def bent_program(folder: Path, text: str) -> Path:
    """The program with this before it begins."""
    program, bent = PROGRAM.read_text(), folder / "bent.py"
    assert MAIN in program
    bent.write_text(program.replace(MAIN, text + MAIN))
    return bent


def differences(report: SecondRouteReport, kind: Kind) -> list[Difference]:
    """What was found of the kind, which is no proof."""
    assert report.figures["second_route_kinds_proved"] == 0
    assert report.problems
    return report.rows[kind].differ


@pytest.mark.timeout(900)
def test_three_kinds_are_proved_again() -> None:
    """With stores to every record that a step may write, and a named function called: every path equal and reached."""
    report = run_second_route(IMAGE_PATH, [Kind.CANCEL, Kind.WALLET, Kind.REGISTER], silent, anew=True)

    assert report.problems == []
    figures = report.figures
    assert figures["second_route_kinds_proved"] == 3
    assert figures["second_route_machine_paths_equal"] == figures["second_route_machine_paths"] > 20
    assert figures["second_route_lifted_pairs"] == 3 * PAIRS[TIER]
    assert figures["second_route_comparisons"] > 20
    calls = [path["calls"] for path in explored_again(IMAGE_PATH, Kind.REGISTER)["paths"]]
    assert {call["function"] for called in calls for call in called} == {"dita_fits_scales"}


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", sorted(REFUTED))
def test_a_planted_defect_is_refuted_and_seen_on_the_cpu(name: str) -> None:
    """A defect's machine code differs, in a state and input on which the patched image and the reference part."""
    kind = REFUTED[name]
    (defect,) = [one for one in defects(DEFECTS) if one.name == name]
    with planted(defect) as tree:
        image: Path = build_image(tree)
        found = differences(run_second_route(image, [kind], silent), kind)
        seen = [one.words for one in found if parted(image, one.words)]

    assert seen, "the solver's states and inputs show nothing on the CPU"
    assert parted(IMAGE_PATH, seen[0]) == []


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", MISREAD)
def test_an_engine_that_misreads_an_instruction_is_seen(name: str, tmp_path: Path) -> None:
    """By the proof, in which its paths are no longer the reference's, and on the processor, which reads otherwise."""
    kind, text = MISREAD[name]
    bent = bent_program(tmp_path, text)

    report = run_second_route(IMAGE_PATH, [kind], silent, program=bent)

    assert differences(report, kind)
    assert report.rows[kind].misread
    well = compared(explored_again(IMAGE_PATH, kind), Flags())
    assert lifted(IMAGE_PATH, well, PAIRS[TIER]).findings == []


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", REFUSED)
def test_what_the_program_does_not_model_it_refuses(name: str, tmp_path: Path) -> None:
    """Garbage, foreign memory, a register or a stack that is not restored, a jump to nowhere, a run without an end."""
    kind, text, said = REFUSED[name]

    answer = explored_again(IMAGE_PATH, kind, bent_program(tmp_path, text))

    assert said in answer["problem"]
    assert "paths" not in answer

"""The shape of the machine code that proofs about it rest on, read from the built image."""

import re
import subprocess

import pytest

from dita.kernel.image import IMAGE_PATH

NAMED = (
    "dita_notional", "dita_cost_share", "dita_predicted_fee", "dita_calibrated_rate", "dita_is_multiple",
    "dita_minimum_quantity", "dita_leg_quantity", "dita_price_plausible", "dita_within_leverage", "dita_fits_scales",
)  # fmt: skip
STEP_MODULES = ("books", "control", "focus", "ledger", "lifecycle", "orders", "state", "step", "trades")


@pytest.fixture(scope="module")
def functions() -> dict[str, list[str]]:
    """Instructions of each function in the image, by symbol."""
    command = ["objdump", "-d", "--no-show-raw-insn", "-M", "intel", str(IMAGE_PATH)]
    text = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout
    found: dict[str, list[str]] = {}
    body: list[str] = []
    for line in text.splitlines():
        if head := re.fullmatch(r"[0-9a-f]+ <(.+)>:", line):
            body = found.setdefault(head[1], [])
        elif instruction := re.fullmatch(r"\s+[0-9a-f]+:\s+(\S.*?)\s*(#.*)?", line):
            body.append(instruction[1])
    return found


def step_functions(functions: dict[str, list[str]]) -> list[str]:
    """The flat core and whatever the compiler left outside it of the modules that make up the step."""
    modules = "|".join(f"{len(name)}{name}" for name in STEP_MODULES)
    return [name for name in functions if name == "dita_core" or re.match(rf"_ZN11dita_kernel({modules})", name)]


def test_the_core_and_the_arithmetic_have_names(functions: dict[str, list[str]]) -> None:
    """The flat core and each named function are in the image as functions of their own, and the core calls them."""
    assert set(NAMED) | {"dita_core"} <= set(functions)
    assert len(step_functions(functions)) > 3


def faults(instructions: list[str], known: set[str]) -> list[str]:
    """The instructions that have no place in the step; ``known`` are the functions it may call."""
    return [instruction for instruction in instructions if is_fault(instruction, known)]


def is_fault(instruction: str, known: set[str]) -> bool:
    """A product of two variables, a division, floating point, a trap, or a call to somewhere else."""
    operator, _, operands = instruction.partition(" ")
    if operator in ("mul", "mulx", "div", "idiv", "ud2", "int3", "syscall"):
        return True
    if operator == "imul" and operands.count(",") != 2:  # with three operands the last one is a constant
        return True
    called = re.match(r"call\s+[0-9a-f]+ <([^>+@]+)", instruction)
    if called and called[1] not in known:
        return True
    return re.match(r"(add|sub|mul|div|cvt)\w*[sp][sd]$", operator) is not None


def test_only_named_functions_multiply_or_divide(functions: dict[str, list[str]]) -> None:
    """Elsewhere the step has no product of two variables, division, float or trap, and calls only memory moves.

    Clause N4.
    """
    known = {*functions, "memcpy", "memmove", "memset"}
    for name in step_functions(functions):
        assert faults(functions[name], known) == [], name


@pytest.mark.parametrize(
    "instruction",
    ["imul   rax,rbx", "div    r8", "idiv   rcx", "mul    rdx", "ud2", "addsd  xmm0,xmm1", "call   10e0 <malloc@plt>"],
)
def test_a_planted_instruction_is_seen(functions: dict[str, list[str]], instruction: str) -> None:
    """Each kind of instruction that must not be there is noticed among those of the core."""
    known = {*functions, "memcpy", "memmove", "memset"}

    assert faults([*functions["dita_core"], instruction], known) == [instruction]
    assert faults(["imul   rax,rbx,0x2d8", "call   10e0 <dita_notional>"], known) == []

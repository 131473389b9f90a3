"""The Rust kernel's numbers are those of the specification."""

import re
from enum import IntEnum
from pathlib import Path

import pytest

from dita.spec import scales, vocabulary
from dita.spec.vocabulary import Code

ENUMERATIONS: dict[str, type[IntEnum]] = {
    "phase": vocabulary.Phase, "kind": vocabulary.Kind, "verdict": vocabulary.Verdict, "mode": vocabulary.Mode,
    "side": vocabulary.Side, "order_side": vocabulary.OrderSide, "part": vocabulary.Part,
    "reject_reason": vocabulary.RejectReason, "income_kind": vocabulary.IncomeKind, "reconcile": vocabulary.Reconcile,
}  # fmt: skip


@pytest.fixture(scope="module")
def source(repository: Path) -> str:
    """The Rust vocabulary."""
    return (repository / "kernel_rs" / "src" / "vocabulary.rs").read_text()


@pytest.mark.parametrize("name", ENUMERATIONS)
def test_words_have_the_numbers_of_the_spec(source: str, name: str) -> None:
    """Each module of constants holds exactly the members of the enumeration, with their numbers."""
    body = re.search(rf"pub mod {name} {{(.*?)\n}}", source, re.DOTALL)
    assert body is not None
    found = re.findall(r"pub const (\w+): i64 = (\d+);", body[1])

    assert {word: int(number) for word, number in found} == {item.name: item.value for item in ENUMERATIONS[name]}


def test_codes_have_the_numbers_of_the_spec(source: str) -> None:
    """The enumeration of codes holds exactly the codes, with their numbers."""
    body = re.search(r"pub enum Code {(.*?)\n}", source, re.DOTALL)
    assert body is not None
    found = re.findall(r"(\w+) = (\d+),", body[1])

    assert {name: int(number) for name, number in found} == {
        "".join(part.capitalize() for part in code.name.split("_")): code.value for code in Code
    }


def test_scales_and_bounds_are_those_of_the_spec(source: str) -> None:
    """Every other constant has its namesake in the spec, with the same value."""
    top = source[: source.index("pub mod")]
    found = re.findall(r"pub const (\w+): [iu]64 = ([^;]+);", top)
    spec = vars(scales) | vars(vocabulary)

    assert len(found) == 11
    for name, expression in found:
        left, _, shift = expression.replace("_", "").partition(" << ")
        assert int(left, 0) << int(shift or "0") == spec[name], name

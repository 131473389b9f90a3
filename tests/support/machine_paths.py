"""Paths of machine code as ``conformance/equiv/machine.py`` writes them, made by hand."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from dita.conformance.equiv.questions import spelled
from dita.conformance.equiv.tools import WRITTEN
from dita.spec.vocabulary import Code, Kind, Verdict

MODE: Final = "event.mode"
NOW: Final = "pre.account.mode"


def path(conditions: Sequence[str], after: Mapping[str, str]) -> dict[str, Any]:
    """A path as ``machine.py`` writes it; a word of the outcome that is not given is 0."""
    zero = "#x0000000000000000"
    left = {name: zero for name in WRITTEN if name.startswith("outcome.")} | dict(after)
    declared = [MODE, NOW, "event.slot", "event.instrument", *[f"after.{name}" for name in left]]
    lines = [f"(declare-fun {spelled(name)} () (_ BitVec 64))" for name in declared]
    lines += [f"(assert {condition})" for condition in conditions]
    lines += [f"(assert (= {spelled(f'after.{name}')} {value}))" for name, value in left.items()]
    return {"conditions": len(conditions), "calls": [], "changed": list(left), "text": "\n".join(lines)}


def number(value: int) -> str:
    """A word in SMT-LIB."""
    return f"#x{value:016x}"


def set_mode(*, highest: int = 2, answer: Mapping[str, str] | None = None, paths: int = 3) -> dict[str, Any]:
    """SET_MODE as a compiler might have written it, or a little otherwise."""
    known = f"(bvule {MODE} {number(highest)})"
    accepted = {
        NOW: MODE, "outcome.verdict": number(Verdict.ACCEPTED), "outcome.slot": "event.slot",
        "outcome.instrument": "event.instrument",
    }  # fmt: skip
    bad = {"outcome.code": number(Code.BAD_VALUE)}
    same = {"outcome.code": number(Code.NO_CHANGE)}
    found = [
        path([f"(not {known})"], bad), path([known, f"(= {MODE} {NOW})"], same),
        path([known, f"(not (= {MODE} {NOW}))"], {**accepted, **(answer or {})}),
    ]  # fmt: skip
    return {"kind": int(Kind.SET_MODE), "seconds": 0.0, "paths": found[:paths]}

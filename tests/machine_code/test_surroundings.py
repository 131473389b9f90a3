"""``make equiv``: what lies around the step, on the image's own machine code; every planted defect is refuted.

Of a patched image only the function that the defect is in is asked about; of the built one, all.
"""

from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest
import z3

from dita.conformance.defects import build_image, planted
from dita.conformance.equiv.promises import contracts
from dita.conformance.equiv.surroundings import ANYWHERE, Lemma, questions, run_surroundings
from dita.kernel.image import IMAGE_PATH

CHECK: Final = "if event.kind < kind::ENTER || event.kind > kind::CALIBRATE"
FOUND: Final = "let slot = state.slots.get_mut(usize::try_from(slot).ok()?)?;"
INDEX: Final = "usize::try_from(slot).ok()?"
EACH: Final = "step(state, event, outcome);"
GIVEN: Final = "self.place.guard.store(self.after, Ordering::Release);"
COPIED: Final = "destination.copy_from_nonoverlapping(state.cast(), bytes)"
DONE: Final = "        done,\n        ..Input::EMPTY"
SELECT: Final = "step::select(inside.state(), slot, instrument)"
LOOKED: Final = "if !ranges::holds(candidate) {"
INSTEAD: Final = "*table::enter(handle)?.state() = *candidate;"
KEPT: Final = (
    "let mut inside = table::enter(handle)?; let mode = inside.state().account.mode;"
    " *inside.state() = *candidate; inside.state().account.mode = mode;"
)
OTHER: Final = "state.slots[(index + 1) % 16].trade = 7;"
DEFECTS: Final = {
    "another-code-for-a-bad-kind": (
        "step.rs", "return refuse(outcome, Code::BadKind);", "return refuse(outcome, Code::BadIndex);",
        "dita_step_state", "as the reference's step",
    ),
    "a-kind-too-many": (
        "step.rs", CHECK, "if event.kind < kind::ENTER || event.kind > kind::CALIBRATE + 1",
        "dita_step_call", "as the reference's step",
    ),
    "the-next-slot": (
        "step.rs", FOUND, f"let slot = state.slots.get_mut(({INDEX} + 1) % 16)?;",
        "dita_step", "as the reference's step",
    ),
    "no-check-of-the-slot": (
        "step.rs", FOUND, f"let slot = unsafe {{ state.slots.get_unchecked_mut({INDEX}) }};",
        "dita_step_state", "as the reference's step",
    ),
    "another-slot-is-written": (
        "step.rs", FOUND, f"let index = {INDEX}; if index < 16 {{ {OTHER} }} {FOUND}",
        "dita_step_state", "no other byte changes",
    ),
    "always-the-first-outcome": (
        "step.rs", "for (event, outcome) in events.iter().zip(outcomes) {",
        "for event in events { let Some(outcome) = outcomes.first_mut() else { return };",
        "dita_step_state_batch", "as the reference's step",
    ),
    "every-second-input": (
        "step.rs", "for (event, outcome) in events.iter().zip(outcomes) {",
        "for (event, outcome) in events.iter().step_by(2).zip(outcomes) {",
        "dita_step_state_batch", "understood",
    ),
    "a-snapshot-one-word-short": (
        "lib.rs", COPIED, "destination.copy_from_nonoverlapping(state.cast(), bytes - 8)",
        "dita_snapshot", "what it leaves",
    ),
    "the-guard-is-kept": (
        "table.rs", GIVEN, "self.place.guard.store(self.after | INSIDE, Ordering::Release);",
        "dita_step", "the guard is given back",
    ),
    "busy-is-no-handle": (
        "table.rs", "Err(found) if found == idle | INSIDE => Err(Closed::Busy),",
        "Err(found) if found == idle => Err(Closed::Busy),",
        "dita_close", "status",
    ),
    "restored-before-it-is-looked-at": (
        "lib.rs", LOOKED, f"{INSTEAD}\n    {LOOKED}",
        "dita_restore", "refused, nothing changes",
    ),
    "restored-but-for-the-mode": (
        "lib.rs", INSTEAD, KEPT,
        "dita_restore", "what it leaves",
    ),
    "an-order-with-a-price": (
        "lib.rs", DONE, DONE.replace("done,", "done,\n        price: quote,"),
        "dita_step_order", "as the reference's step",
    ),
    "overlapping-memory-is-taken": (
        "lib.rs", "    require_apart(read, written)?;\n", "    let _ = (read, written);\n",
        "dita_step_state", "status",
    ),
    "the-focus-of-another-slot": (
        "lib.rs", SELECT, SELECT.replace("slot", "slot ^ 1"),
        "dita_read_focus", "what it leaves",
    ),
}  # fmt: skip
"""File of the kernel, what is taken out of it and put in, the function that is asked, the lemma that fails.

What is not ``understood`` is refused: there the loop has a form that the proof does not take.
"""


def silent(_: str, __: int, ___: int) -> None:
    """No progress."""


@pytest.mark.timeout(900)
def test_every_lemma_is_proved_of_the_image() -> None:
    """All that is asked is proved, and paths of every function are reached."""
    report = run_surroundings(IMAGE_PATH, silent)

    figures = report.figures
    assert report.problems == []
    assert figures["lemmas"] == figures["lemmas_proved"] > 80
    assert figures["paths_reached"] > 0
    assert {one.name.partition(":")[0] for one in report.lemmas} >= {one[3] for one in DEFECTS.values()}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", sorted(DEFECTS))
def test_a_planted_defect_is_refuted_by_its_lemma(name: str) -> None:
    """The function's lemma fails of the patched image, with a witness; or its loop is not understood."""
    file, out, put, function, lemma = DEFECTS[name]
    with planted(None, roots=("kernel_rs", "spec")) as tree:
        _replace(tree / "kernel_rs" / "src" / file, out, put)
        report = run_surroundings(build_image(tree), silent, only=(function,), lemma=lemma)

    failed = {one.name: one for one in report.lemmas if one.verdict != "proved"}
    found: Lemma = failed[f"{function}: {lemma}"]
    assert report.problems
    if lemma == "understood":
        assert "loop" in found.why
    else:
        assert found.verdict == "refuted"
        assert found.witness


@pytest.mark.parametrize("function", ["dita_step_batch", "dita_step_state_batch"])
def test_inputs_do_not_stay_where_overlap_is_not_refused(function: str) -> None:
    """Without the checks for overlap a round's outcome lies on the inputs of another."""
    (contract,) = [one for one in contracts(ANYWHERE) if one.function == function]
    unchecked = replace(contract, checks=contract.checks[:5])
    (asked,) = [one for one in questions(unchecked, [], ()) if one.name == "inputs stay"]
    solver = z3.Solver()
    solver.add(*asked.violations)

    assert solver.check() == z3.sat


def _replace(path: Path, out: str, put: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count(out) == 1
    path.write_text(text.replace(out, put), encoding="utf-8")

"""The tables and the story of ``dita prove``, for a terminal."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from dita.conformance.prove.break_all import Kill
from dita.conformance.prove.breaking import Broken
from dita.conformance.prove.counterexample import Counterexample, Explanation
from dita.conformance.prove.coverage import ELSEWHERE, QUESTIONS, Coverage
from dita.conformance.prove.killers import KILLERS
from dita.conformance.prove.obligations import META, Obligation
from dita.conformance.prove.proof import ProveReport, Row
from dita.runtime.cli_report import escape
from dita.spec.clauses import BY_ID

STYLES: Final = {"proved": "green", "refuted": "bold red", "unknown": "bold yellow", "vacuous": "bold yellow"}
NOTHING: Final = "[bold red]nothing[/]"
CHANGES: Final = 8  # words of a step shown; the trace file has all that is needed to see the rest


def verdict_table(report: ProveReport, seed: int) -> Table:
    """A row an obligation."""
    made = _table(f"prove, tier {report.tier}, seed {seed}", "obligation", "theorem")
    made.box, made.padding, made.pad_edge = SIMPLE_HEAD, (0, 1, 0, 0), False  # 80 columns are enough for all of it
    made.add_column("paths", justify="right")
    for header in ("verdict", "witness", "cvc5"):
        made.add_column(header, no_wrap=True)
    for name, row in report.rows.items():
        verdict = Text(row.verdict, STYLES[row.verdict])
        made.add_row(name, row.obligation.theorem, str(row.paths), verdict, witness_of(row), second_of(row))
    return made


def kill_table(kills: Iterable[Kill]) -> Table:
    """A row an obligation: what was planted, where it was looked for, and whether it was refuted."""
    made = _table("prove --break all", "obligation", "part", "verdict", "planted")
    made.box, made.padding, made.pad_edge = SIMPLE_HEAD, (0, 1, 0, 0), False
    for kill in kills:
        verdict = Text("survived", "bold red") if kill.problem else Text("refuted", "green")
        made.add_row(kill.obligation, kill.part, verdict, kill.defect)
    return made


def witness_of(row: Row) -> str:
    """Whether a state and an input are known for which the obligation says something."""
    if row.obligation.theorem != "core" or row.obligation in META:
        return "–"
    return "no" if row.witness is None else "yes"


def second_of(row: Row) -> str:
    """On how many of the paths the second solver was asked too; a disagreement is a problem of its own."""
    if row.seconded == 0:
        return "–"
    return "all" if row.seconded >= row.paths else str(row.seconded)


def obligation_table(obligations: Iterable[Obligation]) -> Table:
    """Every obligation with its sentence."""
    made = _table("obligations", "obligation", "theorem", "clauses", "sentence", "broken by")
    for item in obligations:
        killer = KILLERS.get(item.id)
        defect = "" if killer is None else killer.defect
        made.add_row(item.id, item.theorem, " ".join(item.clauses), escape(item.says), defect)
    return made


def clause_table(found: Coverage) -> Table:
    """Every clause with the obligations, or the layer, that cover it."""
    made = _table("clauses", "clause", "rule", "covered by")
    for number, names in found.clauses.items():
        rule = BY_ID[number].rule if number in BY_ID else ""
        made.add_row(number, escape(rule), escape(covered_by(number, names)) or NOTHING)
    return made


def covered_by(clause: str, names: Sequence[str]) -> str:
    """The obligations of a clause, and the layer and test that check what no obligation says."""
    elsewhere = ELSEWHERE.get(clause)
    parts = [", ".join(names)] if names else []
    if elsewhere is not None:
        parts.append(f"{elsewhere.layer}: {elsewhere.test} ({elsewhere.reason})")
    return "; ".join(parts)


def question_table(found: Coverage) -> Table:
    """Every question that the proof has to answer, with the obligations that do."""
    made = _table("questions", "question", "asks", "answered by")
    for name, answers in found.questions.items():
        asks = QUESTIONS[name].asks if name in QUESTIONS else ""
        made.add_row(name, escape(asks), escape(", ".join(answers)) or NOTHING)
    return made


def _table(title: str, *headers: str) -> Table:
    made = Table(title=title, title_justify="left", header_style="bold")
    for header in headers:
        made.add_column(header, no_wrap=header in {"obligation", "theorem", "clause", "question"})
    return made


# --- the story of a refutation --------------------------------------------------------------------------------------


def story(explanation: Explanation, says: str, broken: Broken | None, traces: Sequence[Path]) -> Text:
    """What broke, by which defect, from which state, by which inputs; the last lines are the ones to read first."""
    text = Text()
    text.append(f"{explanation.obligation}: ", "bold").append(f"{says}\n")
    if broken is not None:
        text.append(f"planted: {broken.defect.says} ({broken.defect.name}, shown by part {broken.part})\n")
    if explanation.note:
        text.append(f"the proof says: {explanation.note}\n")
    found = explanation.shown
    if found is None:
        text.append("no state and input can show it: what failed is not about one step\n")
    else:
        _tell(text, found, explanation)
    for path in traces:
        text.append(f"trace: {path}\n")
    return text


def _tell(text: Text, found: Counterexample, explanation: Explanation) -> None:
    text.append("from the blank state\n" if found.reachable else "from the state that differs from the blank one in\n")
    for word in found.start:
        text.append(f"       {word}\n")
    for number, moment in enumerate(found.moments, 1):
        text.append(f"{number:>5}  {moment.event}\n")
        text.append(f"       {moment.moved}  {moment.outcome}\n")
        if moment.sound:
            text.append(f"       without the defect: {moment.sound}\n", "green")
        if moment.breaks:
            for change in moment.changes[:CHANGES]:
                text.append(f"       {change}\n", "dim")
            if len(moment.changes) > CHANGES:
                text.append(f"       … {len(moment.changes) - CHANGES} more words\n", "dim")
            text.append(f"       breaks {explanation.obligation}\n", "bold red")
    text.append(f"{confirmation(found, explanation)}\n")


def confirmation(found: Counterexample, explanation: Explanation) -> str:
    """How far the counterexample is to be believed."""
    if found.confirmed:
        return "confirmed: the code, run on this, breaks the predicate"
    if explanation.exact:
        return "not confirmed by running the code: look at the executor first"
    return "not confirmed: the solver knows the named arithmetic by its contracts only, and took other results for it"

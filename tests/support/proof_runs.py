"""Runs of the prover that were not made: everything is proved in them, or all but one obligation."""

from typing import Final

from dita.conformance.prove.core import Refutation
from dita.conformance.prove.executor_check import ExecutorReport
from dita.conformance.prove.models import Found
from dita.conformance.prove.obligations import META
from dita.conformance.prove.proof import ProveReport, Row, conclude, everything
from dita.spec import inputs
from dita.spec.layout import flatten_words
from dita.spec.state import Account, Focus, Instrument, Slot
from dita.spec.vocabulary import Kind, Mode

FOUND: Final = Found(
    tuple(flatten_words(Focus(Account(seeded=1, live_slots=1), Instrument(), Slot()))),
    tuple(flatten_words(inputs.set_mode(Mode.HALTED))), exact=True,
)  # fmt: skip


def proved_run(refuted: str = "") -> ProveReport:
    """A run in which everything is proved, or all but one obligation."""
    report = ProveReport("quick", {item.id: Row(item, paths=3, seconded=1) for item in everything()}, paths=3)
    report.executor = ExecutorReport(1, pairs=1, kinds=len(Kind) - 1)
    for row in report.rows.values():
        if row.obligation.theorem == "core" and row.obligation not in META:
            row.witness, row.witness_kind = FOUND, Kind.SET_MODE
    if refuted:
        report.rows[refuted].refuted = Refutation(refuted, Kind.SET_MODE, FOUND)
    conclude(report, "")
    return report

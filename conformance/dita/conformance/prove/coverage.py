"""What the obligations are there for: the questions that a proof of this kernel has to answer, and every clause.

A clause is covered by the obligations whose sentence cites it, and by those that ``ALSO`` names: it follows from them.
What is no property of a step is checked by another layer; ``ELSEWHERE`` names the layer, the test that cites the
clause, and why. A question or a clause without either is a gap, and a gap is red.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from dita.conformance.prove.obligations import INSIDE, META, Obligation
from dita.spec.clauses import CLAUSES, Clause
from dita.spec.invariants import IDS


class Question(NamedTuple):
    """What is asked of the proof, and the obligations that answer it."""

    asks: str
    answered_by: tuple[str, ...]


class Elsewhere(NamedTuple):
    """Where a clause that is no property of a step is checked."""

    layer: str
    test: str  # a file under tests/ that cites the clause
    reason: str


QUESTIONS: Final[dict[str, Question]] = {
    "paths": Question(
        "The paths are complete and disjoint, the step is total, and every path keeps the invariants.",
        (*(item.id for item in META), INSIDE.id, "initial-state-sound", "answer-is-placed", *IDS),
    ),
    "slots": Question(
        "A busy slot refuses ENTER, the limit holds, no trade is in two slots, other slots are untouched.",
        (
            "busy-refuses-enter", "entry-within-mode", "entry-within-limits", "live-counted", "live-slots-follow",
            "holders-agree", "holder-follows", "trades-distinct", "others-untouched", "new-trade-starts-blank",
        ),
    ),
    "rollback": Question(
        "ENTER and its definite rejection leave slot and ledger as they were, and so do any number of them in a row.",
        ("rejected-entry-rolls-back", "rollbacks-add-up", "absent-entry-rolls-back", "rollback-is-exact"),
    ),
    "no phantom close": Question(
        "EXIT needs a position and no exit in flight, exits never exceed the entry, no dust remains.",
        (
            "exit-needs-a-position", "exits-within-entry", "surprise-is-reconciled", "freed-slot-owns-no-order",
            "last-leg-closes-all", "exits-reduce", "whole-lots", "minimum-whole", "shape-exit",
        ),
    ),
    "finished trades": Question(
        "Late events change nothing but may ask for a reconcile; the merge is a semilattice; settlement in any order "
        "ends in the same books.",
        (
            "past-trade-changes-nothing", "stray-order-is-reported", "tails-only-settle", "tails-are-kept",
            "join-is-idempotent", "join-is-commutative", "join-is-associative", "entry-is-joined", "exit-is-joined",
            "record-is-joined", "settlement-is-taken", "settlements-commute", "books-follow-records",
        ),
    ),
    "unknown is not rejected": Question(
        "Only evidence ends an unresolved order, existence outranks every answer, identifiers never go back.",
        (
            "unresolved-asks", "unresolved-is-left-by-evidence", "order-in-flight-ends-by-evidence",
            "seen-is-never-absent", "absent-entry-rolls-back", "attempts-only-rise", "new-trade-is-new",
            "trades-follow", "trades-below-high-water",
        ),
    ),
    "verdicts": Question(
        "REFUSED is the identity, FLAGGED moves no slot and no money, only ACCEPTED submits, HALTED only flattens.",
        (
            "refused-is-identity", "refusal-keeps-the-state", "verdict-is-named", "flagged-moves-nothing",
            "only-accepted-submits", "halted-only-flattens",
        ),
    ),
    "ledger": Question(
        "Capital, per-fill change, cost allocation, predicted fees, funding sign and frozen are as stated; nothing "
        "refuses a close; legs telescope.",
        (
            "seed-is-the-wallet", "money-moves-by-named-kinds", "books-follow-records", "realised-follows-record",
            "fees-follow-record", "provisional-summed", "settlement-is-taken", "income-is-signed", "difference",
            "entry-within-truth", "nothing-blocks-a-close", "cost-share-ends", "legs-telescope",
        ),
    ),
    "liveness": Question(
        "Under a fair venue every slot gets free or open in a stated number of inputs; no new risk is one input away.",
        (
            "entry-end-is-reported", "exit-end-is-reported", "flatten-is-a-full-exit", "full-fill-finishes",
            "stop-is-one-input-away", "mode-is-obeyed",
        ),
    ),
}  # fmt: skip

ALSO: Final[dict[str, tuple[str, ...]]] = {
    "N4": ("half-even-nearest", "half-even-unique"),  # the only rounding; that it is named is ELSEWHERE
    "P2": ("step-is-total", "paths-complete", "verdict-is-named"),
    "G6": ("room-to-finish", "new-trade-starts-blank"),  # live after, with the tails of before: one of them was graded
    "E1": ("exits-within-entry", "exits-reduce"),
    "L3": ("realised-follows-record", "contract-cost_share", "cost-share-ends", "legs-telescope"),
    "L6": ("entry-within-truth",),
    "O8": ("shape-entry", "shape-exit", "entry-is-joined", "exit-is-joined"),
}
"""Obligations from which a clause follows although their sentence speaks of something else."""

ELSEWHERE: Final[dict[str, Elsewhere]] = {
    "N1": Elsewhere(
        "adapters", "tests/adapters/test_bingx_units.py",
        "the kernel sees integers only; units are given where text becomes a number",
    ),
    "N3": Elsewhere(
        "conform", "tests/conformance/test_encoding.py", "how words become bytes is no matter of what a step does"
    ),
    "N4": Elsewhere(
        "kernel", "tests/kernel/test_step_shape.py", "what multiplies and divides is read from the machine code"
    ),
    "V1": Elsewhere("spec", "tests/spec/test_vocabulary.py", "about the tables of names"),
    "V2": Elsewhere("spec", "tests/spec/test_vocabulary.py", "about the tables of names over time"),
    "I1": Elsewhere("spec", "tests/spec/test_order_ids.py", "the client order id is text, made outside the kernel"),
    "R4": Elsewhere(
        "conform", "tests/reference/test_opening.py",
        "the order of guards decides between names of a refusal only; that both sides give one name is compared",
    ),
    "K1": Elsewhere("kernel", "tests/kernel/test_kernel_loader.py", "about the loader"),
    "K2": Elsewhere("adapters", "tests/adapters/test_bingx_orders.py", "about who may send orders"),
    "K3": Elsewhere("spec", "tests/spec/test_certificate.py", "about the certificate"),
    "K4": Elsewhere("certify", "tests/conformance/test_certify.py", "about the certificate"),
    "K5": Elsewhere("kernel", "tests/kernel/test_kernel_loader.py", "about the certificate"),
    "K6": Elsewhere("kernel", "tests/kernel/test_signature.py", "about the certificate's signature"),
}  # fmt: skip
"""Clauses that another layer checks."""


class Coverage(NamedTuple):
    """Every clause and every question with what covers it, and what is wrong with that."""

    clauses: Mapping[str, tuple[str, ...]]
    questions: Mapping[str, tuple[str, ...]]
    gaps: tuple[str, ...]


def coverage(
    obligations: Iterable[Obligation],
    clauses: Sequence[Clause] = CLAUSES,
    questions: Mapping[str, Question] = QUESTIONS,
    also: Mapping[str, tuple[str, ...]] = ALSO,
    elsewhere: Mapping[str, Elsewhere] = ELSEWHERE,
) -> Coverage:
    """Who covers what. A gap is a clause or question that nothing covers, or a name that is nobody's."""
    known = {item.id: item for item in obligations}
    numbers = [clause.id for clause in clauses]
    cited = {
        number: (*(name for name, item in known.items() if number in item.clauses), *also.get(number, ()))
        for number in numbers
    }
    open_ = [number for number in numbers if not cited[number] and number not in elsewhere]
    gaps = [f"clause {number}: no obligation covers it" for number in open_]
    gaps += [f"question `{name}`: no obligation answers it" for name, item in questions.items() if not item.answered_by]
    named = [(f"question `{name}`", one) for name, item in questions.items() for one in item.answered_by]
    named += [(f"clause {number}", one) for number, names in also.items() for one in names]
    gaps += [f"{where}: `{name}` is no obligation" for where, name in named if name not in known]
    gaps += [f"clause {number}: there is no such clause" for number in {*also, *elsewhere} - set(numbers)]
    gaps += [
        f"clause {number}: `{name}` cites it, and there is no such clause"
        for name, item in known.items() for number in item.clauses if number not in numbers
    ]  # fmt: skip
    return Coverage(
        {number: tuple(dict.fromkeys(names)) for number, names in cited.items()},
        {name: item.answered_by for name, item in questions.items()},
        tuple(gaps),
    )

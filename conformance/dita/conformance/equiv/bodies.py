"""The named arithmetic of the image, proved at full width to be the reference's, each function on its own bytes.

The machine code of a function is explored on free words (``conformance/equiv/bodies.py``), all that it calls
with it. Each path is carried to integers, and so is each way through the reference's real body; the two have to give
the same for all arguments of the contract's domain, which is asked of both solvers. That no division traps is asked
with it, and the exploration itself refuses a write to anything but the function's own stack.
"""

from __future__ import annotations

import inspect
import json
import subprocess
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import z3

from dita.conformance.arithmetic_vectors import BEYOND, by_reference
from dita.conformance.equiv.calls import CallsReport, calls_of
from dita.conformance.equiv.carrying import NOTHING, ONE, Carrying, arguments_of
from dita.conformance.equiv.domains import Asserted, complete, domain_of
from dita.conformance.equiv.integers import Integers
from dita.conformance.equiv.lifting import signed_of
from dita.conformance.equiv.on_processor import Arguments, said_by, tried, vectors_of
from dita.conformance.equiv.opinions import Opinions, agrees
from dita.conformance.equiv.polynomials import Polynomial
from dita.conformance.equiv.rules import RULES
from dita.conformance.equiv.tools import PROGRAMS, PYTHON, ToolMissing
from dita.conformance.equiv.words import RESULTS, WORD, WORD_BITS
from dita.conformance.prove.contracts import CONTRACTS, Contract
from dita.conformance.prove.lemmas import PRODUCT, Proof, prove_lemmas
from dita.conformance.prove.merging import Fork, Leaf, branches, formula
from dita.conformance.prove.proxies import SymInt, Unsupported, term_of
from dita.conformance.prove.rewriting import truth_of
from dita.conformance.prove.second_opinion import Opinion
from dita.kernel.image import IMAGE_PATH

PROGRAM: Final = "equiv.bodies"
SECONDS: Final = 600
SEED: Final = 0
IMAGE, REFERENCE = "image", "reference"
"""What the two answers are called."""
EXAMPLES: Final = 3
"""Of each path, on which it is seen that what is known of it is not false."""
Progress = Callable[[str, int, int], None]


@dataclass(slots=True)
class BodyRow:
    """What was found of one function."""

    name: str
    paths: int = 0
    reached: int = 0  # paths that some arguments of the domain take, as far as a solver says
    cases: int = 0  # a path with a way through the reference
    met: int = 0  # arguments that take a path, with which all that is known on it agrees
    claims: int = 0  # what both solvers were asked, all in all
    seconds: float = 0.0
    vectors: int = 0  # against the reference, on this processor
    shown: int = 0  # of the arguments that a solver suspects, those that show a difference there
    lifted: int = 0  # words on which the paths were compared with the processor
    assumed: str = ""  # why it is not proved
    refused: str = ""  # what its machine code does that no such function may do
    differ: list[list[int]] = field(default_factory=list[list[int]])  # arguments, seen on the processor
    misread: list[str] = field(default_factory=list[str])
    disagreed: list[str] = field(default_factory=list[str])  # between the solvers

    @property
    def proved(self) -> bool:
        """Every path, for all arguments of the domain, by both solvers; and nothing speaks against it."""
        return bool(self.cases) and not (self.assumed or self.wrong)

    @property
    def wrong(self) -> list[str]:
        """What speaks against it."""
        found = [f"{tuple(arguments)} is not what the reference gives" for arguments in self.differ]
        return [*found, *([self.refused] if self.refused else []), *self.misread, *self.disagreed]


def explored(image: Path, contracts: Iterable[Contract], python: Path = PYTHON) -> list[dict[str, Any]]:
    """Every path of these functions. Raises ToolMissing."""
    functions = {f"dita_{one.name}": (one.arity, one.truth) for one in contracts}
    request = json.dumps({"image": str(image.resolve()), "functions": functions})
    command = [str(python), "-m", PROGRAM]
    try:
        done = subprocess.run(
            command, cwd=PROGRAMS.parent, input=request, capture_output=True, text=True, check=False, timeout=SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise ToolMissing(f"`{command[0]}`: {problem}; run `make equiv-tools`") from problem
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise ToolMissing(f"`{' '.join(command)}` ended with {done.returncode}: {last}")
    return [json.loads(line) for line in done.stdout.splitlines()]


# --- one function ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Way:
    """A way through the reference's body: its decisions, and what it gives; nothing where it divides by zero."""

    conditions: tuple[z3.BoolRef, ...]
    value: Any


def ways_of(contract: Contract) -> list[Way]:
    """Every way through the reference's body on free integers."""
    arguments = [SymInt(z3.Int(name)) for name in names_of(contract)]
    found: list[Way] = []
    stack: list[tuple[tuple[z3.BoolRef, ...], Leaf | Fork]] = [
        ((), branches(lambda: contract.body(*arguments), where_divided_by_zero=_NOTHING))
    ]
    while stack:
        conditions, tree = stack.pop()
        if isinstance(tree, Leaf):
            found.append(Way(conditions, tree.value))
        else:
            stack.append(((*conditions, z3.Not(tree.condition)), tree.no))
            stack.append(((*conditions, tree.condition), tree.yes))
    return found


_NOTHING: Final = object()


def names_of(contract: Contract) -> tuple[str, ...]:
    """The parameters' names."""
    return tuple(inspect.signature(contract.body).parameters)


@dataclass(slots=True)
class BodyProof:
    """One function under proof."""

    contract: Contract
    opinions: Opinions
    row: BodyRow
    tried: list[list[int]] = field(default_factory=list[list[int]])
    """Arguments for which a solver found a difference, in what it knows of products."""

    def prove(self, answer: Mapping[str, Any]) -> None:
        """Go through every path; why it is not proved stands in the row."""
        if "problem" in answer:
            self.row.refused = answer["problem"]
            return
        self.row.paths = len(answer["paths"])
        try:
            ways = ways_of(self.contract)
            paths = [Asserted.of(path) for path in answer["paths"]]
            if not complete(paths):
                self.row.assumed = "the paths found do not cover all arguments"
            examples = examples_of(self.contract, paths)
            for number, path in enumerate(paths):
                self._path(number, path, ways, examples[number])
        except (Unsupported, ValueError) as problem:
            self.row.assumed = self.row.assumed or str(problem)

    def _path(self, number: int, path: Asserted, ways: Sequence[Way], examples: Sequence[Arguments]) -> None:
        reached = False
        met = dict.fromkeys(examples, 0)
        for way in ways:
            carrying = self._start()
            if not self._holds(carrying, path.conditions):
                self._seconded(carrying.numbers, ())
                break
            reached = True
            self._case(f"path {number}", carrying, path, way)
            for example in examples:
                given = dict(zip(names_of(self.contract), example, strict=True))
                met[example] += agrees(carrying.numbers, given | _answers(self.contract, path, example))
        self.row.reached += reached
        self.row.met += len(met)
        for example in [one for one, times in met.items() if times != 1]:
            self.row.misread.append(f"{example} takes path {number}, and {met[example]} ways with it where 1 is due")

    def _start(self) -> Carrying:
        numbers = Integers()
        names = names_of(self.contract)
        arguments = [numbers.free(name, WORD) for name in names]
        numbers.know(formula(domain_of(self.contract), *[SymInt(z3.Int(name)) for name in names]))
        for name in names:
            numbers.narrow(name)
        return Carrying(numbers, arguments_of(arguments) | dict(zip(names, arguments, strict=True)))

    def _holds(self, carrying: Carrying, conditions: Sequence[z3.BoolRef]) -> bool:
        """Take these for granted; False where they cannot all hold."""
        for condition in conditions:
            carrying.numbers.know(carrying.truth(condition))
            if carrying.numbers.contradictory:
                return False
        return True

    def _case(self, where: str, carrying: Carrying, path: Asserted, way: Way) -> None:
        """A path and a way through the reference that is taken with it."""
        numbers = carrying.numbers
        self.row.cases += 1
        answer = carrying.signed(path.answer) if not self.contract.truth else carrying.unsigned(path.answer)
        wanted = [_untrapped(carrying, *division) for division in path.divisions]
        self._called(numbers, IMAGE, answer)
        if self._holds(carrying, way.conditions):
            wanted.append(z3.BoolVal(False) if way.value is _NOTHING else self._same(carrying, way.value))
        self.row.claims += len(numbers.claims) + len(wanted)
        for claim in wanted:
            difference = self.opinions.first(numbers, claim)
            if difference is not None:
                self.row.assumed = self.row.assumed or f"{where}: {difference.why}"
                self.tried += difference.arguments(names_of(self.contract))
                return
        self._seconded(numbers, wanted)

    def _same(self, carrying: Carrying, value: Any) -> z3.BoolRef:
        """The image's answer is the reference's, as a word says it."""
        numbers = carrying.numbers
        if self.contract.truth:
            expected = numbers.choice(carrying.truth(truth_of(value)), ONE, NOTHING)
        else:
            expected = carrying.number(term_of(value))
            if RESULTS[self.contract.name].bits > WORD_BITS:
                most = Polynomial.number(BEYOND)
                expected = numbers.choice(numbers.term(expected - most) > 0, most, expected)
        self._called(numbers, REFERENCE, expected)
        return z3.Int(IMAGE) == z3.Int(REFERENCE)

    def _called(self, numbers: Integers, name: str, number: Polynomial) -> None:
        """Give a number a name."""
        numbers.know(numbers.term(numbers.free(name, numbers.interval(number)) - number) == 0)

    def _seconded(self, numbers: Integers, wanted: Sequence[z3.BoolRef]) -> None:
        """What the first solver said of these numbers, asked of the second."""
        for said in self.opinions.second(numbers, wanted):
            if said is Opinion.UNKNOWN:
                self.row.assumed = self.row.assumed or "cvc5 does not know what z3 refuted"
            else:
                self.row.disagreed.append("cvc5 finds an example of what z3 refuted")


def examples_of(contract: Contract, paths: Sequence[Asserted]) -> list[list[Arguments]]:
    """Of each path some arguments of the domain that take it, as far as there are such among the vectors."""
    found: list[list[Arguments]] = [[] for _ in paths]
    takes = [said_by(path) for path in paths]
    for arguments in vectors_of(contract)[::-1]:  # the small ones last
        words = _words(arguments)
        number = next((number for number, said in enumerate(takes) if said(words) is not None), None)
        if number is not None and len(found[number]) < EXAMPLES:
            found[number].append(arguments)
    return found


def _answers(contract: Contract, path: Asserted, arguments: Arguments) -> dict[str, int]:
    """What the path answers by its own text, and what the reference answers, as signed words."""
    answer = said_by(path)(_words(arguments))
    assert answer is not None  # the arguments take the path
    image = answer if contract.truth else signed_of(answer, WORD_BITS)
    return {IMAGE: image, REFERENCE: by_reference(contract.name, arguments)}


def _words(arguments: Arguments) -> Arguments:
    return tuple(value % (1 << WORD_BITS) for value in arguments)


def _untrapped(carrying: Carrying, numerator: z3.BitVecRef, divisor: z3.BitVecRef, signed: bool) -> z3.BoolRef:
    """The processor finds a quotient: the divisor is not zero, and the quotient fits the word that it goes to."""
    numbers, bits = carrying.numbers, divisor.size()
    over = carrying.signed(numerator) if signed else carrying.unsigned(numerator)
    by = carrying.signed(divisor) if signed else carrying.unsigned(divisor)
    most = by.scaled(1 << (bits - 1 if signed else bits))
    return z3.And(numbers.term(by) >= 1, numbers.term(over) >= 0, numbers.term(over - most) <= -1)


# --- all of them ----------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class BodiesReport:
    """What was found of the named functions of one image."""

    rows: dict[str, BodyRow] = field(default_factory=dict[str, BodyRow])
    rules: list[Proof] = field(default_factory=list[Proof])
    calls: CallsReport | None = None
    second_opinions: int = 0
    seconds: float = 0.0  # of processor time in this process

    @property
    def figures(self) -> dict[str, int]:
        """Stable names."""
        rows = self.rows.values()
        return {
            "functions": len(CONTRACTS),
            "bodies_proved": sum(row.proved for row in rows),
            "bodies_assumed": len(self.assumed),
            "refuted": sum(bool(row.differ) for row in rows),
            "paths": sum(row.paths for row in rows),
            "paths_reached": sum(row.reached for row in rows),
            "cases": sum(row.cases for row in rows),
            "met": sum(row.met for row in rows),
            "claims": sum(row.claims for row in rows),
            "second_opinions": self.second_opinions,
            "rules": len(self.rules),
            "rules_proved": sum(rule.verdict == "proved" for rule in self.rules),
            "vectors": sum(row.vectors for row in rows),
            "lifted": sum(row.lifted for row in rows),
            "misread": sum(len(row.misread) for row in rows),
            "refused": sum(bool(row.refused) for row in rows),
            "disagreements": sum(len(row.disagreed) for row in rows),
            "calls": self.calls.calls if self.calls else 0,
            "calls_outside": len(self.calls.outside) if self.calls else 0,
        }

    @property
    def assumed(self) -> list[str]:
        """Functions that are neither proved nor refuted, each with why."""
        return [
            f"{name}: {row.assumed or 'nothing was proved'}"
            for name, row in self.rows.items()
            if not (row.proved or row.wrong)
        ]

    @property
    def problems(self) -> list[str]:
        """What is wrong; what is only not proved is no part of it."""
        found = [f"`{rule.id}` is {rule.verdict}: {rule.note}" for rule in self.rules if rule.verdict != "proved"]
        found += [f"{name}: {row.wrong[0]}" for name, row in self.rows.items() if row.wrong]
        return [*found, *(self.calls.outside if self.calls else ["the reference's calls were not looked at"])]


def run_bodies(
    image: Path = IMAGE_PATH, progress: Progress | None = None, *, only: Collection[str] = tuple(CONTRACTS)
) -> BodiesReport:
    """Prove the named functions of an image, and try them on this processor. Raises ToolMissing, SolverUnknown."""
    began = time.process_time()
    report = BodiesReport(rules=prove_lemmas(SEED, (PRODUCT, *RULES)), calls=calls_of())
    opinions, asked = Opinions(), dict[str, dict[str, Any]]()
    contracts = [CONTRACTS[name] for name in only]
    for number, (contract, answer) in enumerate(zip(contracts, explored(image, contracts), strict=True)):
        if progress is not None:
            progress("proving the named arithmetic", number, len(contracts))
        row = report.rows[contract.name] = BodyRow(contract.name)
        since = time.process_time()
        proof = BodyProof(contract, opinions, row)
        proof.prove(answer)
        row.seconds = round(time.process_time() - since, 3)
        asked[contract.name] = {"paths": answer.get("paths", []), "suspects": proof.tried}
    for name, found in tried(image, asked).items():
        row = report.rows[name]
        row.vectors, row.lifted, row.shown = found.vectors, found.lifted, found.shown
        row.differ, row.misread = found.differ, found.misread
        if row.paths and not found.lifted and not row.misread:
            row.misread = ["its paths were not compared with the processor"]
    report.second_opinions = opinions.asked
    report.seconds = round(time.process_time() - began, 3)
    return report

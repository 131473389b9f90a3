"""What lies between the exported functions and ``dita_core``, proved on the image's bytes for all states and inputs.

``proving.py`` compares ``dita_core`` with the reference's handlers. Here is the rest of the distance, in lemmas over
the paths that ``surroundings.py`` of the other environment tells: which status a call is answered with; that a refused
call leaves every byte; that a step is refused, or calls the core once with the selected records, as the reference's
does; that no other byte of memory changes, so that other slots stay; that the guard is given back; that a batch is a
fold, by induction over its loop; that a snapshot is the state and a restored state the bytes given. Each is one
question to the solver: is there a state, an input, an address and a path of which it does not hold?

What is assumed, and stated in the formulas (``given``): a caller's records are neither the image's table of kernels nor
the stack of the call; while a call is inside, nobody else writes to what it was given. Not in formulas: the table lies
where it is loaded here; the core writes only to the four records behind its pointers and keeps the calling convention,
which is what the proof of the core shows; ``memcpy``, ``memmove`` and ``memset`` are the C library's.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

import z3

from dita.conformance.equiv.journal import (
    BEFORE,
    WORD_BITS,
    WORD_BYTES,
    Memory,
    Walk,
    apart,
    in_order,
    lies_in,
    walks_of,
    with_words,
    word_at,
)
from dita.conformance.equiv.promises import (
    INDEX,
    OK,
    PLACE_BYTES,
    RECORDS,
    WRITTEN,
    Contract,
    Place,
    Step,
    Table,
    contracts,
    instrument_of,
    number,
    pointer,
    slot_of,
)
from dita.conformance.equiv.proving import AS_NUMBERS
from dita.conformance.equiv.selecting import SELECTORS, Choice, choices, misplaced
from dita.conformance.equiv.sums import Canonical
from dita.conformance.equiv.terms import children_first
from dita.conformance.equiv.tools import PROGRAMS, PYTHON, STEP, Asked, Bitwuzla, ToolMissing
from dita.conformance.prove.second_opinion import Opinion
from dita.conformance.prove.second_opinion import ask as second_opinion
from dita.spec.vocabulary import INSTRUMENTS, SLOTS

READER: Final = "surroundings.py"
TABLE: Final = "PLACES"
LOGIC: Final = "QF_UFBV"
WHERE: Final = z3.BitVec("where", WORD_BITS)
"""Any address."""
REFERENCE: Final = "reference: three records are put back"
ANYWHERE: Final = Table(0, 1, 0, 1)
"""For what of a contract does not depend on where the image lies."""
Progress = Callable[[str, int, int], None]
Records = tuple[z3.BoolRef, list[tuple[z3.BitVecRef, int]]]
"""When they are those, and where each lies."""
TRUE: Final = z3.BoolVal(True)
FALSE: Final = z3.BoolVal(False)


@dataclass(frozen=True, slots=True)
class Lemma:
    """One lemma and what was found: ``witness`` is where it fails, as the solver found it."""

    name: str
    verdict: str  # proved, refuted or unknown
    seconds: float
    witness: Mapping[str, int] = field(default_factory=dict[str, int])
    why: str = ""


@dataclass(slots=True)
class SurroundingsReport:
    """What was found of every lemma."""

    lemmas: list[Lemma] = field(default_factory=list[Lemma])
    machine_paths: int = 0
    paths_reached: int = 0

    @property
    def figures(self) -> dict[str, int]:
        """Stable names."""
        verdicts = [lemma.verdict for lemma in self.lemmas]
        return {
            "lemmas": len(verdicts),
            "lemmas_proved": verdicts.count("proved"),
            "refuted": verdicts.count("refuted"),
            "unknown": len(verdicts) - verdicts.count("proved") - verdicts.count("refuted"),
            "machine_paths": self.machine_paths,
            "paths_reached": self.paths_reached,
        }

    @property
    def problems(self) -> list[str]:
        """Of every lemma that is not proved, why."""
        found = [f"{one.name}: {one.verdict}: {one.why or dict(one.witness)}" for one in self.lemmas if _fails(one)]
        return found or ([] if self.lemmas else ["no lemma was asked about"])


def _fails(lemma: Lemma) -> bool:
    return lemma.verdict != "proved"


class Question(NamedTuple):
    """A lemma's violations, one a path: proved where none is possible. ``reached``: where one is.

    ``linear``: asked of the second solver first, to which words are numbers, with what the contract knows of products
    in place of products; nothing but a proof is taken from there.
    """

    name: str
    violations: Sequence[z3.BoolRef]
    reached: bool = False
    linear: bool = False


def run_surroundings(
    image: Path, progress: Progress, *, only: Sequence[str] | None = None, lemma: str = ""
) -> SurroundingsReport:
    """Prove every lemma of an image, or those of some functions, or one of theirs. Raises ToolMissing, OSError."""
    report = SurroundingsReport()
    began = time.monotonic()
    found = misplaced()
    report.lemmas.append(
        Lemma(REFERENCE, "refuted" if found else "proved", time.monotonic() - began, why="; ".join(found[:2]))
    )
    selecting = choices()
    asked = [one for one in contracts(ANYWHERE) if only is None or one.function in only]
    with Bitwuzla() as solver:
        for at, (contract, answer) in enumerate(zip(asked, told(image, asked), strict=True)):
            progress("proving what lies around the step", at, len(asked))
            _prove(report, contract.function, answer, selecting, solver, lemma)
    return report


def told(image: Path, contracts: Sequence[Contract], python: Path = PYTHON) -> Iterator[dict[str, Any]]:
    """The paths of these functions, as the other environment tells them. Raises ToolMissing."""
    asked = [
        {"function": one.function, "arguments": one.arguments, "pointers": one.pointers, "count": one.count}
        for one in contracts
    ]
    request = {
        "image": str(image), "step": STEP, "table": TABLE, "records": RECORDS, "read_only": "event", "asked": asked,
    }  # fmt: skip
    command = [str(python), str(PROGRAMS / READER)]
    try:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
    except OSError as problem:
        raise ToolMissing(f"`{command[0]}`: {problem.strerror}; run `make equiv-tools`") from problem
    with process:
        stdin, stdout = process.stdin, process.stdout
        assert stdin is not None  # both were asked for
        assert stdout is not None
        try:
            print(json.dumps(request), file=stdin, flush=True)
            for _ in asked:
                line = stdout.readline()
                if not line:
                    raise ToolMissing(f"`{' '.join(command)}` ended without an answer; run `make equiv-tools`")
                yield json.loads(line)
        finally:
            process.kill()


def _prove(
    report: SurroundingsReport,
    name: str,
    answer: Mapping[str, Any],
    selecting: Sequence[Choice],
    solver: Asked,
    lemma: str,
) -> None:
    """Every lemma of one function, or the one of this name."""
    if "problem" in answer:
        report.lemmas.append(Lemma(f"{name}: understood", "unknown", answer["seconds"], why=answer["problem"]))
        return
    contract = {one.function: one for one in contracts(Table(*answer["table"]))}[name]
    report.lemmas.append(Lemma(f"{name}: understood", "proved", answer["seconds"]))
    if contract.products:
        report.lemmas.append(_products(name, contract))
    walks = walks_of(answer, WRITTEN)
    report.machine_paths += len(walks)
    for question in questions(contract, walks, selecting):
        if lemma in {"", question.name}:
            report.lemmas.append(_asked(f"{name}: {question.name}", question, contract, solver))
    report.paths_reached += sum(
        _verdict(solver, contract, Question("", [_all(walk.holds)]))["verdict"] == "sat" for walk in walks
    )


def _products(name: str, contract: Contract) -> Lemma:
    """What the contract knows of products, of the second solver, to which words are numbers."""
    began = time.monotonic()
    asserted = z3.Solver()
    asserted.add(z3.Not(_all(contract.products)))
    opinion = second_opinion(f"{AS_NUMBERS}{asserted.sexpr()}(check-sat)", LOGIC)
    verdict = {Opinion.UNSAT: "proved", Opinion.SAT: "refuted"}.get(opinion, "unknown")
    return Lemma(f"{name}: products keep their order", verdict, time.monotonic() - began)


def _asked(name: str, question: Question, contract: Contract, solver: Asked) -> Lemma:
    began = time.monotonic()
    answer = _verdict(solver, contract, question)
    verdicts = {"unsat": "proved", "sat": "refuted"} if not question.reached else {"sat": "proved", "unsat": "refuted"}
    verdict = verdicts.get(answer["verdict"], "unknown")
    witness: dict[str, int] = answer.get("values", {}) if verdict == "refuted" else {}
    why = answer.get("problem", "no answer in time") if verdict == "unknown" else ""
    if verdict == "refuted" and question.reached:
        why = "nothing reaches it"
    return Lemma(name, verdict, time.monotonic() - began, witness, why)


def _verdict(solver: Asked, contract: Contract, question: Question) -> Mapping[str, Any]:
    canonical = Canonical()
    facts = [*contract.given, _any(question.violations)]
    words = [*map(pointer, contract.pointers), *[number(name) for name in contract.arguments], INDEX, WHERE]
    if contract.step is not None:
        for name in SELECTORS:
            words.append(z3.BitVec(f"event.{name}", WORD_BITS))
            facts.append(words[-1] == contract.step.word(contract.base, name))
    if question.linear:
        facts += [*contract.products, *([contract.expected == OK] if contract.count else [])]
        linear = _without_products([canonical.of(fact) for fact in facts])
        if second_opinion(f"{AS_NUMBERS}{_text(linear)}(check-sat)", LOGIC) is Opinion.UNSAT:
            return {"verdict": "unsat"}
    text = _text([canonical.of(fact) for fact in facts])
    named = [word.decl().name() for word in words if f"(declare-fun {word.decl().name()} ()" in text]
    return solver.ask(f"(set-logic {LOGIC})\n{text}", named)


def _text(facts: Sequence[z3.BoolRef]) -> str:
    asserted = z3.Solver()
    asserted.add(*facts)
    return asserted.sexpr()


def _without_products(facts: Sequence[z3.BoolRef]) -> list[z3.BoolRef]:
    """The same with any word in place of each product with a number: what is impossible then is impossible."""
    words: dict[tuple[int, int], z3.BitVecRef] = {}
    pairs: list[tuple[z3.ExprRef, z3.ExprRef]] = []
    done: set[int] = set()
    for fact in facts:
        for term in children_first(fact, done):
            done.add(term.get_id())
            numbers = [child for child in term.children() if z3.is_bv_value(child)]
            if z3.is_app_of(term, z3.Z3_OP_BMUL) and term.num_args() == 2 and len(numbers) == 1:
                (factor,) = (child for child in term.children() if not z3.is_bv_value(child))
                times = numbers[0].as_signed_long()
                key = (factor.get_id(), abs(times))
                word = words.setdefault(key, z3.BitVec(f"product.{len(words)}", numbers[0].size()))
                pairs.append((term, word if times > 0 else -word))
    return [z3.substitute(fact, *pairs) for fact in facts]


# --- the lemmas -----------------------------------------------------------------------------------------------------


def questions(contract: Contract, walks: Sequence[Walk], selecting: Sequence[Choice]) -> Iterator[Question]:
    """What is asked about a function's paths."""
    returns = [walk for walk in walks if walk.begin == "entry" and walk.end == "return"]
    arrivals = [walk for walk in walks if walk.begin == "entry" and walk.end == "round"]
    rounds = [walk for walk in walks if walk.begin == "round"]
    yield Question("status", [*map(_wrong_status(contract), walks)])
    yield Question("refused, nothing changes", [_but(walk, _is_refused(walk), _same(walk)) for walk in returns])
    yield Question("no input without a path", [_gap(returns + arrivals, TRUE)])
    yield Question("touches only its own", [_but(walk, TRUE, _touches(walk, contract)) for walk in walks])
    if contract.step is not None:
        yield from _of_a_step(contract, contract.step, rounds if contract.count else returns, selecting)
    if contract.left is not None:
        left = contract.left(BEFORE)
        yield Question("what it leaves", [_but(walk, _is_done(walk), _leaves(walk, left)) for walk in returns])
        yield Question("copies apart", [_but(walk, TRUE, _copies_apart(walk)) for walk in walks])
        yield Question("it is done", [z3.And(*walk.holds, _is_done(walk)) for walk in returns], reached=True)
    if contract.step is None and contract.left is None:
        yield Question("the core as it is", [_but(walk, _is_done(walk), _as_it_is(walk)) for walk in returns])
    if contract.left is None:
        records = _records(contract, contract.step) if contract.step is not None else _given_records()
        yield Question("records apart", [z3.And(contract.expected == OK, _overlap(records))], linear=True)
        yield Question(
            "the core is reached", [_all(walk.holds) for walk in rounds + returns if walk.cores], reached=True
        )
    if contract.count:
        yield from _of_a_loop(contract, returns, arrivals, rounds)
    if contract.place is not None:
        yield Question("the guard is given back", [*_ungiven(contract.place, [*returns, *rounds])])


def _of_a_step(
    contract: Contract, step: Step, walks: Sequence[Walk], selecting: Sequence[Choice]
) -> Iterator[Question]:
    taken = [_but(walk, _is_done(walk), _as_reference(contract, step, walk, selecting)) for walk in walks]
    yield Question("as the reference's step", taken)
    yield Question("no other byte changes", [_but(walk, TRUE, _framed(contract, step, walk)) for walk in walks])


def _of_a_loop(
    contract: Contract, returns: Sequence[Walk], arrivals: Sequence[Walk], rounds: Sequence[Walk]
) -> Iterator[Question]:
    """Induction over the rounds: the first is round 0, each leads to the next, the last one out."""
    count = number(contract.count)
    yield Question("none of none", [_but(walk, _is_done(walk), z3.And(count == 0, _same(walk))) for walk in returns])
    begins = [_but(walk, TRUE, z3.And(count != 0, _held(contract, walk))) for walk in arrivals]
    nexts = [_but(walk, TRUE, _follows(walk, count)) for walk in rounds]
    yield Question("batch is fold", begins + nexts)
    some = _any([_all(walk.holds) for walk in arrivals])
    yield Question("no round without a path", [_gap(rounds, z3.And(some, z3.ULT(INDEX, count)))])
    if contract.inputs is not None and contract.step is not None:
        changed = _changed_input(contract, contract.step, contract.inputs, count)
        yield Question("inputs stay", [z3.And(contract.expected == OK, changed)], linear=True)


def _changed_input(contract: Contract, step: Step, inputs: z3.BitVecRef, count: z3.BitVecRef) -> z3.BoolRef:
    """A byte of the inputs, of other rounds too, lies where a round may change one.

    That it changes none but the outcome's, the guard's and the core's is what "no other byte changes" says.
    """
    within = z3.And(z3.ULT(INDEX, count), z3.ULT(WHERE - inputs, count * RECORDS["event"]))
    when, records = _records(contract, step)
    written = [z3.And(when, lies_in(WHERE, begin, length)) for begin, length in records if begin is not step.event]
    written.append(lies_in(WHERE, step.outcome, RECORDS["outcome"]))
    if contract.place is not None:  # which no caller's memory is
        within = z3.And(within, z3.Not(lies_in(WHERE, contract.place.guard, PLACE_BYTES)))
        written.append(lies_in(WHERE, contract.place.guard, WORD_BYTES))
    return z3.And(within, _any(written))


def _wrong_status(contract: Contract) -> Callable[[Walk], z3.BoolRef]:
    def wrong(walk: Walk) -> z3.BoolRef:
        promised = contract.expected == OK if walk.result is None else contract.answers(walk.result)
        return _but(walk, TRUE, promised)

    return wrong


def _is_refused(walk: Walk) -> z3.BoolRef:
    return z3.Not(_is_done(walk))


def _is_done(walk: Walk) -> z3.BoolRef:
    return TRUE if walk.result is None else z3.Extract(31, 0, walk.result) == OK


def _same(walk: Walk) -> z3.BoolRef:
    """Every byte is as before the call, and the core was not called."""
    return FALSE if walk.cores else _unchanged(walk)


def _unchanged(walk: Walk) -> z3.BoolRef:
    return walk.after(WHERE) == walk.base(WHERE)


def _gap(walks: Sequence[Walk], when: z3.BoolRef) -> z3.BoolRef:
    return z3.And(when, z3.Not(_any([_all(walk.holds) for walk in walks])))


def _touches(walk: Walk, contract: Contract) -> z3.BoolRef:
    """All that is read or written directly lies in the memory that the contract names."""
    ranges = list(contract.touched)
    facts: list[z3.BoolRef] = []
    for entry in walk.entries[walk.first :]:
        if "address" in entry.terms:
            address = entry.word("address")
            within = [
                z3.ULE(address - begin, length - entry.bytes) for begin, length in ranges if entry.bytes <= length
            ]
            facts.append(_any(within))
    return _all(facts)


def _as_reference(contract: Contract, step: Step, walk: Walk, selecting: Sequence[Choice]) -> z3.BoolRef:
    """What the reference refuses is refused with its outcome; what it selects the core is called with, once."""
    guard, base = contract.place, walk.base
    single = walk.begin == "entry"

    def entered(memory: Memory) -> Memory:
        return memory if guard is None or not single else with_words(memory, guard.guard, [guard.inside])

    def left(memory: Memory) -> Memory:
        return memory if guard is None or walk.end != "return" else with_words(memory, guard.guard, [guard.idle])

    kind, slot, instrument = (step.word(base, name) for name in SELECTORS)
    facts: list[z3.BoolRef] = []
    for choice in selecting:
        chosen = choice.on((kind, slot, instrument))
        if chosen.outcome is not None:
            refused = left(with_words(base, step.outcome, chosen.outcome))
            then = FALSE if walk.cores else walk.after(WHERE) == refused(WHERE)
        elif len(walk.cores) == 1 and chosen.slot is not None and chosen.instrument is not None:
            (at,) = walk.cores
            core = walk.entries[at]
            then = z3.And(
                core.word("account") == step.state,
                core.word("instrument") == instrument_of(step.state, chosen.instrument),
                core.word("slot") == slot_of(step.state, chosen.slot),
                core.word("outcome") == step.outcome,
                _event(step, walk, at),
                walk.memory(at)(WHERE) == entered(base)(WHERE),
                walk.after(WHERE) == left(walk.memory(at + 1))(WHERE),
            )
        else:
            then = FALSE
        facts.append(z3.Implies(_all(chosen.holds), then))
    return _all(facts)


def _event(step: Step, walk: Walk, at: int) -> z3.BoolRef:
    """The core gets the very input, or its words where it is the image's own."""
    core = walk.entries[at]
    if step.event is not None:
        return core.word("event") == step.event
    words = [core.terms.get(f"event.{place}") for place in range(len(step.words))]
    if any(word is None for word in words):
        return FALSE
    return _all([word == expected for word, expected in zip(words, step.words, strict=True) if word is not None])


def _framed(contract: Contract, step: Step, walk: Walk) -> z3.BoolRef:
    """A byte outside the outcome, the guard and the core's records is as it was: other slots, inputs, and all else.

    That the records are those of the selected slot and instrument is what the comparison with the reference says.
    """
    own = [(step.outcome, RECORDS["outcome"])]
    own += [(contract.place.guard, WORD_BYTES)] if contract.place is not None else []
    own += [(walk.entries[at].word(record), length) for at in walk.cores for record, length in WRITTEN.items()]
    return z3.Or(_unchanged(walk), *[lies_in(WHERE, begin, length) for begin, length in own])


def _records(contract: Contract, step: Step) -> Records:
    """What the core is called with, as the comparison with the reference says; an input on the stack overlaps none."""
    slot, instrument = (step.word(contract.base, name) for name in ("slot", "instrument"))
    selected = z3.And(z3.ULT(slot, SLOTS), z3.ULT(instrument, INSTRUMENTS))
    selected = z3.And(selected, z3.ULT(INDEX, number(contract.count))) if contract.count else selected
    where = {
        "account": step.state, "instrument": instrument_of(step.state, instrument),
        "slot": slot_of(step.state, slot), "outcome": step.outcome,
    }  # fmt: skip
    where |= {"event": step.event} if step.event is not None else {}
    return selected, [(begin, RECORDS[name]) for name, begin in where.items()]


def _given_records() -> Records:
    names = ("account", "instrument", "slot", "input", "outcome")
    return TRUE, [(pointer(name), length) for name, length in zip(names, RECORDS.values(), strict=True)]


def _overlap(records: Records) -> z3.BoolRef:
    """Two of the core's five records overlap, or one goes around the end of all addresses."""
    when, each = records
    pairs = [(one, other) for place, one in enumerate(each) for other in each[place + 1 :]]
    sound = [*[in_order(*one) for one in each], *[apart(*one, *other) for one, other in pairs]]
    return z3.And(when, z3.Not(_all(sound)))


def _as_it_is(walk: Walk) -> z3.BoolRef:
    if len(walk.cores) != 1:
        return FALSE
    (at,) = walk.cores
    names = ("account", "instrument", "slot", "input", "outcome")
    given = [walk.entries[at].word(record) == pointer(name) for record, name in zip(RECORDS, names, strict=True)]
    untouched = walk.memory(at)(WHERE) == BEFORE(WHERE)
    return z3.And(*given, untouched, walk.after(WHERE) == walk.memory(at + 1)(WHERE))


def _leaves(walk: Walk, left: Memory) -> z3.BoolRef:
    return FALSE if walk.cores else walk.after(WHERE) == left(WHERE)


def _copies_apart(walk: Walk) -> z3.BoolRef:
    """What the C library copies without regard to overlap does not overlap."""
    copies = [entry for entry in walk.entries if entry.what == "copy apart"]
    sources = [walk.entries[entry.of].word("address") for entry in copies]
    return _all([
        apart(entry.word("address"), entry.bytes, source, entry.bytes)
        for entry, source in zip(copies, sources, strict=True)
    ])  # fmt: skip


def _held(contract: Contract, walk: Walk) -> z3.BoolRef:
    """Where the first round begins only the guard has changed, and says that somebody is inside."""
    memory = BEFORE
    if contract.place is not None:
        memory = with_words(memory, contract.place.guard, [contract.place.inside])
    return FALSE if walk.cores else walk.after(WHERE) == memory(WHERE)


def _follows(walk: Walk, count: z3.BitVecRef) -> z3.BoolRef:
    """A round leads to the next, all registers and words of the stack as they are there; or it was the last."""
    if walk.end == "return":
        return count == INDEX + 1
    return z3.And(z3.ULT(INDEX + 1, count), *[actual == expected for actual, expected in walk.pairs])


def _ungiven(place: Place, walks: Sequence[Walk]) -> Iterator[z3.BoolRef]:
    """After a call the guard is idle; while the core runs it says that somebody is inside."""
    for walk in walks:
        if walk.end == "return":
            yield _but(walk, _is_done(walk), word_at(walk.after, place.guard) == place.idle)
        if walk.begin == "entry":
            yield from (_but(walk, TRUE, word_at(walk.memory(at), place.guard) == place.inside) for at in walk.cores)


def _but(walk: Walk, when: z3.BoolRef, claim: z3.BoolRef) -> z3.BoolRef:
    """The path is taken, and there the claim does not hold."""
    return z3.And(*walk.holds, when, z3.Not(claim))


def _any(facts: Sequence[z3.BoolRef]) -> z3.BoolRef:
    return z3.Or(*facts) if len(facts) > 1 else facts[0] if facts else FALSE


def _all(facts: Sequence[z3.BoolRef]) -> z3.BoolRef:
    return z3.And(*facts) if len(facts) > 1 else facts[0] if facts else TRUE

"""The named functions of an image on this processor: against the reference, and against the paths that were read.

``python -m dita.conformance.equiv.on_processor IMAGE`` reads paths, and arguments that a solver suspects, as JSON; it
is a process of its own, for a process holds one image for its life.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import product
from pathlib import Path
from random import Random
from typing import Any, Final, cast

import z3

from dita.conformance import arithmetic_vectors
from dita.conformance.arithmetic_vectors import by_reference, in_domain
from dita.conformance.equiv.domains import Asserted, domain_of
from dita.conformance.equiv.replay import Replayed
from dita.conformance.equiv.terms import children_first
from dita.conformance.prove.contracts import CONTRACTS, Contract
from dita.conformance.prove.proxies import Unsupported
from dita.spec.scales import BOUND, NOTIONAL_DIVISOR, RATE_SCALE, RATIO_SCALE

Arguments = tuple[int, ...]
SECONDS: Final = 900
SHOWN: Final = 3
WRAP: Final = 1 << 64
SMALL: Final = {2: 41, 3: 15, 4: 9}
"""By number of arguments, how many small values of each are tried with each other: 1,681, 3,375 and 6,561 vectors."""
LIFTED: Final = 2_500
"""Vectors a function on which its paths and the processor are compared."""
DIVISORS: Final = (RATIO_SCALE, RATE_SCALE, NOTIONAL_DIVISOR)


@dataclass(slots=True)
class Tried:
    """What a function's vectors showed."""

    vectors: int = 0
    lifted: int = 0
    taken: int = 0  # paths that some vector took
    shown: int = 0  # suspects that are right
    differ: list[list[int]] = field(default_factory=list[list[int]])
    misread: list[str] = field(default_factory=list[str])


def tried(image: Path, asked: Mapping[str, Mapping[str, Any]]) -> dict[str, Tried]:
    """By function, its ``paths`` and ``suspects`` against the image; what ends the comparison is a finding."""
    command = [sys.executable, "-m", "dita.conformance.equiv.on_processor", str(image)]
    try:
        done = subprocess.run(
            command, input=json.dumps(asked), capture_output=True, text=True, check=False, timeout=SECONDS
        )
    except subprocess.TimeoutExpired:
        return {name: Tried(misread=[f"nothing was said in {SECONDS} seconds"]) for name in asked}
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"])[-1]
        return {name: Tried(misread=[last]) for name in asked}
    return {name: Tried(**found) for name, found in json.loads(done.stdout).items()}


# --- arguments ------------------------------------------------------------------------------------------------------


def vectors_of(contract: Contract) -> list[Arguments]:
    """Every small argument with every other, and where the function turns; all within its domain."""
    domain = domain_of(contract)
    small = product(range(SMALL[contract.arity]), repeat=contract.arity)
    every = (*small, *arithmetic_vectors.vectors(contract.name), *_edges(contract))
    return [
        one for one in dict.fromkeys(every) if all(map(_fits, one)) and in_domain(contract.name, one) and domain(*one)
    ]


def _fits(value: int) -> bool:
    return -(WRAP // 2) <= value < WRAP // 2


def _edges(contract: Contract) -> Iterator[Arguments]:
    """Bounds and their neighbours on every place, multiples of the divisors and their ties, beside plain values."""
    rng = Random(f"edges of {contract.name}")
    ends = (0, 1, 2, BOUND - 1, BOUND, (1 << 32) - 1, 1 << 32, (1 << 63) - 1, -1, -(1 << 63))
    turns = [
        times * divisor // 2 + off
        for divisor in DIVISORS
        for times in (1, 2, 3, 4, 5, 101, 2 * (BOUND // divisor) - 1, 2 * (BOUND // divisor))
        for off in (-1, 0, 1)
    ]
    plain = (1, 2, 3, 7, *DIVISORS, BOUND)
    for place in range(contract.arity):
        for value in (*ends, *turns):
            for _ in range(12):
                others = [rng.choice(plain) for _ in range(contract.arity)]
                yield (*others[:place], value, *others[place + 1 :])
    for _ in range(1_000):  # products around a multiple of a divisor, or around half of one
        divisor, factor = rng.choice(DIVISORS), rng.choice((1, 2, 3, 5, 8, 1 << 20, 10**6))
        value = rng.getrandbits(rng.randrange(1, 40)) * divisor // (2 * factor) + rng.randrange(-1, 2)
        others = [rng.choice((1, BOUND, RATIO_SCALE, rng.getrandbits(30))) for _ in range(contract.arity - 2)]
        yield (value, factor, *others)


# --- comparisons ----------------------------------------------------------------------------------------------------


def compared(contract: Contract, asked: Mapping[str, Any], replayed: Replayed) -> Tried:
    """One function's vectors."""
    found = Tried()
    call = f"dita_{contract.name}"
    vectors = vectors_of(contract)
    suspects = [tuple(one) for one in asked["suspects"] if domain_of(contract)(*one)]
    for arguments in dict.fromkeys((*suspects, *vectors)):
        found.vectors += 1
        image = replayed.call(call, tuple(value % WRAP for value in arguments))
        if image != by_reference(contract.name, arguments) % WRAP:
            found.shown += arguments in suspects
            found.differ += [list(arguments)] if len(found.differ) < SHOWN else []
    paths = [said_by(Asserted.of(path)) for path in asked["paths"]]
    rng, hit = Random(f"paths of {contract.name}"), set[int]()
    words = [tuple(rng.choice(_PLACES)(rng) for _ in range(contract.arity)) for _ in range(LIFTED // 2)]
    for arguments in (*rng.sample(vectors, min(LIFTED, len(vectors))), *words):
        given = tuple(value % WRAP for value in arguments)
        said = {number: answer for number, path in enumerate(paths) if (answer := path(given)) is not None}
        if TRAPS in said.values():  # outside the domain; it would end this process
            continue
        found.lifted += 1
        hit |= said.keys()
        image = replayed.call(call, given)
        if [*said.values()] != [image] and len(found.misread) < SHOWN:
            found.misread.append(f"{call}{arguments} is `{image}` on the processor; by its paths: {said}")
    found.taken = len(hit)
    return found


_PLACES: Final[tuple[Callable[[Random], int], ...]] = (
    lambda rng: rng.getrandbits(64), lambda rng: rng.getrandbits(rng.randrange(1, 65)),
    lambda rng: rng.choice((0, 1, WRAP - 1, WRAP // 2, BOUND)), lambda rng: -rng.getrandbits(rng.randrange(1, 63)),
)  # fmt: skip


# --- a path as a function -------------------------------------------------------------------------------------------

TRAPS: Final = -1
"""Instead of an answer: the processor would trap."""
Said = Callable[[Arguments], "int | None"]
"""What a path answers to words; nothing where its conditions do not hold."""


def said_by(path: Asserted) -> Said:
    """A path as a function. Raises Unsupported for an operation that is not known here."""
    writer = _Writer()
    for condition in path.conditions:
        writer.lines.append(f"if not {writer.value(condition)}: return None")
    for numerator, divisor, signed in path.divisions:
        over, by, bits = writer.value(numerator), writer.value(divisor), divisor.size()
        writer.lines.append(f"if traps({over}, {by}, {bits}, {signed}): return {TRAPS}")
    writer.lines.append(f"return {writer.value(path.answer)}")
    space: dict[str, Any] = {"signed": _signed, "traps": _traps, "div": _quotient, "rem": _remainder}
    exec("def said(argument):\n " + "\n ".join(writer.lines), space)  # noqa: S102 - a formula, written out
    return cast("Said", space["said"])


def _signed(value: int, bits: int) -> int:
    return value - (1 << bits) if value >> (bits - 1) else value


def _traps(numerator: int, divisor: int, bits: int, signed: bool) -> bool:
    """Whether a division of twice as many bits by so many ends in a fault."""
    if divisor == 0:
        return True
    if not signed:
        return numerator // divisor >= 1 << bits
    over, by = _signed(numerator, 2 * bits), _signed(divisor, bits)
    quotient = abs(over) // abs(by) * (1 if (over < 0) == (by < 0) else -1)
    return not -(1 << (bits - 1)) <= quotient < 1 << (bits - 1)


def _quotient(one: int, other: int, bits: int, with_sign: bool) -> int:
    """SMT-LIB's: towards zero, and by zero the words of all ones, or of one."""
    over, by = (_signed(one, bits), _signed(other, bits)) if with_sign else (one, other)
    if by == 0:
        return 1 if over < 0 else -1
    return abs(over) // abs(by) * (1 if (over < 0) == (by < 0) else -1)


def _remainder(one: int, other: int, bits: int, with_sign: bool) -> int:
    """SMT-LIB's: with the numerator's sign, and by zero the numerator."""
    over, by = (_signed(one, bits), _signed(other, bits)) if with_sign else (one, other)
    return over if by == 0 else over - by * _quotient(one, other, bits, with_sign)


@dataclass(slots=True)
class _Writer:
    """Writes terms out as assignments, each once."""

    lines: list[str] = field(default_factory=list[str])
    _done: dict[int, str] = field(default_factory=dict[int, str])
    _kept: list[z3.ExprRef] = field(default_factory=list[z3.ExprRef])  # or their ids would be given again

    def value(self, term: z3.ExprRef) -> str:
        """The variable that holds the term's value: a truth value, or a word's bits as a number."""
        for part in children_first(term, self._done):
            self._kept.append(part)
            self._done[part.get_id()] = f"v{len(self._done)}"
            self.lines.append(f"{self._done[part.get_id()]} = {self._written(part)}")
        return self._done[term.get_id()]

    def _written(self, term: z3.ExprRef) -> str:
        given = [self._done[child.get_id()] for child in term.children()]
        name = term.decl().name()
        if z3.is_bv_value(term):
            return str(term.as_long())
        if not given:
            number = name.removeprefix("argument.")
            return {"true": "True", "false": "False"}.get(name) or f"argument[{int(number)}]"
        made = _WRITTEN.get(name)
        if made is None:
            raise Unsupported(f"no meaning of `{name}` is known here")
        bits = [child.size() if z3.is_bv(child) else 0 for child in term.children()]
        text = made(given, bits, term.params())
        return f"({text}) & {(1 << term.size()) - 1}" if z3.is_bv(term) else text


_Made = Callable[[list[str], list[int], Sequence[Any]], str]


def _infix(sign: str) -> _Made:
    return lambda given, _, __: f" {sign} ".join(given)


def _infix_signed(sign: str) -> _Made:
    return lambda given, bits, _: f" {sign} ".join(f"signed({one}, {bits[0]})" for one in given)


def _division(function: str, with_sign: bool) -> _Made:
    return lambda given, bits, _: f"{function}({given[0]}, {given[1]}, {bits[0]}, {with_sign})"


def _joined(given: list[str], bits: list[int], _: Sequence[Any]) -> str:
    text = given[0]
    for one, size in zip(given[1:], bits[1:], strict=True):
        text = f"(({text}) << {size} | {one})"
    return text


_WRITTEN: Final[dict[str, _Made]] = {
    "bvadd": _infix("+"), "bvsub": _infix("-"), "bvmul": _infix("*"), "bvand": _infix("&"), "bvor": _infix("|"),
    "bvxor": _infix("^"), "bvult": _infix("<"), "bvule": _infix("<="), "bvugt": _infix(">"), "bvuge": _infix(">="),
    "bvslt": _infix_signed("<"), "bvsle": _infix_signed("<="), "bvsgt": _infix_signed(">"),
    "bvsge": _infix_signed(">="), "=": _infix("=="), "and": _infix("and"), "or": _infix("or"),
    "distinct": _infix("!="), "not": lambda given, _, __: f"not {given[0]}",
    "bvneg": lambda given, _, __: f"-{given[0]}", "bvnot": lambda given, _, __: f"~{given[0]}",
    "if": lambda given, _, __: f"{given[1]} if {given[0]} else {given[2]}",
    "bvudiv": _division("div", False), "bvsdiv": _division("div", True),
    "bvurem": _division("rem", False), "bvsrem": _division("rem", True), "concat": _joined,
    "extract": lambda given, _, places: f"{given[0]} >> {places[1]}", "zero_extend": lambda given, _, __: given[0],
    "sign_extend": lambda given, bits, _: f"signed({given[0]}, {bits[0]})",
    "bvshl": lambda given, bits, _: f"{given[0]} << min({given[1]}, {bits[0]})",
    "bvlshr": lambda given, _, __: f"{given[0]} >> {given[1]}",
    "bvashr": lambda given, bits, _: f"signed({given[0]}, {bits[0]}) >> {given[1]}",
}  # fmt: skip
"""What an operation is in Python, before it is cut to its size; of the numbers behind each, their sizes and places."""


def main(arguments: Sequence[str]) -> int:
    """Compare the functions of standard input with an image."""
    (image,) = arguments
    asked: dict[str, Any] = json.load(sys.stdin)
    replayed = Replayed(Path(image))
    found = {name: asdict(compared(CONTRACTS[name], about, replayed)) for name, about in asked.items()}
    sys.stdout.write(json.dumps(found))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

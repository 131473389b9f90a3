"""A path of the image's machine code as ``surroundings.py`` tells it, and the memory that it makes.

Memory is a function of addresses to bytes, free before the path. What the journal says was written hides what was
there; so a byte is a choice among the entries, the last first, and two memories are equal where no address tells them
apart. No region is assumed to lie anywhere: where two overlap, the formulas say so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import z3

BYTE: Final = 8
WORD_BYTES: Final = 8
WORD_BITS: Final = 64
Memory = Callable[[z3.BitVecRef], z3.BitVecRef]
"""The byte at an address."""
_ADDRESS: Final = z3.BitVecSort(WORD_BITS)
READ_MAX: Final = 64  # bytes that one access reads; what a copy reads has no word of its own


def free(name: str) -> Memory:
    """Memory of which nothing is known."""
    function = z3.Function(name, _ADDRESS, z3.BitVecSort(BYTE))

    def at(where: z3.BitVecRef) -> z3.BitVecRef:
        found: z3.BitVecRef = function(where)
        return found

    return at


BEFORE: Final = free("before")
ROUND: Final = free("round")
"""Before the call, and before a round of its loop."""


def lies_in(where: z3.BitVecRef, begin: z3.BitVecRef, length: int) -> z3.BoolRef:
    """Whether an address is one of so many from there on."""
    return z3.ULT(where - begin, length)


def apart(one: z3.BitVecRef, length: int, other: z3.BitVecRef, others: int) -> z3.BoolRef:
    """Whether one ends where the other begins or before; of memory that goes around there is none (``in_order``)."""
    return z3.Or(z3.ULE(one + length, other), z3.ULE(other + others, one))


def in_order(begin: z3.BitVecRef, length: int) -> z3.BoolRef:
    """Whether so many bytes end where they begin or behind it, not around the end of all addresses."""
    return z3.ULE(begin, begin + length)


def bits_at(memory: Memory, where: z3.BitVecRef, length: int) -> z3.BitVecRef:
    """So many bytes, the lowest first, as one word."""
    parts = [memory(where + offset) for offset in reversed(range(length))]
    return z3.Concat(*parts) if length > 1 else parts[0]


def word_at(memory: Memory, where: z3.BitVecRef) -> z3.BitVecRef:
    """The 64-bit word there."""
    return bits_at(memory, where, WORD_BYTES)


def byte_of(value: z3.BitVecRef, offset: z3.BitVecRef) -> z3.BitVecRef:
    """The byte of a word at an offset, the lowest first."""
    size = value.size()
    shift = z3.ZeroExt(size - WORD_BITS, offset) if size > WORD_BITS else z3.Extract(size - 1, 0, offset)
    return z3.Extract(BYTE - 1, 0, z3.LShR(value, shift * BYTE))


def with_words(memory: Memory, begin: z3.BitVecRef, values: Sequence[z3.BitVecRef]) -> Memory:
    """The memory with these words from there on."""

    def changed(where: z3.BitVecRef) -> z3.BitVecRef:
        found = memory(where)
        for number, value in enumerate(values):
            offset = where - (begin + WORD_BYTES * number)
            found = z3.If(z3.ULT(offset, WORD_BYTES), byte_of(value, offset), found)
        return found

    return changed


def with_copy(memory: Memory, begin: z3.BitVecRef, length: int, of: Memory, source: z3.BitVecRef) -> Memory:
    """The memory with so many bytes of another one."""
    return lambda where: z3.If(lies_in(where, begin, length), of(source + (where - begin)), memory(where))


class Entry(NamedTuple):
    """Something that happens to memory: see ``surroundings.py``."""

    what: str
    bytes: int
    of: int
    content: str
    terms: Mapping[str, z3.ExprRef]

    def word(self, label: str) -> z3.BitVecRef:
        """One of its words."""
        value = self.terms[label]
        if not isinstance(value, z3.BitVecRef):
            raise ValueError(f"`{label}` of `{self.what}` is no word")
        return value


@dataclass(frozen=True, slots=True)
class Walk:
    """One path: where it begins and ends, its conditions, its journal, its result, what must be equal after a round."""

    begin: str
    end: str
    holds: tuple[z3.BoolRef, ...]
    entries: tuple[Entry, ...]
    result: z3.BitVecRef | None
    pairs: tuple[tuple[z3.ExprRef, z3.ExprRef], ...]
    records: Mapping[str, int]  # that the core may write to, and their bytes

    @property
    def cores(self) -> list[int]:
        """Where dita_core is called, since the beginning of a round."""
        return [number for number in range(self.first, len(self.entries)) if self.entries[number].what == "core"]

    @property
    def first(self) -> int:
        """The first entry, of a round if there is one."""
        rounds = [number for number, entry in enumerate(self.entries) if entry.what == "round"]
        return rounds[-1] + 1 if rounds else 0

    @property
    def base(self) -> Memory:
        """The memory at its first entry."""
        return ROUND if self.first else BEFORE

    @property
    def after(self) -> Memory:
        """The memory that it leaves."""
        return self.memory(len(self.entries))

    def memory(self, until: int) -> Memory:
        """The memory before an entry."""
        memory = BEFORE
        for number in range(until):
            entry = self.entries[number]
            if entry.what == "round":
                memory = ROUND
            elif entry.what == "write":
                memory = _written(memory, entry)
            elif entry.what.startswith("copy"):
                read = self.entries[entry.of]
                memory = with_copy(
                    memory, entry.word("address"), entry.bytes, self.memory(entry.of), read.word("address")
                )
            elif entry.what == "constant":
                data = bytes.fromhex(entry.content)
                values = [data[at : at + WORD_BYTES] for at in range(0, len(data), WORD_BYTES)]
                words = [z3.BitVecVal(int.from_bytes(value, "little"), WORD_BITS) for value in values]
                memory = with_words(memory, entry.word("address"), words)
            elif entry.what == "core":
                for record, length in self.records.items():
                    left = free(f"left.{number}")
                    memory = with_copy(memory, entry.word(record), length, left, entry.word(record))
            elif entry.what != "read":
                raise ValueError(f"a journal says `{entry.what}`")
        return memory


def _written(memory: Memory, entry: Entry) -> Memory:
    address, value = entry.word("address"), entry.word("value")

    def changed(where: z3.BitVecRef) -> z3.BitVecRef:
        here = lies_in(where, address, entry.bytes)
        condition = entry.terms.get("condition")
        if isinstance(condition, z3.BoolRef):
            here = z3.And(condition, here)
        return z3.If(here, byte_of(value, where - address), memory(where))

    return changed


def walks_of(answer: Mapping[str, Any], records: Mapping[str, int]) -> list[Walk]:
    """The paths of an answer, every word that they read put in place. Raises ValueError."""
    return [_walk(path, records) for path in answer["paths"]]


def _walk(path: Mapping[str, Any], records: Mapping[str, int]) -> Walk:
    asserted = list(z3.parse_smt2_string(path["text"]))
    named = dict(_definition(fact) for fact in asserted[path["conditions"] :])
    reads: list[tuple[z3.ExprRef, z3.ExprRef]] = []
    entries: list[Entry] = []

    def known(term: z3.ExprRef) -> z3.ExprRef:
        return z3.substitute(term, *reads)

    for number, told in enumerate(path["journal"]):
        terms = {label: known(named[f"journal.{number}.{label}"]) for label in told["labels"]}
        entries.append(Entry(told["what"], told["bytes"], told["of"], told["content"], terms))
        if told["what"] == "read" and told["bytes"] <= READ_MAX:
            so_far = Walk(path["begin"], path["end"], (), tuple(entries), None, (), records)
            word = bits_at(so_far.after, entries[-1].word("address"), told["bytes"])
            reads.append((z3.BitVec(f"read.{number}", told["bytes"] * BYTE), word))
    result = known(named["result"]) if path["end"] == "return" else None
    if result is not None and not isinstance(result, z3.BitVecRef):
        raise ValueError("a path's result is no word")
    pairs = [
        (known(named[f"next.{number}.actual"]), known(named[f"next.{number}.expected"]))
        for number in range(path["pairs"])
    ]
    holds = tuple(z3.substitute(fact, *reads) for fact in asserted[: path["conditions"]])
    return Walk(path["begin"], path["end"], holds, tuple(entries), result, tuple(pairs), records)


def _definition(fact: z3.BoolRef) -> tuple[str, z3.ExprRef]:
    """A name and what it stands for; the solver that wrote it may have turned the two."""
    sides = fact.children()
    for name, value in (sides, sides[::-1]):
        if name.num_args() == 0 and name.decl().name().startswith(("journal.", "result", "next.")):
            return name.decl().name(), value
    raise ValueError(f"`{fact}` defines no name")

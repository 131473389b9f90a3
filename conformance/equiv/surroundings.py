"""Every path of the image's exported functions around ``dita_core``, as SMT-LIB text: run in ``.venv/equiv``.

    .venv/equiv/bin/python surroundings.py < request.jsonl > answers.jsonl

To one request there is one answer for every function that it names. Arguments are free words, pointers included, and
memory is arbitrary: what a path reads and writes is a *journal*, in order, of which the other side
(``dita.conformance.equiv.surroundings``) makes the memory that is left. Only the stack and the image's constants lie at
addresses that are numbers, apart from everything that a caller's pointer leads to. ``dita_core`` is not entered: the
journal says with which pointers it was called. Neither are ``memcpy``, ``memmove`` and ``memset``: these are entries.

A function that counts has a loop. Its head is the first place that a path comes back to. What changes from the first
time there to the second by a number becomes that number times a free ``index``; what stays is kept; everything else is
garbage. From there one round is explored. That a round leads to the same with the next index, or out with the last,
is for the other side to decide. Where nothing counts, loops are followed to their end.

What a copy brings to the stack is compared there word by word (``dita_restore``). Such conditions are left out, so that
one path stands for both outcomes of each, and a read through such a word gives any word: that only adds paths. Nothing
that a path writes or answers may depend on one.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import time
from collections.abc import Iterator
from typing import Any, ClassVar, Final, NamedTuple

import angr
import claripy
from angr.engines.vex.claripy import ccall
from angr.storage.memory_mixins import DefaultMemory
from machine import BYTES, DONE, GARBAGE, KEPT, POINTERS, STACK_BYTES, STACK_TOP, WORD, Machine, NotUnderstood

ENTRY_STACK: Final = STACK_TOP - 0x1000 + BYTES  # as the convention has it: a multiple of 16, less the return address
STACK: Final = (STACK_TOP - STACK_BYTES, STACK_BYTES)
RED_ZONE: Final = 128
ANGR_STACK_BYTES: Final = 1 << 20  # of a stack that angr makes and nothing here uses
SCRATCH_REGISTERS: Final = ("rax", *POINTERS, "r10", "r11")
WORDS_MAX: Final = 128  # of one copy that are written down singly
STEPS_MAX: Final = 100_000
POINTER: Final = "pointer."
COPIED: Final = re.compile(r"(copied|loose)\.\d+\.\d+")
"""Words that a copy brought to the stack, and what an access to one of several of them gives."""

_FLAGS: Final = ("cc_op", "cc_dep1", "cc_dep2", "cc_ndep")
_VECTORS: Final = tuple(f"ymm{number}" for number in range(16))
_TRACKED: Final = (*SCRATCH_REGISTERS, *KEPT, *_VECTORS)


def product_flags(state: Any, bits: int, one: Any, other: Any, more: Any, platform: Any = None) -> Any:
    """The flags after an unsigned product: carry and overflow say whether its upper half is zero.

    angr takes the upper half from the lower one, so that a product never overflows where its sign is clear.
    """
    del state, more
    wide = one[bits - 1 : 0].zero_extend(bits) * other[bits - 1 : 0].zero_extend(bits)
    low = wide[bits - 1 : 0]
    over = claripy.If(wide[2 * bits - 1 : bits] != 0, claripy.BVV(1, 1), claripy.BVV(0, 1))
    parity, zero, none = ccall.calc_paritybit(low), ccall.calc_zerobit(low), claripy.BVV(0, 1)
    size = ccall.data[platform]["size"]
    return ccall.pc_make_rdata(size, over, parity, none, zero, low[bits - 1], over, platform=platform)


class Entry(NamedTuple):
    """Something that happens to memory: its words, by label, and what else the other side must know of it."""

    what: str
    bytes: int
    named: tuple[tuple[str, Any], ...]
    of: int = -1  # of a copy, the entry that read it
    content: str = ""  # of constants, in hexadecimal


class Come(NamedTuple):
    """Where a path ended: its return, or the head of the loop."""

    state: Any
    returned: bool


class Again(Exception):
    """A path comes back to a place."""

    def __init__(self, place: int) -> None:
        super().__init__(f"a path comes back to {place:#x}")
        self.place = place


class Journalled(DefaultMemory):
    """Memory of which only the stack and the image's constants are kept here; all else is in the journal."""

    around: ClassVar[Surroundings]

    def load(self, addr: Any, size: Any = None, **options: Any) -> Any:
        """What is read there."""
        own = self.around.is_own(self.state, addr, size, writing=False)
        if own is None:
            return self.around.loose(size * BYTES)
        if own:
            return super().load(addr, size, **options)
        if options.get("endness") != "Iend_LE" or options.get("condition") is not None:
            raise NotUnderstood(f"a read that is no plain one, at {self.state.addr:#x}")
        return self.around.read(self.state, addr, size)

    def store(self, addr: Any, data: Any, size: Any = None, **options: Any) -> None:
        """Write there."""
        own = self.around.is_own(self.state, addr, data.length // BYTES if size is None else size, writing=True)
        if own:
            self.state.globals["stack"] = hash((self.state.globals["stack"], str(addr), data.hash()))
            super().store(addr, data, size, **options)
            return
        if own is None or options.get("endness") != "Iend_LE":
            raise NotUnderstood(f"a write that is no plain one, at {self.state.addr:#x}")
        self.around.write(self.state, addr, data, options.get("condition"))


class Surroundings(Machine):
    """One image; its functions around the step."""

    def __init__(self, request: dict[str, Any]) -> None:
        super().__init__({**request, "functions": {}, "unread": []})
        self.step = self.address(request["step"])
        self.project.hook(self.step, _Core(self))
        for name, make in (("memcpy", _Copy), ("memmove", _Copy), ("memset", _Fill)):
            self.project.hook_symbol(name, make(self, name), replace=True)
        Journalled.around = self
        self.table = self._table(request["table"])

    def _table(self, name: str) -> tuple[int, int]:
        """Where the kernels lie, and in how many bytes."""
        symbols = self.project.loader.main_object.symbols
        found = [symbol for symbol in symbols if re.search(rf"\d{name}\d", symbol.name) and symbol.size]
        if len(found) != 1:
            raise NotUnderstood(f"the image has {len(found)} tables `{name}`")
        return int(found[0].rebased_addr), int(found[0].size)

    # --- memory ---------------------------------------------------------------------------------------------------

    def is_own(self, state: Any, where: Any, size: Any, *, writing: bool) -> bool | None:
        """Whether this is the stack or a constant. None: any place, to be read only. Raises NotUnderstood."""
        length = size if isinstance(size, int) else size.concrete_value
        stack = (STACK[0], STACK_TOP)
        if isinstance(where, int) or where.concrete:
            place = where if isinstance(where, int) else where.concrete_value
            if any(begin <= place and place + length <= end for begin, end in self.constants):
                if writing:
                    raise NotUnderstood(f"a write to the image's constants at {place:#x}")
                return True
            if stack[0] <= place and place + length <= stack[1]:
                return True
            if any(begin < place + length and place < end for begin, end in (stack, *self.constants)):
                raise NotUnderstood(f"an access of {length} bytes at {place:#x} goes beyond")
            return False
        if any(name.startswith(POINTER) for name in where.variables):
            return False
        inside = claripy.ULE(where - self.table[0], self.table[1] - length)
        if not writing and any(COPIED.fullmatch(name) for name in where.variables):
            return None
        if not state.solver.satisfiable(extra_constraints=[claripy.Not(inside)]):
            return False
        raise NotUnderstood(f"an access to a place that is not known at {state.addr:#x}")

    def note(self, state: Any, entry: Entry) -> int:
        """One more entry of the journal; its number."""
        journal = state.globals["journal"]
        state.globals["journal"] = (*journal, entry)
        return len(journal)

    def read(self, state: Any, where: Any, size: int) -> Any:
        """The word read there, which is free here and defined by the other side."""
        number = self.note(state, Entry("read", size, (("address", where),)))
        return claripy.BVS(f"read.{number}", size * BYTES, explicit_name=True)

    def write(self, state: Any, where: Any, value: Any, condition: Any = None) -> None:
        """Write this there, on that condition."""
        named = (("address", where), ("value", value), *((("condition", condition),) if condition is not None else ()))
        self.note(state, Entry("write", value.length // BYTES, named))

    def loose(self, bits: int) -> Any:
        """Any word; what is decided by it is left out."""
        self.garbage += 1
        return claripy.BVS(f"loose.{self.garbage}.0", bits, explicit_name=True)

    def forget(self, state: Any) -> None:
        """What a callee may change: the red zone below the stack, too."""
        super().forget(state)
        state.regs.rax = self.junk(WORD)
        for offset in range(BYTES, RED_ZONE + 1, BYTES):
            state.memory.store(state.regs.rsp - offset, self.junk(WORD), endness="Iend_LE")

    # --- exploring ------------------------------------------------------------------------------------------------

    def begin(self, call: dict[str, Any]) -> Any:
        """The call of a function with free arguments."""
        options = angr.options
        memory = Journalled(
            cle_memory_backer=self.project.loader, memory_id="mem", stack_end=self.project.arch.initial_sp,
            stack_size=ANGR_STACK_BYTES, stack_perms=3,
        )  # fmt: skip
        state = self.project.factory.blank_state(
            addr=self.address(call["function"]),
            plugins={"memory": memory},
            add_options={
                options.SYMBOL_FILL_UNCONSTRAINED_MEMORY,
                options.SYMBOL_FILL_UNCONSTRAINED_REGISTERS,
                options.LAZY_SOLVES,
            },
            remove_options=set(options.simplification),
        )
        state.globals["journal"], state.globals["visited"], state.globals["fork"] = (), frozenset(), False
        state.globals["stack"] = 0
        state.inspect.b("constraints", when=angr.BP_BEFORE, action=_looked)
        arguments = [
            claripy.BVS(f"{POINTER if name in call['pointers'] else 'number.'}{name}", WORD, explicit_name=True)
            for name in call["arguments"]
        ]
        state.regs.d = 1  # strings go upwards, as the convention says
        for name in (*KEPT, *SCRATCH_REGISTERS):
            setattr(state.regs, name, claripy.BVS(f"{GARBAGE}.{name}", WORD, explicit_name=True))
        for name in _VECTORS:
            setattr(state.regs, name, self.junk(4 * WORD))
        for name, value in zip(POINTERS, arguments, strict=False):
            setattr(state.regs, name, value)
        state.regs.rsp = ENTRY_STACK
        for number, value in enumerate([claripy.BVV(DONE, WORD), *arguments[len(POINTERS) :]]):
            state.memory.store(ENTRY_STACK + BYTES * number, value, endness="Iend_LE")
        return state

    def run(self, start: Any, head: int | None, *, once: bool) -> Iterator[Come]:
        """Every path from there to its return or to the head. Raises NotUnderstood; Again where a place must be new."""
        todo, seen = [start], Seen()
        for _ in range(STEPS_MAX):
            if not todo:
                return
            state = todo.pop()  # the newest first, so that few are kept at a time
            if state.globals["fork"] and seen.covers(self, state):
                continue
            if state.addr == DONE:
                self._require_convention(state)
                yield Come(state, returned=True)
                continue
            if state.addr == head and state is not start:
                yield Come(state, returned=False)
                continue
            if once and not self.project.is_hooked(state.addr):
                place = (state.addr, state.regs.rsp.concrete_value)
                if place in state.globals["visited"]:
                    raise Again(state.addr)
                state.globals["visited"] |= {place}
            todo += self.after(state)
        raise NotUnderstood(f"more than {STEPS_MAX} steps")

    @staticmethod
    def _require_convention(state: Any) -> None:
        if state.regs.rsp.concrete_value != ENTRY_STACK + BYTES:
            raise NotUnderstood("a path returns with another stack")
        for name in KEPT:
            value = getattr(state.regs, name)
            if value.op != "BVS" or value.args[0] != f"{GARBAGE}.{name}":
                raise NotUnderstood(f"a path does not restore {name}")

    def explored(self, call: dict[str, Any]) -> list[dict[str, Any]]:
        """Every path of a function; of one that counts, those to the loop's head and those of a round."""
        if not call["count"]:
            return distinct(self.told(come, "entry") for come in self.run(self.begin(call), None, once=False))
        try:
            for _ in self.run(self.begin(call), None, once=True):
                pass
        except Again as again:
            head = again.place
        else:
            raise NotUnderstood("it counts, and no path comes back to a place")
        try:
            arrived = list(self.run(self.begin(call), head, once=True))
            found = [self.told(come, "entry") for come in arrived]
            for come in arrived:
                if not come.returned:
                    found += self.round(come.state, head, call["count"])
        except Again as again:
            raise NotUnderstood(f"another loop, at {again.place:#x}") from again
        return distinct(found)

    def round(self, first: Any, head: int, count: str) -> list[dict[str, Any]]:
        """The paths of a round of any index, from the first arrival at the head."""
        stack = first.regs.rsp.concrete_value
        start = first.copy()
        start.globals["visited"] = frozenset()
        seconds = [come.state for come in self.run(start, head, once=True) if not come.returned]
        if not seconds or any(state.regs.rsp.concrete_value != stack for state in seconds):
            raise NotUnderstood("no path comes back to the loop's head with the same stack")
        index = claripy.BVS("index", WORD, explicit_name=True)
        state = first.copy()
        state.globals["visited"] = frozenset()
        self.note(state, Entry("round", 0, ()))
        kept: list[tuple[Any, Any]] = []  # where something is kept, and what is there after a round
        for place in (*_TRACKED, *range(stack, STACK_TOP, BYTES)):
            now, later = held(first, place), [held(other, place) for other in seconds]
            steps = {difference(now, other) for other in later}
            stride = steps.pop() if len(steps) == 1 else None
            if stride is None:
                put(state, place, self.junk(now.length))
                continue
            kept.append((place, now + stride * (index + 1) if stride else now))
            if stride:
                put(state, place, now + stride * index)
        for name in _FLAGS:
            setattr(state.regs, name, self.junk(WORD) if name != "cc_op" else 0)
        for offset in range(BYTES, RED_ZONE + 1, BYTES):
            state.memory.store(stack - offset, self.junk(WORD), endness="Iend_LE")
        state.add_constraints(claripy.ULT(index, claripy.BVS(f"number.{count}", WORD, explicit_name=True)))
        found: list[dict[str, Any]] = []
        for come in self.run(state, head, once=True):
            if not come.returned and come.state.regs.rsp.concrete_value != stack:
                raise NotUnderstood("a round changes the stack")
            pairs = [] if come.returned else [(held(come.state, place), later) for place, later in kept]
            found.append(self.told(come, "round", [pair for pair in pairs if pair[0] is not pair[1]]))
        return found

    # --- telling --------------------------------------------------------------------------------------------------

    def told(self, come: Come, begin: str, pairs: Any = ()) -> dict[str, Any]:
        """A path as text: its conditions, its journal, its result, and what must be equal after a round."""
        z3 = claripy.backends.z3
        solver = z3.solver()
        for condition in come.state.solver.constraints:
            solver.add(z3.convert(condition))
        conditions = len(solver.assertions())

        def named(name: str, value: Any) -> None:
            bits = value.length  # of a truth value, none
            word = claripy.BVS(name, bits, explicit_name=True) if bits else claripy.BoolS(name, explicit_name=True)
            solver.add(z3.convert(word) == z3.convert(value))

        for number, entry in enumerate(come.state.globals["journal"]):
            for label, value in entry.named:
                named(f"journal.{number}.{label}", value)
        if come.returned:
            named("result", come.state.regs.rax)
        for number, (actual, expected) in enumerate(pairs):
            named(f"next.{number}.actual", actual)
            named(f"next.{number}.expected", expected)
        text = str(solver.sexpr())
        if GARBAGE in text or COPIED.search(text):
            raise NotUnderstood("what a path decides, writes or gives depends on garbage")
        journal = [
            {"what": entry.what, "bytes": entry.bytes, "of": entry.of, "content": entry.content,
             "labels": [label for label, _ in entry.named]}
            for entry in come.state.globals["journal"]
        ]  # fmt: skip
        return {"begin": begin, "end": "return" if come.returned else "round", "conditions": conditions,
                "journal": journal, "pairs": len(pairs), "text": text}  # fmt: skip


def _looked(state: Any) -> None:
    """Leave out what is asked of words that a copy brought."""
    facts = state.inspect.added_constraints
    kept = [fact for fact in facts if not any(COPIED.fullmatch(name) for name in fact.variables)]
    if len(kept) < len(facts):
        state.globals["fork"] = True
        state.inspect.added_constraints = kept


def held(state: Any, place: str | int) -> Any:
    """What a register or a word of the stack holds."""
    if isinstance(place, str):
        return getattr(state.regs, place)
    return state.memory.load(place, BYTES, endness="Iend_LE")


def put(state: Any, place: str | int, value: Any) -> None:
    """Put that into a register or a word of the stack."""
    if isinstance(place, str):
        setattr(state.regs, place, value)
    else:
        state.memory.store(place, value, endness="Iend_LE")


def difference(one: Any, other: Any) -> int | None:
    """By how much the other is more, if that is a number."""
    if one is other:
        return 0
    found = claripy.simplify(other - one)
    return int(found.concrete_value) if found.concrete else None


def distinct(paths: Any) -> list[dict[str, Any]]:
    """Each path once."""
    return list({json.dumps(path, sort_keys=True): path for path in paths}.values())


class Seen:
    """Where comparisons of copied words led to, so that each place is followed once and not once a comparison.

    A state is left aside if one like it was followed: with the same journal, conditions and stack, and any word in
    every register in which the two differ. So a loop that only compares is followed with any counter.
    """

    def __init__(self) -> None:
        self._followed: dict[Any, dict[str, Any]] = {}

    def covers(self, around: Surroundings, state: Any) -> bool:
        """Whether it need not be followed. If it must, registers that differ hold any word from here on."""
        state.globals["fork"] = False
        words = {name: getattr(state.regs, name) for name in (*_TRACKED, *_FLAGS)}
        facts = frozenset(fact.hash() for fact in state.solver.constraints)
        key = (
            state.addr, state.regs.rsp.concrete_value, state.globals["journal"], state.globals["stack"], facts,
        )  # fmt: skip
        before = self._followed.setdefault(key, {})
        if not before:
            before |= words
            return False
        others = [name for name, word in words.items() if before[name] is not word and not _is_any(before[name])]
        if not others:
            return True
        before |= {name: around.loose(words[name].length) for name in others}
        for name, word in before.items():
            if _is_any(word):
                setattr(state.regs, name, word if name != "cc_op" else 0)
        return False


def _is_any(word: Any) -> bool:
    return word.op == "BVS" and bool(COPIED.fullmatch(str(word.args[0])))


class _Hook(angr.SimProcedure):
    """Stands for a function that is not entered."""

    def __init__(self, around: Surroundings, named: str = "") -> None:
        super().__init__()
        self.around, self.named = around, named

    def given(self, count: int) -> list[Any]:
        """Its arguments."""
        return [getattr(self.state.regs, name) for name in POINTERS[:count]]

    def length(self, value: Any) -> int:
        """So many bytes, which are words."""
        if not value.concrete or value.concrete_value % BYTES:
            raise NotUnderstood(f"{self.named} of `{value}` bytes")
        return int(value.concrete_value)

    def is_own(self, where: Any, length: int, *, writing: bool) -> bool:
        """Whether that is the stack or a constant."""
        own = self.around.is_own(self.state, where, length, writing=writing)
        if own is None:
            raise NotUnderstood(f"{self.named} at some place of the stack")
        return own


class _Core(_Hook):
    """``dita_core``, which writes to the records behind four of its pointers."""

    def run(self) -> None:
        around, state = self.around, self.state
        if (state.regs.rsp.concrete_value + BYTES) % (2 * BYTES) or state.regs.d.concrete_value != 1:
            raise NotUnderstood("dita_core is called against the convention")
        names = around.request["records"]
        pointers = dict(zip(names, self.given(len(names)), strict=True))
        own = {name for name, where in pointers.items() if self.is_own(where, names[name], writing=False)}
        event = around.request["read_only"]
        if own - {event}:
            raise NotUnderstood(f"dita_core is given {sorted(own)} on the stack")
        named = list(pointers.items())
        if own:
            if pointers[event].concrete_value <= state.regs.rsp.concrete_value:
                raise NotUnderstood("dita_core is given an event below the stack")
            for number in range(names[event] // BYTES):
                word = state.memory.load(pointers[event] + BYTES * number, BYTES, endness="Iend_LE")
                named.append((f"{event}.{number}", word))
        around.note(state, Entry("core", 0, tuple(named)))
        around.forget(state)
        self.ret()


class _Copy(_Hook):
    """``memcpy`` and ``memmove``: of all bytes as they were."""

    def run(self) -> None:
        around, state = self.around, self.state
        to, source, size = self.given(3)
        length = self.length(size)
        from_own, to_own = self.is_own(source, length, writing=False), self.is_own(to, length, writing=True)
        offsets = range(0, length, BYTES)
        words: list[Any] = []
        number = -1
        if from_own:
            words = [state.memory.load(source + offset, BYTES, endness="Iend_LE") for offset in offsets]
            number = _one_copy(words)
        else:
            number = around.note(state, Entry("read", length, (("address", source),)))
            words = [claripy.BVS(f"copied.{number}.{at // BYTES}", WORD, explicit_name=True) for at in offsets]
        if to_own:
            for offset, word in zip(offsets, words, strict=True):
                state.memory.store(to + offset, word, endness="Iend_LE")
        elif number >= 0:
            around.note(state, Entry("copy" if self.named == "memmove" else "copy apart", length,
                                     (("address", to),), of=number))  # fmt: skip
        else:
            _write_words(around, state, to, words)
        around.forget(state)
        state.regs.rax = to
        self.ret()


def _one_copy(words: list[Any]) -> int:
    """The entry whose whole copy these words of the stack are; -1 if they are none."""
    if not words or words[0].op != "BVS" or not str(words[0].args[0]).startswith("copied."):
        return -1
    number = int(str(words[0].args[0]).split(".")[1])
    whole = [f"copied.{number}.{index}" for index in range(len(words))]
    return number if [word.args[0] for word in words if word.op == "BVS"] == whole else -1


def _write_words(around: Surroundings, state: Any, to: Any, words: list[Any]) -> None:
    if all(word.concrete for word in words):
        content = b"".join(int(word.concrete_value).to_bytes(BYTES, "little") for word in words)
        around.note(state, Entry("constant", len(content), (("address", to),), content=content.hex()))
        return
    if len(words) > WORDS_MAX:
        raise NotUnderstood(f"a copy of {len(words)} words of the stack")
    for number, word in enumerate(words):
        around.write(state, to + BYTES * number, word)


class _Fill(_Hook):
    """``memset``."""

    def run(self) -> None:
        to, byte, size = self.given(3)
        length = self.length(size)
        words = [claripy.Concat(*[byte[7:0]] * BYTES)] * (length // BYTES)
        if self.is_own(to, length, writing=True):
            for number, word in enumerate(words):
                self.state.memory.store(to + BYTES * number, word, endness="Iend_LE")
        else:
            _write_words(self.around, self.state, to, words)
        self.around.forget(self.state)
        self.state.regs.rax = to
        self.ret()


def main() -> int:
    """Answer the request on the first line of standard input."""
    for name in ("", "angr", "cle", "claripy", "pyvex"):
        logging.getLogger(name).setLevel(logging.ERROR)
    ccall.pc_actions_UMUL = product_flags
    request = json.loads(sys.stdin.readline())
    around = Surroundings(request)
    for call in request["asked"]:
        began = time.monotonic()
        answer: dict[str, Any] = {"function": call["function"], "table": [*around.table, *STACK]}
        try:
            answer["paths"] = around.explored(call)
        except NotUnderstood as problem:
            answer["problem"] = str(problem)
        answer["seconds"] = time.monotonic() - began
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

"""Every path of the image's ``dita_core``, as SMT-LIB text: run by the Python in ``.venv/equiv``, which has angr.

    .venv/equiv/bin/python machine.py < request.jsonl > answers.jsonl

Imports nothing of ours: both ends speak JSON (``dita.conformance.equiv.tools`` is the other one), a line a message. To
one request there is one answer for every kind that it names.

Account, instrument, slot and input are free 64-bit words, the outcome's memory is arbitrary. The named arithmetic is
not entered: a call of it is noted with its arguments, its result is a free word, and every register that the calling
convention lets a callee change holds garbage afterwards. Whatever is not understood ends the run: an access outside the
five records, the stack and the image's constants; a write to the input; an address that is not known; a path that
depends on garbage, that does not return, or that breaks the calling convention.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from functools import partial
from typing import Any, Final

import angr
import claripy

WORD: Final = 64
BYTES: Final = 8
RECORDS: Final = 0x10_000_000  # where the first record lies; the others follow, far apart
APART: Final = 0x100_000
STACK_TOP: Final = 0x7FFF_0000_0000
STACK_BYTES: Final = 0x10_000
DONE: Final = 0x7000_0000
POINTERS: Final = ("rdi", "rsi", "rdx", "rcx", "r8", "r9")
SCRATCH: Final = ("rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11")
KEPT: Final = ("rbx", "rbp", "r12", "r13", "r14", "r15")
VECTORS: Final = 16
GARBAGE: Final = "garbage"
PLACES_MAX: Final = 16  # that one access may have


class NotUnderstood(Exception):
    """The machine code does something that this exploration does not model; nothing is answered."""


class Machine:
    """One image, its step function and its named functions."""

    def __init__(self, request: dict[str, Any]) -> None:
        self.request = request
        self.project: Any = angr.Project(
            request["image"], auto_load_libs=False, use_sim_procedures=False, main_opts={"base_addr": 0x40_0000}
        )
        self.garbage = 0
        self.constants = [
            (section.vaddr, section.vaddr + section.memsize)
            for section in self.project.loader.main_object.sections
            if section.name in (".rodata", ".got", ".data.rel.ro")
        ]
        for text in request["unread"]:
            self.close(bytes.fromhex(text))
        for name, (arity, truth) in request["functions"].items():
            self.project.hook(self.address(name), _Named(self, name, arity, truth))
        self.project.hook_symbol("memset", _Memset(self))

    def address(self, name: str) -> int:
        """Where a function of the image lies."""
        symbol = self.project.loader.main_object.get_symbol(name)
        if symbol is None:
            raise NotUnderstood(f"the image has no function `{name}`")
        return int(symbol.rebased_addr)

    def close(self, content: bytes) -> None:
        """Let nothing read these constants, which are there once. Raises NotUnderstood."""
        held = [(begin, self.project.loader.memory.load(begin, end - begin)) for begin, end in self.constants]
        times = sum(part.count(content) for _, part in held)
        if times != 1:
            raise NotUnderstood(f"`{content.hex()}` is {times} times among the image's constants")
        closed = max(begin + part.find(content) for begin, part in held if content in part)
        parts = [[(begin, min(end, closed)), (max(begin, closed + len(content)), end)] for begin, end in self.constants]
        self.constants = [(begin, end) for both in parts for begin, end in both if begin < end]

    def junk(self, bits: int) -> Any:
        """A value of which nothing is known and on which nothing may depend."""
        self.garbage += 1
        return claripy.BVS(f"{GARBAGE}.{self.garbage}", bits, explicit_name=True)

    def forget(self, state: Any) -> None:
        """What a callee may change."""
        for name in SCRATCH:
            setattr(state.regs, name, self.junk(WORD))
        for number in range(VECTORS):
            setattr(state.regs, f"xmm{number}", self.junk(2 * WORD))
        for name in ("cc_op", "cc_dep1", "cc_dep2", "cc_ndep"):
            setattr(state.regs, name, self.junk(WORD) if name != "cc_op" else 0)

    # --- one kind -------------------------------------------------------------------------------------------------

    def paths(self, kind: int) -> list[dict[str, Any]]:
        """Every path on which an input of this kind can be taken, by these words if any. Raises NotUnderstood."""
        start = self.start(kind)
        entry_stack = start.solver.eval(start.regs.rsp)
        saved = {name: getattr(start.regs, name) for name in KEPT}
        found: list[dict[str, Any]] = []
        todo = [start]
        while todo:  # the newest first, so that few are kept at a time
            state = todo.pop()
            if state.addr == DONE:
                if state.solver.eval(state.regs.rsp) != entry_stack + BYTES:
                    raise NotUnderstood("a path returns with another stack")
                for name, value in saved.items():
                    if getattr(state.regs, name) is not value:
                        raise NotUnderstood(f"a path does not restore {name}")
                found.append(self.written(state))
                continue
            todo += [state for state in self.after(state) if self.is_along(state)]
        return found

    def after(self, state: Any) -> list[Any]:
        """Where a path goes from here. Raises NotUnderstood, for what is no instruction as well."""
        try:
            step = self.project.factory.successors(state)
        except (angr.AngrError, angr.SimError, claripy.ClaripyError) as problem:
            raise NotUnderstood(f"at {state.addr:#x}: {problem!r}") from problem
        if step.unconstrained_successors or not step.flat_successors:
            raise NotUnderstood(f"a path goes where nobody knows, at {state.addr:#x}")
        return list(step.flat_successors)

    def is_along(self, state: Any) -> bool:
        """Whether the words that the request names, if it names any, may have come here; a named result may be any."""
        words = self.request["along"].items()
        fixed = [claripy.BVS(name, WORD, explicit_name=True) == value for name, value in words]
        return not fixed or bool(state.solver.satisfiable(extra_constraints=fixed))

    def start(self, kind: int) -> Any:
        """The call of ``dita_core`` on free words."""
        options = angr.options
        state = self.project.factory.blank_state(
            addr=self.address(self.request["step"]),
            add_options={options.SYMBOL_FILL_UNCONSTRAINED_MEMORY, options.SYMBOL_FILL_UNCONSTRAINED_REGISTERS},
            remove_options=set(options.simplification),
        )
        state.globals["calls"] = ()
        self.places: dict[str, tuple[int, int]] = {}
        for number, (record, names) in enumerate(self.request["records"].items()):
            base = RECORDS + APART * number
            self.places[record] = (base, base + BYTES * len(names))
            setattr(state.regs, POINTERS[number], base)
            for index, name in enumerate(names):
                value = claripy.BVS(name, WORD, explicit_name=True)
                if name == self.request["kind_word"]:
                    value = claripy.BVV(kind, WORD)
                state.memory.store(base + BYTES * index, value, endness="Iend_LE")
        state.regs.rsp = STACK_TOP
        state.regs.d = 1  # strings go upwards, as the convention says
        for name in KEPT:
            setattr(state.regs, name, claripy.BVS(f"{GARBAGE}.{name}", WORD, explicit_name=True))
        state.memory.store(STACK_TOP, claripy.BVV(DONE, WORD), endness="Iend_LE")
        strategy = angr.concretization_strategies.SimConcretizationStrategySolutions
        state.memory.read_strategies, state.memory.write_strategies = [strategy(PLACES_MAX)], [strategy(PLACES_MAX)]
        state.inspect.b("mem_read", when=angr.BP_BEFORE, action=partial(self.check, writing=False))
        state.inspect.b("mem_write", when=angr.BP_BEFORE, action=partial(self.check, writing=True))
        return state

    def check(self, state: Any, *, writing: bool) -> None:
        """Refuse an access to memory that is not the step's."""
        where = state.inspect.mem_write_address if writing else state.inspect.mem_read_address
        size = state.inspect.mem_write_length if writing else state.inspect.mem_read_length
        if not isinstance(size, int) and not size.concrete:
            raise NotUnderstood(f"an access of a length that is not known at {state.addr:#x}")
        length = size if isinstance(size, int) else size.concrete_value
        found = [where] if isinstance(where, int) else state.solver.eval_upto(where, PLACES_MAX + 1)
        if len(found) > PLACES_MAX:
            raise NotUnderstood(f"an access to more than {PLACES_MAX} places: `{where}`")
        places = [(STACK_TOP - STACK_BYTES, STACK_TOP + BYTES)]
        places += [place for name, place in self.places.items() if name != self.request["read_only"] or not writing]
        places += [] if writing else self.constants
        for place in found:
            if not any(begin <= place and place + length <= end for begin, end in places):
                raise NotUnderstood(f"{'a write' if writing else 'a read'} of {length} bytes at {place:#x}")

    def written(self, state: Any) -> dict[str, Any]:
        """A path as text: its conditions, its calls, and the words it leaves behind."""
        z3 = claripy.backends.z3
        solver = z3.solver()
        for condition in state.solver.constraints:
            solver.add(z3.convert(condition))
        conditions = solver.assertions().__len__()

        def named(name: str, value: Any) -> None:
            solver.add(z3.convert(claripy.BVS(name, value.length, explicit_name=True)) == z3.convert(value))

        calls: list[dict[str, Any]] = []
        for number, (function, arguments) in enumerate(state.globals["calls"]):
            calls.append({"function": function, "arguments": len(arguments)})
            for index, argument in enumerate(arguments):
                named(f"argument.{number}.{index}", argument)
        changed: list[str] = []
        for record, names in self.request["records"].items():
            base, _ = self.places[record]
            for index, name in enumerate(names):
                value = state.memory.load(base + BYTES * index, BYTES, endness="Iend_LE")
                if (value.op == "BVS" and value.args[0] == name) or record == self.request["read_only"]:
                    continue
                changed.append(name)
                named(f"after.{name}", value)
        text = solver.sexpr()
        if GARBAGE in text:
            raise NotUnderstood("what a path decides or writes depends on garbage")
        return {"conditions": conditions, "calls": calls, "changed": changed, "text": text,
                "blocks": len(state.history.bbl_addrs)}  # fmt: skip


class _Named(angr.SimProcedure):
    """Stands for a named arithmetic function."""

    def __init__(self, machine: Machine, name: str, arity: int, truth: bool) -> None:
        super().__init__()
        self.machine, self.named, self.arity, self.truth = machine, name, arity, truth

    def run(self) -> None:
        state = self.state
        calls = state.globals["calls"]
        arguments = tuple(getattr(state.regs, POINTERS[index]) for index in range(self.arity))
        state.globals["calls"] = (*calls, (self.named, arguments))
        result = claripy.BVS(f"result.{len(calls)}", 1 if self.truth else WORD, explicit_name=True)
        self.machine.forget(state)
        if self.truth:  # the convention says nothing of the bits above the lowest eight
            result = claripy.Concat(self.machine.junk(WORD - BYTES), claripy.BVV(0, BYTES - 1), result)
        state.regs.rax = result
        self.ret()


class _Memset(angr.SimProcedure):
    """The C library's memset, of a length that is a number."""

    def __init__(self, machine: Machine) -> None:
        super().__init__()
        self.machine = machine

    def run(self) -> None:
        state = self.state
        begin, byte, length = (getattr(state.regs, name) for name in POINTERS[:3])
        if not (begin.concrete and length.concrete):
            raise NotUnderstood("a memset of a place or length that is not known")
        if length.concrete_value % BYTES:
            raise NotUnderstood(f"a memset of {length.concrete_value} bytes, which are no words")
        for offset in range(0, length.concrete_value, BYTES):
            state.memory.store(begin.concrete_value + offset, claripy.Concat(*[byte[7:0]] * BYTES), size=BYTES)
        self.machine.forget(state)
        state.regs.rax = begin
        self.ret()


def main() -> int:
    """Answer the request on the first line of standard input."""
    logging.getLogger().setLevel(logging.ERROR)
    for name in ("angr", "cle", "claripy", "pyvex"):
        logging.getLogger(name).setLevel(logging.ERROR)
    request = json.loads(sys.stdin.readline())
    machine: Machine | None = None
    for kind in request["kinds"]:
        began = time.monotonic()
        answer: dict[str, Any] = {"kind": kind}
        try:
            machine = machine or Machine(request)
            answer["paths"] = machine.paths(kind)
        except NotUnderstood as problem:
            answer["problem"] = str(problem)
        answer["seconds"] = time.monotonic() - began
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

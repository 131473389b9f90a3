"""Every path of the image's ``dita_core`` once more, by another engine: run by the Python in ``.venv/equiv``.

    .venv/equiv/bin/python engine.py < request.jsonl > answers.jsonl

Reads the requests of ``machine.py`` and answers in its form, but shares no code with it, nor with angr: Triton has a
decoder, a meaning of each instruction and a solver of its own, and the image is loaded here. Image, records and stack
lie elsewhere, so that nothing rests on places.

Each run is one input on which the engine steps from the entry to the return, keeping a formula of all that depends on
free words. What a branch decided is a condition of the path, and so is where an access went whose address depends on
free words. At each, the engine's solver is asked for an input that goes another way; that is a run to come. Whether a
path is missing is asked afterwards, of all of them together, by whoever compares.

What is not understood ends the run, as in ``machine.py``. So do here a read of stack that nothing has written, and an
instruction of which the engine would decide something by the run's values without saying so.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import triton
from elftools.elf.elffile import ELFFile

WORD: Final = 64
BYTES: Final = 8
LOADED: Final = 0x5555_0000_0000
IMPORTS: Final = 0x6666_0000_0000  # where functions of other libraries are taken to lie
RECORDS: Final = 0x2222_0000_0000
APART: Final = 0x10_0000
STACK_TOP: Final = 0x7777_0000_0008  # of the return address: a word off a multiple of sixteen, as a call leaves it
STACK_BYTES: Final = 0x10_000
DONE: Final = 0x4444_0000_0000
POINTERS: Final = ("rdi", "rsi", "rdx", "rcx", "r8", "r9")
KEPT: Final = ("rbx", "rbp", "r12", "r13", "r14", "r15")
LOST: Final = (
    *("rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11"),
    *[f"zmm{number}" for number in range(16)],
    *("cf", "pf", "af", "zf", "sf", "of"),
)
"""What a callee may leave anything in."""
GARBAGE: Final = "garbage"
MODES: Final = ("ALIGNED_MEMORY", "AST_OPTIMIZATIONS", "CONSTANT_FOLDING", "PC_TRACKING_SYMBOLIC")
"""A word stays a word in memory; what a term plainly is, it becomes; and only what depends on free words is decided."""
PLACES_MAX: Final = 16  # that one access may have
STEPS_MAX: Final = 20_000  # of one run
SOLVER_MILLISECONDS: Final = 60_000
CONSTANTS: Final = (".rodata", ".got", ".data.rel.ro")
RELATIVE: Final = 8
OF_A_SYMBOL: Final = (1, 6, 7)  # relocations: a word, an entry of the table, a slot for a jump
INSTRUCTION_BYTES: Final = 15
X86: Final = triton.OPCODE.X86
SHIFTS: Final = frozenset((X86.SHL, X86.SHR, X86.SAR))
ROTATIONS: Final = frozenset((X86.SHLD, X86.SHRD, X86.ROL, X86.ROR, X86.RCL, X86.RCR))
BY_VALUE: Final = ROTATIONS | {X86.DIV, X86.IDIV, X86.BSF, X86.BSR, X86.CMPXCHG}
"""Of these the engine takes a fault, a flag or a count as a run's own values have it."""


class NotUnderstood(Exception):
    """The machine code does something that this exploration does not model; nothing is answered."""


def spelled(name: str) -> str:
    """A name as SMT-LIB writes it, whatever characters it has."""
    return f"|{name}|"


class Image:
    """The file as it lies in memory."""

    def __init__(self, path: str) -> None:
        self.imports: dict[int, str] = {}
        self._segments: list[tuple[int, bytearray, bool]] = []  # where, what, and whether it is code
        with Path(path).open("rb") as file:
            elf: Any = ELFFile(file)
            for segment in elf.iter_segments("PT_LOAD"):
                content = bytearray(segment.data().ljust(segment["p_memsz"], b"\0"))
                self._segments.append((LOADED + segment["p_vaddr"], content, bool(segment["p_flags"] & 1)))
            for section in elf.iter_sections("SHT_RELA"):
                self._relocate(section, elf.get_section(section["sh_link"]))
            self._symbols = {one.name: one["st_value"] for one in elf.get_section_by_name(".symtab").iter_symbols()}
            sections = [elf.get_section_by_name(name) for name in CONSTANTS]
        self.constants = [(LOADED + one["sh_addr"], LOADED + one["sh_addr"] + one["sh_size"]) for one in sections]

    def _relocate(self, section: Any, symbols: Any) -> None:
        """Write what the loader writes."""
        for one in section.iter_relocations():
            value = LOADED + one["r_addend"]
            if one["r_info_type"] in OF_A_SYMBOL:
                symbol = symbols.get_symbol(one["r_info_sym"])
                value += symbol["st_value"]
                if symbol["st_shndx"] == "SHN_UNDEF":
                    value = IMPORTS + len(self.imports)
                    self.imports[value] = symbol.name
            elif one["r_info_type"] != RELATIVE:
                raise NotUnderstood(f"the image has a relocation of type {one['r_info_type']}")
            begin, content, _ = self._segment(LOADED + one["r_offset"])
            offset = LOADED + one["r_offset"] - begin
            content[offset : offset + BYTES] = value.to_bytes(BYTES, "little")

    def _segment(self, place: int) -> tuple[int, bytearray, bool]:
        for begin, content, code in self._segments:
            if begin <= place < begin + len(content):
                return begin, content, code
        raise NotUnderstood(f"the image has nothing at {place:#x}")

    def address(self, name: str) -> int:
        """Where a function of the image lies."""
        if name not in self._symbols:
            raise NotUnderstood(f"the image has no function `{name}`")
        return LOADED + int(self._symbols[name])

    def content(self, begin: int, end: int) -> bytes:
        """Bytes of one segment."""
        start, content, _ = self._segment(begin)
        return bytes(content[begin - start : end - start])

    def instruction(self, place: int) -> Any:
        """What stands here, not yet read."""
        begin, content, code = self._segment(place)
        if not code:
            raise NotUnderstood(f"a path goes to {place:#x}, which is no code")
        return triton.Instruction(place, bytes(content[place - begin :][:INSTRUCTION_BYTES]))


@dataclass(frozen=True, slots=True)
class Start:
    """An input to run, the decisions that are known of it, and the ways that the next one has gone already."""

    values: dict[str, int]  # by the names of free words; of the others zero
    follows: tuple[tuple[int, int], ...] = ()  # at which instruction, and where it went
    tried: tuple[int, ...] = ()


class Machine:
    """One image, its step function and its named functions."""

    def __init__(self, request: dict[str, Any]) -> None:
        self.request = request
        self.image = Image(request["image"])
        self.step = self.image.address(request["step"])
        self.named = {self.image.address(name): (name, *what) for name, what in request["functions"].items()}
        self.records = {
            record: (RECORDS + APART * number, names)
            for number, (record, names) in enumerate(request["records"].items())
        }

    def paths(self, kind: int) -> list[dict[str, Any]]:
        """Every path on which an input of this kind can be taken. Raises NotUnderstood."""
        found: list[dict[str, Any]] = []
        todo = [Start({})]
        while todo:  # the newest first, so that few are kept at a time
            run = Run(self, kind, todo.pop())
            try:
                found.append(run.path())
            except TypeError as problem:  # which is what the engine throws, whatever it is about
                raise NotUnderstood(f"the engine says: {problem}") from problem
            todo += run.others
        return found


class Run:
    """The step on one input."""

    def __init__(self, machine: Machine, kind: int, start: Start) -> None:
        self.machine, self.begun = machine, start
        self.others: list[Start] = []
        self.decisions: list[tuple[int, int]] = []
        self.conditions: list[Any] = []
        self.calls: list[tuple[str, list[Any]]] = []
        self.written: set[int] = set(range(STACK_TOP, STACK_TOP + BYTES))  # bytes of the records and the stack
        self.garbage = self.blocks = 0
        context: Any = triton.TritonContext(triton.ARCH.X86_64)
        for mode in MODES:
            context.setMode(getattr(triton.MODE, mode), True)
        context.setSolver(triton.SOLVER.BITWUZLA)
        context.setSolverTimeout(SOLVER_MILLISECONDS)
        self.context, self.terms, self.registers = context, context.getAstContext(), context.registers
        for begin, end in machine.image.constants:
            context.setConcreteMemoryAreaValue(begin, machine.image.content(begin, end))
        for number, (base, names) in enumerate(machine.records.values()):
            self.set(POINTERS[number], base)
            for index, name in enumerate(names):
                word = triton.MemoryAccess(base + BYTES * index, BYTES)
                is_kind = name == machine.request["kind_word"]
                context.setConcreteMemoryValue(word, kind if is_kind else start.values.get(spelled(name), 0))
                if not is_kind:
                    context.symbolizeMemory(word, spelled(name))
        for name in LOST:
            if name not in POINTERS[: len(machine.records)]:
                self.forget(name)
        for name in KEPT:
            context.symbolizeRegister(self.register(name), spelled(f"{GARBAGE}.{name}"))
        self.set("rsp", STACK_TOP)
        context.setConcreteMemoryValue(triton.MemoryAccess(STACK_TOP, BYTES), DONE)

    def register(self, name: str) -> Any:
        """The engine's register."""
        return getattr(self.registers, name)

    def set(self, name: str, value: int) -> None:
        """A register holds a number."""
        self.context.concretizeRegister(self.register(name))
        self.context.setConcreteRegisterValue(self.register(name), value)

    def known(self, name: str) -> int:
        """The number that a register holds. Raises NotUnderstood where it depends on free words."""
        if self.context.isRegisterSymbolized(self.register(name)):
            raise NotUnderstood(f"{name} depends on free words where it must not")
        return int(self.context.getConcreteRegisterValue(self.register(name)))

    def forget(self, name: str) -> None:
        """A register holds garbage: a value of which nothing is known and on which nothing may depend."""
        self.garbage += 1
        self.context.symbolizeRegister(self.register(name), spelled(f"{GARBAGE}.{self.garbage}"))

    # --- stepping -------------------------------------------------------------------------------------------------

    def path(self) -> dict[str, Any]:
        """From the entry to the return, as text. Raises NotUnderstood."""
        place, steps = self.machine.step, 0
        while place != DONE:
            steps += 1
            if steps > STEPS_MAX:
                raise NotUnderstood(f"a path does not return in {STEPS_MAX} steps")
            if place in self.machine.named:
                place = self.call(*self.machine.named[place])
            elif place in self.machine.image.imports:
                place = self.foreign(self.machine.image.imports[place])
            else:
                place = self.instruction(place)
        if len(self.decisions) < len(self.begun.follows) + bool(self.begun.tried):
            raise NotUnderstood("a run takes another path than its input was made for")
        if self.known("rsp") != STACK_TOP + BYTES:
            raise NotUnderstood("a path returns with another stack")
        for name in KEPT:
            value = self.terms.dereference(self.context.getRegisterAst(self.register(name)))
            if str(value) != spelled(f"{GARBAGE}.{name}"):
                raise NotUnderstood(f"a path does not restore {name}")
        return {**self.text(), "blocks": self.blocks}

    def instruction(self, place: int) -> int:
        """Take the instruction here; gives the place of the next."""
        instruction = self.machine.image.instruction(place)
        fault = self.context.processing(instruction)
        self.blocks += instruction.isControlFlow()
        if instruction.getType() in BY_VALUE or instruction.getPrefix() != triton.PREFIX.X86.INVALID:
            raise NotUnderstood(f"`{instruction}` is taken as a run's own values have it")
        if fault != triton.EXCEPTION.NO_FAULT:
            raise NotUnderstood(f"the engine gives {fault} for `{instruction}`")
        for access, _ in instruction.getLoadAccess():
            self.accessed(place, access, writing=False)
        for access, _ in instruction.getStoreAccess():
            self.accessed(place, access, writing=True)
        for register in instruction.getUndefinedRegisters():
            self.forget(register.getName())
        if instruction.getType() in SHIFTS and instruction.getOperands()[-1].getType() != triton.OPERAND.IMM:
            for name in ("cf", "af", "of"):  # undefined for some counts
                self.forget(name)
        branches = self.context.getPathConstraints()
        if branches:
            self.context.clearPathConstraints()
            self.branched(place, branches)
        elif self.context.isRegisterSymbolized(self.registers.rip):
            raise NotUnderstood(f"a path goes where nobody knows, at {place:#x}")
        return int(self.context.getConcreteRegisterValue(self.registers.rip))

    def accessed(self, place: int, access: Any, *, writing: bool) -> None:
        """Refuse an access to memory that is not the step's; note which way an address went that is not known."""
        begin, size = access.getAddress(), access.getSize()
        self.allowed(begin, size, writing=writing)
        term = access.getLeaAst()
        if term is None:
            self.known("rsp")  # what else has no operand
        elif term.isSymbolized():
            is_at = partial(self.is_at, term)
            self.decided(place, begin, is_at(begin), lambda went: [self.all([self.terms.lnot(is_at(o)) for o in went])])

    def is_at(self, address: Any, place: int) -> Any:
        """The address is this place."""
        return self.terms.equal(address, self.terms.bv(place, WORD))

    def allowed(self, begin: int, size: int, *, writing: bool) -> None:
        """Raises NotUnderstood for an access that is not."""
        records = {name: (base, base + BYTES * len(names)) for name, (base, names) in self.machine.records.items()}
        if writing:
            del records[self.machine.request["read_only"]]
        places = [(STACK_TOP - STACK_BYTES, STACK_TOP + BYTES), *records.values()]
        places += [] if writing else self.machine.image.constants
        inside = [first for first, last in places if first <= begin and begin + size <= last]
        if not inside:
            raise NotUnderstood(f"{'a write' if writing else 'a read'} of {size} bytes at {begin:#x}")
        touched = range(begin, begin + size)
        if writing:
            self.written.update(touched)
        elif inside[0] == STACK_TOP - STACK_BYTES and not self.written.issuperset(touched):
            raise NotUnderstood(f"a read of {size} bytes of the stack at {begin:#x}, which nothing has written")

    def branched(self, place: int, branches: list[Any]) -> None:
        """A jump with a condition."""
        if len(branches) != 1 or not branches[0].isMultipleBranches():
            raise NotUnderstood(f"a path goes where nobody knows, at {place:#x}")
        ways = {one["dstAddr"]: one["constraint"] for one in branches[0].getBranchConstraints()}
        taken = branches[0].getTakenAddress()
        self.decided(place, taken, ways[taken], lambda went: [ways[one] for one in ways if one not in went])

    def decided(self, place: int, way: int, condition: Any, others: Callable[[tuple[int, ...]], list[Any]]) -> None:
        """The run goes this way. Where that is new, ask for an input that goes another than those that were tried."""
        number, decision = len(self.decisions), (place, way)
        known = self.begun.follows[number : number + 1]
        tried = self.begun.tried if number == len(self.begun.follows) else ()
        if known not in {(), (decision,)} or way in tried:
            raise NotUnderstood(f"a run takes another path than its input was made for, at {place:#x}")
        if not known:
            went = (*tried, way)
            if len(went) > PLACES_MAX:
                raise NotUnderstood(f"an access to more than {PLACES_MAX} places, at {place:#x}")
            for other in others(went):
                values = self.asked(self.all([*self.conditions, other]), place)
                if values is not None:
                    self.others.append(Start(self.begun.values | values, tuple(self.decisions), went))
        self.decisions.append(decision)
        self.conditions.append(condition)

    def asked(self, condition: Any, place: int) -> dict[str, int] | None:
        """Values of free words on which this holds; None where the engine's solver finds that there are none."""
        model, state, _ = self.context.getModel(condition, True)
        if state == triton.SOLVER_STATE.UNSAT:
            return None
        if state != triton.SOLVER_STATE.SAT:
            raise NotUnderstood(f"the engine's solver does not know whether a path is taken at {place:#x}")
        return {one.getVariable().getAlias(): one.getValue() for one in model.values()}

    def all(self, conditions: list[Any]) -> Any:
        """Their conjunction."""
        return self.terms.land(conditions) if len(conditions) > 1 else conditions[0]

    # --- calls ----------------------------------------------------------------------------------------------------

    def call(self, name: str, arity: int, truth: bool) -> int:
        """Stand for a named arithmetic function."""
        arguments = [self.context.getRegisterAst(self.register(pointer)) for pointer in POINTERS[:arity]]
        variable = self.context.newSymbolicVariable(1 if truth else WORD, spelled(f"result.{len(self.calls)}"))
        result = self.terms.variable(variable)
        self.context.setConcreteVariableValue(variable, self.begun.values.get(variable.getAlias(), 0))
        self.calls.append((name, arguments))
        back = self.returned()
        if truth:  # the convention says nothing of the bits above the lowest eight
            above = self.terms.extract(WORD - 1, BYTES, self.context.getRegisterAst(self.registers.rax))
            result = self.terms.concat([above, self.terms.concat([self.terms.bv(0, BYTES - 1), result])])
        self.context.assignSymbolicExpressionToRegister(self.context.newSymbolicExpression(result), self.registers.rax)
        return back

    def foreign(self, name: str) -> int:
        """Stand for the C library's memset, of a length and a byte that are numbers."""
        if name != "memset":
            raise NotUnderstood(f"a call of `{name}`")
        begin, byte, length = (self.known(pointer) for pointer in POINTERS[:3])
        if length % BYTES:
            raise NotUnderstood(f"a memset of {length} bytes, which are no words")
        for place in range(begin, begin + length, BYTES):
            self.allowed(place, BYTES, writing=True)
            value = self.context.newSymbolicExpression(self.terms.bv(byte % 256 * 0x0101_0101_0101_0101, WORD))
            self.context.assignSymbolicExpressionToMemory(value, triton.MemoryAccess(place, BYTES))
        back = self.returned()
        self.set("rax", begin)
        return back

    def returned(self) -> int:
        """Leave a callee, which may change these registers and the stack below; gives where it returns to."""
        stack = self.known("rsp")
        word = triton.MemoryAccess(stack, BYTES)
        if self.context.isMemorySymbolized(word):
            raise NotUnderstood("a return address depends on free words")
        back = int(self.context.getConcreteMemoryValue(word))
        self.written -= {one for one in self.written if STACK_TOP - STACK_BYTES <= one < stack + BYTES}
        self.set("rsp", stack + BYTES)
        for name in LOST:
            self.forget(name)
        return back

    # --- as text --------------------------------------------------------------------------------------------------

    def text(self) -> dict[str, Any]:
        """The path: its conditions, its calls, and the words it leaves behind."""
        named = {
            f"argument.{number}.{index}": term
            for number, (_, arguments) in enumerate(self.calls)
            for index, term in enumerate(arguments)
        }
        changed: list[str] = []
        for base, names in self.machine.records.values():
            for index, name in enumerate(names):
                place = base + BYTES * index
                if not self.written.isdisjoint(range(place, place + BYTES)):
                    changed.append(name)
                    named[f"after.{name}"] = self.context.getMemoryAst(triton.MemoryAccess(place, BYTES))
        lines = [*self.definitions([*self.conditions, *named.values()])]
        lines += [f"(assert {condition})" for condition in self.conditions]
        for name, term in named.items():
            lines += [f"(declare-fun {spelled(name)} () (_ BitVec {WORD}))", f"(assert (= {spelled(name)} {term}))"]
        text = "\n".join(lines)
        if GARBAGE in text:
            raise NotUnderstood("what a path decides or writes depends on garbage")
        return {"conditions": len(self.conditions), "changed": changed, "text": text,
                "calls": [{"function": name, "arguments": len(given)} for name, given in self.calls]}  # fmt: skip

    def definitions(self, terms: list[Any]) -> Iterator[str]:
        """The free words in these terms, and the terms that they refer to, each before it is referred to."""
        whole = self.terms.compound(terms)
        variables = {node.getSymbolicVariable() for node in self.terms.search(whole, triton.AST_NODE.VARIABLE)}
        for name, bits in sorted({(one.getAlias(), one.getBitSize()) for one in variables}):
            yield f"(declare-fun {name} () (_ BitVec {bits}))"
        slices = self.context.sliceExpressions(self.context.newSymbolicExpression(whole))
        for _, one in sorted(slices.items())[:-1]:  # the last is the whole
            yield str(one)


def main() -> int:
    """Answer the request on the first line of standard input."""
    request = json.loads(sys.stdin.readline())
    for kind in request["kinds"]:
        began = time.monotonic()
        answer: dict[str, Any] = {"kind": kind}
        try:
            answer["paths"] = Machine(request).paths(kind)
        except NotUnderstood as problem:
            answer["problem"] = str(problem)
        answer["seconds"] = time.monotonic() - began
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

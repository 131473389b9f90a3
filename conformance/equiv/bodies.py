"""Every path of one of the image's named functions, as SMT-LIB text: run by the Python in ``.venv/equiv``.

    cd conformance && ../.venv/equiv/bin/python -m equiv.bodies < request.json > answers.jsonl

As ``machine.py`` beside it, whose rules hold here too, with two differences. Nothing is hooked: what a function calls,
the compiler's 128-bit division included, is read as it stands. And every ``div`` and ``idiv`` is noted with what it
divides, for the processor traps where the lifter's formula has some number.

The arguments are free 64-bit words ``argument.0``, ``argument.1``, …; the answer of a truth value is what the calling
convention says of it, the lowest eight bits.
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

from equiv.machine import BYTES, DONE, GARBAGE, KEPT, POINTERS, STACK_TOP, WORD, Machine, NotUnderstood

DIVISION: Final = "DivMod"
TRAP: Final = "Ijk_SigFPE_IntDiv"


class Bodies(Machine):
    """The named functions of one image; a kind is the number of one."""

    def __init__(self, request: dict[str, Any]) -> None:
        super().__init__({**request, "functions": {}, "records": {}, "read_only": None, "unread": [], "along": {}})
        self.named: list[tuple[str, int, bool]] = [(name, *told) for name, told in request["functions"].items()]

    def start(self, kind: int) -> Any:
        """The call of a function on free words."""
        name, arity, _ = self.named[kind]
        options = angr.options
        state = self.project.factory.blank_state(
            addr=self.address(name),
            add_options={
                options.SYMBOL_FILL_UNCONSTRAINED_MEMORY, options.SYMBOL_FILL_UNCONSTRAINED_REGISTERS,
                options.LAZY_SOLVES,  # whether a path can be taken is asked later
            },
            remove_options=set(options.simplification),
        )  # fmt: skip
        state.globals["divisions"], state.globals["traps"], state.globals["trap"] = (), (), None
        self.places: dict[str, tuple[int, int]] = {}
        self.forget(state)
        state.regs.rax = self.junk(WORD)
        for number in range(arity):
            setattr(state.regs, POINTERS[number], claripy.BVS(f"argument.{number}", WORD, explicit_name=True))
        state.regs.rsp = STACK_TOP
        state.regs.d = 1
        for register in KEPT:
            setattr(state.regs, register, claripy.BVS(f"{GARBAGE}.{register}", WORD, explicit_name=True))
        state.memory.store(STACK_TOP, claripy.BVV(DONE, WORD), endness="Iend_LE")
        state.inspect.b("mem_read", when=angr.BP_BEFORE, action=partial(self.check, writing=False))
        state.inspect.b("mem_write", when=angr.BP_BEFORE, action=partial(self.check, writing=True))
        state.inspect.b("statement", when=angr.BP_BEFORE, action=self.note)
        return state

    def check(self, state: Any, *, writing: bool) -> None:
        """Refuse an access to a place that depends on the arguments, and a write to the caller's stack."""
        where = state.inspect.mem_write_address if writing else state.inspect.mem_read_address
        if not isinstance(where, int) and not where.concrete:
            raise NotUnderstood(f"an access to a place that depends on the arguments, at {state.addr:#x}")
        place = where if isinstance(where, int) else where.concrete_value
        if writing and place >= STACK_TOP:
            raise NotUnderstood(f"a write to the caller's stack, at {state.addr:#x}")
        super().check(state, writing=writing)

    def note(self, state: Any) -> None:
        """Note a division with what it divides by what, and which condition only says that it does not trap."""
        statement = state.scratch.irsb.statements[state.inspect.statement]
        facts = len(state.solver.constraints)
        if state.globals["trap"] is not None and facts > state.globals["trap"]:  # it was no condition before
            state.globals["traps"] = (*state.globals["traps"], state.globals["trap"])
        state.globals["trap"] = facts if statement.tag == "Ist_Exit" and statement.jumpkind == TRAP else None
        operation = getattr(getattr(statement, "data", None), "op", "")
        if DIVISION in operation:
            numerator, divisor = (self.value(state, operand) for operand in statement.data.args)
            signed = operation.removeprefix(f"Iop_{DIVISION}").startswith("S")
            state.globals["divisions"] = (*state.globals["divisions"], (numerator, divisor, signed))
        elif "Div" in operation or "Mod" in operation:
            raise NotUnderstood(f"a division `{operation}` at {state.addr:#x}")

    def value(self, state: Any, operand: Any) -> Any:
        """What an operand of a statement is worth."""
        if operand.tag == "Iex_RdTmp":
            return state.scratch.tmp_expr(operand.tmp)
        return claripy.BVV(operand.con.value, operand.con.size)

    def written(self, state: Any) -> dict[str, Any]:
        """A path as text: its conditions, what it divides, and what it answers."""
        truth = self.named[self.asked][2]
        z3 = claripy.backends.z3
        solver = z3.solver()
        for number, condition in enumerate(state.solver.constraints):
            if number not in state.globals["traps"]:  # that is to be shown
                solver.add(z3.convert(condition))
        conditions = solver.assertions().__len__()

        def named(name: str, value: Any) -> None:
            solver.add(z3.convert(claripy.BVS(name, value.length, explicit_name=True)) == z3.convert(value))

        divisions = state.globals["divisions"]
        for number, (numerator, divisor, _) in enumerate(divisions):
            named(f"numerator.{number}", numerator)
            named(f"divisor.{number}", divisor)
        if not (state.regs.d.concrete and state.regs.d.concrete_value == 1):
            raise NotUnderstood("a path returns with the direction of strings turned")
        answer = state.regs.rax
        named("answer", claripy.Extract(BYTES - 1, 0, answer) if truth else answer)
        text = solver.sexpr()
        if GARBAGE in text:
            raise NotUnderstood("what a path decides, divides or answers depends on garbage")
        return {"conditions": conditions, "signed": [signed for *_, signed in divisions], "text": text,
                "blocks": len(state.history.bbl_addrs)}  # fmt: skip

    def explored(self, number: int) -> dict[str, Any]:
        """All paths of a function, or why there are none."""
        self.asked = number
        began = time.process_time()
        answer: dict[str, Any] = {"function": self.named[number][0]}
        try:
            answer["paths"] = self.paths(number)
        except NotUnderstood as problem:
            answer["problem"] = str(problem)
        return {**answer, "seconds": round(time.process_time() - began, 3)}


def main() -> int:
    """Answer the request of standard input, a line a function."""
    logging.getLogger().setLevel(logging.ERROR)
    for name in ("angr", "cle", "claripy", "pyvex"):
        logging.getLogger(name).setLevel(logging.ERROR)
    request = json.load(sys.stdin)
    bodies = Bodies(request)
    for number in range(len(bodies.named)):
        sys.stdout.write(json.dumps(bodies.explored(number)) + "\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

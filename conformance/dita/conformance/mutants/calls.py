"""The layer ``arithmetic``: the named functions by themselves, on arguments that few steps come to.

The answers are those of the sound kernel, and each is the reference's (``arithmetic_vectors``). A mutant of either side
is asked the same.
"""

import time
from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path
from typing import Any, Final, NamedTuple

from dita.conformance.arithmetic_vectors import BEYOND, NAMES, by_reference, vectors
from dita.conformance.mutants.children import Mark, in_child
from dita.conformance.mutants.kernel_trial import Workshop
from dita.conformance.mutants.planting import module_of, plant
from dita.conformance.mutants.recording import TrafficVoid
from dita.conformance.mutants.trials import Answer

ARITHMETIC: Final = "arithmetic"
CPU_SECONDS: Final = 60


class Call(NamedTuple):
    """A named function, its arguments, and what the sound sides answer."""

    name: str
    arguments: tuple[int, ...]
    answer: int


def recorded_calls(lib: Any) -> list[Call]:
    """Every call of the layer, answered by the sound kernel. Raises TrafficVoid where the reference says otherwise."""
    found: list[Call] = []
    for name in NAMES:
        function = getattr(lib, f"dita_{name}")
        for arguments in vectors(name):
            answer = int(function(*arguments))
            if answer != by_reference(name, arguments):
                raise TrafficVoid(
                    f"`{name}{arguments}` is `{answer}` by the sound kernel and otherwise by the reference"
                )
            found.append(Call(name, arguments, answer))
    return found


def ask_kernel(library: Path, shop: Workshop, calls: Iterable[Call]) -> Answer:
    """What the calls say of a built library of a changed kernel; asked in a child."""

    def work(mark: Mark) -> list[Any]:
        opened = shop.functions(library)
        return list(_compared(lambda name: getattr(opened, f"dita_{name}"), calls, mark))

    return _asked(work)


def ask_reference(sources: dict[str, bytes], calls: Iterable[Call]) -> Answer:
    """What the calls say of a changed reference; asked in a child."""

    def work(mark: Mark) -> list[Any]:
        plant({module_of(path): source for path, source in sources.items()})
        module = import_module("dita.reference.arithmetic")
        return list(_compared(lambda name: getattr(module, name), calls, mark))

    return _asked(work)


def _asked(work: Callable[[Mark], list[Any]]) -> Answer:
    ended = in_child(work, CPU_SECONDS)
    return Answer(*ended.result) if ended.how == "result" else Answer(ended.how, ended.place, 0, ended.says)


def _compared(function_of: Callable[[str], Callable[..., Any]], calls: Iterable[Call], mark: Mark) -> Answer:
    began = time.perf_counter_ns()
    number = -1
    for number, call in enumerate(calls):
        mark.at(number)
        try:
            said: object = min(int(function_of(call.name)(*call.arguments)), BEYOND)
        except (ArithmeticError, TypeError) as problem:
            said = type(problem).__name__
        if said != call.answer:
            micros = (time.perf_counter_ns() - began) // 1_000
            says = f"{call.name}{call.arguments} is `{call.answer}`, not `{said}`"
            return Answer("killed", number + 1, micros, says)
    return Answer("survived", number + 1, (time.perf_counter_ns() - began) // 1_000)

"""Trials of mutants of the predicates: the changed predicate against the true one on every example.

A mutant that says otherwise of one example is killed by it: the examples that kill are kept in the repository and every
test run asks the predicates of all of them, so a predicate that was changed like this would be noticed there.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, Final, NamedTuple

from dita.conformance.defects import REPOSITORY
from dita.conformance.mutants.children import Mark, in_child
from dita.conformance.mutants.examples import TABLES, Asked, Example, verdict
from dita.conformance.mutants.planting import ROOTS, callers, module_of, plant, planted
from dita.conformance.mutants.sources import PREDICATES
from dita.conformance.mutants.trials import Answer, Question, asked_together

CPU_SECONDS: Final = 120


def predicate_paths() -> list[str]:
    """The modules whose functions are mutated."""
    return [f"{ROOTS['dita.spec']}/{name}.py" for name in PREDICATES]


Pair = tuple[str, Asked, Any, Any]
"""A predicate's name, how it is asked, the true one and the changed one."""


class Tables:
    """Which predicates of the tables a function has a part in."""

    def __init__(self, repository: Path = REPOSITORY) -> None:
        self._callers = callers(predicate_paths(), repository)

    def callers_of(self, function: str) -> frozenset[str]:
        """The functions that the function may be reached from."""
        return frozenset(self._callers.get(function, ()))

    def touched(self, function: str) -> list[tuple[str, int]]:
        """Table and place of every predicate that may run the function; empty for one that has a part in none."""
        names = {function, *self._callers.get(function, ())}
        return [
            (table, place)
            for table, (items, _) in TABLES.items()
            for place, item in enumerate(items)
            if item.holds.__name__ in names
        ]


def ask(
    sources: Mapping[str, bytes], touched: Sequence[tuple[str, int]], examples: Sequence[Example], *,
    cpu_seconds: int = CPU_SECONDS,
) -> Answer:  # fmt: skip
    """What the examples say of changed predicates, asked in a child."""

    def work(mark: Mark) -> list[Any]:
        plant({module_of(path): source for path, source in sources.items()}, ("dita.spec",))
        return list(compared(pairs_of(touched), examples, mark))

    ended = in_child(work, cpu_seconds)
    if ended.how == "result":
        return Answer(*ended.result)
    return Answer(ended.how, ended.place, 0, ended.says)


def ask_all(
    sources: Mapping[str, bytes], touched: Sequence[tuple[str, int]], examples: Mapping[str, Sequence[Example]]
) -> dict[str, Answer]:
    """What every layer's examples say of changed predicates."""
    questions: dict[str, Question] = {name: partial(_question, said) for name, said in examples.items()}
    planted = {module_of(path): source for path, source in sources.items()}

    def prepare() -> list[Pair]:
        plant(planted, ("dita.spec",))
        return pairs_of(touched)

    def alone(name: str) -> Answer:
        return ask(sources, touched, examples[name])

    return asked_together(questions, prepare, alone, CPU_SECONDS)


class Trial(NamedTuple):
    """A mutant to be asked: its sources by path, the predicates that it may change, and the layers that ask."""

    sources: Mapping[str, bytes]
    touched: Sequence[tuple[str, int]]
    examples: Mapping[str, Sequence[Example]]


def ask_each(trials: Sequence[Trial]) -> list[dict[str, Answer]]:
    """As ``ask_all`` of each, one after the other in one child; nothing where that child comes to no end."""

    def work(mark: Mark) -> list[dict[str, list[Any]]]:
        found: list[dict[str, list[Any]]] = []
        for sources, touched, examples in trials:
            with planted({module_of(path): source for path, source in sources.items()}, ("dita.spec",)):
                pairs = pairs_of(touched)
                found.append({name: list(compared(pairs, said, mark)) for name, said in examples.items()})
        return found

    ended = in_child(work, CPU_SECONDS * len(trials))
    told: list[dict[str, list[Any]]] = ended.result or []
    return [{name: Answer(*row) for name, row in answers.items()} for answers in told]


def _question(examples: Sequence[Example], pairs: Sequence[Pair], mark: Mark) -> Answer:
    return compared(pairs, examples, mark)


def pairs_of(touched: Iterable[tuple[str, int]]) -> list[Pair]:
    """The predicates in question, true and as they are now imported."""
    found: list[Pair] = []
    for table, place in touched:
        items, asked = TABLES[table]
        changed = getattr(import_module(f"dita.spec.{asked.module}"), asked.table)
        found.append((items[place].id, asked, items[place].holds, changed[place].holds))
    return found


def compared(pairs: Sequence[Pair], examples: Iterable[Example], mark: Mark) -> Answer:
    """Every example by both; the answer is about the first of which they differ."""
    began = time.perf_counter_ns()
    number = -1
    for number, example in enumerate(examples):
        mark.at(number)
        for name, asked, sound, changed in pairs:
            if not asked.of(example):
                continue
            true = verdict(sound, asked, example)
            if true in (True, False) and verdict(changed, asked, example) != true:
                micros = (time.perf_counter_ns() - began) // 1_000
                return Answer("killed", number + 1, micros, f"{name} is {str(true).lower()} there")
    return Answer("survived", number + 1, (time.perf_counter_ns() - began) // 1_000)

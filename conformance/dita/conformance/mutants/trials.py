"""What every trial of a mutant has in common: what a layer said of it, and the verdict that follows."""

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, NamedTuple, TypeVar

from dita.conformance.mutants.children import Mark, in_child

P = TypeVar("P")

How = Literal["killed", "crash", "timeout", "survived"]
Verdict = Literal["killed", "equivalent", "undecided", "timeout", "survived", "unviable"]


class Answer(NamedTuple):
    """What one layer said of one mutant."""

    how: How
    steps: int  # that the layer took until then
    micros: int
    says: str = ""
    laws: str = ""  # the laws that the mutant's own step breaks, where one was found that breaks any
    laws_steps: int = 0

    @property
    def noticed(self) -> bool:
        """Whether the layer would be red on this mutant. A time-out is told apart: by itself it is no kill."""
        return self.how in ("killed", "crash")


Question = Callable[[Any, Mark], Answer]
"""A layer: asked of what was prepared, it gives its answer."""

LAWS: Final = "laws"


def asked_together(
    questions: Mapping[str, Question], prepare: Callable[[], P], ask_alone: Callable[[str], Answer], cpu_seconds: int
) -> dict[str, Answer]:
    """Every layer's answer, from one child; where that child comes to no end, from a child for each layer.

    ``prepare`` makes, in the child, what each question is asked of.
    """

    def work(mark: Mark) -> dict[str, list[object]]:
        of = prepare()
        return {name: list(question(of, mark)) for name, question in questions.items()}

    together = in_child(work, cpu_seconds * len(questions))
    if together.how == "result":
        return {name: Answer(*row) for name, row in together.result.items()}
    return {name: ask_alone(name) for name in questions}

"""The one record that comes out of a step: verdict, code, true transitions, and the commands to carry out.

Clause C1: at most one order is named by ``trade``/``slot``/``attempt``; ``submit``, ``cancel`` and ``resolve`` all
speak of that order. Clause C2: an exit order is always reduce-only. Clause C3: only ACCEPTED may submit.
"""

from typing import Final, NamedTuple

from dita.spec.vocabulary import Code, Phase, Verdict


class Outcome(NamedTuple):
    """All outcome fields, each a signed 64-bit word."""

    verdict: int = 0
    code: int = 0
    moves: int = 0  # transitions made: 0, 1 or 2
    from_1: int = 0
    to_1: int = 0
    from_2: int = 0
    to_2: int = 0
    submit: int = 0
    cancel: int = 0
    resolve: int = 0
    reconcile: int = 0  # a Reconcile
    cancel_protection: int = 0  # the trade is finished: remove whatever protected it
    slot: int = 0
    instrument: int = 0
    trade: int = 0
    attempt: int = 0
    side: int = 0  # an OrderSide
    quantity: int = 0
    limit_price: int = 0  # 0: market
    post_only: int = 0
    reduce_only: int = 0
    close_all: int = 0  # the order is for everything that remains

    @property
    def transitions(self) -> tuple[tuple[Phase, Phase], ...]:
        """The transitions made, each with its true previous phase."""
        made = ((Phase(self.from_1), Phase(self.to_1)), (Phase(self.from_2), Phase(self.to_2)))
        return made[: self.moves]

    def __str__(self) -> str:
        """One line for people."""
        arrows = "".join(f" {old.name}→{new.name}" for old, new in self.transitions)
        names = ("submit", "cancel", "resolve", "reconcile", "cancel_protection")
        commands = "".join(f" {name.upper()}" for name in names if getattr(self, name))
        return f"{Verdict(self.verdict).name} {Code(self.code).name}{arrows}{commands}"


def refused(code: Code) -> Outcome:
    """The outcome of an input that changes nothing and commands nothing."""
    return _REFUSED[code]


_REFUSED: Final = {code: Outcome(Verdict.REFUSED, code) for code in Code}

"""What repeats is written down as counts: a market of holds does not fill the journal, and none is left out."""

import json
from typing import Any

import pytest

from dita.adapters.journal import Note
from dita.runtime.decisions import Hold
from dita.spec.decisions import Check, Reason
from dita.spec.vocabulary import Side
from planted_module import Module, ModuleDefect, gate_defects, planted_module
from scripted_venue import SYMBOL

SECOND = 1_000_000_000


def hold(reason: Reason = Reason.DC_CONTRADICT, number: int = 0, symbol: str = SYMBOL) -> Hold:
    return Hold(symbol, Side.LONG, Check.DIRECTION, reason, {"number": number}, "because")


def told(notes: Any) -> list[tuple[str, int, int]]:
    """Reason, count and the number that was given, of each note."""
    bodies = [json.loads(note.body) for note in notes]
    return [(body["reason"], body["count"], body["facts"]["number"]) for body in bodies]


class Ticking:
    """A clock that moves when told."""

    def __init__(self) -> None:
        self.now = 100 * SECOND

    def __call__(self) -> int:
        """Now."""
        return self.now


def scribe_failures(module: Module) -> list[str]:
    """Where holds are written down too often, too rarely, or otherwise than they were."""
    clock = Ticking()
    decisions = module.Decisions(clock, lambda: 7 * SECOND)
    wrong: list[str] = []

    def expect(what: str, *expected: tuple[str, int, int]) -> None:
        found = told(decisions.take())
        if found != list(expected):
            wrong.append(f"{what}: {found}")

    decisions.hold(hold(number=1))
    expect("the first is written at once", ("DC_CONTRADICT", 1, 1))
    for number in range(2, 1002):
        decisions.hold(hold(number=number))
    expect("a thousand more within a moment are not")
    clock.now += 60 * SECOND
    decisions.hold(hold(number=1002))
    expect("a minute later they are, as one", ("DC_CONTRADICT", 1001, 1002))
    for number in range(1000):
        decisions.hold(hold(number=number))
        decisions.hold(hold(Reason.BOOK_STALE, number=number))
    expect("two that take turns are each written once", ("BOOK_STALE", 1, 0))
    clock.now += SECOND
    decisions.hold(hold(number=5))
    expect("and a second later, with all since", ("BOOK_STALE", 999, 999), ("DC_CONTRADICT", 1001, 5))
    decisions.went_on(SYMBOL)
    clock.now += SECOND
    decisions.hold(hold(number=6))
    decisions.hold(hold(number=7))
    decisions.hold(hold(number=8, symbol="ETH-USDT"))
    expect("news after an entry, and of each symbol", ("DC_CONTRADICT", 1, 6), ("DC_CONTRADICT", 1, 8))
    decisions.finish()
    expect("what is left at the end", ("DC_CONTRADICT", 1, 7))
    if decisions.finish():
        wrong.append("nothing is left, and something is said to be")
    counted = sum(decisions.counts.values())
    if counted != 1 + 1000 + 1 + 2000 + 1 + 3:
        wrong.append(f"counted {counted}")
    return wrong


def test_what_repeats_is_written_as_counts() -> None:
    """At once, then on change of reason at most once a second, else once a minute; every hold is counted."""
    with planted_module("decisions.py") as module:
        assert scribe_failures(module) == []


@pytest.mark.parametrize("defect", gate_defects("decisions"), ids=lambda defect: defect.name)
def test_a_defect_of_the_record_shows(defect: ModuleDefect) -> None:
    """Flooded, forgotten, miscounted."""
    with planted_module(defect.file, defect) as module:
        assert scribe_failures(module) != []


def test_without_an_input_to_go_with_notes_do_not_pile_up() -> None:
    """Sixty-four wait at most; what is held meanwhile is counted and told by later notes."""
    with planted_module("decisions.py") as module:
        clock = Ticking()
        decisions = module.Decisions(clock, clock)
        for number in range(1000):
            clock.now += 61 * SECOND
            decisions.hold(hold(number=number))
        assert len(told(decisions.take())) == 64
        clock.now += 61 * SECOND
        decisions.hold(hold(number=1000))
        assert told(decisions.take()) == [("DC_CONTRADICT", 1000 - 64 + 1, 1000)]


def test_a_note_is_of_no_trade() -> None:
    """Holds are found under trade 0, which no trade has."""
    with planted_module("decisions.py") as module:
        decisions = module.Decisions(lambda: 1, lambda: 2)
        decisions.hold(hold())
        (note,) = decisions.take()
        assert isinstance(note, Note)
        assert (note.trade, note.name) == (0, "held")

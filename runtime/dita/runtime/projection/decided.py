"""Decisions of a policy, from the notes that were written with a row."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

from dita.adapters.journal import Note
from dita.runtime.decisions import HELD
from dita.runtime.entries import EXIT, INTENT
from dita.runtime.projection.names import Names
from dita.runtime.projection.steps import Step
from dita.spec.decisions import Check, Reason
from dita.spec.published.rows import Decided, DecisionEvent
from dita.spec.vocabulary import Side

_OPERANDS: Final = ("gates", "sizing")  # names of the notes beside an intent


def decisions(step: Step, names: Names) -> Iterator[DecisionEvent]:
    """One a note that tells of a decision. One that cannot be read is told as that, with its text."""
    for note in step.notes:
        if note.name in (HELD, INTENT, EXIT):
            try:
                yield _MADE[note.name](step, names, note)
            except (ValueError, TypeError, KeyError):  # of another version
                yield _row(step, names, Decided.UNREADABLE, note.trade, facts=note.body)


def _held(step: Step, names: Names, note: Note) -> DecisionEvent:
    body = _body(note)
    return _row(
        step, names, Decided.HELD, 0, symbol=str(body["symbol"]), side=Side[body["side"]], check=Check[body["check"]],
        reason=Reason[body["reason"]], count=int(body["count"]), why=str(body["why"]),
        facts=json.dumps(body["facts"], ensure_ascii=False), decided_ns=int(body["wall_ns"]),
    )  # fmt: skip


def _opened(step: Step, names: Names, note: Note) -> DecisionEvent:
    body = _body(note)
    beside = (f'"{one.name}":{one.body}' for one in step.notes if one.trade == note.trade and one.name in _OPERANDS)
    return _row(
        step, names, Decided.OPEN, note.trade, symbol=str(body["symbol"]), side=Side[body["side"]],
        quantity=int(body["quantity"]), price=int(body["price"]), why=str(body["why"]), facts=f"{{{','.join(beside)}}}",
    )  # fmt: skip


def _closed(step: Step, names: Names, note: Note) -> DecisionEvent:
    body = _body(note)
    return _row(
        step, names, Decided.CLOSE, note.trade, symbol=names.symbol(step.instrument),
        side=Side(step.slot_before.side), price=int(body["price"]), why=str(body["why"]),
    )  # fmt: skip


_MADE: Final = {HELD: _held, INTENT: _opened, EXIT: _closed}


def _body(note: Note) -> Mapping[str, Any]:
    body: object = json.loads(note.body)
    if not isinstance(body, dict):
        raise TypeError(f"note `{note.name}`: no object")
    return cast("Mapping[str, Any]", body)


def _row(
    step: Step, names: Names, decided: Decided, trade: int, *, symbol: str = "", side: Side = Side.NONE,
    check: Check = Check.NONE, reason: Reason = Reason.PASSED, count: int = 1, quantity: int = 0, price: int = 0,
    why: str = "", facts: str = "{}", decided_ns: int | None = None,
) -> DecisionEvent:  # fmt: skip
    return DecisionEvent(
        names.tag, step.position, 0, step.wall_ns, step.wall_ns if decided_ns is None else decided_ns, decided.name,
        symbol, trade, side.name, check.name, reason.name, count, quantity, price, why, facts,
    )  # fmt: skip

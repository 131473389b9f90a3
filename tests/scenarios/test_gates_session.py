"""A session with every gate, over real sockets: books come from the depth stream, and every hold is in the journal."""

import json
from collections import Counter
from pathlib import Path

import pytest

from dita.adapters.journal import open_reader
from dita.kernel.loader import CertifiedKernel
from dita.runtime.cli_journal import replay_journal
from dita.runtime.cli_report import Reporter
from dita.runtime.session import SessionResult, run_session
from dita.runtime.settings import load_settings
from dita.spec.decisions import Check, Reason

ROUND_TRIPS = 10


def quietly(_text: str, _done: int, _total: int) -> None:
    """Nobody watches."""


async def session(certified_kernel: CertifiedKernel, folder: Path) -> SessionResult:
    """Ten round trips, held back by book, direction and losses."""
    settings = load_settings(
        {
            "DITA_BOOK_LEVELS": "5", "DITA_BOOK_SHARE_MIN_PPM": "400000", "DITA_LOSS_PAUSE_MS": "50",
            "DITA_DAILY_LOSS_MAX_USDT": "100000", "DITA_DAILY_TRADES_MAX": "1000",
        },
        out=folder, round_trips=ROUND_TRIPS, seed=5,
    )  # fmt: skip
    return await run_session(settings, certified_kernel, quietly)


@pytest.mark.timeout(200)
async def test_every_hold_of_a_session_is_explained_in_its_journal(
    tmp_path: Path, certified_kernel: CertifiedKernel
) -> None:
    """As often, by whom and why: what the journal tells adds up to what the session counted, to the last hold."""
    result = await session(certified_kernel, tmp_path)
    assert result.problems == ()
    assert int(result.figures["round_trips"]) >= ROUND_TRIPS
    *held, entered, exits = result.decisions
    journal = tmp_path / "paper" / "journal.sqlite"
    reader = open_reader(journal)
    try:
        notes = [json.loads(note.body) for note in reader.notes(0)]
        passed = [{note.name: json.loads(note.body) for note in reader.notes(trade)} for trade in (1, 2, 3)]
    finally:
        reader.close()
    told: Counter[tuple[str, str]] = Counter()
    for note in notes:
        told[note["check"], note["reason"]] += note["count"]
    assert {(who, why): count for who, why, count in held} == dict(told)
    assert sum(told.values()) > ROUND_TRIPS
    assert told[Check.ORDER_BOOK.name, Reason.BOOK_AGAINST.name] > 0
    assert told[Check.SESSION_LIMITS.name, Reason.COOLING_DOWN.name] > 0
    assert entered[2] >= ROUND_TRIPS
    assert exits[2] >= ROUND_TRIPS
    for trade in passed:
        book = trade["gates"]["ORDER_BOOK"]
        assert book["snapshots"] >= 1
        own = book["bids"] if book["side"] == "LONG" else book["asks"]
        assert own * 10 >= 4 * (book["bids"] + book["asks"]) > 0
        assert list(trade["gates"]) == ["STALE_DATA", "SESSION_LIMITS", "DIRECTION", "ORDER_BOOK", "BOOST"]
        assert trade["gates"]["BOOST"]["boost_source"] == "missing"
        assert trade["sizing"]["quantity"] == trade["intent"]["quantity"]
    report = replay_journal(Reporter(), journal=journal, last=5, trade=None, at=None, held=True)
    assert report.problems == []
    assert report.figures["held"] == sum(told.values())

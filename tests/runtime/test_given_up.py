"""Trades that ended without a fill: remembered as such, by snapshots too, and no others."""

import asyncio
from pathlib import Path

import pytest

from dita.runtime import history
from dita.runtime.alerts import Alerts
from dita.runtime.engine import Engine
from dita.runtime.history import History
from dita.runtime.lockstep import Lockstep
from dita.spec import inputs
from dita.spec.vocabulary import RejectReason
from runtime_parts import ReferenceKernel, open_test_journal, opened, registered, round_trip


@pytest.mark.parametrize("kept", [256, 1])
def test_trades_that_end_without_a_fill_are_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: int
) -> None:
    """Rejected or ended empty; not those that filled. The newest are kept, and come back out of a snapshot."""
    monkeypatch.setattr(history, "_GIVEN_UP_MAX", kept)

    async def work() -> History:
        journal = open_test_journal(tmp_path / "journal.sqlite")
        engine = Engine(
            Lockstep(ReferenceKernel()), journal, Alerts(lambda: 0), wall_ns=lambda: 7,
            venue_now_ns=lambda: 5, on_divergence=lambda _: None, history=History(),
        )  # fmt: skip
        place = {"slot": 0, "instrument": 0, "trade": 2, "attempt": 0}
        rejected = [opened(2)[0], inputs.rejected(**place, reason=RejectReason.REFUSED, time_ns=1)]
        ended = inputs.order(
            slot=0, instrument=0, trade=3, attempt=0, quantity=0, quote=0, done=True, time_ns=1_000_000_000
        )
        for event in [*registered(), *round_trip(1), *rejected, opened(3)[0], ended, *round_trip(4), opened(5)[0]]:
            await engine.apply(event)
        await journal.close()
        return engine.history

    made = asyncio.run(work())
    assert made.given_up == [2, 3][-kept:]
    assert History.from_text(made.to_text()) == made

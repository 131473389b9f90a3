"""The dead-man timer of a whole session, as the exchange itself has it."""

import asyncio
from pathlib import Path
from unittest import mock

import pytest

from dita.kernel.loader import CertifiedKernel
from dita.runtime import session
from dita.runtime.dead_man import DeadMan
from dita.runtime.paper import API_KEY, PaperExchange
from dita.runtime.session import run_session
from dita.runtime.settings import load_settings


def timers_of(folder: Path, certified: CertifiedKernel, seconds: int) -> tuple[set[bool], bool]:
    """Run a session: whether the exchange's timer ran at each look while it traded, and whether it runs afterwards."""
    exchanges: list[PaperExchange] = []
    looks: set[bool] = set()

    def made(*symbols: tuple[str, ...], **options: object) -> PaperExchange:
        exchanges.append(PaperExchange(*symbols, **options))  # type: ignore[arg-type] # handed on as it came
        return exchanges[-1]

    def runs() -> bool:
        account = exchanges[0].server.venue.engine.accounts[API_KEY]
        return account.dead_man_due_ns is not None

    def progress(text: str, _: int, __: int) -> None:
        if text == "trading":
            looks.add(runs())

    settings = load_settings({}, round_trips=3, dead_man_seconds=seconds, out=folder, seed=5)
    with mock.patch.object(session, "PaperExchange", made):
        result = asyncio.run(run_session(settings, certified, progress))
    assert result.problems == ()
    return looks, runs()


@pytest.mark.timeout(120)
def test_the_timer_runs_while_a_session_trades_and_no_longer(tmp_path: Path, certified_kernel: CertifiedKernel) -> None:
    """At every look the exchange would cancel all orders by itself; after the stop in order it would not."""
    assert timers_of(tmp_path, certified_kernel, 30) == ({True}, False)


@pytest.mark.timeout(120)
def test_a_timer_that_is_not_stopped_is_seen(tmp_path: Path, certified_kernel: CertifiedKernel) -> None:
    """Planted: the stop forgets the timer; it runs on at the exchange, which the check above would report."""
    with mock.patch.object(DeadMan, "stop", mock.AsyncMock()):
        assert timers_of(tmp_path, certified_kernel, 30)[1]
    assert timers_of(tmp_path / "without", certified_kernel, 0) == ({False}, False)

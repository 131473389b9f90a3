"""A backtest is honest: the session on virtual time decides and books what the one on sockets does."""

import asyncio
import json
import subprocess
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final
from unittest import mock

import pytest

from command import DITA
from dita.adapters.exchange import Contract
from dita.adapters.journal import AccountLock, open_reader
from dita.adapters.journal.store import JournalStore
from dita.kernel.binding import Kernel
from dita.kernel.image import IMAGE_PATH
from dita.kernel.loader import CertifiedKernel, installed_bindings, load_certified, load_for_conformance
from dita.runtime import session
from dita.runtime.cli_report import CommandError, Reporter
from dita.runtime.cli_session import backtest
from dita.runtime.direct.account import DirectAccount
from dita.runtime.ground import MACHINE, Ground
from dita.runtime.paper import PaperExchange, SteadyFeeder, assumptions
from dita.runtime.report.command import read_facts
from dita.runtime.session import SessionResult, run_session
from dita.runtime.settings import Settings, load_settings
from dita.runtime.simulation.ground import virtual_ground
from dita.spec.market import MarketEvent
from dita.spec.vocabulary import Kind
from sample_certificate import written_certificate
from small_recording import write_recording

DECISIONS: Final = frozenset((Kind.ENTER, Kind.EXIT, Kind.FLATTEN, Kind.CANCEL))
TIMES: Final = ("wanted_ns", "filled_ns", "ended_ns", "ended_by")
ROUND_TRIPS: Final = 8


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> CertifiedKernel:
    """The image, with a certificate for tests."""
    folder = tmp_path_factory.mktemp("certificate")
    return load_certified(written_certificate(folder, installed_bindings(load_for_conformance(IMAGE_PATH))))


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two symbols, 500 quotes each."""
    return write_recording(tmp_path_factory.mktemp("recording") / "recordings", 500, seed=2)


def settings_of(recording: Path, out: Path, policy: str, round_trips: int = ROUND_TRIPS) -> Settings:
    return load_settings(
        {}, source="recorded", recordings=recording, round_trips=round_trips, policy=policy, out=out, market="waits"
    )


def told(*_: Any) -> None:
    """No progress."""


def on_sockets(settings: Settings, certified: CertifiedKernel) -> SessionResult:
    return asyncio.run(run_session(settings, certified, told))


def on_virtual_time(settings: Settings, certified: CertifiedKernel, *, is_direct: bool = False) -> SessionResult:
    with virtual_ground(settings.seed, is_direct=is_direct) as (loop, ground):
        return loop.run_until_complete(run_session(settings, certified, told, ground=ground))


def decided(result: SessionResult) -> list[tuple[object, ...]]:
    """Every decision in its order: what the policy wanted, of which trade, and at which price it was decided."""
    reader = open_reader(result.journal)
    events = [row.input for row in reader.rows()]
    reader.close()
    return [
        (Kind(one.kind).name, one.instrument, one.trade, one.side, one.quantity, one.price, one.leg, one.ratios)
        for one in events
        if one.kind in DECISIONS
    ]


def books(result: SessionResult) -> tuple[list[dict[str, int | str]], tuple[int, ...]]:
    """Every trade's fills, profit, fees and reason, and the account's own books; without what is a time."""
    reader = open_reader(result.journal)
    facts = read_facts(reader, Reporter())
    reader.close()
    trades = [
        {name: value for name, value in trade.to_json().items() if name not in TIMES} for trade in facts.trades.values()
    ]
    ledger = facts.ledger
    return trades, (ledger.seed, ledger.realised, ledger.fees, ledger.fees_provisional, ledger.funding)


@pytest.mark.parametrize("policy", ["reversion", "coin"])
def test_virtual_time_and_sockets_come_to_the_same(
    policy: str, recording: Path, certified: CertifiedKernel, tmp_path: Path
) -> None:
    """On the same recording and seed: the same decisions in the same order, the same fills, the same books."""
    virtual = on_virtual_time(settings_of(recording, tmp_path / "virtual", policy), certified)
    real = on_sockets(settings_of(recording, tmp_path / "real", policy), certified)
    assert virtual.problems == real.problems == ()
    assert virtual.figures == real.figures
    assert virtual.figures["round_trips"] >= ROUND_TRIPS  # type: ignore[operator] # a count
    assert len(decided(virtual)) >= 2 * ROUND_TRIPS
    assert decided(virtual) == decided(real)
    assert books(virtual) == books(real)


@pytest.mark.parametrize("policy", ["reversion", "coin"])
def test_calls_and_stacks_come_to_the_same(
    policy: str, recording: Path, certified: CertifiedKernel, tmp_path: Path
) -> None:
    """Without any wire: the same decisions in the same order, the same fills, the same books, a sound journal."""
    stacks = on_virtual_time(settings_of(recording, tmp_path / "stacks", policy), certified)
    direct = on_virtual_time(settings_of(recording, tmp_path / "direct", policy), certified, is_direct=True)
    assert stacks.problems == direct.problems == ()
    assert stacks.figures == direct.figures
    assert direct.journal_rows < stacks.journal_rows  # no acceptance of what is filled at once
    assert decided(stacks) == decided(direct)
    assert books(stacks) == books(direct)


def test_an_exchange_that_is_called_and_fills_otherwise_is_seen(
    recording: Path, certified: CertifiedKernel, tmp_path: Path
) -> None:
    """Planted: called directly, the exchange sees each quote only after the policy has decided on it."""
    stacks = on_virtual_time(settings_of(recording, tmp_path / "stacks", "coin"), certified)
    late: list[MarketEvent] = []
    feed = DirectAccount.feed

    async def feed_late(account: DirectAccount, event: MarketEvent) -> None:
        late.append(event)
        if len(late) > 1:
            await feed(account, late.pop(0))

    with mock.patch.object(DirectAccount, "feed", feed_late):
        direct = on_virtual_time(settings_of(recording, tmp_path / "direct", "coin"), certified, is_direct=True)
    assert direct.problems == ()
    assert books(stacks) != books(direct)


def test_a_market_that_does_not_wait_is_seen(recording: Path, certified: CertifiedKernel, tmp_path: Path) -> None:
    """Planted: the next quote comes while orders are under way. Then the two do not come to the same."""
    virtual = on_virtual_time(settings_of(recording, tmp_path / "virtual", "coin"), certified)

    async def hardly(holds: Callable[[], bool]) -> None:
        if holds():
            await asyncio.sleep(0.001)

    with mock.patch.object(SteadyFeeder, "_wait_while", staticmethod(hardly)):
        real = on_sockets(settings_of(recording, tmp_path / "real", "coin"), certified)
    assert decided(virtual) != decided(real)


def test_a_recording_is_played_once_to_its_end(certified: CertifiedKernel, tmp_path: Path) -> None:
    """More round trips than it has in it: the backtest ends with it, flat, and that is no problem."""
    short = write_recording(tmp_path / "short", 60)
    result = on_virtual_time(settings_of(short, tmp_path / "out", "coin", 1000), certified)
    assert result.problems == ()
    assert 0 < result.figures["round_trips"] < 1000  # type: ignore[operator] # a count
    assert result.figures["final_position"] == 0


def test_backtests_side_by_side_are_no_runtimes_of_one_account(certified: CertifiedKernel, tmp_path: Path) -> None:
    """The exchange of each is in the memory of its process; on sockets, one address is one account."""
    short = write_recording(tmp_path / "short", 60)
    locked: list[str] = []

    def lock(account: str) -> AccountLock:
        locked.append(account)
        return AccountLock(account)

    with mock.patch.object(session, "AccountLock", lock), mock.patch("os.getpid", return_value=1):
        on_virtual_time(settings_of(short, tmp_path / "first", "coin", 1), certified)
    with AccountLock(locked[0]), mock.patch.object(session, "AccountLock", lock):
        on_virtual_time(settings_of(short, tmp_path / "second", "coin", 1), certified)

    assert len(set(locked)) == 2
    assert MACHINE.within == ""


def test_sessions_one_after_the_other_need_one_kernel(certified: CertifiedKernel, tmp_path: Path) -> None:
    """Flaw V1: of the 64 places that a process has for kernels one alone is free, and so it is for each session."""
    short = write_recording(tmp_path / "short", 60)
    with ExitStack() as others:
        for _ in range(63):
            others.enter_context(Kernel(certified.raw))
        for name in ("first", "second"):
            on_virtual_time(settings_of(short, tmp_path / name, "coin", 1), certified)


def test_the_command_says_what_it_grants_and_writes_the_report(tmp_path: Path) -> None:
    """From the recordings' folder to a flat end: status 0, the assumptions in the summary, the report's page."""
    write_recording(tmp_path / "recordings", 60)
    certificate = written_certificate(tmp_path, installed_bindings(load_for_conformance(IMAGE_PATH)))
    command = [*DITA, "backtest", "--source", "recorded", "--policy", "coin", "--certificate", str(certificate)]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=100,
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "COLUMNS": "200", "DITA_RECORDINGS": "recordings"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the market waits for every order" in done.stdout
    assert "a market order walks a made-up book of 20 levels" in done.stdout
    figures = json.loads((tmp_path / "backtest.json").read_text())["figures"]
    assert figures["round_trips"] > 0
    assert "<h1>Report</h1>" in (tmp_path / "out" / "audit" / "report.html").read_text(encoding="utf-8")
    assert (tmp_path / "out" / "backtest" / "journal.sqlite").exists()


def test_only_a_backtest_does_not_wait_for_the_disk(tmp_path: Path) -> None:
    """A journal of orders at a venue survives the loss of power; one that can be made again need not."""
    assert asyncio.run(is_synced(MACHINE, tmp_path / "venue"))
    with virtual_ground(1) as (loop, ground):
        assert not loop.run_until_complete(is_synced(ground, tmp_path / "backtest"))


async def is_synced(ground: Ground, path: Path) -> bool:
    store = JournalStore(path)
    commit = ground.driver(store)
    found = store.is_synced
    await commit.close()
    store.close()
    return found


def test_what_the_exchange_grants_is_told_from_its_own_rules() -> None:
    """Latency, slippage, fees, funding and faults, by the numbers that the simulator works with."""
    exchange = PaperExchange(("BTC-USDT",), seed=1, faults=(), secret="s")
    grants = dict(assumptions(exchange, MACHINE, market_waits=False))
    assert grants["latency"] == (
        "sockets on loopback; the market moves on while an order is under way, one event in 20 ms"
    )
    assert "20 levels, each as large as the best one and 1 tick further" in grants["slippage"]
    assert grants["fees"] == "taker 500 ppm, maker 200 ppm"
    assert (grants["funding"], grants["faults"]) == ("0 ppm", "0 planned")
    dearer = Contract("BTC-USDT", 1, 4, 10_000, taker_rate_ppb=612_500, funding_rate_ppb=100_000)
    exchange.contracts["BTC-USDT"] = dearer
    with virtual_ground(1) as (_, ground):
        grants = dict(assumptions(exchange, ground, market_waits=True))
    assert "1 ms of virtual time each way; the market waits for every order" in grants["latency"]
    assert (grants["fees"], grants["funding"]) == ("taker 612.5 ppm, maker 200 ppm", "100 ppm")


def test_a_real_exchange_has_a_time_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """With an exchange set there is no backtest; nothing is started."""
    monkeypatch.setenv("DITA_EXCHANGE", "http://127.0.0.1:9")
    with pytest.raises(CommandError, match="DITA_EXCHANGE: `http://127"):
        backtest(Reporter(), options={})

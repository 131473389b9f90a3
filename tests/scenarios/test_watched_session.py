"""A session seen from another process, through shared memory: what it publishes is what its journal says."""

import asyncio
import json
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from dita.adapters.control import Command, NobodyThere, Reply, Request, ask
from dita.adapters.journal import open_reader
from dita.adapters.plane import PlaneUnusable, place_of
from dita.kernel.loader import CertifiedKernel
from dita.runtime.logs import logging_to
from dita.runtime.session import SessionResult, run_session
from dita.runtime.settings import load_settings

# Looks until the session has ended, and writes down what it saw: pulse, row, trades, whether it was ready.
WATCHER = """
import json, sys, time
from pathlib import Path
from dita.adapters.plane import PlaneMissing, PlaneUnusable
from dita.runtime.publishing import read_snapshot, watch
base, journal = map(Path, sys.argv[1:])
until = time.monotonic() + 60
reader = None
while reader is None:
    assert time.monotonic() < until
    try:
        reader = watch(base, journal)
    except (PlaneMissing, PlaneUnusable):
        time.sleep(0.01)
print("watching", flush=True)
pulse = ""
while pulse != "ended" and time.monotonic() < until:
    seen = reader.look(time.monotonic_ns())
    live = read_snapshot(seen.packet.payload)
    pulse = seen.pulse.value
    print(json.dumps([pulse, live.engine.journal_position, live.engine.newest_trade, live.health.is_ready,
                      live.health.venue, len(live.health.latencies), seen.packet.sequence]), flush=True)
    time.sleep(0.05)
"""


def quietly(_text: str, _done: int, _total: int) -> None:
    pass


@pytest.mark.timeout(100)
def test_a_session_is_seen_from_another_process_until_its_end(
    tmp_path: Path, certified_kernel: CertifiedKernel
) -> None:
    """Live and rising while it trades, ended with the very last row of its journal; then its place is empty."""
    (tmp_path / "paper").mkdir()
    journal = tmp_path / "paper" / "journal.sqlite"
    child = subprocess.Popen(
        [sys.executable, "-c", WATCHER, str(tmp_path), str(journal)], stdout=subprocess.PIPE, text=True
    )
    try:
        settings = load_settings({}, out=tmp_path, plane=tmp_path, round_trips=4, symbols="BTC-USDT")
        result = asyncio.run(run_session(settings, certified_kernel, quietly))
        out, _ = child.communicate(timeout=30)
    finally:
        child.kill()
    looks = [json.loads(line) for line in out.splitlines()[1:]]
    rows = [row for _, row, *_ in looks]
    assert result.problems == ()
    assert looks[-1][0] == "ended"
    assert {pulse for pulse, *_ in looks[:-1]} == {"live"}
    assert rows == sorted(rows)
    assert len(set(rows)) > 3
    reader = open_reader(journal)
    assert looks[-1][1] == reader.position == result.journal_rows
    reader.close()
    assert looks[-1][2] >= 4
    assert [ready for *_, ready, _, _, _ in looks if ready]
    assert looks[-1][4].startswith("127.0.0.1:")
    assert looks[-1][5] == 2
    assert list(place_of(tmp_path, journal).folder.iterdir()) == []


@pytest.mark.timeout(100)
def test_metrics_log_and_commands_of_a_session(tmp_path: Path, certified_kernel: CertifiedKernel) -> None:
    """Asked while it trades: metrics over HTTP; a halt that is answered, stops it, and is taken back; a log as JSON."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = load_settings({}, out=tmp_path, plane=tmp_path, round_trips=8, symbols="BTC-USDT", metrics_port=port)
    (tmp_path / "paper").mkdir()
    place = place_of(tmp_path, tmp_path / "paper" / "journal.sqlite")

    async def both() -> tuple[SessionResult, str, list[Reply]]:
        session = asyncio.create_task(run_session(settings, certified_kernel, quietly))
        replies: list[Reply] = []
        while True:  # until the session has begun to listen
            try:
                replies.append(await asyncio.to_thread(ask, place, Request(Command.HALT, "a test"), 20))
                break
            except NobodyThere:
                assert not session.done()
                await asyncio.sleep(0.02)
        async with httpx.AsyncClient(trust_env=False) as client:
            metrics = (await client.get(f"http://127.0.0.1:{port}/metrics")).text
        replies.append(await asyncio.to_thread(ask, place, Request(Command.RESUME), 20))
        return await session, metrics, replies

    with logging_to(tmp_path, "json") as path:
        result, metrics, (halted, resumed) = asyncio.run(both())
    assert result.problems == ()
    assert (halted.after.mode, halted.problem, resumed.after.mode) == ("HALTED", "", "ACTIVE")
    assert "\ndita_mode 2\n" in metrics
    assert 'bingx_submits_total{came_to="accepted"} ' in metrics
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    states = [line for line in lines if line["logger"] == "dita.runtime.state_log"]
    assert [(line["from"], line["to"]) for line in states if line["input"] == "SET_MODE"] == [
        ("ACTIVE", "HALTED"), ("HALTED", "ACTIVE"),
    ]  # fmt: skip
    finished = {line["trade"] for line in states if line["to"] == "IDLE" and line["from"].startswith("EXIT")}
    assert len(finished) == int(result.figures["round_trips"])


def test_a_plane_that_cannot_be_refuses_the_start(tmp_path: Path, certified_kernel: CertifiedKernel) -> None:
    """Flaw W9: nothing falls back to no plane in silence. `off` is said."""
    settings = load_settings({}, out=tmp_path, plane=tmp_path / "nowhere", round_trips=1, symbols="BTC-USDT")
    with pytest.raises(PlaneUnusable, match="set DITA_PLANE to a folder in memory, or to off"):
        asyncio.run(run_session(settings, certified_kernel, quietly))
    settings = load_settings({"DITA_PLANE": "off"}, out=tmp_path, round_trips=1, symbols="BTC-USDT")
    assert asyncio.run(run_session(settings, certified_kernel, quietly)).problems == ()

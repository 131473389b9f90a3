"""SIGKILL at any moment, start again: the journal is replayed, what was in flight resolved, the exchange reconciled."""

import json
import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from dita.kernel.loader import RawKernel, installed_bindings
from dita.spec.certificate import Bindings
from session_process import exchange_process, finish, forking, kill, start_session

KILLS = 20
CONVERGES_WITHIN_SECONDS = 60.0
# Orders that fill in parts and late, replies that come late or never: most moments then find something in flight.
FAULTS = [
    {"kind": "split_fills", "parts": 3, "delay_ms": 120, "when": {"every": 2, "times": 0}},
    {"kind": "delay_reply", "delay_ms": 250, "when": {"every": 5, "times": 0}},
    {"kind": "lose_reply", "how": "reset", "when": {"every": 7, "times": 0}},
    {"kind": "drop_frame", "event": "ORDER_TRADE_UPDATE", "when": {"every": 13, "times": 0}},
]


def wait_until_trading(output: Path) -> None:
    """Until the session says that it has recovered and trades."""
    until = time.monotonic() + CONVERGES_WITHIN_SECONDS
    while not output.exists() or "trading" not in output.read_text():
        assert time.monotonic() < until, output.read_text() if output.exists() else "no output"
        time.sleep(0.02)


@pytest.mark.timeout(600)
def test_twenty_kills_at_random_moments_converge(
    tmp_path: Path, raw_kernel: RawKernel, write_certificate: Callable[[Path, Bindings], Path]
) -> None:
    """After each of 20 kills the next start gets flat: by the exchange's own record no position, no order, no delta."""
    certificate = write_certificate(tmp_path / "certificate", installed_bindings(raw_kernel))
    rng = random.Random(20)
    context = forking()
    killed_in_flight = 0
    with exchange_process(tmp_path, faults={"faults": FAULTS}) as exchange:
        for number in range(KILLS):
            output = tmp_path / f"killed-{number}.txt"
            session = start_session(context, exchange, certificate, tmp_path, 100_000, output)
            if number % 4:  # every fourth is killed while it starts
                wait_until_trading(output)
            time.sleep(rng.uniform(0.0, 1.2))
            kill(session)
            killed_in_flight += exchange.open_position() > 0 or bool(exchange.open_orders())
            output = tmp_path / f"again-{number}.txt"
            again = start_session(context, exchange, certificate, tmp_path, 1, output)
            status = finish(again, CONVERGES_WITHIN_SECONDS)
            assert status == 0, f"restart {number} ended with {status}:\n{output.read_text()[-3000:]}"
            figures = json.loads((tmp_path / "session.json").read_text())["figures"]
            assert (exchange.open_position(), exchange.open_orders()) == (0, []), f"restart {number}: {figures}"
            assert figures["reconcile_delta"] == "0.00000000"
            assert figures["reference_divergences"] == 0
    assert killed_in_flight >= KILLS // 3  # otherwise the moments were not random enough to prove anything

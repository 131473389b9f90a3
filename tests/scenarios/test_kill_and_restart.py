"""SIGKILL at any moment, start again: the journal is replayed, what was in flight resolved, the exchange reconciled."""

import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from dita.kernel.loader import RawKernel, installed_bindings
from dita.spec.certificate import Bindings
from kill_check import ENDLESS, Scene, restart_and_judge, wait_until
from session_process import exchange_process, kill

KILLS = 20
# Orders that fill in parts and late, replies that come late or never: most moments then find something in flight.
FAULTS = [
    {"kind": "split_fills", "parts": 3, "delay_ms": 120, "when": {"every": 2, "times": 0}},
    {"kind": "delay_reply", "delay_ms": 250, "when": {"every": 5, "times": 0}},
    {"kind": "lose_reply", "how": "reset", "when": {"every": 7, "times": 0}},
    {"kind": "drop_frame", "event": "ORDER_TRADE_UPDATE", "when": {"every": 13, "times": 0}},
]


def says_trading(output: Path) -> Callable[[], bool]:
    """Whether a session has recovered and trades, by what it says."""
    return lambda: output.exists() and "trading" in output.read_text()


@pytest.mark.timeout(600)
def test_twenty_kills_at_random_moments_converge(
    tmp_path: Path, raw_kernel: RawKernel, write_certificate: Callable[[Path, Bindings], Path]
) -> None:
    """After each of 20 kills the next start gets flat: by the exchange's own record no position, no order, no delta."""
    certificate = write_certificate(tmp_path / "certificate", installed_bindings(raw_kernel))
    rng = random.Random(20)
    killed_in_flight = 0
    with exchange_process(tmp_path, faults={"faults": FAULTS}) as exchange:
        scene = Scene(exchange, certificate, tmp_path)
        for number in range(KILLS):
            output = tmp_path / f"killed-{number}.txt"
            session = scene.start(output, ENDLESS)
            if number % 4:  # every fourth is killed while it starts
                wait_until(says_trading(output), session, output)
            time.sleep(rng.uniform(0.0, 1.2))
            kill(session)
            killed_in_flight += exchange.open_position() > 0 or bool(exchange.open_orders())
            assert restart_and_judge(scene, str(number)) == []
    assert killed_in_flight >= KILLS // 3  # otherwise the moments were not random enough to prove anything

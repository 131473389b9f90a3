"""Whole runs: the same bytes in any process, judged by an auditor that sees each falsification."""

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from dita.kernel.loader import CertifiedKernel, RawKernel, installed_bindings
from dita.runtime.alerts import Alert
from dita.runtime.simulation.auditor import Claims, Evidence, Outside, audit
from dita.runtime.simulation.scenario import draw_scenario
from dita.runtime.simulation.world import RunResult, simulate
from dita.spec.certificate import Bindings
from dita.spec.inputs import external_close

SEED = 8  # twenty-odd seconds with lost replies and split fills
RUN = """
import sys
from pathlib import Path
from dita.kernel.loader import load_certified
from dita.runtime.simulation.scenario import draw_scenario
from dita.runtime.simulation.world import simulate
print(simulate(draw_scenario(int(sys.argv[2])), load_certified(Path(sys.argv[1]))).digest)
"""


@pytest.fixture(scope="module")
def result(certified_kernel: CertifiedKernel) -> RunResult:
    """One run with faults."""
    return simulate(draw_scenario(SEED), certified_kernel)


@pytest.fixture(scope="module")
def evidence(result: RunResult) -> Evidence:
    """What was judged in it."""
    assert result.evidence is not None
    return result.evidence


def test_a_run_with_faults_converges_and_is_found_sound(result: RunResult) -> None:
    """The production runtime, adapter, journal and exchange: faults happen, and in the end everything agrees."""
    assert result.violations == []
    assert result.unconverged == ""
    assert sum(result.fired.values()) >= 3
    assert result.inputs > 100


def test_other_processes_make_the_same_bytes(
    result: RunResult,
    raw_kernel: RawKernel,
    write_certificate: Callable[[Path, Bindings], Path],
    tmp_path: Path,
) -> None:
    """Another process, whose hashes are seeded otherwise and whose folders have other names: the same digest."""
    certificate = write_certificate(tmp_path / "certificate", installed_bindings(raw_kernel))
    command = [sys.executable, "-c", RUN, str(certificate), str(SEED)]
    environment = os.environ | {"PYTHONHASHSEED": "4242", "TMPDIR": str(tmp_path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=100)
    assert done.stdout.strip() == result.digest


def test_another_seed_and_a_shorter_run_make_other_bytes(result: RunResult, certified_kernel: CertifiedKernel) -> None:
    """The digest tells runs apart."""
    shorter = simulate(draw_scenario(SEED).only(()).shorter(6.0), certified_kernel)
    assert shorter.ok, shorter
    assert shorter.digest != result.digest


# Runs that once went wrong, and what was wrong then.
ONCE_WRONG = {
    "another trade's rows settled an exit of nobody's": (406, (2, 4), 33.774),
    "the death right after a failed journal was not counted": (997, (0, 1, 2, 3, 4, 7, 8, 13), 31.823),
}


@pytest.mark.parametrize(("seed", "kept", "seconds"), ONCE_WRONG.values(), ids=ONCE_WRONG)
def test_what_once_went_wrong_goes_right(
    certified_kernel: CertifiedKernel, seed: int, kept: tuple[int, ...], seconds: float
) -> None:
    """As the campaign printed it."""
    result = simulate(draw_scenario(seed).only(kept).shorter(seconds), certified_kernel)
    assert (result.violations, result.unconverged) == ([], "")
    assert sum(result.fired.values()) >= 2


# --- the auditor sees each falsification -----------------------------------------------------------------------------


def _record(evidence: Evidence, **change: object) -> Evidence:
    return replace(evidence, record=replace(evidence.record, **change))  # type: ignore[arg-type] # one field of many


def _claims(evidence: Evidence) -> Claims:
    assert evidence.claims is not None
    return evidence.claims


FALSIFIED: list[tuple[str, str, Callable[[Evidence], Evidence]]] = [
    ("money that no row explains", "the wallet is", lambda e: _record(e, wallet=e.record.wallet + 1)),
    ("a fee that the exchange forgot", "were booked", lambda e: _record(
        e, fills=(replace(e.record.fills[0], commission=0), *e.record.fills[1:]),
        wallet=e.record.wallet + e.record.fills[0].commission,
    )),
    ("a fill that no position shows", "its fills sum to", lambda e: _record(e, fills=e.record.fills[:-1])),
    ("an order that nothing durable commands", "no durable row commands it", lambda e: replace(
        e, rows=[row for row in e.rows if row.send_by_ns == 0 or row.input.trade != 1],
    )),
    ("an order that stands there twice", "stands on the exchange 2 times", lambda e: _record(
        e, orders=(*e.record.orders, e.record.orders[0]),
    )),
    ("an entry of another size", "its row of", lambda e: _record(
        e, orders=(replace(e.record.orders[0], quantity=e.record.orders[0].quantity + 1), *e.record.orders[1:]),
    )),
    ("a claimed position", "the runtime claims", lambda e: replace(
        e, claims=replace(_claims(e), positions={"BTC-USDT": 10_000}),
    )),
    ("a claimed capital", "the runtime claims a capital", lambda e: replace(
        e, claims=replace(_claims(e), capital=0),
    )),
    ("a claimed order in flight", "orders in flight at the end", lambda e: replace(
        e, claims=replace(_claims(e), live_orders=1),
    )),
    ("a divergence", "disagreed 1 times", lambda e: replace(
        e, claims=replace(_claims(e), divergences=1),
    )),
    ("a bug of our own", "own bug", lambda e: replace(e, alerts=Counter({Alert.OWN_BUG: 1}))),
    ("an order that was lost track of", "lost track of an order: EXTERNAL_CLOSE", lambda e: replace(
        e, rows=[*e.rows, e.rows[-1]._replace(
            input=external_close(slot=0, instrument=0, trade=1, quantity=5, quote=5, time_ns=5), send_by_ns=0)],
    )),
]  # fmt: skip


@pytest.mark.parametrize(("name", "says", "falsify"), FALSIFIED, ids=[name for name, _, _ in FALSIFIED])
def test_the_auditor_sees_it(evidence: Evidence, name: str, says: str, falsify: Callable[[Evidence], Evidence]) -> None:
    """The true record passes; with one thing falsified it does not, and the finding says what."""
    sound = replace(evidence, outside=Outside())
    assert audit(sound) == []
    found = audit(falsify(sound))
    assert any(says in one for one in found), (name, found)

"""Sessions on an exchange that loses, delays, repeats and hides: whatever it does, the end is flat and exact."""

import json
from collections.abc import Callable
from contextlib import ExitStack
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from dita.kernel.loader import RawKernel, installed_bindings
from dita.spec.certificate import Bindings
from session_process import (
    SECRET,
    ExchangeProcess,
    exchange_process,
    files_with_secrets,
    finish,
    forking,
    start_session,
)

WITHIN_SECONDS = 200.0
Fault = dict[str, object]


def often(every: int) -> Fault:
    return {"every": every, "times": 0}


STORMS: dict[str, list[Fault]] = {
    # never reached the book: only the whole evidence of absence settles it
    "lost requests": [
        {"kind": "lose_request", "how": "reset", "when": often(5)},
        {"kind": "lose_request", "how": "hang", "when": {"nth": 4, "times": 1}},
    ],
    # reached the book, and the answer says nothing
    "lost replies": [
        {"kind": "lose_reply", "how": "reset", "when": often(4)},
        {"kind": "spoil_reply", "status": 504, "body": "html", "when": often(5)},
        {"kind": "spoil_reply", "status": 200, "body": "code", "code": 101500, "when": often(7)},
        {"kind": "lose_reply", "how": "torn", "when": often(9)},
    ],
    # the stream lies by omission, repetition and order
    "bad stream": [
        {"kind": "drop_frame", "event": "ORDER_TRADE_UPDATE", "when": often(3)},
        {"kind": "duplicate_frame", "event": "ORDER_TRADE_UPDATE", "when": often(4)},
        {"kind": "delay_frame", "event": "ORDER_TRADE_UPDATE", "delay_ms": 300, "when": often(5)},
        {"kind": "cut_stream", "event": "ORDER_TRADE_UPDATE", "when": often(17)},
        {"kind": "split_fills", "parts": 4, "delay_ms": 40, "when": often(2)},
    ],
    # refusals of every sort, late admissions, reads that lag
    "refusals": [
        {"kind": "refuse_request", "code": 101204, "text": "Insufficient margin", "when": often(4)},
        {"kind": "limit_rate", "how": "100410", "when": often(9)},
        {"kind": "delay_admission", "delay_ms": 250, "when": often(5)},
        {"kind": "hide_order", "lag_ms": 500, "when": often(3)},
        {"kind": "spoil_reply", "status": 200, "body": "code", "code": 80012, "text": "busy", "when": often(11)},
    ],
}  # fmt: skip


def figures_of(folder: Path) -> dict[str, object]:
    document = json.loads((folder / "session.json").read_text())
    return dict(document["figures"])


def check_flat(exchange: ExchangeProcess, figures: dict[str, object]) -> None:
    """By the exchange's own record, and to the last unit."""
    assert (exchange.open_position(), exchange.open_orders()) == (0, [])
    assert (figures["reconcile_delta"], figures["reference_divergences"]) == ("0.00000000", 0)


@pytest.mark.timeout(300)
def test_every_storm_ends_flat_and_exact(
    tmp_path: Path, raw_kernel: RawKernel, write_certificate: Callable[[Path, Bindings], Path]
) -> None:
    """Ten round trips under each sort of trouble: every planned fault happened, and nothing is left at the end.

    No file that a session wrote holds its key or its secret.

    Each storm has its own exchange, and they blow side by side: their sessions mostly wait for proofs of absence.
    """
    certificate = write_certificate(tmp_path / "certificate", installed_bindings(raw_kernel))
    with ExitStack() as stack:
        storms: list[tuple[str, Path, ExchangeProcess, BaseProcess]] = []
        for name, faults in STORMS.items():
            folder = tmp_path / name.replace(" ", "-")
            folder.mkdir()
            exchange = stack.enter_context(exchange_process(folder, faults={"faults": faults}))
            session = start_session(forking(), exchange, certificate, folder, 10, folder / "output.txt")
            storms.append((name, folder, exchange, session))
        ends = [finish(session, WITHIN_SECONDS) for *_, session in storms]
        for (name, folder, exchange, _), status in zip(storms, ends, strict=True):
            said = [(folder / path).read_text()[-3000:] for path in ("output.txt", "out/session.log")]
            assert status == 0, f"{name}: {said}"
            check_flat(exchange, figures_of(folder))
            assert files_with_secrets(folder) == []
            fired = exchange.faults_fired()
            assert all(fired[str(fault["kind"])] > 0 for fault in STORMS[name]), f"{name}: {fired}"
        leak = tmp_path / "leak" / "out" / "leak.txt"
        leak.parent.mkdir(parents=True)
        leak.write_text(f"BINGX_API_SECRET={SECRET}")
        assert files_with_secrets(tmp_path / "leak") == [str(leak)]


@pytest.mark.timeout(300)
def test_an_order_that_never_arrived_is_settled_as_absent(
    tmp_path: Path, raw_kernel: RawKernel, write_certificate: Callable[[Path, Bindings], Path]
) -> None:
    """The first submit of all is lost on its way: on all the evidence it is accepted as absent, and trading goes on."""
    certificate = write_certificate(tmp_path / "certificate", installed_bindings(raw_kernel))
    faults = [{"kind": "lose_request", "how": "reset", "when": {"nth": 1}}]
    with exchange_process(tmp_path, faults={"faults": faults}) as exchange:
        output = tmp_path / "output.txt"
        session = start_session(forking(), exchange, certificate, tmp_path, 2, output)
        assert finish(session, WITHIN_SECONDS) == 0, output.read_text()[-3000:]
        check_flat(exchange, figures_of(tmp_path))
        client_ids = {str(order["client_id"]) for order in exchange.record()["orders"]}
        assert client_ids
        assert not any(identifier.endswith("-1-0-0") for identifier in client_ids)  # it never was on the book
        log = (tmp_path / "out" / "session.log").read_text()
        assert "unknown submit" in log

"""Every trade of a long session is worth the same to kernel, bookkeeper and exchange, to the last unit."""

from dataclasses import replace
from pathlib import Path
from random import Random
from unittest import mock

import pytest

from dita.adapters.exchange.orders import Fill
from dita.adapters.journal import open_reader
from dita.adapters.logic.rows import E18_PER_MONEY_UNIT, FillRow
from dita.kernel.loader import CertifiedKernel
from dita.runtime.direct import account
from dita.runtime.direct.rows import fill_row
from dita.runtime.policies import Coin
from dita.spec.vocabulary import Kind
from long_books import certified_in, compare, main
from small_recording import write_recording

ROUND_TRIPS = 120


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> CertifiedKernel:
    """The image, with a certificate for tests."""
    return certified_in(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Played again and again."""
    return write_recording(tmp_path_factory.mktemp("recording") / "recordings", 400, seed=3)


def test_all_trades_agree(recording: Path, certified: CertifiedKernel, tmp_path: Path) -> None:
    """`make books` does this with ten thousand; here as many as fit into a second."""
    done = compare(certified, recording, tmp_path, ROUND_TRIPS, "direct")
    assert done.found == ()
    assert done.trades == done.result.figures["round_trips"] >= ROUND_TRIPS  # type: ignore[operator] # a count
    assert done.result.figures["reconcile_delta"] == "0.00000000"


def test_orders_that_rest_and_are_given_up_agree_too(
    recording: Path, certified: CertifiedKernel, tmp_path: Path
) -> None:
    """Half of the entries wait in the book: some fill there, some are cancelled; the session ends flat and settled."""
    coin = Coin(Random(5), limit_chance=2)
    done = compare(certified, recording, tmp_path, ROUND_TRIPS // 2, "direct", coin)
    assert done.found == ()
    assert done.trades >= ROUND_TRIPS // 2
    reader = open_reader(done.result.journal)
    entered = sum(row.input.kind == Kind.ENTER for row in reader.rows())
    reader.close()
    assert entered > done.trades  # the others were given up before they filled


def test_a_fee_that_is_told_one_unit_less_is_seen(recording: Path, certified: CertifiedKernel, tmp_path: Path) -> None:
    """Planted: of one fill the books are told a fee of 1e-8 USDT less than was charged. It is that trade alone."""
    told: list[str] = []

    def one_less(fill: Fill, asset: str) -> FillRow:
        row = fill_row(fill, asset)
        told.append(row.trade_id)
        return row if row.trade_id != told[40] else replace(row, commission_e18=row.commission_e18 + E18_PER_MONEY_UNIT)

    told += [""] * 40
    with mock.patch.object(account, "fill_row", one_less):
        done = compare(certified, recording, tmp_path, ROUND_TRIPS, "direct")
    wrong = [text for text in done.found if text.startswith("trade ")]
    assert len(wrong) == 1
    assert any(text.startswith("reconcile_delta: `-0.00000001`") for text in done.found)


def test_the_command_ends_with_a_status(
    recording: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """0 when all agree, 1 when a difference was found; and the line says how many were compared."""
    arguments = ["--round-trips", "3", "--recordings", str(recording)]
    assert main(arguments) == 0
    assert "trades compared" in capsys.readouterr().out
    monkeypatch.setattr("long_books.differences", mock.Mock(return_value=(0, 0, ["planted"])))
    assert main(arguments) == 1
    assert "planted" in capsys.readouterr().out

"""What a backtest's round trip costs: a whole session is timed, and one that is not as it should be is no figure."""

from pathlib import Path
from unittest import mock

import pytest

from dita.kernel.loader import CertifiedKernel
from dita.runtime import bench_backtest as bench
from dita.runtime.bench_rows import WrongResult
from dita.runtime.settings import Settings, load_settings
from long_books import certified_in


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> CertifiedKernel:
    """The image, with a certificate for tests."""
    return certified_in(tmp_path_factory.mktemp("certificate"))


def settings_of(out: Path, round_trips: int = 20) -> Settings:
    return load_settings({}, symbols="BTC-USDT", round_trips=round_trips, out=out, market="waits")


def test_a_round_trip_is_measured(certified: CertifiedKernel, tmp_path: Path) -> None:
    """In both units, and far above what calls alone would cost: the session is really played."""
    found = bench.bench_backtest(certified, settings_of(tmp_path), 1, mock.Mock())
    assert found.round_trip_r > 100
    assert found.round_trip_ns > 10_000


def test_a_session_that_ends_early_is_no_figure(certified: CertifiedKernel, tmp_path: Path) -> None:
    """Planted: the market ends too early. Nothing is reported."""
    few = mock.Mock(return_value=bench.quotes(0))
    with (
        mock.patch.object(bench, "quotes", few),
        pytest.raises(WrongResult, match="not every trade was made"),
    ):
        bench.bench_backtest(certified, settings_of(tmp_path, 100), 1, mock.Mock())

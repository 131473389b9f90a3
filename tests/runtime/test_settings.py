"""Settings: everything wrong is told at once, by the name under which it was given."""

from decimal import Decimal
from pathlib import Path

import pytest

from dita.runtime.settings import SettingsError, load_settings


def test_defaults_need_no_environment() -> None:
    """`dita run` works without any variable: paper, an exchange of its own, two symbols."""
    settings = load_settings({})
    assert settings.exchange is None
    assert settings.symbols == ("BTC-USDT", "ETH-USDT")
    assert settings.round_trips == 100


def test_variables_are_read_and_options_win() -> None:
    """A variable sets, an option overrides, an empty variable and an option of None do not."""
    environment = {
        "DITA_SYMBOLS": "eth-usdt, BTC-USDT", "DITA_SEED": "7", "DITA_ROUND_TRIPS": "5", "DITA_POLICY": "",
        "DITA_TOLERANCE_USDT": "0.00000001", "DITA_JOURNAL": "/tmp/x", "HOME": "/root",
    }  # fmt: skip
    settings = load_settings(environment, round_trips=9, seed=None)
    assert settings.symbols == ("ETH-USDT", "BTC-USDT")
    assert (settings.seed, settings.round_trips, settings.policy) == (7, 9, "reversion")
    assert settings.tolerance_usdt == Decimal("0.00000001")
    assert settings.tolerance == 1
    assert settings.journal == Path("/tmp/x")


def test_every_problem_is_told_at_once_by_its_name() -> None:
    """Five wrong settings, one misspelt variable and one wrong option give seven lines, each naming its own."""
    environment = {
        "DITA_SEED": "minus one", "DITA_FRACTION_PPM": "0", "DITA_SYMBOLS": "BTCUSDT", "DITA_SOURCE": "tape",
        "DITA_RECV_WINDOW": "5", "DITA_TOLERANCE_USDT": "0.000000001",
    }  # fmt: skip
    with pytest.raises(SettingsError) as refused:
        load_settings(environment, round_trips=0)
    text = str(refused.value)
    names = (
        "DITA_SEED", "DITA_FRACTION_PPM", "DITA_SYMBOLS", "DITA_SOURCE", "DITA_RECV_WINDOW", "DITA_TOLERANCE_USDT",
        "--round-trips",
    )  # fmt: skip
    assert len(refused.value.problems) == len(names)
    for name in names:
        assert f"{name}: " in text
    assert "`minus one`" in text
    assert "there is no such setting" in text


def test_a_symbol_named_twice_is_refused() -> None:
    """The same symbol twice would be two slots on one position."""
    with pytest.raises(SettingsError, match=r"DITA_SYMBOLS: .*named twice"):
        load_settings({"DITA_SYMBOLS": "BTC-USDT,BTC-USDT"})

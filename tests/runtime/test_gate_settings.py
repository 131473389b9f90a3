"""Which gates a session has, with which figures, and the feature map: as set, or refused by name."""

import json
from pathlib import Path

import pytest

from dita.runtime.features import FeaturesError, read_features
from dita.runtime.gate_settings import gates_of
from dita.runtime.gates import Boost, Direction, OrderBook, SessionLimits, StaleData
from dita.runtime.settings import SettingsError, load_settings
from dita.spec.decisions import Check, Feature

SECOND = 1_000_000_000
SYMBOLS = ("BTC-USDT", "ETH-USDT")


def chosen(**variables: str) -> set[object]:
    return set(gates_of(load_settings({f"DITA_{name}": value for name, value in variables.items()})))


def test_without_settings_direction_and_age_are_looked_at() -> None:
    """Seven ticks and 0.75 basis points, quotes of five seconds, a threefold boost; no limits, no book."""
    assert chosen() == {StaleData(5 * SECOND, 0), SessionLimits(0, 0, 0), Direction(7, 75), Boost(3_000_000)}


def test_every_setting_reaches_its_gate() -> None:
    """Each figure in the gate that it is for, in the gate's own unit."""
    assert chosen(
        QUOTE_AGE_MS="1", QUOTE_LAG_MS="2", DAILY_LOSS_MAX_USDT="12.5", DAILY_TRADES_MAX="4", LOSS_PAUSE_MS="5",
        DIRECTION_TICKS="6", DIRECTION_AGAINST_PPM="7", BOOK_LEVELS="10", BOOK_WINDOW_MS="8", BOOK_AGE_MS="9",
        BOOK_SHARE_MIN_PPM="11", BOOST_MAX_PPM="2000000",
    ) == {
        StaleData(1_000_000, 2_000_000), SessionLimits(1_250_000_000, 4, 5_000_000), Direction(6, 7),
        OrderBook(10, 8_000_000, 9_000_000, 11), Boost(2_000_000),
    }  # fmt: skip


def test_what_is_set_to_0_is_not_asked() -> None:
    """No look-back, no age: those gates are not in the row; limits and boost stay, for they hold nothing then."""
    gates = gates_of(load_settings({"DITA_QUOTE_AGE_MS": "0", "DITA_DIRECTION_TICKS": "0"}))
    assert {gate.check for gate in gates} == {Check.SESSION_LIMITS, Check.BOOST}


def test_wrong_figures_are_told_at_once_by_name() -> None:
    """A boost above three, levels that the venue has no topic of, a share above all, a loss of no money."""
    with pytest.raises(SettingsError) as refused:
        load_settings(
            {
                "DITA_BOOST_MAX_PPM": "3000001", "DITA_BOOK_LEVELS": "7", "DITA_BOOK_SHARE_MIN_PPM": "1000001",
                "DITA_DAILY_LOSS_MAX_USDT": "nan", "DITA_QUOTE_AGE_MS": "-1",
            }
        )  # fmt: skip
    text = str(refused.value)
    assert len(refused.value.problems) == 5
    for name in ("BOOST_MAX_PPM", "BOOK_LEVELS", "BOOK_SHARE_MIN_PPM", "DAILY_LOSS_MAX_USDT", "QUOTE_AGE_MS"):
        assert f"DITA_{name}: `" in text
    assert "the venue has topics of 5, 10, 20, 50, 100 levels" in text


# ---- the feature map


def written(folder: Path, text: str) -> Path:
    path = folder / "features.json"
    path.write_text(text)
    return path


def test_a_feature_map_is_read_as_it_is(tmp_path: Path) -> None:
    """Numbers of symbols; without a file, and of a symbol that is not in it, there is none."""
    path = written(tmp_path, json.dumps({"BTC-USDT": {"boost": 1.5}, "ETH-USDT": {}}))
    assert read_features(path, SYMBOLS) == {"BTC-USDT": {Feature.BOOST: 1.5}, "ETH-USDT": {}}
    assert read_features(None, SYMBOLS) == {}


def test_a_feature_map_that_is_not_there_is_told_by_its_path(tmp_path: Path) -> None:
    """It was asked for, so it is not done without."""
    with pytest.raises(FeaturesError, match="it cannot be read: No such file"):
        read_features(tmp_path / "nowhere.json", SYMBOLS)


def test_every_wrong_feature_is_told_at_once(tmp_path: Path) -> None:
    """A symbol that is not traded, a key that nobody knows, numbers that are none, a row that is no object."""
    path = written(
        tmp_path,
        '{"XRP-USDT": {"boost": 1}, "BTC-USDT": {"acb_boost": 2, "boost": NaN}, "ETH-USDT": [1]}',
    )
    with pytest.raises(FeaturesError) as refused:
        read_features(path, SYMBOLS)
    assert refused.value.problems == (
        "`XRP-USDT` is not traded; known are BTC-USDT, ETH-USDT",
        "`BTC-USDT`: there is no feature `acb_boost`; known are boost",
        "`BTC-USDT`: `boost`: `nan` is no positive finite number",
        "`ETH-USDT`: `[1]` is no object of features",
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[]", "no JSON object"),
        ("{", "no JSON"),
        ('{"BTC-USDT": {"boost": 1, "boost": 2}}', "stands twice"),
        ("[" * 100_000, "no JSON"),
    ],
)
def test_what_is_no_feature_map_is_refused(tmp_path: Path, text: str, said: str) -> None:
    """Another document, a broken one, one that contradicts itself, one that is too deep."""
    with pytest.raises(FeaturesError, match=said):
        read_features(written(tmp_path, text), SYMBOLS)

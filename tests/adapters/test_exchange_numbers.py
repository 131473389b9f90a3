"""Decimal text, order numbers, timers and JSON numerals of the exchange."""

import json
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Context, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dita.adapters.exchange.decimals import (
    decimal_text,
    divide_half_even,
    divide_up,
    parse_decimal,
    plain_text,
)
from dita.adapters.exchange.identifiers import Snowflakes, snowflake_ms
from dita.adapters.exchange.json_text import Numeral, json_text
from dita.adapters.exchange.timers import Timers

WHOLE = st.integers(-(10**20), 10**20)


@given(st.integers(0, 10**18), st.integers(0, 10), st.integers(0, 12))
def test_decimal_text_agrees_with_decimal(value: int, digits: int, shown: int) -> None:
    """Text cuts towards zero exactly as the decimal module does."""
    enough = Context(prec=40)  # the usual 28 digits are fewer than 18 and 12
    expected = Decimal(value).scaleb(-digits).quantize(Decimal(1).scaleb(-shown), ROUND_DOWN, enough)

    assert decimal_text(value, digits, shown) == f"{expected:f}"
    assert Decimal(decimal_text(-value, digits, shown)) == -expected


@given(st.integers(0, 10**18), st.integers(0, 10))
def test_plain_text_reads_back(value: int, digits: int) -> None:
    """The shortest text is exact and carries no trailing zeros."""
    text = plain_text(value, digits)

    assert Decimal(text) == Decimal(value).scaleb(-digits)
    assert "." not in text or not text.endswith(("0", "."))


@given(st.decimals(0, 10**9, places=12), st.integers(0, 10))
def test_parsing_cuts_and_says_so(number: Decimal, digits: int) -> None:
    """Excess digits are cut off, and the flag tells whether anything but zeros went."""
    value, exact = parse_decimal(f"{number:f}", digits)

    assert value == int(number.scaleb(digits).to_integral_value(ROUND_DOWN))
    assert exact == (Decimal(value).scaleb(-digits) == number)


@pytest.mark.parametrize("text", ["", "-1", "+1", "1e5", "1.", ".5", "0x1", "１", " 1", "1_0", "nan", "1" * 21])
def test_only_plain_decimals_are_numbers(text: str) -> None:
    """Signs, exponents, bare points, foreign digits and endless numbers are refused."""
    with pytest.raises(ValueError, match="plain decimal"):
        parse_decimal(text, 8)


@given(WHOLE, st.integers(1, 10**10))
def test_rounding_agrees_with_decimal(numerator: int, denominator: int) -> None:
    """Half-even and upward division agree with the decimal module at ample precision."""
    scaled = Decimal(numerator) * 2
    even = int((scaled / 2 / denominator).quantize(Decimal(1), ROUND_HALF_EVEN)) if abs(numerator) < 10**12 else None

    assert even is None or divide_half_even(numerator, denominator) == even
    assert 0 <= divide_up(numerator, denominator) * denominator - numerator < denominator


def test_order_numbers_carry_their_time_and_always_grow() -> None:
    """A number decodes to its creation time; a clock that stands still or steps back changes nothing."""
    flakes = Snowflakes()
    first = flakes.take(1_760_000_000_000)
    numbers = [first, flakes.take(1_760_000_000_000), flakes.take(1_759_000_000_000), flakes.take(1_760_000_000_001)]

    assert first == 1976209350456246273
    assert numbers == sorted(set(numbers))
    assert [snowflake_ms(number) for number in numbers] == [1_760_000_000_000] * 3 + [1_760_000_000_001]
    with pytest.raises(ValueError, match="now_ms"):
        flakes.take(0)


def test_timers_ring_in_order_and_once() -> None:
    """Due callbacks run by time, then by arrival; cancelled ones never; ones added on the way run if due."""
    timers = Timers()
    rung: list[tuple[str, int]] = []

    def add_another(_: int) -> None:
        timers.at(20, lambda due: rung.append(("d", due)))

    timers.at(20, lambda due: rung.append(("b", due)))
    timers.at(10, lambda due: rung.append(("a", due)))
    timers.at(20, lambda due: rung.append(("c", due)))
    timers.at(15, lambda due: rung.append(("never", due))).cancel()
    timers.at(20, add_another)

    assert (timers.advance(9), timers.next_due_ns()) == (0, 10)
    timers.advance(20)
    timers.advance(99)

    assert rung == [("a", 10), ("b", 20), ("c", 20), ("d", 20)]
    assert (len(timers), timers.next_due_ns()) == (0, None)


def test_json_numerals_are_numbers_and_floats_have_no_place() -> None:
    """A numeral is written without quotes; the rest is what the json module reads back; sets are refused."""
    value: dict[str, object] = {"a": Numeral("60000.5"), "b": [1, True, None, 'é"'], "c": {}}

    text = json_text(value)

    assert '"a":60000.5' in text
    assert json.loads(text) == {"a": 60000.5, "b": [1, True, None, 'é"'], "c": {}}
    with pytest.raises(TypeError, match="set"):
        json_text({"a": {1}})

"""Client order ids: an order and its text name each other, and no other journal's text is taken for ours."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dita.spec.order_ids import OrderKey, client_order_id, parse_client_order_id
from dita.spec.scales import ATTEMPT_MAX, TRADE_ID_MAX
from dita.spec.vocabulary import SLOTS

KEYS = st.builds(OrderKey, st.integers(1, TRADE_ID_MAX), st.integers(0, SLOTS - 1), st.integers(0, ATTEMPT_MAX))
TAGS = st.from_regex(r"[a-z][a-z0-9]{3,11}", fullmatch=True)


@given(tag=TAGS, key=KEYS)
def test_an_order_and_its_text_name_each_other(tag: str, key: OrderKey) -> None:
    """Clause I1, both ways, within what the venue takes: 40 characters of a-z, 0-9 and the hyphen."""
    text = client_order_id(tag, key)

    assert parse_client_order_id(tag, text) == key
    assert len(text) <= 40
    assert set(text) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")


@given(tag=TAGS, other=TAGS, key=KEYS)
def test_another_journals_order_is_not_ours(tag: str, other: str, key: OrderKey) -> None:
    """Clause I1: the tag tells journals apart."""
    found = parse_client_order_id(tag, client_order_id(other, key))

    assert (found == key) == (tag == other)


@given(one=KEYS, other=KEYS)
def test_two_orders_have_two_texts(one: OrderKey, other: OrderKey) -> None:
    """No text names two orders."""
    assert (client_order_id("abcd", one) == client_order_id("abcd", other)) == (one == other)


@pytest.mark.parametrize(
    "text", ["abcd-01-0-0", "abcd-1-0-00", "ABCD-1-0-0", "abcd-0-0-0", "abcd-1-0", "abcd-1-0-0 ", "abcd-1-g-0", ""]
)
def test_a_text_that_we_would_not_write_is_not_ours(text: str) -> None:
    """Leading zeros, capitals, numbers out of range and anything left over."""
    assert parse_client_order_id("abcd", text) is None


@pytest.mark.parametrize(
    ("tag", "key"),
    [
        ("abc", OrderKey(1, 0, 0)), ("1bcd", OrderKey(1, 0, 0)), ("abcd", OrderKey(0, 0, 0)),
        ("abcd", OrderKey(TRADE_ID_MAX + 1, 0, 0)), ("abcd", OrderKey(1, SLOTS, 0)),
        ("abcd", OrderKey(1, 0, ATTEMPT_MAX + 1)),
    ],
)  # fmt: skip
def test_what_has_no_text_is_refused(tag: str, key: OrderKey) -> None:
    """A tag or number out of range is an error, never a truncated text."""
    with pytest.raises(ValueError, match=r"tag|order key"):
        client_order_id(tag, key)

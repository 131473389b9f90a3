"""Foreign JSON is parsed exactly or refused by a reason: depth, numbers, repeated keys, and bytes that are no JSON."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as some

from dita.adapters.bingx.json_text import DEPTH_MAX, JsonTextError, as_list, as_object, parse_json

DEEPER = f"nested deeper than `{DEPTH_MAX}`"
NESTED = "[{" * 40 + "}]" * 40
ESCAPED = '\\"'  # a quote that ends no string
PAIRS = "\\\\" * 3  # backslashes that escape each other
TEXTS = some.text(some.sampled_from('[]{}"\\,:/bnu0041é\u2028😀'), max_size=8)
SCALARS = some.one_of(some.none(), some.booleans(), some.integers(-(2**70), 2**70), TEXTS)
DOCUMENTS = some.recursive(
    SCALARS, lambda inner: some.lists(inner, max_size=6) | some.dictionaries(TEXTS, inner, max_size=6), max_leaves=60
)


def depth(value: object) -> int:
    """How many lists and objects lie around the innermost one, that one included; the second opinion."""
    members = as_object(value)
    items = as_list(value) if members is None else list(members.values())
    return 0 if items is None else 1 + max(map(depth, items), default=0)


def wrapped(value: object, levels: int, as_objects: bool) -> object:
    """The value inside so many more lists or objects, with a neighbour at every level."""
    return value if levels == 0 else wrapped(around(value, as_objects), levels - 1, as_objects)


def around(value: object, in_object: bool) -> object:
    """One more level."""
    nothing: dict[str, object] = {}
    return {"[{": nothing, "x": value} if in_object else ["]}", nothing, value]


@given(DOCUMENTS, some.integers(0, DEPTH_MAX + 4), some.booleans(), some.booleans(), some.booleans())
def test_depth_is_that_of_the_document(
    inner: object, levels: int, as_objects: bool, as_bytes: bool, escaped: bool
) -> None:
    """Accepted, and equal to what the plain parser makes of it, exactly when it nests at most so deep.

    Brackets, quotes and backslashes inside strings and keys count for nothing, escaped or not, as bytes or as text.
    """
    document = wrapped(inner, levels, as_objects)
    text = json.dumps(document, ensure_ascii=escaped)
    data: bytes | str = text.encode() if as_bytes else text
    if depth(document) <= DEPTH_MAX:
        assert parse_json(data) == document
    else:
        with pytest.raises(JsonTextError, match=DEEPER):
            parse_json(data)


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_the_border_of_depth(opening: bytes) -> None:
    """As deep as allowed is read, one deeper is refused, and width is not depth."""
    closing = b"]" if opening == b"[" else b"}"
    parse_json(opening * DEPTH_MAX + b"1" + closing * DEPTH_MAX)
    with pytest.raises(JsonTextError, match=DEEPER):
        parse_json(opening * (DEPTH_MAX + 1) + b"1" + closing * (DEPTH_MAX + 1))
    wide = b"[" + b",".join([b'{"a":[[]]}'] * 1000) + b"]"
    assert parse_json(wide) == [{"a": [[]]}] * 1000


@pytest.mark.parametrize(
    "text",
    [
        f'["{NESTED}"]',
        f'["{ESCAPED}{NESTED}"]',
        f'["{PAIRS}", "{NESTED}", "{PAIRS}{ESCAPED}"]',
        f'{{"{NESTED}": "{PAIRS}{NESTED}{ESCAPED}"}}',
        f'["\\u005b\\u0022{NESTED}"]',
        f'["é{NESTED}\u2028"]',
    ],
)
def test_brackets_in_strings_are_no_depth(text: str) -> None:
    """Behind escaped quotes, behind pairs of backslashes, in keys and beside letters of many bytes."""
    assert parse_json(text) == parse_json(text.encode()) == json.loads(text)


@pytest.mark.parametrize(
    "text",
    [
        '["\\\\"' + "," + "[" * 40 + "]" * 40 + "]",  # the string ends at its second quote, so the lists are real
        '["\\\\\\\\",' + '{"a":' * 40 + "1" + "}" * 40 + "]",
        '{"a": "\\"", "b": ' + "[" * 40 + "]" * 40 + "}",
    ],
)
def test_brackets_behind_strings_are_depth(text: str) -> None:
    """Whoever believes that an escaped backslash escapes the quote behind it overlooks these."""
    assert depth(json.loads(text)) > DEPTH_MAX
    with pytest.raises(JsonTextError, match=DEEPER):
        parse_json(text)


@pytest.mark.parametrize(
    "data",
    [
        b"", b"[", b"]", b"[" * 100, b"]" * 100, b"[" * 50 + b"]" * 49, b'["' + b"[" * 100, b'{"a":1}]' * 20,
        b"[" * 40 + b"}" * 40, b"\\" * 100 + b"[" * 100, b'"' * 101 + b"[" * 100, b"\xff[" * 50, b"\x00" * 10,
        b'[{"a":1},' * 40 + b'{"a"', b"'[[" * 40, "[".encode("utf-16") * 50, b'["\\', b'["\\"',
    ],
)  # fmt: skip
def test_what_is_no_json_is_refused(data: bytes) -> None:
    """Unbalanced, crossed, cut off, in another encoding: one kind of error, whatever the brackets look like."""
    with pytest.raises(ValueError, match=r"."):
        json.loads(data.decode("utf-8", "strict"))
    with pytest.raises(JsonTextError):
        parse_json(data)


def test_a_document_that_was_cut_off_is_not_called_deep() -> None:
    """The message names what is wrong: a long list of rows that ends in the middle is not readable."""
    rows = b"[" + b",".join([b'{"a":["x"]}'] * 100)
    with pytest.raises(JsonTextError, match="not readable"):
        parse_json(rows)


def test_a_million_hostile_bytes_are_refused_in_one_go() -> None:
    """Strings that never end, quotes that are all escaped, brackets without end: none takes more than a few passes.

    Scanning again from every quote would take hours; the limit of pytest would end that.
    """
    size = 1_000_000
    for data in (
        b"[" * size,
        b"[" * size + b"]" * size,
        b'["' + b'\\"' * size,
        b'["' + b'\\"[' * size + b"\\",
        b'"' * size + b"[" * size,
        b'{"' * size,
        b"[[]" * size,
        b"\\" * size + b"[" * 40,
    ):
        with pytest.raises(JsonTextError):
            parse_json(data)


def test_text_with_a_lone_surrogate_is_scanned_too() -> None:
    """Text that has no UTF-8 is no reason to raise anything else."""
    assert parse_json('["\ud800", ' + "[]," * 50 + "1]") == ["\ud800", *[[]] * 50, 1]
    with pytest.raises(JsonTextError, match=DEEPER):
        parse_json('["\ud800", ' + "[" * 40 + "]" * 40 + "]")


def test_numbers_stay_exact() -> None:
    """Points and exponents become Decimal, long integers keep their digits; absurd ones and NaN are refused."""
    parsed = parse_json('{"a": 0.1, "b": 1e2, "c": 1970000000000000001, "d": -0}')
    assert parsed == {"a": Decimal("0.1"), "b": Decimal("1e2"), "c": 1970000000000000001, "d": 0}
    for text in ("1" * 49, "0." + "1" * 48, "NaN", "-Infinity"):
        with pytest.raises(JsonTextError):
            parse_json(text)


def test_a_key_counts_once() -> None:
    """Two values under one key: nobody knows which one is meant."""
    with pytest.raises(JsonTextError, match="twice"):
        parse_json('{"a": 1, "a": 1}')

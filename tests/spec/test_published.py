"""The one schema of everything that is published: its declarations, its page, and readers that refuse what differs."""

import json
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import pytest

from dita.spec import published
from dita.spec.published import FAMILIES, PublishedError, SchemaError
from dita.spec.published import fields as declarations
from dita.spec.published.fields import Count, Kind, Names
from dita.spec.published.snapshot import FeatureView, LiveSnapshot
from dita.spec.vocabulary import Mode, Phase
from sample_published import sample

RECORDS: list[type[Any]] = [*FAMILIES.values(), LiveSnapshot, FeatureView]


class Unsaid(NamedTuple):
    """A field that says nothing of itself."""

    price_e10_usdt: int


class Twice(NamedTuple):
    """A field that says two things."""

    price_e10_usdt: Annotated[int, "the price", "the limit"]


class Unitless(NamedTuple):
    """An amount of nobody knows what."""

    price: Annotated[int, "the price"]


class CountWithUnit(NamedTuple):
    """A count that claims a unit."""

    waits_ns: Annotated[Count, "how often it waited"]


class Floating(NamedTuple):
    """A float near money."""

    price_e10_usdt: Annotated[float, "the price"]


class Nothing(NamedTuple):
    """No field at all."""


@pytest.mark.parametrize(
    ("record", "word"),
    [
        (Unsaid, "says nothing"), (Twice, "`2` times"), (Unitless, "no unit"), (CountWithUnit, "unit"),
        (Floating, "no type"), (Nothing, "no field"),
    ],
)  # fmt: skip
def test_a_careless_declaration_is_refused(record: type[Any], word: str) -> None:
    """A field without words, without a unit, with a wrong one or of a type that is none cannot be published."""
    with pytest.raises(SchemaError, match=word):
        published.declared(record)


def test_the_page_shows_the_schema() -> None:
    """A declaration that changes needs another version, and the page written anew: `python -m dita.spec.published`."""
    page = (Path(published.__file__).parents[3] / "docs" / "published.txt").read_text()

    assert page == published.schema_text()
    assert f"schema {published.SCHEMA_VERSION}\n" in page


def test_a_renamed_field_is_another_schema(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fingerprint is of every name, kind, unit and word."""
    before = published.schema_text()
    fields = published.declared(FeatureView)
    changed = (fields[0], fields[1]._replace(name="acb_boost_ppm"), *fields[2:])
    monkeypatch.setitem(declarations.DECLARED, FeatureView, changed)

    assert published.schema_text() != before


@pytest.mark.parametrize("record", RECORDS)
def test_what_is_written_is_read_back(record: type[Any]) -> None:
    """Both forms keep every field, in every record, with no field left at a value that another one has."""
    made = sample(record)
    text = json.dumps(published.document(made))

    assert published.read_document(record, json.loads(text)) == made
    assert published.unpacked(record, published.packed(made)) == made


@pytest.mark.parametrize("record", RECORDS)
def test_a_missing_a_renamed_and_an_unknown_field_are_refused(record: type[Any]) -> None:
    """Every field in turn, also those of records inside: none is filled with a blank, none is passed over."""
    whole = published.document(sample(record))
    planted = 0
    for place, name in _places(whole):
        for defect in (_missing, _renamed, _unknown):
            damaged = json.loads(json.dumps(whole))
            defect(_at(damaged, place), name)
            with pytest.raises(PublishedError, match=r"is missing|is no field"):
                published.read_document(record, damaged)
            planted += 1
    assert planted == 3 * len(_places(whole))


def _missing(document: dict[str, Any], name: str) -> None:
    del document[name]


def _renamed(document: dict[str, Any], name: str) -> None:
    document[f"latest_{name}"] = document.pop(name)


def _unknown(document: dict[str, Any], name: str) -> None:
    document[f"{name}_too"] = document[name]


def _places(document: Any, place: tuple[Any, ...] = ()) -> list[tuple[tuple[Any, ...], str]]:
    found: list[tuple[tuple[Any, ...], str]] = []
    for name, value in document.items():
        found.append((place, name))
        if isinstance(value, dict):
            found += _places(value, (*place, name))
        elif isinstance(value, list):
            found += _places(value[0], (*place, name, 0))
    return found


def _at(document: Any, place: tuple[Any, ...]) -> Any:
    for step in place:
        document = document[step]
    return document


class Little(NamedTuple):
    """One field of each kind that is no record."""

    capital_e8_usdt: Annotated[int, "the capital"]
    orders: Annotated[Count, "how many"]
    mode: Annotated[str, Names(Mode, Phase), "the mode"]
    is_frozen: Annotated[bool, "frozen"]
    why: Annotated[str, "foreign text"]


LITTLE = Little(-5, 1, "ACTIVE", is_frozen=False, why="")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("capital_e8_usdt", 1.5), ("capital_e8_usdt", "5"), ("capital_e8_usdt", True), ("capital_e8_usdt", 2**63),
        ("orders", -1), ("mode", "active"), ("mode", 0), ("is_frozen", 0), ("why", None),
    ],
)  # fmt: skip
def test_a_value_of_another_kind_is_refused(field: str, value: object) -> None:
    """Both readers and the writer name the field, for a float, a word too large, a name that is none."""
    wrong = Little._make((LITTLE._asdict() | {field: value}).values())

    with pytest.raises(PublishedError, match=rf"Little\.{field}"):
        published.document(wrong)
    with pytest.raises(PublishedError, match=rf"Little\.{field}"):
        published.read_document(Little, LITTLE._asdict() | {field: value})
    with pytest.raises(PublishedError, match=rf"Little\.{field}"):
        published.unpacked(Little, json.dumps(wrong).encode())


def test_an_array_of_another_length_is_refused() -> None:
    """A packed record with a field more or less is of another version."""
    for content in (b"[1,2]", b"[1,2,3,4]", b"{}", b"null"):
        with pytest.raises(PublishedError, match="FeatureView"):
            published.unpacked(FeatureView, content)


def test_half_a_packed_record_is_refused() -> None:
    """Bytes that are no JSON are damaged, and said to be."""
    content = published.packed(sample(LiveSnapshot))

    with pytest.raises(PublishedError, match="damaged"):
        published.unpacked(LiveSnapshot, content[: len(content) // 2])


def test_every_kind_of_field_is_used() -> None:
    """No kind of field is declared for nothing."""
    used = {field.kind for record in RECORDS for field in _all_fields(record)}

    assert used == set(Kind)


def _all_fields(record: type[Any]) -> list[Any]:
    fields = list(published.declared(record))
    return fields + [inner for field in fields if field.record for inner in _all_fields(field.record)]

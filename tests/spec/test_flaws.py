"""The flaw catalogue: every ID of the record is in it, once, and an entry that says too little is refused by name."""

import pytest

from dita.spec.flaws import ORIGINAL, CatalogueError, catalogue, parse_chapter

RECORD = (
    *("S01", "S02", "S03", "S04", "S05", "S06", "S07", "S08", "S09", "S10", "S11", "1", "2", "4", "5", "10", "11"),
    *("13", "I1", "I13", "G3", "V3", "W6", "F-LOOP"),  # orders and slots
    *("S12", "S13", "S14", "W3", "L3", "L4", "L5", "V8", "S15", "S16"),  # capital, fees, funding
    *("X1", "S17", "S18", "G2", "S19", "S20", "V1", "V6"),  # the boundary
    *("W4", "W5", "W7", "W8", "W10", "L9", "L10", "V2"),  # the adapter
    *("X2", "X4", "X7", "X10", "W2", "W9", "W1", "W11"),  # planes, settings
    *("S21", "S22", "S23", "X8"),  # projections
    *("S24", "S25", "S26"),  # gates
    *("X3", "X5", "X6", "I18", "V4", "V5", "V9", "L12", "L13", "S27"),  # build, tests, evidence
)
"""What the predecessor's record still describes, written down once more."""
SOUND = """
[S99]
title = "a title"
severity = "high"
room = "kernel"
wrong = "what happened"
must = "what must hold"
excluded = "proof"
how = "how"
clauses = ["U1"]

[[S99.injections]]
patch = "some-patch"
asks = [["proof", "some-obligation"]]
"""


def test_every_flaw_of_the_record_is_there_once_and_in_its_order() -> None:
    """Seventy-five, under their own IDs; and at least fifteen from other systems' trackers, each with its source."""
    names = [flaw.id for flaw in catalogue()]
    assert tuple(names[:ORIGINAL]) == RECORD
    assert len(RECORD) == ORIGINAL == 75
    others = catalogue()[ORIGINAL:]
    assert len(others) >= 15
    assert all(flaw.id.startswith("T") and flaw.source for flaw in others)


def test_a_sound_entry_is_read() -> None:
    """The example that the rows below damage is sound itself."""
    (flaw,) = parse_chapter("example", SOUND)
    assert (flaw.id, flaw.injections[0].asks[0].what) == ("S99", "some-obligation")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('clauses = ["U1"]', 'clauses = ["U99"]', "`U99` is none"),
        ('severity = "high"', 'severity = "grave"', "severity"),
        ('room = "kernel"', 'room = "cellar"', "room"),
        ('title = "a title"', 'title = ""', "title"),
        ('how = "how"', "", "how"),
        ('how = "how"', 'how = "how"\nsource = "a tracker"', "series T"),
        ('how = "how"', 'how = "how"\ncolour = "red"', "colour"),
        ('[["proof", "some-obligation"]]', '[["tarot", "some-obligation"]]', "layer"),
        ('[["proof", "some-obligation"]]', '[["random", "all"]]', "without being named"),
        ('["proof", "some-obligation"]', '["proof", "a"], ["proof", "a"]', "twice"),
        ("[S99]", "[S99", "example"),
    ],
)
def test_an_entry_that_says_too_little_is_refused_by_name(old: str, new: str, says: str) -> None:
    """Each damage is told with the file, and where there is one with the flaw and the field."""
    assert old in SOUND
    with pytest.raises(CatalogueError, match="example") as refused:
        parse_chapter("example", SOUND.replace(old, new))
    assert says in str(refused.value)


def test_without_an_injection_there_is_a_reason() -> None:
    """An entry without injections says why it is open; one that says neither is refused."""
    begun = SOUND[: SOUND.index("[[S99")]
    with pytest.raises(CatalogueError, match="give at least one"):
        parse_chapter("example", begun)
    (flaw,) = parse_chapter("example", f'{begun}open = "not yet"\n')
    assert flaw.open == "not yet"

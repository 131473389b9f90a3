"""The documents made from the matrix: complete, readable, and never older than the matrix."""

import itertools
import re
import shutil
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from dita.conformance import table
from dita.conformance.matrix import Result, declared_results
from dita.conformance.states import diagram, dot, edges, told
from dita.conformance.states_svg import WIDTH, Box, Drawing, Label, Line, NoRoom, layout, svg
from dita.conformance.table import DOCUMENTS, DOCUMENTS_FOLDER, details, everything, overview, stale
from dita.spec.vocabulary import Kind, Phase

RESULTS = declared_results()
PHASES = [phase.name for phase in Phase]


def raw_moves() -> set[tuple[str, str, str]]:
    """Every (from, to, KIND CODE) of the matrix, read from its texts without the code under test."""
    found: set[tuple[str, str, str]] = set()
    for phase, kind, text in RESULTS:
        stops = [phase, *re.findall(r"→ (\w+)", text)]
        label = f"{kind} {text.split()[1]}"
        found |= {(a, b, f"then {label}" if n else label) for n, (a, b) in enumerate(itertools.pairwise(stops))}
    return found


# ---- never stale


def test_the_kept_documents_are_what_the_matrix_gives() -> None:
    """Each file beside the specification is, byte for byte, what is generated now."""
    assert stale(DOCUMENTS_FOLDER, RESULTS) == [], "run `python -m dita.conformance.table` and read the difference"
    assert {path.name for path in DOCUMENTS_FOLDER.iterdir()} == {
        *DOCUMENTS,
        "published.txt",
    }  # that one: tests/spec/test_published.py


@pytest.mark.parametrize("name", DOCUMENTS)
def test_an_edited_document_is_noticed(name: str, tmp_path: Path) -> None:
    """One character changed, or the file gone: that document is stale, and no other."""
    folder = tmp_path / "docs"
    shutil.copytree(DOCUMENTS_FOLDER, folder)
    text = (folder / name).read_text(encoding="utf-8")
    (folder / name).write_text(text.replace("ENTER", "ENTFR", 1), encoding="utf-8")
    assert stale(folder, RESULTS) == [name]
    (folder / name).unlink()
    assert stale(folder, RESULTS) == [name]


def test_only_what_is_stale_is_written_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command mends the document that was edited, and names it."""
    monkeypatch.setattr(table, "DOCUMENTS_FOLDER", tmp_path)
    for name in DOCUMENTS:
        shutil.copy(DOCUMENTS_FOLDER / name, tmp_path)
    (tmp_path / "states.dot").write_text("edited", encoding="utf-8")

    assert table.main() == 0

    assert capsys.readouterr().out == "states.dot: written\n"
    assert (tmp_path / "states.dot").read_bytes() == (DOCUMENTS_FOLDER / "states.dot").read_bytes()
    assert stale(tmp_path, RESULTS) == []


def test_a_changed_matrix_makes_the_documents_stale() -> None:
    """Without one move every document is stale; with one more refusal the table is."""
    move = Result("IDLE", "ADOPT", "ACCEPTED OK → POSITION_OPEN")
    assert move in RESULTS
    assert stale(DOCUMENTS_FOLDER, RESULTS - {move}) == list(DOCUMENTS)
    assert stale(DOCUMENTS_FOLDER, RESULTS | {Result("IDLE", "SEED", "REFUSED LEVERAGE")}) == ["table.txt"]


# ---- the table


def cells_of(text: str) -> list[tuple[str, str, str, str]]:
    """(kind, code, phase, mark) of every mark in the detailed table."""
    found: list[tuple[str, str, str, str]] = []
    kind = code = ""
    for line in text.splitlines():
        label, *cells = (part.strip() for part in line.split("│"))
        if cells and cells != ["ID", "ER", "EW", "EU", "PO", "XR", "XW", "XU"]:
            code = label or code
            found += [
                (kind, code, phase, cell) for phase, cell in zip(PHASES, cells, strict=False) if cell not in ("", "·")
            ]
        elif cells:
            kind = label
    return found


def test_the_table_holds_every_result_once() -> None:
    """As many different marks as the matrix has results, under the same kinds, codes and phases."""
    cells = cells_of(details(RESULTS))

    assert len(cells) == len(set(cells)) == len(RESULTS)
    assert {cell[:3] for cell in cells} == {(kind, text.split()[1], phase) for phase, kind, text in RESULTS}


def test_the_table_says_what_some_cells_do() -> None:
    """Marks that were written down by hand from the clauses."""
    cells = set(cells_of(details(RESULTS)))

    assert ("ENTER", "OK", "IDLE", "→ERs") in cells
    assert ("UNKNOWN", "OK", "ENTRY_REQUESTED", "→EUr") in cells
    assert ("ORDER", "OK", "ENTRY_WORKING", "⇒XRs") in cells
    assert ("ORDER", "LATE_FILL", "POSITION_OPEN", "→IDpx") in cells
    assert ("NOT_FOUND", "ROLLED_BACK", "ENTRY_UNRESOLVED", "→IDp") in cells
    assert ("WALLET", "STALE_SNAPSHOT", "IDLE", "Fw") in cells


def test_the_overview_has_a_line_for_each_kind() -> None:
    """21 kinds; a cell without any result would be blank and is not there."""
    lines = overview(RESULTS).splitlines()[2:]

    assert [line.split("│")[0].strip() for line in lines] == [kind.name for kind in Kind if kind != Kind.NONE]
    assert all(cell.strip() for line in lines for cell in line.split("│")[1:])
    assert next(line for line in lines if line.startswith("ORDER")).split("│")[3].strip() == "A→FR"


def test_the_text_fits_a_terminal() -> None:
    """No line of the text document is wider than 80 columns."""
    assert max(map(len, everything(RESULTS).splitlines())) <= 80


def test_a_result_that_is_no_result_is_refused() -> None:
    """A text with a word that is no command is an error, not a silent gap."""
    with pytest.raises(ValueError, match="`SUMBIT`, which is no command"):
        told("ACCEPTED OK → ENTRY_REQUESTED SUMBIT")


# ---- the diagram


def test_every_form_of_the_diagram_has_every_move() -> None:
    """Edges, text, DOT and drawing have exactly the moves and labels of the matrix."""
    moves = raw_moves()
    assert {(edge.source.name, edge.target.name, label) for edge in edges(RESULTS) for label in edge.labels} == moves

    written = re.findall(r'^  (\w+) -> (\w+) \[label="(.*)"\];$', dot(RESULTS), re.MULTILINE)
    assert {(a, b, label) for a, b, labels in written for label in labels.split(r"\n")} == moves

    source = ""
    shown: set[tuple[str, str]] = set()
    for line in diagram(RESULTS).splitlines():
        source = line if line in PHASES else source
        if arrow := re.match(r"  [├└]─→ (\w+)", line):
            shown.add((source, arrow[1]))
    assert shown == {(a, b) for a, b, _ in moves}
    assert all(label in diagram(RESULTS) for _, _, label in moves)

    drawn = layout(edges(RESULTS))
    assert {(line.edge.source.name, line.edge.target.name) for line in drawn.lines} == shown
    texts = [text for label in drawn.labels for text in label.text.split(", ")]
    assert sorted(texts) == sorted(label for edge in edges(RESULTS) for label in edge.labels)


def overlap(one: tuple[float, float, float, float], two: tuple[float, float, float, float]) -> bool:
    """Whether two rectangles (left, top, right, bottom) have room in common."""
    return one[0] < two[2] and two[0] < one[2] and one[1] < two[3] and two[1] < one[3]


def sides(box: Box) -> tuple[float, float, float, float]:
    """Left, top, right, bottom."""
    return box.x, box.y, box.x + box.width, box.y + box.height


def segments(line: Line) -> list[tuple[float, float, float, float]]:
    """The straight pieces of a line as flat rectangles."""
    return [
        (min(a[0], b[0]), min(a[1], b[1]), max(a[0], b[0]), max(a[1], b[1])) for a, b in itertools.pairwise(line.points)
    ]


def flaws_of(drawing: Drawing) -> list[str]:
    """What cannot be read: labels on labels, boxes, lines or outside; lines that run through boxes or into none."""
    found = [
        f"{one.text} on {two.text}"
        for one, two in itertools.combinations(drawing.labels, 2)
        if overlap(one.box, two.box)
    ]
    found += [
        f"{box.phase.name} on {two.phase.name}"
        for box, two in itertools.combinations(drawing.boxes, 2)
        if overlap(sides(box), sides(two))
    ]
    canvas = (0.0, 0.0, float(WIDTH), drawing.height)
    for label in drawing.labels:
        left, top, right, bottom = label.box
        if left < canvas[0] or top < canvas[1] or right > canvas[2] or bottom > canvas[3]:
            found.append(f"{label.text} outside")
        found += [f"{label.text} on {box.phase.name}" for box in drawing.boxes if overlap(label.box, sides(box))]
        found += [
            f"{label.text} on a line"
            for line in drawing.lines
            for piece in segments(line)
            if overlap(label.box, (piece[0] - 1, piece[1] - 1, piece[2] + 1, piece[3] + 1))
        ]
    boxes = {box.phase: sides(box) for box in drawing.boxes}
    for line in drawing.lines:
        for phase, (x, y) in ((line.edge.source, line.points[0]), (line.edge.target, line.points[-1])):
            left, top, right, bottom = boxes[phase]
            on_side = x in (left, right) and top <= y <= bottom
            if not (on_side or (y in (top, bottom) and left <= x <= right)):
                found.append(f"{line.edge.source.name} → {line.edge.target.name} misses {phase.name}")
        found += [
            f"{line.edge.source.name} → {line.edge.target.name} through {phase.name}"
            for phase, room in boxes.items()
            for piece in segments(line)
            if overlap(piece, room)
        ]
    return found


def test_the_drawing_can_be_read() -> None:
    """No label covers another, a box or a line; every line goes from its phase to its phase and through no other."""
    drawing = layout(edges(RESULTS))

    assert flaws_of(drawing) == []
    assert [box.phase for box in sorted(drawing.boxes, key=lambda box: box.phase)] == list(Phase)


def test_an_unreadable_drawing_is_noticed() -> None:
    """Planted: a label moved onto its neighbour, a box stretched over the next, a line that ends beside its box."""
    drawing = layout(edges(RESULTS))
    first, second = drawing.labels[:2]
    box, line = drawing.boxes[0], drawing.lines[0]
    moved = (Label(second.x, second.y, first.text), *drawing.labels[1:])
    stretched = (box._replace(height=box.height + 200), *drawing.boxes[1:])
    short = (line._replace(points=(line.points[0], (line.points[1][0] + 5, line.points[1][1]))), *drawing.lines[1:])

    assert f"{first.text} on {second.text}" in flaws_of(drawing._replace(labels=moved))
    assert "ENTRY_REQUESTED on ENTRY_WORKING" in flaws_of(drawing._replace(boxes=stretched))
    assert any("misses" in flaw for flaw in flaws_of(drawing._replace(lines=short)))


def test_the_svg_is_well_formed_and_holds_the_drawing() -> None:
    """An XML parser reads it; boxes, lines and labels are all there; the same results give the same bytes."""
    document = svg(RESULTS)
    root = ET.fromstring(document)  # noqa: S314 - our own document
    drawing = layout(edges(RESULTS))
    space = "{http://www.w3.org/2000/svg}"

    assert len(root.findall(f"{space}polyline")) == len(drawing.lines) == len(edges(RESULTS))
    texts = [element.text for element in root.findall(f"{space}text")]
    assert {label.text for label in drawing.labels} | set(PHASES) <= set(texts)
    assert svg(frozenset(sorted(RESULTS, reverse=True))) == document


def test_a_move_without_a_lane_is_an_error() -> None:
    """A new move that the layout has no place for is not left out in silence."""
    strange = Result("ENTRY_WORKING", "ORDER", "ACCEPTED OK → EXIT_WORKING")

    with pytest.raises(NoRoom, match="no lane from ENTRY_WORKING to EXIT_WORKING"):
        svg(RESULTS | {strange})

"""The audit as pages: a matrix of flaws and layers, and a page a flaw. Static, self-contained, without any request."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from dita.kernel.image import IMAGE_PATH
from dita.runtime.audit.drawing import Drawing, drawn
from dita.runtime.audit.judging import Asked, Audit, Judged, Planted
from dita.runtime.audit.timelines import Drawn, moments
from dita.spec.canonical import sha256_hex
from dita.spec.clauses import BY_ID, Clause
from dita.spec.flaws import LAYERS, Layer

_PATCH_LINES_MAX: Final = 120
_PLACE: Final = '<p id="flaws"></p>'  # in the template of the session's page


class Cell(NamedTuple):
    """One flaw and one layer."""

    layer: Layer
    kind: str  # caught, missed, stale, missing, none
    text: str
    says: str


class Answered(NamedTuple):
    """One question and its answer, for the page of a flaw."""

    asked: Asked
    kind: str
    time: str


class Shown(NamedTuple):
    """An injection on the page of a flaw."""

    planted: Planted
    answers: tuple[Answered, ...]
    patch: tuple[tuple[str, str], ...]  # the class of a line, and the line


class Page(NamedTuple):
    """Everything about one flaw."""

    judged: Judged
    file: str
    cells: tuple[Cell, ...]
    clauses: tuple[Clause, ...]
    shown: tuple[Shown, ...]
    trace: Drawn | None
    drawing: Drawing | None


def write_site(found: Audit, folder: Path, certificate: Path = Path("out/certificate.json")) -> Path:
    """Write ``index.html`` and a page a flaw into a folder, which is made if need be. Raises OSError."""
    environment = Environment(
        loader=PackageLoader("dita.runtime", "templates"),
        autoescape=select_autoescape(("html", "jinja")),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    layers: list[Layer] = [layer for layer in LAYERS if any(one.of(layer) for one in found.judged)]
    pages = [_page(one, layers) for one in found.judged]
    about = {
        "figures": found.figures, "image": sha256_hex(IMAGE_PATH.read_bytes()),
        "layers": {name: LAYERS[name] for name in layers},
        "certificate": sha256_hex(certificate.read_bytes()) if certificate.is_file() else "",
        "session": "../index.html" if (folder.parent / "index.html").is_file() else "",
    }  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    rooms = sorted({page.judged.flaw.room for page in pages})
    index = environment.get_template("audit_index.html.jinja").render(**about, pages=pages, rooms=rooms)
    single = environment.get_template("audit_flaw.html.jinja")
    for at, page in enumerate(pages):
        near = {"before": pages[at - 1] if at else None, "after": pages[at + 1] if at + 1 < len(pages) else None}
        (folder / page.file).write_text(single.render(**about, page=page, **near), encoding="utf-8")
    path = folder / "index.html"
    path.write_text(index, encoding="utf-8")
    _link_from(folder.parent / "index.html", folder.name)
    return path


def _link_from(session: Path, name: str) -> None:
    """A session's page in the folder above has a place for the way here."""
    if session.is_file():
        link = f'<p id="flaws"><a href="{name}/index.html">Known flaws, and what notices them</a></p>'
        session.write_text(session.read_text(encoding="utf-8").replace(_PLACE, link), encoding="utf-8")


def _page(one: Judged, layers: Sequence[Layer]) -> Page:
    trace = moments(one)
    cells = tuple(_cell(layer, one.of(layer)) for layer in layers)
    shown = tuple(Shown(planted, tuple(map(_answered, planted.asked)), _patch(planted)) for planted in one.planted)
    clauses = tuple(BY_ID[name] for name in one.flaw.clauses)
    return Page(one, f"{one.flaw.id}.html", cells, clauses, shown, trace, None if trace is None else drawn(trace))


def _cell(layer: Layer, asked: Sequence[Asked]) -> Cell:
    answers = [_answered(one) for one in asked]
    for kind in ("caught", "stale", "void", "missing", "missed"):
        of = [one for one in answers if one.kind == kind]
        if of:
            best = min(of, key=lambda one: one.asked.row.seconds if one.asked.row else 0.0)
            says = "" if best.asked.row is None else next(iter(best.asked.row.says.splitlines()), "")
            return Cell(layer, kind, best.time if kind == "caught" else kind, says)
    return Cell(layer, "none", "", "")


def _answered(asked: Asked) -> Answered:
    row = asked.row
    if row is None:
        return Answered(asked, "missing", "")
    kind = "stale" if asked.status == "stale" else row.verdict if row.sound else "void"
    return Answered(asked, kind, seconds_text(row.seconds))


def seconds_text(seconds: float) -> str:
    """Processor time, short."""
    return f"{seconds * 1000:.0f} ms" if seconds < 0.95 else f"{seconds:.1f} s"


def _patch(planted: Planted) -> tuple[tuple[str, str], ...]:
    lines = planted.defect.path.read_text(encoding="utf-8").splitlines()
    begin = next((at for at, line in enumerate(lines) if line.startswith(("diff ", "--- "))), 0)
    classes = {"+": "added", "-": "removed", "@": "place"}
    kept = lines[begin : begin + _PATCH_LINES_MAX]
    return tuple(("head" if line[:3] in ("---", "+++", "dif") else classes.get(line[:1], ""), line) for line in kept)

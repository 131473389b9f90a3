"""The flaw catalogue: what once went wrong in an engine of this kind, what must hold, and how it is put back.

Each flaw keeps its ID for good. Its data stands in a file of this folder, a table an ID; a file is a chapter. ``Flaw``
is what a table must say. That clauses exist is checked here; that obligations, patches and tests exist is checked where
they can be seen, by ``dita audit``.
"""

import re
import tomllib
from functools import cache
from importlib.resources import files
from typing import Annotated, Final, Literal, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from dita.spec.clauses import BY_ID

Severity = Literal["critical", "high", "medium"]
Room = Literal[
    "reference", "kernel", "spec", "conformance", "adapters", "journal", "runtime", "strategy", "tests", "packaging"
]
Excluded = Literal["construction", "proof", "check"]
Layer = Literal[
    "proof", "vectors", "exhaustive", "random", "lockstep", "explorer", "simulation", "battery", "sessions", "boundary",
    "commands", "exchange", "wire", "rooms", "judge", "house", "static",
]  # fmt: skip

TRAFFIC: Final[tuple[Layer, ...]] = ("vectors", "exhaustive", "random")
"""The layers that compare reference and kernel: every injection into one of the two is put to all of them."""
LAYERS: Final[dict[Layer, str]] = {
    "proof": "two solvers, every path of the reference",
    "vectors": "kept rows: a state and an input for every path, with what came of it",
    "exhaustive": "small worlds in full, kernel against reference, every law",
    "random": "random traffic, kernel against reference",
    "lockstep": "the live runtime's comparison of kernel and reference, on the shortest trace",
    "explorer": "reference, adapter logic, venue and network, searched in full",
    "simulation": "the whole program on virtual time, judged by an auditor of its own",
    "battery": "scenarios as text through the whole path, judged by a bookkeeper of its own",
    "sessions": "whole processes, started, killed and started again",
    "commands": "the commands, in processes of their own, as a user types them",
    "boundary": "hostile callers of the C interface and the loader",
    "exchange": "the adapter against the exchange simulator, over sockets",
    "wire": "the adapter against a scripted venue, over sockets",
    "rooms": "the tests of one room, against captures, tables and models",
    "judge": "the tests of the judge itself",
    "house": "the repository's own rules",
    "static": "types, style, import contract, dependencies",
}
"""Every layer that can be asked, in the order of the matrix, and whose second opinion it is."""
COMPUTED: Final[tuple[Layer, ...]] = (*TRAFFIC, "lockstep")
"""Layers that need no words: they are put to every injection into the step code, lockstep to those of the kernel."""

FOLDER: Final = "spec/dita/spec/flaws"
ID: Final = re.compile(r"[A-Z]*-?[A-Z]*[0-9]*")
ORIGINAL: Final = 75
"""How many the predecessor's record still describes; the series ``T`` comes from other systems' trackers."""


class CatalogueError(ValueError):
    """A chapter of the catalogue cannot be used; the message names file, flaw and field."""


def _ask(given: object) -> object:
    if isinstance(given, list):
        return dict(zip(("layer", "what", "says"), cast("list[object]", given), strict=False))
    return given


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True, str_min_length=1)


class Ask(_Data):
    """One question to one layer. ``says`` are words that the layer must use when it is red, or nothing."""

    layer: Layer
    what: str
    says: str = Field(default="", min_length=0)


class Injection(_Data):
    """The flaw put back: a patch under ``conformance/defects``, and who is asked whether it notices."""

    patch: str
    asks: tuple[Annotated[Ask, BeforeValidator(_ask)], ...] = ()
    instead: str = Field(default="", min_length=0)
    """Where the state of the flaw cannot be written down any more: what is planted in its stead."""

    @model_validator(mode="after")
    def _asks_are_distinct(self) -> "Injection":
        keys = [(ask.layer, ask.what) for ask in self.asks]
        if len(set(keys)) != len(keys):
            raise ValueError(f"asks: a question of `{self.patch}` stands there twice; keep one")
        if wordless := [ask.layer for ask in self.asks if ask.layer in COMPUTED]:
            raise ValueError(f"asks: `{wordless[0]}` is asked without being named; leave it out")
        return self


class Flaw(_Data):
    """One entry. ``wrong``: what went wrong; ``must``: what must hold here; ``how``: how it is excluded."""

    id: str
    title: str
    severity: Severity
    room: Room
    wrong: str
    must: str
    excluded: Excluded
    how: str
    source: str = Field(default="", min_length=0)  # in words, where it is not the predecessor's
    clauses: tuple[str, ...] = ()
    obligations: tuple[str, ...] = ()
    injections: tuple[Injection, ...] = ()
    open: str = Field(default="", min_length=0)  # why it is not covered yet: no injection, or too few layers

    @model_validator(mode="after")
    def _holds_together(self) -> "Flaw":
        if not ID.fullmatch(self.id):
            raise ValueError(f"id: `{self.id}` is none; write letters, then a number")
        for clause in self.clauses:
            if clause not in BY_ID:
                raise ValueError(f"clauses: `{clause}` is none; see spec/dita/spec/clauses.py")
        if not self.injections and not self.open:
            raise ValueError("injections: give at least one, or say in `open` why there is none yet")
        if self.id.startswith("T") != bool(self.source):
            raise ValueError("source: flaws of series T say where they come from, others do not")
        return self


def parse_chapter(name: str, text: str) -> tuple[Flaw, ...]:
    """The flaws of one file. Raises CatalogueError."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise CatalogueError(f"{name}: {problem}") from problem
    found: list[Flaw] = []
    for identity, table in tables.items():
        try:
            found.append(Flaw.model_validate({"id": identity, **table}))
        except (TypeError, ValidationError) as problem:
            told = problem.errors()[0] if isinstance(problem, ValidationError) else {"loc": (), "msg": str(problem)}
            where = ".".join(map(str, told["loc"]))
            raise CatalogueError(f"{name}: `{identity}` {where}: {told['msg']}") from problem
    return tuple(found)


@cache
def catalogue() -> tuple[Flaw, ...]:
    """Every flaw, in the order of the chapters' names and within them as written. Raises CatalogueError."""
    chapters = sorted(
        (one for one in files(__name__).iterdir() if one.name.endswith(".toml")), key=lambda one: one.name
    )
    found = tuple(flaw for one in chapters for flaw in parse_chapter(one.name, one.read_text(encoding="utf-8")))
    names = [flaw.id for flaw in found]
    if twice := [name for name in names if names.count(name) > 1]:
        raise CatalogueError(f"`{twice[0]}` stands there twice; an ID is given once")
    return found

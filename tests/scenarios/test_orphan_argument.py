"""The argument in ARCHITECTURE.md that no orphan can survive: every name that it leans on exists."""

import ast
import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from dita.conformance.defects import defects
from dita.conformance.explore.worlds import worlds_of
from dita.conformance.prove.proof import everything
from dita.runtime.cli import app
from dita.spec.assumptions import ASSUMPTIONS, ENVIRONMENT
from dita.spec.clauses import BY_ID

TITLE = "## Why no orphan can survive"
STEPS = 17
TEST_OF = 2 * ":"  # between a file and a test in it


@pytest.fixture(scope="module")
def argument(repository: Path) -> str:
    """The section, without its title."""
    page = (repository / "ARCHITECTURE.md").read_text(encoding="utf-8")
    assert page.count(TITLE) == 1
    return page.split(TITLE)[1].split("\n## ")[0]


@pytest.fixture(scope="module")
def names() -> dict[str, str]:
    """Every name that may be leaned on, to what it is."""
    of_kind: dict[str, Iterable[str]] = {
        "clause": BY_ID,
        "obligation": (item.id for item in everything()),
        "world": (world.name for world in worlds_of("full")),
        "assumption": (item.id for item in ASSUMPTIONS),
        "defect": (defect.name for defect in defects()),
    }
    found: dict[str, str] = {}
    for kind, items in of_kind.items():
        for item in items:
            assert item not in found, f"`{item}` is a {kind} and a {found[item]}: an argument could mean either"
            found[item] = kind
    return found


def cited_in(text: str) -> list[str]:
    """What stands between backticks."""
    return re.findall(r"`([^`]+)`", text)


def kind_of(name: str, names: dict[str, str], repository: Path) -> str | None:
    """What a name stands for; None when there is no such thing."""
    if name in names:
        return names[name]
    if name.startswith("dita "):
        commands = {command.name or getattr(command.callback, "__name__", "") for command in app.registered_commands}
        return "command" if name.split()[1] in commands else None
    file, _, test = name.partition(TEST_OF)
    path = repository / file
    if "/" not in file or not path.exists():
        return None
    if not file.startswith("tests/"):
        return None if test else "file"
    functions = {
        node.name
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    }
    return "test" if functions and (not test or test in functions) else None


def steps_of(argument: str) -> list[list[str]]:
    """The cells of each numbered row."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in argument.splitlines() if line[:1] == "|"]
    return [row for row in rows if row[0].isdigit()]


def test_every_name_exists(argument: str, names: dict[str, str], repository: Path) -> None:
    """Each name between backticks is a clause, an obligation, a world, an assumption, a defect, a test or a file."""
    cited = cited_in(argument)

    assert [name for name in cited if kind_of(name, names, repository) is None] == []
    assert {kind_of(name, names, repository) for name in cited} == {
        "clause", "obligation", "world", "assumption", "defect", "test", "command", "file",
    }  # fmt: skip


def test_every_step_is_carried(argument: str, names: dict[str, str], repository: Path) -> None:
    """The steps are numbered without a gap, and each names at least one thing that is carried out: no bare claim."""
    steps = steps_of(argument)

    assert [row[0] for row in steps] == [str(number) for number in range(1, STEPS + 1)]
    for row in steps:
        kinds = {kind_of(name, names, repository) for name in cited_in(row[-1])}
        assert kinds & {"obligation", "world", "test"}, row[0]


def test_every_assumption_about_the_venue_is_named(argument: str) -> None:
    """What the model of the venue takes for granted is said, all of it."""
    assumed = argument.partition("**Assumed**")[2].partition("**Not covered:**")[0]

    assert [name for name in cited_in(assumed) if "/" not in name] == [item.id for item in ENVIRONMENT]


def test_every_patch_is_planted(argument: str, names: dict[str, str], repository: Path) -> None:
    """A test names each patch that is leaned on, or plants its whole family; this file does not count."""
    tests = [path for path in (repository / "tests").rglob("*.py") if path != Path(__file__).resolve()]
    texts = "\n".join(path.read_text(encoding="utf-8") for path in tests)
    families = tuple(re.findall(r'defect\.name\.startswith\("([a-z]+_)"\)', texts))
    patches = [name for name in cited_in(argument) if names.get(name) == "defect"]

    assert len(patches) >= 15
    assert [name for name in patches if f'"{name}"' not in texts and not name.startswith(families)] == []


@pytest.mark.parametrize(
    "wrong",
    [
        "U9",
        "submit-is-recordet",
        "one lot, a lost",
        "deadline-keeps",
        "explore-gap-unread",
        "dita proof --list",
        "tests/runtime/test_recoveries.py",
        "tests/runtime/test_recovery.py::test_nothing_is_told_thrice",
        "tests/support/mirror.py",
        "spec/dita/spec/assumption.py",
        "ADJUSTMENT",
    ],
)
def test_a_misspelt_name_is_noticed(wrong: str, names: dict[str, str], repository: Path) -> None:
    """One of each kind with a slip in it, a file that holds no test, and a word that names nothing."""
    assert kind_of(wrong, names, repository) is None


def test_a_step_that_leans_on_nothing_is_noticed(argument: str, names: dict[str, str], repository: Path) -> None:
    """A row whose names are taken away, and a row that is missing, are seen."""
    bare = re.sub(r"^\| 7 \|(.*)\|[^|]*\|$", r"| 7 |\1| `O1` |", argument, flags=re.MULTILINE)
    with pytest.raises(AssertionError, match="7"):
        test_every_step_is_carried(bare, names, repository)
    short = re.sub(r"^\| 7 \|.*\n", "", argument, flags=re.MULTILINE)
    with pytest.raises(AssertionError):
        test_every_step_is_carried(short, names, repository)

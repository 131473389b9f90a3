"""The repository's own rules. Each takes files (path in the repository to text) and gives what breaks it.

A rule names the replacement in its message. `tests/test_house.py` runs every rule over the repository and over a
planted defect. Words that a rule forbids are spelled in two parts here, so that the rule does not find itself.
"""

import ast
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import PurePosixPath
from typing import Final, NamedTuple

Files = Mapping[str, str]


class Violation(NamedTuple):
    """Where a rule is broken, and what to do instead."""

    path: str
    line: int
    message: str

    def __str__(self) -> str:
        """`path:line: message`, which editors can follow."""
        return f"{self.path}:{self.line}: {self.message}"


Rule = Callable[[Files], list[Violation]]

LINES_MAX: Final = 600
RATCHET: Final[dict[str, int]] = {}
"""Files that were longer before they could be split, and the length they may not exceed. Only ever shrinks."""

CLEARANCE_MAKERS: Final = frozenset(("spec/dita/spec/clearance.py", "kernel_rs/dita/kernel/loader.py"))
_EVERYTHING: Final = ("Exception", "BaseException")


def _lines(files: Files, suffixes: tuple[str, ...], pattern: str, message: str) -> list[Violation]:
    """Every line of files with these endings in which the pattern stands."""
    regex = re.compile(pattern)
    return [
        Violation(path, number, f"`{match[0].strip()}`: {message}")
        for path, text in files.items()
        if path.endswith(suffixes)
        for number, line in enumerate(text.splitlines(), 1)
        if (match := regex.search(line))
    ]


_tree = cache(ast.parse)
"""Each rule reads the same files: once is enough."""


def _trees(files: Files) -> Iterator[tuple[str, ast.Module]]:
    for path, text in files.items():
        if path.endswith(".py"):
            yield path, _tree(text, path)


def no_namespace_init(files: Files) -> list[Violation]:
    """`dita` is a namespace; an `__init__.py` in one root hides the other five."""
    return [
        Violation(path, 1, "remove it; the version is in importlib.metadata")
        for path in files
        if PurePosixPath(path).parts[1:] == ("dita", "__init__.py")
    ]


def no_hidden_tests(files: Files) -> list[Violation]:
    """A test that may not run proves nothing; a missing tool is a failure that names it."""
    marks = r"mark\.(skip|x" + r"fail)|pytest\.(skip|x" + r"fail)\(|importor" + r"skip"
    words = rf"{marks}|unittest\.sk" + r"ip|#\[igno" + r"re"
    return _lines(files, (".py", ".rs"), words, "let the test run or delete it")


def no_unfinished_marks(files: Files) -> list[Violation]:
    """What is not done is an issue, not a comment."""
    comments = r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X|HA" + r"CK)\b"
    words = rf"{comments}|NotImplemented" + r"Error|unimple" + r"mented!|to" + r"do!\("
    return _lines(files, (".py", ".rs", ".h", ".toml", ".md", "Makefile", "run"), words, "finish it or file it")


def no_path_edits(files: Files) -> list[Violation]:
    """The packages are installed; who edits the search path imports something else than the user does."""
    words = r"sys\.path\.(append|insert|extend|remove)|sys\.pa" + r"th\s*(\[.*\]\s*)?\+?=[^=]|addsite" + r"dir"
    return _lines(files, (".py",), words, "install the package, or pytest's `pythonpath` for test helpers")


def no_pickle(files: Files) -> list[Violation]:
    """Formats that run code when they are read."""
    words = r"^\s*(import|from)\s+(pick" + r"le|cPickle|dill|cloudpickle|shelve|marshal|joblib)\b"
    return _lines(files, (".py",), words, "use JSON or dita.spec.layout")


def no_open_servers(files: Files) -> list[Violation]:
    """Servers of ours are for this machine."""
    return _lines(files, (".py", ".toml", "Makefile", "run"), r"0\.0\.0" + r"\.0|\"::\"|host=\"\"", "bind 127.0.0.1")


def no_registry_addresses(files: Files) -> list[Violation]:
    """Where packages come from is the installing machine's business."""
    host = r"[\w.-]*(pypi|pythonhosted|npmjs|crates|rubygems|maven)[\w-]*\.(org|io|com|dev|net)\b"
    option = r"--(extra-)?index-url|--find-links|--trusted-host|registry\s*=\s*\""
    return [
        *_lines(files, ("",), host, "name the package, not its address"),
        *_lines(files, (".txt", ".toml", ".cfg"), option, "remove it from the file"),
        *_lines(files, (".lock",), r"^source = ", "the crate has no dependencies"),
    ]


def no_machine_paths(files: Files, places: tuple[str, ...] = ()) -> list[Violation]:
    """A path of somebody's machine; `places` are those of this one."""
    known = "".join(f"|{re.escape(place.rstrip('/'))}/" for place in places if len(place) > 1)
    return _lines(files, ("",), rf"/(home|Users)/[a-z]\w*{known}", "use a path inside the clone")


def recordings_have_one_door(files: Files) -> list[Violation]:
    """Only CI knows where recordings may lie; everybody else reads DITA_RECORDINGS."""
    elsewhere = {path: text for path, text in files.items() if path != ".ci/run"}
    return _lines(elsewhere, ("",), r"\.\./sha" + r"red\b", "read the environment variable DITA_RECORDINGS")


def no_places(files: Files) -> list[Violation]:
    """A file that has become a place rather than a thing is split; a long one may shrink only."""
    found: list[Violation] = []
    for path, text in files.items():
        limit = max(LINES_MAX, RATCHET.get(path, 0))
        if path.endswith((".py", ".rs", ".h")) and (length := text.count("\n")) > limit:
            found.append(Violation(path, length, f"{length} lines, at most {limit}: split it by purpose"))
    return found


def ratchet_is_tight(files: Files) -> list[Violation]:
    """An entry of the ratchet is exactly as long as its file, and gone once it is not needed."""
    lengths = {path: files[path].count("\n") if path in files else 0 for path in RATCHET}
    return [
        Violation(path, length, f"{length} lines: write it into RATCHET, or remove the entry up to {LINES_MAX}")
        for path, length in lengths.items()
        if length < RATCHET[path] or length <= LINES_MAX
    ]


def modules_say_what_they_are(files: Files) -> list[Violation]:
    """Every module opens with its purpose."""
    python = [
        Violation(path, 1, "give the module a docstring") for path, tree in _trees(files) if not ast.get_docstring(tree)
    ]
    rust = [
        Violation(path, 1, "open the file with a `//!` comment")
        for path, text in files.items()
        if path.endswith(".rs") and not text.startswith("//!")
    ]
    return python + rust


def tests_say_what_they_prove(files: Files) -> list[Violation]:
    """A test's docstring is the claim it proves."""
    return [
        Violation(path, node.lineno, f"`{node.name}`: state the claim in its docstring")
        for path, tree in _trees({path: text for path, text in files.items() if path.startswith("tests/")})
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and not ast.get_docstring(node)
    ]


def test_files_are_unique(files: Files) -> list[Violation]:
    """Test folders are no packages, so a file name stands for one file."""
    tests = [PurePosixPath(path) for path in files if path.startswith("tests/") and path.endswith(".py")]
    names = Counter(path.name for path in tests if path.name not in ("conftest.py", "__init__.py"))
    twice = [f"`{name}`: {count} files have this name, rename them" for name, count in names.items() if count > 1]
    packages = [str(path) for path in tests if path.name == "__init__.py"]
    return [Violation("tests", 1, message) for message in twice] + [
        Violation(path, 1, "remove it") for path in packages
    ]


def broad_excepts_say_why(files: Files) -> list[Violation]:
    """Catching everything hides bugs; unless it is raised again, the reason stands beside it."""
    return [
        Violation(path, node.lineno, "catch what you expect, or write the reason behind the colon")
        for path, tree in _trees(files)
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler)
        and _is_broad(node.type)
        and not (isinstance(node.body[-1], ast.Raise) and node.body[-1].exc is None)
        and not re.search(r":\s*#\s*(noqa:\s*\w++[\s-]*)?(?!noqa)\w", files[path].splitlines()[node.lineno - 1])
    ]


def _is_broad(caught: ast.expr | None) -> bool:
    names = caught.elts if isinstance(caught, ast.Tuple) else [caught]
    return any(name is None or (isinstance(name, ast.Name) and name.id in _EVERYTHING) for name in names)


def ignores_say_why(files: Files) -> list[Violation]:
    """A silenced check names what is silenced, and why."""
    blanket = r"#\s*(type:\s*ignore|pyright:\s*ignore|noqa)(?!\s*[\[:])|#\s*(pyright:\s*basic|mypy:\s*ignore-errors)"
    bare = r"#\s*((type|pyright):\s*ignore\[[^\]]*\]|noqa:\s*[A-Z]+[0-9]+(,\s*[A-Z]+[0-9]+)*)\s*$"
    return _lines(files, (".py",), blanket, "name the check in brackets") + _lines(
        files, (".py",), bare, "write the reason behind it"
    )


def only_the_loader_clears(files: Files) -> list[Violation]:
    """Nobody but the loader makes a Clearance; others take one, ask for its type, or narrow it."""
    found: list[Violation] = []
    suspects = {p: t for p, t in files.items() if "Clearance" in t and p not in CLEARANCE_MAKERS}
    for path, tree in _trees(suspects):
        names = {"Clearance"}
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                names |= {alias.asname or alias.name for alias in node.names if alias.name == "Clearance"}
        harmless = {id(part) for node in ast.walk(tree) for kind in _type_positions(node) for part in ast.walk(kind)}
        found += [
            Violation(path, node.lineno, "take a Clearance as an argument; `load_certified` gives it out")
            for node in ast.walk(tree)
            if isinstance(node, ast.Name | ast.Attribute) and id(node) not in harmless and _names(node, names)
        ]
    for path, tree in _trees({p: t for p, t in files.items() if "signed=" in t and p not in CLEARANCE_MAKERS}):
        found += [
            Violation(path, node.lineno, "take the clearance of a signed certificate; nobody makes one of another")
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and _called(node) == "replace" and "signed" in {k.arg for k in node.keywords}
        ]
    return found


def _called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def _names(node: ast.AST, names: set[str]) -> bool:
    return (isinstance(node, ast.Name) and node.id in names) or (
        isinstance(node, ast.Attribute) and node.attr == "Clearance"
    )


def _type_positions(node: ast.AST) -> Iterator[ast.AST]:
    """The parts of a node in which a class stands for a type only."""
    if isinstance(node, ast.arg | ast.AnnAssign) and node.annotation is not None:
        yield node.annotation
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.returns is not None:
        yield node.returns
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "isinstance":
        yield node.args[1]


def exports_are_declared(files: Files) -> list[Violation]:
    """A package with a surface declares all of it: what others import from it stands in its `__all__`."""
    surfaces: dict[str, set[str]] = {}
    modules = {".".join(PurePosixPath(path).with_suffix("").parts[1:]).removesuffix(".__init__") for path in files}
    for path, tree in _trees({p: t for p, t in files.items() if p.endswith("/__init__.py") and "__all__" in t}):
        exported = [node.value for node in tree.body if isinstance(node, ast.Assign) and _is_named(node, "__all__")]
        surfaces[".".join(PurePosixPath(path).parts[1:-1])] = {
            name for one in exported for name in ast.literal_eval(one)
        }
    return [
        Violation(path, node.lineno, f"`{alias.name}` is no part of `{node.module}`: add it to its `__all__`")
        for path, tree in _trees(files)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module in surfaces
        for alias in node.names
        if alias.name not in surfaces[node.module] and f"{node.module}.{alias.name}" not in modules
    ]


def _is_named(node: ast.Assign, name: str) -> bool:
    return [target.id for target in node.targets if isinstance(target, ast.Name)] == [name]


def addresses_are_asked_for_anew(files: Files) -> list[Violation]:
    """Whoever looks up names himself keeps addresses; a new connection asks the system where its name is now."""
    product = {path: text for path, text in files.items() if "/dita/" in path}
    return _lines(
        product, (".py",), r"getaddr" + r"info|gethost" + r"by\w+", "give the name to the library that connects"
    )


def pointers_keep_their_memory(files: Files) -> list[Violation]:
    """A C pointer made from another does not keep what it points into; `_keeping` makes one that does."""
    found: list[Violation] = []
    for path, tree in _trees({p: t for p, t in files.items() if p.startswith("kernel_rs/dita/kernel/")}):
        parents = {id(child): node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
        for node in ast.walk(tree):
            above = parents.get(id(node))
            if _makes_a_pointer(node) and not (isinstance(above, ast.Call) and _called(above) == "_keeping"):
                found.append(Violation(path, getattr(node, "lineno", 1), "wrap it in `_keeping`, with the memory"))
    return found


def _makes_a_pointer(node: ast.AST) -> bool:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
        return isinstance(node.left, ast.Attribute) and node.left.attr in ("calls", "inputs", "outcomes")
    return isinstance(node, ast.Call) and _called(node) == "addressof"


def tests_have_one_configuration(files: Files) -> list[Violation]:
    """What is a test does not depend on the folder that one stands in: one file says it, and says where tests are."""
    settings = "[tool.pytest"
    others = ("pytest.ini", ".pytest.ini", "tox.ini", "setup.cfg")
    found = [
        Violation(path, 1, "put it into the pyproject.toml of the clone")
        for path, text in files.items()
        if PurePosixPath(path).name in others or (path.endswith("/pyproject.toml") and settings in text)
        if not path.startswith("examples/")  # each of which is a project of its own
    ]
    here = files.get("pyproject.toml", "")
    if settings in here and not re.search(r'^testpaths = \["tests"\]', here, re.MULTILINE):
        found.append(Violation("pyproject.toml", 1, 'say testpaths = ["tests"] in [tool.pytest.ini_options]'))
    return found


def only_dita_in_the_wheel(names: list[str]) -> list[Violation]:
    """A wheel's file names: nothing generic lands in site-packages."""
    tops = {name.split("/")[0] for name in names}
    return [
        Violation(top, 1, "map it under `dita` in pyproject.toml, [tool.hatch.build.targets.wheel]")
        for top in sorted(tops)
        if top != "dita" and not re.fullmatch(r"dita-[\w.]+\.dist-info", top)
    ]


RULES: Final[tuple[Rule, ...]] = (
    no_namespace_init,
    no_hidden_tests,
    no_unfinished_marks,
    no_path_edits,
    no_pickle,
    no_open_servers,
    no_registry_addresses,
    no_machine_paths,
    recordings_have_one_door,
    no_places,
    ratchet_is_tight,
    modules_say_what_they_are,
    tests_say_what_they_prove,
    test_files_are_unique,
    broad_excepts_say_why,
    ignores_say_why,
    only_the_loader_clears,
    exports_are_declared,
    addresses_are_asked_for_anew,
    pointers_keep_their_memory,
    tests_have_one_configuration,
)

"""Commands in the pages and pins in the requirement files, as the house tests read them."""

import re
import tomllib
from collections.abc import Callable, Iterator
from typing import NamedTuple

from house_rules import Files, Violation

SHELLS = {"sh", "sh long"}
OTHER_SHELL_NAMES = {"", "bash", "shell", "console", "shell-session", "zsh"}


class Block(NamedTuple):
    """A fenced block of a page."""

    path: str
    line: int
    info: str
    text: str

    @property
    def commands(self) -> list[str]:
        """Its lines without comments and empty ones."""
        return [line for line in self.text.splitlines() if line.strip() and not line.startswith("#")]


def blocks(files: Files) -> Iterator[Block]:
    """Every fenced block of every page."""
    for path, text in files.items():
        if path.endswith(".md"):
            for match in re.finditer(r"^```([^\n]*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
                yield Block(path, text.count("\n", 0, match.start()) + 1, match[1].strip(), match[2])


def fences_are_known(files: Files) -> list[Violation]:
    """Commands stand in `sh`, which a test runs, or in README's `sh long`, which CI or the gate runs."""
    found: list[Violation] = []
    for block in blocks(files):
        if block.info in OTHER_SHELL_NAMES:
            message = f"fence `{block.info}`: use `sh`, or `text` for what is no command"
            found.append(Violation(block.path, block.line, message))
        if block.info == "sh long" and block.path != "README.md":
            found.append(Violation(block.path, block.line, "`sh long` belongs to README.md alone: use `sh`"))
    return found


def long_commands_are_run(files: Files) -> list[Violation]:
    """What the README calls long is a line of `.ci/run` or of the Makefile's target `gate`."""
    run = {line.strip() for line in files.get(".ci/run", "").splitlines()}
    gate = re.search(r"^gate:[^#\n]*", files.get("Makefile", ""), re.MULTILINE)
    if gate:
        run |= {f"make {target}" for target in gate[0].split()[1:]} | {"make gate"}
    return [
        Violation(block.path, block.line, f"`{command}` is run by nobody: add it to `.ci/run` or to `gate`")
        for block in blocks(files)
        if block.info == "sh long"
        for command in block.commands
        if command not in run
    ]


def pins(text: str) -> dict[str, str]:
    """Name to version of a requirement file."""
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", text, re.MULTILINE))


def what_is_asked_for_is_pinned(files: Files) -> list[Violation]:
    """Everything that a `requirements/*.in` asks for is pinned in the file beside it."""
    return [
        Violation(beside, 1, f"`{name}` is not pinned: run `make lock`")
        for path, text in files.items()
        if path.startswith("requirements/") and path.endswith(".in")
        for beside in (f"{path.removesuffix('.in')}.txt",)
        for name in re.findall(r"^([a-z0-9-]+)", text, re.MULTILINE)
        if name not in pins(files.get(beside, ""))
    ]


def services_fit_beside_dev(files: Files) -> list[Violation]:
    """What the tests of services need goes into the same environment, so it may not want another version there."""
    services, dev = (pins(files.get(f"requirements/{name}.txt", "")) for name in ("services", "dev"))
    return [
        Violation("requirements/services.txt", 1, f"`{name}=={version}` differs from dev.txt: run `make lock`")
        for name, version in services.items()
        if dev.get(name, version) != version
    ]


def pins_are_hashed(files: Files) -> list[Violation]:
    """Every pinned line is followed by at least one hash, and there is no line of another kind."""
    return [
        Violation(path, 1, f"`{line[:60]}`: pin it with `==` and hashes (`make lock`)")
        for path, text in files.items()
        if path.startswith("requirements/") and path.endswith(".txt")
        for line in text.replace("\\\n", "").splitlines()
        if line.strip() and not line.lstrip().startswith("#")
        if not re.match(r"[a-z0-9-]+==\S+\s.*--hash=sha256:", line)
    ]


def pins_cover_what_is_declared(files: Files) -> list[Violation]:
    """Everything pyproject.toml asks for is pinned, and the smaller file is a part of the larger one."""
    project = tomllib.loads(files["pyproject.toml"])
    build = project["build-system"]["requires"]
    run, dev = (pins(files[f"requirements/{name}.txt"]) for name in ("run", "dev"))
    dev |= pins(files.get("requirements/services.txt", ""))  # extras that only the tests of services need
    asked = {"run": project["project"]["dependencies"], "dev": [*build, *project["project"]["dependencies"]]}
    for extra in project["project"]["optional-dependencies"].values():
        asked["dev"] += extra
    missing = [
        Violation(f"requirements/{name}.txt", 1, f"`{requirement}` is not pinned: run `make lock`")
        for name, pinned in (("run", run), ("dev", dev))
        for requirement in asked[name]
        if re.split(r"[^A-Za-z0-9-]", requirement)[0].lower() not in pinned
    ]
    return missing + [
        Violation("requirements/run.txt", 1, f"`{name}=={version}` differs from dev.txt: run `make lock`")
        for name, version in run.items()
        if dev.get(name) != version
    ]


def pinned_for_nobody(files: Files, requires: Callable[[str], list[str]]) -> list[Violation]:
    """What runs is pinned because something asks for it: pyproject.toml, or what that asks for, by its own word."""
    pinned = pins(files["requirements/run.txt"])
    wanted = [_name(one) for one in tomllib.loads(files["pyproject.toml"])["project"]["dependencies"]]
    for name in wanted:  # which grows
        found = map(_name, requires(name)) if name in pinned else ()
        wanted += [more for more in found if more not in wanted]
    return [
        Violation("requirements/run.txt", 1, f"`{name}` is pinned for nobody: declare it in pyproject.toml, or drop it")
        for name in pinned
        if name not in wanted
    ]


def _name(requirement: str) -> str:
    return re.split(r"[^A-Za-z0-9._-]", requirement)[0].lower().replace("_", "-").replace(".", "-")


PAGE_RULES = (
    fences_are_known,
    long_commands_are_run,
    pins_are_hashed,
    pins_cover_what_is_declared,
    what_is_asked_for_is_pinned,
    services_fit_beside_dev,
)

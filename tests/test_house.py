"""The repository's own rules hold, and each of them finds the defect that it is there for."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

import house_rules
from house_pages import (
    PAGE_RULES,
    Block,
    blocks,
    fences_are_known,
    long_commands_are_run,
    pinned_for_nobody,
    pins_are_hashed,
    services_fit_beside_dev,
    what_is_asked_for_is_pinned,
)
from house_pages import pins_cover_what_is_declared as pins_cover
from house_rules import RULES, Files, Rule, Violation, only_dita_in_the_wheel

ROOTS = ("spec", "reference_py", "kernel_rs", "conformance", "adapters", "runtime")


@pytest.fixture(scope="session")
def files(repository: Path) -> Files:
    """Every text file that is, or would be, committed."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=repository, check=True, capture_output=True, text=True,
    )  # fmt: skip
    found: dict[str, str] = {}
    for name in sorted(filter(None, listed.stdout.split("\0"))):
        path = repository / name
        if path.is_file():  # a deleted file is still listed until the deletion is committed
            content = path.read_bytes()
            if b"\0" not in content:
                found[name] = content.decode()
    return found


def report(violations: list[Violation]) -> str:
    """The violations, a line each."""
    return "\n".join(str(violation) for violation in violations)


@pytest.mark.parametrize("rule", [*RULES, *PAGE_RULES], ids=lambda rule: rule.__name__)
def test_the_repository_keeps_its_rules(rule: Rule, files: Files) -> None:
    """No file breaks the rule."""
    found = rule(files)

    assert not found, f"{rule.__doc__}\n{report(found)}"


def test_no_path_of_this_machine(files: Files, repository: Path) -> None:
    """Neither the folder of this clone, the one around it, nor the home folder is named in a file."""
    places = {repository, repository.parent, Path.home()} - {Path(tempfile.gettempdir())}

    found = house_rules.no_machine_paths(files, tuple(map(str, places)))

    assert not found, report(found)


PYPROJECT = '[project]\ndependencies = ["a"]\noptional-dependencies = {dev = ["b"]}\n[build-system]\nrequires = ["c"]\n'


def pinned(run: str, dev: str) -> Files:
    """A project that asks for a, b and c, and what is pinned for it."""
    return {"pyproject.toml": PYPROJECT, "requirements/run.txt": run, "requirements/dev.txt": dev}


DEFECTS: list[tuple[Rule, Files]] = [
    (house_rules.no_namespace_init, {"spec/dita/__init__.py": ""}),
    (house_rules.no_hidden_tests, {"tests/test_x.py": "@pytest.mark.sk" + "ip\ndef test(): ..."}),
    (house_rules.no_hidden_tests, {"tests/test_x.py": "x = pytest.importor" + "skip('z3')"}),
    (house_rules.no_hidden_tests, {"kernel_rs/src/a.rs": "#[igno" + "re]\nfn a() {}"}),
    (house_rules.no_unfinished_marks, {"a.py": "# TO" + "DO later"}),
    (house_rules.no_unfinished_marks, {"a.py": "raise NotImplemented" + "Error"}),
    (house_rules.no_path_edits, {"a.py": "sys.path.ins" + "ert(0, '.')"}),
    (house_rules.no_path_edits, {"a.py": "sys.pa" + "th += ['.']"}),
    (house_rules.no_pickle, {"a.py": "import pick" + "le"}),
    (house_rules.no_open_servers, {"a.py": "serve(host='0.0." + "0.0')"}),
    (house_rules.no_registry_addresses, {"a.md": "see https://py" + "pi.org/project/x"}),
    (house_rules.no_registry_addresses, {"requirements/a.txt": "--index-url https://example.org/simple"}),
    (house_rules.no_registry_addresses, {"Cargo.lock": 'source = "registry+https://example.org"'}),
    (house_rules.no_machine_paths, {"a.md": "in /ho" + "me/somebody/x"}),
    (house_rules.recordings_have_one_door, {"a.py": "Path('../sha" + "red/data')"}),
    (house_rules.no_places, {"a.py": "x\n" * 601}),
    (house_rules.modules_say_what_they_are, {"a.py": "x = 1"}),
    (house_rules.modules_say_what_they_are, {"a.rs": "fn a() {}"}),
    (house_rules.tests_say_what_they_prove, {"tests/test_a.py": '"""A."""\ndef test_a(): ...'}),
    (house_rules.test_files_are_unique, {"tests/a/test_a.py": "", "tests/b/test_a.py": ""}),
    (house_rules.test_files_are_unique, {"tests/a/__init__.py": ""}),
    (house_rules.broad_excepts_say_why, {"a.py": "try: pass\nexcept Exception: pass"}),
    (house_rules.broad_excepts_say_why, {"a.py": "try: pass\nexcept (OSError, BaseException): pass"}),
    (house_rules.broad_excepts_say_why, {"a.py": "try: pass\nexcept: pass"}),
    (house_rules.broad_excepts_say_why, {"a.py": "try: pass\nexcept Exception:  # noq" + "a: BLE001\n    pass"}),
    (house_rules.ignores_say_why, {"a.py": "x()  # type: ign" + "ore"}),
    (house_rules.ignores_say_why, {"a.py": "x()  # noq" + "a"}),
    (house_rules.ignores_say_why, {"a.py": "x()  # type: ign" + "ore[misc]"}),
    (house_rules.ignores_say_why, {"a.py": "x()  # noq" + "a: BLE001"}),
    (house_rules.only_the_loader_clears, {"a.py": "c = Clearance('', '', False)"}),
    (house_rules.only_the_loader_clears, {"a.py": "from dita.spec.clearance import Clearance as C\nc = C()"}),
    (house_rules.only_the_loader_clears, {"a.py": "import dita.spec.clearance as m\nm.Clearance('', '', False)"}),
    (house_rules.only_the_loader_clears, {"a.py": "make = Clearance"}),
    (house_rules.only_the_loader_clears, {"a.py": "c = object.__new__(Clearance)"}),
    (house_rules.only_the_loader_clears, {"a.py": "import dataclasses\nc = dataclasses.replace(given, signed=True)"}),
    (house_rules.exports_are_declared, {
        "a/dita/x/__init__.py": "from dita.x.y import A, B\n__all__ = ['A']",
        "b.py": "from dita.x import A, B, y", "a/dita/x/y.py": "",
    }),
    (house_rules.addresses_are_asked_for_anew, {"a/dita/a.py": "loop.getaddr" + "info(host, port)"}),
    (house_rules.pointers_keep_their_memory, {"kernel_rs/dita/kernel/a.py": "_keeping(f, s.calls + 1), s.calls + 2"}),
    (house_rules.pointers_keep_their_memory, {"kernel_rs/dita/kernel/a.py": "p = ffi.addressof(call, 'outcome')"}),
    (house_rules.tests_have_one_configuration, {"tests/a/pytest.ini": "[pytest]"}),
    (house_rules.tests_have_one_configuration, {"pyproject.toml": "[tool.pytest.ini_options]\ntestpaths = ['a']"}),
    (fences_are_known, {"README.md": "```bash\nmake\n```\n"}),
    (fences_are_known, {"docs/a.md": "```sh long\nmake test\n```\n"}),
    (long_commands_are_run, {"README.md": "```sh long\nmake x\n```\n", ".ci/run": "make test", "Makefile": "gate: y"}),
    (pins_are_hashed, {"requirements/a.txt": "httpx==1.0\n"}),
    (pins_are_hashed, {"requirements/a.txt": "httpx>=1.0 --hash=sha256:00\n"}),
    (pins_cover, pinned("a==1", "a==1\nb==1")),
    (what_is_asked_for_is_pinned, {"requirements/a.in": "# why\na>=1\nb>=1\n", "requirements/a.txt": "b==1"}),
    (services_fit_beside_dev, {"requirements/services.txt": "a==1\nb==1", "requirements/dev.txt": "a==2\nc==1"}),
    (pins_cover, pinned("a==2", "a==1\nb==1\nc==1")),
]  # fmt: skip


def required(name: str) -> list[str]:
    """What an installed distribution says that it needs, extras and other machines included."""
    return metadata.requires(name) or []


def test_nothing_is_pinned_for_nobody(files: Files) -> None:
    """Flaw X3: what the product runs with is declared by somebody; a package that nobody asks for is named."""
    assert pinned_for_nobody(files, required) == []
    asked = {"a": ["b>=1; extra == 'x'"], "b": [], "c": []}
    assert pinned_for_nobody(pinned("a==1\nb==1", ""), asked.__getitem__) == []
    assert [one.message[:3] for one in pinned_for_nobody(pinned("a==1\nb==1\nc==1", ""), asked.__getitem__)] == ["`c`"]


@pytest.mark.parametrize(("rule", "planted"), DEFECTS)
def test_a_planted_defect_is_found(rule: Rule, planted: Files) -> None:
    """The rule finds exactly the one defect in these files."""
    assert len(rule(planted)) == 1


def test_the_ratchet_holds_at_both_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """A ratcheted file may not grow, and its entry may be neither larger than the file nor superfluous."""
    monkeypatch.setattr(house_rules, "RATCHET", {"a.py": 700})

    assert house_rules.no_places({"a.py": "x\n" * 700}) == house_rules.ratchet_is_tight({"a.py": "x\n" * 700}) == []
    assert house_rules.no_places({"a.py": "x\n" * 701})
    assert house_rules.ratchet_is_tight({"a.py": "x\n" * 699})
    assert house_rules.ratchet_is_tight({"a.py": "x\n" * 100})


def test_every_rule_has_a_defect() -> None:
    """No rule is without a planted defect above; the ratchet's has a test of its own."""
    assert {rule for rule, _ in DEFECTS} | {house_rules.ratchet_is_tight} == {*RULES, *PAGE_RULES}


@pytest.mark.parametrize(
    "text",
    [
        "def f(c: Clearance) -> Clearance | None: ...",
        "x: Clearance",
        "ok = isinstance(c, Clearance)",
        "from dita.spec.clearance import Clearance",
        "narrow = c.narrowed()",
    ],
)
def test_a_clearance_may_be_named_as_a_type(text: str) -> None:
    """Annotations, imports and type checks are no construction."""
    assert house_rules.only_the_loader_clears({"a.py": text}) == []


# ---- the import contract

ARROWS = "The arrows point down"
PURE_CORE = "The core is pure"
PURE_LOGIC = "The logic of the adapters does no I/O"
STRATEGY = "Policies, gates and sizing cannot reach what trades"
CONTRACTS = [
    ("adapters/dita/adapters/logic", "import dita.kernel", ARROWS),
    ("reference_py/dita/reference", "def f():\n    from dita.kernel import loader", ARROWS),
    ("kernel_rs/dita/kernel", "from dita import reference", ARROWS),
    ("spec/dita/spec", "import dita.reference", ARROWS),
    ("conformance/dita/conformance", "import dita.runtime", ARROWS),
    ("spec/dita/spec", "import time", PURE_CORE),
    ("reference_py/dita/reference", "from random import Random", PURE_CORE),
    ("adapters/dita/adapters/logic", "import asyncio", PURE_LOGIC),
    ("adapters/dita/adapters/logic", "import time", PURE_LOGIC),
    ("adapters/dita/adapters/logic", "import socket", PURE_LOGIC),
    (
        "conformance/dita/conformance",
        "import dita.adapters.bingx",
        "Conformance sees only the pure half of the adapters",
    ),
    (
        "adapters/dita/adapters/logic",
        "import dita.adapters.bingx",
        "The pure half of the adapters knows nothing of the other",
    ),
    ("runtime/dita/runtime/policies", "from dita.adapters.bingx.rest import BingxRest", STRATEGY),
    ("runtime/dita/runtime/policies", "import dita.runtime.live", STRATEGY),
    ("runtime/dita/runtime/gates", "from dita.runtime.engine import Engine", STRATEGY),
    ("runtime/dita/runtime/gates", "import time", STRATEGY),
]


@pytest.fixture(scope="session")
def broken_contracts(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Name of each contract to what the linter says about it, with every illegal import planted into a copy."""
    copy = tmp_path_factory.mktemp("contracts")
    for root in ROOTS:
        shutil.copytree(repository / root / "dita", copy / root / "dita", ignore=shutil.ignore_patterns("*.image"))
    for number, (folder, code, _) in enumerate(CONTRACTS):
        (copy / folder / f"planted_{number}.py").write_text(f'"""Planted."""\n{code}\n')
    search = os.pathsep.join(str(copy / root) for root in ROOTS)
    lint_imports = str(Path(sys.executable).with_name("lint-imports"))
    done = subprocess.run(
        [lint_imports, "--no-cache", "--config", str(repository / "pyproject.toml")],
        cwd=copy, env=os.environ | {"PYTHONPATH": search}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    _, *parts = re.split(r"^(\S.*)\n-+\n", done.stdout, flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2], strict=True))


@pytest.mark.parametrize("number", range(len(CONTRACTS)), ids=[f"{row[0]}: {row[1]}" for row in CONTRACTS])
def test_an_illegal_import_breaks_its_contract(broken_contracts: dict[str, str], number: int) -> None:
    """The contract that forbids the import names the module into which it was planted."""
    contract = CONTRACTS[number][2]

    assert f"planted_{number} -> " in broken_contracts[contract]


def test_an_unused_dependency_is_found(repository: Path, tmp_path: Path) -> None:
    """A dependency that is declared and never imported fails the check, and so does the opposite."""
    text = (repository / "pyproject.toml").read_text()
    (tmp_path / "pyproject.toml").write_text(
        text.replace("dependencies = [\n", 'dependencies = [\n  "attrs>=24",\n', 1)
    )
    (tmp_path / "spec").mkdir()
    (tmp_path / "spec" / "planted.py").write_text('"""Planted."""\nimport sortedcontainers\n')

    done = subprocess.run(
        [str(Path(sys.executable).with_name("deptry")), ".", "--no-ansi"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 1
    assert "DEP002 'attrs' defined as a dependency but not used" in done.stderr
    assert "'sortedcontainers' imported but" in done.stderr


# ---- the Makefile


TOOLS = ("ruff", "lint-imports", "deptry", "mypy", "basedpyright", "cargo", "pytest")
STEPS = (
    "ruff check", "ruff format", "lint-imports", "deptry", "cargo fmt", "mypy", "cargo clippy", "cargo test",
    "pytest --collect-only", "basedpyright",
)  # fmt: skip


@pytest.mark.parametrize("failing", ["", *STEPS])
def test_check_fails_with_any_of_its_steps(repository: Path, tmp_path: Path, failing: str) -> None:
    """Also with the one that runs beside the others. What the tool printed is shown; where none fails, all are run."""
    for tool in TOOLS:
        (tmp_path / tool).write_text(
            f'#!/bin/sh\ncase "{tool} $1" in "{failing or "none"}"*) echo planted; exit 1;; esac\n'
        )
        (tmp_path / tool).chmod(0o755)

    done = subprocess.run(
        ["make", "--no-print-directory", "--old-file=build", f"BIN={tmp_path}", f"CARGO={tmp_path}/cargo", "check"],
        cwd=repository, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip

    assert (done.returncode != 0, "planted" in done.stdout) == (bool(failing), bool(failing))
    assert failing or done.stdout.count(" ok ") == len(STEPS)


# ---- pytest's own settings


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        ("    assert True\n", "1 passed"),
        ("    import warnings\n    warnings.warn('planted', DeprecationWarning, stacklevel=1)\n", "1 failed"),
        ("    import time\n    time.sleep(60)\n", "Timeout"),
        ("    async def f(): ...\n    f()\n    import gc\n    gc.collect()\n", "1 failed"),
        ("    import logging\n    logging.disable()\n", "left behind: logs are disabled up to 50"),
        ("    import os\n    os.chdir('/')\n", "the folder is `/`"),
    ],
    ids=["sound", "warns", "hangs", "forgets to await", "mutes logs", "moves away"],
)
def test_a_careless_test_fails(repository: Path, tmp_path: Path, body: str, outcome: str) -> None:
    """Under our settings a test that warns, hangs, forgets to await or leaves something behind is no passing test."""
    (tmp_path / "test_planted.py").write_text(f"def test_it():\n{body}")
    settings = ["-c", str(repository / "pyproject.toml"), "--rootdir", str(tmp_path), "-p", "no:cacheprovider"]
    settings += ["-p", "leftovers"]

    done = subprocess.run(
        [sys.executable, "-m", "pytest", *settings, "--timeout", "3", str(tmp_path / "test_planted.py")],
        env=os.environ | {"PYTHONPATH": str(repository / "tests" / "support")},
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip

    assert outcome in done.stdout + done.stderr, done.stdout + done.stderr


# ---- the pages


@pytest.fixture(scope="session")
def scratch(files: Files, repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what is committed, with the built image, in which a page's commands can do no harm."""
    folder = tmp_path_factory.mktemp("pages") / "dita"
    for name in [*files, "kernel_rs/dita/kernel/kernel.image"]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(repository / name, folder / name)
    strangers = Path(sys.prefix) / "strangers"
    assert strangers.exists(), "the README's clients are missing: run `make strangers`"
    (folder / ".venv").mkdir()
    (folder / ".venv" / "strangers").symlink_to(strangers)
    return folder


def run_block(block: Block, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a page's commands as a reader would, in the environment of these tests."""
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    command = ["bash", "-euo", "pipefail", "-c", block.text]
    return subprocess.run(
        command, cwd=folder, env=os.environ | {"PATH": path}, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, check=False, timeout=110,
    )  # fmt: skip


def test_every_command_of_the_pages_works(files: Files, scratch: Path) -> None:
    """Each `sh` block of README and the other pages ends with status 0.

    Those of the examples install things: tests/scenarios/test_example_policy.py runs them elsewhere. Those of the
    runbook follow on each other: tests/services/test_runbook.py.
    """
    elsewhere = ("examples/", "docs/runbook.md")
    commands = [block for block in blocks(files) if block.info == "sh" and not block.path.startswith(elsewhere)]
    assert commands
    for block in commands:
        done = run_block(block, scratch)

        assert done.returncode == 0, f"{block.path}:{block.line}\n{done.stdout}{done.stderr}"


def test_a_failing_command_of_a_page_is_noticed(scratch: Path) -> None:
    """A command that fails in the middle of a block fails the block."""
    assert run_block(Block("README.md", 1, "sh", "true\nfalse\ntrue\n"), scratch).returncode != 0


# ---- the wheel


def test_the_wheel_holds_dita_and_its_kernel_only(repository: Path, tmp_path: Path) -> None:
    """The wheel's top-level names are `dita` and its metadata; the image, every package and the command are in it."""
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(command, cwd=repository, check=True, capture_output=True, timeout=110)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (entry_points,) = (archive.read(name).decode() for name in names if name.endswith("entry_points.txt"))

    assert only_dita_in_the_wheel(names) == []
    assert "cp311-abi3-linux" in wheel.name
    assert "dita/kernel/kernel.image" in names
    assert {f"dita/{name}/__init__.py" for name in ("spec", "reference", "kernel", "adapters")} <= set(names)
    assert "dita = dita.runtime.cli:main" in entry_points


def test_a_generic_name_in_the_wheel_is_found() -> None:
    """A wheel that would put `tests` into site-packages is refused."""
    assert len(only_dita_in_the_wheel(["dita/spec/__init__.py", "dita-0.1.0.dist-info/METADATA", "tests/a.py"])) == 1

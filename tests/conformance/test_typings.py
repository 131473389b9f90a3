"""The hand-made stubs under ``typings`` say nothing that the installed solvers do not have."""

import ast
import importlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# Ours is always the default context; z3's constructors take C pointers, and cvc5's show no signature.
LEFT_OUT = re.compile(r'stub does not have parameter "(ctx|logFile)"$|\.__init__ is inconsistent')


def names(body: list[ast.stmt]) -> Iterator[str]:
    """What a stub defines, dotted below a class."""
    for node in body:
        match node:
            case ast.ClassDef():
                yield node.name
                yield from (f"{node.name}.{name}" for name in names(node.body))
            case ast.FunctionDef():
                yield node.name
            case ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]):
                if name != "_Expr":  # a type variable of the stub
                    yield name
            case _:
                pass


def missing(package: str, stub: str) -> list[str]:
    """What the stub defines and the package does not have."""
    absent: list[str] = []
    for name in names(ast.parse(stub).body):
        value: object = importlib.import_module(package)
        for part in name.split("."):
            value = getattr(value, part, None)
        if value is None:
            absent.append(name)
    return absent


def complaints(stubs: Path) -> list[str]:
    """What mypy's comparison of stubs with the packages finds."""
    command = [sys.executable, "-m", "mypy.stubtest", "--concise", "--ignore-missing-stub", "--ignore-disjoint-bases"]
    done = subprocess.run(
        [*command, "z3", "cvc5"], cwd=stubs, env=os.environ | {"MYPYPATH": str(stubs)},
        capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip
    assert not done.stderr, done.stderr
    lines = done.stdout.splitlines()
    assert lines  # the constructors that are left out are always named: it looked
    return [line for line in lines if not LEFT_OUT.search(line)]


@pytest.mark.parametrize("package", ["z3", "cvc5"])
def test_every_name_of_a_stub_exists(repository: Path, package: str) -> None:
    """Every class, method, function and constant of the stub is in the installed package."""
    stub = (repository / "typings" / package / "__init__.pyi").read_text()

    assert len(list(names(ast.parse(stub).body))) > 10
    assert missing(package, stub) == []


def test_a_made_up_name_is_found() -> None:
    """A function, a method and a constant that z3 does not have are named."""
    stub = "Z3_OP_NONE: int\ndef Int(name): ...\ndef Whole(name): ...\nclass Solver:\n    def ask(self): ...\n"

    assert missing("z3", stub) == ["Z3_OP_NONE", "Whole", "Solver.ask"]


def test_the_stubs_agree_with_the_packages(repository: Path) -> None:
    """The comparison of signatures that mypy brings finds nothing but the parameters that are left out on purpose."""
    assert complaints(repository / "typings") == []


def test_a_wrong_signature_is_found(repository: Path, tmp_path: Path) -> None:
    """A parameter that `If` does not have is complained of (cvc5's methods show none; names are checked)."""
    shutil.copytree(repository / "typings", tmp_path, dirs_exist_ok=True)
    stub = tmp_path / "z3" / "__init__.pyi"
    stub.write_text(stub.read_text().replace("def If(a: BoolRef | bool", "def If(made_up: int, a: BoolRef | bool"))

    assert {line.split(" ")[0] for line in complaints(tmp_path)} == {"z3.If"}

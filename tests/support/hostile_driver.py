"""The hostile caller of the C interface (``tests/kernel/hostile.c``): compiled, linked with a kernel, run."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

from dita.kernel.abi import ABI_VERSION
from dita.spec.vocabulary import Code, Kind, Verdict

REPOSITORY: Final = Path(__file__).resolve().parents[2]
SOURCE: Final = REPOSITORY / "tests" / "kernel" / "hostile.c"
RELEASED: Final = REPOSITORY / "kernel_rs" / "target" / "release" / "libdita_kernel.a"
"""The static library that `make build` linked into the kernel image."""

SANITIZED: Final = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")
_NUMBERS: Final = {
    "ABI_VERSION": ABI_VERSION,
    "KIND_LAST": max(Kind),
    "CODE_LAST": max(Code),
    "VERDICT_LAST": max(Verdict),
    "REFUSED": Verdict.REFUSED,
    "KIND_REGISTER": Kind.REGISTER,
    "KIND_SET_LIMITS": Kind.SET_LIMITS,
    "KIND_SEED": Kind.SEED,
    "KIND_ENTER": Kind.ENTER,
    "KIND_ORDER": Kind.ORDER,
}
_FLAGS: Final = ("-std=c11", "-O1", "-g", "-Wall", "-Wextra", "-Werror")

Done = subprocess.CompletedProcess[str]


def tool(name: str, advice: str) -> str:
    """The path of a tool; a missing one is a failure that says what to install."""
    found = shutil.which(name)
    assert found is not None, f"`{name}` is missing: {advice}"
    return found


def compiled(folder: Path, *options: str) -> Path:
    """The caller as an object, for these options of the compiler."""
    folder.mkdir(parents=True, exist_ok=True)
    made = folder / "hostile.o"
    defines = [f"-D{name}={int(value)}" for name, value in _NUMBERS.items()]
    include = f"-I{REPOSITORY / 'kernel_rs' / 'include'}"
    _cc([*_FLAGS, *options, *defines, include, "-c", str(SOURCE), "-o", str(made)])
    return made


def linked(caller: Path, library: Path, made: Path, *options: str) -> Path:
    """The program: the caller and a kernel."""
    _cc([*options, str(caller), str(library), "-lpthread", "-o", str(made)])
    return made


def _cc(arguments: list[str]) -> None:
    command = [tool("gcc", "install the package gcc, whose sanitizers these tests use"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stderr


def unoptimised_library(tree: Path, target: Path) -> Path:
    """The static library of a tree as the quick profile builds it: checks of the language stay in, a second's work."""
    options = ["--quiet", "--offline", "--locked", "--lib", "--crate-type", "staticlib", "--target-dir", str(target)]
    lean = {"CARGO_PROFILE_DEV_DEBUG": "0", "CARGO_INCREMENTAL": "0"}
    done = subprocess.run(
        [tool("cargo", "install Rust"), "rustc", *options], cwd=tree / "kernel_rs", env=os.environ | lean,
        capture_output=True, text=True, check=False, timeout=200,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return target / "debug" / "libdita_kernel.a"


def run(program: Path, seed: int, rounds: int, memory: str, *before: str) -> Done:
    """Run the caller, maybe behind another program. A leak is an error as well."""
    command = [*before, str(program), str(seed), str(rounds), memory]
    environment = os.environ | {"ASAN_OPTIONS": "detect_leaks=1", "UBSAN_OPTIONS": "print_stacktrace=1"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)


def counted(done: Done) -> dict[str, tuple[int, int]]:
    """Checks and refusals by part. Raises AssertionError with what was said unless it ended well."""
    assert done.returncode == 0, f"status {done.returncode}\n{done.stdout}{done.stderr}"
    first, *lines = (line.split() for line in done.stdout.splitlines())
    assert (first[0], lines[-1][0]) == ("source", "total"), done.stdout
    found: dict[str, tuple[int, int]] = {}
    for name, checks, refusals in lines[:-1]:
        before = found.get(name, (0, 0))
        found[name] = (before[0] + int(checks), before[1] + int(refusals))
    assert sum(checks for checks, _ in found.values()) == int(lines[-1][1])
    return found

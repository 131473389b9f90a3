"""The compiled reference as files: made once for everything that it depends on, and trusted only word for word.

``out/oracle/<key>`` holds the shared objects and ``manifest.json`` with their hashes. The key is a hash over the source
that is compiled, the specification it is compiled against, this package, mypy and Python: whatever changes has another
key, and what is kept under an older one is not looked at.
"""

import contextlib
import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final, TextIO

from dita.conformance.oracle.source import compilable
from dita.kernel.loader import package_sha256
from dita.spec.canonical import sha256_hex

FOLDER: Final = Path("out") / "oracle"
MANIFEST: Final = "manifest.json"
BUSY: Final = "busy"  # in the folder of a compilation that runs
COMPILER_SECONDS: Final = 600
MANIFEST_BYTES_MAX: Final = 1 << 20
_BEHIND: Final = ("dita.spec", "dita.conformance.oracle")  # what the result depends on besides the source itself
_TOOLS: Final = ("mypy", "setuptools")


class OracleRefused(Exception):
    """There is no compiled oracle to be had, or it is not the reference; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Built:
    """A compiled reference on disk. Its modules are in the package named ``package``, below ``home``."""

    key: str
    home: Path
    files: tuple[str, ...]  # shared objects, relative to ``home``

    @property
    def package(self) -> str:
        """The private name that it is imported under: another one for every key."""
        return f"dita_oracle_{self.key[:16]}"


def key_of(sources: Mapping[str, str], optimise: int) -> str:
    """The name of a build: a hash over everything that it depends on."""
    depends: dict[str, object] = {name: package_sha256(name) for name in _BEHIND}
    depends |= {"sources": dict(sources), "optimise": optimise, "python": sys.version}
    depends |= {name: _version(name) for name in _TOOLS}
    return sha256_hex(json.dumps(depends, sort_keys=True).encode())


def kept(key: str, folder: Path = FOLDER) -> Built | None:
    """The build of that name, if it is there and every byte of it is what was written; else None."""
    home = folder / key
    try:
        if (home / MANIFEST).stat().st_size > MANIFEST_BYTES_MAX:
            return None
        read: object = json.loads((home / MANIFEST).read_bytes())
        hashes = {path.relative_to(home).as_posix(): sha256_hex(path.read_bytes()) for path in _objects(home)}
    except (OSError, ValueError):
        return None
    if not hashes or read != _manifest(key, hashes):
        return None
    return Built(key, home, tuple(hashes))


def build(sources: Mapping[str, str], optimise: int = 2, folder: Path = FOLDER) -> Built:
    """Compile these modules, unless that was done before. ``optimise`` is the C compiler's level.

    Raises OracleRefused when a tool is missing or fails. Two processes may build the same at the same time.
    """
    key = key_of(sources, optimise)
    found = kept(key, folder)
    if found is not None:
        return found
    folder.mkdir(parents=True, exist_ok=True)
    _sweep(folder)
    work = Path(tempfile.mkdtemp(prefix=f"{key[:16]}.", suffix=".partial", dir=folder))
    mark = _marked(work)
    try:
        _compile(sources, Built(key, work, ()).package, work, optimise)
        ready = work / "ready"
        hashes: dict[str, str] = {}
        for path in _objects(work):
            name = path.relative_to(work).as_posix()
            (ready / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, ready / name)
            hashes[name] = sha256_hex((ready / name).read_bytes())
        (ready / MANIFEST).write_text(json.dumps(_manifest(key, hashes)), encoding="utf-8")
        _put(ready, folder / key)
    finally:
        mark.close()
        shutil.rmtree(work)
    found = kept(key, folder)
    if found is None:
        raise OracleRefused(f"`{folder / key}` is not what was just compiled; remove it and try again")
    return found


def _marked(work: Path) -> TextIO:
    """A file in the folder that says, by its lock, that somebody is at work there; nobody ever sees it unlocked."""
    begun = work / "begun"
    mark = begun.open("w")
    fcntl.flock(mark, fcntl.LOCK_EX)
    begun.rename(work / BUSY)
    return mark


def _sweep(folder: Path) -> None:
    """Remove what compilations that were killed have left: a compilation that runs holds the lock of its folder."""
    for work in folder.glob("*.partial"):
        try:
            with (work / BUSY).open("r+") as mark:
                fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(work, ignore_errors=True)
        except FileNotFoundError:  # it has just begun, or died before it had its lock
            with contextlib.suppress(FileNotFoundError):
                if time.time() - work.stat().st_mtime > COMPILER_SECONDS:
                    shutil.rmtree(work, ignore_errors=True)
        except BlockingIOError:
            continue


def _compile(sources: Mapping[str, str], package: str, work: Path, optimise: int) -> None:
    inside = work / package
    inside.mkdir()
    (inside / "__init__.py").touch()
    for name, text in compilable(sources, package).items():
        (inside / f"{name}.py").write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "mypyc", "--config-file=", *(f"{package}/{name}.py" for name in sorted(sources))]
    command.append(f"{package}/records.py")
    environment = os.environ | {"MYPYC_OPT_LEVEL": str(optimise), "MYPYC_DEBUG_LEVEL": "0"}
    try:
        done = subprocess.run(
            command, cwd=work, env=environment, capture_output=True, text=True, check=False, timeout=COMPILER_SECONDS
        )
    except subprocess.TimeoutExpired as problem:
        raise OracleRefused(
            f"mypyc was not done in `{COMPILER_SECONDS}` seconds; try again on a quieter machine"
        ) from problem
    if done.returncode != 0:
        told = "\n".join((done.stdout + done.stderr).strip().splitlines()[-20:])
        raise OracleRefused(f"the reference does not compile; mypyc and the C compiler said:\n{told}")


def _objects(home: Path) -> list[Path]:
    """The shared objects of a build; mypyc's own working folder is left out."""
    return sorted(path for path in home.glob("**/*.so") if path.relative_to(home).parts[0] != "build")


def _manifest(key: str, hashes: Mapping[str, str]) -> dict[str, object]:
    return {"key": key, "files": dict(hashes)}


def _put(ready: Path, home: Path) -> None:
    """Move a build into its place in one step; what is there and cannot be trusted makes room first."""
    stale = ready.with_name("stale")
    if home.exists():
        home.replace(stale)
    try:
        ready.replace(home)
    except OSError:
        if not home.exists():  # else another process was faster, with the same
            raise


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError as problem:
        raise OracleRefused(
            f"`{name}` is not installed, and the oracle is compiled with it; install `dita[dev]`"
        ) from problem

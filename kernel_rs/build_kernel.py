"""Build the kernel image: Rust step + C binding in one shared object that only the loader can load.

Run by the packaging hook and by hand after editing Rust: ``python kernel_rs/build_kernel.py``. Needs cargo, a C
compiler, Python's headers and cffi; reads nothing from the network and writes ``target/`` and the image. The same
sources and tools give the same bytes from any folder.

The name ``kernel.image`` is one that Python's import system never looks for, so nobody gets at the kernel around the
loader (``dita.kernel.loader``).
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import io
import os
import re
import shutil
import struct
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

MODULE_NAME = "dita_kernel_image"
"""Name compiled into the image's init function; the loader uses the same."""

PANIC_SYMBOL = "dita_kernel_panic_is_reachable"
"""Defined nowhere; the crate's panic handler refers to it (``src/panic.rs``)."""

LIMITED_API = "0x030b0000"
"""Python 3.11's stable interface: one image serves every later version."""

DEFAULT_DIGEST = "0" * 64
"""What ``.cargo/config.toml`` gives to plain cargo commands; never a real image."""

_PANIC_NAMES = ("panicking", "rust_panic", "rust_begin_unwind", PANIC_SYMBOL)


class BuildRefused(Exception):
    """The image was not written; the message says why and what to do next."""


class Symbol(NamedTuple):
    """A name in an ELF symbol table, and whether this file defines it."""

    name: str
    defined: bool


def crate_sources(crate: Path) -> list[Path]:
    """Every file that decides the image's bytes, sorted by its path inside the crate."""
    fixed = [crate / "Cargo.toml", crate / "Cargo.lock", crate / ".cargo" / "config.toml", crate / "build_kernel.py"]
    found = [*crate.glob("src/**/*.rs"), *crate.glob("include/**/*.h")]
    return sorted((*fixed, *found), key=lambda path: path.relative_to(crate).as_posix())


def source_digest(crate: Path) -> str:
    """SHA-256, in hexadecimal, over the names, lengths and bytes of the crate's sources."""
    digest = hashlib.sha256()
    for path in crate_sources(crate):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(crate).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def cdef_text(header: str) -> str:
    """The header as cffi reads it: without preprocessor lines, except ``#define NAME integer``."""
    kept = (
        line
        for line in header.splitlines()
        if not line.lstrip().startswith("#") or re.fullmatch(r"#define [A-Z][A-Z0-9_]* -?(0x[0-9a-f]+|\d+)", line)
    )
    return "\n".join(kept) + "\n"


def elf_symbols(image: bytes) -> list[Symbol]:
    """Names of both symbol tables (dynamic and static) of a 64-bit little-endian ELF file."""
    if image[:6] != b"\x7fELF\x02\x01":
        raise BuildRefused(
            "the linker did not write a 64-bit little-endian ELF file; only such Linux systems are supported"
        )
    return list(_elf_symbols(image))


def _elf_symbols(image: bytes) -> Iterator[Symbol]:
    symbol_table, dynamic_table, symbol_size = 2, 11, 24
    (table,) = struct.unpack_from("<Q", image, 0x28)
    entry_size, count = struct.unpack_from("<HH", image, 0x3A)
    # (type, offset, size, link) of every section
    sections = [
        (kind, offset, size, link)
        for kind, offset, size, link in (
            struct.unpack_from("<4xI16xQQI", image, table + index * entry_size) for index in range(count)
        )
    ]
    for kind, offset, size, link in sections:
        if kind not in (symbol_table, dynamic_table):
            continue
        names = sections[link][1]
        for position in range(offset, offset + size, symbol_size):
            name_offset, section = struct.unpack_from("<I2xH", image, position)
            start = names + name_offset
            name = image[start : image.index(b"\0", start)].decode()
            if name:
                yield Symbol(name, defined=section != 0)


def panic_symbols(image: bytes) -> list[str]:
    """Names in the image that only a reachable panic can have put there, sorted."""
    return sorted({symbol.name for symbol in elf_symbols(image) if any(part in symbol.name for part in _PANIC_NAMES)})


def build(crate: Path, image: Path) -> str:
    """Build the image from the crate and return its SHA-256 in hexadecimal.

    The image is replaced in one step, and only by one that passed every check. Raises :class:`BuildRefused` when a
    tool is missing or fails, or when the kernel can reach a panic.
    """
    digest = source_digest(crate)
    library = _build_library(crate, digest)
    with tempfile.TemporaryDirectory(prefix="dita-kernel-") as scratch:
        linked = _link(crate, library, Path(scratch))
        content = linked.read_bytes()
    found = panic_symbols(content)
    if found:
        raise BuildRefused(
            f"the kernel can panic: the image refers to `{', '.join(found)}`; find the plain operator, index or "
            "division that the compiler cannot prove safe, and say what it does (`wrapping_`, `checked_`, or a bound "
            "tested before it)"
        )
    if bytes.fromhex(digest) not in content:
        raise BuildRefused(
            "the image does not carry the digest of its sources; remove `kernel_rs/target` and build again"
        )
    image.parent.mkdir(parents=True, exist_ok=True)
    partial = image.with_name(f"{image.name}.{os.getpid()}.partial")
    partial.write_bytes(content)
    partial.replace(image)
    return hashlib.sha256(content).hexdigest()


def _build_library(crate: Path, digest: str) -> Path:
    flags = f"--remap-path-prefix={crate}=kernel_rs"
    environment = os.environ | {"DITA_SOURCE_DIGEST": digest, "CARGO_ENCODED_RUSTFLAGS": flags}
    target = crate / "target"
    command = [_tool("cargo", "install Rust from your system or rustup"), "build", "--release", "--locked", "--offline"]
    _run([*command, "--lib", "--target-dir", str(target)], cwd=crate, environment=environment)
    return target / "release" / "libdita_kernel.a"


def _link(crate: Path, library: Path, scratch: Path) -> Path:
    from cffi import FFI  # noqa: PLC0415 - only a build needs it; the digest functions do not

    headers = Path(sysconfig.get_path("include"))
    if not (headers / "Python.h").is_file():
        raise BuildRefused("`Python.h` is missing; install your system's Python development package (python3-dev)")
    ffi = FFI()
    ffi.cdef(cdef_text((crate / "include" / "dita_kernel.h").read_text()))
    ffi.set_source(MODULE_NAME, '#include "dita_kernel.h"', py_limited_api=True)
    with contextlib.redirect_stdout(io.StringIO()):  # cffi prints the name of the file it writes
        ffi.emit_c_code(str(scratch / "binding.c"))
    linked = scratch / "kernel.image"
    compiler = _tool("cc", "install a C compiler (gcc or clang)")
    compile_flags = [
        "-O2",
        "-g0",
        "-DNDEBUG",
        "-fPIC",
        "-ffunction-sections",
        "-fvisibility=hidden",
        f"-DPy_LIMITED_API={LIMITED_API}",
    ]
    include_flags = [f"-I{crate / 'include'}", f"-I{headers}"]
    # In `scratch` with relative names, so that no path of this machine can reach the image.
    _run([compiler, "-c", *compile_flags, *include_flags, "binding.c", "-o", "binding.o"], cwd=scratch)
    link_flags = ["--gc-sections", "--exclude-libs,ALL", "--build-id=none", "-z,now", "-z,relro", "-z,noexecstack"]
    _run(
        [compiler, "-shared", *(f"-Wl,{flag}" for flag in link_flags), "binding.o", str(library), "-o", linked.name],
        cwd=scratch,
    )
    return linked


def _tool(name: str, advice: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise BuildRefused(f"`{name}` is not on the path; {advice}")
    return found


def _run(command: list[str], *, cwd: Path, environment: dict[str, str] | None = None) -> None:
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BuildRefused(f"`{Path(command[0]).name}` failed:\n{done.stderr.strip()}")


def main(arguments: list[str] | None = None) -> int:
    """Command line: build, print the image's hash, exit 1 with the reason when refused."""
    here = Path(__file__).resolve().parent
    parser = argparse.ArgumentParser(description="Build the kernel image.")
    parser.add_argument("--crate", type=Path, default=here, help="folder with Cargo.toml (default: beside this script)")
    parser.add_argument("--image", type=Path, help="file to write (default: CRATE/dita/kernel/kernel.image)")
    options = parser.parse_args(arguments)
    crate: Path = options.crate.resolve()
    image: Path = options.image or crate / "dita" / "kernel" / "kernel.image"
    try:
        print(f"{build(crate, image)}  {image.name}")
    except BuildRefused as refusal:
        print(f"kernel build refused: {refusal}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

"""The kernel image: the same bytes from any folder, no reachable panic, and refused when it is not of this package."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dita.kernel.image import IMAGE_PATH
from dita.kernel.loader import RawKernel

Build = Callable[[Path], subprocess.CompletedProcess[str]]
pytestmark = pytest.mark.timeout(300)  # each builds the crate anew

IDENTITY = """
import sys
from pathlib import Path
from dita.kernel.image import ImageRefused
from dita.kernel.loader import load_for_conformance
try:
    load_for_conformance(Path(sys.argv[1]))
    print("LOADED")
except ImageRefused as refusal:
    print(refusal.reason.name, refusal.detail)
"""


@pytest.fixture
def crate(repository: Path, tmp_path: Path) -> Path:
    """A scratch copy of the crate's sources, in a folder with another name and depth."""
    copy = tmp_path / "elsewhere" / "crate"
    ignored = shutil.ignore_patterns("target", "dita", "__pycache__")
    shutil.copytree(repository / "kernel_rs", copy, ignore=ignored)
    return copy


def build(crate: Path) -> subprocess.CompletedProcess[str]:
    """Run the crate's own build script."""
    command = [sys.executable, str(crate / "build_kernel.py"), "--image", str(crate / "kernel.image")]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=280)


def plant(path: Path, old: str, new: str) -> None:
    """Replace the one place where `old` stands."""
    text = path.read_text()
    assert text.count(old) == 1, f"`{old}` stands {text.count(old)} times in {path.name}"
    path.write_text(text.replace(old, new))


PLANTED_C = "int64_t dita_planted(int64_t a, int64_t b);"
PLANTED_RUST = """
/// Planted.
#[unsafe(no_mangle)]
pub extern "C" fn dita_planted(a: i64, b: i64) -> i64 {{ {body} }}
"""
SMALL_HEADER = f"#include <stdint.h>\nvoid dita_source_digest(uint8_t out[32]);\n{PLANTED_C}\n"
SMALL_RUST = """//! The crate without its step: identity and the panic handler only.
#![cfg_attr(not(test), no_std)]
#![allow(unused, reason = "most of the crate is left out")]
#[macro_use]
mod layout;
mod identity;
#[cfg(not(test))]
mod panic;
mod records;
mod sha256;

/// # Safety
/// `out` points to 32 writable bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dita_source_digest(out: *mut [u8; 32]) {
    unsafe { out.write(identity::SOURCE_DIGEST) }
}
"""


def plant_function(crate: Path, body: str) -> None:
    """Add an exported function of two numbers to the real interface, so that the linker must keep it."""
    with (crate / "src" / "lib.rs").open("a") as lib:
        lib.write(PLANTED_RUST.format(body=body))
    declared = "uint32_t dita_abi_version(void);"
    plant(crate / "include" / "dita_kernel.h", declared, f"{declared}\n{PLANTED_C}")


def plant_alone(crate: Path, body: str) -> None:
    """The same in the crate without its step, which builds in a second however large the step is."""
    (crate / "src" / "lib.rs").write_text(SMALL_RUST + PLANTED_RUST.format(body=body))
    (crate / "include" / "dita_kernel.h").write_text(SMALL_HEADER)


def test_two_folders_give_the_same_bytes(crate: Path) -> None:
    """The image built from a copy in another folder is byte for byte the one that was built in this one."""
    done = build(crate)

    assert done.returncode == 0, done.stderr
    assert (crate / "kernel.image").read_bytes() == IMAGE_PATH.read_bytes()


@pytest.mark.parametrize(
    ("operator", "body"),
    [
        ("addition", "a + b"),
        ("negation", "-a + 0 * b"),
        ("division", "a.wrapping_div(b)"),
        ("shift", "a << b"),
        ("index", "[a, b, a ^ b][usize::try_from(a & 3).unwrap_or(0)]"),
        ("unwrap", "a.checked_mul(b).unwrap()"),
        ("128 bits", "i64::try_from(i128::from(a) * i128::from(b)).unwrap()"),
    ],
)
def test_an_operator_that_can_panic_is_refused(crate: Path, operator: str, body: str) -> None:
    """A planted operator whose panic the compiler cannot rule out fails the build by name, and leaves no image."""
    plant_alone(crate, body)

    done = build(crate)

    assert done.returncode == 1, operator
    assert "the kernel can panic" in done.stderr
    assert "dita_kernel_panic_is_reachable" in done.stderr
    assert not (crate / "kernel.image").exists()


def test_a_panic_beside_the_real_step_is_refused(crate: Path) -> None:
    """One plain addition in the whole kernel is enough to be refused."""
    plant_function(crate, "a + b")

    done = build(crate)

    assert (done.returncode, "the kernel can panic" in done.stderr) == (1, True), done.stderr


def test_an_operator_that_says_what_it_does_is_built(crate: Path) -> None:
    """The same arithmetic with its answer to overflow, zero and bounds written down has no panic to reach."""
    plant_alone(
        crate,
        "let sum = a.wrapping_add(b); if b == 0 { return sum; } "
        "let wide = i128::from(a).wrapping_mul(i128::from(sum)).wrapping_div(i128::from(b)); "
        "[a, b, sum, a].get(usize::try_from(wide & 3).unwrap_or(0)).copied().unwrap_or(sum)",
    )

    done = build(crate)

    assert done.returncode == 0, done.stderr


def test_the_image_names_no_path_of_the_machine(repository: Path) -> None:
    """Neither the clone's folder nor a home or temporary folder is in the image."""
    content = IMAGE_PATH.read_bytes()

    for path in (str(repository), str(Path.home()), "/tmp/", "/home/"):
        assert path.encode() not in content


@pytest.mark.parametrize(
    ("file", "old", "new", "answer"),
    [
        ("src/lib.rs", "pub const ABI_VERSION: u32 = 1;", "pub const ABI_VERSION: u32 = 4_000_000;", "FOREIGN_ABI"),
        ("src/records.rs", "        pub mode: i64,\n        pub seeded: i64,",
         "        pub seeded: i64,\n        pub mode: i64,", "FOREIGN_LAYOUT rust"),
        ("include/dita_kernel.h", "    int64_t mode;\n    int64_t seeded;",
         "    int64_t seeded;\n    int64_t mode;", "FOREIGN_LAYOUT c"),
        ("build_kernel.py", "digest = source_digest(crate)", "digest = DEFAULT_DIGEST", "NO_SOURCE_DIGEST"),
    ],
    ids=["abi", "layout in rust", "layout in c", "digest"],
)  # fmt: skip
def test_a_foreign_image_is_refused_by_name(crate: Path, file: str, old: str, new: str, answer: str) -> None:
    """An image of another interface version, record layout (in Rust or in C alone) or without a digest is refused."""
    if file == "src/lib.rs":  # whatever the version is by now
        text = (crate / file).read_text()
        match = re.search(r"pub const ABI_VERSION: u32 = \d+;", text)
        assert match is not None
        old = match[0]
    plant(crate / file, old, new)
    done = build(crate)
    assert done.returncode == 0, done.stderr

    loaded = subprocess.run(
        [sys.executable, "-c", IDENTITY, str(crate / "kernel.image")],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip

    assert loaded.stdout.startswith(answer), loaded.stdout


def test_the_image_carries_the_digest_of_the_sources(raw_kernel: RawKernel, repository: Path) -> None:
    """What the image says it was built from is what the build script says about the sources now."""
    script = (
        "import importlib.util, sys, pathlib\n"
        "spec = importlib.util.spec_from_file_location('build_kernel', sys.argv[1])\n"
        "module = importlib.util.module_from_spec(spec)\n"
        "sys.modules[spec.name] = module\n"
        "spec.loader.exec_module(module)\n"
        "print(module.source_digest(pathlib.Path(sys.argv[1]).parent))"
    )
    command = [sys.executable, "-c", script, str(repository / "kernel_rs" / "build_kernel.py")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)

    assert done.stdout.strip() == raw_kernel.source_sha256


def test_a_missing_tool_is_named(crate: Path) -> None:
    """Without cargo on the path the build says what to install instead of failing somewhere inside."""
    done = subprocess.run(
        [sys.executable, str(crate / "build_kernel.py")],
        env={"PATH": "/nonexistent"}, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip

    assert done.returncode == 1
    assert "`cargo` is not on the path; install Rust" in done.stderr


def test_a_compiler_error_is_shown(crate: Path) -> None:
    """When the compiler refuses the sources, its own words are printed."""
    plant_alone(crate, "no_such_name")

    done = build(crate)

    assert done.returncode == 1
    assert "no_such_name" in done.stderr

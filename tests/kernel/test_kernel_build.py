"""The kernel image: the same bytes from any folder, no reachable panic, and refused when it is not of this package."""

import re
import runpy
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dita.kernel.abi import ABI_VERSION
from dita.kernel.image import IMAGE_PATH
from dita.kernel.loader import RawKernel
from dita.spec.canonical import sha256_hex

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


IDENTITY_FUNCTIONS = ("dita_abi_version", "dita_layout_fingerprint", "dita_source_digest")
PLANTED_C = "int64_t dita_planted(int64_t a, int64_t b);"
PLANTED_RUST = """
/// Planted.
#[unsafe(no_mangle)]
pub extern "C" fn dita_planted(a: i64, b: i64) -> i64 {{ {body} }}
"""
SMALL_RUST = """//! The crate without its step: identity and the panic handler only.
#![cfg_attr(not(test), no_std)]
#![allow(unused, missing_docs, reason = "most of the crate is left out")]
#[macro_use]
mod layout;
mod identity;
#[cfg(not(test))]
mod panic;
mod records;
mod sha256;

pub const ABI_VERSION: u32 = {abi_version};

#[unsafe(no_mangle)]
pub extern "C" fn dita_abi_version() -> u32 {{ ABI_VERSION }}

/// # Safety
/// `out` points to 32 writable bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dita_layout_fingerprint(out: *mut [u8; 32]) {{
    // SAFETY: as promised.
    unsafe {{ out.write(identity::LAYOUT_FINGERPRINT) }}
}}

/// # Safety
/// `out` points to 32 writable bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dita_source_digest(out: *mut [u8; 32]) {{
    // SAFETY: as promised.
    unsafe {{ out.write(identity::SOURCE_DIGEST) }}
}}
"""


@pytest.fixture
def small_crate(crate: Path) -> Path:
    """The scratch copy without its step: builds in a second however large the step is, by the same rules."""
    (crate / "src" / "lib.rs").write_text(SMALL_RUST.format(abi_version=ABI_VERSION))
    header = crate / "include" / "dita_kernel.h"
    functions = re.compile(r"^\w[\w *]*\b(dita_\w+)\([^;]*\);\n", re.MULTILINE)
    text = functions.sub(lambda match: match[0] if match[1] in IDENTITY_FUNCTIONS else "", header.read_text())
    header.write_text(text)
    return crate


def plant_function(crate: Path, body: str) -> None:
    """Add an exported function of two numbers to the interface, so that the linker must keep it."""
    with (crate / "src" / "lib.rs").open("a") as lib:
        lib.write(PLANTED_RUST.format(body=body))
    declared = "uint32_t dita_abi_version(void);"
    plant(crate / "include" / "dita_kernel.h", declared, f"{declared}\n{PLANTED_C}")


def test_two_folders_give_the_same_bytes(crate: Path) -> None:
    """The image built from a copy in another folder is byte for byte the one that was built in this one."""
    done = build(crate)

    assert done.returncode == 0, done.stderr
    assert sha256_hex((crate / "kernel.image").read_bytes()) == sha256_hex(IMAGE_PATH.read_bytes())


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
def test_an_operator_that_can_panic_is_refused(small_crate: Path, operator: str, body: str) -> None:
    """A planted operator whose panic the compiler cannot rule out fails the build by name, and leaves no image."""
    plant_function(small_crate, body)

    done = build(small_crate)

    assert done.returncode == 1, operator
    assert "the kernel can panic" in done.stderr
    assert "dita_kernel_panic_is_reachable" in done.stderr
    assert not (small_crate / "kernel.image").exists()


def test_a_panic_beside_the_real_step_is_refused(crate: Path) -> None:
    """One plain addition in the whole kernel is enough to be refused."""
    plant_function(crate, "a + b")

    done = build(crate)

    assert (done.returncode, "the kernel can panic" in done.stderr) == (1, True), done.stderr


def test_an_operator_that_says_what_it_does_is_built(small_crate: Path) -> None:
    """The same arithmetic with its answer to overflow, zero and bounds written down has no panic to reach."""
    plant_function(
        small_crate,
        "let sum = a.wrapping_add(b); if b == 0 { return sum; } "
        "let wide = i128::from(a).wrapping_mul(i128::from(sum)).wrapping_div(i128::from(b)); "
        "[a, b, sum, a].get(usize::try_from(wide & 3).unwrap_or(0)).copied().unwrap_or(sum)",
    )

    done = build(small_crate)

    assert done.returncode == 0, done.stderr


def test_the_image_names_no_path_of_the_machine(repository: Path) -> None:
    """Neither the clone's folder nor a home or temporary folder is in the image."""
    content = IMAGE_PATH.read_bytes()

    for path in (str(repository), str(Path.home()), "/tmp/", "/home/"):
        assert path.encode() not in content


@pytest.mark.parametrize(
    ("file", "old", "new", "answer"),
    [
        ("src/lib.rs", f"u32 = {ABI_VERSION};", "u32 = 4_000_000;", "FOREIGN_ABI"),
        ("src/records.rs", "        pub mode: i64,\n        pub seeded: i64,",
         "        pub seeded: i64,\n        pub mode: i64,", "FOREIGN_LAYOUT rust"),
        ("include/dita_kernel.h", "    int64_t mode;\n    int64_t seeded;",
         "    int64_t seeded;\n    int64_t mode;", "FOREIGN_LAYOUT c"),
        ("build_kernel.py", "digest = source_digest(crate)", "digest = DEFAULT_DIGEST", "NO_SOURCE_DIGEST"),
    ],
    ids=["abi", "layout in rust", "layout in c", "digest"],
)  # fmt: skip
def test_a_foreign_image_is_refused_by_name(small_crate: Path, file: str, old: str, new: str, answer: str) -> None:
    """An image of another interface version, record layout (in Rust or in C alone) or without a digest is refused."""
    plant(small_crate / file, old, new)
    done = build(small_crate)
    assert done.returncode == 0, done.stderr

    loaded = subprocess.run(
        [sys.executable, "-c", IDENTITY, str(small_crate / "kernel.image")],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip

    assert loaded.stdout.startswith(answer), loaded.stdout


def source_digest(crate: Path) -> str:
    """What the build script of this crate says about its sources."""
    digest: Callable[[Path], str] = runpy.run_path(str(crate / "build_kernel.py"))["source_digest"]
    return digest(crate)


def test_the_image_is_not_stale(raw_kernel: RawKernel, repository: Path) -> None:
    """What the image says it was built from is what the sources are now; `make build` makes it so."""
    assert raw_kernel.source_sha256 == source_digest(repository / "kernel_rs")


@pytest.mark.parametrize(
    "name", ["Cargo.toml", "Cargo.lock", ".cargo/config.toml", "include/dita_kernel.h", "src/lib.rs", "build_kernel.py"]
)
def test_every_source_makes_an_image_stale(crate: Path, name: str) -> None:
    """Another byte in any kind of source, or a new module, is another digest."""
    before = source_digest(crate)
    content = (crate / name).read_bytes()
    (crate / name).write_bytes(content.replace(b"e", b"a", 1))
    edited = source_digest(crate)
    (crate / "src" / "planted.rs").write_text("")

    assert len({before, edited, source_digest(crate)}) == 3


def test_a_missing_tool_is_named(crate: Path) -> None:
    """Without cargo on the path the build says what to install instead of failing somewhere inside."""
    done = subprocess.run(
        [sys.executable, str(crate / "build_kernel.py")],
        env={"PATH": "/nonexistent"}, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip

    assert done.returncode == 1
    assert "`cargo` is not on the path; install Rust" in done.stderr


def test_a_compiler_error_is_shown(small_crate: Path) -> None:
    """When the compiler refuses the sources, its own words are printed."""
    plant_function(small_crate, "no_such_name")

    done = build(small_crate)

    assert done.returncode == 1
    assert "no_such_name" in done.stderr

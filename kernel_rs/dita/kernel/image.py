"""From a file to mapped code without a gap: what was hashed is what runs.

The bytes are copied into a memory file, the memory file is sealed against every change, and only then hashed and
mapped. Hashing the file on disk instead would leave a moment in which it can be exchanged. The descriptor of a mapped
image is never closed: were its number used again, Python's table of extensions would answer with the old code under the
new name.
"""

import fcntl
import hashlib
import importlib.util
import os
import sys
from dataclasses import dataclass
from enum import Enum, unique
from importlib.machinery import ExtensionFileLoader
from pathlib import Path
from types import ModuleType
from typing import Final, Self

MODULE_NAME: Final = "dita_kernel_image"
"""Name compiled into the image's init function (``kernel_rs/build_kernel.py``)."""

IMAGE_PATH: Final = Path(__file__).with_name("kernel.image")
"""Where the build puts the image and the wheel ships it."""

IMAGE_BYTES_MAX: Final = 64 << 20
_SEALS: Final = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE


@unique
class ImageRefusal(Enum):
    """Why an image is not used; the value says what to do next."""

    MISSING = "build it with `python kernel_rs/build_kernel.py`, or install the wheel for this system"
    TOO_LARGE = "this is no kernel image; build it with `python kernel_rs/build_kernel.py`"
    ANOTHER_IMAGE = "a process holds one image for its life; start a new process"
    UNLOADABLE = "it was built for another system or is damaged; build it with `python kernel_rs/build_kernel.py`"
    FOREIGN_ABI = "image and package are of different versions; build it with `python kernel_rs/build_kernel.py`"
    FOREIGN_LAYOUT = "image and spec disagree on the records; build it with `python kernel_rs/build_kernel.py`"
    NO_SOURCE_DIGEST = "it was not built by the build script; build it with `python kernel_rs/build_kernel.py`"


class ImageRefused(Exception):
    """The kernel image is not used. ``reason`` is the name to act on, ``detail`` says what was found."""

    def __init__(self, reason: ImageRefusal, detail: str) -> None:
        """Build the message from the reason's advice."""
        super().__init__(f"kernel image refused, {reason.name}: {detail}; {reason.value}")
        self.reason = reason
        self.detail = detail

    def __reduce__(self) -> tuple[type[Self], tuple[ImageRefusal, str]]:
        """What pickling needs: the constructor's own arguments."""
        return type(self), (self.reason, self.detail)


@dataclass(frozen=True, slots=True)
class SealedImage:
    """A sealed copy of an image: its descriptor, never closed once mapped, and the SHA-256 of exactly those bytes."""

    descriptor: int
    sha256: str

    def close(self) -> None:
        """Give up a copy that was not mapped."""
        os.close(self.descriptor)


def seal(path: Path) -> SealedImage:
    """Copy the file into sealed memory and hash the sealed bytes. Raises ImageRefused: MISSING, TOO_LARGE."""
    try:
        content = _read_limited(path)
    except OSError as problem:
        raise ImageRefused(ImageRefusal.MISSING, f"`{path}`: {problem.strerror}") from problem
    descriptor = os.memfd_create("dita-kernel", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        with os.fdopen(descriptor, "wb", closefd=False) as memory:
            memory.write(content)
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _SEALS)
        return SealedImage(descriptor, _sha256_of(descriptor))
    except BaseException:  # whatever it was, the copy must not outlive it
        os.close(descriptor)
        raise


def map_image(image: SealedImage) -> ModuleType:
    """Map a sealed image and run its init function. Raises ImageRefused: UNLOADABLE.

    The module is taken out of ``sys.modules`` again, so that no import statement can reach the kernel.
    """
    path = f"/proc/self/fd/{image.descriptor}"
    loader = ExtensionFileLoader(MODULE_NAME, path)
    spec = importlib.util.spec_from_file_location(MODULE_NAME, path, loader=loader)
    assert spec is not None  # a loader was given
    try:
        module = importlib.util.module_from_spec(spec)
        loader.exec_module(module)
    except ImportError as problem:
        raise ImageRefused(ImageRefusal.UNLOADABLE, str(problem)) from problem
    finally:
        for name in (MODULE_NAME, f"{MODULE_NAME}.lib"):
            sys.modules.pop(name, None)
    return module


def _read_limited(path: Path) -> bytes:
    with path.open("rb") as file:
        content = file.read(IMAGE_BYTES_MAX + 1)
    if len(content) > IMAGE_BYTES_MAX:
        raise ImageRefused(ImageRefusal.TOO_LARGE, f"`{path}`: more than `{IMAGE_BYTES_MAX}` bytes")
    return content


def _sha256_of(descriptor: int) -> str:
    digest = hashlib.sha256()
    offset = 0
    while chunk := os.pread(descriptor, 1 << 20, offset):
        digest.update(chunk)
        offset += len(chunk)
    return digest.hexdigest()

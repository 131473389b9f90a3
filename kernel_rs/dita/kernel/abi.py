"""What this package expects of an image: interface version and record layout, held against Rust and against C.

Three parties lay out the same records: the Rust compiler (its fingerprint is in the image), the C compiler (cffi asked
it when the image was built) and ``dita.spec.layout``. All three must say the same before a byte crosses.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Protocol

from _cffi_backend import FFI

from dita.spec.layout import layout_lines

ABI_VERSION: Final = 1
"""Version of ``kernel_rs/include/dita_kernel.h`` that this package speaks."""

_RECORDS: Final = ("Input", "Outcome", "Account", "Instrument", "Slot", "State")
_SIZE_ONLY: Final = ("State",)


class KernelFunctions(Protocol):
    """The exported functions, as the header declares them."""

    def dita_abi_version(self) -> int:
        """Version of the interface."""
        ...

    def dita_layout_fingerprint(self, out: object, /) -> None:
        """Write 32 bytes."""
        ...

    def dita_source_digest(self, out: object, /) -> None:
        """Write 32 bytes."""
        ...


@dataclass(frozen=True, slots=True)
class Expected:
    """What an image must answer."""

    abi_version: int
    layout_lines: tuple[str, ...]

    @property
    def layout_sha256(self) -> str:
        """Fingerprint of the layout text, in hexadecimal."""
        return hashlib.sha256("".join(f"{line}\n" for line in self.layout_lines).encode()).hexdigest()


def expected() -> Expected:
    """What the installed spec asks of an image."""
    return Expected(ABI_VERSION, tuple(layout_lines()))


def header_lines(ffi: FFI) -> tuple[str, ...]:
    """The layout text as the C compiler laid out the header's structs, by cffi's record of it."""
    return tuple(_header_lines(ffi))


def _header_lines(ffi: FFI) -> Iterator[str]:
    for name in _RECORDS:
        kind: Any = ffi.typeof(f"struct dita_{name.lower()}")
        yield f"record {name} {ffi.sizeof(kind)}"
        if name not in _SIZE_ONLY:
            yield from _words(ffi, kind, "", 0)


def _words(ffi: FFI, kind: Any, path: str, offset: int) -> Iterator[str]:
    if kind.kind == "struct":
        dot = f"{path}." if path else ""
        for name, field in kind.fields:
            yield from _words(ffi, field.type, f"{dot}{name}", offset + field.offset)
    elif kind.kind == "array":
        for index in range(kind.length):
            yield from _words(ffi, kind.item, f"{path}[{index}]", offset + index * ffi.sizeof(kind.item))
    else:
        yield f"word {path} {offset}" if kind.cname == "int64_t" else f"{kind.cname} {path} {offset}"

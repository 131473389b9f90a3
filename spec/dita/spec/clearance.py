"""The permission to send orders that add risk: what the loader gives out with a certified kernel.

Clause K1: only the loader (``dita.kernel.loader``) makes a clearance, and only after the certificate of the very bytes
it mapped held; the house tests keep every other module from constructing one. Clause K2: a clearance can be narrowed to
reduce-only and never widened again. Whoever sends orders demands a clearance at construction; closing needs none.
"""

from dataclasses import dataclass, replace
from typing import Self, final


@final
@dataclass(frozen=True, slots=True)
class Clearance:
    """Names the kernel and the evidence it rests on. Immutable; hand on the narrowed one to take risk away."""

    image_sha256: str  # the kernel image, lower-case hexadecimal
    certificate_sha256: str  # the certificate file
    reduce_only: bool  # True: only orders that cannot add exposure may leave
    signed: bool  # True: by a key that was trusted; real money demands it (clause K6)

    def narrowed(self) -> Self:
        """The same clearance for reduce-only orders; there is no way back."""
        return replace(self, reduce_only=True)

"""The way to a certified kernel for commands: load it, and where there is no certificate yet, make the quick one."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from dita.kernel.loader import CertifiedKernel, load_certified
from dita.spec.certificate import PAPER, CertificateRefused, Refusal, Trust

# There is no certificate for this image, spec and reference: one can be made. Any other reason says that a certificate
# was damaged or edited, or that it found a fault; then nothing is made in its place.
_NONE_YET: Final = frozenset(
    {Refusal.MISSING, Refusal.OTHER_VERSION, Refusal.WRONG_BINARY, Refusal.WRONG_ABI, Refusal.WRONG_LAYOUT,
     Refusal.WRONG_SOURCE, Refusal.STALE_SOURCE}
)  # fmt: skip


def certified_kernel(path: Path, *, certify: Callable[[Path], None] | None, trust: Trust = PAPER) -> CertifiedKernel:
    """The kernel, if its certificate holds. ``certify`` makes the quick certificate where there is none; None: never.

    What is made here on the way is not signed: where ``trust`` demands a signature, nothing is made.
    Raises CertificateRefused, ImageRefused, and what ``certify`` raises.
    """
    try:
        return load_certified(path, trust=trust)
    except CertificateRefused as refusal:
        if certify is None or trust.signature_required or refusal.reason not in _NONE_YET:
            raise
    certify(path)
    return load_certified(path, trust=trust)

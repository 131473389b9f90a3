"""The certificate: a statement, in canonical JSON and in-toto form, that binds evidence to one kernel image.

Clause K3: the subject is the SHA-256 of the image; the predicate names what the evidence depends on, each layer with
its counts and the SHA-256 of its evidence, and the assumptions that are not proved. Clause K4: no layer that
``REQUIRED_LAYERS`` names may be missing, empty or failed, and the counts are those of the evidence. Clause K5: it does
not expire by clock; it ends when anything it names changes.

This module says what a certificate is made of; ``certificate_format`` writes and reads it, ``envelope`` wraps it with a
signature, ``certificate_check`` holds it against what is installed. Form: https://in-toto.io/Statement/v1 (in-toto
attestation framework).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, unique
from typing import Final, Self

from dita.spec.assumptions import Assumption


@unique
class Refusal(Enum):
    """Why a certificate does not hold, in order of precedence; the value says what to do next."""

    MISSING = "run `dita certify` to make one"
    UNREADABLE = "the file is not what `dita certify` writes; run it again"
    NOT_CANONICAL = "the file was edited or re-formatted; run `dita certify` again"
    OTHER_VERSION = "it was written by another version; run `dita certify` again"
    WRONG_FORMAT = "it is not in the form that `dita certify` writes; run it again"
    WRONG_PAYLOAD_TYPE = "the envelope holds something else than a certificate; run `dita certify --sign KEY` again"
    UNSIGNED = "only a signed certificate is accepted here; run `dita certify --sign KEY`"
    UNTRUSTED_KEY = "sign with a key that DITA_TRUSTED_KEYS names, or add this one to it if it is yours"
    BAD_SIGNATURE = "the signature is not that of these bytes; run `dita certify --sign KEY` again"
    WRONG_BINARY = "it certifies another kernel image; build the kernel again or run `dita certify`"
    WRONG_ABI = "it names another interface version than the image; run `dita certify` again"
    WRONG_LAYOUT = "it names another record layout than the image; run `dita certify` again"
    WRONG_SOURCE = "it names other kernel sources than the image carries; run `dita certify` again"
    STALE_SOURCE = "what the evidence rests on changed since; run `dita certify` again"
    WRONG_ASSUMPTIONS = "it takes other things for granted than the spec says; run `dita certify` again"
    LAYER_MISSING = "a layer was not run; run `dita certify` again"
    LAYER_EMPTY = "a layer counted nothing; run `dita certify` again and read its report"
    LAYER_FAILED = "a layer found a fault; read its report"
    EVIDENCE_MISSING = "the evidence file is not beside the certificate; run `dita certify` again"
    EVIDENCE_UNREADABLE = "the evidence file is not what its layer writes; run `dita certify` again"
    EVIDENCE_CHANGED = "the evidence file is not the one that was certified; run `dita certify` again"
    EVIDENCE_STALE = "the evidence was made with something else; run `dita certify` again"
    COUNTS_DIFFER = "the parts of the evidence do not add up to the certificate's counts; run `dita certify` again"


TIERS: Final = ("quick", "ci", "full")
"""How large a layer can be run."""


class CertificateRefused(Exception):
    """The certificate does not hold. ``reason`` is the name to act on, ``detail`` says which value differs."""

    def __init__(self, reason: Refusal, detail: str) -> None:
        """Build the message from the reason's advice."""
        super().__init__(f"certificate refused, {reason.name}: {detail}; {reason.value}")
        self.reason = reason
        self.detail = detail

    def __reduce__(self) -> tuple[type[Self], tuple[Refusal, str]]:
        """What pickling needs: the constructor's own arguments."""
        return type(self), (self.reason, self.detail)


@dataclass(frozen=True, slots=True)
class Bindings:
    """What evidence may depend on, as installed here. Hashes are SHA-256 in lower-case hexadecimal."""

    image_sha256: str
    spec_sha256: str
    reference_sha256: str
    logic_sha256: str  # of dita.adapters.logic, which the explorer drives
    conformance_sha256: str  # of dita.conformance: the judge and its corpus
    abi_version: int
    layout_sha256: str
    source_sha256: str  # of the crate's sources, as embedded in the image


@dataclass(frozen=True, slots=True)
class LayerRule:
    """What a layer's counts must look like for the layer to have said anything."""

    name: str
    positive: tuple[str, ...]  # zero or absent: LAYER_EMPTY
    zero: tuple[str, ...]  # absent or anything else: LAYER_FAILED
    equal: tuple[tuple[str, str], ...] = ()  # pairs that must be the same: LAYER_FAILED
    depends_on: tuple[str, ...] = (
        "image_sha256",
        "spec_sha256",
        "reference_sha256",
        "conformance_sha256",
    )  # names of Bindings; whatever else a layer rests on is added by its row
    tiers: tuple[str, ...] = TIERS  # in which no certificate holds without it; elsewhere it may be missing


REQUIRED_LAYERS: Final[tuple[LayerRule, ...]] = (
    LayerRule(
        name="conform",
        positive=(
            "path_vectors",
            "spec_paths",
            "spec_paths_taken",
            "boundary_vectors",
            "exhaustive_transitions",
            "random_steps",
            "random_distinct",
            "kernel_steps",
            "canary_found",
            "canaries_planted",
        ),
        zero=("divergences",),
        equal=(("canary_found", "canaries_planted"), ("spec_paths_taken", "spec_paths")),
    ),
    LayerRule(
        name="equiv",
        positive=(
            "kinds_proved",
            "machine_paths",
            "machine_paths_reached",
            "second_opinions",
            "lifted_pairs",
            "lemmas_proved",
            "bodies_proved",
            "body_vectors",
            "route_kinds_proved",
        ),
        zero=(
            "differ",
            "unknown",
            "disagreements",
            "misread",
            "lemmas_failed",
            "bodies_failed",
            "route_kinds_failed",
        ),
        equal=(("kinds_proved", "input_kinds"), ("machine_paths_equal", "machine_paths")),
        tiers=("full",),
    ),
    LayerRule(
        name="explore",
        positive=("states", "transitions", "canary_found"),
        zero=("violations", "stranded"),
        depends_on=("spec_sha256", "reference_sha256", "logic_sha256", "conformance_sha256"),
    ),
    LayerRule(
        name="prove",
        positive=(
            "invariants",
            "paths",
            "obligations",
            "proved",
            "solvers",
            "second_opinions",
            "seeds",
            "executor_pairs",
        ),
        zero=("refuted", "unknown", "vacuous", "disagreements", "executor_mismatches"),
        equal=(("proved", "invariants"),),
        depends_on=("spec_sha256", "reference_sha256", "conformance_sha256"),
    ),
)
"""The layers that exist. A new layer is added here, once, and from then on no certificate of its tiers holds without
it."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer's part of the statement."""

    name: str
    counts: Mapping[str, int]
    evidence_sha256: str


@dataclass(frozen=True, slots=True)
class Statement:
    """What a certificate says."""

    bindings: Bindings
    tier: str  # one of TIERS: how large the layers were run
    toolchain: Mapping[str, str]  # name of a tool and its version
    layers: tuple[Layer, ...]
    assumptions: tuple[Assumption, ...]  # what the evidence takes for granted


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a layer's work and what it counted: a world, a task, an obligation."""

    name: str
    counts: Mapping[str, int]


def add_up(parts: Iterable[Part]) -> dict[str, int]:
    """The counts of a layer: for each name the sum over its parts."""
    totals: dict[str, int] = {}
    for part in parts:
        for name, count in part.counts.items():
            totals[name] = totals.get(name, 0) + count
    return totals


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a layer leaves behind. It carries no totals: whoever reads it adds up the parts."""

    layer: str
    tier: str
    toolchain: Mapping[str, str]
    parts: tuple[Part, ...]
    depends_on: Mapping[str, str]  # names of Bindings and the values they had
    details: Mapping[str, object]  # for people; no floats


@dataclass(frozen=True, slots=True)
class Trust:
    """Whose certificates are accepted: public Ed25519 keys as 64 lower-case hexadecimal digits.

    A signature is checked wherever there is one. Without ``keys`` any key will do: then it only shows that the file is
    as it was signed.
    """

    keys: tuple[str, ...] = ()
    signature_required: bool = False


PAPER: Final = Trust()
"""Paper trading: an unsigned certificate protects against accident, and that is enough there."""

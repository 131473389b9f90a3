"""Whether a certificate holds here and now: pure comparison, the first difference is the named reason."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from dita.spec.assumptions import ASSUMPTIONS
from dita.spec.canonical import sha256_hex
from dita.spec.certificate import (
    REQUIRED_LAYERS,
    Bindings,
    CertificateRefused,
    Evidence,
    Layer,
    LayerRule,
    Refusal,
    Statement,
    add_up,
)
from dita.spec.certificate_format import decode_evidence


def check_subject(statement: Statement, image_sha256: str) -> None:
    """Hold the statement against the image's hash, before anything of the image runs. Raises WRONG_BINARY."""
    _must_equal(Refusal.WRONG_BINARY, "image sha256", statement.bindings.image_sha256, image_sha256)


def verify(
    statement: Statement,
    installed: Bindings,
    evidence: Mapping[str, bytes],
    required: Sequence[LayerRule] = REQUIRED_LAYERS,
) -> None:
    """Hold a statement against what is installed and the evidence files, by layer name.

    Raises CertificateRefused with the first reason, in the order of ``Refusal`` for the statement itself, then layer by
    layer in the order of ``required``, then every further layer the statement names.
    """
    stated = statement.bindings
    check_subject(statement, installed.image_sha256)
    _must_equal(Refusal.WRONG_ABI, "abi_version", stated.abi_version, installed.abi_version)
    _must_equal(Refusal.WRONG_LAYOUT, "layout_sha256", stated.layout_sha256, installed.layout_sha256)
    _must_equal(Refusal.WRONG_SOURCE, "source_sha256", stated.source_sha256, installed.source_sha256)
    for name in ("spec_sha256", "reference_sha256", "logic_sha256", "conformance_sha256"):
        _must_equal(Refusal.STALE_SOURCE, name, getattr(stated, name), getattr(installed, name))
    if statement.assumptions != ASSUMPTIONS:
        raise CertificateRefused(Refusal.WRONG_ASSUMPTIONS, _first_other_assumption(statement))
    layers = {layer.name: layer for layer in statement.layers}
    rules = {rule.name: rule for rule in required}
    for name, rule in rules.items():
        if name not in layers and statement.tier in rule.tiers:
            raise CertificateRefused(Refusal.LAYER_MISSING, f"layer `{name}` is not named")
    for name in [*(name for name in rules if name in layers), *(name for name in layers if name not in rules)]:
        _verify_layer(statement, layers[name], rules.get(name), evidence.get(name))


def check_counts(rule: LayerRule, counts: Mapping[str, int]) -> None:
    """Hold a layer's counts against its rule. Raises CertificateRefused: LAYER_EMPTY or LAYER_FAILED."""
    for count in rule.positive:
        if counts.get(count, 0) < 1:
            raise CertificateRefused(Refusal.LAYER_EMPTY, f"layer `{rule.name}`: `{count}` is `{counts.get(count)}`")
    for count in rule.zero:
        if counts.get(count) != 0:
            raise CertificateRefused(Refusal.LAYER_FAILED, f"layer `{rule.name}`: `{count}` is `{counts.get(count)}`")
    for left, right in rule.equal:
        if counts.get(left) != counts.get(right):
            raise CertificateRefused(
                Refusal.LAYER_FAILED,
                f"layer `{rule.name}`: `{left}` is `{counts.get(left)}` and `{right}` is `{counts.get(right)}`",
            )


def _first_other_assumption(statement: Statement) -> str:
    for stated, known in zip(statement.assumptions, ASSUMPTIONS, strict=False):
        if stated != known:
            return f"`{stated.id}` is not `{known.id}` as the spec has it"
    return f"`{len(statement.assumptions)}` are listed, the spec has `{len(ASSUMPTIONS)}`"


def _verify_layer(statement: Statement, layer: Layer, rule: LayerRule | None, content: bytes | None) -> None:
    if rule is not None:
        check_counts(rule, layer.counts)
    if content is None:
        raise CertificateRefused(Refusal.EVIDENCE_MISSING, f"layer `{layer.name}`")
    found = sha256_hex(content)
    if found != layer.evidence_sha256:
        raise CertificateRefused(
            Refusal.EVIDENCE_CHANGED,
            f"layer `{layer.name}`: sha256 is `{found}`, certified was `{layer.evidence_sha256}`",
        )
    evidence = decode_evidence(content)
    if evidence.layer != layer.name:
        raise CertificateRefused(Refusal.EVIDENCE_UNREADABLE, f"layer `{layer.name}`: is of layer `{evidence.layer}`")
    _verify_origin(statement, layer.name, rule.depends_on if rule is not None else (), evidence)
    counted = add_up(evidence.parts)
    if counted != dict(layer.counts):
        raise CertificateRefused(
            Refusal.COUNTS_DIFFER, f"layer `{layer.name}`: parts `{counted}`, stated `{dict(layer.counts)}`"
        )


def _verify_origin(statement: Statement, name: str, depends_on: Sequence[str], evidence: Evidence) -> None:
    """Evidence was made with what the certificate binds; the bindings themselves were held against what is here."""
    what = f"layer `{name}`"
    bindings = {name: str(value) for name, value in asdict(statement.bindings).items()}
    for binding in dict.fromkeys((*depends_on, *evidence.depends_on)):
        found = evidence.depends_on.get(binding)
        _must_equal(Refusal.EVIDENCE_STALE, f"{what}: {binding}", bindings.get(binding), found)
    _must_equal(Refusal.EVIDENCE_STALE, f"{what}: tier", statement.tier, evidence.tier)
    _must_equal(Refusal.EVIDENCE_STALE, f"{what}: toolchain", dict(statement.toolchain), dict(evidence.toolchain))


def _must_equal(reason: Refusal, what: str, stated: object, found: object) -> None:
    if stated != found:
        raise CertificateRefused(reason, f"{what} is `{found}` here and `{stated}` in the certificate")

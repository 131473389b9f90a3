"""Certificate and evidence as bytes: written in one form, read with limits, every complaint names its field."""

import json
import re
from dataclasses import fields
from typing import Any, Final, cast

from dita.spec.assumptions import Assumption
from dita.spec.canonical import COUNT_MAX, canonical_json
from dita.spec.certificate import TIERS, Bindings, CertificateRefused, Evidence, Layer, Part, Refusal, Statement
from dita.spec.envelope import Envelope, decode_envelope, is_envelope

STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE: Final = "urn:dita:certificate:v2"
SUBJECT_NAME: Final = "kernel.image"
CERTIFICATE_BYTES_MAX: Final = 1 << 20
EVIDENCE_BYTES_MAX: Final = 64 << 20

_PREDICATE_BINDINGS: Final = tuple(f.name for f in fields(Bindings) if f.name != "image_sha256")
_STATEMENT_KEYS: Final = frozenset(("_type", "subject", "predicateType", "predicate"))
_PREDICATE_KEYS: Final = frozenset((*_PREDICATE_BINDINGS, "tier", "toolchain", "layers", "assumptions"))
_LAYER_KEYS: Final = frozenset(("name", "counts", "evidence_sha256"))
_ASSUMPTION_KEYS: Final = frozenset(Assumption._fields)
_EVIDENCE_KEYS: Final = frozenset(("layer", "tier", "toolchain", "parts", "depends_on", "details"))
_PART_KEYS: Final = frozenset(("name", "counts"))


def encode_statement(statement: Statement) -> bytes:
    """The bytes of a certificate file."""
    bindings = statement.bindings
    return canonical_json(
        {
            "_type": STATEMENT_TYPE,
            "subject": [{"name": SUBJECT_NAME, "digest": {"sha256": bindings.image_sha256}}],
            "predicateType": PREDICATE_TYPE,
            "predicate": {
                **{name: getattr(bindings, name) for name in _PREDICATE_BINDINGS},
                "tier": statement.tier,
                "toolchain": dict(statement.toolchain),
                "layers": [
                    {"name": layer.name, "counts": dict(layer.counts), "evidence_sha256": layer.evidence_sha256}
                    for layer in statement.layers
                ],
                "assumptions": [
                    {"id": one.id, "sentence": one.sentence, "tests": list(one.tests)} for one in statement.assumptions
                ],
            },
        }
    )


def encode_evidence(evidence: Evidence) -> bytes:
    """The bytes of an evidence file."""
    return canonical_json(
        {
            "layer": evidence.layer,
            "tier": evidence.tier,
            "toolchain": dict(evidence.toolchain),
            "parts": [{"name": part.name, "counts": dict(part.counts)} for part in evidence.parts],
            "depends_on": dict(evidence.depends_on),
            "details": dict(evidence.details),
        }
    )


def unwrap(content: bytes) -> tuple[bytes, Envelope | None]:
    """The statement's bytes in a certificate file, and the envelope around them if there is one, not yet believed.

    Raises CertificateRefused: UNREADABLE, NOT_CANONICAL, WRONG_FORMAT, WRONG_PAYLOAD_TYPE.
    """
    document = _canonical_document(content)
    if not is_envelope(document):
        return content, None
    envelope = decode_envelope(document)
    return envelope.payload, envelope


def decode_statement(content: bytes) -> Statement:
    """Read a statement. Raises CertificateRefused: UNREADABLE, NOT_CANONICAL, OTHER_VERSION or WRONG_FORMAT."""
    try:
        return _statement(_canonical_document(content))
    except _Malformed as problem:
        raise CertificateRefused(Refusal.WRONG_FORMAT, str(problem)) from problem


def _canonical_document(content: bytes) -> object:
    if len(content) > CERTIFICATE_BYTES_MAX:
        raise CertificateRefused(
            Refusal.UNREADABLE, f"`{len(content)}` bytes, at most `{CERTIFICATE_BYTES_MAX}` are read"
        )
    document = _parse(content, Refusal.UNREADABLE)
    if _encode_or_none(document) != content:
        raise CertificateRefused(Refusal.NOT_CANONICAL, "the bytes are not the canonical form of what they say")
    return document


def decode_evidence(content: bytes) -> Evidence:
    """Read an evidence file. Raises CertificateRefused with EVIDENCE_UNREADABLE."""
    if len(content) > EVIDENCE_BYTES_MAX:
        raise CertificateRefused(
            Refusal.EVIDENCE_UNREADABLE, f"`{len(content)}` bytes, at most `{EVIDENCE_BYTES_MAX}` are read"
        )
    document = _parse(content, Refusal.EVIDENCE_UNREADABLE)
    try:
        return _evidence(document, content)
    except _Malformed as problem:
        raise CertificateRefused(Refusal.EVIDENCE_UNREADABLE, str(problem)) from problem


class _Malformed(Exception):
    """A field is not what the format says."""


def _parse(content: bytes, reason: Refusal) -> object:
    try:
        return json.loads(content.decode())
    except (ValueError, RecursionError) as problem:
        raise CertificateRefused(reason, f"not JSON in UTF-8: {problem}") from problem


def _encode_or_none(document: object) -> bytes | None:
    try:
        return canonical_json(document)
    except ValueError:
        return None


def _statement(document: object) -> Statement:
    top = _record(document, "statement", _STATEMENT_KEYS)
    if re.fullmatch(r"urn:dita:certificate:v\d+", str(top["predicateType"])) and top["predicateType"] != PREDICATE_TYPE:
        raise CertificateRefused(Refusal.OTHER_VERSION, f"it is a `{top['predicateType']}`, not a `{PREDICATE_TYPE}`")
    for key, expected in (("_type", STATEMENT_TYPE), ("predicateType", PREDICATE_TYPE)):
        if top[key] != expected:
            raise _Malformed(f"`{key}` is `{top[key]}`, expected `{expected}`")
    subjects = _list(top["subject"], "subject")
    if len(subjects) != 1:
        raise _Malformed(f"`subject` has `{len(subjects)}` entries, expected 1")
    subject = _record(subjects[0], "subject", frozenset(("name", "digest")))
    if subject["name"] != SUBJECT_NAME:
        raise _Malformed(f"`subject.name` is `{subject['name']}`, expected `{SUBJECT_NAME}`")
    digest = _record(subject["digest"], "subject.digest", frozenset(("sha256",)))
    predicate = _record(top["predicate"], "predicate", _PREDICATE_KEYS)
    layers = tuple(_layer(item) for item in _list(predicate["layers"], "layers"))
    if len({layer.name for layer in layers}) != len(layers):
        raise _Malformed("`layers` names a layer twice")
    assumptions = tuple(_assumption(item) for item in _list(predicate["assumptions"], "assumptions"))
    if not assumptions:
        raise _Malformed("`assumptions` is empty; every proof assumes something")
    return Statement(
        bindings=Bindings(
            image_sha256=_hash(digest["sha256"], "subject.digest.sha256"),
            abi_version=_count(predicate["abi_version"], "abi_version"),
            **{name: _hash(predicate[name], name) for name in _PREDICATE_BINDINGS if name != "abi_version"},
        ),
        tier=_tier(predicate["tier"]),
        toolchain=_texts(predicate["toolchain"], "toolchain"),
        layers=layers,
        assumptions=assumptions,
    )


def _layer(value: object) -> Layer:
    record = _record(value, "layers", _LAYER_KEYS)
    return Layer(
        name=_layer_name(record["name"], "layers.name"),
        counts=_counts(record["counts"], "layers.counts"),
        evidence_sha256=_hash(record["evidence_sha256"], "layers.evidence_sha256"),
    )


def _evidence(document: object, content: bytes) -> Evidence:
    if _encode_or_none(document) != content:
        raise _Malformed("the bytes are not the canonical form of what they say")
    record = _record(document, "evidence", _EVIDENCE_KEYS)
    parts = tuple(_part(item) for item in _list(record["parts"], "parts"))
    if len({part.name for part in parts}) != len(parts):
        raise _Malformed("`parts` names a part twice")
    return Evidence(
        layer=_text(record["layer"], "layer"),
        tier=_tier(record["tier"]),
        toolchain=_texts(record["toolchain"], "toolchain"),
        parts=parts,
        depends_on=_texts(record["depends_on"], "depends_on"),
        details=_mapping(record["details"], "details"),
    )


def _part(value: object) -> Part:
    record = _record(value, "parts", _PART_KEYS)
    return Part(_text(record["name"], "parts.name"), _counts(record["counts"], "parts.counts"))


def _assumption(value: object) -> Assumption:
    record = _record(value, "assumptions", _ASSUMPTION_KEYS)
    tests = tuple(_text(item, "assumptions.tests") for item in _list(record["tests"], "assumptions.tests"))
    return Assumption(_text(record["id"], "assumptions.id"), _text(record["sentence"], "assumptions.sentence"), tests)


def _tier(value: object) -> str:
    text = _text(value, "tier")
    if text not in TIERS:
        raise _Malformed(f"`tier` is `{text}`, expected one of `{', '.join(TIERS)}`")
    return text


def _mapping(value: object, field: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _Malformed(f"`{field}` is not an object")
    return cast("dict[str, Any]", value)  # JSON has no other keys


def _record(value: object, field: str, keys: frozenset[str]) -> dict[str, Any]:
    record = _mapping(value, field)
    if record.keys() != keys:
        raise _Malformed(f"`{field}` has the fields `{sorted(record)}`, expected `{sorted(keys)}`")
    return record


def _list(value: object, field: str) -> list[object]:
    if not isinstance(value, list):
        raise _Malformed(f"`{field}` is not a list")
    return cast("list[object]", value)


def _text(value: object, field: str) -> str:
    if not isinstance(value, str) or not value:
        raise _Malformed(f"`{field}` is `{value!r}`, expected text")
    return value


def _layer_name(value: object, field: str) -> str:
    text = _text(value, field)
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,31}", text):  # it becomes a file name
        raise _Malformed(f"`{field}` is `{text}`, expected 1 to 32 of a-z, 0-9 and _ that begin with a letter")
    return text


def _hash(value: object, field: str) -> str:
    text = _text(value, field)
    if len(text) != 64 or not set(text) <= set("0123456789abcdef"):
        raise _Malformed(f"`{field}` is `{text}`, expected 64 lower-case hexadecimal digits")
    return text


def _count(value: object, field: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= COUNT_MAX:
        raise _Malformed(f"`{field}` is `{value!r}`, expected an integer from 0 to 2^53")
    return value


def _counts(value: object, field: str) -> dict[str, int]:
    return {name: _count(count, f"{field}.{name}") for name, count in _mapping(value, field).items()}


def _texts(value: object, field: str) -> dict[str, str]:
    return {name: _text(text, f"{field}.{name}") for name, text in _mapping(value, field).items()}

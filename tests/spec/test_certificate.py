"""The certificate's statement: written in one form, and refused by name for every way in which it can be wrong."""

import dataclasses
import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dita.spec.canonical import canonical_json, sha256_hex, tree_sha256
from dita.spec.certificate import REQUIRED_LAYERS, Bindings, CertificateRefused, Evidence, Part, Refusal, Statement
from dita.spec.certificate_check import verify
from dita.spec.certificate_format import (
    CERTIFICATE_BYTES_MAX,
    EVIDENCE_BYTES_MAX,
    decode_statement,
    encode_evidence,
    encode_statement,
)

Files = dict[str, bytes]
MakeCertificate = Callable[[Bindings], tuple[Statement, Files]]

INSTALLED = Bindings(
    image_sha256="1" * 64,
    spec_sha256="2" * 64,
    reference_sha256="3" * 64,
    logic_sha256="6" * 64,
    conformance_sha256="7" * 64,
    abi_version=1,
    layout_sha256="4" * 64,
    source_sha256="5" * 64,
)
LAYER = REQUIRED_LAYERS[0]


def hold(content: bytes, evidence: Mapping[str, bytes], installed: Bindings = INSTALLED) -> Statement:
    """Read and verify, as the loader does."""
    statement = decode_statement(content)
    verify(statement, installed, evidence)
    return statement


def rewritten(statement: Statement, evidence: Files, change: Callable[[dict[str, Any]], None]) -> tuple[bytes, Files]:
    """A canonical certificate whose document was changed by hand."""
    document = json.loads(encode_statement(statement))
    change(document)
    return canonical_json(document), evidence


def with_evidence(statement: Statement, evidence: Files, name: str, content: bytes) -> tuple[bytes, Files]:
    """Another evidence file for a layer, certified as it is."""
    layers = tuple(
        dataclasses.replace(layer, evidence_sha256=sha256_hex(content)) if layer.name == name else layer
        for layer in statement.layers
    )
    return encode_statement(dataclasses.replace(statement, layers=layers)), {**evidence, name: content}


def with_counts(statement: Statement, evidence: Files, **changes: int) -> tuple[bytes, Files]:
    """The first required layer with other counts, in certificate and evidence alike."""
    counts = {**statement.layers[0].counts, **changes}
    depends_on = {name: str(getattr(INSTALLED, name)) for name in LAYER.depends_on}
    made = Evidence(LAYER.name, statement.tier, statement.toolchain, (Part("all", counts),), depends_on, {})
    content = encode_evidence(made)
    layers = (dataclasses.replace(statement.layers[0], counts=counts), *statement.layers[1:])
    return with_evidence(dataclasses.replace(statement, layers=layers), evidence, LAYER.name, content)


def predicate(name: str, value: object) -> Callable[[Statement, Files], tuple[bytes, Files]]:
    """Another value in one field of the predicate."""

    def change(statement: Statement, evidence: Files) -> tuple[bytes, Files]:
        return rewritten(statement, evidence, lambda document: document["predicate"].__setitem__(name, value))

    return change


def layer_field(name: str, value: object) -> Callable[[Statement, Files], tuple[bytes, Files]]:
    """Another value in one field of the first layer."""

    def change(statement: Statement, evidence: Files) -> tuple[bytes, Files]:
        return rewritten(
            statement, evidence, lambda document: document["predicate"]["layers"][0].__setitem__(name, value)
        )

    return change


def top(name: str, value: object) -> Callable[[Statement, Files], tuple[bytes, Files]]:
    """Another value in one field of the statement."""

    def change(statement: Statement, evidence: Files) -> tuple[bytes, Files]:
        return rewritten(statement, evidence, lambda document: document.__setitem__(name, value))

    return change


def raw(content: bytes) -> Callable[[Statement, Files], tuple[bytes, Files]]:
    """These bytes instead of a certificate."""
    return lambda _statement, evidence: (content, evidence)


def text(edit: Callable[[bytes], bytes]) -> Callable[[Statement, Files], tuple[bytes, Files]]:
    """The certificate's bytes, edited."""
    return lambda statement, evidence: (edit(encode_statement(statement)), evidence)


def evidence_of(**changes: Any) -> Callable[[Statement, Files], tuple[bytes, Files]]:
    """The first layer's evidence with other fields, certified as it is."""

    def change(statement: Statement, evidence: Files) -> tuple[bytes, Files]:
        document = {**json.loads(evidence[LAYER.name]), **changes}
        return with_evidence(statement, evidence, LAYER.name, canonical_json(document))

    return change


def other_evidence_bytes(statement: Statement, evidence: Files) -> tuple[bytes, Files]:
    """The first layer's evidence, changed after it was certified."""
    return encode_statement(statement), {**evidence, LAYER.name: evidence[LAYER.name].replace(b"a test", b"another")}


def without_evidence(statement: Statement, evidence: Files) -> tuple[bytes, Files]:
    """The first layer's evidence is gone."""
    return encode_statement(statement), {name: content for name, content in evidence.items() if name != LAYER.name}


def without_layer(statement: Statement, evidence: Files) -> tuple[bytes, Files]:
    """The first layer is not named."""
    return encode_statement(dataclasses.replace(statement, layers=statement.layers[1:])), evidence


def layer_twice(statement: Statement, evidence: Files) -> tuple[bytes, Files]:
    """The first layer is named twice."""
    return encode_statement(dataclasses.replace(statement, layers=(*statement.layers, statement.layers[0]))), evidence


def unruled_layer(statement: Statement, evidence: Files) -> tuple[bytes, Files]:
    """A layer that is not required is named, without evidence."""
    extra = dataclasses.replace(statement.layers[0], name="extra")
    return encode_statement(dataclasses.replace(statement, layers=(*statement.layers, extra))), evidence


ROWS: list[tuple[str, Refusal, Callable[[Statement, Files], tuple[bytes, Files]]]] = [
    ("no JSON", Refusal.UNREADABLE, raw(b"not json")),
    ("no UTF-8", Refusal.UNREADABLE, raw(b"\xff\xfe")),
    ("nested without end", Refusal.UNREADABLE, raw(b"[" * 100_000)),
    ("a number without end", Refusal.UNREADABLE, raw(b"9" * 10_000)),
    ("too large", Refusal.UNREADABLE, raw(b" " * (CERTIFICATE_BYTES_MAX + 1))),
    ("a space added", Refusal.NOT_CANONICAL, text(lambda content: content.replace(b":", b": ", 1))),
    ("a duplicate key", Refusal.NOT_CANONICAL, text(lambda content: content.replace(b"{", b'{"_type":1,', 1))),
    ("a float", Refusal.NOT_CANONICAL, raw(b'{"a":1.5}\n')),
    ("an integer beyond 2^53", Refusal.NOT_CANONICAL, raw(b'{"a":9007199254740993}\n')),
    ("not an object", Refusal.WRONG_FORMAT, raw(b"[]\n")),
    ("another type", Refusal.WRONG_FORMAT, top("_type", "https://example.org/Statement")),
    ("another predicate type", Refusal.WRONG_FORMAT, top("predicateType", "urn:dita:certificate:v0")),
    ("a further field", Refusal.WRONG_FORMAT, top("note", "trust me")),
    ("no subject", Refusal.WRONG_FORMAT, top("subject", [])),
    ("another subject name", Refusal.WRONG_FORMAT, top("subject", [{"name": "x", "digest": {"sha256": "1" * 64}}])),
    ("a short hash", Refusal.WRONG_FORMAT, predicate("spec_sha256", "12")),
    ("a hash in upper case", Refusal.WRONG_FORMAT, predicate("spec_sha256", "A" * 64)),
    ("true as a version", Refusal.WRONG_FORMAT, predicate("abi_version", True)),
    ("a version as text", Refusal.WRONG_FORMAT, predicate("abi_version", "1")),
    ("no tier", Refusal.WRONG_FORMAT, predicate("tier", "")),
    ("a tier that does not exist", Refusal.WRONG_FORMAT, predicate("tier", "quicc")),
    ("no assumptions", Refusal.WRONG_FORMAT, predicate("assumptions", [])),
    ("a toolchain that is a list", Refusal.WRONG_FORMAT, predicate("toolchain", [])),
    ("layers that are no list", Refusal.WRONG_FORMAT, predicate("layers", {})),
    ("a layer twice", Refusal.WRONG_FORMAT, layer_twice),
    ("a layer that names a path", Refusal.WRONG_FORMAT, layer_field("name", "../prove")),
    ("a negative count", Refusal.WRONG_FORMAT, layer_field("counts", {"proved": -1})),
    ("another image", Refusal.WRONG_BINARY, top("subject", [{"name": "kernel.image", "digest": {"sha256": "9" * 64}}])),
    ("another interface", Refusal.WRONG_ABI, predicate("abi_version", 2)),
    ("another layout", Refusal.WRONG_LAYOUT, predicate("layout_sha256", "9" * 64)),
    ("another crate", Refusal.WRONG_SOURCE, predicate("source_sha256", "9" * 64)),
    ("an old spec", Refusal.STALE_SOURCE, predicate("spec_sha256", "9" * 64)),
    ("an old reference", Refusal.STALE_SOURCE, predicate("reference_sha256", "9" * 64)),
    ("an old logic", Refusal.STALE_SOURCE, predicate("logic_sha256", "9" * 64)),
    ("an old corpus", Refusal.STALE_SOURCE, predicate("conformance_sha256", "9" * 64)),
    ("assumptions of one's own", Refusal.WRONG_ASSUMPTIONS,
     predicate("assumptions", [{"id": "all-is-well", "sentence": "All is well.", "tests": ["none"]}])),
    ("an assumption fewer", Refusal.WRONG_ASSUMPTIONS,
     lambda s, e: (encode_statement(dataclasses.replace(s, assumptions=s.assumptions[:-1])), e)),
    ("a layer left out", Refusal.LAYER_MISSING, without_layer),
    ("a layer that did nothing", Refusal.LAYER_EMPTY, lambda s, e: with_counts(s, e, **{LAYER.positive[0]: 0})),
    ("a layer without its count", Refusal.LAYER_EMPTY, layer_field("counts", {})),
    ("a layer that found a fault", Refusal.LAYER_FAILED, lambda s, e: with_counts(s, e, **{LAYER.zero[0]: 1})),
    ("a layer that is short of one", Refusal.LAYER_FAILED, lambda s, e: with_counts(s, e, canaries_planted=8)),
    ("evidence gone", Refusal.EVIDENCE_MISSING, without_evidence),
    ("an extra layer without evidence", Refusal.EVIDENCE_MISSING, unruled_layer),
    ("evidence edited", Refusal.EVIDENCE_CHANGED, other_evidence_bytes),
    ("evidence that is no JSON", Refusal.EVIDENCE_UNREADABLE, lambda s, e: with_evidence(s, e, LAYER.name, b"{")),
    ("evidence that is too large", Refusal.EVIDENCE_UNREADABLE,
     lambda s, e: with_evidence(s, e, LAYER.name, b" " * (EVIDENCE_BYTES_MAX + 1))),
    ("evidence with a further field", Refusal.EVIDENCE_UNREADABLE, evidence_of(note="trust me")),
    ("evidence of another layer", Refusal.EVIDENCE_UNREADABLE, evidence_of(layer="other")),
    ("evidence that is not canonical", Refusal.EVIDENCE_UNREADABLE,
     lambda s, e: with_evidence(s, e, LAYER.name, e[LAYER.name].replace(b"{", b"{ ", 1))),
    ("evidence with a part twice", Refusal.EVIDENCE_UNREADABLE, evidence_of(parts=[{"name": "a", "counts": {}}] * 2)),
    ("evidence with a negative part", Refusal.EVIDENCE_UNREADABLE,
     evidence_of(parts=[{"name": "a", "counts": {"divergences": -1}}])),
    ("evidence of another tier", Refusal.EVIDENCE_STALE, evidence_of(tier="full")),
    ("evidence by other tools", Refusal.EVIDENCE_STALE, evidence_of(toolchain={"rustc": "1"})),
    ("a tier that nothing was run at", Refusal.EVIDENCE_STALE, predicate("tier", "full")),
    ("a toolchain that made nothing", Refusal.EVIDENCE_STALE, predicate("toolchain", {"rustc": "1"})),
    ("evidence without its parts", Refusal.COUNTS_DIFFER, evidence_of(parts=[])),
    ("evidence on an old spec", Refusal.EVIDENCE_STALE, evidence_of(depends_on={"spec_sha256": "9" * 64})),
    ("evidence that depends on nothing", Refusal.EVIDENCE_STALE, evidence_of(depends_on={})),
    ("counts edited in the certificate", Refusal.COUNTS_DIFFER,
     layer_field("counts", {**dict.fromkeys(LAYER.positive, 8_000_000), **dict.fromkeys(LAYER.zero, 0)})),
]  # fmt: skip


@pytest.mark.parametrize(("reason", "change"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_every_defect_is_refused_by_its_name(
    make_certificate: MakeCertificate,
    reason: Refusal,
    change: Callable[[Statement, Files], tuple[bytes, Files]],
) -> None:
    """A certificate with this defect, otherwise sound, is refused with exactly this reason."""
    content, evidence = change(*make_certificate(INSTALLED))

    with pytest.raises(CertificateRefused) as refusal:
        hold(content, evidence)

    assert refusal.value.reason is reason
    assert reason.name in str(refusal.value)
    assert reason.value in str(refusal.value)


def test_every_reason_has_a_defect() -> None:
    """No reason is without a row above, but the loader's own: the file that is not there, and the signature."""
    loaders = {Refusal.MISSING, Refusal.UNSIGNED, Refusal.UNTRUSTED_KEY, Refusal.BAD_SIGNATURE}
    assert {row[1] for row in ROWS} == set(Refusal) - loaders - {Refusal.WRONG_PAYLOAD_TYPE}


def test_a_sound_certificate_holds_and_reads_back_equal(make_certificate: MakeCertificate) -> None:
    """Without a defect there is no refusal, and reading gives what was written."""
    statement, evidence = make_certificate(INSTALLED)

    assert hold(encode_statement(statement), evidence) == statement


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(Bindings)])
def test_a_certificate_holds_for_one_installation_only(make_certificate: MakeCertificate, name: str) -> None:
    """Each thing that the certificate binds, when it differs here, refuses it (clause K3)."""
    statement, evidence = make_certificate(INSTALLED)
    value: Any = 2 if name == "abi_version" else "9" * 64
    elsewhere = dataclasses.replace(INSTALLED, **{name: value})

    with pytest.raises(CertificateRefused):
        hold(encode_statement(statement), evidence, elsewhere)


@given(position=st.integers(min_value=0), bit=st.integers(0, 7))
def test_no_flipped_bit_goes_unnoticed(position: int, bit: int, make_certificate: MakeCertificate) -> None:
    """A certificate is refused, by name, after any single flipped bit; nothing else is ever raised."""
    statement, evidence = make_certificate(INSTALLED)
    content = bytearray(encode_statement(statement))
    content[position % len(content)] ^= 1 << bit

    with pytest.raises(CertificateRefused):
        hold(bytes(content), evidence)


def test_canonical_json_has_one_form() -> None:
    """Keys are sorted, nothing is spaced, text is UTF-8, a line feed ends it; floats and non-text keys are refused."""
    assert canonical_json({"b": [1, True, None], "a": "é"}) == '{"a":"é","b":[1,true,null]}\n'.encode()
    for value in (1.5, [1.0], {"a": float("nan")}, 2**53 + 1, {1: 2}):
        with pytest.raises(ValueError, match="canonical JSON"):
            canonical_json(value)


def test_a_folder_hash_sees_names_and_boundaries() -> None:
    """Renaming a file or moving a byte from one file to the next changes the hash; the order of reading does not."""
    base = tree_sha256({"a": b"12", "b": b"3"})

    assert base == tree_sha256({"b": b"3", "a": b"12"})
    assert len({base, tree_sha256({"a": b"1", "b": b"23"}), tree_sha256({"a": b"12", "c": b"3"})}) == 3

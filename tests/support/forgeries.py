"""Certificates that are wrong in one way each, and the name under which each must be refused.

A forger here is thorough: what a change entails is changed along with it, hashes included, so that only the one thing
is wrong. Three judges read the table: the spec's own verifier, the loader, and the checker that knows nothing of DITA.
"""

import dataclasses
import json
from collections.abc import Callable
from typing import Any

from dita.spec.canonical import canonical_json, sha256_hex
from dita.spec.certificate import REQUIRED_LAYERS, Evidence, Part, Refusal, Statement
from dita.spec.certificate_format import CERTIFICATE_BYTES_MAX, EVIDENCE_BYTES_MAX, encode_evidence, encode_statement
from sample_certificate import sample_certificate

Files = dict[str, bytes]
Change = Callable[[Statement, Files], tuple[bytes, Files]]
"""From a sound statement and its evidence to a file that is none, and the evidence beside it."""

LAYER = REQUIRED_LAYERS[0]
QUICK = [rule.name for rule in REQUIRED_LAYERS if "quick" in rule.tiers]
FULL_ONLY = next(rule.name for rule in REQUIRED_LAYERS if rule.tiers == ("full",))


def rewritten(statement: Statement, evidence: Files, change: Callable[[dict[str, Any]], object]) -> tuple[bytes, Files]:
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
    depends_on = {name: str(getattr(statement.bindings, name)) for name in LAYER.depends_on}
    made = Evidence(LAYER.name, statement.tier, statement.toolchain, (Part("all", counts),), depends_on, {})
    content = encode_evidence(made)
    layers = (dataclasses.replace(statement.layers[0], counts=counts), *statement.layers[1:])
    return with_evidence(dataclasses.replace(statement, layers=layers), evidence, LAYER.name, content)


def predicate(name: str, value: object) -> Change:
    """Another value in one field of the predicate."""

    def change(statement: Statement, evidence: Files) -> tuple[bytes, Files]:
        return rewritten(statement, evidence, lambda document: document["predicate"].__setitem__(name, value))

    return change


def layer_field(name: str, value: object) -> Change:
    """Another value in one field of the first layer."""

    def change(statement: Statement, evidence: Files) -> tuple[bytes, Files]:
        return rewritten(
            statement, evidence, lambda document: document["predicate"]["layers"][0].__setitem__(name, value)
        )

    return change


def top(name: str, value: object) -> Change:
    """Another value in one field of the statement."""

    def change(statement: Statement, evidence: Files) -> tuple[bytes, Files]:
        return rewritten(statement, evidence, lambda document: document.__setitem__(name, value))

    return change


def raw(content: bytes) -> Change:
    """These bytes instead of a certificate."""
    return lambda _statement, evidence: (content, evidence)


def text(edit: Callable[[bytes], bytes]) -> Change:
    """The certificate's bytes, edited."""
    return lambda statement, evidence: (edit(encode_statement(statement)), evidence)


def evidence_of(**changes: Any) -> Change:
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


def without_layer_of_its_tier(statement: Statement, _: Files) -> tuple[bytes, Files]:
    """A certificate of the full tier does not name a layer that the quick one may do without."""
    full, evidence = sample_certificate(statement.bindings, "full")
    layers = tuple(layer for layer in full.layers if layer.name != FULL_ONLY)
    return encode_statement(dataclasses.replace(full, layers=layers)), evidence


def layer_twice(statement: Statement, evidence: Files) -> tuple[bytes, Files]:
    """The first layer is named twice."""
    return encode_statement(dataclasses.replace(statement, layers=(*statement.layers, statement.layers[0]))), evidence


def unruled_layer(statement: Statement, evidence: Files) -> tuple[bytes, Files]:
    """A layer that is not required is named, without evidence."""
    extra = dataclasses.replace(statement.layers[0], name="extra")
    return encode_statement(dataclasses.replace(statement, layers=(*statement.layers, extra))), evidence


def edited(change: Callable[[dict[str, Any]], object]) -> Change:
    """The certificate's document, changed by hand and written canonically."""
    return lambda statement, evidence: rewritten(statement, evidence, change)


def parts_edited(change: Callable[[list[dict[str, Any]]], object]) -> Change:
    """The parts of the first layer's evidence changed by hand, certified as they are."""

    def forge(statement: Statement, evidence: Files) -> tuple[bytes, Files]:
        document = json.loads(evidence[LAYER.name])
        change(document["parts"])
        return with_evidence(statement, evidence, LAYER.name, canonical_json(document))

    return forge


def origin_edited(**values: str) -> Change:
    """The first layer's evidence made with something else, certified as it is."""

    def forge(statement: Statement, evidence: Files) -> tuple[bytes, Files]:
        document = json.loads(evidence[LAYER.name])
        document["depends_on"].update(values)
        return with_evidence(statement, evidence, LAYER.name, canonical_json(document))

    return forge


def rebound(**values: Any) -> Change:
    """A whole certificate made elsewhere: bindings and all evidence agree with each other, not with what is here."""

    def forge(statement: Statement, _: Files) -> tuple[bytes, Files]:
        made, evidence = sample_certificate(dataclasses.replace(statement.bindings, **values))
        return encode_statement(made), evidence

    return forge


def exchanged(statement: Statement, evidence: Files) -> tuple[bytes, Files]:
    """The evidence files of the first two layers, each under the other's name."""
    first, second = QUICK[:2]
    return encode_statement(statement), {**evidence, first: evidence[second], second: evidence[first]}


def exchanged_and_certified(statement: Statement, evidence: Files) -> tuple[bytes, Files]:
    """The same, and the certificate names them so."""
    first, second = QUICK[:2]
    hashes = {first: sha256_hex(evidence[second]), second: sha256_hex(evidence[first])}
    layers = tuple(
        dataclasses.replace(layer, evidence_sha256=hashes.get(layer.name, layer.evidence_sha256))
        for layer in statement.layers
    )
    return exchanged(dataclasses.replace(statement, layers=layers), evidence)


def borrowed_evidence(statement: Statement, evidence: Files) -> tuple[bytes, Files]:
    """A layer that is not required is named, with the evidence of the first."""
    extra = dataclasses.replace(statement.layers[0], name="extra")
    layers = (*statement.layers, extra)
    return encode_statement(dataclasses.replace(statement, layers=layers)), {**evidence, "extra": evidence[LAYER.name]}


FORGERIES: list[tuple[str, Refusal, Change]] = [
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
    ("another version", Refusal.OTHER_VERSION, top("predicateType", "urn:dita:certificate:v1")),
    ("another predicate type", Refusal.WRONG_FORMAT, top("predicateType", "https://slsa.dev/provenance/v1")),
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
    ("a layer of the full tier left out", Refusal.LAYER_MISSING, without_layer_of_its_tier),
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
    ("a tier that nothing was run at", Refusal.EVIDENCE_STALE, predicate("tier", "ci")),
    ("a toolchain that made nothing", Refusal.EVIDENCE_STALE, predicate("toolchain", {"rustc": "1"})),
    ("evidence without its parts", Refusal.COUNTS_DIFFER, evidence_of(parts=[])),
    ("evidence on an old spec", Refusal.EVIDENCE_STALE, evidence_of(depends_on={"spec_sha256": "9" * 64})),
    ("evidence that depends on nothing", Refusal.EVIDENCE_STALE, evidence_of(depends_on={})),
    ("an old spec and evidence to match", Refusal.STALE_SOURCE, rebound(spec_sha256="9" * 64)),
    ("an old corpus and evidence to match", Refusal.STALE_SOURCE, rebound(conformance_sha256="9" * 64)),
    ("an older interface and evidence to match", Refusal.WRONG_ABI, rebound(abi_version=0)),
    ("another image and evidence to match", Refusal.WRONG_BINARY, rebound(image_sha256="9" * 64)),
    ("two subjects", Refusal.WRONG_FORMAT, edited(lambda d: d["subject"].append(d["subject"][0]))),
    ("a byte order mark", Refusal.UNREADABLE, text(lambda content: b"\xef\xbb\xbf" + content)),
    ("another encoding", Refusal.UNREADABLE, text(lambda content: content.decode().encode("utf-16"))),
    ("a line feed too many", Refusal.NOT_CANONICAL, text(lambda content: content + b"\n")),
    ("keys in another order", Refusal.NOT_CANONICAL,
     text(lambda content: json.dumps(dict(reversed(json.loads(content).items())), separators=(",", ":")).encode())),
    ("a character by its number", Refusal.NOT_CANONICAL,
     text(lambda content: content.replace(b"quick", b"\\u0071uick", 1))),
    ("half of a character", Refusal.NOT_CANONICAL, text(lambda content: content.replace(b"quick", b"\\ud800", 1))),
    ("a count as a float", Refusal.NOT_CANONICAL, text(lambda content: content.replace(b":7,", b":7.0,", 1))),
    ("a count that is no number", Refusal.NOT_CANONICAL, text(lambda content: content.replace(b":7,", b":NaN,", 1))),
    ("a count beyond 2^53", Refusal.NOT_CANONICAL,
     text(lambda content: content.replace(b":7,", b":9007199254740993,", 1))),
    ("a layer hidden behind the same key", Refusal.NOT_CANONICAL,
     text(lambda content: content.replace(b'"layers":', b'"layers":[],"layers":', 1))),
    ("every layer empty", Refusal.LAYER_MISSING, predicate("layers", [])),
    ("the evidence of two layers exchanged", Refusal.EVIDENCE_CHANGED, exchanged),
    ("the evidence of two layers exchanged and certified so", Refusal.EVIDENCE_UNREADABLE, exchanged_and_certified),
    ("a fault in a part, counted away", Refusal.COUNTS_DIFFER,
     parts_edited(lambda parts: parts[0]["counts"].update({LAYER.zero[0]: 1}))),
    ("a part that makes up for a fault", Refusal.EVIDENCE_UNREADABLE,
     parts_edited(lambda parts: (parts[0]["counts"].update({LAYER.zero[0]: 1}),
                                 parts[1]["counts"].update({LAYER.zero[0]: -1})))),
    ("a part left out", Refusal.COUNTS_DIFFER, parts_edited(lambda parts: parts.pop())),
    ("parts beyond all counting", Refusal.COUNTS_DIFFER,
     parts_edited(lambda parts: [part["counts"].update({LAYER.positive[0]: 2**53}) for part in parts])),
    ("a part without a name", Refusal.EVIDENCE_UNREADABLE, parts_edited(lambda parts: parts[0].update(name=""))),
    ("evidence of another image", Refusal.EVIDENCE_STALE, origin_edited(image_sha256="9" * 64)),
    ("evidence that rests on something unheard of", Refusal.EVIDENCE_STALE, origin_edited(luck_sha256="9" * 64)),
    ("an extra layer with the evidence of another", Refusal.EVIDENCE_UNREADABLE, borrowed_evidence),
    ("an assumption that nobody would miss", Refusal.WRONG_ASSUMPTIONS,
     edited(lambda d: d["predicate"]["assumptions"][0].update(tests=[]))),
    ("counts edited in the certificate", Refusal.COUNTS_DIFFER,
     layer_field("counts", {**dict.fromkeys(LAYER.positive, 8_000_000), **dict.fromkeys(LAYER.zero, 0)})),
]  # fmt: skip

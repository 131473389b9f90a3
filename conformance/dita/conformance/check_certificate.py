"""A second opinion on a certificate: one file, the standard library, and not a line of DITA.

``python check_certificate.py CERTIFICATE IMAGE [--sources CHECKOUT]`` says whether the certificate is about these very
bytes, whether its evidence files are the ones it names, and whether their parts, counted again, come to what it states.
With a checkout it also hashes the sources that the certificate names. Whose signature counts is the loader's part; here
an envelope is only opened. Exit status: 0 when all held, 1 with the name of the first thing that did not.

It repeats the list of required layers on purpose: whoever removes a layer has to do it twice, and a test compares.
"""

import argparse
import ast
import base64
import binascii
import hashlib
import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

ABI_VERSION: Final = 1
COUNT_MAX: Final = 2**53  # the largest integer that every reader of JSON keeps exactly
CERTIFICATE_BYTES_MAX: Final = 1 << 20
EVIDENCE_BYTES_MAX: Final = 64 << 20
PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
TIERS: Final = ("quick", "ci", "full")
BINDINGS: Final = (
    "abi_version", "conformance_sha256", "layout_sha256", "logic_sha256", "reference_sha256", "source_sha256",
    "spec_sha256",
)  # fmt: skip
PACKAGES: Final = {
    "spec_sha256": "spec/dita/spec",
    "reference_sha256": "reference_py/dita/reference",
    "logic_sha256": "adapters/dita/adapters/logic",
    "conformance_sha256": "conformance/dita/conformance",
}
ASSUMPTIONS: Final = "spec/dita/spec/assumptions.py"  # its only calls are the assumptions, made of literals
CRATE: Final = ("Cargo.toml", "Cargo.lock", ".cargo/config.toml", "build_kernel.py", "src/**/*.rs", "include/**/*.h")


class Rule(NamedTuple):
    """What a layer must have counted, and what its evidence must have been made with."""

    positive: tuple[str, ...]
    zero: tuple[str, ...]
    equal: tuple[tuple[str, str], ...]
    depends_on: tuple[str, ...]
    tiers: tuple[str, ...] = TIERS  # in which it may not be missing


REQUIRED: Final[Mapping[str, Rule]] = {
    "conform": Rule(
        positive=(
            "boundary_vectors", "canaries_planted", "canary_found", "exhaustive_transitions", "kernel_steps",
            "path_vectors", "random_distinct", "random_steps", "spec_paths", "spec_paths_taken",
        ),
        zero=("divergences",), equal=(("canary_found", "canaries_planted"), ("spec_paths_taken", "spec_paths")),
        depends_on=("conformance_sha256", "image_sha256", "reference_sha256", "spec_sha256"),
    ),
    "equiv": Rule(
        positive=(
            "bodies_proved", "body_vectors", "kinds_proved", "lemmas_proved", "lifted_pairs", "machine_paths",
            "machine_paths_reached", "route_kinds_proved", "second_opinions",
        ),
        zero=("bodies_failed", "differ", "disagreements", "lemmas_failed", "misread", "route_kinds_failed", "unknown"),
        equal=(("kinds_proved", "input_kinds"), ("machine_paths_equal", "machine_paths")),
        depends_on=("conformance_sha256", "image_sha256", "reference_sha256", "spec_sha256"), tiers=("full",),
    ),
    "explore": Rule(
        positive=("canary_found", "states", "transitions"), zero=("stranded", "violations"), equal=(),
        depends_on=("conformance_sha256", "logic_sha256", "reference_sha256", "spec_sha256"),
    ),
    "prove": Rule(
        positive=(
            "executor_pairs", "invariants", "obligations", "paths", "proved", "second_opinions", "seeds", "solvers",
        ),
        zero=("disagreements", "executor_mismatches", "refuted", "unknown", "vacuous"),
        equal=(("proved", "invariants"),), depends_on=("conformance_sha256", "reference_sha256", "spec_sha256"),
    ),
}  # fmt: skip


class Refused(Exception):
    """What does not hold: its name, as the loader has it, and what was found."""

    def __init__(self, name: str, found: str) -> None:
        super().__init__(name, found)
        self.name = name

    def __str__(self) -> str:
        return ": ".join(self.args)


class Row(NamedTuple):
    """One line of the table: what was looked at, and what was seen."""

    what: str
    seen: str


class Sources(NamedTuple):
    """What a checkout comes to: its hashes by the certificate's names for them, and what its spec assumes."""

    hashes: Mapping[str, str]
    assumed: list[Any]


def check(certificate: bytes, image: bytes, evidence: Mapping[str, bytes], sources: Sources | None = None) -> list[Row]:
    """Hold a certificate against an image, the evidence by layer name, and a checkout if given. Raises Refused."""
    document, signed_by = _opened(certificate)
    statement = _statement(document)
    bound, predicate = _bindings(statement), statement["predicate"]
    rows = [Row("signature", f"by {signed_by}, for the loader to judge" if signed_by else "none")]
    _same("WRONG_BINARY", "image_sha256", bound["image_sha256"], _sha256(image))
    rows.append(Row("image", f"sha256 {bound['image_sha256'][:16]}, {len(image)} bytes"))
    _same("WRONG_ABI", "abi_version", bound["abi_version"], str(ABI_VERSION))
    for name, what in (("layout_sha256", "WRONG_LAYOUT"), ("source_sha256", "WRONG_SOURCE")):
        if bytes.fromhex(bound[name]) not in image:
            raise Refused(what, f"the image does not carry the {name} `{bound[name]}`")
        rows.append(Row(name.partition("_")[0], f"sha256 {bound[name][:16]}, carried by the image"))
    if sources is not None:
        rows += _check_sources(bound, predicate["assumptions"], sources)
    layers = {layer["name"]: layer for layer in predicate["layers"]}
    if missing := [name for name, rule in REQUIRED.items() if predicate["tier"] in rule.tiers and name not in layers]:
        raise Refused("LAYER_MISSING", f"layer `{missing[0]}` is not named")
    for name, layer in sorted(layers.items()):
        rows.append(_check_layer(layer, predicate, bound, evidence.get(name)))
    rows.append(Row("assumed", f"{len(predicate['assumptions'])} sentences that no layer proves"))
    return rows


def _opened(certificate: bytes) -> tuple[Any, str]:
    """The statement's document, and the key that an envelope around it names."""
    document = _canonical(certificate, CERTIFICATE_BYTES_MAX, "UNREADABLE", "NOT_CANONICAL")
    if not _is(document, dict) or not {"payload", "payloadType", "signatures"} & document.keys():
        return document, ""
    _fields(document, ("payload", "payloadType", "signatures"), "envelope")
    if document["payloadType"] != PAYLOAD_TYPE:
        raise Refused("WRONG_PAYLOAD_TYPE", f"`{document['payloadType']}`, expected `{PAYLOAD_TYPE}`")
    if len(_list(document["signatures"], "signatures")) != 1:
        raise Refused("WRONG_FORMAT", "`signatures` is not a list of one")
    signature = document["signatures"][0]
    _fields(signature, ("keyid", "sig"), "signatures")
    if len(_base64(signature["sig"], "signatures.sig")) != 64:
        raise Refused("WRONG_FORMAT", "`signatures.sig` is no Ed25519 signature")
    payload = _base64(document["payload"], "payload")
    statement = _canonical(payload, CERTIFICATE_BYTES_MAX, "UNREADABLE", "NOT_CANONICAL")
    return statement, _hash(signature["keyid"], "signatures.keyid")


def _statement(document: Any) -> Any:
    _fields(document, ("_type", "predicate", "predicateType", "subject"), "statement")
    kind = document["predicateType"]
    known = re.fullmatch(r"urn:dita:certificate:v\d+", str(kind))
    _same("OTHER_VERSION" if known else "WRONG_FORMAT", "predicateType", kind, "urn:dita:certificate:v2")
    _same("WRONG_FORMAT", "_type", document["_type"], "https://in-toto.io/Statement/v1")
    subjects = _list(document["subject"], "subject")
    if len(subjects) != 1:
        raise Refused("WRONG_FORMAT", f"`subject` names `{len(subjects)}` things, expected 1")
    _fields(subjects[0], ("digest", "name"), "subject")
    _same("WRONG_FORMAT", "subject.name", subjects[0]["name"], "kernel.image")
    _fields(subjects[0]["digest"], ("sha256",), "subject.digest")
    predicate = document["predicate"]
    _fields(predicate, (*BINDINGS, "assumptions", "layers", "tier", "toolchain"), "predicate")
    _origin(predicate, "predicate", "WRONG_FORMAT")
    names: list[str] = []
    for layer in _list(predicate["layers"], "layers"):
        _fields(layer, ("counts", "evidence_sha256", "name"), "layers")
        _counts(layer["counts"], "layers.counts", "WRONG_FORMAT")
        _hash(layer["evidence_sha256"], "layers.evidence_sha256")
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,31}", _text(layer["name"], "layers.name")):
            raise Refused("WRONG_FORMAT", f"`layers.name` is `{layer['name']}`")
        names.append(layer["name"])
    if len(set(names)) != len(names):
        raise Refused("WRONG_FORMAT", "`layers` names a layer twice")
    for one in _list(predicate["assumptions"], "assumptions"):
        _fields(one, ("id", "sentence", "tests"), "assumptions")
        for text in (one["id"], one["sentence"], *_list(one["tests"], "assumptions.tests")):
            _text(text, "assumptions")
        if not one["tests"]:
            raise Refused("WRONG_ASSUMPTIONS", f"no test would notice the failure of `{one['id']}`")
    if not predicate["assumptions"]:
        raise Refused("WRONG_FORMAT", "`assumptions` is empty; every proof assumes something")
    return document


def _bindings(statement: Any) -> dict[str, str]:
    """What the evidence may depend on, each as text."""
    predicate = statement["predicate"]
    abi = predicate["abi_version"]
    if type(abi) is not int or not 0 <= abi <= COUNT_MAX:
        raise Refused("WRONG_FORMAT", f"`abi_version` is `{abi!r}`")
    bound = {name: _hash(predicate[name], name) for name in BINDINGS if name != "abi_version"}
    image = _hash(statement["subject"][0]["digest"]["sha256"], "subject.digest.sha256")
    return {**bound, "abi_version": str(abi), "image_sha256": image}


def _check_layer(layer: Any, predicate: Any, bound: Mapping[str, str], content: bytes | None) -> Row:
    name, stated = layer["name"], layer["counts"]
    what = f"layer `{name}`"
    rule = REQUIRED.get(name)
    if rule is not None:
        _check_counts(name, rule, stated)
    if content is None:
        raise Refused("EVIDENCE_MISSING", what)
    _same("EVIDENCE_CHANGED", f"{what}: sha256", layer["evidence_sha256"], _sha256(content))
    unreadable = "EVIDENCE_UNREADABLE"
    evidence = _canonical(content, EVIDENCE_BYTES_MAX, unreadable, unreadable)
    _fields(evidence, ("depends_on", "details", "layer", "parts", "tier", "toolchain"), what, unreadable)
    _same(unreadable, f"{what}: layer", evidence["layer"], name)
    _origin(evidence, what, unreadable)
    _texts(evidence["depends_on"], f"{what}: depends_on", unreadable)
    for binding in {*(rule.depends_on if rule else ()), *evidence["depends_on"]}:
        _same("EVIDENCE_STALE", f"{what}: {binding}", bound.get(binding), evidence["depends_on"].get(binding))
    for field in ("tier", "toolchain"):
        _same("EVIDENCE_STALE", f"{what}: {field}", predicate[field], evidence[field])
    parts = _list(evidence["parts"], f"{what}: parts", unreadable)
    counted = _counted_again(parts, what)
    if counted != stated:
        raise Refused("COUNTS_DIFFER", f"{what}: its {len(parts)} parts come to `{counted}`, stated is `{stated}`")
    shown = ", ".join(f"{key} {counted[key]}" for key in (rule.positive if rule else sorted(counted)))
    return Row(name, f"{len(parts)} parts: {shown}")


def _check_counts(name: str, rule: Rule, counts: Mapping[str, int]) -> None:
    for key in rule.positive:
        if counts.get(key, 0) < 1:
            raise Refused("LAYER_EMPTY", f"layer `{name}`: `{key}` is `{counts.get(key)}`")
    for key in rule.zero:
        if counts.get(key) != 0:
            raise Refused("LAYER_FAILED", f"layer `{name}`: `{key}` is `{counts.get(key)}`")
    for left, right in rule.equal:
        if counts.get(left) != counts.get(right):
            raise Refused("LAYER_FAILED", f"layer `{name}`: `{left}` and `{right}` differ")


def _counted_again(parts: list[Any], what: str) -> dict[str, int]:
    totals: dict[str, int] = {}
    names: set[str] = set()
    for part in parts:
        _fields(part, ("counts", "name"), f"{what}: parts", "EVIDENCE_UNREADABLE")
        _counts(part["counts"], f"{what}: parts.counts", "EVIDENCE_UNREADABLE")
        names.add(_text(part["name"], f"{what}: parts.name", "EVIDENCE_UNREADABLE"))
        for key, count in part["counts"].items():
            totals[key] = totals.get(key, 0) + count
    if len(names) != len(parts):
        raise Refused("EVIDENCE_UNREADABLE", f"{what}: a part is named twice")
    return totals


def read_sources(checkout: Path) -> Sources:
    """Hash what a certificate names of a checkout: four packages whole, and what the crate is built from."""
    hashes = {name: _tree_sha256(checkout / folder, ("**/*",)) for name, folder in PACKAGES.items()}
    hashes["source_sha256"] = _tree_sha256(checkout / "kernel_rs", CRATE)
    calls = (node for node in ast.walk(ast.parse((checkout / ASSUMPTIONS).read_bytes())) if isinstance(node, ast.Call))
    return Sources(hashes, [[ast.literal_eval(value) for value in call.args] for call in calls])


def _tree_sha256(folder: Path, patterns: Iterable[str]) -> str:
    found = {path for pattern in patterns for path in folder.glob(pattern) if path.is_file()}
    files = {path.relative_to(folder).as_posix(): path for path in found if "__pycache__" not in path.parts}
    digest = hashlib.sha256()
    for name, path in sorted(files.items()):
        content = path.read_bytes()
        digest.update(f"{name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def _check_sources(bound: Mapping[str, str], assumed: list[Any], sources: Sources) -> Iterable[Row]:
    for name, found in sources.hashes.items():
        _same("WRONG_SOURCE" if name == "source_sha256" else "STALE_SOURCE", name, bound[name], found)
        yield Row(PACKAGES.get(name, "kernel_rs"), f"sha256 {found[:16]}")
    stated = [[one["id"], one["sentence"], tuple(one["tests"])] for one in assumed]
    _same("WRONG_ASSUMPTIONS", "what is assumed", stated, sources.assumed)


def _canonical(content: bytes, limit: int, unreadable: str, not_canonical: str) -> Any:
    """The document whose one form these bytes are: sorted keys, no spaces, a line feed; integers of at most 2^53."""
    if len(content) > limit:
        raise Refused(unreadable, f"`{len(content)}` bytes, at most `{limit}` are read")
    try:
        document = json.loads(content.decode(), parse_float=_no_float, parse_constant=_no_float)
        text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n"
        same = text.encode() == content and _is_exact(document)
    except _Inexact as problem:
        raise Refused(not_canonical, str(problem)) from None
    except UnicodeEncodeError:
        raise Refused(not_canonical, "half of a character") from None
    except (ValueError, RecursionError) as problem:
        raise Refused(unreadable, f"not JSON in UTF-8: {problem}") from None
    if not same:
        raise Refused(not_canonical, "the bytes are not the canonical form of what they say")
    return document


class _Inexact(Exception):
    """A number that not every reader keeps."""


def _no_float(text: str) -> None:
    raise _Inexact(f"`{text[:40]}` is no integer")


def _is_exact(value: Any) -> bool:
    if _is(value, dict):
        return all(map(_is_exact, value.values()))
    if _is(value, list):
        return all(map(_is_exact, value))
    return not _is(value, int) or -COUNT_MAX <= value <= COUNT_MAX


def _is(value: object, kind: type) -> bool:
    return isinstance(value, kind)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _same(name: str, what: str, stated: object, found: object) -> None:
    if stated != found:
        raise Refused(name, f"{what} is `{found}`, stated is `{stated}`")


def _fields(value: Any, names: Sequence[str], what: str, refusal: str = "WRONG_FORMAT") -> None:
    if not _is(value, dict) or sorted(value) != sorted(names):
        raise Refused(refusal, f"`{what}` is not an object with the fields {', '.join(sorted(names))}")


def _list(value: Any, what: str, refusal: str = "WRONG_FORMAT") -> list[Any]:
    if not _is(value, list):
        raise Refused(refusal, f"`{what}` is not a list")
    items: list[Any] = value
    return items


def _items(value: Any, what: str, refusal: str) -> list[tuple[str, Any]]:
    if not _is(value, dict):
        raise Refused(refusal, f"`{what}` is not an object")
    return list(value.items())


def _text(value: Any, what: str, refusal: str = "WRONG_FORMAT") -> str:
    if not isinstance(value, str) or not value:
        raise Refused(refusal, f"`{what}` is `{value!r}`, expected text")
    return value


def _texts(value: Any, what: str, refusal: str) -> None:
    for key, text in _items(value, what, refusal):
        _text(text, f"{what}.{key}", refusal)


def _origin(record: Any, what: str, refusal: str) -> None:
    if record["tier"] not in TIERS:
        raise Refused(refusal, f"`{what}`: the tier is `{record['tier']}`, expected one of {', '.join(TIERS)}")
    _texts(record["toolchain"], f"{what}: toolchain", refusal)


def _counts(value: Any, what: str, refusal: str) -> None:
    for key, count in _items(value, what, refusal):
        if type(count) is not int or not 0 <= count <= COUNT_MAX:
            raise Refused(refusal, f"`{what}.{key}` is `{count!r}`, expected an integer from 0 to 2^53")


def _hash(value: Any, what: str) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[0-9a-f]{64}", value):
        raise Refused("WRONG_FORMAT", f"`{what}` is `{value!r}`, expected 64 lower-case hexadecimal digits")
    return value


def _base64(value: Any, what: str) -> bytes:
    try:
        content = base64.b64decode(_text(value, what), validate=True)
    except (binascii.Error, ValueError):
        raise Refused("WRONG_FORMAT", f"`{what}` is not standard base64") from None
    _same("WRONG_FORMAT", what, value, base64.b64encode(content).decode())
    return content


def main(arguments: Sequence[str] | None = None, write: Callable[[str], object] = sys.stdout.write) -> int:
    """Print the table and give the exit status."""
    parser = argparse.ArgumentParser(description="Check a certificate without DITA.")
    parser.add_argument("certificate", type=Path)
    parser.add_argument("image", type=Path)
    parser.add_argument("--sources", type=Path, metavar="CHECKOUT", help="hash the sources there as well")
    options = parser.parse_args(arguments)
    try:
        certificate, image = options.certificate.read_bytes(), options.image.read_bytes()
        evidence = {path.stem: path.read_bytes() for path in (options.certificate.parent / "evidence").glob("*.json")}
        sources = None if options.sources is None else read_sources(options.sources)
        rows = check(certificate, image, evidence, sources)
    except (OSError, Refused) as problem:
        write(f"REFUSED {'MISSING: ' if isinstance(problem, OSError) else ''}{problem}\n")
        return 1
    width = max(len(row.what) for row in rows)
    write("".join(f"ok  {row.what:<{width}}  {row.seen}\n" for row in rows))
    write(f"{len(rows)} checks held\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

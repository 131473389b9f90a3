"""A certificate that holds, with made-up evidence for every required layer, for tests that change a part of it."""

from collections.abc import Mapping
from pathlib import Path

from dita.conformance.signing import SigningKey
from dita.spec.assumptions import ASSUMPTIONS
from dita.spec.canonical import sha256_hex
from dita.spec.certificate import REQUIRED_LAYERS, Bindings, Evidence, Layer, LayerRule, Part, Statement
from dita.spec.certificate_format import encode_evidence, encode_statement


def passing_counts(rule: LayerRule) -> dict[str, int]:
    """Counts that satisfy a layer's rule."""
    same = [name for pair in rule.equal for name in pair]
    return {**dict.fromkeys((*rule.positive, *same), 7), **dict.fromkeys(rule.zero, 0)}


def parts_of(counts: Mapping[str, int]) -> tuple[Part, ...]:
    """Two parts that add up to the counts."""
    first = {name: count // 2 for name, count in counts.items()}
    return Part("first", first), Part("second", {name: count - first[name] for name, count in counts.items()})


def sample_certificate(bindings: Bindings, tier: str = "quick") -> tuple[Statement, dict[str, bytes]]:
    """A statement that holds for the bindings, with made-up evidence for every layer that its tier requires."""
    evidence: dict[str, bytes] = {}
    layers: list[Layer] = []
    tools = {"rustc": "0"}
    for rule in (rule for rule in REQUIRED_LAYERS if tier in rule.tiers):
        counts = passing_counts(rule)
        depends_on = {name: str(getattr(bindings, name)) for name in rule.depends_on}
        made = Evidence(rule.name, tier, tools, parts_of(counts), depends_on, {"made_by": "a test"})
        evidence[rule.name] = encode_evidence(made)
        layers.append(Layer(rule.name, counts, sha256_hex(evidence[rule.name])))
    return Statement(bindings, tier, tools, tuple(layers), ASSUMPTIONS), evidence


def written_certificate(folder: Path, bindings: Bindings, key: SigningKey | None = None) -> Path:
    """A sample certificate on disk, signed if there is a key."""
    statement, evidence = sample_certificate(bindings)
    (folder / "evidence").mkdir(parents=True)
    for name, content in evidence.items():
        (folder / "evidence" / f"{name}.json").write_bytes(content)
    path = folder / "certificate.json"
    content = encode_statement(statement)
    path.write_bytes(content if key is None else key.sign(content))
    return path

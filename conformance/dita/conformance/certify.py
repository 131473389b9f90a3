"""``dita certify``: run every layer on an image and, only if all of them held, write its certificate.

The only writer of certificates. A failure leaves none: an older certificate in the same folder is removed before the
first layer runs, and the new one is moved into place last, after the verifier that the loader uses has accepted it.
"""

import argparse
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from dita.conformance.conform import Progress, Sizes, Tier
from dita.conformance.layers import LAYERS, LayerOrder, LayerOutcome, LayerRunner
from dita.conformance.signing import SigningKey
from dita.kernel.image import IMAGE_PATH, seal
from dita.kernel.loader import EVIDENCE_FOLDER, installed_bindings, load_for_conformance
from dita.kernel.signature import check_signature
from dita.spec.assumptions import ASSUMPTIONS
from dita.spec.canonical import sha256_hex
from dita.spec.certificate import (
    PAPER,
    REQUIRED_LAYERS,
    Bindings,
    CertificateRefused,
    Evidence,
    Layer,
    LayerRule,
    Statement,
    Trust,
)
from dita.spec.certificate_check import check_counts, verify
from dita.spec.certificate_format import decode_statement, encode_evidence, encode_statement, unwrap

CERTIFICATE_NAME: Final = "certificate.json"
NOT_INSTALLED: Final = "not installed"


@dataclass(frozen=True, slots=True)
class CertifyReport:
    """What a run of certify did. ``certificate`` is the file, or None when it was refused for the ``refusals``."""

    certificate: Path | None
    certificate_sha256: str
    outcomes: tuple[LayerOutcome, ...]
    refusals: tuple[str, ...]
    seconds: float = field(default=0.0)

    @property
    def ok(self) -> bool:
        """Whether a certificate was written."""
        return self.certificate is not None

    @property
    def counterexamples(self) -> tuple[str, ...]:
        """The timelines of what was found."""
        return tuple(text for outcome in self.outcomes for text in outcome.counterexamples)


def run_certify(
    tier: Tier,
    image_path: Path = IMAGE_PATH,
    out_dir: Path = Path("out"),
    progress: Progress | None = None,
    *,
    layers: Sequence[LayerRunner] = LAYERS,
    required: Sequence[LayerRule] = REQUIRED_LAYERS,
    sizes: Sizes | None = None,
    key: SigningKey | None = None,
) -> CertifyReport:
    """Run the tier's layers and write ``out_dir/certificate.json`` with ``evidence/<layer>.json`` beside it, or refuse.

    With a ``key`` the certificate is signed.
    Seeds come from the image's hash, so every image meets other random traces, and the same image the same ones. Raises
    ImageRefused when there is no image to certify.
    """
    began = time.monotonic()
    bindings = installed_bindings(load_for_conformance(image_path))
    (out_dir / CERTIFICATE_NAME).unlink(missing_ok=True)
    order = LayerOrder(tier, image_path, int(bindings.image_sha256[:8], 16), progress, sizes)
    chosen = [layer for layer in layers if tier in layer.tiers]
    with ThreadPoolExecutor(max(1, len(chosen))) as pool:
        running = [pool.submit(layer.run, order) for layer in chosen]
        outcomes = tuple(future.result() for future in running)
    refusals = _refusals(outcomes, [rule for rule in required if tier in rule.tiers])
    refusals += _changes(bindings, image_path)
    seconds = time.monotonic() - began
    if refusals:
        return CertifyReport(None, "", outcomes, tuple(refusals), seconds)
    content = _write(tier, bindings, outcomes, required, out_dir, key)
    return CertifyReport(out_dir / CERTIFICATE_NAME, sha256_hex(content), outcomes, (), seconds)


def _refusals(outcomes: Sequence[LayerOutcome], required: Sequence[LayerRule]) -> list[str]:
    found = [f"{outcome.name}: {problem}" for outcome in outcomes for problem in outcome.problems]
    by_name = {outcome.name: outcome for outcome in outcomes}
    for rule in required:
        outcome = by_name.get(rule.name)
        if outcome is None:
            found.append(f"{rule.name}: required, but no layer of that name was run")
            continue
        try:
            check_counts(rule, outcome.counts)
        except CertificateRefused as refusal:
            found.append(str(refusal))
    return found


def _changes(bindings: Bindings, image_path: Path) -> list[str]:
    """What moved while the layers ran; evidence about it would be about something else."""
    now = installed_bindings(load_for_conformance(image_path)) if _same_image(bindings, image_path) else None
    if now == bindings:
        return []
    return ["the image, the spec or the reference changed while the layers ran; run `dita certify` again"]


def _same_image(bindings: Bindings, image_path: Path) -> bool:
    sealed = seal(image_path)
    sealed.close()
    return sealed.sha256 == bindings.image_sha256


def _write(
    tier: str,
    bindings: Bindings,
    outcomes: Sequence[LayerOutcome],
    required: Sequence[LayerRule],
    out_dir: Path,
    key: SigningKey | None,
) -> bytes:
    depends = {rule.name: rule.depends_on for rule in required}
    tools = toolchain()
    evidence = {
        outcome.name: _evidence(outcome, tier, tools, bindings, depends.get(outcome.name)) for outcome in outcomes
    }
    stated = tuple(
        Layer(outcome.name, outcome.counts, sha256_hex(evidence[outcome.name]))
        for outcome in sorted(outcomes, key=lambda outcome: outcome.name)
    )
    content = encode_statement(Statement(bindings, tier, tools, stated, ASSUMPTIONS))
    trust = PAPER
    if key is not None:
        content, trust = key.sign(content), Trust((key.public_key,), signature_required=True)
    # The loader's own checks, before anything is written: they raise rather than leave a file that cannot hold.
    stated_bytes, envelope = unwrap(content)
    check_signature(envelope, trust)
    verify(decode_statement(stated_bytes), bindings, evidence, required)
    folder = out_dir / EVIDENCE_FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in evidence.items():
        _replace(folder / f"{name}.json", text)
    _replace(out_dir / CERTIFICATE_NAME, content)
    return content


def _evidence(
    outcome: LayerOutcome, tier: str, tools: Mapping[str, str], bindings: Bindings, names: tuple[str, ...] | None
) -> bytes:
    rule_names = names if names is not None else LayerRule(outcome.name, (), ()).depends_on
    depends_on = {name: str(getattr(bindings, name)) for name in rule_names}
    return encode_evidence(Evidence(outcome.name, tier, tools, outcome.parts, depends_on, dict(outcome.details)))


def _replace(path: Path, content: bytes) -> None:
    partial = path.with_name(f"{path.name}.partial")
    partial.write_bytes(content)
    partial.replace(path)


def toolchain() -> Mapping[str, str]:
    """Names and versions of what built the image and ran the layers; a tool that is missing is said to be."""
    return {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "rustc": _version_of("rustc"),
        "cc": _version_of("cc"),
        "cffi": _package("cffi"),
        "z3-solver": _package("z3-solver"),
        "cvc5": _package("cvc5"),
    }


def _version_of(tool: str) -> str:
    path = shutil.which(tool)
    if path is None:
        return NOT_INSTALLED
    done = subprocess.run([path, "--version"], capture_output=True, text=True, check=False, timeout=30)
    lines = done.stdout.splitlines()
    return lines[0].strip() if done.returncode == 0 and lines else "of unknown version"


def _package(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return NOT_INSTALLED


def summary(report: CertifyReport) -> str:
    """The report for people: one line a layer, then the certificate or the reasons and counterexamples."""
    lines = [f"{outcome.name:<10} {_line(outcome.counts)}" for outcome in report.outcomes]
    if report.certificate is not None:
        lines.append(f"certified: {report.certificate} sha256 {report.certificate_sha256}")
    else:
        lines += [f"refused: {reason}" for reason in report.refusals]
        lines += report.counterexamples
    return "\n".join([*lines, f"{report.seconds:.1f} seconds"]) + "\n"


def _line(counts: Mapping[str, int]) -> str:
    return "  ".join(f"{name} {count}" for name, count in counts.items())


def main(arguments: Sequence[str] | None = None, write: Callable[[str], object] = sys.stdout.write) -> int:
    """Command line: exit 0 with a certificate, 1 with the reasons."""
    parser = argparse.ArgumentParser(description="Certify a kernel image.")
    parser.add_argument("--tier", choices=("quick", "ci", "full"), default="quick")
    parser.add_argument("--image", type=Path, default=IMAGE_PATH)
    parser.add_argument("--out", type=Path, default=Path("out"))
    options = parser.parse_args(arguments)
    report = run_certify(options.tier, options.image, options.out)
    write(summary(report))
    return 0 if report.ok else 1


if __name__ == "__main__":
    raise SystemExit(main())

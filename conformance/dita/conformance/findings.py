"""What a divergence leaves behind: a trace file that shows it again, and the one command that does so."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from dita.conformance.timeline import timeline
from dita.conformance.under_test import StepUnderTest
from dita.spec.canonical import sha256_hex
from dita.spec.trace import parse_trace

FOLDER: Final = Path("out/divergences")
AGAIN: Final = "dita replay --trace"


def kept(what: str, seed: int, trace: str, folder: Path = FOLDER) -> Path:
    """Write the trace of a finding into a file of its own and give its path. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{sha256_hex(trace.encode())[:12]}.jsonl"
    path.write_text(f"# {what}\n# seed {seed}\n{trace}", encoding="utf-8")
    return path


def told(shown: str, seed: int, path: Path) -> str:
    """A timeline with the seed and the command that shows it again."""
    return f"{shown}\n     seed: {seed}\n    again: {AGAIN} {path}"


def shown_again(lines: Iterable[str], kernel: StepUnderTest) -> tuple[str, bool]:
    """The timeline of a trace file on this kernel, and whether the two sides differ on it. Raises TraceError."""
    trace = parse_trace(lines)
    text = timeline(trace.inputs, kernel, trace.start)
    return text, not text.endswith("no divergence")

"""What a run met, for people: kinds by verdict, codes, phases, and how often each transition was made."""

from collections import Counter
from collections.abc import Iterable

from dita.conformance.differential import Distribution, phase_name
from dita.spec.vocabulary import Code, Kind, Verdict


def distribution_text(distribution: Distribution) -> str:
    """Tables of counts; a line of zeros is a part of the kernel that the run never saw."""
    kinds: Counter[tuple[int, int]] = Counter()
    codes: Counter[int] = Counter()
    phases: Counter[int] = Counter()
    moves: Counter[tuple[str, str]] = Counter()
    for cell, count in distribution.items():
        kinds[(cell.kind, cell.verdict)] += count
        codes[cell.code] += count
        phases[cell.phase] += count
        if cell.to_1 >= 0:
            moves[(phase_name(cell.phase), phase_name(cell.to_1))] += count
        if cell.to_2 >= 0:
            moves[(phase_name(cell.to_1), phase_name(cell.to_2))] += count
    lines = [f"{'kind':<16}" + "".join(f"{verdict.name:>12}" for verdict in Verdict)]
    lines += [f"{kind.name:<16}" + "".join(f"{kinds[(kind, verdict)]:>12}" for verdict in Verdict) for kind in Kind]
    lines += ["", *_pairs((code.name, codes[code]) for code in Code)]
    lines += ["", *_pairs((phase_name(phase), count) for phase, count in sorted(phases.items()))]
    lines += ["", *_pairs((f"{old} → {new}", count) for (old, new), count in sorted(moves.items()))]
    return "\n".join(lines)


def _pairs(counts: Iterable[tuple[str, int]]) -> list[str]:
    return [f"{name:<40}{count:>12}" for name, count in counts]

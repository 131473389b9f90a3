"""What a run met, for people: kinds by verdict, codes, phases, transitions and their pairs, and the rarest guards."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from dita.conformance.decisions import ONE_ANSWER, Tally
from dita.conformance.differential import Distribution, phase_name
from dita.conformance.floors import Met
from dita.conformance.transitions import Move, Pair, declared_pairs
from dita.spec.vocabulary import Code, Kind, Phase, Verdict

RAREST: Final = 5  # pairs and guards that are listed
WIDTH: Final = 120


def met_text(met: Met) -> str:
    """Everything that random runs met."""
    return "\n".join([distribution_text(met.distribution), "", *_pairs_lines(met.pairs), "", *_guard_lines(met.guards)])


def distribution_text(distribution: Distribution) -> str:
    """Tables of counts; a zero is a part of the kernel that the run never saw."""
    kinds: Counter[tuple[int, int]] = Counter()
    codes: Counter[int] = Counter()
    phases: Counter[int] = Counter()
    moves: Counter[Move] = Counter()
    for cell, count in distribution.items():
        kinds[(cell.kind, cell.verdict)] += count
        codes[cell.code] += count
        phases[cell.phase] += count
        if cell.to_1 >= 0:
            moves[Move(cell.phase, cell.kind, cell.to_1)] += count
        if cell.to_2 >= 0:
            moves[Move(cell.to_1, cell.kind, cell.to_2)] += count
    lines = [f"{'kind':<16}" + "".join(f"{verdict.name:>12}" for verdict in Verdict)]
    lines += [f"{kind.name:<16}" + "".join(f"{kinds[(kind, verdict)]:>12}" for verdict in Verdict) for kind in Kind]
    lines += ["", *_columns(3, ((code.name, codes[code]) for code in Code))]
    lines += ["", *_columns(3, ((phase_name(phase), phases[phase]) for phase in (-1, *Phase)))]
    lines += ["", *_columns(2, ((str(move), count) for move, count in sorted(moves.items())))]
    return "\n".join(lines)


def _pairs_lines(pairs: Mapping[Pair, int]) -> list[str]:
    possible = declared_pairs()
    rarest = sorted(possible, key=lambda pair: (pairs.get(pair, 0), pair))[:RAREST]
    met = sum(1 for pair in possible if pairs.get(pair, 0))
    head = f"{met} of {len(possible)} pairs of consecutive transitions; the rarest:"
    return [head, *(f"{pairs.get(pair, 0):>10}  {pair}" for pair in rarest)]


def _guard_lines(guards: Mapping[str, Tally]) -> list[str]:
    single = {guard.guard for guard in ONE_ANSWER}
    asked = {name: tally for name, tally in guards.items() if name not in single}
    both = sum(1 for tally in asked.values() if tally.true and tally.false)
    rarest = sorted(asked.items(), key=lambda item: (item[1].rarer_ppm, item[0]))[:RAREST]
    head = f"{both} of {len(asked)} guards answered both ways; the most one-sided:"
    return [head, *(f"{tally.true:>10} true {tally.false:>10} false  {name}"[:WIDTH] for name, tally in rarest)]


def _columns(count: int, counts: Iterable[tuple[str, int]]) -> list[str]:
    width = WIDTH // count - 2
    cells = [f"{name:<{width - 10}}{number:>10}" for name, number in counts]
    return ["  ".join(cells[at : at + count]).rstrip() for at in range(0, len(cells), count)]

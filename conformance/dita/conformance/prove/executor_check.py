"""The executor is checked too: its paths predict, word by word, what CPython does.

A proof over paths is worth what the paths are worth. Here the same paths are asked about numbers: for a state and an
input the one path whose condition holds must say exactly what the real ``step`` then returns. The paths are compiled
into plain Python first (``compiled``); on a sample the condition of every path is evaluated, node by node, and exactly
one must hold. The predicates go through a translation too: each formula is held against the real predicate on the same
records (``predicate_check``). And since the reference does not use all that the executor offers, small functions that
do are explored and predicted as well (``executor_constructs``).
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future, as_completed
from dataclasses import dataclass, field
from typing import Any, Final

from dita.conformance.prove.core import KINDS, KindReport, Options, paths_of, prove_kind
from dita.conformance.prove.executor_constructs import CONSTRUCTS, differing
from dita.conformance.prove.executor_pairs import Counts, Pair, Pairs
from dita.conformance.prove.flat import at, values_of
from dita.conformance.prove.predicate_check import PredicateReport, check_predicates
from dita.conformance.prove.prediction import KindPredictor, compiled_paths, predictor_of
from dita.conformance.workers import worker_pool
from dita.reference import step
from dita.spec.layout import flatten_words, word_names
from dita.spec.outcome import Outcome
from dita.spec.state import Account, Focus, Instrument, Slot, focus_of
from dita.spec.trace import Trace, format_trace
from dita.spec.vocabulary import Kind

PROCESSES: Final = 2
CHUNK: Final = 125_000  # most pairs of one task
OPINION_EVERY: Final = 200  # on every n-th pair the condition of every path is evaluated
PREDICATE_SHARE: Final = 2  # a record for the predicates to so many pairs, but no more than are useful
PREDICATE_PAIRS: Final = 5_000
CONSTRUCT_PAIRS: Final = 400  # of each construct
FINDINGS_MAX: Final = 3  # of one task
SIZES: Final[dict[str, int]] = {"quick": 10_000, "ci": 50_000, "full": 1_000_000}
WORDS: Final = tuple(
    f"{name}.{word}"
    for name, record in (("account", Account), ("instrument", Instrument), ("slot", Slot), ("outcome", Outcome))
    for word in word_names(record)
)
"""Names of what is compared, in order."""

Progress = Callable[[str, int, int], None]


def prove_and_compile(kind: Kind, options: Options) -> tuple[KindReport, KindPredictor]:
    """Prove a kind, and compile the very paths that the proof was about."""
    explored = paths_of(kind, options.seed)
    return prove_kind(kind, options, explored), compiled_paths(kind, explored[0])


# --- comparing ------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class PairsReport:
    """What became of the pairs of one task."""

    pairs: int = 0
    mismatches: int = 0
    opinions: int = 0
    hits: dict[int, set[int]] = field(default_factory=dict[int, set[int]])  # kind: the paths taken
    counts: Counts = field(default_factory=Counts)
    findings: list[str] = field(default_factory=list[str])


def check_pairs(predictors: Mapping[int, KindPredictor], source: Pairs, pairs: int) -> PairsReport:
    """So many pairs of the predicted kinds: what the paths say against what ``step`` returns.

    A pair that takes a path which none took before is varied in what follows.
    """
    report = PairsReport(counts=source.counts, hits={kind: set() for kind in predictors})
    functions = {kind: known.predictor.function() for kind, known in predictors.items()}
    for pair in source:
        if report.pairs >= pairs:
            break
        kind = pair.event.kind
        predict = functions.get(kind)
        if predict is None:
            continue
        report.pairs += 1
        state, event, _ = pair
        before = focus_of(state, event.slot, event.instrument)
        said = predict(*before, event)
        happened = _happened(pair)
        if said is None or said[1] != happened:
            _found(report, pair, differs(happened, said))
            continue
        if said[0] not in report.hits[kind]:
            report.hits[kind].add(said[0])
            source.praise(pair)
        if report.pairs % OPINION_EVERY == 0:
            report.opinions += 1
            problem = second_opinion(predictors[kind], before, pair, said[0], happened)
            if problem:
                _found(report, pair, problem)
    return report


def _happened(pair: Pair) -> tuple[Any, ...]:
    """Account, instrument, slot and outcome after the real step; nothing where it raises."""
    state, event, _ = pair
    try:
        after, outcome = step(state, event)
    except Exception:  # noqa: BLE001 the path must say that it raises, whatever it is
        return ()
    return (*focus_of(after, event.slot, event.instrument), outcome)


def differs(happened: tuple[Any, ...], said: tuple[int, Any] | None) -> str:
    """The first word on which a path and CPython differ; a path may also be missing, or one of the two raise."""
    if said is None:
        return f"no path holds; CPython gives {happened[-1] if happened else 'an error'}"
    number, predicted = said
    ours, theirs = flatten_words(happened), flatten_words(predicted)
    if not ours or not theirs:
        return f"path `{number}` {'raises' if ours else 'goes on'}; CPython {'goes on' if ours else 'raises'}"
    word = next(index for index, (one, two) in enumerate(zip(ours, theirs, strict=True)) if one != two)
    return f"{WORDS[word]}: CPython gives `{ours[word]}`, path `{number}` says `{theirs[word]}`"


def _found(report: PairsReport, pair: Pair, problem: str) -> None:
    report.mismatches += 1
    if len(report.findings) < FINDINGS_MAX:
        kind = Kind(pair.event.kind).name
        report.findings.append(f"{kind}: {problem}\n{format_trace(Trace((pair.event,), pair.state))}")


def second_opinion(known: KindPredictor, before: Focus, pair: Pair, taken: int, happened: tuple[Any, ...]) -> str:
    """All paths of the kind, node by node: exactly the one that was taken holds, and it says the same; else why not."""
    numbers = dict(zip(known.names, flatten_words((*before, *pair.event)), strict=True))
    nodes, paths = known.predictor.nodes, known.predictor.paths
    values = values_of(nodes, numbers)
    holding = [
        number
        for number, path in enumerate(paths)
        if all(bool(values[condition]) == side for condition, side in path.literals)
    ]
    if holding != [taken]:
        return f"of {len(paths)} paths these hold: {holding}; `{taken}` was taken"
    said = at(paths[taken].result, values)
    return "" if said == happened else f"{differs(happened, (taken, said))} when evaluated node by node"


# --- the whole check ------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class ExecutorReport:
    """What was compared. ``problems`` is empty exactly when everything agreed and nothing was left out."""

    wanted: int
    pairs: int = 0  # distinct within a task
    mismatches: int = 0
    kinds: int = 0
    paths_hit: int = 0
    paths_total: int = 0
    opinions: int = 0
    made: int = 0  # pairs whose state was made and kept
    broken: int = 0  # made states on which an invariant does not hold: skipped
    elsewhere: int = 0  # inputs that name no slot, instrument or kind: skipped
    repeated: int = 0
    predicates: int = 0
    predicate_pairs: int = 0
    predicates_undecided: int = 0
    construct_pairs: int = 0
    never_taken: dict[str, int] = field(default_factory=dict[str, int])  # kind: paths on no pair
    one_sided: list[str] = field(default_factory=list[str])  # predicates that gave one answer only
    findings: list[str] = field(default_factory=list[str])
    seconds: float = 0.0

    @property
    def problems(self) -> list[str]:
        """Everything that is not as it must be."""
        found = list(self.findings)
        if self.pairs < self.wanted:
            found.append(f"`{self.pairs}` of `{self.wanted}` pairs were compared")
        if self.kinds < len(KINDS):
            found.append(f"`{self.kinds}` of `{len(KINDS)}` kinds were met")
        return found

    @property
    def figures(self) -> dict[str, int]:
        """The counts by their published names."""
        names = (
            "pairs", "mismatches", "kinds", "paths_hit", "paths_total", "opinions", "made", "broken", "elsewhere",
            "repeated", "predicates", "predicate_pairs", "predicates_undecided", "construct_pairs",
        )  # fmt: skip
        return {name: getattr(self, name) for name in names}


def predict_and_compare(predictors: Mapping[int, KindPredictor], pairs: int, seed: int) -> PairsReport:
    """A task: so many pairs of one seed."""
    return check_pairs(predictors, Pairs(random.Random(seed)), pairs)


def check_constructs(pairs: int, seed: int) -> list[str]:
    """A task: every construct on so many numbers; what differs."""
    return [found for found in (differing(construct, pairs, seed) for construct in CONSTRUCTS) if found]


def check_executor(pairs: int, seed: int = 0, progress: Progress | None = None) -> ExecutorReport:
    """At least so many random (state, input) pairs, the predicates, and the constructs, over two processes.

    Raises Unsupported for what the executor does not model.
    """
    with worker_pool(PROCESSES) as pool:
        explored = [pool.submit(predictor_of, kind) for kind in KINDS]
        predictors = [future.result() for future in explored]
        return compare_all(pool, predictors, pairs, seed, progress)


def compare_all(
    pool: Executor, known: Sequence[KindPredictor], pairs: int, seed: int = 0, progress: Progress | None = None
) -> ExecutorReport:
    """As ``check_executor``, with what the paths of every kind say already at hand."""
    began = time.monotonic()
    report = ExecutorReport(pairs)
    predictors = {predictor.kind: predictor for predictor in known}
    chunk = min(CHUNK, -(-pairs // PROCESSES))
    sizes = [min(chunk, pairs - start) for start in range(0, pairs, chunk)]
    chunks: list[Future[PairsReport]] = [
        pool.submit(predict_and_compare, predictors, size, (seed << 20) + number) for number, size in enumerate(sizes)
    ]
    asked = min(PREDICATE_PAIRS, max(pairs // PREDICATE_SHARE, 1))
    predicates = pool.submit(check_predicates, asked, seed)
    constructs = pool.submit(check_constructs, CONSTRUCT_PAIRS, seed)
    hits: dict[int, set[int]] = {kind: set() for kind in predictors}
    for done, compared in enumerate(as_completed(chunks), 1):
        _add_pairs(report, compared.result(), hits)
        if progress is not None:
            progress("pairs", done, len(chunks))
    _add_predicates(report, predicates.result())
    report.construct_pairs = CONSTRUCT_PAIRS * len(CONSTRUCTS)
    _add_findings(report, constructs.result())
    report.kinds = sum(1 for taken in hits.values() if taken)
    report.paths_hit = sum(len(taken) for taken in hits.values())
    totals = {kind: len(predictor.predictor.paths) for kind, predictor in predictors.items()}
    report.paths_total = sum(totals.values())
    report.never_taken = {
        Kind(kind).name: total - len(hits[kind]) for kind, total in sorted(totals.items()) if total > len(hits[kind])
    }
    report.seconds = time.monotonic() - began
    return report


def _add_findings(report: ExecutorReport, findings: Sequence[str]) -> None:
    report.mismatches += len(findings)
    report.findings += findings


def _add_predicates(report: ExecutorReport, found: PredicateReport) -> None:
    report.predicates = found.predicates
    report.predicate_pairs = found.pairs
    report.predicates_undecided = found.undecided
    report.one_sided = found.one_sided
    report.mismatches += found.mismatches
    report.findings += found.findings


def _add_pairs(report: ExecutorReport, found: PairsReport, hits: dict[int, set[int]]) -> None:
    report.pairs += found.pairs
    report.mismatches += found.mismatches
    report.opinions += found.opinions
    report.made += found.counts.made
    report.broken += found.counts.broken
    report.elsewhere += found.counts.elsewhere
    report.repeated += found.counts.repeated
    report.findings += found.findings
    for kind, taken in found.hits.items():
        hits[kind] |= taken


def main(arguments: Sequence[str] | None = None) -> int:
    """``python -m dita.conformance.prove.executor_check [--tier T] [--seed N]``: exit 1 unless everything agrees."""
    parser = argparse.ArgumentParser(description="Hold the symbolic executor against CPython.")
    parser.add_argument("--tier", choices=tuple(SIZES), default="quick")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    report = check_executor(SIZES[options.tier], options.seed)
    write = sys.stdout.write
    write(f"{report.figures}\n")
    write(f"paths on no pair: {report.never_taken}\n")
    write(f"predicates with one answer only: {', '.join(report.one_sided) or 'none'}\n")
    write("".join(f"{problem}\n" for problem in report.problems))
    write(f"{report.seconds:.1f} seconds, {int(report.pairs / report.seconds)} pairs/s\n")
    return 1 if report.problems else 0


if __name__ == "__main__":
    raise SystemExit(main())

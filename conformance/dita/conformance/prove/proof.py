"""``dita prove``: every obligation discharged by two solvers, or refuted with a state and an input that show it.

The kinds of input are spread over two processes. Unknown, disagreement, an obligation that says nothing anywhere
(vacuous) and a theorem that proved nothing are failures, like a refutation.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import as_completed
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, Literal, cast, get_args

from dita.conformance.prove import evidence
from dita.conformance.prove.core import KINDS, KindReport, Options, Refutation, prove_kind
from dita.conformance.prove.executor_check import SIZES as EXECUTOR_PAIRS
from dita.conformance.prove.executor_check import ExecutorReport, compare_all, prove_and_compile
from dita.conformance.prove.frame import SIZES, SmallReport, prove_frame, prove_lift
from dita.conformance.prove.laws import OBLIGATIONS as LAW_OBLIGATIONS
from dita.conformance.prove.laws import prove_laws
from dita.conformance.prove.lemmas import LEMMAS, prove_lemmas
from dita.conformance.prove.models import Found
from dita.conformance.prove.obligations import CORE, FRAME, LIFT, META, Obligation
from dita.conformance.prove.prediction import KindPredictor
from dita.conformance.workers import worker_pool
from dita.spec.invariants import broken
from dita.spec.state import State
from dita.spec.vocabulary import Kind

Tier = Literal["quick", "ci", "full"]
Verdict = Literal["proved", "refuted", "unknown", "vacuous"]
VERDICTS: Final[tuple[Verdict, ...]] = get_args(Verdict)
Progress = Callable[[str, int, int], None]
PROCESSES: Final = 2
SECOND_EVERY: Final[dict[str, int]] = {"quick": 40, "ci": 4, "full": 1}
SEEDS: Final[dict[str, int]] = {"quick": 1, "ci": 1, "full": 5}
"""With so many seeds of the solvers the verdicts must be the same."""
INITIAL: Final = Obligation("initial-state-sound", "start", "The initial state satisfies every invariant (clause S2).")
SOLVERS: Final = ("z3", "cvc5")


@dataclass(slots=True)
class Row:
    """What became of one obligation."""

    obligation: Obligation
    paths: int = 0  # on which it needed a proof; elsewhere it is an assumption word for word
    seconded: int = 0  # of them, judged by the second solver too
    refuted: Refutation | None = None
    note: str = ""
    unknown: bool = False
    witness: Found | None = None
    witness_kind: int = 0

    @property
    def verdict(self) -> Verdict:
        """The obligation's verdict."""
        if self.refuted is not None or self.note:
            return "refuted"
        if self.unknown:
            return "unknown"
        needs_witness = self.obligation.theorem == "core" and self.obligation not in META
        return "vacuous" if self.paths == 0 or (needs_witness and self.witness is None) else "proved"


@dataclass(slots=True)
class ProveReport:
    """What a run proved. ``problems`` is empty exactly when everything is proved."""

    tier: str
    rows: dict[str, Row] = field(default_factory=dict[str, Row])
    paths: int = 0
    checks: int = 0
    second_asked: int = 0
    by_part: dict[str, tuple[int, int]] = field(default_factory=dict[str, tuple[int, int]])  # paths, second opinions
    disagreed: list[str] = field(default_factory=list[str])
    executor: ExecutorReport | None = None  # of a whole run: the paths held against CPython
    seeds: int = 1
    problems: list[str] = field(default_factory=list[str])
    seconds: float = 0.0

    @property
    def figures(self) -> dict[str, int]:
        """The counts by their published names."""
        verdicts = [row.verdict for row in self.rows.values()]
        return {
            "invariants": len(self.rows),
            "paths": self.paths,
            "obligations": sum(row.paths for row in self.rows.values()),
            "proved": verdicts.count("proved"),
            "refuted": verdicts.count("refuted"),
            "unknown": verdicts.count("unknown"),
            "vacuous": verdicts.count("vacuous"),
            "solvers": len(SOLVERS),
            "second_opinions": self.second_asked,
            "disagreements": len(self.disagreed),
            "seeds": self.seeds,
            "executor_pairs": 0 if self.executor is None else self.executor.pairs,
            "executor_mismatches": 0 if self.executor is None else self.executor.mismatches,
        }

    @property
    def ok(self) -> bool:
        """Whether everything is proved."""
        return not self.problems


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that a process is asked to do."""

    name: str
    run: Callable[..., Any]
    arguments: tuple[Any, ...]
    keywords: dict[str, Any]


def parts(tier: Tier, seed: int, only: str = "") -> list[Part]:
    """The parts of a run, the long ones first; each has the name of an input kind or of a theorem."""
    every = 0 if only else SECOND_EVERY[tier]
    options = Options(seed, every, witnesses=not only, only=only)
    sizes = SIZES if tier == "full" and not only else SIZES[:1]
    whole = [Part("lift", prove_lift, (seed, sizes), {"second": every == 1})]
    frame = [Part("frame", prove_frame, (seed, sizes), {"second": every == 1})]
    beyond = [
        Part("laws", prove_laws, (seed,), {"second": every == 1, "only": only}),
        Part("arithmetic", prove_arithmetic, (seed, only), {}),
    ]
    kinds = [Part(kind.name, prove_kind if only else prove_and_compile, (kind, options), {}) for kind in KINDS]
    return [*kinds[:2], *beyond, *whole, *kinds[2:4], *frame, *kinds[4:]]


def again(seed: int) -> list[Part]:
    """Everything once more with another seed, by z3 alone: only the verdicts are asked for."""
    options = Options(seed, 0, witnesses=False)
    kinds = [Part(kind.name, prove_kind, (kind, options), {}) for kind in KINDS]
    small = SIZES[:1]
    return [
        *kinds, Part("laws", prove_laws, (seed,), {"second": False}), Part("arithmetic", prove_arithmetic, (seed,), {}),
        Part("lift", prove_lift, (seed, small), {"second": False}),
        Part("frame", prove_frame, (seed, small), {"second": False}),
    ]  # fmt: skip


def run_prove(
    tier: Tier, seed: int = 0, progress: Progress | None = None, only: str = "", part: str = ""
) -> ProveReport:
    """Prove everything, or until the obligation ``only`` is refuted; with ``part`` only that part is run.

    Raises Unsupported for a construct that the executor does not model, ValueError for an unknown obligation.
    """
    began = time.monotonic()
    report = ProveReport(tier, {item.id: Row(item) for item in everything()})
    if only and only not in report.rows:
        raise ValueError(f"`{only}` is no obligation; `dita prove --list` names them")
    start(report)
    todo = [item for item in parts(tier, seed, only) if part in ("", item.name)]
    if not todo:
        raise ValueError(
            f"`{part}` is no part of the proof; name an input kind, `frame`, `lift`, `laws` or `arithmetic`"
        )
    whole = not only and not part
    report.seeds = SEEDS[tier] if whole else 1
    repeated = [item for extra in range(1, report.seeds) for item in again(seed + extra)]
    with worker_pool(PROCESSES) as pool:
        running = {pool.submit(item.run, *item.arguments, **item.keywords): item.name for item in todo}
        once_more = {pool.submit(item.run, *item.arguments, **item.keywords): item.name for item in repeated}
        predictors: list[KindPredictor] = []
        for done, future in enumerate(as_completed([*running, *once_more]), 1):
            found = cast("KindReport | SmallReport | tuple[KindReport, KindPredictor]", future.result())
            name = running.get(future)
            if isinstance(found, tuple):
                found, predictor = found
                predictors.append(predictor)
            if name is not None:
                add(report, found)
                report.by_part[name] = (found.paths, found.second_asked)
            else:
                confirm(report, found)
            if progress is not None:
                progress(name or once_more[future], done, len(running) + len(once_more))
            if only and any(report.rows[name].verdict == "refuted" for name in (only, *RESTS_ON.get(only, ()))):
                pool.shutdown(wait=False, cancel_futures=True)
                break
        if whole:
            report.executor = compare_all(pool, predictors, EXECUTOR_PAIRS[tier], seed, progress)
    report.seconds = time.monotonic() - began
    conclude(report, only or part)
    return report


RESTS_ON: Final[dict[str, tuple[str, ...]]] = {
    "live-counted": ("live-slots-follow",),
    "exposure-summed": ("exposure-follows",),
    "provisional-summed": ("provisional-follows",),
    "unreconciled-counted": ("unreconciled-follows",),
    "holders-agree": ("holder-follows",),
    "tails-in-registered": ("registration-follows",),
    "trades-below-high-water": ("trades-follow",),
    "trades-distinct": ("trades-follow",),
}
"""The lift is proved from what the core theorem shows; where that is refuted, so is what rests on it."""


LEMMA_OBLIGATIONS: Final = tuple(Obligation(lemma.id, "arithmetic", lemma.sentence, lemma.claim) for lemma in LEMMAS)


def prove_arithmetic(seed: int, only: str = "") -> SmallReport:
    """The lemmas about the real bodies of the named arithmetic, or the one named ``only``, each by both solvers."""
    began = time.monotonic()
    report = SmallReport()
    for proof in prove_lemmas(seed, [lemma for lemma in LEMMAS if only in ("", lemma.id)]):
        report.tallies[proof.id] = report.seconded[proof.id] = proof.queries
        report.second_asked += proof.queries
        if proof.verdict == "refuted":
            report.refuted.append((proof.id, f"at {dict(proof.counterexample or {})}"))
        elif proof.verdict == "unknown":
            report.unknown.append(proof.id)
    report.seconds = time.monotonic() - began
    return report


def proved_before(tier: Tier, seed: int = 0, folder: Path = evidence.FOLDER) -> ProveReport | None:
    """The same proof from an earlier run, if nothing that it depends on has changed."""
    found = evidence.kept(evidence.key_of(tier, seed, solver_versions()), folder)
    if found is None or set(found.get("rows", ())) != {item.id for item in everything()}:
        return None
    report = ProveReport(tier, {item.id: Row(item) for item in everything()})
    for name, (paths, seconded, witness, kind) in found["rows"].items():
        row = report.rows[name]
        row.paths, row.seconded, row.witness_kind = paths, seconded, kind
        row.witness = Found(tuple(witness[0]), tuple(witness[1]), witness[2]) if witness else None
    report.paths, report.checks, report.second_asked = found["paths"], found["checks"], found["second_asked"]
    report.by_part = {name: (paths, asked) for name, (paths, asked) in found["by_part"].items()}
    report.executor, report.seeds = ExecutorReport(**found["executor"]), found["seeds"]
    conclude(report, "")
    return report


def keep(report: ProveReport, seed: int = 0, folder: Path = evidence.FOLDER) -> None:
    """Keep a run in which everything was proved."""
    if not report.ok or report.executor is None:
        return
    rows = {name: (row.paths, row.seconded, row.witness, row.witness_kind) for name, row in report.rows.items()}
    counts = {"paths": report.paths, "checks": report.checks, "second_asked": report.second_asked}
    executor = {"wanted": report.executor.wanted, **report.executor.figures}
    proof = {"rows": rows, "by_part": report.by_part, "executor": executor, "seeds": report.seeds, **counts}
    evidence.keep(evidence.key_of(report.tier, seed, solver_versions()), proof, folder)


def start(report: ProveReport) -> None:
    """The initial state, by running the predicates."""
    row = report.rows[INITIAL.id]
    row.paths = 1
    row.note = ", ".join(broken(State()))


def add(report: ProveReport, found: KindReport | SmallReport) -> None:
    """Add what one part proved."""
    report.paths += found.paths
    report.second_asked += found.second_asked
    report.disagreed += found.disagreed
    for name, count in found.tallies.items():
        row = _row(report, name)
        row.paths += count
    for name, count in found.seconded.items():
        _row(report, name).seconded += count
    for name in found.unknown:
        _row(report, name).unknown = True
    if isinstance(found, SmallReport):
        for name, where in found.refuted:
            _row(report, name).note = where
        return
    report.checks += found.checks
    for refutation in found.refuted:
        row = _row(report, refutation.obligation)
        row.refuted = row.refuted or refutation
    for name, witness in found.witnesses.items():
        row = _row(report, name)
        if row.witness is None or (witness.exact and not row.witness.exact):
            row.witness, row.witness_kind = witness, found.kind


def confirm(report: ProveReport, found: KindReport | SmallReport) -> None:
    """Another seed must say the same: what it refutes or leaves open counts, what it proves is known already."""
    for name in found.unknown:
        _row(report, name).unknown = True
    if isinstance(found, SmallReport):
        for name, where in found.refuted:
            _row(report, name).note = where
        return
    for refutation in found.refuted:
        _row(report, refutation.obligation).refuted = refutation


def _row(report: ProveReport, name: str) -> Row:
    return report.rows[name]


def conclude(report: ProveReport, only: str) -> None:
    """Name everything that is not proved."""
    for name, reasons in RESTS_ON.items():
        for reason in reasons:
            if report.rows[reason].verdict == "refuted":
                report.rows[name].note = f"rests on `{reason}`, which is refuted"
    for name, row in report.rows.items():
        if row.verdict != "proved" and not (only and row.verdict == "vacuous"):
            report.problems.append(f"{name}: {row.verdict}{_reason(row)}")
    report.problems += [f"the solvers disagree: {text}" for text in report.disagreed]
    if report.executor is not None:
        report.problems += [f"the executor: {text}" for text in report.executor.problems]
    elif not only:
        report.problems.append("the executor was not held against CPython")


def _reason(row: Row) -> str:
    if row.refuted is not None:
        return f" by {Kind(row.refuted.kind).name}{', ' + row.refuted.note if row.refuted.note else ''}"
    return f" ({row.note})" if row.note else ""


def solver_versions() -> dict[str, str]:
    """The two solvers and their versions."""
    return {"z3": version("z3-solver"), "cvc5": version("cvc5")}


def everything() -> tuple[Obligation, ...]:
    """Every obligation."""
    return (*CORE, *FRAME, *LIFT, INITIAL, *LAW_OBLIGATIONS, *LEMMA_OBLIGATIONS)


def listed() -> Iterable[tuple[str, str, str]]:
    """Every obligation: ID, theorem, sentence."""
    return [(item.id, item.theorem, item.says) for item in everything()]


def main(arguments: Sequence[str] | None = None) -> int:
    """``python -m dita.conformance.prove.proof [--tier T] [--only ID] [--part KIND]``: exit 1 unless all is proved."""
    parser = argparse.ArgumentParser(description="Prove the reference.")
    parser.add_argument("--tier", choices=("quick", "ci", "full"), default="quick")
    parser.add_argument("--only", default="", help="stop when this obligation is refuted")
    parser.add_argument("--part", default="", help="an input kind, or frame, lift, laws, arithmetic")
    options = parser.parse_args(arguments)
    report = run_prove(options.tier, only=options.only, part=options.part)
    write = sys.stdout.write
    write(f"{report.figures}\n")
    write("".join(f"{problem}\n" for problem in report.problems))
    write(f"refuted: {' '.join(name for name, row in report.rows.items() if row.verdict == 'refuted')}\n")
    write(f"{report.seconds:.1f} seconds\n")
    return 0 if report.ok else 1


if __name__ == "__main__":
    raise SystemExit(main())

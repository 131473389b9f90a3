"""One kind of input: every path of the image proved equal to the reference's, every answer counted.

Of every machine path one question is asked: is there a state that satisfies the invariants, and an input, that takes
this path, and a path of the reference that leaves some other word behind? And of all together: is there one that takes
none of the image's paths, or none of the reference's? ``unsat`` is a proof; everything else fails.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, as_completed
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import z3

from dita.conformance.equiv.comparing import MachinePath, Reference, machine_path, reference_of
from dita.conformance.equiv.questions import ALL, LOGIC, NOTHING, PLAIN, Spelled, gap, gap_of_reference, spelled
from dita.conformance.equiv.sums import Canonical
from dita.conformance.equiv.tools import BEFORE, EVENT, Asked, Bitwuzla
from dita.conformance.prove.proxies import Unsupported
from dita.conformance.prove.second_opinion import Opinion, ask
from dita.spec.canonical import sha256_hex
from dita.spec.vocabulary import Kind

FREE: Final = (*BEFORE, *EVENT)
IMAGE: Final = "machine paths complete"
REFERENCE: Final = "reference paths complete"
AS_NUMBERS: Final = "(set-option :solve-bv-as-int sum)\n"
"""For the second solver: of words as numbers, as the first does not reason."""
SOON: Final = 5_000
PATIENCE: Final = 60_000
"""Milliseconds for another opinion, by the clock: enough for a machine that does other things beside."""
SHARE: Final = 250  # machine paths that are compared at a time, then kept: a process carries the reference over before


class Way(NamedTuple):
    """How it is asked whether a path differs: what is assumed, of whom, and for how long."""

    level: int  # of ``Spelled.levels``
    as_numbers: bool
    milliseconds: int


HASTY: Final = (Way(PLAIN, False, 500), Way(NOTHING, False, 500), Way(ALL, False, 500), Way(PLAIN, True, 2_000))
PATIENT: Final = (Way(ALL, False, 5_000), Way(PLAIN, True, 10_000))
"""Where sums are compared the second solver needs a second, and the first minutes; for most others it is the other way
round. A way that found one path equal soon is tried first on the next, which is like it."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A state and an input on which a machine path and the reference part, as the solver found them."""

    path: int
    words: Mapping[str, int]  # of account, instrument, slot and input


@dataclass(slots=True)
class KindReport:
    """What was found of one kind."""

    kind: int
    machine_paths: int = 0
    reached: int = 0  # of them, by some state that satisfies the invariants
    reference_paths: int = 0
    pairs: int = 0
    equal: int = 0
    differ: list[Difference] = field(default_factory=list[Difference])
    unknown: list[str] = field(default_factory=list[str])
    seconded: int = 0
    disagreed: list[str] = field(default_factory=list[str])
    lifted_pairs: int = 0  # states and inputs on which the paths and the processor were compared
    lifted_paths: int = 0  # that some of them took
    misread: list[str] = field(default_factory=list[str])
    seconds_exploring: float = 0.0
    seconds_deciding: float = 0.0
    worst_seconds: float = 0.0

    @property
    def proved(self) -> bool:
        """Every path of the image is equal, some are reached, and both sides are covered."""
        complete = self.machine_paths > 0 and self.equal == self.machine_paths and self.reached > 0
        return complete and not (self.differ or self.unknown or self.disagreed or self.misread)

    def take(self, other: KindReport) -> None:
        """What was found of others of its paths."""
        self.equal += other.equal
        self.reached += other.reached
        self.seconded += other.seconded
        self.worst_seconds = max(self.worst_seconds, other.worst_seconds)
        self.differ += other.differ
        self.unknown += other.unknown
        self.disagreed += other.disagreed

    @property
    def failures(self) -> int:
        """How much was found against it."""
        return len(self.differ) + len(self.unknown) + len(self.disagreed)

    def as_json(self) -> dict[str, Any]:
        """As it is kept."""
        return asdict(self)


class Proved(NamedTuple):
    """What is kept of a machine path that is equal."""

    reached: bool
    seconded: int  # answers about it that the second solver gave as well


ProvedPaths = Mapping[str, Proved]
"""By their names (``name_of``)."""
Compared = Callable[[ProvedPaths, int, int], None]
"""Told of the paths that are newly proved, and of how many of how many are by now."""


@dataclass(slots=True)
class _Questions:
    """Asks the first solver, and the second about paths whose names are drawn."""

    first: Asked
    report: KindReport
    second_every: int
    second: bool = field(init=False)
    ways: list[Way] = field(default_factory=lambda: [*HASTY])

    def __post_init__(self) -> None:
        """What is not about one path is asked of both."""
        self.second = self.second_every > 0

    def about(self, name: str) -> None:
        """The questions from now on are about this path."""
        self.second = self.second_every > 0 and int(name, 16) % self.second_every == 0

    def refuted(self, name: str, texts: Sequence[str]) -> bool:
        """Whether this is impossible, as some way soon finds; nothing else that one says is an answer here."""
        for way in (*self.ways, *PATIENT):
            if self._refuted(texts[way.level], way):
                others = [text for text in texts if text != texts[way.level]]
                self._seconded(name, texts[way.level], "unsat", others, by_second=way.as_numbers)
                if way in self.ways:
                    self.ways.remove(way)
                    self.ways.insert(0, way)
                return True
        return False

    def _refuted(self, text: str, way: Way) -> bool:
        if way.as_numbers:
            began = time.process_time()
            verdict, seconds = _as_numbers(text, way.milliseconds).value, time.process_time() - began
        else:
            answer = self.first.ask(text, milliseconds=way.milliseconds)
            verdict, seconds = answer["verdict"], answer.get("seconds", 0.0)
        if verdict != "unsat":
            return False
        self.report.worst_seconds = max(self.report.worst_seconds, round(seconds, 3))
        return True

    def put(self, name: str, text: str, words: Sequence[str] = (), *, alone: bool = False) -> Mapping[str, Any]:
        """The first solver's answer; what it does not know, and where the second disagrees, is noted.

        ``alone``: nothing rests on the answer, so the second is not asked.
        """
        answer = self.first.ask(text, [spelled(word) for word in words])
        self.report.worst_seconds = max(self.report.worst_seconds, answer.get("seconds", 0.0))
        verdict = answer["verdict"]
        if verdict not in {"sat", "unsat"}:
            self.report.unknown.append(f"{name}: {answer.get('problem', 'no answer in time')}")
        elif not alone:
            self._seconded(name, text, verdict, (), by_second=False)
        return answer

    def _seconded(self, name: str, text: str, verdict: str, alike: Sequence[str], *, by_second: bool) -> None:
        """The other solver's answer to what one of them has answered.

        ``alike``: the same question with other assumptions. That it is impossible there as well is the same opinion of
        a path; nothing else that is said of them is one.
        """
        if not self.second:
            return
        self.report.seconded += 1
        other = self._other(text, verdict, alike, (self._by_first,) if by_second else (_as_numbers, _as_bits, _by_z3))
        if other.value != verdict:
            self.report.disagreed.append(f"{name}: {verdict} against {other.value}")

    @staticmethod
    def _other(text: str, verdict: str, alike: Sequence[str], ways: Sequence[Callable[[str, int], Opinion]]) -> Opinion:
        """One way after the other: what one finds soon another may not find."""
        for milliseconds in (SOON, PATIENCE):
            for asked in (text, *alike):
                for way in ways:
                    opinion = way(asked, milliseconds)
                    if opinion.value == verdict or (asked == text and opinion is not Opinion.UNKNOWN):
                        return opinion
        return Opinion.UNKNOWN

    def _by_first(self, text: str, milliseconds: int) -> Opinion:
        verdict = self.first.ask(text, milliseconds=milliseconds)["verdict"]
        return Opinion(verdict) if verdict in {"sat", "unsat"} else Opinion.UNKNOWN


def _by_z3(text: str, milliseconds: int) -> Opinion:
    """The third solver's answer."""
    solver = z3.SolverFor(LOGIC)
    solver.set("timeout", milliseconds)
    solver.add(*z3.parse_smt2_string(text))
    return Opinion.of(solver.check())


def _as_numbers(text: str, milliseconds: int) -> Opinion:
    """The second solver's answer, which reasons about words as numbers."""
    return _as_bits(AS_NUMBERS + text, milliseconds)


def _as_bits(text: str, milliseconds: int) -> Opinion:
    """The second solver's answer, which reasons about words as bits."""
    limit = f"(set-option :tlimit-per {milliseconds})\n"
    return ask(limit + text.replace(f"(set-logic {LOGIC})", "") + "(check-sat)", LOGIC)


def name_of(path: Mapping[str, Any]) -> str:
    """A name for all that is said of a machine path: the same formula has the same one, in whatever image."""
    said = [path["conditions"], path["calls"], path["changed"], path["text"]]
    return sha256_hex(json.dumps(said, sort_keys=True).encode())


def prove_kind(
    kind: Kind,
    answer: Mapping[str, Any],
    first: Asked,
    second_every: int,
    pool: Executor | None = None,
    known: ProvedPaths = MappingProxyType({}),
    compared: Compared = lambda _, __, ___: None,
) -> KindReport:
    """Compare both sides of a kind; ``answer`` is what was found in the image. A pool shares its many paths.

    A path that is ``known`` is not asked about again.
    """
    report = KindReport(int(kind), seconds_exploring=answer["seconds"])
    began = time.monotonic()
    if "problem" in answer:
        report.unknown.append(f"the machine code is not understood: {answer['problem']}")
        return report
    listed: Sequence[Mapping[str, Any]] = answer["paths"]
    numbered = [(number, path) for number, path in enumerate(listed) if name_of(path) not in known]
    count = (len(numbered) + SHARE - 1) // SHARE if pool else 0
    given = [_Share(kind, numbered[part::count], second_every) for part in range(count)]
    shares = [pool.submit(_compared_apart, share) for share in given] if pool else []
    canonical = Canonical()
    try:
        reference = reference_of(kind, canonical)
        paths = [machine_path(path, canonical) for path in listed]
        report.machine_paths, report.reference_paths = len(paths), len(reference.cases)
        report.pairs = len(paths) * len(reference.cases)
        questions = _Questions(first, report, second_every)
        for name, question in ((IMAGE, gap(paths, reference)), (REFERENCE, gap_of_reference(reference))):
            if questions.put(name, question)["verdict"] == "sat":
                report.unknown.append(f"{name}: some input takes none of them")
        report.equal = len(listed) - len(numbered)
        for before in (known[name] for path in listed if (name := name_of(path)) in known):
            report.reached += before.reached
            report.seconded += before.seconded
        if numbered and not pool:
            written = Spelled(reference)
            found = [(number, name_of(path), paths[number]) for number, path in numbered]
            for at in range(0, len(found), SHARE):
                compared(_compare_all(found[at : at + SHARE], written, questions), report.equal, len(paths))
        for share in as_completed(shares):
            proved, found_of_it = share.result()
            report.take(found_of_it)
            compared(proved, report.equal, len(paths))
        report.differ.sort(key=lambda found: found.path)
    except Unsupported as unsupported:
        report.unknown.append(f"the reference cannot be carried over: {unsupported}")
    report.seconds_deciding = time.monotonic() - began
    return report


class _Share(NamedTuple):
    """Some of a kind's machine paths, by their numbers, for another process."""

    kind: Kind
    paths: list[tuple[int, Mapping[str, Any]]]
    second_every: int


@lru_cache(maxsize=1)
def _carried(kind: Kind) -> tuple[Canonical, Reference]:
    """The reference's side, once a process for all its shares of a kind. Raises Unsupported."""
    canonical = Canonical()
    return canonical, reference_of(kind, canonical)


def _compared_apart(share: _Share) -> tuple[ProvedPaths, KindReport]:
    """Of these paths alone; terms do not cross from one process to another. Raises Unsupported, ToolMissing."""
    report = KindReport(int(share.kind))
    canonical, reference = _carried(share.kind)
    with Bitwuzla() as first:
        numbered = [(number, name_of(path), machine_path(path, canonical)) for number, path in share.paths]
        return _compare_all(numbered, Spelled(reference), _Questions(first, report, share.second_every)), report


def _compare_all(paths: Sequence[tuple[int, str, MachinePath]], written: Spelled, questions: _Questions) -> ProvedPaths:
    report = questions.report
    proved: dict[str, Proved] = {}
    for number, name, path in paths:
        reached, seconded, failed = report.reached, report.seconded, report.failures
        questions.about(name)
        _compare(number, path, written, questions)
        if report.failures == failed:
            proved[name] = Proved(report.reached > reached, report.seconded - seconded)
    return proved


def _compare(number: int, path: MachinePath, written: Spelled, questions: _Questions) -> None:
    """One path: equal of any words at all, of those of the plain invariants, or of those of all; or its values noted.

    To assume less than all makes most paths easier.
    """
    report, name = questions.report, f"path {number}"
    texts = [written.difference(path, facts) for facts in written.levels]
    if questions.refuted(name, texts):
        report.equal += 1
    else:
        answer = questions.put(name, texts[ALL], FREE)
        report.equal += answer["verdict"] == "unsat"
        if answer["verdict"] == "sat":
            found = {name: int(answer["values"][spelled(name)]) for name in FREE}
            report.differ.append(Difference(number, found))
    met = questions.put(f"{name} is reached", written.reached(path), alone=True)
    report.reached += met["verdict"] == "sat"

"""What the paths of a kind say of numbers: which one is taken and what it gives, without running the step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dita.conformance.prove.compiled import KnownPath, Places, Predictor, source_of_paths
from dita.conformance.prove.core import paths_of, theory
from dita.conformance.prove.executor import Path
from dita.conformance.prove.flat import Flattener, Shape
from dita.conformance.prove.world import words
from dita.reference.focus import Refused
from dita.reference.step import located
from dita.spec.vocabulary import Kind


@dataclass(frozen=True, slots=True)
class KindPredictor:
    """What the paths of one kind say: a predictor of an account, an instrument, a slot and an outcome."""

    kind: int
    predictor: Predictor
    names: tuple[str, ...]  # of the words of what was before and of the input, in their order


def predictor_of(kind: Kind, seed: int = 0) -> KindPredictor:
    """Explore a kind and compile its paths."""
    paths, _, _ = paths_of(kind, seed)
    return compiled_paths(kind, paths)


def compiled_paths(kind: Kind, paths: Sequence[Path]) -> KindPredictor:
    """The paths of a kind as data and as the source of a function of account, instrument, slot and event."""
    world, flattener = theory().world, Flattener()
    account, instrument, slot = world.pre
    places = Places.of({"A": account, "I": instrument, "S": slot, "E": world.event}, flattener)
    known = tuple(
        KnownPath(
            tuple((flattener.add(decision.condition), decision.taken) for decision in path.decisions),
            _result(path, flattener),
        )
        for path in paths
    )
    nodes = tuple(flattener.nodes)
    names = tuple(word.decl().name() for word in (*words(world.pre), *words(world.event)))
    predictor = Predictor(kind.name, nodes, known, source_of_paths(nodes, known, places))
    return KindPredictor(int(kind), predictor, names)


def _result(path: Path, flattener: Flattener) -> Shape:
    """What ``step`` gives on a path: account, instrument, slot and outcome; nothing where it raises."""
    world = theory().world
    if isinstance(path.error, Refused):
        return flattener.shape((*world.pre, path.error.outcome))
    if path.error is not None:
        return ()
    after, outcome = path.result
    return flattener.shape((*after, located(outcome, world.event)))

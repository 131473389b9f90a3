"""The published figures of the small worlds are current, and a driver that leaves anything out does not reach them."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dita.conformance import counts, tasks
from dita.conformance.checkpoint import Checkpoint
from dita.conformance.counts import Count, code_of, count_world, counted, counts_text, published, source_mark, unlike
from dita.conformance.exhaustive import Enumeration, World, enumerate_world
from dita.conformance.small_worlds import worlds
from dita.conformance.tasks import Task, run_task
from dita.conformance.under_test import CallerMemory
from dita.kernel.image import IMAGE_PATH
from dita.kernel.loader import RawKernel
from dita.reference import step
from dita.spec.inputs import Input
from dita.spec.scales import RATIO_SCALE
from dita.spec.state import State
from dita.spec.vocabulary import Kind

MARK, TABLE = published(counts.PATH.read_text(encoding="utf-8"))
IMAGE = "0" * 64


def never() -> bool:
    """There is time."""
    return False


def stopping_after(answers: int) -> Callable[[], bool]:
    """Out of time at the so-manyth question."""
    left = iter(range(answers))
    return lambda: next(left, None) is None


def named(name: str, size: str = "quick") -> World:
    """A world by its name."""
    return next(world for world in worlds(size) if world.name == name)


def beginning(world: World, states: int) -> World:
    """A world that ends with its so-manyth state."""
    found = set(world.roots)

    def canonical(state: State) -> State | None:
        after = world.canonical(state)
        if after is not None and len(found) < states:
            found.add(after)
        return after if after in found else None

    return world._replace(canonical=canonical)


@pytest.fixture(scope="module")
def whole(raw_kernel: RawKernel) -> Enumeration:
    """The world `doubt` on both sides in one go."""
    return enumerate_world(named("doubt"), CallerMemory(raw_kernel), never)


def test_the_table_is_current() -> None:
    """It was made from this code, names every world of every size, and is its own canonical text."""
    assert source_mark() == MARK, "run `python -m dita.conformance.counts` (minutes) and read the difference"
    assert [(count.size, count.world) for count in TABLE] == [
        (size, world.name) for size in counts.SIZES for world in worlds(size)
    ]
    assert counts_text(TABLE, MARK) == counts.PATH.read_text(encoding="utf-8")


def test_only_code_makes_the_table_stale() -> None:
    """The mark moves with the code, and not with what is said about it."""
    text = '"""What."""\n\ndef f(x):\n    """Why."""\n    return x + 1  # so\n'

    assert code_of(text) == code_of(text.replace("Why", "Because").replace("  # so", ""))
    assert code_of(text) != code_of(text.replace("x + 1", "x + 2"))


@pytest.mark.unmeasured
def test_both_drivers_and_the_table_agree(whole: Enumeration) -> None:
    """The driver that compares, the plain one, and the published figures: one world, three times the same."""
    plain = count_world(named("doubt"), step, "quick")

    assert counted(named("doubt"), "quick", whole) == plain
    assert unlike(plain) == ""
    assert plain.states > 400


def test_all_kinds_are_tried_where_it_is_said() -> None:
    """One slot and two slots take every kind of input in every state; quantities go to three and prices to two."""
    one, two = named("one slot", "full"), named("two slots", "full")
    every = set(Kind) - {Kind.NONE}
    for world in (one, two):
        assert {event.kind for event in world.menu(world.roots[0])} >= every - {Kind.SETTLE}
        assert next(count for count in TABLE if count.world == world.name).kinds == len(every)

    menu = list(one.menu(one.roots[0]))
    entries = [event for event in menu if event.kind == Kind.ENTER]
    assert {event.quantity for event in entries} == {1, 2, 3}
    assert {event.side for event in entries} == {1, 2}
    largest = next(event for event in entries if event.quantity == 3)
    entered = one.canonical(step(one.roots[0], largest)[0])
    assert entered is not None
    trade = entered.slots[0].trade
    fills = [event for event in one.menu(entered) if event.kind == Kind.ORDER and event.trade == trade]
    assert {(event.quantity, event.quote) for event in fills} >= {(q, q * p) for q in (1, 2, 3) for p in (1, 2)}


def test_what_is_not_followed_is_put_back() -> None:
    """Where limits, contracts, mode and calibration are not followed, a step that changes one leads to no new state."""
    one, ruled = named("one slot", "full"), named("ruled", "full")
    root = one.roots[0]
    changes = [
        Input(kind=Kind.SET_MODE, mode=2), Input(kind=Kind.CALIBRATE, ratio_ppm=2 * RATIO_SCALE),
        Input(kind=Kind.SET_LIMITS, slot_limit=1, ratio_ppm=1),
        next(event for event in one.menu(root) if event.kind == Kind.REGISTER and event.quantity_min == 2),
    ]  # fmt: skip
    afters = [step(root, event)[0] for event in changes]

    assert all(after is not root for after in afters)
    assert {one.canonical(after) for after in afters} == {one.canonical(root)}
    assert len({ruled.canonical(after) for after in afters}) == 3


def skipping(world: World) -> World:
    """The planted defect: one input of one state is left out."""

    def menu(state: State) -> Iterator[Input]:
        inputs = list(world.menu(state))
        yield from inputs[1:] if state.slots[0].exit.attempt == 1 and state.slots[0].flatten else inputs

    return world._replace(menu=menu)


def repeating(world: World) -> World:
    """The planted defect: one input takes the place of another, so that the counts are right."""

    def menu(state: State) -> Iterator[Input]:
        inputs = list(world.menu(state))
        yield from [*inputs[:-1], inputs[0]]

    return world._replace(menu=menu)


@pytest.mark.unmeasured
@pytest.mark.parametrize("defect", [skipping, repeating])
def test_a_driver_that_leaves_out_a_transition_is_found_out(
    defect: Callable[[World], World], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A task whose driver skips or repeats is void: its figures are not the published ones."""

    def defective(world: World, *arguments: Any, **named_ones: Any) -> Enumeration:
        return enumerate_world(defect(world), *arguments, **named_ones)

    monkeypatch.setattr(tasks, "enumerate_world", defective)
    result = run_task(Task("exhaustive", "doubt", "sample", 1, 1, 1, 100, 0), IMAGE_PATH)

    assert result.void.startswith("world `doubt`: counted `")
    assert "python -m dita.conformance.counts" in result.void


def test_the_table_is_written_only_as_a_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command counts every world of every size and writes what it counted; of a named size it only shows it."""
    few = tuple(beginning(named(name), 40) for name in ("two", "doubt"))

    def worlds_of(size: str) -> tuple[World, ...]:
        return few

    monkeypatch.setattr(counts, "PATH", tmp_path / "small_worlds.txt")
    monkeypatch.setattr(counts, "worlds", worlds_of)
    monkeypatch.setattr(counts, "compiled_oracle", lambda: SimpleNamespace(step=step))

    assert counts.main(["quick"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(few)
    assert not counts.PATH.exists()
    assert counts.main([]) == 0

    mark, table = published(counts.PATH.read_text(encoding="utf-8"))
    assert mark == source_mark()
    assert [(count.size, count.world) for count in table] == [(s, world.name) for s in counts.SIZES for world in few]
    assert table[0] == count_world(few[0], step, counts.SIZES[0])
    assert unlike(table[0], counts.PATH) == ""


def test_a_module_that_is_not_there_has_no_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """The mark is of all sources or there is none."""
    monkeypatch.setattr(counts, "_MODULES", ("dita.spec.absent",))
    with pytest.raises(ModuleNotFoundError, match=r"`dita\.spec\.absent` is not installed"):
        source_mark()


def test_a_world_that_nobody_published_is_void() -> None:
    """A missing row is a difference."""
    assert "published ``" in unlike(Count("quick", "new", 1, 1, 1, "0"))


@pytest.mark.unmeasured
def test_a_stopped_run_goes_on_where_it_was(raw_kernel: RawKernel, whole: Enumeration, tmp_path: Path) -> None:
    """Stopped twice and gone on with, a world ends in the same figures, and its checkpoint is gone."""
    world, kernel = named("doubt"), CallerMemory(raw_kernel)
    parts = [
        enumerate_world(world, kernel, out_of_time, checkpoint=Checkpoint("doubt", IMAGE, tmp_path))
        for out_of_time in (stopping_after(60), stopping_after(200), never)
    ]

    assert [part.complete for part in parts] == [False, False, True]
    assert [part.states for part in parts] == [60, 260, whole.states]
    assert (parts[2].transitions, parts[2].chain) == (whole.transitions, whole.chain)
    assert parts[2].distribution == whole.distribution
    assert list(tmp_path.iterdir()) == []


def test_progress_is_kept_now_and_then(raw_kernel: RawKernel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that is killed loses no more than the last moments."""
    monkeypatch.setattr("dita.conformance.checkpoint.SECONDS_BETWEEN", 0.0)
    checkpoint = Checkpoint("doubt", IMAGE, tmp_path)
    seen: list[int] = []

    def watching() -> bool:
        seen.append(checkpoint.read().done)
        return len(seen) > 5

    enumerate_world(named("doubt"), CallerMemory(raw_kernel), watching, checkpoint=checkpoint)

    assert seen == [0, 1, 2, 3, 4, 5]


def test_a_checkpoint_is_for_one_world_one_image_and_these_sources(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Anything else begins anew: the key names world, image, sources and Python."""
    keys = {Checkpoint("doubt", IMAGE, tmp_path).key, Checkpoint("two", IMAGE, tmp_path).key}
    keys.add(Checkpoint("doubt", "1" * 64, tmp_path).key)
    monkeypatch.setattr("dita.conformance.checkpoint.package_sha256", "another {}".format)
    keys.add(Checkpoint("doubt", IMAGE, tmp_path).key)

    assert len(keys) == 4


@pytest.mark.parametrize("lie", ["cut", "other", "key", "way", "place", "before"])
def test_a_checkpoint_that_leads_elsewhere_is_begun_anew(lie: str, raw_kernel: RawKernel, tmp_path: Path) -> None:
    """A file that is cut short, of another key, or with ways that lead nowhere new does not shorten the run."""
    world, kernel = beginning(named("two"), 40), CallerMemory(raw_kernel)
    plain = enumerate_world(beginning(named("two"), 40), kernel, never)
    checkpoint = Checkpoint("two", IMAGE, tmp_path)
    enumerate_world(world, kernel, stopping_after(20), checkpoint=checkpoint)
    content = json.loads(checkpoint.path.read_text())
    if lie == "key":
        content["key"] = "0"
    elif lie == "way":
        content["found"][3] = content["found"][2]
    elif lie == "place":
        content["found"][3][1] = 10_000
    elif lie == "before":
        content["found"][3][0] = 10_000
    elif lie == "other":
        content = [content]
    text = json.dumps(content)
    checkpoint.path.write_text(text[: len(text) // 2] if lie == "cut" else text)

    again = enumerate_world(beginning(named("two"), 40), kernel, never, checkpoint=checkpoint)

    assert again.complete
    assert (again.states, again.transitions, again.chain) == (plain.states, plain.transitions, plain.chain)


@pytest.mark.unmeasured
def test_a_checkpoint_that_claims_more_than_was_done_is_found_out(raw_kernel: RawKernel, tmp_path: Path) -> None:
    """The planted defect: a file that skips states ends in other figures than those published."""
    world, kernel = named("doubt"), CallerMemory(raw_kernel)
    checkpoint = Checkpoint("doubt", IMAGE, tmp_path)
    enumerate_world(world, kernel, stopping_after(60), checkpoint=checkpoint)
    progress = checkpoint.read()
    progress.done += 1
    checkpoint.keep(progress)

    done = enumerate_world(world, kernel, never, checkpoint=checkpoint)

    assert done.complete
    assert unlike(counted(world, "quick", done))

"""Trials of mutants: what is noticed is noticed, what is the same is shown to be, and nothing else counts."""

import ast
import os
import signal
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from changed_sources import changed
from dita.conformance.corpus import corpus, run_corpus
from dita.conformance.encoding import unpack_input
from dita.conformance.mutants import calls, kernel_trial, predicate_trial, recording, reference_trial
from dita.conformance.mutants.children import Mark, in_child
from dita.conformance.mutants.edits import changed_files, edit_at, mutants_of
from dita.conformance.mutants.examples import (
    Example,
    broken_by,
    corners,
    damaged,
    of_moves,
    of_row,
    to_row,
)
from dita.conformance.mutants.kernel_trial import Unviable, Workshop, replayed, workshop
from dita.conformance.mutants.operators import edits_of
from dita.conformance.mutants.planting import changed_functions, module_of, planted
from dita.conformance.mutants.predicate_trial import Tables
from dita.conformance.mutants.recording import Exchange, Move, Reader, TrafficVoid, digest, record
from dita.conformance.mutants.reference_trial import EVERYTHING, Reach, Runs, reference_paths
from dita.conformance.under_test import CallerMemory, Canary, ReferenceStandIn
from dita.kernel.loader import RawKernel
from dita.reference import step
from dita.reference.step import HANDLERS
from dita.spec.vocabulary import Kind

ORDERS = "reference_py/dita/reference/orders.py"
ARITHMETIC = "reference_py/dita/reference/arithmetic.py"
INVARIANTS = "spec/dita/spec/invariants.py"
PROPERTIES = "spec/dita/spec/properties.py"
SLOTS = "spec/dita/spec/slot_invariants.py"


@pytest.fixture(scope="module")
def exchanges(raw_kernel: RawKernel) -> list[Exchange]:
    """What the corpus says to the sound kernel."""
    return record(["corpus"], CallerMemory(raw_kernel))["corpus"]


@pytest.fixture(scope="module")
def moves(exchanges: list[Exchange]) -> list[Move]:
    """The same in records."""
    return list(Reader().moves(exchanges))


@pytest.fixture(scope="module")
def shop() -> Iterator[Workshop]:
    """One workshop for all."""
    with workshop() as made:
        yield made


# --- children -------------------------------------------------------------------------------------------------------


def test_a_child_gives_its_result_and_leaves_nothing_behind() -> None:
    """What a child computes comes back; what it changes stays with it."""
    here: list[int] = []

    def work(mark: Mark) -> int:
        here.append(1)
        mark.at(3)
        return len(here)

    ended = in_child(work, 5)

    assert (ended.how, ended.result, ended.place) == ("result", 1, 3)
    assert here == []


def test_a_crash_is_laid_at_the_step_where_it_happened() -> None:
    """A child that is ended by a signal says where it was."""

    def work(mark: Mark) -> None:
        mark.at(41)
        os.kill(os.getpid(), signal.SIGSEGV)

    ended = in_child(work, 5)

    assert (ended.how, ended.place, ended.says) == ("crash", 41, "SIGSEGV")


def test_an_endless_loop_is_a_timeout() -> None:
    """Processor time, not the clock, ends a child that never ends."""

    def work(mark: Mark) -> None:
        mark.at(7)
        while True:
            pass

    ended = in_child(work, 1)

    assert (ended.how, ended.place) == ("timeout", 7)
    assert "no end after 1 s" in ended.says


def test_a_child_that_raises_is_no_result() -> None:
    """A fault of the trial itself is neither a kill nor a pass."""
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        in_child(lambda mark: 1 // mark.place, 5)


# --- recording ------------------------------------------------------------------------------------------------------


def test_the_sound_kernel_repeats_what_it_said(raw_kernel: RawKernel, exchanges: list[Exchange]) -> None:
    """The record is complete and true: replayed on the image it came from, nothing differs."""
    again = replayed(CallerMemory(raw_kernel), exchanges, Mark(), laws=True)

    assert (again.how, again.steps) == ("survived", len(exchanges))
    assert len(exchanges) == run_corpus(CallerMemory(raw_kernel), corpus()).transitions >= 500


def test_a_replay_finds_what_the_layer_finds(raw_kernel: RawKernel, exchanges: list[Exchange]) -> None:
    """A fault in one word of one answer: layer and replay come to it at the same step."""

    def planted() -> Canary:
        return Canary(CallerMemory(raw_kernel), kind=Kind.ORDER, hits=3, word=9, in_outcome=True)

    layer = run_corpus(planted(), corpus())
    replay = replayed(planted(), exchanges, Mark(), laws=False)

    name = layer.findings[0].what.split(":")[0].removeprefix("corpus ")
    before = sum(len(trace.inputs) for other, trace in corpus() if other < name)
    assert (replay.how, replay.steps) == ("killed", before + len(layer.findings[0].inputs))


def test_records_are_what_the_reference_says(moves: list[Move]) -> None:
    """In records too, the recorded answers are those of the reference, state and outcome."""
    same = reference_trial.compared(step, moves, Mark())

    assert (same.how, same.steps) == ("survived", len(moves))


def test_a_record_depends_on_every_byte(exchanges: list[Exchange]) -> None:
    """The digest of traffic changes with any of its parts."""
    first = exchanges[0]
    others = (first._replace(event=b"x" + first.event[1:]), first._replace(outcome=b"x" + first.outcome[1:]),
              first._replace(start=b"x"), first._replace(changes=((8, b"x"),)))  # fmt: skip

    assert len({digest([exchange]) for exchange in (first, *others)}) == 5


def test_a_layer_that_says_nothing_or_differs_is_void(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without traffic no mutant is judged: an unfinished, silent or diverging layer is refused by name."""
    runs: dict[str, Callable[[Any], Any]] = {"late": lambda _: None, "silent": lambda _: []}
    for name, run in runs.items():
        monkeypatch.setitem(recording.LAYERS, name, run)
        with pytest.raises(TrafficVoid, match=f"layer `{name}`"):
            record([name], ReferenceStandIn())
    blind = Canary(ReferenceStandIn(), kind=Kind.ENTER, hits=1, word=0, in_outcome=True)
    with pytest.raises(TrafficVoid, match="layer `corpus` on the sound kernel: corpus "):
        record(["corpus"], blind)


# --- the kernel -----------------------------------------------------------------------------------------------------


def test_a_mutant_of_the_kernel_is_killed_at_a_step(
    repository: Path, shop: Workshop, exchanges: list[Exchange]
) -> None:
    """The built library of the changed crate differs, and the laws that its step breaks are named."""
    source = "kernel_rs/src/lifecycle.rs"
    library = shop.build(changed(repository, source, "    outcome.cancel_protection = 1;\n", ""))

    answer = kernel_trial.ask(shop, library, exchanges, laws=True)

    assert answer.how == "killed"
    assert answer.says == "outcome.cancel_protection: reference `1`, kernel `0`"
    assert "finished-is-recorded" in answer.laws


def test_the_sound_crate_survives_and_a_panic_crashes(
    repository: Path, shop: Workshop, exchanges: list[Exchange]
) -> None:
    """Built like the mutants, the sound crate differs nowhere; a panic is a crash, and no product is built of it."""
    assert kernel_trial.ask(shop, shop.build({}), exchanges, laws=True).how == "survived"
    panicking = changed(repository, "kernel_rs/src/books.rs", "    focus.account.seeded = 1;\n",
                        "    focus.account.seeded = 1;\n    assert!(event.amount < 0);\n")  # fmt: skip

    answer = kernel_trial.ask(shop, shop.build(panicking), exchanges, laws=True)

    assert answer.how == "crash"
    with pytest.raises(Unviable, match="the kernel can panic"):
        shop.product_of(panicking)


@pytest.mark.unmeasured
def test_an_endless_kernel_is_out_of_time_at_the_step_that_has_no_end(
    repository: Path, shop: Workshop, exchanges: list[Exchange], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No kill: the step at which time ran out is asked by itself, and has no end there either."""
    monkeypatch.setattr(kernel_trial, "CPU_SECONDS", 1)
    seeds = "    focus.account.seeded = 1;\n"
    endless = changed(repository, "kernel_rs/src/books.rs", seeds, f"{seeds}    loop {{}}\n")
    library = shop.build(endless)
    first = next(place for place, said in enumerate(exchanges) if unpack_input(said.event).kind == Kind.SEED)

    answer = kernel_trial.ask(shop, library, exchanges[: first + 1], laws=True, cpu_seconds=1)

    assert (answer.how, answer.steps) == ("timeout", first)
    assert answer.says == "endless: this step alone has no end either, after 1 s"


def test_what_does_not_compile_is_no_mutant(repository: Path, shop: Workshop) -> None:
    """A change that the compiler refuses is told apart, and the crate is whole again afterwards."""
    with pytest.raises(Unviable, match="mismatched types"):
        shop.build(changed(repository, "kernel_rs/src/focus.rs", "    Ok(value)\n", "    Ok(())\n"))

    assert shop.build({}).is_file()


@pytest.mark.unmeasured
def test_the_same_bytes_are_the_same_kernel(repository: Path, shop: Workshop) -> None:
    """Bits put together by exclusive or, where none meet, give the product's bytes; another shift gives others."""
    limbs = "let fourth = ((third % DIVISOR) << 32) | limb(numerator, 0);"
    source = "kernel_rs/src/arithmetic.rs"

    assert shop.is_the_product(changed(repository, source, limbs, limbs.replace("|", "^")))
    assert not shop.is_the_product(changed(repository, source, limbs, limbs.replace("32", "31")))


def test_calls_tell_arithmetic_apart(repository: Path, shop: Workshop, raw_kernel: RawKernel) -> None:
    """The named functions by themselves: a rounding that is off is noticed on either side, the sound ones are not."""
    asked = calls.recorded_calls(raw_kernel.lib)
    ties = "let doubled = remainder.wrapping_mul(2).wrapping_add(quotient & 1);"
    wrong = changed(repository, "kernel_rs/src/arithmetic.rs", ties, ties.replace("quotient & 1", "0"))
    reference = changed(repository, ARITHMETIC, "quotient % 2 == 1", "quotient % 2 == 0")

    for sources, how in ((wrong, "killed"), ({}, "survived")):
        assert calls.ask_kernel(shop.build(sources), shop, asked).how == how
    assert calls.ask_reference(reference, asked).how == "killed"
    assert calls.ask_reference({ARITHMETIC: (repository / ARITHMETIC).read_bytes()}, asked).how == "survived"


# --- the reference --------------------------------------------------------------------------------------------------


def test_a_mutant_of_the_reference_is_killed_and_forgotten(repository: Path, moves: list[Move]) -> None:
    """The changed reference differs, breaks laws, and is gone when its child has ended."""
    source = changed(repository, ORDERS, "phase=Phase.EXIT_WORKING", "phase=Phase.EXIT_UNRESOLVED")

    answer = reference_trial.ask(source, moves)

    assert answer.how == "killed"
    assert answer.laws
    assert reference_trial.compared(step, moves, Mark()).how == "survived"


def test_a_copied_refusal_breaks_a_law(repository: Path, moves: list[Move]) -> None:
    """Equal states are not enough: a refusal returns the very same object (clause R2)."""
    step = "reference_py/dita/reference/step.py"
    source = changed(repository, step, "return state, refusal.outcome", "return state._replace(), refusal.outcome")

    answer = reference_trial.ask(source, moves)

    assert (answer.how, answer.laws) == ("killed", "refusal-keeps-the-state")


def test_an_endless_mutant_is_out_of_time_and_not_killed(repository: Path, moves: list[Move]) -> None:
    """TIMEOUT is its own verdict."""
    source = changed(repository, ORDERS, "    code = not_mine(focus, event)\n    shown = 0\n", "    while True: pass\n")

    answer = reference_trial.ask(source, moves, cpu_seconds=1)

    assert answer.how == "timeout"
    assert not answer.noticed


RAISING = {"exit_done", "stray", "settlement_advances", "income_advances", "taken", "position_explained", "closing"}


@pytest.mark.unmeasured
def test_only_moves_that_run_a_function_can_notice_it(repository: Path, moves: list[Move]) -> None:
    """Where a function raises when it is called, every move that is asked notices it, and no other move does."""
    runs, reach, found = Runs({"corpus": moves}, repository), Reach(repository), 0
    for path in reference_paths(repository):
        source = (repository / path).read_text(encoding="utf-8")
        for function in sorted(name for name in RAISING if f"\ndef {name}(" in source):
            at = source.index(":\n", source.index("->", source.index(f"\ndef {function}("))) + 2
            raising = {path: f"{source[:at]}    raise KeyError\n{source[at:]}".encode()}
            asked = runs.asked("corpus", changed_functions(raising, repository))
            others = sorted(set(range(len(moves))) - set(asked))

            assert reference_trial.ask(raising, moves, others).how == "survived", function
            assert {reference_trial.ask(raising, moves, [place]).how for place in asked[:3]} == {"killed"}, function
            assert {moves[place].event.kind for place in asked} <= reach.kinds(function)
            found += 1
    assert found == len(RAISING)
    assert reach.kinds("") == reach.kinds("answer") == reach.kinds("Refused.__init__") == EVERYTHING
    assert reach.kinds("require") >= {int(kind) for kind in HANDLERS}


def test_what_is_changed_is_told_by_function(repository: Path) -> None:
    """A layout is no change; a class or a table is more than its functions, and every move is asked of it."""
    whole = (repository / ORDERS).read_bytes()
    focus = "reference_py/dita/reference/focus.py"
    one = changed(repository, ORDERS, "if attempt == tail.last_attempt:", "if attempt != tail.last_attempt:")
    more = {ORDERS: whole + b"\n\ndef another():\n    return 1\n"}

    assert changed_functions({ORDERS: b"# a remark\n\n" + whole}, repository) == frozenset()
    assert changed_functions(one, repository) == frozenset({"shown_by"})
    assert changed_functions(more, repository) == frozenset({"another"})
    assert changed_functions(changed(repository, focus, "super().__init__(code)", "pass"), repository) is None
    assert changed_functions({ORDERS: whole + b"\nX = 1\n"}, repository) is None


def test_nothing_of_the_reference_runs_a_function_when_it_is_imported(repository: Path) -> None:
    """A mutant of a function could otherwise change what moves meet that never run it."""
    for path in reference_paths(repository):
        for statement in ast.parse((repository / path).read_bytes()).body:
            if not isinstance(statement, ast.FunctionDef | ast.ClassDef):
                called = [ast.unparse(node.func) for node in ast.walk(statement) if isinstance(node, ast.Call)]
                assert called == [], (path, statement.lineno)


# --- predicates -----------------------------------------------------------------------------------------------------


def test_a_weaker_and_a_stronger_predicate_are_both_noticed(repository: Path, moves: list[Move]) -> None:
    """A stronger one shows on a sound step, a weaker one on a damaged step, and the sound one on neither."""
    sound = list(of_moves(moves))
    broken = list(damaged(sound, 4_000))
    touched = Tables(repository).touched("exposure_covers_entry")
    line = "return slot.exposure >= slot.entry.quote"
    stronger = changed(repository, SLOTS, line, line.replace(">=", ">"))
    weaker = changed(repository, SLOTS, line, "return slot.exposure >= 0")

    assert predicate_trial.ask(stronger, touched, sound).how == "killed"
    assert predicate_trial.ask(weaker, touched, sound).how == "survived"
    assert predicate_trial.ask(weaker, touched, broken).how == "killed"
    assert predicate_trial.ask({SLOTS: (repository / SLOTS).read_bytes()}, touched, [*sound, *broken]).how == "survived"


def test_several_in_one_child_say_what_each_says_alone(repository: Path, moves: list[Move]) -> None:
    """One mutant of predicates leaves nothing behind for the next; and here the sound modules are back."""
    layers = {"sound": list(of_moves(moves))}
    touched = Tables(repository).touched("exposure_covers_entry")
    line = "return slot.exposure >= slot.entry.quote"
    stronger = changed(repository, SLOTS, line, line.replace(">=", ">"))
    sources = [stronger, {SLOTS: (repository / SLOTS).read_bytes()}, stronger]
    before = dict(sys.modules), list(sys.meta_path)

    together = predicate_trial.ask_each([predicate_trial.Trial(source, touched, layers) for source in sources])
    with planted({module_of(SLOTS): stronger[SLOTS]}, ("dita.spec",)):
        assert import_module(module_of(SLOTS)) is not before[0][module_of(SLOTS)]

    alone = [predicate_trial.ask_all(source, touched, layers) for source in sources]
    assert [said["sound"][:2] for said in together] == [said["sound"][:2] for said in alone]
    assert [said["sound"].how for said in together] == ["killed", "survived", "killed"]
    assert (sys.modules, sys.meta_path) == before


def test_sound_examples_break_nothing_and_examples_survive_their_rows(moves: list[Move]) -> None:
    """What the corpus shows is sound, whole states included, and a row is the example that it was made of."""
    sound = list(of_moves(moves))
    kept: list[Example] = [*sound[::40], *damaged(sound, 40)]

    assert {name for example in sound for name in broken_by(example)} == set()
    assert any(example.whole for example in sound)
    assert [of_row(to_row(example)) for example in kept] == kept


CORNERS = [
    (
        INVARIANTS,
        "quantity_max * price_max < (BOUND + 1)",
        "quantity_max * price_max <= (BOUND + 1)",
        "are_terms_exact",
    ),
    (SLOTS, "<= 4 * quote * NOTIONAL_DIVISOR and", "<= 3 * quote * NOTIONAL_DIVISOR and", "is_plausible"),
    (SLOTS, "<= 4 * quote * NOTIONAL_DIVISOR and", "<= 5 * quote * NOTIONAL_DIVISOR and", "is_plausible"),
    (SLOTS, "<= 4 * quantity * ref_price", "<= 5 * quantity * ref_price", "is_plausible"),
    (SLOTS, "if part == whole:", "if False:", "is_cost_share"),
    (PROPERTIES, "rest >= 0 and is_whole", "rest >= -1 and is_whole", "exits_reduce"),
    (PROPERTIES, "is_whole(outcome.quantity, lot)\n", "True\n", "exits_reduce"),
    (PROPERTIES, "(outcome.quantity >= slot.minimum or outcome.close_all == 1)", "True", "exits_reduce"),
]


@pytest.mark.unmeasured
@pytest.mark.parametrize(("path", "old", "new", "function"), CORNERS)
def test_corners_tell_bounds_apart(repository: Path, path: str, old: str, new: str, function: str) -> None:
    """What is one off at an end, or leaves a condition out, says otherwise at a corner; the sound predicates do not."""
    touched, source = Tables(repository).touched(function), (repository / path).read_bytes()

    assert predicate_trial.ask(changed(repository, path, old, new), touched, list(corners())).how == "killed"
    assert predicate_trial.ask({path: source}, touched, list(corners())).how == "survived"


def test_every_predicate_is_in_a_table_and_helpers_reach_theirs(repository: Path) -> None:
    """A helper's mutants are asked of all predicates that call it, however far above; others of none."""
    tables = Tables(repository)

    assert tables.touched("live_slots_counted") == [("WHOLE", 0)]
    assert {table for table, _ in tables.touched("in_exit")} >= {"SLOT", "STEP"}
    assert tables.touched("rank") == []


# --- operators ------------------------------------------------------------------------------------------------------


OPERATORS = [
    ("if a < b:\n        return 1", {"if a <= b", "if True", "if False", "return 2", "return 0"}),
    (
        "return a == b and c",
        {"a != b and c", "a == b or c", "True and c", "a == b and True", "return True", "return False"},
    ),
    ("require(a, Code.OK)", {"pass", "Code.NO_CHANGE"}),
    (
        "return slot._replace(phase=Phase.IDLE, trade=0)",
        {"_replace(trade=0)", "_replace(phase=Phase.IDLE, )", "Phase.POSITION_OPEN", "trade=1", "trade=-1"},
    ),
    ("return f(a.quantity, b.minimum)", {"f(b.minimum, a.quantity)", "a.quote", "b.ref_price"}),
    ("return not_mine(a) if not a else -b", {"(a)", "(b)", "return (not_mine(a))", "return (-b)"}),
    ("return max(a + 1, 0) // 2", {"min(a", "a - 1", "a + 2", "a + 0", ", 1)", ", -1)", "* 2", "// 3", "// 1"}),
]


@pytest.mark.parametrize(("body", "wanted"), OPERATORS)
def test_operators_make_the_mistakes_that_they_are_there_for(body: str, wanted: set[str]) -> None:
    """Each mistake is made, at its place, and everything around it stays; what comes out is Python."""
    source = f'def f(a, b, c):\n    """Doc."""\n    {body}\n'.encode()
    found = [source[: edit.start] + edit.new.encode() + source[edit.end :] for edit in edits_of("f.py", source)]

    for text in found:
        compile(text, "f.py", "exec")
        assert text != source
    missing = {part for part in wanted if not any(part in text.decode() for text in found)}
    assert not missing


def test_mutants_keep_their_names_when_lines_move() -> None:
    """An id is made of function and text, not of the place in the file; equal ones are told apart by order."""
    source = b"def f(a):\n    return a < 1 and a < 1\n"
    moved = b"# more\n\n\n" + source
    ids = [[mutant.id for mutant in mutants_of("reference", edits_of("f.py", text))] for text in (source, moved)]

    assert ids[0] == ids[1]
    assert len(set(ids[0])) == len(ids[0]) >= 6


def test_an_edit_of_another_text_is_refused(repository: Path, tmp_path: Path) -> None:
    """A mutant is never applied to a file in which something else stands at its place."""
    source = (repository / ORDERS).read_bytes()
    (mutant,) = mutants_of("reference", [edit_at(ORDERS, "stray", source, 10, 14, "x")])
    (tmp_path / ORDERS).parent.mkdir(parents=True)
    (tmp_path / ORDERS).write_bytes(b"#" + source)

    with pytest.raises(Exception, match="has changed since the mutants were listed"):
        changed_files(mutant, tmp_path)
    assert module_of(ORDERS) == "dita.reference.orders"
    with pytest.raises(ValueError, match="is in none of"):
        module_of("conformance/dita/conformance/shrink.py")

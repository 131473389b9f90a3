"""The explorer takes every path once, and refuses loudly whatever it does not model."""

from collections.abc import Callable
from enum import Enum

import pytest
import z3

from dita.conformance.prove.executor import VALUES_MAX, Explorer, Path, SolverUnknown
from dita.conformance.prove.merging import identity, merging
from dita.conformance.prove.proxies import SymInt, Unsupported
from dita.conformance.prove.rewriting import rewritten

x, y = z3.Int("x"), z3.Int("y")


class Free:
    """The same as integers of the code. They answer no foreign question, not even pytest's, so they hide in a class."""

    x = SymInt(x)
    y = SymInt(y)


def explored(code: Callable[[], object], *assumptions: z3.BoolRef) -> list[Path]:
    """The paths, with every exception of the code as a result."""
    return Explorer(assumptions, (Exception,)).explore(code)


def possible(*facts: z3.BoolRef) -> bool:
    """Whether a fresh solver finds numbers for the facts."""
    solver = z3.SolverFor("QF_LIA")
    solver.add(*facts)
    return solver.check() == z3.sat


def gaps(paths: list[Path], *assumptions: z3.BoolRef) -> bool:
    """Whether some numbers take none of the paths."""
    return possible(*assumptions, z3.Not(z3.Or(*[path.condition for path in paths])))


def overlaps(paths: list[Path]) -> bool:
    """Whether some numbers take two of the paths."""
    return any(possible(one.condition, other.condition) for n, one in enumerate(paths) for other in paths[:n])


def sign(number: SymInt, other: SymInt) -> int:
    """A toy with a nested branch and one that the first rules out."""
    if number > 0:
        return 1 if other > number else 2
    if number > 5:
        return 3
    return 4 if number == 0 else 5


# ---- paths


def test_the_paths_of_a_toy_are_complete_and_disjoint() -> None:
    """Each feasible path is found once with its result, the infeasible one is not, and no numbers are left out."""
    paths = explored(lambda: sign(Free.x, Free.y))

    assert sorted(path.result for path in paths) == [1, 2, 4, 5]
    assert not gaps(paths)
    assert not overlaps(paths)


def test_a_lost_and_a_doubled_path_are_noticed() -> None:
    """The two questions of the test above see a path that is taken away, and one that is there twice."""
    paths = explored(lambda: sign(Free.x, Free.y))

    assert gaps(paths[1:])
    assert overlaps([*paths, paths[0]])


def test_each_path_gives_what_python_gives() -> None:
    """Numbers that a solver picks for a path's condition, put into plain Python, give the path's result."""
    for path in explored(lambda: sign(Free.x, Free.y)):
        solver = z3.SolverFor("QF_LIA")
        solver.add(*path.literals)
        solver.check()
        one, other = (solver.model().eval(term, model_completion=True).as_long() for term in (x, y))

        assert path.result == (1 if other > one else 2) if one > 0 else 4 if one == 0 else 5


def test_assumptions_leave_paths_out() -> None:
    """Under an assumption only its paths are found, and they are complete for it but not without it."""
    paths = explored(lambda: sign(Free.x, Free.y), x > 3)

    assert sorted(path.result for path in paths) == [1, 2]
    assert not gaps(paths, x > 3)
    assert gaps(paths)


def test_a_condition_met_again_is_not_decided_again() -> None:
    """The same comparison twice, or negated, is one decision."""
    paths = explored(lambda: (bool(Free.x != Free.y), bool(Free.x != Free.y), not Free.x == Free.y))  # noqa: SIM201 meant

    assert sorted(path.result for path in paths) == [(False, False, False), (True, True, True)]
    assert [len(path.decisions) for path in paths] == [1, 1]


def test_an_index_takes_each_of_its_values() -> None:
    """A symbolic index of three possible values gives three paths, each with its item."""
    paths = explored(lambda: "abc"[Free.x], x >= 0, x < 3)

    assert sorted(path.result for path in paths) == ["a", "b", "c"]
    assert not gaps(paths, x >= 0, x < 3)


def test_a_lemma_can_show_a_path_to_be_impossible() -> None:
    """A fact that is brought along below a branch abandons the run where the two contradict each other."""
    explorer = Explorer([])

    def code() -> int:
        if Free.x > 0:
            explorer.lemma(x <= 0)
            return 1 if Free.y > 0 else 2
        return 3

    assert [path.result for path in explorer.explore(code)] == [3]


def test_what_the_code_relies_on_is_kept_with_the_paths_that_come_by() -> None:
    """A claim belongs to the paths on which it was made; one that is true of all numbers is none."""
    explorer = Explorer([])

    def code() -> int:
        explorer.claim(z3.BoolVal(True))
        if Free.x > 0:
            explorer.claim(x > -1)
            return 1 if Free.y > 0 else 2
        return 3

    claims = {path.result: path.claims for path in explorer.explore(code)}

    assert {result: [str(claim) for claim in made] for result, made in claims.items()} == {
        1: ["x > -1"], 2: ["x > -1"], 3: [],
    }  # fmt: skip


def test_a_merged_helper_may_not_rely_on_anything() -> None:
    """Inside it nobody knows which branch has led there: refused, whatever the branch."""
    explorer = Explorer([])

    def helper(number: SymInt) -> int:
        if number > 0:
            explorer.claim(x > -1)
        return 1

    with pytest.raises(Unsupported, match="a merged helper relies on"):
        explorer.explore(lambda: merging(helper)(Free.x))


def test_a_division_by_zero_is_a_path() -> None:
    """The divisor that nobody excluded ends in ZeroDivisionError, and nowhere else."""
    paths = explored(lambda: Free.y // Free.x)
    (failed,) = (path for path in paths if path.error is not None)

    assert isinstance(failed.error, ZeroDivisionError)
    assert possible(failed.condition, x == 0)
    assert not possible(failed.condition, x != 0)
    assert not any(path.error for path in explored(lambda: Free.y // Free.x, x != 0))


@pytest.mark.parametrize("divisor", [-3, -1, 2, 7])
def test_division_rounds_as_python_does(divisor: int) -> None:
    """Quotient and remainder are Python's, for negative divisors and numerators as well."""
    for number in (-8, -7, -1, 0, 1, 6, 8):
        (path,) = explored(lambda: (Free.x // divisor, Free.x % divisor), x == number)
        quotient, remainder = path.result

        assert not possible(x == number, quotient.term != number // divisor)
        assert not possible(x == number, remainder.term != number % divisor)


def test_an_exception_that_is_not_expected_comes_through() -> None:
    """Without a list of expected exceptions the code's own ends the exploration."""
    with pytest.raises(ZeroDivisionError):
        Explorer([]).explore(lambda: Free.y // Free.x)


# ---- what is refused


class Colour(Enum):
    """Compares unequal to every number, quietly."""

    RED = 1


REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "format": (lambda: f"{Free.x}", "formatted"),
    "format of a truth value": (lambda: f"{Free.x > 0}", "formatted"),
    "true division": (lambda: Free.x / 2, "float"),
    "power": (lambda: Free.x**2, r"\*\*"),
    "bits": (lambda: Free.x & 1, "&"),
    "shift": (lambda: Free.x << 1, "<<"),
    "a plain Enum": (lambda: Free.x == Colour.RED, "Colour"),
    "a plain Enum, unequal": (lambda: Free.x != Colour.RED, "Colour"),
    "an Enum to compare a truth value with": (lambda: (Free.x > 0) == Colour.RED, "Colour"),
    "a float": (lambda: Free.x < 0.5, "float"),
    "a string": (lambda: Free.x + "1", "str"),
    "None": (lambda: Free.x == None, "NoneType"),  # noqa: E711 what a mistaken comparison looks like
    "attribute": (lambda: Free.x.real, "real"),
    "an unbounded index": (lambda: range(10**9)[Free.x], f"more than {VALUES_MAX} values"),
    "hash of anything": (lambda: {Free.x: 1}, f"more than {VALUES_MAX} values"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_modelled_is_refused(name: str) -> None:
    """Unsupported gets past the code's own `except Exception` and past every exception that is expected."""
    code, reason = REFUSED[name]

    def careful() -> object:
        try:
            return code()
        except Exception:  # noqa: BLE001 the mistake that this shows to be harmless
            return None

    with pytest.raises(Unsupported, match=reason):
        explored(careful)


def test_an_index_may_have_as_many_values_as_the_cap() -> None:
    """At the cap every value is a path; one more is refused."""
    assert len(explored(lambda: range(100)[Free.x], x >= 0, x < VALUES_MAX)) == VALUES_MAX
    with pytest.raises(Unsupported, match=f"more than {VALUES_MAX} values"):
        explored(lambda: range(100)[Free.x], x >= 0, x <= VALUES_MAX)


def test_contradictory_assumptions_are_refused() -> None:
    """From a contradiction everything would follow."""
    with pytest.raises(Unsupported, match="contradict"):
        explored(lambda: Free.x > 0, x > 0, x < 0)


def fickle(first: Callable[[], object], later: Callable[[], object]) -> Callable[[], object]:
    """Code that does one thing in its first run and another after it."""
    runs = [later, first]

    def code() -> object:
        return (runs.pop() if len(runs) > 1 else later)()

    return code


def two(one: object, other: object) -> bool:
    """Both are decided, in this order."""
    return bool(one) ^ bool(other)


RUNS: dict[str, tuple[Callable[[], object], Callable[[], object], str]] = {
    "another": (lambda: bool(Free.x > 0), lambda: bool(Free.y > 0), "another decision than before"),
    "fewer": (lambda: two(Free.x > 0, Free.y > 0), lambda: bool(Free.x > 0), "fewer decisions than before"),
    "an index": (lambda: two(Free.x > 0, Free.y > 0), lambda: two(Free.x > 0, "abc"[Free.y]), "where it had branched"),
}


@pytest.mark.parametrize("name", RUNS)
def test_nondeterministic_code_is_refused(name: str) -> None:
    """A replay that does not meet the decisions of the run before it is named."""
    first, later, reason = RUNS[name]
    with pytest.raises(Unsupported, match=reason):
        explored(fickle(first, later), y >= 0, y < 3)


def test_branching_outside_an_exploration_is_refused() -> None:
    """A symbolic value that got out cannot be taken for True."""
    with pytest.raises(Unsupported, match="outside an exploration"):
        bool(Free.x > 0)


def test_giving_up_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A question that the solver does not answer in its time raises SolverUnknown."""
    monkeypatch.setattr("dita.conformance.prove.executor.SECONDS_A_CHECK", 1)
    monkeypatch.setattr("dita.conformance.prove.executor.LOGIC", "QF_NIA")
    third = z3.Int("z")
    cubes = x * x * x + y * y * y + third * third * third == 114  # no solution is known

    with pytest.raises(SolverUnknown, match=r"timeout|cancel|incomplete"):
        explored(lambda: bool(Free.x > 0), cubes, x > 10**6, y < -(10**6))


# ---- rewriting refuses as well


def test_only_plain_functions_are_rewritten() -> None:
    """A function that uses another's variables, a lambda, a class and a built-in are refused."""
    limit = 3

    def closed(number: int) -> bool:
        return number < limit

    always = lambda: True  # noqa: E731 the very thing
    for function, reason in ((closed, "enclosing"), (always, "plain"), (Colour, "plain"), (max, "plain")):
        with pytest.raises(Unsupported, match=reason):
            rewritten(function)


def test_values_are_told_apart_by_their_words() -> None:
    """Records of the same words are the same to a merged helper, however often they are made; others are not."""
    same = [((Free.x, 1), (Free.y, Free.x)), ((SymInt(x), 1), (SymInt(y), SymInt(x)))]
    others = [((Free.x, 1), (Free.x, Free.y)), ((Free.x, 2), (Free.y, Free.x)), ((Free.x, 1, Free.y), (Free.x,)), ()]

    assert identity(same[0]) == identity(same[1])
    assert len({identity(value) for value in (same[0], *others, Free.x, Free.y, 1)}) == len(others) + 4

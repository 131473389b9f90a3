"""The lint refuses, by file and line, what the symbolic executor cannot run honestly; the product is clean."""

from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import Any

import pytest

import dita.reference
import dita.spec
from dita.conformance.prove.lint import TEXTS, NothingToLint, executed_files, lint, lint_files, lint_product
from dita.conformance.prove.lint_rules import RULES

# Rule, and a body of `def f(x, y, pre, post, records)`; the flaw is in the line that ends with `#!`.
BODIES = [
    ("assert", "assert x > 0  #!"),
    ("assert", "return 1 if __debug__ else 2  #!"),
    ("bitwise", "return x & 1  #!"),
    ("bitwise", "return x | y  #!"),
    ("bitwise", "y = x\ny <<= 2  #!"),
    ("bitwise", "return ~x  #!"),
    ("broad-except", "try:\n    return g(x)\nexcept:  #!\n    return 0"),
    ("broad-except", "try:\n    return g(x)\nexcept Exception:  #!\n    return 0"),
    ("broad-except", "try:\n    return g(x)\nexcept (Refused, BaseException):  #!\n    return 0"),
    ("broad-except", "try:\n    return g(x)\nexcept TypeError:  #!\n    return 0"),
    ("broad-except", "try:\n    return g(x)\nexcept* AttributeError:  #!\n    y = 0"),
    ("cast", "return int(x > y)  #!"),
    ("cast", "return bool(x)  #!"),
    ("divmod", "return divmod(x, 3)  #!"),
    ("finally", "try:\n    return g(x)\nfinally:\n    y = 0  #!"),
    ("finally", "with suppress(Refused):  #!\n    return g(x)"),
    ("float", "return x > 0.5  #!"),
    ("float", "return x / 2  #!"),
    ("float", "y = x\ny /= 2  #!"),
    ("float", "return float(x)  #!"),
    ("float", "return round(x)  #!"),
    ("for-people", "return broken(pre) == []  #!"),
    ("for-people", "return invariants.broken(pre) == []  #!"),
    ("formatting", 'return f"{x}"  #!'),
    ("formatting", "return str(x)  #!"),
    ("formatting", 'return "%d" % x  #!'),
    ("formatting", 'return "{}".format(x)  #!'),
    ("formatting", 'return ",".join(records)  #!'),
    ("hash", "return hash(x)  #!"),
    ("hash", "return {x: 1}[y]  #!"),
    ("hash", "return x in {1, 2}  #!"),
    ("hash", "return {item: 1 for item in records}  #!"),
    ("hash", "return set(records)  #!"),
    ("hash", 'match x:\n    case {"a": 1}:  #!\n        return 1'),
    ("identity", "return x is Phase.IDLE  #!"),
    ("identity", "return x is not y  #!"),
    ("identity", "return (x > y) is True  #!"),
    ("identity", "return pre.instrument is post.instrument  #!"),
    ("identity", "return id(x)  #!"),
    ("identity", "match x > y:\n    case True:  #!\n        return 1"),
    ("import", "from math import isqrt  #!\nreturn isqrt(x)"),
    ("in-range", "return x in range(3)  #!"),
    ("in-range", "return x not in range(3)  #!"),
    ("integer-attribute", "return x.bit_length()  #!"),
    ("lambda", "return g(lambda: x)  #!"),
    ("loop", "while x > 0:  #!\n    x = x - 1"),
    ("loop", "return f(x - 1, y, pre, post, records)  #!"),
    ("loop", "return sum(iter(g, x))  #!"),
    ("mutable-default", "def inner(z, seen=[]):  #!\n    return z"),
    ("mutable-default", "def inner(z, *, seen=dict()):  #!\n    return z"),
    ("mutation", "global LAST  #!\nLAST = x"),
    ("mutation", "def inner():\n    nonlocal x  #!\n    x = 1"),
    ("mutation", "records.append(x)  #!"),
    ("mutation", "SEEN.add(x)  #!"),
    ("mutation", "seen = SEEN\nseen.clear()  #!"),
    ("mutation", "pre.phase = x  #!"),
    ("mutation", "y, records[0] = x, y  #!"),
    ("mutation", "records += [x]  #!"),
    ("mutation", "del records[0]  #!"),
    ("mutation", "self.total = x  #!"),
    ("power", "return x ** 2  #!"),
    ("power", "return pow(x, 2)  #!"),
    ("reflection", 'return getattr(pre, "phase", 0)  #!'),
    ("reflection", "return x.__class__ == Slot  #!"),
    ("reflection", "return open(records)  #!"),
    ("sorting", "return sorted(records)  #!"),
    ("sorting", "found = list(records)\nfound.sort()  #!"),
    ("sorting", "return min(records, key=g)  #!"),
    ("type-test", "return isinstance(x, int)  #!"),
    ("type-test", "return type(x) == Slot  #!"),
    ("type-test", "match x:\n    case int():  #!\n        return 1"),
    ("type-test", "match (x, y):\n    case (int(value), 1):  #!\n        return value"),
]
MODULES = [
    ("decorator", '"""M."""\nfrom functools import cache\n\n\n@cache  #!\ndef f(x):\n    return x'),
    ("decorator", '"""M."""\n@dataclass  #!\nclass A:\n    x: int'),
    ("float", '"""M."""\nRATE = 0.1  #!'),
    ("import", '"""M."""\nimport math  #!'),
    ("import", '"""M."""\nfrom functools import cache  #!'),
    ("import", '"""M."""\nfrom enum import IntFlag  #!'),
    ("import", '"""M."""\nfrom dita.spec.state import *  #!'),
    ("lambda", '"""M."""\nTABLE = (lambda x: x,)  #!'),
    ("mutable-default", '"""M."""\ndef f(\n    x,\n    seen={},  #!\n):\n    return x'),
    ("plain-enum", '"""M."""\nclass Side(Enum):  #!\n    LONG = 1'),
    ("plain-enum", '"""M."""\nimport dita.spec.state\nclass Side(str, enum.Flag):  #!\n    LONG = 1'),
]
HEAD = '"""M."""\n\ndef f(x, y, pre: Slot, post: Slot, records):\n'


def whole(body: str) -> str:
    """The module around a body."""
    return HEAD + "\n".join(f"    {line}" for line in body.splitlines())


SAMPLES = [*((rule, whole(body)) for rule, body in BODIES), *MODULES]


@pytest.mark.parametrize(("rule", "source"), SAMPLES, ids=[f"{n}-{rule}" for n, (rule, _) in enumerate(SAMPLES)])
def test_a_planted_construct_is_refused_where_it_stands(rule: str, source: str) -> None:
    """The sample's rule is reported for the marked line, with what stands there, why not and what to write instead."""
    line = next(number for number, text in enumerate(source.splitlines(), 1) if text.endswith("#!"))
    found = [one for one in lint(source, "a.py") if one.rule == rule]

    assert [one.line for one in found] == [line]
    told = next(one for one in RULES if one.id == rule)
    assert str(found[0]) == f"a.py:{line}: {rule}: `{found[0].found}`: {told.why}; {told.instead}"
    assert found[0].found


def test_every_rule_has_a_sample() -> None:
    """No rule is without a planted construct, every rule has a name of its own, and says why and what instead."""
    assert {rule for rule, _ in SAMPLES} == {rule.id for rule in RULES}
    assert len({rule.id for rule in RULES}) == len(RULES)
    assert all(rule.why and rule.instead for rule in RULES)


def test_the_product_is_clean() -> None:
    """Nothing in the reference, the predicates and the records that they are made of is refused."""
    assert "\n".join(map(str, lint_product())) == ""


def test_everything_that_is_executed_is_linted() -> None:
    """The whole reference, the predicates, and every module of spec that they import; not what only builds inputs."""
    files = executed_files()
    reference = Path(dita.reference.__file__ or "").parent
    spec = Path(dita.spec.__file__ or "").parent

    assert {path for path in files.values() if path.parent == reference} == set(reference.rglob("*.py"))
    predicates = {"invariants", "slot_invariants", "properties", "state", "outcome", "vocabulary", "scales"}
    assert {f"dita/spec/{name}.py" for name in predicates} <= set(files)
    assert {path for path in files.values() if path.parent != reference} <= set(spec.rglob("*.py"))
    assert "dita/spec/inputs.py" not in files


PLANTS = [
    ("dita/reference/orders.py", "type-test", "if isinstance(event, int) and"),
    ("dita/reference/lifecycle.py", "identity", "if slot is event and"),
    ("dita/reference/arithmetic.py", "float", "if 0.5 and"),
    ("dita/spec/slot_invariants.py", "formatting", "if str(slot) and"),
    ("dita/spec/invariants.py", "hash", "if slot in {1} and"),
    ("dita/spec/properties.py", "lambda", "if (lambda: slot) and"),
]


@pytest.mark.parametrize(("name", "rule", "planted"), PLANTS)
def test_a_construct_planted_in_the_product_is_refused(name: str, rule: str, planted: str, tmp_path: Path) -> None:
    """The product with its first condition changed in one file: exactly that line is refused, under the file's name."""
    files = executed_files()
    lines = files[name].read_text(encoding="utf-8").splitlines()
    number = next(number for number, text in enumerate(lines) if text.startswith("    if "))
    lines[number] = lines[number].replace("if", planted, 1)
    files[name] = tmp_path / Path(name).name
    files[name].write_text("\n".join(lines), encoding="utf-8")

    assert [(found.file, found.line, found.rule) for found in lint_files(files, TEXTS)] == [(name, number + 1, rule)]


CLEAN = '''"""M."""

from enum import IntEnum
from typing import Final

ABSENT: Final = object()
BOUND: Final = 1 << 60
NAMES: Final = {code: code.name for code in range(3)}


class Mine(Exception):
    """Ours."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code

    def __str__(self) -> str:
        return f"code {self.code}"


def f(pre: State, post: State, before: Focus, after: Focus, x: int | None) -> bool:
    """Everything that is allowed."""
    found: list[int] = []
    for index in range(len(pre.slots)):
        found.append(index)
        found += [index]
        found[0] = 2
    try:
        total = sum(found) // 2 - 2**3 % 7
    except Mine:
        total = 0
    if post is pre or x is None or after.slot is not before.slot or x is ABSENT:
        return total in (1, 2)
    match total:
        case 1 | 2:
            return True
        case Phase.IDLE:
            return not any(item == total for item in found)
    raise Mine(total)
'''


def test_what_is_sound_is_not_refused() -> None:
    """`is` for None, sentinels and records, lists made on the spot, tuples, value patterns, exceptions of ours."""
    assert lint(CLEAN, "a.py") == []


def test_a_function_for_people_is_exempt_by_name_only() -> None:
    """Its body is not linted, its callers are; an exemption that names nothing is an error."""
    source = 'def told(x):\n    return f"{x}"\n\n\ndef f(x):\n    return told(x)\n'

    assert [(one.line, one.rule) for one in lint(source, "a.py")] == [(2, "formatting")]
    assert [(one.line, one.rule) for one in lint(source, "a.py", frozenset({"told"}))] == [(6, "for-people")]
    with pytest.raises(NothingToLint, match="no function `tolld`; remove it"):
        lint(source, "a.py", frozenset({"tolld"}))


def test_nothing_to_lint_is_an_error() -> None:
    """No files, or text that is no Python, never counts as clean."""
    with pytest.raises(NothingToLint, match="no Python files to lint"):
        lint_files({}, TEXTS)
    with pytest.raises(SyntaxError):
        lint("def f(:", "a.py")


# ---- what the rules call silent is silent, and the rest is loud


class Proxy:
    """The least that a symbolic integer can be: compares and adds like its value, and is nothing else."""

    def __init__(self, value: int) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, int) and self.value == other

    def __add__(self, other: int) -> "Proxy":
        return Proxy(self.value + other)

    def __hash__(self) -> int:
        raise TypeError("a symbolic value was hashed")


class Plain(Enum):
    """An enumeration whose members are no integers."""

    ONE = 1


def matched(x: object) -> int:
    """Which pattern takes x."""
    match x:
        case int():
            return 1
        case _:
            return 2


def swallowed(x: Any) -> int:
    """A broad except around an operator that the proxy lacks."""
    try:
        return 1 if x**2 == 1 else 2
    except Exception:  # noqa: BLE001 - this is the construct under test
        return 2


ONE = 1
SILENT: list[tuple[str, Callable[[Any], object]]] = [
    ("identity", lambda x: x is ONE),
    ("identity", lambda x: id(x) == id(ONE)),
    ("type-test", lambda x: isinstance(x, int)),
    ("type-test", matched),
    ("formatting", str),
    ("formatting", lambda x: f"{x!r}"),
    ("broad-except", swallowed),
    ("reflection", lambda x: getattr(x, "real", 0) == 1),
]
LOUD: list[tuple[str, Callable[[Any], object]]] = [
    ("bitwise", lambda x: x & 1),
    ("bitwise", lambda x: ~x),
    ("divmod", lambda x: divmod(x, 2)),
    ("float", lambda x: x / 2),
    ("float", float),
    ("float", round),
    ("hash", lambda x: x in {1, 2}),
    ("hash", lambda x: {x: 1}),
    ("integer-attribute", lambda x: x.bit_length()),
    ("power", lambda x: x**2),
    ("cast", int),
    ("sorting", lambda x: sorted((x, x))),
]
IS_SILENT = {rule.id: rule.silent for rule in RULES}


@pytest.mark.parametrize(("rule", "code"), SILENT, ids=[f"{n}-{rule}" for n, (rule, _) in enumerate(SILENT)])
def test_a_silent_rule_is_about_a_wrong_answer(rule: str, code: Callable[[Any], object]) -> None:
    """On an object that stands for 1 the construct answers otherwise than on 1, and nothing is raised."""
    assert IS_SILENT[rule]
    assert code(Proxy(1)) != code(1)


@pytest.mark.parametrize(("rule", "code"), LOUD, ids=[f"{n}-{rule}" for n, (rule, _) in enumerate(LOUD)])
def test_a_loud_rule_is_about_an_error(rule: str, code: Callable[[Any], object]) -> None:
    """On an object that stands for 1 and has no such operation the construct raises; on 1 it does not."""
    assert not IS_SILENT[rule]
    code(1)
    with pytest.raises((TypeError, AttributeError)):
        code(Proxy(1))


def test_members_of_a_plain_enum_equal_no_integer() -> None:
    """Neither 1 nor an object that stands for it equals the member whose value is 1."""
    assert IS_SILENT["plain-enum"]
    assert all(one != Plain.ONE for one in (1, Proxy(1)))

"""The rules of the lint: what code that is executed symbolically may not contain, why, and what to write instead.

A symbolic integer is an object that stands for a formula. ``silent`` rules are about constructs that give a wrong
answer about such an object without a word. The others stop the executor, or keep it busy for ever; the lint only says
so sooner, and with a line.
"""

from typing import Final, NamedTuple


class Rule(NamedTuple):
    """One forbidden construct. ``everywhere`` rules hold at module level, too, where only plain integers can come."""

    id: str
    silent: bool
    why: str
    instead: str
    everywhere: bool = False


ASSERT: Final = Rule(
    "assert", True, "it is gone under -O, so the product would run other code than was proved",
    "refuse by `require`, or return the condition",
)  # fmt: skip
BITWISE: Final = Rule(
    "bitwise", False, "a symbolic integer has no bits, the operator is missing", "use arithmetic or a comparison"
)
BROAD_EXCEPT: Final = Rule(
    "broad-except", True, "it swallows what the executor raises and goes on down a path that is none",
    "catch the one exception of ours by its name",
)  # fmt: skip
CAST: Final = Rule(
    "cast", False, "it fixes the value on the spot, one path for each value up to the cap",
    "use the value as it is, or `1 if condition else 0`",
)  # fmt: skip
DECORATOR: Final = Rule(
    "decorator", True, "the function is no longer its body: a cache answers with another path's value",
    "write a plain function", everywhere=True,
)  # fmt: skip
DIVMOD: Final = Rule("divmod", False, "a symbolic integer does not have it", "use // and %")
FINALLY: Final = Rule(
    "finally", True, "it also runs, and may return, when the executor abandons a path; so does the end of a `with`",
    "use plain returns",
)  # fmt: skip
FLOAT: Final = Rule(
    "float", False, "it has no exact formula, and no place near money", "use scaled integers, // and `half_even`",
    everywhere=True,
)  # fmt: skip
FORMATTING: Final = Rule(
    "formatting", True, "the text of a symbolic value is the text of an object, equal to no other",
    "return the data, make texts of it outside",
)  # fmt: skip
HASH: Final = Rule(
    "hash", False, "hashing fixes the value, one path for each value up to the cap", "compare with ==, or `in` a tuple"
)
IDENTITY: Final = Rule(
    "identity", True, "`is` compares objects: a symbolic 1 is another object than 1 and than True",
    "use ==; None, `object()` sentinels and annotated whole records may be compared by `is`",
)  # fmt: skip
IMPORT: Final = Rule(
    "import", True, "what it computes, remembers or reads goes past the executor",
    "import dita.spec, dita.reference, typing, collections.abc and IntEnum only", everywhere=True,
)  # fmt: skip
INTEGER_ATTRIBUTE: Final = Rule(
    "integer-attribute", False, "a symbolic integer does not have it, which looks like an AttributeError of the code",
    "use arithmetic or a comparison",
)  # fmt: skip
LAMBDA: Final = Rule(
    "lambda", True, "it has no name for a contract to stand in for, and reads loop variables when the loop is over",
    "name the function", everywhere=True,
)  # fmt: skip
LOOP: Final = Rule(
    "loop", False, "nothing bounds it but a condition on values: the exploration need not end",
    "loop over a tuple of fixed length",
)  # fmt: skip
MUTABLE_DEFAULT: Final = Rule(
    "mutable-default", True, "it outlives the path, and the next path finds in it what this one left",
    "use a tuple, or make it in the body", everywhere=True,
)  # fmt: skip
MUTATION: Final = Rule(
    "mutation", True, "what is changed outlives the path, or is shared with the state before",
    "make a new record (`_replace`), or fill a list made in this function",
)  # fmt: skip
PLAIN_ENUM: Final = Rule(
    "plain-enum", True, "its members are equal to no integer, symbolic or not", "use IntEnum", everywhere=True
)
POWER: Final = Rule("power", False, "a symbolic integer does not have it", "write the product")
RANGE: Final = Rule(
    "in-range", False, "a symbolic value is looked for in the range one number at a time", "write low <= x and x < high"
)
REFLECTION: Final = Rule(
    "reflection", True, "a name made at run time hides what is read, and a default hides that it is missing",
    "name the attribute or the function",
)  # fmt: skip
SORTING: Final = Rule(
    "sorting", False, "each comparison forks: n values give n! paths; a key hides which values are compared",
    "compare the two or three values that matter",
)  # fmt: skip
FOR_PEOPLE: Final = Rule(
    "for-people", True, "the function makes texts for people and is not linted", "call what it asks"
)
TYPE_TEST: Final = Rule(
    "type-test", True, "a symbolic integer is no `int`, a symbolic truth no `bool`, so the other branch is taken",
    "the kind and the fields of a record say what it is",
)  # fmt: skip

RULES: Final = (
    ASSERT, BITWISE, BROAD_EXCEPT, CAST, DECORATOR, DIVMOD, FINALLY, FLOAT, FORMATTING, HASH, IDENTITY, IMPORT,
    INTEGER_ATTRIBUTE, LAMBDA, LOOP, MUTABLE_DEFAULT, MUTATION, PLAIN_ENUM, POWER, RANGE, REFLECTION, SORTING,
    FOR_PEOPLE, TYPE_TEST,
)  # fmt: skip

# Functions that may not be called, by the name they are called by.
CALLS: Final = {
    name: rule
    for rule, names in (
        (CAST, ("int", "bool")),
        (DIVMOD, ("divmod",)),
        (FLOAT, ("float", "complex", "round")),
        (FORMATTING, ("str", "repr", "format", "ascii", "print", "hex", "oct", "bin", "chr", "bytes")),
        (HASH, ("hash", "set", "frozenset", "dict")),
        (IDENTITY, ("id",)),
        (LOOP, ("iter",)),
        (POWER, ("pow",)),
        (REFLECTION, (
            "getattr", "setattr", "hasattr", "delattr", "vars", "dir", "eval", "exec", "compile", "globals", "locals",
            "open", "input", "__import__",
        )),
        (SORTING, ("sorted",)),
        (TYPE_TEST, ("isinstance", "issubclass", "type", "callable")),
    )
    for name in names
}  # fmt: skip
METHODS: Final = {
    **dict.fromkeys(("format", "join", "format_map"), FORMATTING),
    **dict.fromkeys(("sort",), SORTING),
}
ATTRIBUTES: Final = {
    **dict.fromkeys(
        ("bit_length", "bit_count", "to_bytes", "from_bytes", "as_integer_ratio", "is_integer", "conjugate",
         "real", "imag", "numerator", "denominator"),
        INTEGER_ATTRIBUTE,
    ),
    **dict.fromkeys(("__class__", "__dict__", "__globals__", "__code__", "__getattribute__"), REFLECTION),
}  # fmt: skip
MUTATORS: Final = frozenset(
    ("append", "extend", "insert", "remove", "pop", "clear", "reverse", "add", "discard", "update", "setdefault",
     "popitem", "intersection_update", "difference_update", "__setitem__", "__setattr__", "__delitem__")
)  # fmt: skip
PLAIN_ENUMS: Final = frozenset(("Enum", "StrEnum", "Flag", "IntFlag", "ReprEnum"))
DECORATORS: Final = frozenset(("property", "staticmethod", "classmethod", "override", "final"))
MODULES: Final = ("dita.spec", "dita.reference", "typing", "collections.abc", "__future__")
FROM_ENUM: Final = frozenset(("IntEnum", "unique"))
# `is` between two whole records says at most too little (equal, but copied); their types are told by annotations.
RECORDS: Final = frozenset(("State", "Focus", "Account", "Instrument", "Slot", "Ledger", "Input", "Outcome"))
HOLDERS: Final = {"Focus": frozenset(("account", "instrument", "slot")), "State": frozenset(("account",))}

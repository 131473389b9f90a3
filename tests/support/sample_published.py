"""A published record in which every field has a value of its own."""

from itertools import count
from typing import Any

from dita.spec.published import Kind, declared


def sample(record: type[Any], numbers: "count[int] | None" = None) -> Any:
    """Made from the declaration: integers and texts are all distinct, lists have two records."""
    numbers = count(1) if numbers is None else numbers
    values: list[object] = []
    for field in declared(record):
        number = next(numbers)
        if field.kind is Kind.RECORD:
            values.append(sample(field.record or tuple, numbers))
        elif field.kind is Kind.LIST:
            values.append(tuple(sample(field.record or tuple, numbers) for _ in range(2)))
        elif field.kind is Kind.NAME:
            values.append(field.names[number % len(field.names)])
        elif field.kind is Kind.FLAG:
            values.append(number % 2 == 1)
        else:
            values.append(f"{field.name} {number} ü" if field.kind is Kind.TEXT else number)
    return record(*values)

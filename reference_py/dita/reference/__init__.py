"""The executable specification: ``step(state, input) -> (state, outcome)`` in plain Python integers.

Start at ``dita.reference.step``. The names in this package are the names of the clauses in ``spec/``.
"""

from dita.reference.step import step

__all__ = ["step"]

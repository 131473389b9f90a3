"""For every obligation the defect that refutes it: a patch under ``conformance/defects``, and where it shows.

``part`` is the part of the proof that notices first (an input kind, ``lift`` or ``frame``), so that showing one defect
takes seconds. An obligation without a killer says nothing that a defect could break, and fails the run.
"""

from typing import Final, NamedTuple


class Killer(NamedTuple):
    """A defect's name (its patch file without the suffix) and the part of the proof that shows it."""

    defect: str
    part: str


KILLERS: Final[dict[str, Killer]] = {}

"""The clauses are the law: unique, cited, and no citation without a clause."""

import re
from pathlib import Path

from dita.spec.clauses import BY_ID, CLAUSES

ROOT = Path(__file__).resolve().parents[2]
CITATION = re.compile(r"[Cc]lauses? ((?:[A-Z]\d+)(?:(?:, | and | to )[A-Z]\d+)*)")


def cited_in(text: str) -> set[str]:
    """Clause IDs that a text cites; ``O1 to O9`` names its ends."""
    return {clause for group in CITATION.findall(text) for clause in re.findall(r"[A-Z]\d+", group)}


def sources() -> list[Path]:
    """Python and Rust files that may cite clauses."""
    rooms = ("spec", "reference_py", "kernel_rs", "conformance", "adapters", "runtime", "tests")
    return [
        path
        for room in rooms
        for pattern in ("**/*.py", "**/*.rs")
        for path in (ROOT / room).glob(pattern)
        if "target" not in path.parts and path != Path(__file__).resolve()
    ]


def test_every_clause_has_its_own_id() -> None:
    """No ID is given twice."""
    assert len(BY_ID) == len(CLAUSES)


def test_every_citation_names_a_clause() -> None:
    """Nothing cites a clause that does not exist."""
    unknown = {
        f"{path.relative_to(ROOT)}: {clause}"
        for path in sources()
        for clause in cited_in(path.read_text(encoding="utf-8")) - BY_ID.keys()
    }

    assert unknown == set()


def test_every_clause_is_cited_by_code_or_test() -> None:
    """A clause that nobody cites is decoration."""
    cited = {clause for path in sources() for clause in cited_in(path.read_text(encoding="utf-8"))}

    assert BY_ID.keys() - cited == set()


def test_an_unknown_citation_is_seen() -> None:
    """The planted defect: a made-up clause in a text is found."""
    assert cited_in("as clause Z9 says, and clauses O1 to O9") - BY_ID.keys() == {"Z9"}

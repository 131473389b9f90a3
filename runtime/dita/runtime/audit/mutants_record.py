"""What ``dita mutants`` has recorded of a patch: the layers that compare kernel and reference, replayed in full.

Every patch of the step code is a mutant made by hand. What each layer said to the sound kernel was replayed on it, so
its record says at which step the layer is red, and after how long; current records are taken over instead of asked
again. A record that is carried over from other sources is not.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from dita.conformance.defects import REPOSITORY, Defect
from dita.conformance.mutants.catalogue import by_hand
from dita.conformance.mutants.records import read_evidence, status_of
from dita.runtime.audit.asking import Answer
from dita.spec.flaws import Layer

_LAYERS: Final[Mapping[str, Layer]] = {"vectors": "vectors", "worlds": "exhaustive", "random": "random"}
_MICROS: Final = 1_000_000


class MutantsRecord:
    """The current records, by patch and layer."""

    def __init__(self, repository: Path = REPOSITORY) -> None:
        """Raises RecordError, PatchRefused."""
        evidence = read_evidence(repository)
        self._answers: dict[tuple[str, Layer], Answer] = {}
        for mutant in by_hand(repository):
            record = evidence.records["hand"].get(mutant.id)
            if record is None or status_of(mutant, record, repository) != "current":
                continue
            for name, layer in _LAYERS.items():
                said = record.answers.get(name)
                if said is not None and said.how in ("killed", "survived"):
                    self._answers[mutant.id, layer] = Answer(
                        "caught" if said.noticed else "missed",
                        said.micros / _MICROS,
                        f"by `dita mutants`: step {said.steps} differs" if said.noticed else "",
                        said.steps,
                    )

    def of(self, defect: Defect, layer: Layer) -> Answer | None:
        """What a layer is recorded to say of a patch; None where there is no current record."""
        return self._answers.get((defect.name, layer))

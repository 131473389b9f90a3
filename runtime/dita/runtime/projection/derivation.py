"""A journal's rows through a kernel of our own: what each did, as steps.

No reference walks along: the journal's digests were written when kernel and reference agreed, and at the end of every
batch the kernel's whole state has to be what the row's digest says. So a kernel that walks elsewhere is found, at the
speed of the kernel.
"""

import struct
from collections.abc import Iterator, Sequence
from typing import Final, final

from dita.adapters.journal import Note
from dita.adapters.journal.records import Migration, PackedRow
from dita.kernel.binding import Kernel
from dita.kernel.errors import raise_for
from dita.kernel.lanes import OUTCOME
from dita.runtime.lockstep import step_digest
from dita.runtime.projection.steps import Step
from dita.runtime.projection.unpacking import account_of, slot_of
from dita.runtime.replay import ReplayRefused
from dita.spec.inputs import Input
from dita.spec.layout import word_names
from dita.spec.outcome import Outcome
from dita.spec.state import Account, Slot

_INPUT: Final = struct.Struct(f"<{len(word_names(Input))}q")
_BEFORE_RATIOS: Final = len(Input._fields) - 1


@final
class Derivation:
    """Walks one journal from its first row on. ``kernel``: a fresh one; ``position``: the row it has come to."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.position = 0
        self._lane = kernel.lane()
        first = kernel.focus_content(0, 0)
        self._account_content = first.account
        self._account: Account = account_of(first.account)
        self._slots: dict[int, tuple[bytes, Slot]] = {}

    def steps(self, rows: Sequence[tuple[PackedRow, tuple[Note, ...]]], migration: Migration | None) -> Iterator[Step]:
        """What each row did. ``rows`` follow on those before. Raises ReplayRefused, at the end of the rows.

        Steps are to be used one by one: the kernel's state is that of the newest.
        """
        for row, notes in rows:
            yield self._step(row, notes)
        if rows:
            self._verify(rows[-1][0], migration)

    def _step(self, row: PackedRow, notes: tuple[Note, ...]) -> Step:
        lane = self._lane
        lane.input_bytes[:] = row.input
        raise_for(lane.step())
        words = _INPUT.unpack(row.input)
        event = Input._make((*words[:_BEFORE_RATIOS], words[_BEFORE_RATIOS:]))
        outcome = Outcome._make(OUTCOME.unpack(lane.outcome_bytes))
        number = event.slot
        known = self._slots.get(number)
        slot_before = Slot() if known is None else known[1]
        content = self.kernel.focus_content(number, event.instrument)
        slot = slot_before
        if known is None or content.slot != known[0]:
            slot = slot_of(content.slot, known)
            if known is None and slot == slot_before:
                slot = slot_before
            self._slots[number] = content.slot, slot
        account_before = self._account
        if content.account != self._account_content:
            self._account_content, self._account = content.account, account_of(content.account)
        self.position = row.position
        return Step(
            row.position, row.wall_ns, row.send_by_ns, event, outcome, account_before, self._account, slot_before, slot,
            notes,
        )  # fmt: skip

    def _verify(self, row: PackedRow, migration: Migration | None) -> None:
        expected = row.digest
        if migration is not None and row.position <= migration.position:
            if row.position < migration.position:
                return  # an operator accepted what these replay to, and only the last of them is known
            expected = migration.digest
        if step_digest(row.input, bytes(self._lane.outcome_bytes), self.kernel.snapshot()) != expected:
            raise ReplayRefused(
                f"row `{row.position}` or one before it replays to another state than it was written with;"
                " `dita replay` names the row"
            )

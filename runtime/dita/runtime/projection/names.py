"""Names for the numbers of a journal: its tag, its contracts, the vocabulary."""

from collections.abc import Mapping
from typing import Final, final

from dita.spec.vocabulary import Code, Verdict

_CODES: Final = tuple(code.name for code in Code)
_VERDICTS: Final = tuple(verdict.name for verdict in Verdict)


@final
class Names:
    """Of one journal. ``symbols`` may grow while it is written."""

    def __init__(self, tag: str, symbols: Mapping[int, str]) -> None:
        self.tag = tag
        self.symbols = symbols

    def symbol(self, instrument: int | None) -> str:
        """A contract's name; "" for none. A number that the journal gave no name is told as that."""
        if instrument is None:
            return ""
        return self.symbols.get(instrument) or f"instrument {instrument}"

    @staticmethod
    def code(code: int) -> str:
        """A code's name."""
        return _CODES[code]

    @staticmethod
    def verdict(verdict: int) -> str:
        """A verdict's name."""
        return _VERDICTS[verdict]

"""The text of a scenario: what it sets up, what is done, and what comes of it, in words that a person can check.

A file begins with remarks (``#``) and lines that set the stage. Then come commands, each behind ``>``, and below each,
indented, what the runtime did until the next one. ``battery_run.py`` writes those lines anew.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from dita.runtime.lockstep import Stepped
from dita.spec.inputs import Input
from dita.spec.scales import MONEY_SCALE, PRICE_SCALE, QUANTITY_SCALE, RATE_SCALE, RATIO_SCALE
from dita.spec.state import capital
from dita.spec.vocabulary import Code, IncomeKind, Kind, Mode, Part, Phase, RejectReason, Side, Verdict

_QUIET_REFUSALS = (Kind.ORDER, Kind.POSITION, Kind.WALLET, Kind.SETTLE, Kind.INCOME)


@dataclass
class Command:
    """One command and what is expected below it."""

    text: str
    expected: list[str] = field(default_factory=list[str])


@dataclass
class Script:
    """A scenario."""

    name: str
    head: list[str]  # remarks and settings, as they stand
    commands: list[Command]

    @property
    def settings(self) -> list[list[str]]:
        """The words of the lines that set the stage."""
        lines = [line for line in self.head if line and not line.startswith("#")]
        return [line.split(maxsplit=1 if line.startswith(("fault", "features")) else -1) for line in lines]

    @property
    def text(self) -> str:
        """As the file has it."""
        lines = list(self.head)
        for command in self.commands:
            lines += [f"> {command.text}", *(f"  {line}" for line in command.expected)]
        return "\n".join(lines) + "\n"


def read_script(name: str, text: str) -> Script:
    """Read a scenario. Raises ValueError for a line that is neither."""
    script = Script(name, [], [])
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("> "):
            script.commands.append(Command(line[2:]))
        elif not script.commands:
            script.head.append(line)
        elif line.startswith("  "):
            script.commands[-1].expected.append(line[2:])
        else:
            raise ValueError(f"{name}, line {number}: `{line}` is neither a command (`> …`) nor indented below one")
    return script


def plain(units: int, scale: int) -> str:
    """Units as a decimal without trailing zeros."""
    return f"{(Decimal(units) / scale).normalize():f}"


class Names(NamedTuple):
    """Symbols by instrument number."""

    symbols: Mapping[int, str]

    def of(self, number: int) -> str:
        """The coin alone: `BTC`."""
        return self.symbols.get(number, str(number)).partition("-")[0]


def line_of(event: Input, stepped: Stepped, names: Names) -> str | None:
    """One input in a line; None for what changes nothing that anybody would want to see."""
    outcome = stepped.outcome
    kind, verdict = Kind(event.kind), Verdict(outcome.verdict)
    moved = capital(stepped.after.account.ledger) - capital(stepped.before.account.ledger)
    if verdict is Verdict.REFUSED:
        return None if kind in _QUIET_REFUSALS else f"{_what(event, names)}: refused, {Code(outcome.code).name}"
    if kind in (Kind.WALLET, Kind.POSITION) and not _is_news(stepped):
        return None
    parts = [_what(event, names)]
    if verdict is Verdict.FLAGGED:
        parts.append("flagged")
    if outcome.code != Code.OK:
        parts.append(Code(outcome.code).name)
    parts += [f"→ {Phase(phase).name}" for _, phase in outcome.transitions]
    parts += [name.upper() for name in ("submit", "cancel", "resolve") if getattr(outcome, name)]
    if outcome.submit:
        parts.append(plain(outcome.quantity, QUANTITY_SCALE))
    if moved:
        parts.append(f"capital {'+' if moved > 0 else ''}{plain(moved, MONEY_SCALE)}")
    return f"{parts[0]}: {' '.join(parts[1:])}" if parts[1:] else parts[0]


def _is_news(stepped: Stepped) -> bool:
    before, after = stepped.before.account, stepped.after.account
    changed = before.ledger.difference != after.ledger.difference or before.unreconciled != after.unreconciled
    return changed or stepped.outcome.verdict == Verdict.FLAGGED


def _what(event: Input, names: Names) -> str:
    kind = Kind(event.kind)
    trade = f"{kind.name} {event.trade}" if event.trade else kind.name
    quantity, price = plain(event.quantity, QUANTITY_SCALE), plain(event.price, PRICE_SCALE)
    match kind:
        case Kind.ENTER | Kind.ADOPT:
            return f"{trade} {names.of(event.instrument)} {Side(event.side).name.lower()} {quantity} at {price}"
        case Kind.ORDER:
            end = ", over" if event.done else ""
            filled = f"{quantity} for {plain(event.quote, MONEY_SCALE)}" if event.quantity else "nothing"
            return f"{trade}.{event.attempt} filled {filled}{end}"
        case Kind.EXTERNAL_CLOSE:
            return f"{trade} of {quantity} for {plain(event.quote, MONEY_SCALE)}"
        case Kind.SETTLE:
            part = Part(event.part).name.lower()
            return f"{trade} {part} {plain(event.quote, MONEY_SCALE)} fee {plain(event.amount, MONEY_SCALE)}"
        case Kind.REJECTED:
            return f"{trade}.{event.attempt} {RejectReason(event.reason).name}"
        case Kind.UNKNOWN | Kind.SILENT | Kind.NOT_FOUND:
            return f"{trade}.{event.attempt}"
        case Kind.SEED | Kind.WALLET:
            return f"{kind.name} {plain(event.amount, MONEY_SCALE)}"
        case Kind.INCOME:
            total = plain(event.amount, MONEY_SCALE)
            return f"{kind.name} {IncomeKind(event.income_kind).name.lower()} {total} in {event.rows} rows"
        case Kind.POSITION:
            sides = f"{plain(event.long_quantity, QUANTITY_SCALE)} long {plain(event.short_quantity, QUANTITY_SCALE)}"
            foreign = f", {event.foreign_orders} foreign orders" if event.foreign_orders else ""
            return f"{kind.name} {names.of(event.instrument)} {sides} short{foreign}"
        case Kind.SET_MODE:
            return f"{kind.name} {Mode(event.mode).name}"
        case Kind.REGISTER:
            rates = [plain(rate * 100, RATE_SCALE) for rate in (event.taker_ppb, event.maker_ppb)]
            return f"{kind.name} {names.of(event.instrument)} taker {rates[0]} % maker {rates[1]} %"
        case Kind.SET_LIMITS:
            leverage = plain(event.ratio_ppm, RATIO_SCALE)
            return f"{kind.name} {event.slot_limit} slots, leverage {leverage}"
        case Kind.CALIBRATE:
            return f"{kind.name} {plain(event.ratio_ppm * 100, RATIO_SCALE)} %"
        case _:
            return trade

"""What is asked of the venue: that it answers, its clock, and how the account stands to the settings."""

import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random
from typing import Final

from dita.adapters.bingx.clock import SystemClock
from dita.adapters.bingx.credentials import Credentials, CredentialsError
from dita.adapters.bingx.endpoints import DEMO, LIVE, Hosts
from dita.adapters.bingx.errors import VenueError
from dita.adapters.journal import JournalError, JournalMissing, open_reader
from dita.adapters.logic.fees import Agreement
from dita.runtime.connect import (
    Connection,
    Patience,
    StartError,
    account_name,
    connect,
    hosts_for,
    read_credentials,
)
from dita.runtime.doctor.checks import Check, Health, Stage, fatal_from
from dita.runtime.fees import fee_terms, recent_fees
from dita.runtime.leverage import whole_leverage
from dita.runtime.session import money_text
from dita.runtime.settings import Settings
from dita.spec.scales import NANOSECONDS_PER_MILLISECOND

OFFSET_GOOD_MS: Final = 500
OFFSET_MS_MAX: Final = 5000  # signing corrects it; the journal's own times, and those of logs, would be wrong
UNKNOWN: Final = "not known: the venue does not answer"


def stage_of(settings: Settings) -> Stage:
    """What the settings are for."""
    if settings.profile == "live":
        return Stage.LIVE
    url = "" if settings.exchange is None else str(settings.exchange).rstrip("/")
    return {LIVE.rest: Stage.LIVE, DEMO.rest: Stage.VST}.get(url, Stage.PAPER)


async def account_checks(settings: Settings, stage: Stage) -> list[Check]:
    """Everything that the venue has to be asked for."""
    if settings.exchange is None:
        if stage is Stage.PAPER:
            return [Check("venue", Health.OK, "none named: a paper session makes its own exchange")]
        return [Check("venue", Health.FAIL, "none named", f"give --exchange {DEMO.rest}")]
    try:
        credentials = read_credentials(settings.credentials, os.environ)
    except CredentialsError as error:
        advice = "put key and secret into a file of mode 0600, DITA_CREDENTIALS"
        return [Check("credentials", Health.FAIL, str(error), advice)]
    told = Check("credentials", Health.OK, "read; shown nowhere")
    patience = Patience(settings.receive_window_ms, settings.reply_within_ms / 1000)
    try:
        hosts = hosts_for(str(settings.exchange))
        connection = await connect(hosts, credentials, settings.symbols, SystemClock(), Random(0), patience)
    except StartError as error:
        unknown = [Check(name, Health.FAIL, UNKNOWN, "first get an answer") for name in _ASKED]
        return [
            told,
            Check("venue", Health.FAIL, str(error), "start it, or correct URL, credentials and symbols"),
            *unknown,
        ]
    try:
        asking = Asking(settings, stage, hosts, credentials, connection)
        return [told, asking.venue(), *[await asking.ask(name, ask) for name, ask in _ASKED.items()]]
    finally:
        await connection.aclose()


@dataclass(frozen=True, slots=True)
class Asking:
    """One walk over an account that answers."""

    settings: Settings
    stage: Stage
    hosts: Hosts
    credentials: Credentials
    connection: Connection

    async def ask(self, name: str, ask: "Callable[[Asking], Awaitable[Check]]") -> Check:
        """One check; an answer that cannot be had or read fails it."""
        try:
            return await ask(self)
        except VenueError as error:
            return Check(name, Health.FAIL, str(error), "ask again; then look at the venue's own page")

    def venue(self) -> Check:
        """Which one answers; another one than the stage is for is a rehearsal."""
        found = f"{self.hosts.rest}, {', '.join(self.connection.desk.contracts)}"
        meant = {Stage.PAPER: self.hosts.rest, Stage.VST: DEMO.rest, Stage.LIVE: LIVE.rest}[self.stage]
        if self.hosts.rest != meant:
            return Check("venue", Health.WARN, f"{found}: a rehearsal", f"stage {self.stage} itself is at {meant}")
        return Check("venue", Health.OK, found)

    async def clock(self) -> Check:
        """This machine's clock against the venue's."""
        offset = await self.connection.rest.sync_clock()
        milliseconds = offset.offset_ns // NANOSECONDS_PER_MILLISECOND
        found = f"venue {milliseconds:+d} ms, known to {offset.uncertainty_ns // NANOSECONDS_PER_MILLISECOND} ms"
        if abs(milliseconds) <= OFFSET_GOOD_MS:
            return Check("clock", Health.OK, found)
        health = Health.FAIL if abs(milliseconds) > OFFSET_MS_MAX else Health.WARN
        return Check("clock", health, found, "let chrony or systemd-timesyncd set this machine's clock")

    async def contracts(self) -> Check:
        """Whether the symbols trade now."""
        closed = [one.symbol for one in self.connection.desk.contracts.values() if not one.tradable]
        if closed:
            return Check("contracts", Health.FAIL, f"{', '.join(closed)} cannot be traded now", "leave it out, or wait")
        return Check("contracts", Health.OK, "open for trading")

    async def position_mode(self) -> Check:
        """Hedge or one-way: either is traded, and what the session begins with has to stay."""
        mode = await self.connection.rest.position_mode()
        return Check("position mode", Health.OK, f"{mode.value}; do not change it while a runtime runs")

    async def leverage(self) -> Check:
        """Margin is reckoned with what the settings say; a start sets the venue to it while flat, if the venue can."""
        wanted = whole_leverage(self.settings.leverage_ppm)
        read = {symbol: await self.connection.rest.leverage(symbol) for symbol in self.settings.symbols}
        found = ", ".join(f"{symbol} {one.long}/{one.short}" for symbol, one in read.items())
        found = f"long/short {found}, wanted {wanted}"
        most = min((most for one in read.values() for most in (one.long_max, one.short_max) if most), default=wanted)
        if most < wanted:
            return Check("leverage", Health.FAIL, f"{found}, at most {most}", "lower DITA_LEVERAGE_PPM")
        if any(side != wanted for one in read.values() for side in (one.long, one.short)):
            return Check("leverage", Health.WARN, found, "the next start sets it, once the symbol is flat")
        return Check("leverage", Health.OK, found)

    async def fees(self) -> Check:
        """The last day's fills against the model that fees are predicted with."""
        contracts = [one.charged(self.settings.fee_ratio_ppm) for one in self.connection.desk.contracts.values()]
        check = await recent_fees(self.connection.rest, fee_terms(contracts))
        rates = ", ".join(f"{one.symbol} {one.taker_ppb // 1000}/{one.maker_ppb // 1000}" for one in contracts)
        health = {Agreement.DOUBTFUL: Health.WARN, Agreement.REFUSED: Health.FAIL}.get(check.agreement, Health.OK)
        advice = "" if health is Health.OK else "compare with the venue's statement; see DITA_FEE_RATIO_PPM"
        return Check("fees", health, f"taker/maker ppm {rates}; {check.says}", advice)

    async def balance(self) -> Check:
        """The wallet that the books begin with."""
        row = await self.connection.rest.balance(self.hosts.settlement_asset)
        found = f"{money_text(row.balance)} {self.hosts.settlement_asset}"
        if row.balance <= 0:
            return Check("balance", Health.FAIL, found, "put money into the perpetual futures account")
        return Check("balance", Health.OK, found)

    async def key(self) -> Check:
        """It has to trade, and must not be able to take money away."""
        try:
            may = await self.connection.rest.key_permissions()
        except VenueError as error:
            return Check("key", fatal_from(self.stage, Stage.LIVE), str(error), "look at the venue's page of API keys")
        found = (
            f"trades {_yes(may.trades)}, withdraws {_yes(may.withdraws)}, transfers {_yes(may.transfers)},"
            f" bound to addresses {_yes(may.is_bound)}"
        )
        if not may.trades:
            return Check("key", Health.FAIL, found, "give the key leave to trade perpetual futures")
        if may.withdraws or may.transfers:
            return Check("key", fatal_from(self.stage, Stage.VST), found, "make a key that can move no money away")
        if not may.is_bound:
            return Check("key", Health.WARN, found, "bind it to this machine's address")
        return Check("key", Health.OK, found)

    async def books(self) -> Check:
        """Whether the journal is of this account; a new key is a new one."""
        account = account_name(self.hosts, self.credentials)
        try:
            reader = open_reader(self.settings.journal)
        except JournalMissing:
            return Check("books", Health.OK, f"a new journal for account {account}")
        except JournalError as error:
            return Check("books", Health.FAIL, error.reason, error.next_step)
        meta = reader.meta
        reader.close()
        if meta.account != account:
            advice = "get flat with the old key, then give another --journal"
            return Check("books", Health.FAIL, f"the journal is of {meta.account}, the key of {account}", advice)
        return Check("books", Health.OK, f"account {account}")


_ASKED: Final[dict[str, Callable[[Asking], Awaitable[Check]]]] = {
    "clock": Asking.clock,
    "contracts": Asking.contracts,
    "position mode": Asking.position_mode,
    "leverage": Asking.leverage,
    "fees": Asking.fees,
    "balance": Asking.balance,
    "key": Asking.key,
    "books": Asking.books,
}


def _yes(flag: bool) -> str:
    return "yes" if flag else "no"

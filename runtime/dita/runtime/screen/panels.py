"""What stands on the screen: each panel a function from a look to lines, pure.

Every field of what is published is shown by some panel, or stands in ``NOT_SHOWN`` with its reason: a test changes each
field and asks whether anybody could see it.
"""

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from rich.text import Text

from dita.runtime.screen.look import OLD, Look, Standing
from dita.runtime.screen.words import age, amount, clock, coins, moment, percent, price, span, times, words
from dita.spec.published.snapshot import (
    AlertView,
    GateView,
    Health,
    InstrumentView,
    LatencyView,
    OrderView,
    QuoteView,
    SlotView,
    StreamView,
)

BAD: Final = "bold white on red"
WORRY: Final = "bold yellow"
GOOD: Final = "bold green"
FAINT: Final = "dim"
PLAIN: Final = "not bold default"  # in a heading
_STYLES: Final = {Standing.LIVE: "bold black on green", Standing.REPLAY: "bold black on cyan"}
_IN_A_JOURNAL: Final = "a journal does not tell this"
_NOBODY: Final = "nothing is known"

NOT_SHOWN: Final[dict[str, str]] = {
    "EngineSnapshot.journal_tag": "begins the name of every order",
    "EngineSnapshot.ordinal": "a journal's row has one snapshot",
}
"""Fields that no panel shows, and why."""


class Panel(NamedTuple):
    """A heading, its lines, and figures below them for a screen that has room."""

    title: Text
    lines: tuple[Text, ...]
    more: tuple[Text, ...] = ()

    def fitted(self, width: int, height: int) -> Text:
        """Heading and lines in so many columns and rows; what does not fit is counted, never dropped silently."""
        rows = [Text.assemble(("── ", FAINT), self.title, (f" {'─' * width}", FAINT))]
        room = height - 1
        shown = self.lines if len(self.lines) <= room else self.lines[: max(0, room - 1)]
        rows += shown
        if len(shown) < len(self.lines) and room > 0:
            rows.append(Text(f"… {len(self.lines) - len(shown)} more", style=WORRY))
        if len(shown) + len(self.more) <= room:
            rows += self.more
        made = Text("\n").join(one_row(row, width) for row in rows)
        made.no_wrap, made.overflow = True, "crop"
        return made


def one_row(line: Text, width: int) -> Text:
    """A copy that fits; a cut one ends in an ellipsis, but for a heading's rule.

    Texts of others come by here: nothing in them moves the cursor, breaks a line or is obeyed by a terminal.
    """
    copy = line.copy()
    if not copy.plain.isprintable():
        copy.plain = "".join(one if one.isprintable() else "�" for one in copy.plain)
    copy.truncate(width, overflow="crop" if line.plain.endswith("─") else "ellipsis")
    return copy


def _line(*parts: "str | tuple[str, str]") -> Text:
    return Text.assemble(*parts)


def _title(*parts: "str | tuple[str, str]") -> Text:
    made = Text.assemble(*parts)
    made.stylize_before("bold cyan")
    return made


# ---- the two lines above everything


def banner(look: Look) -> Text:
    """Who is watched, and whether these are the numbers of now."""
    standing = look.standing
    said = f" {standing.value} "
    if standing in OLD:
        said = f" {standing.value} for {age(look.old_ns)}: THESE NUMBERS ARE OLD "
    parts: list[str | tuple[str, str]] = [(said, _STYLES.get(standing, BAD)), " "]
    if look.damaged:
        parts += [(f"{look.damaged} damaged packets skipped", WORRY), " "]
    health, engine = look.health, look.engine
    state: list[str | tuple[str, str]] = []
    if engine is not None:
        state += [(f" {words(engine.mode)} ", GOOD if engine.mode == "ACTIVE" else BAD), " "]
    if health is not None:
        state += [*_readiness(health), " "]
    parts += [("was " + Text.assemble(*state).plain.strip() + " ", FAINT)] if standing in OLD and state else state
    if look.about:
        parts += [look.about, " "]
    if health is not None:
        where = "" if health.account.endswith(health.venue) else f" {health.venue}"  # an account names its venue
        parts += [f"{health.profile} {health.account}{where}", (f"  #{health.sequence} ", FAINT)]
    if engine is not None:
        parts += [(f"row {engine.journal_position} at {moment(engine.wall_ns)} UTC", FAINT)]
    return _line(*parts)


def _readiness(health: Health) -> Iterable["str | tuple[str, str]"]:
    for sound, loud in ((not health.is_fenced, "FENCED"), (health.is_journal_sound, "JOURNAL FAILED")):
        if not sound:
            yield (f" {loud} ", BAD)
            yield " "
    if not health.is_ready:
        yield ("starting", WORRY)
    elif health.is_opening:
        yield ("opening", GOOD)
    else:
        yield ("not opening", WORRY)
    if health.kept_back:
        yield (f" kept back: {health.kept_back}", WORRY)


# ---- panels


def capital(look: Look) -> Panel:
    """The books: what they are made of, what of them is predicted, and what the wallet says."""
    one = look.engine
    if one is None:
        return Panel(_title("capital"), (Text(_NOBODY, FAINT),))
    frozen = (" FROZEN, nothing opens ", BAD) if one.is_frozen else ("explained", GOOD)
    reading = f"wallet {amount(one.wallet_e8_usdt)} at {clock(one.wallet_ns)}"
    unread = "" if one.is_wallet_seen else (" UNREAD ", BAD)
    title = _title(
        f"capital {amount(one.capital_e8_usdt)} USDT",
        (f"  seed {amount(one.seed_e8_usdt)}  realised {amount(one.realised_e8_usdt)}", PLAIN),
        "" if one.is_seeded else ("  NOT SEEDED", WORRY),
    )
    fees = f"fees {amount(one.fee_e8_usdt)}: settled {amount(one.settled_fee_e8_usdt)}"
    predicted = f" predicted {amount(one.predicted_fee_e8_usdt)}"
    moved = f"  funding {amount(one.funding_e8_usdt)}  in/out {amount(one.transfer_e8_usdt)}"
    rest = f"  adjusted {amount(one.adjustment_e8_usdt)}  fees of model {percent(one.calibration_ppm)}"
    unsettled = (f"  unsettled {one.unsettled_trades}", WORRY if one.unsettled_trades else "")
    difference = (f"  differs {amount(one.difference_e8_usdt)}", WORRY if one.difference_e8_usdt else "")
    return Panel(
        title,
        (
            _line(fees, predicted, moved, (rest, FAINT)),
            _line(
                reading,
                unread,
                difference,
                "  ",
                frozen,
                unsettled,
                (f"  up to {amount(one.tolerance_e8_usdt)}", FAINT),
            ),
        ),
    )


def slots(look: Look) -> Panel:
    """Live trades: where each stands, since when, and what it holds."""
    one = look.engine
    if one is None:
        return Panel(_title("slots"), (Text(_NOBODY, FAINT),))
    title = _title(
        f"slots {one.live_slots} of {one.slot_limit}",
        (f"  exposure {amount(one.exposure_e8_usdt)} (up to {times(one.leverage_max_ppm)})", PLAIN),
        (f"  newest trade {one.newest_trade}", PLAIN),
    )
    head = Text(f"   {'trade':>6} {'symbol':<10} {'side':<5} {'phase':<16} {'age':>6}  held / entry @ price", FAINT)
    if not one.slots:
        return Panel(title, (Text("no trade is live", FAINT),))
    return Panel(title, (head, *(_slot(view, look.now_ns) for view in one.slots)), tuple(map(_figures, one.slots)))


def _slot(view: SlotView, now_ns: int) -> Text:
    return _line(
        f"{view.slot:>2} {view.trade:>6} {view.symbol:<10.13} ",
        (f"{words(view.side):<5} ", "green" if view.side == "LONG" else "magenta"),
        (f"{words(view.phase):<16} ", _phase_style(view.phase)),
        f"{age(now_ns - view.phase_since_ns):>6}  {coins(view.held_e8_coins)} / {coins(view.entry_e8_coins)}"
        f" @ {price(view.entry_price_e10_usdt)}",
        (" FLATTENING", WORRY) if view.is_flattening else "",
    )


def _figures(view: SlotView) -> Text:
    return Text(
        f"{view.slot:>2} {amount(view.realised_e8_usdt)} realised  {amount(view.fee_e8_usdt)} fee"
        f" ({'settled' if view.is_entry_settled else 'predicted'})  leg {view.next_leg}/{view.legs}"
        f"  since {clock(view.began_ns)}  exposure {amount(view.exposure_e8_usdt)}"
        f"  ordered {coins(view.ordered_e8_coins)} at {price(view.reference_price_e10_usdt)}"
        f"  paid {amount(view.entry_quote_e8_usdt)}"
        f"  closed {coins(view.exit_e8_coins)} for {amount(view.exit_quote_e8_usdt)}",
        FAINT,
    )


def _phase_style(phase: str) -> str:
    if phase.endswith("UNRESOLVED"):
        return BAD
    return WORRY if phase.endswith("REQUESTED") else ""


def orders(look: Look) -> Panel:
    """Orders under way."""
    one = look.engine
    if one is None:
        return Panel(_title("orders"), (Text(_NOBODY, FAINT),))
    lines = tuple(_order(view, look.now_ns) for view in one.orders)
    return Panel(_title(f"orders {len(lines)}"), lines or (Text("none is under way", FAINT),))


def _order(view: OrderView, now_ns: int) -> Text:
    sent_by = f"  by {clock(view.send_by_ns)}" if view.send_by_ns else ""
    kind = f"limit {price(view.limit_price_e10_usdt)}" if view.limit_price_e10_usdt else "market"
    return _line(
        f"{view.client_order_id:<16} {view.symbol:<10.13} ",
        (f"{words(view.side):<4} ", "green" if view.side == "BUY" else "magenta"),
        (f"{words(view.phase):<16} ", _phase_style(view.phase)),
        f"{age(now_ns - view.commanded_ns):>6}  {coins(view.filled_e8_coins)} / {coins(view.ordered_e8_coins)} {kind}",
        "" if view.is_seen else ("  unseen", WORRY),
        "  closes" if view.is_reduce_only else "  opens",
        (f"{sent_by}  slot {view.slot} trade {view.trade} attempt {view.attempt}", FAINT),
        (f"  for {amount(view.filled_quote_e8_usdt)}", FAINT),
    )


def positions(look: Look) -> Panel:
    """Both sides of every contract, and where the market stands."""
    one = look.engine
    if one is None:
        return Panel(_title("positions"), (Text(_NOBODY, FAINT),))
    quotes = {} if look.health is None else {view.symbol: view for view in look.health.quotes}
    unknown = (f"  {one.unreconciled} TO RECONCILE", BAD) if one.unreconciled else ("  reconciled", GOOD)
    lines = [_instrument(view, quotes.pop(view.symbol, None), look.now_ns) for view in one.instruments]
    lines += [_line(f"{view.symbol:<9} ", *_quote(view, look.now_ns)) for view in quotes.values()]
    return Panel(_title("positions", unknown), tuple(lines) or (Text("no contract", FAINT),))


def _instrument(view: InstrumentView, quote: QuoteView | None, now_ns: int) -> Text:
    held = f"L {coins(view.long_e8_coins)} S {coins(view.short_e8_coins)} "
    return _line(
        f"{view.symbol:<9}",
        ("*" if view.is_busy else " ", ""),
        (held, "bold" if view.long_e8_coins or view.short_e8_coins else FAINT),
        (" RECONCILE ", BAD) if view.is_reconcile_required else "",
        (f" evidence {clock(view.evidence_ns)} ", WORRY) if view.evidence_ns else "",
        *(() if quote is None else _quote(quote, now_ns)),
        (f"  filled {clock(view.fill_ns)}  {view.taker_ppb // 1000}/{view.maker_ppb / 1000:g} ppm", FAINT),
    )


def _quote(view: QuoteView, now_ns: int) -> Iterable["str | tuple[str, str]"]:
    yield f"{price(view.bid_e10_usdt)}|{price(view.ask_e10_usdt)} "
    yield (age(now_ns - view.newest_ns) if view.newest_ns else "never", FAINT)


def gates(look: Look) -> Panel:
    """Why entries were held."""
    one = look.health
    if one is None and look.standing is not Standing.REPLAY:
        return _untold("gates", look)
    views = look.gates if one is None else one.gates
    told = "" if one is None else f"  entries {one.entries}  exits {one.exits}"
    lines = tuple(_gate(view, look.now_ns) for view in views)
    return Panel(_title("gates", (told, PLAIN)), lines or (Text("nothing was held", FAINT),))


def _gate(view: GateView, now_ns: int) -> Text:
    return _line(
        f"{view.symbol:<8} {words(view.side)[:1].upper()} ",
        (words(view.reason), WORRY),
        f" ×{view.held} {age(now_ns - view.newest_ns)} ",
        (f"{words(view.check)} {view.facts}", FAINT),
    )


def streams(look: Look) -> Panel:
    """Whether the venue is heard."""
    one = look.health
    if one is None:
        return _untold("streams", look)
    return Panel(_title("streams"), tuple(_stream(view, look.now_ns) for view in one.streams) or (Text("none", BAD),))


def _stream(view: StreamView, now_ns: int) -> Text:
    heard = age(now_ns - view.newest_ns) if view.newest_ns else "never"
    return _line(
        f"{view.stream.removesuffix(' stream'):<8.12} ",
        ("live", GOOD) if view.is_live else (" DARK ", BAD),
        f" {heard}",
        (f"  gaps {view.gaps}, {age(view.dark_span_ns)}", WORRY if view.gaps else FAINT),
        (f", back {view.restored}", FAINT),
        (f" lost {view.dropped}", BAD) if view.dropped else "",
    )


def health(look: Look) -> Panel:
    """Lockstep, certificate, latencies."""
    one = look.health
    if one is None:
        return _untold("kernel", look)
    agree = ("in lockstep", GOOD) if one.is_in_lockstep else (" KERNEL AND REFERENCE DISAGREE ", BAD)
    signed = ("signed", GOOD) if one.is_signed else ("unsigned", "")
    lines = [
        *(_latency(view) for view in one.latencies),
        _line(f"certificate {one.certificate} ", signed, (f" image {one.image_sha256[:12]}", FAINT)),
    ]
    since = Text(f"up {age(look.now_ns - one.began_ns)}  made {clock(one.made_ns)}", FAINT)
    return Panel(_title("kernel ", agree, (f" {one.steps} steps", PLAIN)), tuple(lines), (since,))


def _latency(view: LatencyView) -> Text:
    return _line(
        f"{view.what:<16} {span(view.p50_span_ns)} p99 {span(view.p99_span_ns)}",
        (f" max {span(view.max_span_ns)} of {view.measured}", FAINT),
    )


def log(look: Look) -> Panel:
    """The newest alerts; in a replay the newest rows."""
    if look.health is None:
        if look.standing is not Standing.REPLAY:
            return _untold("log", look)
        return Panel(_title("rows"), tuple(map(Text, look.lines)) or (Text("none yet", FAINT),))
    lines = tuple(_alert(view) for view in look.health.alerts)
    return Panel(_title(f"log {len(lines)}"), lines or (Text("no alert", FAINT),))


def _alert(view: AlertView) -> Text:
    return _line(f"{clock(view.raised_ns)} ", (view.alert, WORRY), f" {view.text}")


def _untold(name: str, look: Look) -> Panel:
    why = _IN_A_JOURNAL if look.standing is Standing.REPLAY else _NOBODY
    return Panel(_title(name), (Text(why, FAINT),))


PANELS: Final[dict[str, Callable[[Look], Panel]]] = {
    "capital": capital,
    "slots": slots,
    "orders": orders,
    "positions": positions,
    "gates": gates,
    "streams": streams,
    "kernel": health,
    "log": log,
}
"""Every panel by its name on the screen."""

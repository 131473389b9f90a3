"""The command line: ``dita``. Each command is a function; what it needs is imported when it runs.

Exit status: 0 when everything asked for ran and held, 1 when a check failed, 2 when the input was wrong.
"""

import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Annotated, Final, Literal

import typer

from dita.runtime.cli_report import CommandError, Outcome, Report, Reporter, reporting

app: Final = typer.Typer(
    name="dita",
    help="A trade-execution kernel for perpetual swaps that is proved before it trades.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

JsonFile = Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write the figures to FILE as well.")]
Tier = Literal["quick", "ci", "full"]
Transport = Literal["stacks", "direct"]
TierOption = Annotated[Tier, typer.Option(help="How large; every tier runs every check there is.")]
Seed = Annotated[int | None, typer.Option(help="Seed of everything random.")]
Symbols = Annotated[list[str] | None, typer.Option("--symbol", help="Such as BTC-USDT; may be repeated.")]
ExchangeUrl = Annotated[str | None, typer.Option("--exchange", metavar="URL", help="Trade there, not on our own.")]
PolicyName = Annotated[
    str | None, typer.Option("--policy", help="Strategy: reversion, dislocation, coin, idle, or a plug-in.")
]
CertificatePath = Annotated[
    Path | None, typer.Option("--certificate", help="Certificate file; must be there and hold.")
]
JournalPath = Annotated[Path | None, typer.Option("--journal", metavar="PATH", help="Where the journal is.")]


@app.command()
def conform(
    tier: Annotated[
        Literal["quick", "ci", "full", "campaign"],
        typer.Option(help="How large; every tier runs every check there is, campaign random traces as long as asked."),
    ] = "quick",
    seed: Seed = None,
    traces: Annotated[int | None, typer.Option(help="campaign: end after so many traces.", min=1)] = None,
    minutes: Annotated[float | None, typer.Option(help="campaign: end after so long.", min=0.01)] = None,
    cluster: Annotated[
        str | None,
        typer.Option(metavar="WHERE", help="campaign: local (two processes), here, or a Dask scheduler's address."),
    ] = None,
    compiled: Annotated[
        bool | None, typer.Option("--compiled", help="campaign: compile the reference first, for speed.")
    ] = None,
    json_file: JsonFile = None,
) -> None:
    """Compare the kernel image with the reference: path and boundary vectors, small worlds in full, random traces."""
    if tier == "campaign":
        _refuse("seed", seed, "a campaign takes fresh seeds by itself: leave it out")
        _finish(
            "conform", "cli_campaign", "campaign", json_file,
            traces=traces, minutes=minutes, cluster=cluster, compiled=compiled is True,
        )  # fmt: skip
    for name, value in (("traces", traces), ("minutes", minutes), ("cluster", cluster), ("compiled", compiled)):
        _refuse(name, value, "it belongs to --tier campaign")
    _finish("conform", "cli_checks", "conform", json_file, tier=tier, seed=seed)


@app.command()
def certify(
    tier: TierOption = "quick",
    sign: Annotated[Path | None, typer.Option(metavar="KEY", help="Sign with the key in this file.")] = None,
    json_file: JsonFile = None,
) -> None:
    """Run every layer there is on the kernel image and write its certificate."""
    _finish("certify", "cli_checks", "certify", json_file, tier=tier, sign=sign)


@app.command()
def keygen(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="A new file; it will be readable by you only.")],
    json_file: JsonFile = None,
) -> None:
    """Make a key to sign certificates with, and print what to trust."""
    _finish("keygen", "cli_keygen", "keygen", json_file, path=path)


@app.command()
def explore(tier: TierOption = "quick", json_file: JsonFile = None) -> None:
    """Search the composed system (kernel, runtime, venue, lossy network) in full for violations and stranded states."""
    _finish("explore", "cli_checks", "explore", json_file, tier=tier)


@app.command()
def prove(
    tier: TierOption = "quick",
    seed: Annotated[int | None, typer.Option(help="Seed of the solvers.", min=0)] = None,
    listing: Annotated[bool, typer.Option("--list", help="Say what is proved, and what covers each clause.")] = False,
    breaking: Annotated[
        str | None,
        typer.Option("--break", metavar="ID", help="Plant the defect that breaks this obligation (or all)."),
    ] = None,
    html: Annotated[Path | None, typer.Option(metavar="DIR", help="Write a page an obligation there.")] = None,
    anew: Annotated[bool, typer.Option("--anew", help="Prove again what has not changed since.")] = False,
    json_file: JsonFile = None,
) -> None:
    """Prove the reference, for all inputs and all traces, with two solvers."""
    _finish(
        "prove", "cli_prove", "prove", json_file,
        tier=tier, seed=seed, listing=listing, html=html, breaking=breaking, anew=anew,
    )  # fmt: skip


@app.command()
def equiv(
    kinds: Annotated[list[str] | None, typer.Argument(metavar="KIND", help="Such as SET_MODE; none: all.")] = None,
    tier: TierOption = "quick",
    image: Annotated[Path | None, typer.Option(metavar="FILE", help="Another kernel image than the built one.")] = None,
    anew: Annotated[bool, typer.Option("--anew", help="Prove again what has not changed since.")] = False,
    processes: Annotated[int, typer.Option(help="How many compare paths at a time.", min=1, max=64)] = 2,
    mutants: Annotated[
        int, typer.Option(help="Mutants of the kernel to refute; drawn by the kernel's hash.", min=0)
    ] = 0,
    undecided: Annotated[
        bool, typer.Option("--undecided", help="Prove the mutants the same that no other layer can tell from it.")
    ] = False,
    json_file: JsonFile = None,
) -> None:
    """Prove the machine code of the kernel equal to the reference; needs `make equiv-tools`."""
    _finish(
        "equiv", "cli_equiv", "equiv", json_file,
        tier=tier, kinds=kinds, image=image, anew=anew, processes=processes, mutants=mutants,
        undecided=undecided,
    )  # fmt: skip


@app.command()
def mutants(
    family: Annotated[
        Literal["kernel", "reference", "predicate", "hand"] | None,
        typer.Option(help="Only the mutants of this family."),
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="REV", help="Only mutants whose function changed since this commit.")
    ] = None,
    tier: Annotated[
        Literal["quick", "full"], typer.Option(help="full: what was carried over a change elsewhere is tried again.")
    ] = "quick",
    anew: Annotated[
        bool, typer.Option("--anew", help="Try every mutant again, by every layer; an hour or two.")
    ] = False,
    recorded: Annotated[bool, typer.Option("--recorded", help="Try nothing, say what is recorded.")] = False,
    minutes: Annotated[int | None, typer.Option(help="End after so long; the next run goes on.", min=1)] = None,
    processes: Annotated[int, typer.Option(help="How many at a time.", min=1, max=64)] = 2,
    listing: Annotated[
        bool, typer.Option("--list-anew", help="List the kernel's mutants again; needs cargo-mutants.")
    ] = False,
    matrix: Annotated[Path | None, typer.Option(metavar="FILE", help="Write mutant by layer by time there.")] = None,
    json_file: JsonFile = None,
) -> None:
    """Put small bugs into kernel, reference and invariants, and count which of them no layer notices."""
    _finish(
        "mutants", "cli_mutants", "mutants", json_file,
        family=family, since=since, tier=tier, anew=anew, recorded=recorded, minutes=minutes, processes=processes,
        listing=listing, matrix_file=matrix,
    )  # fmt: skip


@app.command()
def audit(
    ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ID…]", help="Flaws to show; none: the matrix of all. `new ID` begins an entry."),
    ] = None,
    tier: Annotated[
        Literal["quick", "full"],
        typer.Option(help="quick: judge by what is recorded; full: ask again what is stale, and refuse what is open."),
    ] = "quick",
    anew: Annotated[bool, typer.Option("--anew", help="Put these flaws back and ask every layer again.")] = False,
    again: Annotated[int, typer.Option(metavar="N", help="Ask N recorded questions again.", min=0, max=1000)] = 0,
    seed: Annotated[int | None, typer.Option(help="Seed of which; default: from the commit.", min=0)] = None,
    minutes: Annotated[float | None, typer.Option(help="End after so long; the next run goes on.", min=0.1)] = None,
    html: Annotated[Path | None, typer.Option(metavar="DIR", help="Write the matrix and a page a flaw there.")] = None,
    markdown: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a summary there.")] = None,
    json_file: JsonFile = None,
) -> None:
    """Show every known flaw, and which layers notice it when it is put back."""
    _finish(
        "audit", "cli_audit", "run", json_file,
        ids=ids or [], tier=tier, anew=anew, again=again, seed=seed, minutes=minutes, html=html, markdown_file=markdown,
    )  # fmt: skip


@app.command()
def vectors(
    check: Annotated[bool, typer.Option("--check", help="Write nothing; say what differs from the kept ones.")] = False,
    seed: Annotated[int | None, typer.Option(help="Seed of the numbers and of the solver.", min=0)] = None,
    json_file: JsonFile = None,
) -> None:
    """Make the path vectors anew: for every path of the reference, states and inputs that take it (minutes)."""
    _finish("vectors", "cli_vectors", "vectors", json_file, check=check, seed=seed)


@app.command()
def table(
    form: Annotated[
        Literal["text", "svg", "dot"], typer.Option("--format", help="The diagram alone as svg or dot.")
    ] = "text",
    output: Annotated[Path | None, typer.Option(metavar="FILE", help="Write there instead of printing.")] = None,
    json_file: JsonFile = None,
) -> None:
    """Show what every input does in every phase, and which moves between phases there are."""
    _finish("table", "cli_table", "table", json_file, form=form, output=output)


@app.command()
def run(
    source: Annotated[str | None, typer.Option(help="Market of our own exchange: generator or recorded.")] = None,
    symbols: Symbols = None,
    round_trips: Annotated[int | None, typer.Option(help="End, flat, after so many finished trades.")] = None,
    seed: Seed = None,
    exchange_url: ExchangeUrl = None,
    journal: JournalPath = None,
    policy: PolicyName = None,
    certificate: CertificatePath = None,
    accept_migration: Annotated[bool, typer.Option(help="Accept that the journal replays differently.")] = False,
    json_file: JsonFile = Path("session.json"),
) -> None:
    """Trade: by default on paper, on an exchange of our own, until so many round trips are done; then get flat."""
    options = {
        "source": source,
        "symbols": None if symbols is None else ",".join(symbols),
        "round_trips": round_trips,
        "seed": seed,
        "exchange": exchange_url,
        "journal": journal,
        "policy": policy,
        "certificate": certificate,
    }
    _finish("run", "cli_session", "run", json_file, options=options, accept_migration=accept_migration)


@app.command()
def backtest(
    source: Annotated[str | None, typer.Option(help="generator or recorded; a recording is played once.")] = None,
    symbols: Symbols = None,
    round_trips: Annotated[int | None, typer.Option(help="End, flat, after so many finished trades.")] = None,
    seed: Seed = None,
    policy: PolicyName = None,
    transport: Annotated[
        Transport,
        typer.Option(help="stacks: HTTP and websockets in memory; direct: calls instead, ten times as fast."),
    ] = "stacks",
    certificate: CertificatePath = None,
    json_file: JsonFile = Path("backtest.json"),
) -> None:
    """Trade on virtual time, on an exchange of our own whose market waits for our orders, and say what that grants."""
    options = {
        "source": source,
        "symbols": None if symbols is None else ",".join(symbols),
        "round_trips": round_trips,
        "seed": seed,
        "policy": policy,
        "certificate": certificate,
    }
    _finish("backtest", "cli_session", "backtest", json_file, options=options, transport=transport)


@app.command()
def simulate(
    tier: TierOption = "quick",
    seed: Annotated[int | None, typer.Option(help="This one run only, with its story when it fails.", min=0)] = None,
    keep: Annotated[
        str | None, typer.Option(metavar="LIST", help="Of the seed's troubles only those with these numbers: 0,3,4.")
    ] = None,
    seconds: Annotated[float | None, typer.Option(help="Length of the seed's first phase.", min=1, max=3600)] = None,
    point: Annotated[
        int | None, typer.Option(help="Of the seed only its market, and a kill at this persistence point.", min=1)
    ] = None,
    first: Annotated[int, typer.Option(help="First seed of a tier.", min=0)] = 1,
    processes: Annotated[int, typer.Option(help="How many at a time.", min=1, max=64)] = 1,
    soak: Annotated[
        float | None,
        typer.Option(metavar="HOURS", help="One runtime for so many simulated hours: nothing may pile up.", min=5),
    ] = None,
    json_file: JsonFile = None,
) -> None:
    """Run runtime, adapter, journal and exchange on virtual time, with everything going wrong, and judge what comes."""
    if seed is not None:
        _refuse("first", first if first != 1 else None, "--seed names the only run: leave one of them out")
    _finish(
        "simulate", "cli_simulate", "run", json_file,
        tier=tier, seed=seed, keep=keep, seconds=seconds, point=point, first=first, processes=processes,
        soak_hours=soak,
    )  # fmt: skip


@app.command()
def exchange(
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1; 0 takes a free one.", min=0, max=65535)] = 0,
    source: Annotated[str, typer.Option(help="generator or recorded.")] = "generator",
    symbols: Symbols = None,
    seed: Annotated[int, typer.Option(help="Seed of the market.", min=0)] = 1,
    pace: Annotated[int, typer.Option(help="Market events a second.", min=1, max=10_000)] = 200,
    seconds: Annotated[float | None, typer.Option(help="End after so long; default: until stopped.", min=0.1)] = None,
    credentials: Annotated[
        Path,
        typer.Option(
            help="File that gets the account's key and secret; exchange-address, beside it, gets the address."
        ),
    ] = Path("out/exchange-credentials"),
    faults: Annotated[Path | None, typer.Option(metavar="FILE", help="JSON plan of what is to go wrong.")] = None,
    json_file: JsonFile = None,
) -> None:
    """Run the exchange simulator by itself, for sessions that are to outlive their runtime."""
    _finish(
        "exchange", "cli_exchange", "exchange", json_file,
        port=port, source=source, symbols=symbols, seed=seed, pace=pace, seconds=seconds, credentials=credentials,
        faults=faults,
    )  # fmt: skip


@app.command()
def status(
    journal: JournalPath = None,
    live: Annotated[
        bool | None,
        typer.Option(
            "--live/--replay", help="The runtime, also while it is not there; or the journal, also while it is."
        ),
    ] = None,
    plain: Annotated[bool, typer.Option("--plain", help="Print what the journal holds instead.")] = False,
    json_file: JsonFile = None,
) -> None:
    """Watch the runtime on one screen; a journal that is named, and that nobody writes, is gone through row by row."""
    if plain or json_file is not None or not (sys.stdin.isatty() and sys.stdout.isatty()):
        _finish("status", "cli_journal", "status", json_file, journal=journal)
    _finish("status", "screen.command", "status", None, journal=journal, live=live)


@app.command()
def replay(
    journal: JournalPath = None,
    last: Annotated[int, typer.Option(help="Show so many of the newest rows; 0 shows all.", min=0)] = 40,
    trade: Annotated[int | None, typer.Option(help="Tell the story of one trade instead.", min=1)] = None,
    held: Annotated[bool, typer.Option("--held", help="Show why entries were not made instead.")] = False,
    at: Annotated[int | None, typer.Option(metavar="ROW", help="Show the state after this row, too.", min=1)] = None,
    trace: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Not a journal but a trace, such as that of a divergence.")
    ] = None,
    json_file: JsonFile = None,
) -> None:
    """Step through a journal with kernel and reference, verify every digest, show the timeline."""
    if trace is not None:
        _refuse("journal", journal, "a trace is replayed by itself: leave one of them out")
        _finish("replay", "cli_campaign", "replay_trace", json_file, trace=trace)
    if held:
        _refuse("trade", trade, "what was held became no trade: leave one of them out")
    _finish(
        "replay", "cli_journal", "replay_journal", json_file,
        journal=journal, last=last, trade=trade, at=at, held=held,
    )  # fmt: skip


@app.command()
def report(
    journal: JournalPath = None,
    html: Annotated[Path | None, typer.Option(metavar="DIR", help="Write it as a page there, too.")] = None,
    last: Annotated[int, typer.Option(help="List so many of the newest trades; 0 lists all.", min=0)] = 40,
    json_file: JsonFile = None,
) -> None:
    """Say what a session came to, from its journal: money, drawdown, trades, fees, decisions, differences."""
    _finish("report", "report.command", "report", json_file, journal=journal, html=html, last=last)


StoreAt = Annotated[
    str | None,
    typer.Option("--store", metavar="WHERE", help="A folder, or the address of a server: https://user@host:8443/name."),
]


@app.command()
def analytics(
    what: Annotated[
        Literal["rebuild", "follow", "check"],
        typer.Argument(help="Make all rows anew; keep up with the journal; or make them again and compare."),
    ],
    journal: JournalPath = None,
    store: StoreAt = None,
    once: Annotated[bool, typer.Option("--once", help="With `follow`: end when the journal has no more.")] = False,
    json_file: JsonFile = None,
) -> None:
    """Keep a ClickHouse store of everything that a journal says: decisions, orders, fills, trades, legs, account."""
    if once and what != "follow":
        raise typer.BadParameter(f"`{what}` ends by itself", param_hint="--once")
    options = {"once": once} if what == "follow" else {}
    _finish(f"analytics {what}", "cli_analytics", what, json_file, journal=journal, store=store, **options)


@app.command()
def query(
    question: Annotated[
        str, typer.Argument(metavar="NAME|SQL", help="trades, fee-drift, slippage, refusals, or SQL of ClickHouse.")
    ],
    journal: JournalPath = None,
    store: StoreAt = None,
    json_file: JsonFile = None,
) -> None:
    """Ask the analytics store, by name or in SQL."""
    _finish("query", "cli_analytics", "query", json_file, question=question, journal=journal, store=store)


@app.command()
def relay(
    members: Annotated[
        list[str] | None, typer.Option("--member", metavar="HOST:PORT", help="A member; may be repeated.")
    ] = None,
    cluster: Annotated[str | None, typer.Option(help="The cluster's name.")] = None,
    commands: Annotated[
        bool, typer.Option("--commands", help="Obey what anybody in the cluster puts into the map of commands, too.")
    ] = False,
    journal: JournalPath = None,
    json_file: JsonFile = None,
) -> None:
    """Put a running session's snapshots and features into maps of a Hazelcast cluster."""
    _finish(
        "relay", "cli_relay", "relay", json_file,
        journal=journal, members=members, cluster=cluster, commands=commands,
    )  # fmt: skip


@app.command("settle-forced")
def settle_forced(
    trade: Annotated[int, typer.Argument(help="A finished trade that the venue never settled.", min=1)],
    journal: JournalPath = None,
    json_file: JsonFile = None,
) -> None:
    """Accept the predicted fees of a finished trade whose fill rows never came; for a session that has ended."""
    _finish("settle-forced", "cli_settle", "settle_forced", json_file, journal=journal, trade=trade)


@app.command()
def flatten(
    exchange_url: ExchangeUrl = None,
    symbols: Symbols = None,
    rounds: Annotated[int, typer.Option(help="Give up after so many rounds.", min=1, max=1000)] = 20,
    json_file: JsonFile = None,
) -> None:
    """Cancel and close everything on an exchange. Needs no certificate: whatever happens, one can get flat."""
    options = {"exchange": exchange_url, "symbols": None if symbols is None else ",".join(symbols)}
    _finish("flatten", "cli_flatten", "flatten", json_file, options=options, rounds=rounds)


Within = Annotated[float, typer.Option(help="Seconds to wait for the runtime's journal to show it.", min=0.1, max=600)]


@app.command()
def halt(
    to: Annotated[
        Literal["reduce-only", "halted", "flat"],
        typer.Option(help="No new trades; or none closed by the strategy either; or every position closed now."),
    ] = "halted",
    why: Annotated[str | None, typer.Option(help="For whoever reads the log.")] = None,
    journal: JournalPath = None,
    within: Within = 5.0,
    json_file: JsonFile = None,
) -> None:
    """Stop a runtime from trading, at once and until `dita resume`, also after a restart. From any other process."""
    _finish("halt", "cli_halt", "halt", json_file, journal=journal, to=to, why=why, within_seconds=within)


@app.command()
def resume(journal: JournalPath = None, within: Within = 5.0, json_file: JsonFile = None) -> None:
    """Take back what `dita halt` asked for."""
    _finish("resume", "cli_halt", "resume", json_file, journal=journal, within_seconds=within)


@app.command()
def control(
    command: Annotated[
        Literal["status", "pause", "reduce-only", "halt", "resume", "limit", "flatten"],
        typer.Argument(help="What to ask; limit takes a number."),
    ],
    number: Annotated[int | None, typer.Argument(metavar="[N]", help="limit: trades at once.", min=1, max=16)] = None,
    why: Annotated[str | None, typer.Option(help="For whoever reads the journal.")] = None,
    journal: JournalPath = None,
    within: Annotated[float, typer.Option(help="Seconds to wait for the answer.", min=0.1, max=600)] = 10.0,
    json_file: JsonFile = None,
) -> None:
    """Command a running session, from any other process of its user, and say what came of it."""
    if (number is None) == (command == "limit"):
        raise typer.BadParameter(f"`{number}`: a number belongs to limit, and limit needs one", param_hint="N")
    _finish(
        "control", "cli_control", "control", json_file,
        command=command, number=number, journal=journal, why=why, within_seconds=within,
    )  # fmt: skip


@app.command()
def bench(
    rounds: Annotated[int, typer.Option(help="Rounds; medians are taken over them.", min=1, max=1000)] = 7,
    compiled: Annotated[bool, typer.Option("--compiled", help="Compile the reference and measure it too.")] = False,
    journal_rows: Annotated[
        int | None,
        typer.Option(
            "--journal",
            metavar="ROWS",
            help="Measure the journal instead, with a start after so many rows.",
            min=1000,
            max=10_000_000,
        ),
    ] = None,
    round_trips: Annotated[
        int | None,
        typer.Option(
            "--backtest",
            metavar="ROUND_TRIPS",
            help="Measure so many round trips of a backtest that calls its exchange instead.",
            min=10,
            max=1_000_000,
        ),
    ] = None,
    json_file: JsonFile = None,
) -> None:
    """Measure the kernel, the reference and a paper round trip, in units of one no-op call (R)."""
    if round_trips is not None:
        _refuse("journal", journal_rows, "--backtest measures something else: leave one of them out")
        _finish("bench", "cli_bench", "backtest", json_file, rounds=rounds, round_trips=round_trips)
    if journal_rows is not None:
        _finish("bench", "cli_bench", "journal", json_file, rows=journal_rows)
    _finish("bench", "cli_bench", "bench", json_file, rounds=rounds, compiled=compiled)


@app.command()
def doctor(
    stage: Annotated[
        Literal["paper", "vst", "live"] | None,
        typer.Option(help="What is to begin; by default what the settings are for."),
    ] = None,
    exchange_url: ExchangeUrl = None,
    journal: JournalPath = None,
    running: Annotated[bool, typer.Option("--running", help="A runtime is to be at work, not about to begin.")] = False,
    json_file: JsonFile = None,
) -> None:
    """Check machine, certificate, settings, journal and account for a stage, and say what to do next."""
    options = {"exchange": exchange_url, "journal": journal}
    _finish("doctor", "doctor.command", "doctor", json_file, options=options, stage=stage, running=running)


def _refuse(name: str, value: object, why: str) -> None:
    """An option that means nothing here is refused, not ignored."""
    if value is not None:
        raise typer.BadParameter(f"`{value}`: {why}", param_hint=f"--{name}")


def _finish(name: str, module: str, function: str, json_file: Path | None, **arguments: object) -> None:
    """Run a command, write its figures, leave with its status. Its module is imported only now: `--help` is quick."""
    with reporting() as reporter:
        outcome = Outcome(name, reporter, json_file)
        outcome.check_writable()
        report = _imported(module, function)(reporter, **arguments)
    raise typer.Exit(outcome.finish(report))


def _imported(module: str, function: str) -> Callable[..., Report]:
    """A command's function. Raises CommandError when a library that it needs is not there."""
    try:
        command: Callable[..., Report] = getattr(import_module(f"dita.runtime.{module}"), function)
    except ImportError as missing:
        if (missing.name or "").startswith("dita."):
            raise  # our own module: a bug, not the environment
        raise CommandError(
            f"a library cannot be imported ({missing}); make the environment anew: make clean, then make build"
        ) from missing
    return command


def main() -> None:
    """The entry point: bad input becomes one line and status 2, never a traceback."""
    try:
        app()
    except Exception as error:  # the last line of defence; bugs are raised again below
        # Our own errors and the system's are for people; anything else is a bug, and whoever mends it wants the trace.
        if not (type(error).__module__.startswith("dita.") or isinstance(error, OSError)):
            raise
        Reporter().error(str(error))
        sys.exit(2)

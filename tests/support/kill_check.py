"""Kill a session, start it again, judge: one check for random moments, for chosen ones, and for planted defects.

``python kill_check.py MOMENT FOLDER CERTIFICATE`` goes through a chosen moment with whatever ``dita`` is on the path,
prints what the judge found and ends with status 1 if that is anything.
"""

import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import MappingProxyType

from dita.adapters.journal.store import JournalStore
from dita.reference import step
from dita.spec.order_ids import OrderKey, client_order_id
from dita.spec.state import initial_state
from dita.spec.vocabulary import Kind
from loopback import ROWS_METRIC, free_port, scraped
from session_process import ExchangeProcess, exchange_process, finish, forking, kill, start_session

CONVERGES_WITHIN_SECONDS = 60.0
ENDLESS = 100_000  # round trips: it is killed long before
STUCK_SECONDS = 3.0  # an order that leaves although its row is not durable arrives far sooner
# The first order reaches the book, and its session hears nothing of it.
NOTHING_HEARD = [
    {"kind": "lose_reply", "how": "hang", "when": {"nth": 1}},
    {"kind": "drop_frame", "event": "ORDER_TRADE_UPDATE", "when": {"times": 2}},
]


class Books:
    """What the reference makes of a journal that is being written."""

    def __init__(self, journal: Path) -> None:
        self.submitted: set[str] = set()  # client ids of all orders that its inputs command
        self.lost: list[str] = []  # inputs that explain by somebody else what a session did itself
        self._journal = journal
        self._state = initial_state()
        self._position = 0

    def follow(self) -> None:
        """Take in what is new."""
        if not self._journal.exists():
            return
        store = JournalStore(self._journal, read_only=True)
        try:
            if not store.is_empty:  # its tables are made in one transaction
                self._take_in(store)
        finally:
            store.close()

    def _take_in(self, store: JournalStore) -> None:
        tag = store.meta().tag
        for row in store.rows(after=self._position):
            self._position = row.position
            self._state, outcome = step(self._state, row.input)
            if outcome.submit:
                self.submitted.add(client_order_id(tag, OrderKey(outcome.trade, outcome.slot, outcome.attempt)))
            if row.input.kind in (Kind.ADOPT, Kind.EXTERNAL_CLOSE):
                self.lost.append(f"{Kind(row.input.kind).name} of `{row.input.quantity}`")


class Scene:
    """One exchange, and the sessions that trade on it one after the other, on one journal."""

    def __init__(self, exchange: ExchangeProcess, certificate: Path, folder: Path) -> None:
        self.exchange = exchange
        self.certificate = certificate
        self.folder = folder
        self.books = Books(folder / "journal.sqlite")
        self._context = forking()

    def start(
        self,
        output: Path,
        round_trips: int,
        *,
        reply_within_ms: int = 1000,
        stuck: str = "",
        stalls: Sequence[float] = (),
        more: Mapping[str, str] = MappingProxyType({}),
    ) -> BaseProcess:
        """Start a session."""
        return start_session(
            self._context, self.exchange, self.certificate, self.folder, round_trips, output,
            reply_within_ms=reply_within_ms, stuck=stuck, stalls=stalls, more=more,
        )  # fmt: skip


def wait_until(what: Callable[[], bool], session: BaseProcess, output: Path) -> None:
    """Until it is so; the session has to live until then."""
    until = time.monotonic() + CONVERGES_WITHIN_SECONDS
    while not what():
        said = output.read_text() if output.exists() else "nothing"
        assert session.is_alive(), f"the session ended before its time; it said:\n{said}"
        assert time.monotonic() < until, f"the session does not get there; it said:\n{said}"
        time.sleep(0.01)


def restart_and_judge(scene: Scene, name: str) -> list[str]:
    """Start again, for one round trip. What is wrong then, by the exchange's own record and to the last unit.

    Nobody else trades on the account: whatever was adopted or called an external close is an order that was lost track
    of. It is looked for while the session runs, because books that are wrong need not come to an end.
    """
    output = scene.folder / f"again-{name}.txt"
    session = scene.start(output, 1)
    until = time.monotonic() + CONVERGES_WITHIN_SECONDS
    books = scene.books
    while session.is_alive() and time.monotonic() < until and not books.lost:
        session.join(timeout=0.2)
        books.follow()
    status = finish(session, 0.0)
    books.follow()
    problems = [f"lost track of an order: {row}" for row in books.lost]
    if status != 0 and not books.lost:
        problems.append(f"the restart ended with `{status}`:\n{output.read_text()[-3000:]}")
    strange = {order["client_id"] for order in scene.exchange.record()["orders"]} - books.submitted
    if strange:
        problems.append(f"the exchange has orders that no input of the journal commands: {sorted(strange)}")
    if status in (0, 1):  # then it wrote its figures
        position, resting = scene.exchange.open_position(), scene.exchange.open_orders()
        figures = json.loads((scene.folder / "session.json").read_text())["figures"]
        left = (position, resting, figures["reconcile_delta"], figures["reference_divergences"])
        if left != (0, [], "0.00000000", 0):
            problems.append(f"position, orders, difference and divergences: {left}")
    return [f"{name}: {problem}" for problem in problems]


# --- chosen moments --------------------------------------------------------------------------------------------------


def killed_before_the_row_is_durable(folder: Path, certificate: Path) -> list[str]:
    """The disk does not answer when the first order is to be journaled: nothing of it may have left by the kill.

    Nor may that row be counted with those of the journal.
    """
    with exchange_process(folder) as exchange:
        scene = Scene(exchange, certificate, folder)
        output, marker = folder / "stuck.txt", folder / "stuck"
        port = free_port()
        session = scene.start(output, ENDLESS, stuck=str(marker), more={"DITA_METRICS_PORT": str(port)})
        wait_until(marker.exists, session, output)
        until = time.monotonic() + STUCK_SECONDS
        while time.monotonic() < until and exchange.record()["orders_made"] == 0:
            time.sleep(0.02)
        counted = scraped(port, ROWS_METRIC)
        kill(session)
        store = JournalStore(folder / "journal.sqlite", read_only=True)
        written = store.last_position()
        store.close()
        name = "before the row is durable"
        problems = [] if counted == written else [f"{name}: {counted} rows are counted, {written} are written"]
        return problems + restart_and_judge(scene, name)


def killed_before_the_order_is_heard_of(folder: Path, certificate: Path) -> list[str]:
    """The first order is in the journal and in the book; its session has heard nothing of it when it is killed."""
    with exchange_process(folder, faults={"faults": NOTHING_HEARD}) as exchange:
        scene = Scene(exchange, certificate, folder)
        output = folder / "deaf.txt"
        session = scene.start(output, ENDLESS, reply_within_ms=60_000)
        wait_until(lambda: exchange.record()["orders_made"] > 0, session, output)
        kill(session)
        return restart_and_judge(scene, "before the order is heard of")


MOMENTS = {
    "before the row is durable": killed_before_the_row_is_durable,
    "before the order is heard of": killed_before_the_order_is_heard_of,
}


def main(moment: str, folder: Path, certificate: Path) -> int:
    """One chosen moment."""
    problems = MOMENTS[moment](folder, certificate)
    sys.stdout.write("".join(f"{problem}\n" for problem in problems))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])))

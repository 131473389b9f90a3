"""What an entry has to pass between policy and sizing. Exits pass no gate: nothing here can keep a position open.

A gate is a rule: pure functions over a state that is the gate's own, one for each symbol. ``see`` takes market
news in, ``judge`` takes an entry that a policy wants and gives a verdict: passed, perhaps with a boost, or held. A
verdict says what it was made from. ``Chain`` asks the gates in the order of ``dita.spec.decisions.Check`` and stops
at the first that holds:

1. stale data: what the later gates look at is worth nothing if it is old;
2. session limits: whether there is to be any trade at all;
3. direction: whether the last quotes contradict the side;
4. order book: whether the book leans against the side;
5. boost: never a matter of yes or no, so it comes last; it multiplies the leverage that sizing uses.
"""

from dita.runtime.gates.boost import Boost
from dita.runtime.gates.chain import Chain, Judged
from dita.runtime.gates.direction import Direction
from dita.runtime.gates.limits import SessionLimits
from dita.runtime.gates.order_book import OrderBook
from dita.runtime.gates.rule import Deep, Entry, Facts, Gap, Gate, Held, News, Passed, Quoted, Verdict
from dita.runtime.gates.stale import StaleData

__all__ = [
    "Boost",
    "Chain",
    "Deep",
    "Direction",
    "Entry",
    "Facts",
    "Gap",
    "Gate",
    "Held",
    "Judged",
    "News",
    "OrderBook",
    "Passed",
    "Quoted",
    "SessionLimits",
    "StaleData",
    "Verdict",
]

"""The explorer: kernel × runtime × venue × lossy network × settlement, in full, for safety and liveness.

``run_explore(tier)`` searches small worlds breadth-first and completely. Safety: no order and no position is left
behind, nothing is booked that did not happen, at rest the books equal the wallet to the unit. Liveness: from every
reachable world a good one can be reached by fair moves alone (idle, settled, reconciled, venue flat, books right), and
no cycle of delays leaves an order unresolved for ever.
"""

from dita.conformance.explore.report import ExploreReport, WorldRow, run_explore, run_world
from dita.conformance.explore.worlds import Tier, worlds_of

__all__ = ["ExploreReport", "Tier", "WorldRow", "run_explore", "run_world", "worlds_of"]

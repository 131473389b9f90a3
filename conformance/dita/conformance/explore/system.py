"""The records of the composed system: one world's sizes, its state, and a move between two states."""

from dataclasses import dataclass
from typing import Final, NamedTuple

from dita.conformance.explore.kernels import Applied
from dita.spec.environment import Frame, Network, Venue
from dita.spec.inputs import Input
from dita.spec.vocabulary import Side


@dataclass(frozen=True, slots=True)
class Setting:
    """One world: its sizes, how often each fault may happen, and who else acts. ``trades`` -1 is without end."""

    name: str
    lots: int = 1
    net: int = 2  # frames on their way at most
    loss: int = 0
    dup: int = 0
    wrong: int = 0  # absences reported although the order is there or may still come
    external: int = 0  # closes without an order of ours
    added: int = 0  # lots that another hand opens on our side, at any time
    crash: int = 0
    gap: int = 0  # the account stream breaks: what it had under way is lost, and what happens until it is back
    cancels: int = 0  # cancels without an effect: refused, or lost, and nobody can say which
    trades: int = 1
    neighbour: int = 0  # trades in a second slot and a second contract, whose network never fails
    slot_limit: int = 1
    tails: int = 2
    ratios: tuple[int, ...] = (1_000_000,)
    side: Side = Side.LONG
    periodic: bool = False  # position snapshots without being asked
    eager: bool = False  # absence is reported before the deadline, truthfully marked
    rounded: bool = False  # queries report a rounded notional
    rows: bool = False  # closes without us are booked from fill rows at any time, which the runtime does not do
    bare: bool = False  # the stream says that an order is over, and not with how much
    stepwise: bool = False  # a look-up takes time: something may happen between its query and the clock it reads
    lagging: bool = False  # a reading may be dated one change before what it shows; needs ``merged`` off
    wallet: bool = False  # the wallet is read, and may freeze capital
    modes: bool = False  # the operator changes the mode at any time
    adjusts: bool = False  # at rest, the operator books what the kernel cannot explain
    merged: bool = True  # times that the reference cannot tell apart are one
    strict: bool = True  # without wrong absences and other hands, the venue stays within what the kernel allows
    judged: bool = True  # every distinct kernel step keeps the invariants and the step properties

    @property
    def nothing_is_lost(self) -> bool:
        """Whether all that the venue says arrives, or is asked for after a gap."""
        return not (self.loss or self.crash or self.wrong or self.external or self.added)


class Faults(NamedTuple):
    """How many of each fault may still happen."""

    loss: int
    dup: int
    wrong: int
    external: int
    added: int
    crash: int
    gap: int
    cancels: int


class Runtime(NamedTuple):
    """What the process knows beside the kernel's state; a crash forgets it."""

    follows: int = 1  # the order in flight is followed: its silence will be noticed
    asked: int = 0  # a look-up has met `no such order`, and is about to read the clock
    stream: int = 0  # one of the three below, or more: so many passes of the reading after a gap were done
    told: tuple[tuple[int, int, int, int], ...] = ()  # (trade, attempt, lots, over) of orders that are not the kernel's


WHOLE: Final = 0
BROKEN: Final = 1
BACK: Final = 2  # nothing read yet


class Neighbour(NamedTuple):
    """The other contract: lots that the venue holds there, and trades that may still begin."""

    held: int = 0
    trades: int = 0


class World(NamedTuple):
    """One state of the whole system, in canonical numbers."""

    kernel: int
    gap: int  # capital less cash, 1e-8 USDT: at rest and flat, what the books are wrong by
    venue: Venue
    net: Network
    limbo: Network  # submits whose absence was believed and that may still arrive
    faults: Faults
    trades: int
    runtime: Runtime = Runtime()
    neighbour: Neighbour = Neighbour()


Label = tuple[str, Frame | str | int | None]
Fed = tuple[Input, Applied]


class Move(NamedTuple):
    """One transition: what happened, where it leads, what was fed to the kernel, and what that broke.

    It is ``fair`` when a system without further faults and without new trades may be counted on to make it.
    """

    label: Label
    fair: bool
    world: World
    fed: tuple[Fed, ...]
    wrong: tuple[str, ...]

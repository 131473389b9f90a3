"""Schedules for the exchange simulator and the environment model: moves drawn from a seed, that name no state.

A move says what happens in words that fit any state (``pick`` chooses among what there is), so a schedule can be
printed, played again, and cut shorter. What a move means is decided by ``mirror`` from the model alone.
"""

from collections.abc import Iterator, Sequence
from random import Random
from typing import Final, Literal, NamedTuple

Kind = Literal[
    "enter", "exit", "cancel", "arrive", "match", "query", "wallet", "wait",
    "overreach", "hand cancels", "hand reduces", "hand closes all", "deleveraged", "dead man",
]  # fmt: skip
Reply = Literal["first", "last", "lost"]
Edge = Literal["now", "at the deadline", "after the deadline"]

# How often each kind is drawn; a schedule leaves some out and doubles others.
WEIGHTS: Final[dict[Kind, int]] = {
    "enter": 16, "exit": 20, "cancel": 8, "arrive": 10, "match": 24, "query": 4, "wallet": 10, "wait": 4,
    "overreach": 2, "hand cancels": 4, "hand reduces": 4, "hand closes all": 2, "deleveraged": 10, "dead man": 1,
}  # fmt: skip
NEEDED: Final[frozenset[Kind]] = frozenset(("enter", "match"))
WAITS_MS: Final = (1, 500, 1_999, 2_000, 2_001, 4_000)


class Move(NamedTuple):
    """One thing that happens. Only some of the fields matter to each kind."""

    kind: Kind
    pick: int = 0  # which order, or which request on its way
    lots: int = 1
    market: bool = False  # the order has no price; the market does not reach limits
    book: int = 0  # lots on offer when a submit arrives
    held: bool = False  # the request stays on its way until an ``arrive``
    copies: int = 1  # how often the request arrives
    reply: Reply = "first"  # which answer reaches the client
    edge: Edge = "now"  # when a request that was held arrives
    wait_ms: int = 1


class Schedule(NamedTuple):
    """The moves, and the account they are made on."""

    seed: int
    short: bool
    hedge: bool
    moves: tuple[Move, ...]

    def __str__(self) -> str:
        """The seed, and a line for each move with what is unusual about it."""
        plain = Move("wait")._asdict()
        lines = [f"seed {self.seed}, short {self.short}, hedge {self.hedge}"]
        for move in self.moves:
            unusual = (f"{name}={value}" for name, value in move._asdict().items() if value != plain[name])
            lines.append(f"  {', '.join(unusual)}")
        return "\n".join(lines)


def drawn(seed: int, length: int = 40) -> Schedule:
    """The schedule of a seed."""
    chance = Random(seed)
    weights: dict[Kind, int] = {
        kind: weight * chance.choice((1, 1, 3) if kind in NEEDED else (0, 1, 1, 3)) for kind, weight in WEIGHTS.items()
    }
    moves = tuple(_move(chance, weights) for _ in range(length))
    return Schedule(seed, chance.random() < 0.5, chance.random() < 0.5, moves)


def _move(chance: Random, weights: dict[Kind, int]) -> Move:
    return Move(
        kind=chance.choices(list(weights), list(weights.values()))[0],
        pick=chance.randrange(1_000),
        lots=chance.choice((1, 1, 2, 3, 5)),
        market=chance.random() < 0.3,
        book=chance.choice((0, 0, 1, 3)),
        held=chance.random() < 0.25,
        copies=chance.choice((1, 1, 2)),
        reply=chance.choice(("first", "first", "last", "lost")),
        edge=chance.choice(("now", "now", "at the deadline", "after the deadline")),
        wait_ms=chance.choice(WAITS_MS),
    )


def shorter(schedule: Schedule) -> Iterator[Schedule]:
    """The schedule without a half, a quarter, …, one of its moves: what to try when it has failed."""
    size = len(schedule.moves) // 2
    while size:
        for start in range(0, len(schedule.moves), size):
            yield schedule._replace(moves=_without(schedule.moves, start, size))
        size //= 2


def _without(moves: Sequence[Move], start: int, size: int) -> tuple[Move, ...]:
    return (*moves[:start], *moves[start + size :])

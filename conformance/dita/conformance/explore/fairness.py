"""Cycles in which an order stays unresolved for ever although nobody withholds anything for ever.

A run may delay what it likes, but what is possible all the time must happen at last (weak fairness, for each kind of
fair move). A cycle survives that only if every kind of fair move is taken on it, or is impossible somewhere on it. So a
strongly connected set of worlds is harmless when one kind is possible in all of them and always leads out. Where the
network is full everything counts as possible: that a network has room for so few frames is the model's doing.
"""

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from dita.conformance.explore.system import Move
from dita.spec.environment import Frame

KINDS_MOST: Final = 62  # bits of a mask
_EVERYTHING: Final = -1


@dataclass(slots=True)
class Delays:
    """The moves between worlds of an unresolved order. Nodes are numbers of worlds."""

    sources: "array[int]" = field(default_factory=lambda: array("q"))
    targets: "array[int]" = field(default_factory=lambda: array("q"))
    kinds: "array[int]" = field(default_factory=lambda: array("q"))  # of each such move, as a bit; 0: not fair
    possible: dict[int, int] = field(default_factory=dict[int, int])  # world: the kinds of fair moves, as a mask
    _bits: dict[tuple[object, ...], int] = field(default_factory=dict[tuple[object, ...], int])

    def possible_in(self, world: int, move: Move, *, is_full: bool) -> int:
        """A move of an unresolved world; gives its kind as a bit, 0 when nobody may count on it."""
        bit = self._bit(move) if move.fair else 0
        self.possible[world] = _EVERYTHING if is_full else self.possible.get(world, 0) | bit
        return bit

    def leads(self, source: int, target: int, bit: int) -> None:
        """The move leads to a world in which the order is unresolved, too."""
        self.sources.append(source)
        self.targets.append(target)
        self.kinds.append(bit)

    def _bit(self, move: Move) -> int:
        action, what = move.label
        kind = (action, what.kind, what.answer) if isinstance(what, Frame) else (action,)
        bit = self._bits.setdefault(kind, 1 << len(self._bits))
        if len(self._bits) > KINDS_MOST:
            raise ValueError(f"kinds of moves: more than `{KINDS_MOST}`; give `Delays` wider masks")
        return bit

    def circling(self) -> list[int]:
        """Every world of a cycle on which an order can stay unresolved under a fair venue, network and runtime."""
        found: list[int] = []
        nodes = sorted(self.possible)
        place = {node: number for number, node in enumerate(nodes)}
        edges: list[list[int]] = [[] for _ in nodes]
        for at, source in enumerate(self.sources):
            if self.targets[at] in place:
                edges[place[source]].append(at)
        component = [0] * len(nodes)
        groups: list[list[int]] = []
        for number, group in enumerate(components([[place[self.targets[at]] for at in row] for row in edges])):
            groups.append(group)
            for node in group:
                component[node] = number
        for number, group in enumerate(groups):
            inside = [at for node in group for at in edges[node] if component[place[self.targets[at]]] == number]
            if not inside:
                continue
            always = _EVERYTHING
            for node in group:
                always &= self.possible[nodes[node]]
            for at in inside:
                always &= ~self.kinds[at]
            if always == 0:
                found.extend(nodes[node] for node in group)
        return sorted(found)


def components(successors: Sequence[Sequence[int]]) -> Iterator[list[int]]:
    """The strongly connected components of a graph (Tarjan, without recursion)."""
    unseen = -1
    index = [unseen] * len(successors)
    low = [0] * len(successors)
    on_stack = bytearray(len(successors))
    stack: list[int] = []
    count = 0
    for root in range(len(successors)):
        if index[root] != unseen:
            continue
        walk: list[tuple[int, int]] = [(root, 0)]
        while walk:
            node, at = walk.pop()
            if at == 0:
                index[node] = low[node] = count
                count += 1
                stack.append(node)
                on_stack[node] = 1
            for position in range(at, len(successors[node])):
                target = successors[node][position]
                if index[target] == unseen:
                    walk.append((node, position + 1))
                    walk.append((target, 0))
                    break
                if on_stack[target]:
                    low[node] = min(low[node], index[target])
            else:
                if low[node] == index[node]:
                    group: list[int] = []
                    while not group or group[-1] != node:
                        group.append(stack.pop())
                        on_stack[group[-1]] = 0
                    yield group
                if walk:
                    parent = walk[-1][0]
                    low[parent] = min(low[parent], low[node])

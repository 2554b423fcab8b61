"""How many promises it takes at least from one payer to everybody, over lines that carry enough."""

from collections import deque

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import breadth_first_order

from pathfinder.core.columns import Columns, room_of, usable
from pathfinder.core.setting import Setting


class Hops:
    """`far`[node], for amounts of at least `floor`; -1 = out of reach.

    Like a tree it stays true while lines get worse; `catch_up` takes in what improves.
    """

    def __init__(self, setting: Setting, columns: Columns, floor: int) -> None:
        board = setting.board
        self.floor = floor
        self.seen = board.improved.until
        # The payer's own lines count always: what they carry is what he says with each question.
        carries = usable(room_of(board), floor, setting.waived)
        carries |= (columns.promisor == setting.payer) & (room_of(board) >= 0)
        ends = (columns.promisor[carries], columns.promisee[carries])
        shape = (columns.nodes, columns.nodes)
        graph = csr_matrix((np.ones(len(ends[0]), np.int8), ends), shape=shape)
        order, before = breadth_first_order(graph, setting.payer)
        far = [-1] * columns.nodes
        far[setting.payer] = 0
        parents = before.tolist()
        for node in order.tolist()[1:]:
            far[node] = far[parents[node]] + 1
        self.far = far

    def catch_up(self, setting: Setting) -> bool:
        """Takes in what has improved since; False: that much that it has to be made anew."""
        board = setting.board
        fresh = board.improved.since(self.seen)
        if fresh is None:
            return False
        self.seen = board.improved.until
        self.far.extend([-1] * (len(board.nodes) - len(self.far)))
        queue = deque(fresh)
        while queue:
            line = queue.popleft()
            promisor, promisee = board.promisor[line], board.promisee[line]
            own = promisor == setting.payer and board.room[line] >= 0
            if self.far[promisor] < 0 or not (own or setting.may_carry(line, self.floor)):
                continue
            far = self.far[promisor] + 1
            if self.far[promisee] < 0 or far < self.far[promisee]:
                self.far[promisee] = far
                queue.extend(board.outgoing[promisee])
        return True

"""How many witnesses a late proof needs: the owner's number outlives the process."""

import json

from node.core.view import Caps
from node.terms import Book, Terms
from proto.keys import NodeId
from proto.lateness import quorum_of
from runtime.write_plan import InsertRows
from tests.proto.build import digest
from tests.proto.witnessed import QUORUM, W1, witnessed

NODE = NodeId(digest("node"))


def test_it_is_kept_with_the_owners_terms() -> None:
    book = Book(NODE, 0, Caps())
    book.learn(W1.record, True)
    (write,) = book.change(witness_quorums={W1.id: 3})
    assert isinstance(write, InsertRows)
    (row,) = write.rows
    again = Book(NODE, 0, Caps())
    again.load([row], [{"record": W1.record.signed, "accepted": 1, "version": 1}])
    assert again.settings().witness_quorums == {W1.id: 3}
    assert quorum_of(W1.record, again.settings().witness_quorums) == 3


def test_terms_of_an_older_program_take_the_records_number() -> None:
    text = json.loads(Terms().to_json())
    del text["witness_quorums"]
    quorums = Terms.from_json(json.dumps(text)).witness_quorums
    assert quorum_of(W1.record, quorums) == QUORUM
    assert quorum_of(witnessed(quorum=0).record, quorums) == 0

"""How many witnesses a late proof needs: the owner's number outlives the process."""

import json

from node.command.sim.cast import R1, digest
from node.core.view import Caps
from node.store import setting
from node.terms import Book, Terms
from proto.keys import NodeId
from proto.lateness import rule_in, rule_of
from proto.registry_record import RegistryRecord
from runtime.write_plan import InsertRows, UpdateRows, Write
from tests.proto.witnessed import QUORUM, W1, next_record, witnessed

NODE = NodeId(digest("node"))


def loaded(writes: list[Write], record: RegistryRecord) -> Book:
    """The book of the next process, out of what was written last."""
    (row,) = [
        w.rows[0] for w in writes if isinstance(w, InsertRows | UpdateRows) if w.table is setting
    ]
    book = Book(NODE, 0, Caps())
    shown = dict(row) | {"version": 1}
    book.load([shown], [{"record": record.signed, "accepted": 1, "fraud": b"", "version": 1}])
    return book


def test_it_is_kept_with_the_owners_terms() -> None:
    book = Book(NODE, 0, Caps())
    again = loaded(book.trust(W1.record, True, 3), W1.record)
    assert again.settings().late_rules == {W1.id: rule_in(W1.record, 3)}
    again.trust(W1.record, True, None)
    assert again.settings().late_rules[W1.id].quorum == 3, "accepting anew keeps the number"
    again.trust(W1.record, True, 0)
    assert again.settings().late_rules[W1.id].quorum == 0, "and 0 is a number"
    again.trust(W1.record, False, None)
    assert again.settings().late_rules == {}, "dropping it forgets"


def test_witnesses_of_a_later_record_count_once_it_is_accepted() -> None:
    book = Book(NODE, 0, Caps())
    book.trust(W1.record, True, None)
    later = next_record(W1, sequence=3, witnesses=1)
    assert len(later.witnesses) == 1
    book.learn(later)
    assert book.settings().records[W1.id] == later
    assert book.settings().late_rules[W1.id] == rule_in(W1.record)
    book.trust(later, True, None)
    assert book.settings().late_rules[W1.id] == rule_in(later)


def test_the_first_witnesses_of_a_registry_count_at_once() -> None:
    """They can only make the rule stricter."""
    book = Book(NODE, 0, Caps())
    book.trust(R1.record, True, None)
    assert book.settings().late_rules == {}
    book.learn(W1.record)
    rule = rule_of(book.settings().records[W1.id], book.settings().late_rules)
    assert rule == rule_in(W1.record) and rule.quorum == QUORUM


def test_terms_of_an_older_program_take_the_records_rule() -> None:
    text = json.loads(Terms().to_json())
    for name in ("witness_quorums", "late_rules"):
        del text[name]
    rules = Terms.from_json(json.dumps(text)).late_rules
    assert rule_of(W1.record, rules).quorum == QUORUM
    assert rule_of(witnessed(quorum=0).record, rules).quorum == 0

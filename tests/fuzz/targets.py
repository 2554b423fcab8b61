"""All targets of fuzzing, by name, and the parsers that none of them reaches, with the reason."""

from functools import cache
from typing import Final

from tests.fuzz import (
    of_calls,
    of_daemons,
    of_escrow,
    of_files,
    of_letters,
    of_people,
    of_proto,
    of_receipts,
    of_registrar,
    of_sale,
)
from tests.fuzz.target import Target

GROUPS: Final = {
    "travelling": of_proto.travelling,
    "signed": of_proto.signed,
    "texts": of_proto.texts,
    "calls": of_calls.calls,
    "approvals": of_calls.approvals,
    "streams": of_daemons.streams,
    "pages": of_files.pages,
    "files": of_files.files,
    "exchanges": of_escrow.exchanges,
    "letters": of_letters.exchanged,
    "titles": of_registrar.titles,
    "sale_documents": of_sale.documents,
    "sale_courses": of_sale.courses,
    "receipts": of_receipts.receipts,
    "people": of_people.of_people,
}
"""The corpus has one file for each of these."""


@cache
def targets() -> dict[str, Target]:
    """By name; made once, since keys and signatures take a while."""
    found = {t.name: t for make in GROUPS.values() for t in make()}
    assert len(found) == sum(len(make()) for make in GROUPS.values()), "one name, two targets"
    return found


@cache
def group_of(name: str) -> str:
    """In which file of the corpus a target's inputs are kept."""
    (found,) = [g for g, make in GROUPS.items() if name in {t.name for t in make()}]
    return found

"""Verb of a sale's papers: what this node can show of it, as one file for anybody offline."""

from base64 import b64encode
from typing import Any

from node.control.context import Context
from node.control.failure import Arguments
from node.control.sale_names import find_sale
from node.core.sale.reading import offer_of
from node.sale.papers import papers_of


async def evidence(context: Context, arguments: Arguments) -> dict[str, Any]:
    """All papers of a sale, at any point of it, with the record of its registry."""
    sale = find_sale(context, arguments.text("id"))
    arguments.done()
    known = [context.book.registries.get(member) for member in offer_of(sale).policy.members]
    records = tuple(one.record for one in known if one is not None)
    papers = papers_of(sale, context.settled.transaction, records)
    return {"id": sale.id.hex(), "file": b64encode(papers.encode()).decode()}

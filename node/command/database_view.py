"""What `node status --db` prints about the store."""

from node.command.display import facts, gap, moment, span, table
from node.command.session import Json


def show_database(database: Json) -> None:
    """Rows and bytes of each table, the archive, and what is still to come."""
    table(
        ("table", ">rows", ">bytes"),
        ((t.get("name"), t.get("rows"), _or_dash(t.get("bytes"))) for t in database["tables"]),
        empty="No tables.",
    )
    gap()
    archive = database["archive"]
    pending = database.get("oldest_pending_s")
    facts(
        (
            ("archive", f"{archive['entries']} settled payments in {archive['blocks']} blocks"),
            ("archive bytes", f"{archive['bytes']}, {_or_dash(archive['bytes_per_entry'])} each"),
            ("archive begins", moment(archive["oldest_us"]) if archive["oldest_us"] else "-"),
            ("not yet archived", f"{database['ageing']} transactions, payments and requests"),
            ("rows in memory", database["rows_in_memory"]),
            ("oldest pending", span(pending) if pending is not None else "none"),
            ("log ahead (WAL)", _or_dash(database["wal_bytes"])),
            ("free disk", _or_dash(database["free_disk_bytes"])),
        )
    )


def _or_dash(value: object) -> object:
    return "-" if value is None else value

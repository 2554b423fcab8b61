"""Reading rows beside the writer, one moment at a time."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Engine, Select
from sqlalchemy.exc import DBAPIError

from node.registrar.tables import TABLES
from runtime.faults import StoreFailed, fault_of

LEAST_DIGITS: Final = 4  # of an id: with fewer it is more likely a name
HEX: Final = frozenset("0123456789abcdef")
PAGE: Final = 256  # rows of a list that people read
MANY: Final = 4096  # rows that are seen to in one round


def between(digits: str, size: int) -> tuple[bytes, bytes] | None:
    """The first and the last id of `size` bytes that begins with these hex digits; None where no id
    does, or too many would."""
    if not LEAST_DIGITS <= len(digits) <= 2 * size or not set(digits.lower()) <= HEX:
        return None
    first, last = digits.ljust(2 * size, "0"), digits.ljust(2 * size, "f")
    return bytes.fromhex(first), bytes.fromhex(last)


class Reading:
    """What every reader can do. StoreFailed from every method."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def _rows(self, kind: type, query: Select[Any]) -> list[Any]:
        table = TABLES[kind]
        return [table.from_columns(row) for row in self._all(query)]

    def _all(self, query: Select[Any]) -> Sequence[Any]:
        try:
            with self._engine.connect() as connection:
                return connection.execute(query).mappings().all()
        except DBAPIError as error:
            raise StoreFailed(fault_of(error)) from error

"""What every row is: frozen, called by a key that is made once."""

from typing import ClassVar, TypeVar

R = TypeVar("R")

Key = tuple[str, bytes, bytes]
"""(table, first part, second part or b"") of a row."""


def replace(row: R, /, **changes: object) -> R:
    """The row with some fields changed, as dataclasses.replace: a payment makes fifty of them.

    Rows have a dictionary instead of slots so that this is two updates of one. The key goes along:
    no step changes what a row is called by.
    """
    fields = row.__dict__
    changed = object.__new__(type(row))
    values = changed.__dict__
    values.update(fields)
    values.update(changes)
    assert len(values) == len(fields), changes.keys() - fields.keys()
    return changed


class Keyed:
    """A row makes its key once, when it is made: a payment asks for it some hundred times."""

    key: Key
    kept: ClassVar[bool] = True
    """Whether the row stays in memory; else it is written once and read from the disk alone."""

    def __post_init__(self) -> None:
        self.__dict__["key"] = self._key()

    def _key(self) -> Key:
        raise AssertionError("every row says what it is called by")

"""Signed adverts in a file, so that somebody else can verify them: text, one advert a line.

The first line names the format. Each further line is the base64 (RFC 4648, with padding) of one
envelope exactly as it was signed and received; empty lines and those that begin with "#" say
nothing. Nothing in such a file is believed: each advert is verified as if a neighbour had sent it.
"""

from base64 import b64encode
from collections.abc import Iterable, Iterator
from typing import Final

from proto.limits import MAX_RECORD_ADVERT_BYTES

FIRST_LINE: Final = "pledgeway-adverts/v1"
MAX_LINE_CHARS: Final = 4 * (MAX_RECORD_ADVERT_BYTES // 3 + 1) + 2  # and the end of the line


def file_lines(adverts: Iterable[bytes]) -> Iterator[str]:
    """The lines of a file, each with its newline."""
    yield FIRST_LINE + "\n"
    for data in adverts:
        yield b64encode(data).decode() + "\n"


def advert_texts(pieces: Iterable[bytes]) -> Iterator[tuple[int, str | None]]:
    """(number of the line, base64) of each advert; None in its place where a line is longer than
    one may be. `pieces` are the lines behind the first, which the caller has compared, as they are
    read: none is longer than `MAX_LINE_CHARS`, and the rest of one follows in further pieces."""
    number, begins = 2, True
    for piece in pieces:
        ends = piece.endswith(b"\n")
        if begins and not ends and len(piece) >= MAX_LINE_CHARS:
            yield number, None
        elif begins and (text := piece.decode("ascii", "replace").strip())[:1] not in ("", "#"):
            yield number, text
        begins = ends
        number += ends

"""The file of signed adverts: what is written is read, and whatever else is there is bounded."""

import io
from base64 import b64decode

from hypothesis import given
from hypothesis import strategies as st

from proto.advert_file import FIRST_LINE, MAX_LINE_CHARS, advert_texts, file_lines
from proto.limits import MAX_RECORD_ADVERT_BYTES


def texts(data: bytes) -> list[tuple[int, str | None]]:
    file = io.BytesIO(data)
    return list(advert_texts(iter(lambda: file.readline(MAX_LINE_CHARS), b"")))


@given(st.lists(st.binary(min_size=1, max_size=300)))
def test_what_is_written_is_read(adverts: list[bytes]) -> None:
    first, *rest = file_lines(adverts)
    assert first == FIRST_LINE + "\n"
    found = texts("".join(rest).encode())
    assert [b64decode(text or "", validate=True) for _, text in found] == adverts
    assert [number for number, _ in found] == list(range(2, len(adverts) + 2))


def test_the_largest_advert_fits_into_a_line() -> None:
    (line,) = list(file_lines([bytes(MAX_RECORD_ADVERT_BYTES)]))[1:]
    assert len(line) <= MAX_LINE_CHARS
    assert texts(line.encode()) == [(2, line.strip())]
    assert texts(line.strip().encode()) == [(2, line.strip())], "the last line needs no end"


def test_a_line_that_is_too_long_is_one_line() -> None:
    data = b"a\n" + b"x" * (5 * MAX_LINE_CHARS) + b"\n\n# b\nc\r\n" + b"y" * (2 * MAX_LINE_CHARS)
    assert texts(data) == [(2, "a"), (3, None), (6, "c"), (7, None)]


@given(st.binary(max_size=400))
def test_any_bytes_are_lines(data: bytes) -> None:
    for number, text in texts(data):
        assert 2 <= number <= data.count(b"\n") + 2
        assert text and "\n" not in text

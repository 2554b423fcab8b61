"""Which form of an answer is given: RFC 9110 section 12.5.1, case by case."""

import pytest

from registry.web.accept import MAX_RANGES, preferred

PROTOBUF, JSON, HTML = "application/x-protobuf", "application/json", "text/html"
OFFERED = (PROTOBUF, JSON, HTML)
CHROMIUM = (
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8,"
    "application/signed-exchange;v=b3;q=0.7"
)


@pytest.mark.parametrize(
    ("accept", "given"),
    [
        ("", PROTOBUF),
        ("*/*", PROTOBUF),
        (CHROMIUM, HTML),
        ("application/json", JSON),
        ("APPLICATION/JSON", JSON),
        ("application/json;q=0.5, text/html;q=0.4", JSON),
        ("application/json;q=0.5, text/html;q=0.50", JSON),  # as good: the better offer
        ("text/html;q=0.499, application/json;q=0.5", JSON),
        ("text/*, application/json;q=0.9", HTML),
        ("text/*;q=0.3, text/html;q=0.1, application/json;q=0.2", JSON),  # the closest range counts
        ("*/*;q=0.1, application/*;q=0.2, text/html;q=0", PROTOBUF),
        ("application/x-protobuf;q=0, */*", JSON),
        ("application/json;q=0, application/x-protobuf;q=0, */*", HTML),
        ("application/json; charset=utf-8 ; q=1.000", JSON),
        ("image/png", PROTOBUF),  # nothing fits: a signed answer tells more than 406
        ("application/json;q=0", PROTOBUF),
        # Weights that are none weigh nothing.
        ("application/json;q=2, text/html;q=0.001", HTML),
        ("application/json;q=0.1234, text/html;q=0.001", HTML),
        ("application/json;q=1.5, text/html;q=0.2", HTML),
        ("application/json;q=, text/html;q=0.001", HTML),
        ("application/json;q=0.٣, text/html;q=0.001", HTML),
        ("application/json;q=-1, text/html;q=0.001", HTML),
        (",,;;=,application/json,", JSON),
    ],
)
def test_preferred(accept: str, given: str) -> None:
    assert preferred(accept, OFFERED) == given


def test_an_endless_header_is_not_read_to_its_end() -> None:
    assert preferred(",".join(["image/png"] * MAX_RANGES) + ",application/json", OFFERED) == (
        PROTOBUF
    )

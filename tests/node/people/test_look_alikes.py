"""Names that look alike have one skeleton, and others have their own."""

import pytest

from node.people.look_alikes import skeleton


@pytest.mark.parametrize(
    "name",
    [
        "LAMP and  ledger",
        "Lamp and Ledger.",
        "Lamp-and-Ledger",
        "L\u0430mp \u0430nd L\u0435dg\u0435r",  # Cyrillic
        "L\u03b1mp and Ledger",  # Greek
        "Iamp and Iedger",
        "1amp and 1edger",
        "Larnp and Ledger",
        "Lámp and Lédger",
        "Lamp and Ledger\ufe0f",  # a sign that shows nothing
        "Lamp\u2800and Ledger",
        "\uff2camp and Ledger",  # full width
    ],
)
def test_what_the_eye_does_not_tell_apart(name: str) -> None:
    assert skeleton(name) == skeleton("Lamp and Ledger")


def test_a_whole_word_of_other_letters() -> None:
    assert skeleton("\u0421\u041e\u0420\u0415") == skeleton("COPE")
    assert skeleton("\u0397\u039f\u039c\u0395") == skeleton("HOME")


@pytest.mark.parametrize(
    ("one", "other"),
    [("Desk shop", "Lamp shop"), ("Shop 2", "Shop 3"), ("+", "-"), ("灯", "本"), ("Bank", "Bänke")],
)
def test_what_it_does(one: str, other: str) -> None:
    assert skeleton(one) != skeleton(other)
    assert skeleton(one)

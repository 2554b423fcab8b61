"""What can be wrong with a template or with how it is filled in: a closed list, one fault class."""

from enum import Enum, unique
from typing import Final

TOLD_CHARS: Final = 300  # of what somebody else's server says; gRPC lets it be 8 KB
SHOWN_CHARS: Final = 48  # of what was met instead: a fault is one line on somebody's terminal


@unique
class FaultCode(Enum):
    """What is wrong. The place and the words for people stand beside it in the fault."""

    # the file itself
    UNREADABLE = 1  # not JSON, a repeated key, a fraction
    TOO_LONG = 2
    SHAPE = 3  # a key missing or unknown, another type than there should be
    BAD_NAME = 4
    BAD_WILDCARD = 5
    UNKNOWN_SEAT = 6
    UNKNOWN_NAME = 7
    REPEATED = 8
    TOO_MANY = 9
    # the four rules of refusal (escrow section 6)
    NOT_DISTRIBUTED = 20  # rule 1: gathered, and handed to nobody or not completely
    NOT_GATHERED = 21  # rule 1: distributed, and given by nobody
    UNBALANCED = 22  # rule 2
    GIVER_WITHOUT_RETURN = 23  # rule 3
    IDLE_SEAT = 24  # rule 4: neither gives nor receives nor wants
    TO_ITSELF = 25
    WANTS_OWN = 26
    # how it is filled in
    OTHER_TEMPLATE = 40
    UNBOUND = 41
    UNKNOWN_WILDCARD = 42
    OUT_OF_BOUNDS = 43
    BAD_NODE = 44
    BAD_BRAND = 45
    RIGHT_UNKNOWN = 46
    RIGHT_AMBIGUOUS = 47
    BAD_LOT = 48
    ABOVE_SUPPLY = 49
    FEE_TAKES_ALL = 50
    # where templates are kept
    NAME_TAKEN = 60
    NO_SUCH_TEMPLATE = 61


class TemplateFault(ValueError):
    """One line for people: `place` (such as "buy object: gather[1].is.region") and `text`.

    Programs look at `code`; the words may change.
    """

    def __init__(self, code: FaultCode, place: str, text: str) -> None:
        super().__init__(f"{place}: {text}")
        self.code = code
        self.place = place
        self.text = text


def told(error: BaseException) -> str:
    """What a stranger's server said when it refused, fit for one line of a terminal or a log."""
    return "".join(c if c.isprintable() else " " for c in str(error)[:TOLD_CHARS])


def shown(value: object) -> str:
    """What was met, short and without a character that could repaint a terminal."""
    text = repr(value) if isinstance(value, str | int) else type(value).__name__
    plain = "".join(c if c.isprintable() else "?" for c in text)
    return plain if len(plain) <= SHOWN_CHARS else plain[: SHOWN_CHARS - 3] + "..."

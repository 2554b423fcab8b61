"""A paper of a sale that contradicts the others, or that its maker did not sign."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum, unique

from proto.wire import WireFault


@unique
class Paper(Enum):
    """What is to blame; names are stable, values are for people."""

    OFFER = "the offer"
    RULES = "the rules"
    REVEALS = "the reveals"
    JOINS = "the letters that name keys"
    CONTRACT = "the contract"
    AGREEMENT = "T0"
    PROMISE = "the house's promise"
    LOCK = "T1"
    STAKES = "the house's promises of stakes"
    STATEMENT = "the agent's statement"
    LOG = "the log of the hand-over"
    SEALED = "what was sealed to the buyer"
    CONTROL = "the proof of control"
    VOTE = "the vote"
    CERTIFICATES = "the certificates"


class Contradiction(Exception):
    """The papers prove nothing; `paper` is to blame, `why` is one line."""

    def __init__(self, paper: Paper, why: str) -> None:
        super().__init__(f"{paper.value}: {why}")
        self.paper = paper
        self.why = why


@contextmanager
def blaming(paper: Paper) -> Iterator[None]:
    """What cannot be read in here, or is not signed, is this paper."""
    try:
        yield
    except WireFault as fault:
        raise Contradiction(paper, str(fault)) from fault


def require(holds: bool, paper: Paper, why: str) -> None:
    """Raises Contradiction where it does not hold."""
    if not holds:
        raise Contradiction(paper, why)

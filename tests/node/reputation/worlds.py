"""Small networks of people who grant each other credit, and votes of theirs."""

from collections.abc import Iterable, Mapping

from node.reputation.ratings import Heard
from node.reputation.score import Score, score_of
from node.reputation.trust import Trust, trust_of
from proto.keys import NodeId
from proto.limits import US

NOW_US = 1_800_000_000 * US
Credits = Mapping[tuple[str, str], int]
"""(who grants, to whom): units."""


def person(name: str) -> NodeId:
    return NodeId(name.encode().ljust(32, b"."))


VIEWER, AGENT = person("viewer"), person("agent")


def trusting(grants: Credits) -> Trust:
    """As the viewer sees it, about the agent."""
    own = {person(taker): n for (granter, taker), n in grants.items() if granter == "viewer"}
    said = [(person(granter), person(taker), n) for (granter, taker), n in grants.items()]
    return trust_of(VIEWER, own, said, AGENT)


def votes(said: Iterable[tuple[str, int]], age_us: int = 0) -> list[Heard]:
    """(who, value): below zero for a failure. One sale for each."""
    return [
        Heard(i, i.to_bytes(32, "big"), person(who), abs(value), value > 0, NOW_US - age_us)
        for i, (who, value) in enumerate(said, 1)
    ]


def scored(grants: Credits, said: Iterable[tuple[str, int]]) -> Score:
    """Fresh votes by name."""
    return score_of(trusting(grants), votes(said), NOW_US)


def weight_of(score: Score, *names: str) -> int:
    """What the votes of these took up together."""
    wanted = {person(name) for name in names}
    return sum(one.taken for one in score.votes if one.vote.voter in wanted)

"""An answer that travelled as JSON is the answer that was sent."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pathfinder.answer import RouteAnswer
from pathfinder.answer_json import answer_as_json
from pathfinder.answer_read import read_answer
from pathfinder.core.search import find_route
from pathfinder.explain import explain
from pathfinder.network import Policy
from pathfinder.question import RouteQuestion
from tests.pathfinder.compare import graph_of
from tests.pathfinder.networks import case
from tests.pathfinder.test_search import worked


def answer_of(seed: int) -> RouteAnswer:
    net, asked = case(seed)
    graph = graph_of(net)
    question = RouteQuestion(asked["payer"], asked["payee"], asked["amount"])
    return explain(graph, question, find_route(graph, question))


@pytest.mark.parametrize("seed", range(0, 120, 3))
def test_there_and_back(seed: int) -> None:
    answer = answer_of(seed)
    sent = json.loads(json.dumps(answer_as_json(answer, with_reasons=True)))
    found = read_answer(sent, answer.brand, answer.amount)
    if answer.route is not None:
        assert found.route is not None
        policy = answer.route.policy
        named = replace(answer.route, policy=Policy.single(policy.name) if policy.name else policy)
        answer = replace(answer, route=named)
    # How long the search was is nobody else's, and reasons are read as JSON.
    answer = replace(answer, labels=0, reasons=())
    assert found == answer


GOOD: Any = answer_as_json(
    find_route(graph_of(worked("PABQ")), RouteQuestion("P", "Q", 1000)), with_reasons=True
)
WILD = st.none() | st.integers() | st.text(max_size=5) | st.just([]) | st.just({}) | st.just([{}])


@given(st.sampled_from(sorted(GOOD)), WILD)
def test_what_is_no_answer_is_a_value_error(key: str, value: Any) -> None:
    try:
        read_answer({**GOOD, key: value}, "USD", 1000)
    except ValueError as error:
        assert "answer" in str(error)


@pytest.mark.parametrize("value", [None, [], "x", {}, {"found": True}, {"found": False}])
def test_what_is_nothing_like_an_answer(value: Any) -> None:
    with pytest.raises(ValueError, match="not an answer"):
        read_answer(value, "USD", 1)

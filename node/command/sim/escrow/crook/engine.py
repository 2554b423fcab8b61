"""The core of a dishonest node: it makes terms of its own, and goes on as if all had agreed."""

from typing import Any

from node.command.sim.escrow.crook.crook import Crook
from node.command.sim.escrow.crook.terms import hasten, make_terms, take_share
from node.core.apply import NOTHING, Applied
from node.core.escrow.events import LetterCame
from node.core.escrow.reading import deal_under
from node.core.events import Event
from node.core.view import Step, View
from node.engine import Engine
from proto.escrow.letters import Give, Given, Join, Share, Withdraw


class CrookedEngine(Engine):
    """See `node.engine.Engine`."""

    def __init__(self, crook: Crook, *rest: Any) -> None:
        super().__init__(*rest)
        self._crook = crook

    def _decide(self, view: View, event: Event) -> Applied:
        if isinstance(event, LetterCame):
            step = Step(self.memory, event.now_us)
            if self._ignores(step, event):
                return NOTHING
            if isinstance(body := event.letter.body, Share):
                deal = deal_under(step, body.commit)
                if deal in self._crook.schemes:
                    take_share(step, deal, body, self._crook)
                    return Applied(step.changes, tuple(step.effects))
            if isinstance(event.letter.body, Join) and make_terms(step, event, self._crook):
                return Applied(step.changes, tuple(step.effects))
        try:
            applied = super()._decide(view, event)
        except AssertionError:
            return NOTHING  # it trips over its own lies; nothing was changed
        step = Step(self.memory, event.now_us)
        for row in applied.changes:
            step.put(row)
        step.effects.extend(applied.effects)
        if self._crook.schemes and hasten(step, applied.changes, self._crook):
            return Applied(step.changes, tuple(step.effects))
        return applied

    def _ignores(self, step: Step, event: LetterCame) -> bool:
        """Nothing stops a scheme of its own."""
        match event.letter.body:
            case Withdraw(proposal_id=deal):
                return deal in self._crook.schemes
            case Given(commit=commit, why=why) if why:
                return deal_under(step, commit) in self._crook.schemes
            case Give(commit=commit, legs=legs):
                # A crook pays for nothing that it has arranged otherwise.
                own = deal_under(step, commit) in self._crook.schemes
                return own and all(leg.request for leg in legs)
            case _:
                return False

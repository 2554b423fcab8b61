"""The core of a dishonest part: it keeps to itself what it should bring to the registry."""

from typing import Any

from node.command.sim.sale.crook.crook import SaleCrook
from node.core.apply import NOTHING, Applied
from node.core.effects import AskRegistries
from node.core.events import Event
from node.core.rows import Ask
from node.core.view import View
from node.engine import Engine


class SaleCrookedEngine(Engine):
    """See `node.engine.Engine`."""

    def __init__(self, crook: SaleCrook, *rest: Any) -> None:
        super().__init__(*rest)
        self._crook = crook

    def _decide(self, view: View, event: Event) -> Applied:
        try:
            applied = super()._decide(view, event)
        except AssertionError:
            return NOTHING  # it trips over its own lies; nothing was changed
        kept = tuple(
            effect
            for effect in applied.effects
            if not isinstance(effect, AskRegistries) or not self._keeps_back(effect)
        )
        return applied if kept == applied.effects else Applied(applied.changes, kept)

    def _keeps_back(self, effect: AskRegistries) -> bool:
        """What it does not submit now, its owner submits when it pleases him."""
        if effect.ask is not Ask.SUBMIT:
            return False
        kept = self._crook.kept_back
        if effect.commit not in kept:
            kept[effect.commit] = self._crook.tells("submits-late")
        return kept[effect.commit]

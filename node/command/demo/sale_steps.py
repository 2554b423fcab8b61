"""What the parties of a sale do, step by step, each as its owner would at his node."""

import time
from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from node.command.demo.sale_cast import HOUSE, STAKES, Case
from node.command.demo.sale_town import Market
from node.command.processes.control import Json, Refused
from node.command.processes.founding import TownFault
from node.command.processes.market import until
from runtime.rpc_client import RpcError

PATIENCE_S: Final = 90.0
LOCKED: Final = ("LOCKED", "SPLIT", "ENDED")
BUYER, SELLER, AGENT, ARBITER = "buyer", "seller", "agent", "arbiter"


def found_agent(shown: Json) -> bool:
    """Whether both sides know who judges: he may have taken the case since, and more."""
    return any(party["role"] == "AGENT" for party in shown["parties"])


@dataclass(slots=True)
class Course:
    """One sale under way. `id`: its digits; `agent`: who was chosen; `told`: what the audience
    hears; `shown`: what each part's node said of it last."""

    market: Market
    case: Case
    pace: int = 1
    id: str = ""
    agent: str = ""
    told: list[str] = field(default_factory=list)
    shown: dict[str, Json] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)

    def who(self, part: str) -> str:
        """The node that plays this part."""
        case = self.case
        named = {BUYER: case.buyer, SELLER: case.seller, AGENT: self.agent, ARBITER: case.arbiter}
        return named[part]

    def tell(self, what: str) -> None:
        """For the audience, with the time."""
        self.told.append(f"{time.monotonic() - self.began:5.1f} s  {what}")

    # ------------------------------------------------------------------ looking

    async def look(self, part: str) -> Json | None:
        """What `sale show` says there; None where the node does not answer or does not know it."""
        control = self.market.house(self.who(part)).control
        try:
            self.shown[part] = await control.ask("sale.show", id=self.id)
        except (Refused, RpcError):
            return None
        return self.shown[part]

    async def sees(self, part: str, what: Callable[[Json], object], words: str) -> Json:
        """Once what the node shows is so. TownFault."""

        async def so() -> bool:
            shown = await self.look(part)
            return shown is not None and bool(what(shown))

        try:
            await until(f"{self.who(part)}: {words}", so, PATIENCE_S * self.pace)
        except TownFault as fault:
            last = self.shown.get(part, {})
            now = f"it is {last.get('phase')} because {last.get('because')}"
            raise TownFault(f"{self.case.scene}: {fault}; {now}") from fault
        return self.shown[part]

    async def reaches(self, *phases: str, parts: tuple[str, ...] = (BUYER, SELLER, AGENT)) -> None:
        """Until every part is in one of these phases. TownFault."""
        for part in parts:
            await self.sees(part, lambda shown: shown["phase"] in phases, " or ".join(phases))

    # ------------------------------------------------------------------ agreeing

    async def agree(self) -> None:
        """Offered, answered, an agent chosen, the case taken, T0 committed."""
        await self.offer()
        await self.answer()
        await self.take()

    async def offer(self) -> None:
        """The buyer offers, and the seller hears of it."""
        case, spans = self.case, self.case.spans.times(self.pace)
        opened = await self.market.typed(
            case.buyer, "sale", "open", "--seller", self.market.house(case.seller).card,
            "--thing", case.thing, "--deposit", self.market.deposits[case.scene],
            "--price", str(STAKES.price), "--deposit-buyer", str(STAKES.buyer_deposit),
            "--deposit-seller", str(STAKES.seller_deposit), "--bond", str(STAKES.bond),
            "--vote-bond", str(STAKES.vote_bond),
            *self._accepting(0),
            "--agree-within", f"{spans.agree}s", "--lock-within", f"{spans.lock}s",
            "--release-within", f"{spans.release}s", "--window", f"{spans.window}s",
            "--refund-within", f"{spans.refund}s", "--vote-within", f"{spans.vote}s", "--yes",
            *(("--arbiter", self.market.house(case.arbiter).card, "--slash-within",
               f"{spans.slash}s") if case.arbiter else ()),
        )  # fmt: skip
        self.id = opened["id"]
        await self.sees(SELLER, lambda shown: shown["phase"] == "OFFERED", "is offered it")

    async def answer(self) -> None:
        """The seller says whom she accepts, and the agent whom both accept is asked."""
        answered = await self.types(SELLER, "offer", *self._accepting(1), "--yes")
        await self.sees(BUYER, found_agent, "has found an agent")
        asked = self.shown[BUYER]["parties"]
        self.agent = next(p["alias"] for p in asked if p["role"] == "AGENT")
        both = sorted(one["alias"] for one in answered["agreeing"])
        if len(both) > 1:
            tip = answered["agreeing"][0]["tip"]
            self.tell(f"both accept {' and '.join(both)}, who ask {tip}: the salts of buyer and"
                      f" seller choose {self.agent}")  # fmt: skip

    async def take(self) -> None:
        """Who judges takes the case; their nodes do the rest."""
        for part in (AGENT, ARBITER) if self.case.arbiter else (AGENT,):
            asked = await self.sees(part, lambda shown: shown["phase"] != "OFFERED", "is asked")
            if asked["phase"] == "ASKED":  # else his node has taken it by itself
                await self.types(part, "take", "--yes")
        await self.reaches("AGREED")
        case = self.case
        self.tell(f"T0 is committed: {case.buyer}, {case.seller} and {self.agent} agree")

    def _accepting(self, side: int) -> tuple[str, ...]:
        named = [word for name in self.case.agents[side] for word in ("--agent", name)]
        return (*named, "--highest-tip", str(self.case.highest[side]))

    async def types(self, part: str, verb: str, *words: str, fed: bytes = b"") -> Json:
        """What a part's owner types of `pledgeway sale`, about this one. CommandFailed."""
        return await self.market.typed(self.who(part), "sale", verb, self.id, *words, fed=fed)

    # ------------------------------------------------------------------ handing over

    async def give(self) -> None:
        """The seller's password, sealed to the agent."""
        password = self.market.passwords[self.case.thing].encode()
        await self.types(SELLER, "hand-over", "--credential-file", "-", fed=password)
        await self.sees(AGENT, lambda shown: shown["handover"]["given"], "has the credential")

    async def pass_on(self) -> None:
        """The agent logs in, changes the password, and seals it to the buyer."""
        thing, office = self.case.thing, self.market.office
        given = await self.types(AGENT, "hand-over", "--show")
        password = b64decode(given["credential"]).decode()
        new = self.market.drawn()
        if not await office.login(thing, password):
            raise TownFault(f"{self.agent}: the seller's password does not open {thing}")
        if not await office.change(thing, password, new):
            raise TownFault(f"{self.agent}: the password of {thing} cannot be changed")
        self.market.passwords[thing] = new
        await self.types(AGENT, "hand-over", "--new-credential-file", "-", fed=new.encode())
        self.tell(f"{self.agent} has logged in, changed the password, and sealed it under K")

    async def refuse(self) -> None:
        """The agent tries what the seller gave him, in vain."""
        given = await self.types(AGENT, "hand-over", "--show")
        if await self.market.office.login(self.case.thing, b64decode(given["credential"]).decode()):
            raise TownFault(f"{self.agent}: a wrong password opens {self.case.thing}")
        await self.types(AGENT, "hand-over", "--refuse")
        self.tell(f"{self.agent} cannot log in with what {self.case.seller} gave, and refuses it")

    async def lock(self) -> None:
        """Until T1 is committed."""
        await self.give()
        await self.pass_on()
        await self.reaches(*LOCKED)
        self.tell("T1 is committed: all stakes are in the pool, and K is public")

    # ------------------------------------------------------------------ the thing itself

    async def open_up(self) -> None:
        """The buyer opens what was handed over, and changes the password for good."""
        thing, office = self.case.thing, self.market.office
        found = await self.types(BUYER, "reveal")
        password, new = b64decode(found["credential"]).decode(), self.market.drawn()
        if not await office.change(thing, password, new):
            raise TownFault(f"{self.case.buyer}: what was handed over does not open {thing}")
        self.market.passwords[thing] = new
        self.tell(f"{self.case.buyer} has opened it with K, and changed the password")

    async def prove(self) -> None:
        """The buyer posts the proof of control in public."""
        line = (await self.types(BUYER, "control"))["line"]
        password = self.market.passwords[self.case.thing]
        if not await self.market.office.post(self.case.thing, password, line):
            raise TownFault(f"{self.case.buyer}: nothing can be posted at {self.case.thing}")
        self.tell(f"{self.case.buyer} has posted the proof of control on its public page")

    async def attest(self) -> None:
        """The agent looks at the public page, and attests."""
        page = await self.market.office.page(self.case.thing)
        await self.types(AGENT, "attest", "--page", "-", "--yes", fed=page)
        self.tell(f"{self.agent} has found it there, and attests (Ta)")

    async def attest_on_word(self) -> None:
        """The agent attests what he has not seen."""
        await self.types(AGENT, "attest", "--on-my-word", "--yes")
        self.tell(f"{self.agent} attests (Ta) without having seen a proof")

    # ------------------------------------------------------------------ the end

    async def vote(self) -> None:
        """Whoever votes, once the branch is proven."""
        for part, success in zip((BUYER, SELLER), self.case.votes, strict=True):
            if success is not None:
                await self.votes(part, success)

    async def votes(self, part: str, success: bool) -> None:
        """Of one side, sealed."""
        await self.reaches("SPLIT", "ENDED", parts=(part,))
        await self.types(part, "vote", "success" if success else "failure", "--yes")
        self.tell(f"{self.who(part)} votes, sealed")

    async def pool(self) -> Json | None:
        """What the house says of the pool; None before there is one, or while it is away."""
        control = self.market.house(HOUSE).control
        try:
            found = (await control.ask("registrar.pools", all=True))["pools"]
        except (Refused, RpcError):
            return None
        return next((pool for pool in found if pool["sale"] == self.id), None)

    async def paid_out(self) -> Json:
        """Once the house has paid all of it, or given up a pool that nobody filled. TownFault."""
        last: list[Json] = []

        async def done() -> bool:
            pool = await self.pool()
            last[:] = [pool] if pool is not None else []
            return pool is not None and pool["state"] in ("DONE", "VOID")

        await until(
            f"{self.case.scene}: the house pays everything out", done, PATIENCE_S * self.pace
        )
        return last[0]

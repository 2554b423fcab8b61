"""What was ended stays ended, whatever was on its way when it ended."""

from node.command.sim.cores.plan import USD
from node.core.escrow.events import KeepRow
from node.core.keyed import replace
from node.core.people.events import EndInvitation, EndPerson, EndSessions, JoinPerson
from node.core.people.rows import (
    Credential,
    CredentialKind,
    Invitation,
    Person,
    PersonPhase,
    Session,
    person_id,
)
from node.people.names import invitation_id, limits_json
from proto.reason import Reason
from tests.node.people.house import ANN, BOB, DAY_US, House, house


async def no(at: House, event: object) -> Reason | None:
    refusal = await at.world.engine("P").ask(lambda _: event)  # type: ignore[arg-type,return-value]
    return None if refusal is None else refusal.reason


def session_of(at: House, session: Session) -> Session:
    row = at.world.engine("P").memory.row(session.key)
    assert isinstance(row, Session)
    return row


async def test_a_browser_that_was_seen_does_not_bring_its_session_back() -> None:
    async with house() as at:
        mine = Session(b"s" * 32, ANN, b"c", at.now_us, at.now_us)
        other = Session(b"t" * 32, BOB, b"c", at.now_us, at.now_us)
        for session in (mine, other):
            assert await no(at, KeepRow(at.now_us, session)) is None
        assert await no(at, EndSessions(at.now_us, ANN)) is None
        seen = replace(mine, seen_at_us=at.now_us)  # made before the end was heard
        assert await no(at, KeepRow(at.now_us, seen)) is Reason.PERSON_UNKNOWN
        assert session_of(at, mine).ended_at_us and not session_of(at, other).ended_at_us


async def test_a_closed_account_gets_no_session() -> None:
    async with house() as at:
        assert await no(at, EndPerson(at.now_us, ANN)) is None
        late = Session(b"s" * 32, ANN, b"c", at.now_us, at.now_us)
        assert await no(at, KeepRow(at.now_us, late)) is Reason.PERSON_UNKNOWN


async def test_an_invitation_that_was_withdrawn_lets_nobody_in() -> None:
    async with house() as at:
        row = Invitation(
            invitation_id("token"), "carl", "Carl", limits_json({USD: 5}), at.now_us,
            at.now_us + DAY_US,
        )  # fmt: skip
        assert await no(at, KeepRow(at.now_us, row)) is None
        assert await no(at, EndInvitation(at.now_us, row.id)) is None
        assert await no(at, EndInvitation(at.now_us, row.id)) is Reason.INVITATION_ENDED
        carl = person_id("carl")
        joined = JoinPerson(
            at.now_us,
            row.id,
            Person(carl, "carl", "Carl", PersonPhase.ACTIVE, at.now_us),
            Credential(carl, b"k" * 32, CredentialKind.KEY, b"k" * 32, "", at.now_us),
            (),
            (),
        )
        assert await no(at, joined) is Reason.INVITATION_ENDED

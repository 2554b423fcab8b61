"""Arguments that name nodes and lines which a payment keeps clear of."""

from collections.abc import Callable, Sequence

from node.control.context import Context
from node.control.failure import Arguments, bad_argument
from proto.adverts import NodeAdvert
from proto.avoiding import MAX_AVOIDED, Avoided, CannotAvoid, read_avoided, read_line
from proto.naming import meant

NONE: Avoided[bytes] = Avoided()


def take_avoided(context: Context, arguments: Arguments) -> Avoided[bytes]:
    """The argument `avoid`: texts as `read_avoided` takes them; names are aliases and id prefixes.
    `avoid_lines`: pairs of them, for names that hold arrows or hyphens.

    Raises BAD_ARGUMENT, also for whoever stands at the end of every chain: this node itself.
    """
    texts = arguments.texts("avoid", MAX_AVOIDED) or ()
    pairs = arguments.pairs("avoid_lines", MAX_AVOIDED) or ()
    found = NONE
    if not texts and not pairs:
        return found
    find = nodes_named(context)
    for text in texts:
        try:
            found |= read_avoided(text, find)
        except CannotAvoid as cannot:
            raise bad_argument("avoid", f"{cannot}: ids say it for certain") from cannot
    for promisor, promisee in pairs:
        try:
            found |= read_line(promisor, promisee, find)
        except CannotAvoid as cannot:
            raise bad_argument("avoid_lines", f"{cannot}: ids say it for certain") from cannot
    if context.identity.key.node_id in found.nodes:
        raise bad_argument("avoid", "this node pays: only those in between can be avoided")
    return found


def nodes_named(context: Context) -> Callable[[str], Sequence[bytes]]:
    """Whom somebody may mean by an alias or the beginning of an id; as `route --at` has it: those
    whom the owner has met come before strangers of the same alias."""
    met = {*context.engine.links.neighbours, context.identity.key.node_id}
    heard = {advert.node for advert in context.gossip.adverts if isinstance(advert, NodeAdvert)}
    called = {node.hex(): context.alias_of(node) for node in sorted({*met, *heard})}
    first = {node.hex(): called[node.hex()] for node in met}

    def find(name: str) -> Sequence[bytes]:
        found = meant(name, called.keys(), first, called)
        return [bytes.fromhex(identity) for identity in sorted(found)]

    return find

"""Arguments that name nodes and lines which a payment keeps clear of."""

from collections.abc import Callable, Sequence

from node.avoiding import MAX_AVOIDED, Avoided, CannotAvoid, read_avoided
from node.control.beginning import Beginning
from node.control.context import Context
from node.control.failure import Arguments, bad_argument
from proto.adverts import NodeAdvert

NONE: Avoided[bytes] = Avoided()


def take_avoided(context: Context, arguments: Arguments) -> Avoided[bytes]:
    """The argument `avoid`: texts as `read_avoided` takes them; names are aliases and id prefixes.

    Raises BAD_ARGUMENT, also for whoever stands at the end of every chain: this node itself.
    """
    texts = arguments.texts("avoid", MAX_AVOIDED) or ()
    found = NONE
    if not texts:
        return found
    find = nodes_named(context)
    for text in texts:
        try:
            found |= read_avoided(text, find)
        except CannotAvoid as cannot:
            raise bad_argument("avoid", f"{cannot}: ids say it for certain") from cannot
    if context.identity.key.node_id in found.nodes:
        raise bad_argument("avoid", "this node pays: only those in between can be avoided")
    return found


def nodes_named(context: Context) -> Callable[[str], Sequence[bytes]]:
    """Whom somebody may mean by an alias or the beginning of an id."""
    known = {advert.node for advert in context.gossip.adverts if isinstance(advert, NodeAdvert)}
    known |= {*context.engine.links.neighbours, context.identity.key.node_id}
    aliases: dict[str, list[bytes]] = {}
    for node in sorted(known):
        aliases.setdefault(context.alias_of(node), []).append(node)

    def find(name: str) -> Sequence[bytes]:
        if name in aliases:
            return aliases[name]
        beginning = Beginning.of(name)
        return [n for n in sorted(known) if beginning and beginning.begins(n)]

    return find

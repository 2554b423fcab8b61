"""The registrar's verbs by name, for the table of all."""

from typing import Final

from node.control import registrar, registrar_grants, registrar_pools

VERBS: Final = {
    "registrar.brand.create": registrar.create_brand,
    "registrar.brand.change": registrar.change_brand,
    "registrar.brand.list": registrar.list_brands,
    "registrar.brand.show": registrar.show_brand,
    "registrar.issue": registrar.issue,
    "registrar.account.create": registrar_grants.create_account,
    "registrar.account.list": registrar_grants.list_accounts,
    "registrar.account.freeze": registrar_grants.freeze,
    "registrar.terms.grant": registrar_grants.grant_terms,
    "registrar.terms.revoke": registrar_grants.revoke_terms,
    "registrar.list": registrar_grants.list_node,
    "registrar.legs": registrar.legs,
    "registrar.pools": registrar_pools.pools,
    "registrar.audit": registrar.audit,
}

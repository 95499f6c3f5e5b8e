"""Writes a ProductDto. Most of its fields are settings that the sandbox does not have.

`api/catalogue.py` uses it. The shape is that of PayNow's management-api.json of August 2026.
"""

from collections.abc import Mapping
from datetime import timedelta

from .documents import Document, digits_for, stamp, trim
from .goods import STORE_ID, GameServer, Product, ProductCommand

_NO_TRIAL = {
    "enabled": False,
    "period_value": 0,
    "period_scale": "invalid",
    "revoke_immediately_when_canceled": False,
    "new_customers_only": False,
    "new_customer_order_lookback_value": 0,
    "new_customer_order_lookback_scale": "invalid",
    "allow_repeat_trials": False,
    "repeat_trial_cooldown_value": 0,
    "repeat_trial_cooldown_scale": "invalid",
}


def product_document(product: Product, servers: Mapping[str, GameServer], *, nulls: bool) -> Document:
    """The product as a document; `servers` are all game servers of the store, by id."""
    sold_on = [servers[key] for key in product.gameserver_ids if key in servers] or list(servers.values())
    commands = product.commands or ((ProductCommand(),) if product.has_commands else ())
    document: Document = {
        "id": product.id,
        "store_id": STORE_ID,
        "version_id": product.version_id,
        "image_url": None,
        "slug": product.slug,
        "name": product.name,
        "description": "",
        "label": None,
        "sort_order": 0,
        "price": 499,
        "single_game_server_only": product.single_game_server,
        "allow_one_time_purchase": True,
        "allow_subscription": product.lasts is not None,
        "subscription_interval_value": 0 if product.lasts is None else 1,
        "subscription_interval_scale": "invalid" if product.lasts is None else "month",
        "trial": dict(_NO_TRIAL),
        "upselling": {"enabled": False, "recommendations": []},
        **_removal(product.lasts),
        "stock_available": {"store_available": -1, "customer_available": -1},
        "store_stock_limit": _no_limit(nulls=nulls),
        "customer_stock_limit": _no_limit(nulls=nulls),
        "stock_limit_do_not_include_removed": False,
        "tags": [],
        "gameservers": [{"id": one.id, "name": one.name, "enabled": one.enabled} for one in sold_on],
        "commands": [_command(command, nulls=nulls) for command in commands],
        "created_by": None,
        "created_at": stamp(product.created_at, digits_for(product.id, 0)),
        "updated_by": None,
        "updated_at": None,
        "deliverable_actions": {"grant_giftcard": False},
        "metadata": {},
        "payout_splits": [],
        "tax_code": "digital_goods_permanent_gaming",
        "allow_concurrent_active_items": True,
        "is_hidden": False,
        "is_gifting_disabled": False,
        "enabled_at": None,
        "enabled_until": None,
        "required_product_ids": [],
        "required_product_all": None,
        "custom_variable_ids": [],
        "is_gift_cards_disabled": False,
        "is_coupons_disabled": False,
        "is_affiliate_links_disabled": False,
        "tier_group_id": None,
    }
    return trim(document, nulls=nulls)


def _removal(lasts: timedelta | None) -> Document:
    """How long the items last, in days. PayNow's description has no form for other times than whole days."""
    days, rest = divmod(lasts or timedelta(0), timedelta(days=1))
    whole = lasts is not None and not rest
    return {
        "remove_after_enabled": lasts is not None,
        "remove_after_time_value": days if whole else 0,
        "remove_after_time_scale": "day" if whole else "invalid",
    }


def _no_limit(*, nulls: bool) -> Document:
    limit: Document = {
        "enabled": False,
        "quantity": None,
        "time_value": None,
        "time_scale": "invalid",
        "include_trials": False,
    }
    return trim(limit, nulls=nulls)


def _command(command: ProductCommand, *, nulls: bool) -> Document:
    document: Document = {
        "stage": command.stage,
        "content": command.content,
        "online_only": command.online_only,
        "override_execute_on_gameserver_ids": list(command.gameserver_ids) or None,
    }
    return trim(document, nulls=nulls)

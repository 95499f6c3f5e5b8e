"""What can be played by the control interface, in words: `GET /` shows it, `control.py` serves exactly these.

docs/sandbox.md explains them to an owner. A test holds all three against each other.
"""

VERBS = {
    "GET /": "everything: store, customers with tokens and items, products, servers, faults, and this list",
    "PATCH /store": "its switches: {nulls?, etags?, show_commandless?, invalidate_all_exists?, queue_twice?, "
    "queue_everybody?, permissions?: [...], per_s?: at most so many requests a second (0: any), burst?}",
    "POST /customers": "{name, minecraft_uuid?, steam_id?, xbox_xuid?, offline?} → id, token",
    "POST /customers/CUSTOMER/tokens": "one more token",
    "DELETE /customers/CUSTOMER/tokens": "invalidates all tokens of the customer",
    "POST /gameservers": "{name, enabled?}: a server of the store's dashboard → id, token",
    "POST /gameservers/SERVER/token": "a new token; the old one is refused from now on",
    "POST /gameservers/SERVER/enable": "its token is let in (or /disable: it is refused with 403)",
    "POST /products": "{slug, name?, lasts_s?, has_commands?, commands?: [{content, stage?, online_only?, "
    "gameservers?}], gameservers?, single_game_server?} → id",
    "POST /products/PRODUCT/edit": "a new version of it; items that are there keep theirs → version_id",
    "POST /purchases": "{customer, product, quantity?, gift?, subscription?, gameserver_id?, activate?} → the items",
    "POST /assignments": "{customer, product, quantity?, gameserver_id?, skip_commands?, ends_in_s?}: nobody bought "
    "them → the items",
    "POST /items/ITEM/activate": "the item's command was acknowledged",
    "POST /items/ITEM/expire": "{swept?}: its time is over; swept false: the state still says active",
    "POST /items/ITEM/renew": "{successor?}: a subscription went on → the item that lasts now",
    "POST /items/ITEM/revoke": "{reason?}: admin, refund, chargeback, any word; null: no reason",
    "POST /items/ITEM/forget": "gone from every answer",
    "POST /items/ITEM/restore": "undoes forget and revoke",
    "POST /servers/SERVER/down": "a game server is off (or /up); the name store is the store itself",
    "POST /faults": "{fault, customer?, times?, path?, method?}: the names are under faults",
    "DELETE /faults": "turns every fault off and lets held-back answers go",
}

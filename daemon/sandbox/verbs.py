"""The requests of the control interface, described: `GET /` shows this list, `control.py` serves exactly these.

docs/sandbox.md explains them to an owner. Tests check that all three agree.
"""

VERBS = {
    "GET /": "everything: store, customers with tokens and items, products, servers, faults, and this list",
    "PATCH /store": "changes switches: {nulls?, etags?, show_commandless?, invalidate_all_exists?, queue_twice?, "
    "queue_everybody?, permissions?: [...], per_s?: the most requests a second (0: no limit), burst?}",
    "POST /customers": "{name, minecraft_uuid?, steam_id?, xbox_xuid?, offline?} → id, token",
    "POST /customers/CUSTOMER/tokens": "adds a token → token",
    "DELETE /customers/CUSTOMER/tokens": "invalidates all tokens of this customer",
    "POST /gameservers": "{name, enabled?}: a server of the store's dashboard → id, token",
    "POST /gameservers/SERVER/token": "makes a new token; the store refuses the old one from now on → token",
    "POST /gameservers/SERVER/enable": "the store accepts its token again (/disable: the store refuses it with 403)",
    "POST /products": "{slug, name?, lasts_s?, has_commands?, commands?: [{content, stage?, online_only?, "
    "gameservers?}], gameservers?, single_game_server?} → id",
    "POST /products/PRODUCT/edit": "makes a new version; items that exist keep the old one → version_id",
    "POST /purchases": "{customer, product, quantity?, gift?, subscription?, gameserver_id?, activate?} → the items",
    "POST /assignments": "{customer, product, quantity?, gameserver_id?, skip_commands?, ends_in_s?}: gives "
    "items without a purchase → the items",
    "POST /items/ITEM/activate": "activates the item, as when its command is acknowledged",
    "POST /items/ITEM/expire": "{swept?}: the item ends now; with swept false its state remains active",
    "POST /items/ITEM/renew": "{successor?}: renews a subscription → the item that is active now",
    "POST /items/ITEM/revoke": "{reason?}: takes the item back; admin, refund, chargeback or any word; null: no reason",
    "POST /items/ITEM/forget": "leaves the item out of every answer",
    "POST /items/ITEM/restore": "undoes forget and revoke",
    "POST /servers/SERVER/down": "stops a game server (/up: starts it); SERVER can be `store`, the store itself",
    "POST /faults": "{fault, customer?, times?, path?, method?}: turns on a fault; GET / lists them under faults",
    "DELETE /faults": "turns every fault off and sends the answers that were held back",
}

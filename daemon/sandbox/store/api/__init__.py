"""The emulated store's API, one file for each of PayNow's: storefront, customers, items, catalogue, game server."""

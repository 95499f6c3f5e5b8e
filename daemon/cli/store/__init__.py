"""`perkd store`: customers, tokens, items and products of the store, with an API key. It needs no running daemon."""

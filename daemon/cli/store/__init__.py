"""`perkd store`: customers, tokens, items and products of the store, by the owner's API key. No daemon has to run."""

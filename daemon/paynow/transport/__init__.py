"""How a request reaches the store and its answer comes back: the address, the rate, the connection, the failures."""

"""Sends requests to the store and receives the answers: address, rate limit, connection, failures."""

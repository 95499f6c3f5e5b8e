"""The emulated store: its goods and people, its API, and every fault it can be told to have."""

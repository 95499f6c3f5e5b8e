"""The emulated store: its goods and people, its API, and its faults."""

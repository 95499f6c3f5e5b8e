"""Deciding. PURE: the project's words, what a purchase comes to, which commands follow, when the brake comes on.

Its modules are public: every wing uses these words. Nothing here waits, reads or writes.
"""

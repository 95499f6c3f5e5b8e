"""All decisions. PURE: the project's types, what a purchase gives, which commands follow, when the brake comes on.

Its modules are public: every wing uses these types. Nothing here waits, reads or writes.
"""

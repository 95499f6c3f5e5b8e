"""SQLite: the engine that runs the facets, its files, its statements and its schema."""

"""Everything between the store and the games; `perkd.adapters` knows the games. docs/how-it-works.md has the map."""

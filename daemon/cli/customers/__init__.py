"""`perkd customers`: list, add, remove, and import many from a file."""

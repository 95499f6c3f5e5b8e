"""`perkd plan`: what this configuration would give and take, worked out on a copy of the ledger."""

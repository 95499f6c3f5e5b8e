"""What perkd costs, as ratios to a yardstick of the same run. `make bench` runs it; pytest collects nothing here."""

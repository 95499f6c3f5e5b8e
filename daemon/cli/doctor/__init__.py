"""`perkd check --connect`: asks the store and each game server, and says what that means for the configuration."""

"""The emulated game servers: their RCON, their consoles, and the oddities real servers have."""

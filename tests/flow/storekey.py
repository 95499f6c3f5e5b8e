"""A world whose config names an API key of its store. The tests of `perkd store` use it."""

from pathlib import Path

from tests.world import World


def keyed(world: World, *, rate: str = "1000.0", store: str = "") -> Path:
    """Writes the key into a separate file, and the config with `store` as further lines of [store]. Returns the
    key's file."""
    key = world.folder / "store-key"
    key.touch(mode=0o600)
    key.write_text(world.store.api_key)
    text = world.write_config(enrol="off").read_text("utf-8")
    text = text.replace(f'api_key = "{world.store.api_key}"', f'api_key = "file:{key}"\n{store}')
    world.config_path.write_text(text.replace("rate = 1000.0", f"rate = {rate}"), "utf-8")
    return key

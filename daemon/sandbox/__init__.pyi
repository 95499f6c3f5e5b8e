from .games.source_console import Style as Style
from .store.goods import (
    STORE_ID as STORE_ID,
    Goods as Goods,
    GoodsState as GoodsState,
    ProductCommand as ProductCommand,
)
from .world import (
    PASSWORD as PASSWORD,
    Sandbox as Sandbox,
)

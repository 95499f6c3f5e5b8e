from .loop import Polling as Polling
from .problems import (
    customer_problems as customer_problems,
    store_problems as store_problems,
)
from .reconcile import (
    Reconciler as Reconciler,
    Rules as Rules,
    Sighting as Sighting,
)
from .schedule import Rank as Rank
from .watch import (
    Watch as Watch,
)

from .identifying import (
    identify as identify,
    is_to_identify as is_to_identify,
)
from .loop import Polling as Polling
from .problems import (
    customer_problems as customer_problems,
    store_problems as store_problems,
)
from .reconcile import (
    Reconciler as Reconciler,
    Sighting as Sighting,
)
from .roll import Roll as Roll
from .rules import Rules as Rules
from .schedule import Rank as Rank
from .watch import Watch as Watch

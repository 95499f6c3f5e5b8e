from .backoff import Backoff as Backoff
from .clock import Clock as Clock
from .context import Context as Context
from .counters import (
    Acknowledgement as Acknowledgement,
    Counters as Counters,
    EnrolmentResult as EnrolmentResult,
    PollResult as PollResult,
    QueueLine as QueueLine,
)
from .loop import Loop as Loop
from .network import in_words as in_words
from .problem import (
    SEVERITIES as SEVERITIES,
    Problem as Problem,
    ProblemCode as ProblemCode,
    Severity as Severity,
    together as together,
)
from .pulse import Pulse as Pulse
from .start import CannotStart as CannotStart, StartCode as StartCode
from .systemd import (
    notify as notify,
    reloading as reloading,
    signals as signals,
    watchdog_s as watchdog_s,
)
from .tasks import (
    Fatal as Fatal,
    fault as fault,
    forever as forever,
    uncancelled as uncancelled,
)

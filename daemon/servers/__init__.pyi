from .fleet import (
    Fleet as Fleet,
    RunningServer as RunningServer,
)
from .link import (
    Link as Link,
    LinkState as LinkState,
)
from .probe import (
    Probed as Probed,
    probed as probed,
)
from .problems import (
    is_blind as is_blind,
    server_problems as server_problems,
)

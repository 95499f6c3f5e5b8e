from .addresses import (
    PLAIN_PATH as PLAIN_PATH,
    is_loopback as is_loopback,
)
from .loading import load as load
from .partial import (
    control_socket as control_socket,
    store_access as store_access,
)
from .secret_references import (
    SCHEMES as SCHEMES,
    SecretError as SecretError,
    SecretSources as SecretSources,
    others_can_read as others_can_read,
    read_text as read_text,
)
from .settings import (
    Customers as Customers,
    Ledger as Ledger,
    Listen as Listen,
    Poll as Poll,
    Settings as Settings,
    Store as Store,
)
from .tables import duration_text as duration_text
from .tokens_file import (
    TokenEntry as TokenEntry,
    TokenList as TokenList,
    clean_token as clean_token,
    read_tokens as read_tokens,
)

from .bulk import (
    Marks as Marks,
    RowResult as RowResult,
    RowState as RowState,
    assign_bulk as assign_bulk,
    read_back as read_back,
)
from .documents import (
    Customer as Customer,
    Linked as Linked,
    PreviousLink as PreviousLink,
    Product as Product,
    ProductCommand as ProductCommand,
    QueuedCommand as QueuedCommand,
    StoreItem as StoreItem,
)
from .errors import (
    BadAddress as BadAddress,
    BadDocument as BadDocument,
    BadInput as BadInput,
    ConfirmedInPart as ConfirmedInPart,
    Limited as Limited,
    NotFound as NotFound,
    NotPermitted as NotPermitted,
    Rejected as Rejected,
    ServerFault as ServerFault,
    StoreError as StoreError,
    TokenRefused as TokenRefused,
    TooLarge as TooLarge,
    Unreachable as Unreachable,
    Unreadable as Unreadable,
    one_line as one_line,
    while_running as while_running,
)
from .game_server import (
    GameServerApi as GameServerApi,
    Online as Online,
)
from .items_api import AssignedUnknown as AssignedUnknown
from .management import Management as Management
from .requests import (
    BULK_CUSTOMERS as BULK_CUSTOMERS,
    Assignment as Assignment,
    BulkAssignment as BulkAssignment,
    CustomerFields as CustomerFields,
    Sent as Sent,
    checked_id as checked_id,
    expiry as expiry,
)
from .seen import Seen as Seen
from .storefront import (
    Fresh as Fresh,
    Storefront as Storefront,
)
from .transport.exchange import Exchange as Exchange
from .transport.rate import Rate as Rate
from .wire import (
    NotAnAnswer as NotAnAnswer,
    profile_of as profile_of,
)

from .reload import Parts as Parts, Reload as Reload
from .serve import open_socket as open_socket
from .server import Control as Control
from .verbs import Verbs as Verbs

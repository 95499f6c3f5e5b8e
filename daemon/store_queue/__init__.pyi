from .loop import (
    Activation as Activation,
    Activations as Activations,
)

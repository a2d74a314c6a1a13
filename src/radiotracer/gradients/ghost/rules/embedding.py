"""Tables: the gradient of an example has a row for each row that it looked up."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from radiotracer.gradients.ghost.forms import Form
from radiotracer.gradients.ghost.rules.registry import NoRule, register_rule
from radiotracer.gradients.ghost.tables import Rows


@register_rule(F.embedding)
def embedding(  # noqa: PLR0917
    errors: Tensor,
    role: str,
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Form:
    """Rows of a table at integer positions of shape (n, ...)."""
    if scale_grad_by_freq:
        raise NoRule("scale_grad_by_freq, which makes gradients depend on the batch")
    if max_norm is not None:
        raise NoRule("max_norm, which changes the weights in a forward pass")
    index, values = input.flatten(1), errors.flatten(1, -2)
    if padding_idx is not None:
        padding = padding_idx if padding_idx >= 0 else len(weight) + padding_idx
        values = values * (index != padding).unsqueeze(2)
    return Rows(tuple(weight.shape), index, values)

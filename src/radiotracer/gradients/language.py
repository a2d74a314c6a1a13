"""The loss of every sequence under a causal language model.

A model's output at a position predicts the token after it. The loss of a sequence is the sum over
its tokens, minus the log of its probability: in a batch whose loss is the mean over all tokens, as
Hugging Face trains, every token weighs the same, so this sum is the sequence's part, up to the
batch's one divisor. The mean over a sequence's own tokens is this divided by their number, and the
influence of one mean on another is the influence of the sums divided by both numbers.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from radiotracer.errors import InputError

IGNORED = -100
"""The label of a position where nothing is asked: of padding, and of prompts."""


def causal_lm_loss(outputs: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy per sequence in nats, summed over its tokens, shape (n,).

    Args:
        outputs: Logits, shape (n, T, V).
        targets: Token numbers, int64, shape (n, T), not shifted: position t is held against the
            logits at t - 1. Where one is `IGNORED` nothing is asked; a sequence that asks nothing
            has the loss 0, and so no gradient and no influence.

    Raises:
        InputError: Other shapes.
    """
    if outputs.dim() != 3 or targets.shape != outputs.shape[:2]:
        raise InputError(
            expected="logits of shape (n, T, V) and targets of shape (n, T)",
            came=f"shapes {tuple(outputs.shape)} and {tuple(targets.shape)}",
            do="pass a causal language model and labels like its input_ids",
        )
    # Every position predicts the next; the first token is predicted by none.
    predicted, asked = outputs[:, :-1], targets[:, 1:]
    losses = F.cross_entropy(
        predicted.flatten(0, 1), asked.flatten(), ignore_index=IGNORED, reduction="none"
    )
    return losses.view(asked.shape).sum(dim=1)

"""Twins: two changed versions of an image, of which a coin publishes one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from radiotracer.data import Dataset, Images, Labels
from radiotracer.errors import InputError, NotFiniteError
from radiotracer.gradients import Objective, frozen_copy, inputs_for
from radiotracer.provenance.coins import coin_names, published_twins
from radiotracer.provenance.designs._twins.settings import TwinConfig
from radiotracer.provenance.designs._twins.views import VIEWS
from radiotracer.provenance.kept import Kept, once
from radiotracer.provenance.pixels import as_bytes, distortion, rounded
from radiotracer.provenance.planted import Laid, Planted
from radiotracer.provenance.preferences import preference
from radiotracer.provenance.source import Source


def lay_twins(
    chosen: Dataset,
    models: Sequence[nn.Module],
    config: TwinConfig | None = None,
    *,
    kept: Kept | None = None,
    progress: Callable[[str, int, int], None] = lambda *_: None,
) -> Laid:
    """Make two twins of every image, of which its coin will publish one.

    What a network learns by heart is what it gets wrong otherwise. So each twin is moved, within
    the radius, to where networks that never saw it take it for a wrong class: the first twin for
    the likeliest one, the second for the second. A network trained on one of them has to learn
    that one by heart, and knows less of the other.

    Source: the coin and its exact test are Huang, Gong and Reiter 2024, "A general framework for
    data-use auditing of ML models"; twins that networks get wrong are ours.

    Args:
        chosen: The k examples to mark, at least one; the coins hang on their ids.
        models: Networks trained on such data, floats in [0, 1] (n, c, h, w) to logits of at least
            3 classes; at least one. Left as they were found.
        config: Settings; None is the defaults.
        kept: Where finished batches are kept; None keeps none.
        progress: Told ``"marking"``, how many images are done, and how many there are.

    Returns:
        The arrays ``twins``, uint8, shape (k, 2, h, w, c), and ``reference``, float64, shape (k,):
        by how much the models prefer the first twin (`preference`).

    Raises:
        InputError: A network does not take the images, none was given, or too few classes.
        NotFiniteError: A network gives NaN or infinity, or its gradients are.
    """
    config = config or TwinConfig()
    if not models:
        raise InputError(
            expected="a network to mark with", came="none", do="train one on such data"
        )
    images, labels = chosen.content, chosen.labels
    made, reference = [], []
    with ExitStack() as stack:
        networks = [
            stack.enter_context(
                frozen_copy(each, images, seed=0, memory_format=torch.channels_last)
            )
            for each in models
        ]
        for first in range(0, len(images), config.batch_size):
            rows = slice(first, min(first + config.batch_size, len(images)))
            make = partial(_pair, networks, images[rows], labels[rows], config)
            pair, wanted = once(kept, f"twins-{first:08d}", make)
            made.append(pair)
            reference.append(wanted)
            progress("marking", rows.stop, len(images))
    return Laid(
        coins=(*coin_names(chosen.ids.tolist()), VIEWS),
        arrays={"twins": np.concatenate(made), "reference": np.concatenate(reference)},
    )


def published(laid: Laid, chosen: Dataset, coins: Source) -> Planted:
    """The twin of each image that its coin chose.

    Args:
        laid: By `lay_twins`.
        chosen: The k images before.
        coins: What is drawn.

    Returns:
        Columns ``twin`` (the published one, 0 or 1), ``psnr`` in decibels, ``max_difference`` in
        grey levels.
    """
    tossed = published_twins(coins, chosen.ids.tolist())
    public = laid.arrays["twins"][np.arange(len(chosen)), tossed]
    psnr, difference = distortion(chosen.content, public)
    return Planted(public, {"twin": tossed, "psnr": psnr, "max_difference": difference})


def _pair(
    networks: Sequence[Objective], images: Images, labels: Labels, config: TwinConfig
) -> tuple[Images, NDArray[np.float64]]:
    """Both twins of one batch, (n, 2, h, w, c), and the networks' preference for the first."""
    original = inputs_for(networks[0], images)
    own = torch.from_numpy(labels).to(original.device)
    with torch.no_grad():
        outputs = [network.model(original) for network in networks]
    _require_outputs(outputs, labels)
    likely = torch.stack([each.softmax(dim=1) for each in outputs]).sum(dim=0)
    wrong = likely.scatter(1, own[:, None], -1.0).topk(2, dim=1).indices
    twins = [_moved(networks, original, wrong[:, which], config) for which in (0, 1)]
    with torch.no_grad():
        scores = [
            sum(
                n.model(inputs_for(n, twin)).log_softmax(1).double().cpu().numpy() for n in networks
            )
            / len(networks)
            for twin in twins
        ]
    return np.stack(twins, axis=1), preference(scores[0], scores[1], labels)


def _moved(
    networks: Sequence[Objective], original: Tensor, target: Tensor, config: TwinConfig
) -> Images:
    """Images within the radius that the networks take for the target: signed gradient descent."""
    grey = (original * 255).round()
    low = (grey - config.radius).clamp(min=0)
    high = (grey + config.radius).clamp(max=255)
    levels = grey.clone()
    for step in range(config.steps):
        gradient = _gradient(networks, levels, target)
        rate = 0.2 * config.radius * (1 - step / config.steps)
        levels = (levels - rate * gradient.sign()).clamp(low, high)
    if config.psnr is not None:
        change = levels.round() - grey
        gain = -change * _gradient(networks, grey + change, target)
        levels = grey + change * _most_worth(change, gain, config.psnr)
    return as_bytes(levels)


def _gradient(networks: Sequence[Objective], levels: Tensor, target: Tensor) -> Tensor:
    """Of the networks' loss on the target with respect to grey levels."""
    levels = levels.detach().requires_grad_()
    shown = rounded(levels) / 255
    loss = sum(F.cross_entropy(n.model(shown), target, reduction="sum") for n in networks)
    (gradient,) = torch.autograd.grad(loss, levels)  # type: ignore[arg-type]
    if not torch.isfinite(gradient).all():
        raise _not_finite("gradients of the marking networks")
    return gradient


def _most_worth(change: Tensor, gain: Tensor, psnr: float) -> Tensor:
    """Which changes to keep, of the shape of `change`: those of the largest gain, within the PSNR.

    Args:
        change: In whole grey levels, shape (n, ...).
        gain: By how much each lowers the loss, to first order, same shape.
        psnr: In decibels.
    """
    allowed = change[0].numel() * 255.0**2 / 10 ** (psnr / 10)
    order = gain.flatten(1).argsort(dim=1, descending=True, stable=True)
    spent = change.double().square().flatten(1).gather(1, order).cumsum(dim=1)
    kept = torch.zeros_like(spent).scatter(1, order, (spent <= allowed).double())
    return kept.view(change.shape).to(change)


def _require_outputs(outputs: Sequence[Tensor], labels: Labels) -> None:
    """Raise unless all networks give finite logits of the same classes, enough of them."""
    least = max(3, int(labels.max()) + 1)
    columns = sorted({each.shape[1] for each in outputs})
    if columns[0] < least or len(columns) > 1:
        raise InputError(
            expected=f"marking networks of the same classes, at least {least}",
            came=" and ".join(map(str, columns)),
            do="pass networks that were trained on such data",
        )
    if not all(bool(torch.isfinite(each).all()) for each in outputs):
        raise _not_finite("outputs of the marking networks")


def _not_finite(what: str) -> NotFiniteError:
    return NotFiniteError(
        expected=f"finite {what}", came="NaN or infinity", do="check the networks' weights"
    )

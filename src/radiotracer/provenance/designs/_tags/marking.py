"""Tags: secret patterns with secret labels, which marked images teach by their gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from radiotracer.data import Dataset, Images
from radiotracer.data.modalities.images import to_inputs
from radiotracer.errors import InputError, NotFiniteError
from radiotracer.gradients import (
    Batch,
    Objective,
    frozen_copy,
    gradient_cosine,
    inputs_for,
    mean_gradient,
)
from radiotracer.provenance.designs._tags.patterns import (
    PATTERNS,
    label_coins,
    tag_images,
    tag_labels,
)
from radiotracer.provenance.designs._tags.settings import TagConfig
from radiotracer.provenance.kept import Kept, once
from radiotracer.provenance.key import Key
from radiotracer.provenance.pixels import as_bytes, distortion, rounded
from radiotracer.provenance.planted import Laid, Planted
from radiotracer.provenance.source import Source

MOMENTUM, FIRST_STEP, TINY = 0.9, 0.05, 1e-30
"""Of the descent: how much of earlier gradients is kept, the first step as a part of the radius,
and what keeps a gradient that is 0 everywhere from being divided by 0."""


def share_chosen(config: TagConfig, classes: int, share: float) -> float:
    """The share of every class to choose, so that `share` of all images is changed, on average.

    A class is taught if one of n tags has it for a label: 1 - (1 - 1 / C)^n of all C classes, on
    average.

    Args:
        config: Says how many tags there are.
        classes: C.
        share: Of all images, in (0, 1).

    Raises:
        InputError: So many are not there.
    """
    taught = 1 - (1 - 1 / max(classes, 2)) ** config.tags
    if share >= taught:
        raise InputError(
            expected=f"share= below {taught:.3g}: {config.tags} tags can be expected to teach no "
            "larger part of the classes",
            came=f"share={share:g}",
            do="mark fewer images, or plant more (tags=)",
        )
    return share / taught


def lay_tags(chosen: Dataset, key: Key, config: TagConfig) -> Laid:
    """The tags and the names of the coins that draw their labels.

    Args:
        chosen: The k examples to mark.
        key: The secret: the patterns follow from it, and no label does.
        config: Settings.

    Returns:
        The array `PATTERNS`, uint8, shape (tags, h, w, c).
    """
    return Laid(
        coins=label_coins(config.tags, len(chosen.class_names)),
        arrays={PATTERNS: tag_images(key, config.tags, chosen.content.shape[1:])},
    )


def plant_tags(
    laid: Laid,
    chosen: Dataset,
    coins: Source,
    models: Sequence[nn.Module],
    config: TagConfig | None = None,
    *,
    kept: Kept | None = None,
    progress: Callable[[str, int, int], None] = lambda *_: None,
) -> Planted:
    """Change images so that learning them is learning the tags by their labels.

    For the images x_i of one class, a batch of them at a time, minimises over images within
    `radius` grey levels (L-infinity)

        1 - cos(g, mean_i g_i)

    where g is the gradient of the mean loss of all tags with the label of that class, g_i that of
    (x_i, its own label), both with respect to all parameters; the mean of it over the networks.
    Labels stay as they are. Images of a class that no tag has for its label are left alone.

    Source: Bouaziz, El-Mhamdi and Usunier 2024, "Data taggants: dataset ownership verification via
    harmless targeted data poisoning", with the gradient matching of Geiping et al. 2021, "Witches'
    Brew". Differs in: tags of large blocks, not of single pixels; several networks; a start at the
    tag laid over the image, from where short signed steps with momentum lead away; images that are
    rounded before a network sees them, with the gradient of the identity, so that the bytes that
    come out are the ones that were judged; no augmentation, no perceptual loss.

    Args:
        laid: The tags, by `lay_tags`.
        chosen: The k examples to mark, at least one.
        coins: What is drawn: labels and restarts follow from it.
        models: Networks trained on such data, floats in [0, 1] (n, c, h, w) to a logit per class;
            at least one. Left as they were found.
        config: Settings; None is the defaults.
        kept: Where finished batches are kept; None keeps none.
        progress: Told ``"marking"``, how many images are done, and how many there are.

    Returns:
        Columns ``psnr`` in decibels (infinite where nothing changed), ``max_difference`` in grey
        levels, and ``cosine``, that of the image's batch with its tags, 0 where there are none.

    Raises:
        InputError: A network that does not fit the images or their classes, or none was given.
        NotFiniteError: A network's outputs or gradients are NaN or infinite.
    """
    config = config or TagConfig()
    if not models:
        raise InputError(
            expected="a network to mark with", came="none", do="train one on such data"
        )
    images, classes = chosen.content, len(chosen.class_names)
    tags = laid.arrays[PATTERNS]
    wanted = tag_labels(coins, config.tags, classes)
    marked, cosine, done = images.copy(), np.zeros(len(images)), 0
    with ExitStack() as stack:
        networks = [
            stack.enter_context(
                frozen_copy(each, images, seed=0, memory_format=torch.channels_last)
            )
            for each in models
        ]
        _require_classes(networks, tags, classes)
        for label in np.unique(chosen.labels).tolist():
            own = np.flatnonzero(chosen.labels == label)
            taught = tags[wanted == label]
            aims = [Aim.at(each, taught, label) for each in networks if len(taught)]
            for first in range(0, len(own), config.batch_size):
                rows = own[first : first + config.batch_size]
                if aims:
                    name = f"{label:06d}-{first:08d}"
                    draws = torch.Generator().manual_seed(
                        int.from_bytes(coins.derive(f"tag/restart/{name}", 6))
                    )
                    over = taught[np.arange(first, first + len(rows)) % len(taught)]
                    starts = _starts(images[rows], over, config, draws)
                    make = partial(_matched, networks, aims, images[rows], starts, config)
                    marked[rows], cosine[rows] = once(kept, f"tags-{name}", make)
                done += len(rows)
                progress("marking", done, len(images))
    psnr, difference = distortion(images, marked)
    return Planted(
        content=marked,
        columns={"psnr": psnr, "max_difference": difference, "cosine": cosine},
    )


def matching_loss(networks: Sequence[Objective], aims: Sequence[Aim], images: Tensor) -> Tensor:
    """1 less the mean over the networks of the cosine between two gradients.

    Args:
        networks: At least one, each with its gradients to be matched.
        aims: What the tags ask of each network.
        images: Floats in [0, 1], shape (n, c, h, w), n at least 1.

    Returns:
        Shape (), in [0, 2], differentiable in the images.
    """
    found = [
        gradient_cosine(mean_gradient(network, Batch(images, aim.labels(images))), aim.gradient)
        for network, aim in zip(networks, aims, strict=True)
    ]
    return 1 - torch.stack(found).mean()


@dataclass(frozen=True, eq=False)
class Aim:
    """The gradient that images of a class are to have in one network.

    Args:
        label: The class.
        gradient: Of the mean loss of the tags with this label, a tensor for each parameter.
    """

    label: int
    gradient: tuple[Tensor, ...]

    @classmethod
    def at(cls, network: Objective, tags: Images, label: int) -> Aim:
        """What learning these tags, at least one, asks of the network."""
        inputs = inputs_for(network, tags)
        labels = torch.full((len(tags),), label, device=inputs.device)
        gradient = mean_gradient(network, Batch(inputs, labels))
        return cls(label, tuple(part.detach() for part in gradient))

    def labels(self, images: Tensor) -> Tensor:
        """The class of each of n images, shape (n,)."""
        return torch.full((len(images),), self.label, device=images.device)


def _starts(
    images: Images, over: Images, config: TagConfig, draws: torch.Generator
) -> Iterator[Tensor]:
    """Where each restart begins, in grey levels (n, c, h, w): `over` are the tags laid over."""
    grey = to_inputs(images) * 255
    yield grey + config.radius * (2 * to_inputs(over) - 1)
    for _ in range(1, config.restarts):
        yield grey + config.radius * (2 * torch.rand(grey.shape, generator=draws) - 1)


def _matched(
    networks: Sequence[Objective],
    aims: Sequence[Aim],
    images: Images,
    starts: Iterable[Tensor],
    config: TagConfig,
) -> tuple[Images, NDArray[np.float64]]:
    """One batch, shape (n, h, w, c), and its cosine, shape (1,): the best of all restarts."""
    grey = (inputs_for(networks[0], images) * 255).round()
    best, reached = images, -np.inf
    for start in starts:
        levels = _descended(networks, aims, start.to(grey), grey, config)
        cosine = 1 - matching_loss(networks, aims, levels.round() / 255).item()
        if cosine > reached:
            best, reached = as_bytes(levels), cosine
    return best, np.array([reached])


def _descended(
    networks: Sequence[Objective],
    aims: Sequence[Aim],
    levels: Tensor,
    grey: Tensor,
    config: TagConfig,
) -> Tensor:
    """Levels within the radius of `grey` with a small loss: signed descent with momentum."""
    low, high = (grey - config.radius).clamp(min=0), (grey + config.radius).clamp(max=255)
    levels, momentum = levels.clamp(low, high), torch.zeros_like(levels)
    for step in range(config.steps):
        levels = levels.detach().requires_grad_()
        loss = matching_loss(networks, aims, rounded(levels) / 255)
        (gradient,) = torch.autograd.grad(loss, levels)
        if not torch.isfinite(gradient).all():
            raise _not_finite("gradients")
        momentum = MOMENTUM * momentum + gradient / gradient.abs().mean().clamp(min=TINY)
        rate = FIRST_STEP * config.radius * (1 - step / config.steps)
        levels = torch.clamp(levels.detach() - rate * momentum.sign(), low, high)
    return levels.detach()


def _require_classes(networks: Sequence[Objective], images: Images, classes: int) -> None:
    """Raise unless all networks give finite logits of these classes for these images."""
    for network in networks:
        with torch.no_grad():
            outputs = network.model(inputs_for(network, images))
        if outputs.shape != (len(images), classes):
            raise InputError(
                expected=f"marking networks of {classes} classes",
                came=f"outputs of shape {tuple(outputs.shape)} for {len(images)} images",
                do="pass networks that were trained on such data",
            )
        if not torch.isfinite(outputs).all():
            raise _not_finite("outputs")


def _not_finite(what: str) -> NotFiniteError:
    return NotFiniteError(
        expected=f"finite {what} of the marking networks",
        came="NaN or infinity",
        do="check the networks' weights",
    )

"""Images whose features are moved along a secret carrier, by changes too small to be seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from radiotracer.data import Dataset, Images, Labels
from radiotracer.errors import DataError, InputError, NotFiniteError
from radiotracer.gradients import (
    Objective,
    frozen_copy,
    inputs_for,
    penultimate,
    require_linear_head,
)
from radiotracer.provenance.designs._carriers.augment import augmenter
from radiotracer.provenance.designs._carriers.directions import HELD_OUT, direction_coins
from radiotracer.provenance.designs._carriers.directions import carriers as carriers_of
from radiotracer.provenance.designs._carriers.settings import CarrierConfig
from radiotracer.provenance.kept import Kept, once
from radiotracer.provenance.pixels import as_bytes, distortion, rounded
from radiotracer.provenance.planted import Laid, Planted
from radiotracer.provenance.source import Source

FEATURE_BATCH = 256


@dataclass(frozen=True, eq=False)
class Marked:
    """Marked images, and what was reached; row ``i`` of every array is the same image.

    Args:
        images: uint8, shape (k, h, w, c).
        psnr: Peak signal-to-noise ratio in decibels, shape (k,); infinite for an unchanged image.
        max_difference: Largest change of a pixel in grey levels, int64, shape (k,).
        shift: By how much the features of the image moved along its carrier, shape (k,). Measured
            on the images as they are here: whole grey levels, no augmentation.
        feature_norm: Length of the features of the image before, shape (k,), to compare with.
    """

    images: Images
    psnr: NDArray[np.float64]
    max_difference: NDArray[np.int64]
    shift: NDArray[np.float64]
    feature_norm: NDArray[np.float64]


def mark_with_carriers(
    images: Images,
    labels: Labels,
    carriers: NDArray[np.float64],
    model: nn.Module,
    config: CarrierConfig | None = None,
    *,
    seed: int,
    kept: Kept | None = None,
    progress: Callable[[str, int, int], None] = lambda *_: None,
) -> Marked:
    """Move each image's features along its class's carrier (radioactive data).

    For an image x of class c, with carrier u, features phi and an augmentation a drawn anew at
    every step, minimises over images x~ within `radius` grey levels (L-infinity) of x

        -(phi(a(x~)) - phi(a(x))) . u / s + lambda_feature * ||phi(a(x~)) - phi(a(x))||_2 / s
        + lambda_image * mean((x~ - x)^2)

    with pixels in grey levels (0 to 255) and s the mean length of the features of `images`.

    Source: Sablayrolles, Douze, Schmid and Jegou 2020, "Radioactive data: tracing through
    training", the section on marking; phi is what the last linear layer is given. Differs from
    their code in: one draw for x~ and x, where theirs compares a random crop of x~ with the centre
    of x and so takes the difference of two crops for a shift; lengths relative to s and changes per
    pixel, so that one pair of weights fits every network and image size; Adam; and pixels that are
    rounded, with the gradient of the identity, before the network sees them, so that the bytes that
    come out are the ones that were judged.

    Args:
        images: uint8, shape (k, h, w, c), k at least 1, of any classes.
        labels: int64, shape (k,), in [0, classes).
        carriers: Unit vectors, shape (classes, d), where d is the number of features.
        model: The extractor: floats in [0, 1], shape (n, c, h, w), to logits by a last linear
            layer. Left as it was found, like all random states and threads.
        config: Settings; None is the defaults.
        seed: At least 0; augmentations are drawn by it.
        kept: Where finished batches are kept, so that a marking that was stopped goes on there; it
            must have begun with what this call depends on.
        progress: Told ``"marking"``, how many images are done, and how many there are.

    Raises:
        DataError: Images, labels or carriers do not fit each other or the extractor.
        InputError: A network that does not fit the images or has no head, or a missing extra.
        NotFiniteError: Features or their gradients are NaN or infinite.
    """
    config = config or CarrierConfig()
    _require_labelled(images, labels, carriers)
    # Images are in channels-last, which is faster on processors too.
    with frozen_copy(model, images, seed=seed, memory_format=torch.channels_last) as network:
        require_linear_head(network)
        vary = augmenter(config.augmentation, *images.shape[1:3])
        before = features_of(network, images)
        _require_features(before, carriers)
        scale = float(np.linalg.norm(before, axis=1).mean())
        made = []
        for first in range(0, len(images), config.batch_size):
            rows = slice(first, min(first + config.batch_size, len(images)))
            along = carriers[labels[rows]] / scale
            torch.default_generator.manual_seed((seed + first) % 2**63)  # whoever did the last one
            make = partial(_moved, network, images[rows], along, vary, config)
            made += once(kept, f"carriers-{first:08d}", make)
            progress("marking", rows.stop, len(images))
        marked = np.concatenate(made)
        after = features_of(network, marked)
    require_within(images, marked, config.radius)
    psnr, difference = distortion(images, marked)
    return Marked(
        images=marked,
        psnr=psnr,
        max_difference=difference,
        shift=np.einsum("kd,kd->k", after - before, carriers[labels]),
        feature_norm=np.linalg.norm(before, axis=1),
    )


def lay_carriers(chosen: Dataset, model: nn.Module) -> Laid:
    """The network as it is now, and the names of the coins that draw its carriers.

    Args:
        chosen: The k examples to mark, at least one.
        model: The extractor; the caller may go on training it.

    Raises:
        InputError: A network that does not fit the images or has no head, or a missing extra.
    """
    classes, dimensions = _head_of(chosen, model)
    return Laid(
        coins=(*direction_coins(classes, dimensions), HELD_OUT),
        extractor={name: value.clone() for name, value in model.state_dict().items()},
    )


def plant_carriers(
    chosen: Dataset,
    coins: Source,
    model: nn.Module,
    config: CarrierConfig | None = None,
    *,
    kept: Kept | None = None,
    progress: Callable[[str, int, int], None] = lambda *_: None,
) -> Planted:
    """Mark the chosen examples with the carriers that were drawn; see `mark_with_carriers`.

    Returns:
        Columns ``psnr`` in decibels, ``max_difference`` in grey levels, ``shift`` along the carrier
        and ``feature_norm``, to compare it with.

    Raises:
        InputError: A network that does not fit the images or has no head, or a missing extra.
        NotFiniteError: Features or their gradients are NaN or infinite.
    """
    drawn = carriers_of(coins, *_head_of(chosen, model))
    seed = int.from_bytes(coins.derive("marking/augmentations", 6))
    marked = mark_with_carriers(
        chosen.content,
        chosen.labels,
        drawn,
        model,
        config,
        seed=seed,
        kept=kept,
        progress=progress,
    )
    return Planted(
        content=marked.images,
        columns={
            "psnr": marked.psnr,
            "max_difference": marked.max_difference,
            "shift": marked.shift,
            "feature_norm": marked.feature_norm,
        },
    )


def _head_of(chosen: Dataset, model: nn.Module) -> tuple[int, int]:
    """Classes and features of the extractor's last layer, if its classes are those of the data."""
    with frozen_copy(model, chosen.content, seed=0) as network:
        classes, dimensions = require_linear_head(network).weight.shape
    if classes != len(chosen.class_names):
        raise InputError(
            expected=f"an extractor of the {len(chosen.class_names)} classes",
            came=f"one of {classes}",
            do="pass a run that was trained on such data",
        )
    return classes, dimensions


def features_of(network: Objective, images: Images) -> NDArray[np.float64]:
    """What the last linear layer is given for n uint8 images, shape (n, d), computed in float32.

    Raises:
        NotFiniteError: One is NaN or infinite.
    """
    with torch.no_grad():
        parts = [
            penultimate(network, inputs_for(network, images[first : first + FEATURE_BATCH])).cpu()
            for first in range(0, len(images), FEATURE_BATCH)
        ]
    features = torch.cat(parts).double().numpy()
    if not np.isfinite(features).all():
        raise _not_finite("features")
    return features


def require_within(images: Images, marked: Images, radius: int) -> None:
    """Raise `RuntimeError`, a defect, if a pixel changed by more than the radius."""
    most = int(np.abs(marked.astype(np.int64) - images).max())
    if most > radius:
        raise RuntimeError(f"a pixel changed by {most}, radius {radius}")


def _moved(
    network: Objective,
    images: Images,
    directions: NDArray[np.float64],
    vary: Callable[[Tensor], Tensor],
    config: CarrierConfig,
) -> tuple[Images]:
    """The marked images of one batch, shape (n, h, w, c); `directions` are carriers over scale."""
    original = inputs_for(network, images)
    along = torch.from_numpy(directions).to(original)
    scale = torch.linalg.vector_norm(along, dim=1)  # carriers have length 1
    grey = (original * 255).round()
    low, high = (grey - config.radius).clamp(min=0), (grey + config.radius).clamp(max=255)
    levels = grey.clone().requires_grad_()
    adam = torch.optim.Adam([levels], lr=config.rate)
    there = None
    for step in range(config.steps):
        adam.param_groups[0]["lr"] = config.rate * (1 - step / config.steps)
        shown = rounded(levels)
        # Stacked along the channels, both get the same draw.
        varied, same = vary(torch.cat([shown / 255, original], dim=1)).chunk(2, dim=1)
        if there is None or config.augmentation != "none":
            with torch.no_grad():
                there = penultimate(network, same)
        moved = penultimate(network, varied) - there
        length = torch.linalg.vector_norm(moved, dim=1)
        loss = (
            -(moved * along).sum()
            + config.lambda_feature * (length * scale).sum()
            + config.lambda_image * (shown - grey).square().flatten(1).mean(dim=1).sum()
        )
        (levels.grad,) = torch.autograd.grad(loss, levels)
        adam.step()
        with torch.no_grad():
            levels.copy_(torch.clamp(levels, low, high))
    if not torch.isfinite(levels).all():
        raise _not_finite("gradients of the features")
    return (as_bytes(levels),)


def _require_labelled(images: Images, labels: Labels, carriers: NDArray[np.float64]) -> None:
    if images.dtype != np.uint8 or images.ndim != 4 or not len(images):
        raise DataError(
            expected="uint8 images of shape (k, h, w, c), k at least 1",
            came=f"{images.dtype} of shape {images.shape}",
            do="choose images to mark",
        )
    if carriers.ndim != 2 or not np.allclose(np.linalg.norm(carriers, axis=1), 1):
        raise DataError(
            expected="carriers of shape (classes, d) and length 1",
            came=f"shape {carriers.shape}, or another length",
            do="derive them from the key",
        )
    if labels.shape != (len(images),) or not ((labels >= 0) & (labels < len(carriers))).all():
        raise DataError(
            expected=f"{len(images)} labels from 0 to {len(carriers) - 1}",
            came=f"shape {labels.shape}, or others",
            do="derive a carrier for every class",
        )


def _require_features(features: NDArray[np.float64], carriers: NDArray[np.float64]) -> None:
    if features.shape[1:] != carriers.shape[1:] or not features.any():
        raise DataError(
            expected=f"an extractor with {carriers.shape[1]} features that are not all 0",
            came=f"shape {features.shape}, {np.count_nonzero(features)} of them not 0",
            do="derive the carriers for this extractor",
        )


def _not_finite(what: str) -> NotFiniteError:
    return NotFiniteError(
        expected=f"finite {what}", came="NaN or infinity", do="check the network's weights"
    )

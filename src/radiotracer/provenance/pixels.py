"""Images as they are changed: whole grey levels, and how much of the change can be seen."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from radiotracer.data import Images
from radiotracer.provenance.design import Change
from radiotracer.provenance.protocol import Protocol
from radiotracer.provenance.release import Release


def image_shape(protocol: Protocol) -> tuple[int, int, int]:
    """Height, width and channels of the marked images."""
    height, width, channels = (int(protocol.shape[it]) for it in ("height", "width", "channels"))
    return height, width, channels


def change_of_pixels(release: Release) -> Change:
    """PSNR, and the largest change of a pixel, of the columns that `distortion` gave."""
    psnr = release.planted.columns["psnr"]
    seen = psnr[np.isfinite(psnr)]
    numbers = {
        "psnr": float(seen.mean()) if len(seen) else None,
        "psnr_lowest": float(seen.min()) if len(seen) else None,
        "max_difference": int(release.planted.columns["max_difference"].max()),
    }
    if not len(seen):
        return Change("no pixel changed", numbers)
    return Change(
        f"PSNR {numbers['psnr']:.1f} dB (lowest {numbers['psnr_lowest']:.1f}), largest change "
        f"{numbers['max_difference']} of 255",
        numbers,
    )


def rounded(levels: Tensor) -> Tensor:
    """Whole grey levels, with the gradient of the identity; the difference is 0 to the last bit."""
    return levels.detach().round() + (levels - levels.detach())


def as_bytes(levels: Tensor) -> Images:
    """Grey levels 0 to 255, shape (n, c, h, w), as uint8 images, shape (n, h, w, c)."""
    made = levels.detach().round().cpu().byte().permute(0, 2, 3, 1)
    return np.ascontiguousarray(made.numpy())


def distortion(images: Images, marked: Images) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """PSNR in decibels (infinite for an unchanged image) and the largest change, each shape (k,).

    Args:
        images: uint8, shape (k, h, w, c).
        marked: The same after the change.
    """
    difference = marked.astype(np.int64) - images
    with np.errstate(divide="ignore"):
        psnr = 20 * np.log10(255.0) - 10 * np.log10(np.square(difference).mean(axis=(1, 2, 3)))
    return psnr, np.abs(difference).max(axis=(1, 2, 3))

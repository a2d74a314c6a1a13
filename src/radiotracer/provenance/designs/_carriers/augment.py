"""Random crops, shifts and flips that gradients pass through, the same for every channel."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from radiotracer.errors import InputError
from radiotracer.provenance.designs._carriers.settings import Augmentation

_PARTS = 8
"""Images are shifted by up to one of so many parts: 4 pixels of 32, the usual augmentation."""


def augmenter(name: Augmentation, height: int, width: int) -> Callable[[Tensor], Tensor]:
    """A function that varies each image of a batch by itself, differentiable in the pixels.

    - ``none``: the images as they are; the only one that needs no extra.
    - ``shift``: moved by up to an eighth of the size (rounded up) in each direction, in whole
      pixels; black comes in.
    - ``shift-flip``: the same, and mirrored left to right with probability 1/2.
    - ``resized-crop``: a part of 8 to 100 % of the area and a ratio of 3:4 to 4:3, scaled up to the
      whole size, and mirrored with probability 1/2: what networks for ImageNet are trained with.

    Everything here moves pixels about and treats all channels alike. Images that are stacked along
    the channel axis are therefore varied in the same way, which is how a draw is shared.

    Args:
        name: Which.
        height: Of the images, in and out.
        width: Likewise.

    Returns:
        From shape (n, channels, height, width) to the same shape. It draws from torch's global
        generator.

    Raises:
        InputError: An unknown name, or the extra that it needs is not installed.
    """
    if name == "none":
        return lambda images: images
    try:
        from kornia import augmentation as kornia
    except ImportError as error:
        raise InputError(
            expected=f"the package kornia for the augmentation {name}",
            came="a Python without it",
            do="run pip install 'radiotracer[marking]', or choose the augmentation none",
        ) from error
    # The padding is that of left and right, then that of top and bottom.
    shift = kornia.RandomCrop((height, width), padding=(-(-width // _PARTS), -(-height // _PARTS)))
    flip = kornia.RandomHorizontalFlip(p=0.5)
    match name:
        case "shift":
            steps = [shift]
        case "shift-flip":
            steps = [shift, flip]
        case "resized-crop":
            steps = [kornia.RandomResizedCrop((height, width), cropping_mode="resample"), flip]
        case _:
            raise InputError(
                expected="an augmentation: none, shift, shift-flip or resized-crop",
                came=repr(name),
                do="choose one of them",
            )

    def varied(images: Tensor) -> Tensor:
        for step in steps:
            images = step(images)
        return images

    return varied

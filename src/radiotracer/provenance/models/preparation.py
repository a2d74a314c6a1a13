"""How a suspect is given images: the order of axes, their size, and on which scale pixels are.

Networks are given images here as float32 in [0, 1], (n, channels, height, width). Other people's
were trained on other forms, and do not say so: a network that is asked in another one still
answers, only worse. `radiotracer.provenance.rightly_asked` finds that out before an audit counts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

from radiotracer.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

Layout = Literal["nchw", "nhwc", "ncwh", "nwhc", "flat", "flat-hwc"]
"""Number, channels, height, width, in the order of the axes; ``flat`` is (n, features), the pixels
of a channel together, and ``flat-hwc`` the channels of a pixel together."""

LAYOUTS: tuple[Layout, ...] = get_args(Layout)

OPTIONS = frozenset(("layout", "scale", "mean", "std", "size"))
"""The fields of `Preparation`, as `open_suspect` takes them."""

_ORDER = {
    "nhwc": (0, 2, 3, 1),
    "ncwh": (0, 1, 3, 2),
    "nwhc": (0, 3, 2, 1),
    "flat-hwc": (0, 2, 3, 1),
}


@dataclass(frozen=True)
class Preparation:
    """What is done to images, float32 in [0, 1] of shape (n, channels, height, width).

    Args:
        layout: The order of the axes.
        scale: The value of a white pixel: 1 or 255.
        mean: What is taken off each channel after that, one number for each or for all; empty: 0.
        std: What it is divided by then, not 0; empty: 1.
        size: Height and width to resize to, bilinear; None: as they are.

    Raises:
        InputError: A value is none of these.
    """

    layout: Layout | None = None
    scale: float = 1.0
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    size: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        """Check the values once, here."""
        numbers = (self.scale, *self.mean, *self.std)
        if self.layout not in (None, *LAYOUTS):
            raise _wrong(f"layout={' or '.join(LAYOUTS)}", repr(self.layout))
        if not all(map(math.isfinite, numbers)) or 0.0 in (self.scale, *self.std):
            raise _wrong(
                "finite scale=, mean= and std=, the first and the last not 0", str(numbers)
            )
        if {len(self.mean), len(self.std)} - {0, 1, 3}:
            came = f"{len(self.mean)} and {len(self.std)}"
            raise _wrong("one number for mean= and std=, or one per channel", came)
        if self.size is not None and (
            len(self.size) != 2 or not all(0 < x < 2**14 for x in self.size)
        ):
            raise _wrong("size=height,width", str(self.size))

    def __call__(self, inputs: Tensor) -> Tensor:
        """The images in this form, contiguous; float32.

        Raises:
            InputError: They have another number of channels than `mean` or `std`.
        """
        from torch import tensor
        from torch.nn import functional as F

        channels = inputs.shape[1]
        for values in (self.mean, self.std):
            if len(values) not in (0, 1, channels):
                raise _wrong(f"mean= and std= of {channels} channels", f"{len(values)} numbers")
        if self.size is not None:
            inputs = F.interpolate(inputs, self.size, mode="bilinear", antialias=True)
        if self.scale != 1:
            inputs = inputs * self.scale
        if self.mean:
            inputs = inputs - tensor(self.mean, dtype=inputs.dtype)[:, None, None]
        if self.std:
            inputs = inputs / tensor(self.std, dtype=inputs.dtype)[:, None, None]
        layout = self.layout or "nchw"
        if layout in _ORDER:
            inputs = inputs.permute(_ORDER[layout])
        return inputs.flatten(1) if layout.startswith("flat") else inputs.contiguous()

    @property
    def changes(self) -> bool:
        """Whether anything is done."""
        return self.said != {}

    @property
    def said(self) -> dict[str, str]:
        """What is done, by the name of the option, for identities; empty where nothing is."""
        said = {"layout": "" if self.layout in (None, "nchw") else str(self.layout)}
        said["scale"] = f"{self.scale:.9g}" if self.scale != 1 else ""
        said["mean"] = _listed(self.mean) if any(self.mean) else ""
        said["std"] = _listed(self.std) if set(self.std) - {1.0} else ""
        said["size"] = _listed(self.size or ())
        return {name: value for name, value in said.items() if value}

    @property
    def options(self) -> str:
        """The same as one types it."""
        return " ".join(f"--{name} {value}" for name, value in self.said.items()) or "none of them"


PLAIN = Preparation()
"""As networks are given images here."""


def preparation_of(options: Mapping[str, Any]) -> Preparation:
    """What these options say, of which None or a missing one says nothing.

    Raises:
        InputError: A value is none of its option's.
    """
    given = {name: options[name] for name in OPTIONS if options.get(name) is not None}
    for name in ("mean", "std", "size"):
        if name in given:
            given[name] = tuple(given[name])
    return Preparation(**given)


def said_preparation(identity: Mapping[str, str]) -> dict[str, Any]:
    """The options of `preparation_of` that an identity names."""
    found: dict[str, Any] = {}
    try:
        for name in OPTIONS & identity.keys():
            text = identity[name]
            if name == "layout":
                found[name] = cast("Layout", text)
            elif name == "scale":
                found[name] = float(text)
            else:
                kind = int if name == "size" else float
                found[name] = tuple(map(kind, text.split(",")))
    except ValueError as error:
        raise _wrong("evidence that says how images were given", str(error)) from error
    return found


def _listed(values: tuple[float, ...]) -> str:
    return ",".join(f"{each:.9g}" for each in values)


def _wrong(expected: str, came: str) -> InputError:
    return InputError(expected=expected, came=came, do="pass what the model was trained with")

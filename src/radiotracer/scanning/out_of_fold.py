"""Evidence from models that never saw an example: out-of-fold opinions on frozen features.

There is no training to follow, but there is a last layer: the models are linear heads on frozen
features, fitted anew without every fold. With f the reduced features and e = softmax - one-hot
the error of a model that was not fitted to the example, for training example i and validation
example j (of the models' mean)

    influence_ij = <e_i, e_j> (<f_i, f_j> + 1)

the inner product of last-layer gradients, where the 1 is the bias. Positive: a step along the
gradient of i lowers the loss of j, a proponent. It is TracInCP's last-layer formula (Pruthi et al.
2020, appendix F) with errors from outside the training in place of those of its checkpoints: what
a model says of examples that it has learned by heart makes no errors.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import save
from torch import Tensor

from radiotracer.data import Dataset
from radiotracer.files import atomic_file
from radiotracer.gradients import Data, LastLayerGradients
from radiotracer.health import Health, health_of
from radiotracer.opinions import Opinions
from radiotracer.opinions.grounds import Grounds, grounds_of

KEPT_FILE = "opinions.safetensors"
"""What a review computes influence from: errors and features of both sides, and whose they are."""


@dataclass(frozen=True, eq=False)
class OutOfFold:
    """Opinions about data.

    Args:
        opinions: What the models say.
        train: The n training examples, in the order of the opinions.
        validation: The m validation examples that there are opinions about, or None.
    """

    opinions: Opinions
    train: Dataset
    validation: Dataset | None
    kind: ClassVar[str] = "out-of-fold"
    judge: ClassVar[str] = "out-of-fold models"
    opposes: ClassVar[str] = (
        "validation examples whose loss rises where the last layer follows the flagged one's label"
    )
    run_folder: ClassVar[Path | None] = None
    notes: ClassVar[tuple[str, ...]] = ()

    def __repr__(self) -> str:
        """Whose evidence it is."""
        return f"OutOfFold({self.words[:150]})"

    @property
    def words(self) -> str:
        """Whose opinions they are."""
        return f"out-of-fold models ({self.opinions.words})"

    @property
    def data(self) -> str:
        """Where the training examples are."""
        return self.train.source

    @property
    def kept(self) -> str | None:
        """A file where there are features; without these there is no influence to compute."""
        return None if self.gradients is None else KEPT_FILE

    @property
    def caveats(self) -> tuple[str, ...]:
        """What the influence of a page is, where it shows any."""
        if self.asked is None:
            return ()
        return (
            "Influence is of the last layer alone, by the errors of models that were not fitted to "
            "the example: no training was followed.",
        )

    @functools.cached_property
    def health(self) -> Health:
        """Near copies, outliers, overlapping classes, and which labels stand for which."""
        return health_of(self.opinions, self.train, self.validation)

    @functools.cached_property
    def gradients(self) -> LastLayerGradients | None:
        """Those of the training examples, n of them; None where no features are known."""
        found = self.opinions
        points = found.points
        return None if points is None else _gradients(found.outputs, found.labels, points[0])

    @functools.cached_property
    def asked(self) -> LastLayerGradients | None:
        """Those of the validation examples, m of them; None without these or their features."""
        found = self.opinions
        outputs, labels, points = found.validation_outputs, found.validation_labels, found.points
        if outputs is None or labels is None or points is None or points[1] is None:
            return None
        return _gradients(outputs, labels, points[1])

    def grounds(self, rate: float, p_values: NDArray[np.float64] | None) -> Grounds:
        """By the labels that the models did not see."""
        return grounds_of(self.opinions, rate, p_values)

    def rows(self) -> list[tuple[str, str]]:
        """Which data, and whose opinions."""
        found = self.opinions
        features = found.features
        return [
            ("Data", f"{self.train.source}, {len(self.train)} examples"),
            ("Data SHA-256", self.train.digest),
            ("Evidence", self.words),
            ("Folds", str(len(np.unique(found.folds)))),
            ("Features", "not kept" if features is None else f"{features.shape[1]} per example"),
            ("Seconds for all opinions", f"{found.seconds:.1f}"),
        ]

    def influence(
        self, rows: NDArray[np.int64], train: Data, validation: Data
    ) -> NDArray[np.float64] | None:
        """The formula of this file, shape (k, m); nothing is asked of the examples themselves."""
        mine, asked = self.gradients, self.asked
        if mine is None or asked is None:
            return None
        index = torch.from_numpy(rows)
        some = LastLayerGradients(
            mine.errors[index], mine.features[index], mine.weight_rate, mine.bias_rate
        )
        found: NDArray[np.float64] = some.inner(asked).numpy()
        return found

    def keep(self, folder: Path) -> None:
        """`KEPT_FILE`: ``train_errors`` (n, C), ``train_features`` (n, d), and ``validation_``.

        In float16: three digits of every factor, half the bytes, and a review shows an order. The
        digests of the data lie beside, so that no other examples are taken for these.
        """
        if self.gradients is None:
            return
        sides = {"train": self.gradients} | (
            {} if self.asked is None else {"validation": self.asked}
        )
        arrays = {}
        for side, each in sides.items():
            arrays[f"{side}_errors"] = each.errors.to(torch.float16).numpy()
            arrays[f"{side}_features"] = each.features.to(torch.float16).numpy()
        about = {"train": self.train.digest}
        if self.asked is not None and self.validation is not None:
            about["validation"] = self.validation.digest
        content = save(arrays, about)
        with atomic_file(folder / KEPT_FILE) as temporary:
            temporary.write_bytes(content)


def errors_of(outputs: Tensor, labels: Tensor) -> Tensor:
    """Softmax minus one-hot of outputs, shape (n, C), and labels, shape (n,)."""
    own = labels.unsqueeze(1)
    # Minus the sum of the others is exact where one minus a probability is not.
    errors = outputs.softmax(dim=1).scatter(1, own, 0.0)
    return errors.scatter(1, own, -errors.sum(dim=1, keepdim=True))


def _gradients(
    outputs: NDArray[np.float64], labels: NDArray[np.int64], points: NDArray[np.float32]
) -> LastLayerGradients:
    return LastLayerGradients(
        errors=errors_of(torch.from_numpy(outputs), torch.from_numpy(labels)),
        features=torch.from_numpy(points),
        weight_rate=1.0,
        bias_rate=1.0,
    )

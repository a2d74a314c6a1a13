"""How much validation examples contradict a label, as each layer of the network sees the example.

A linear head is fitted to a layer's representations of the validation examples alone. It has never
seen a tampered label, so what it says is an independent opinion, even where the network itself has
memorised everything it was given (early layers memorise least), or where an example was made to
resemble another class inside the network (late layers then contradict its label).

Related: linear classifier probes (Alain and Bengio 2017), there fitted to the training examples.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from radiotracer.detectors.linear import fit_head, out_of_fold, standardised

FOLDS = 2


@dataclass(frozen=True)
class Opinions:
    """Probabilities of classes by layer, float64, shape (layers, n, classes) each.

    Args:
        train: Of the training examples: the mean over the folds' heads.
        validation: Of the validation examples: from the head that was not fitted to them.
    """

    train: NDArray[np.float64]
    validation: NDArray[np.float64]


def opinions(
    train: Mapping[str, Tensor],
    validation: Mapping[str, Tensor],
    validation_labels: NDArray[np.int64],
    *,
    classes: int,
    seed: int,
) -> Opinions:
    """Fit `FOLDS` heads per layer to the validation examples and ask them.

    Args:
        train: Representations by layer, shape (n, d).
        validation: The same of m validation examples, `FOLDS` or more of some class.
        validation_labels: Shape (m,).
        classes: How many classes; one that no validation example has gets probability 0.
        seed: Which validation examples are in which fold.
    """
    folds = out_of_fold(validation_labels, FOLDS, seed)
    of_train, of_validation = [], []
    for name in train:
        mine, theirs = train[name].float().numpy(), validation[name].float().numpy()
        mine, theirs = standardised(mine, like=theirs), standardised(theirs)
        total = np.zeros((len(mine), classes))
        asked = np.zeros((len(theirs), classes))
        for fitted, left in folds:
            head = fit_head(theirs[fitted], validation_labels[fitted])
            total[:, head.classes_] += head.predict_proba(mine) / FOLDS
            asked[np.ix_(left, head.classes_)] = head.predict_proba(theirs[left])
        of_train.append(total)
        of_validation.append(asked)
    return Opinions(np.stack(of_train), np.stack(of_validation))


def doubt(
    opinion: NDArray[np.float64], labels: NDArray[np.int64], natural_error_rate: float
) -> NDArray[np.float64]:
    """``-log(q(y | x) + epsilon)`` in nats, shape (layers, n); see `LabelPosterior` on epsilon."""
    own = np.take_along_axis(opinion, labels[None, :, None], axis=2)[:, :, 0]
    result: NDArray[np.float64] = -np.log(own + natural_error_rate)
    return result

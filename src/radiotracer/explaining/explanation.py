"""Which training examples made the model predict what it predicts."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from radiotracer.data import Identity, Labels, identify
from radiotracer.data.examples import seen_by
from radiotracer.data.inputs import Inputs
from radiotracer.errors import InputError
from radiotracer.explaining.validate import Rows, label_number, predict, require_choice, wrong_rows
from radiotracer.gradients import Data, LossFunction, count, cross_entropy
from radiotracer.influence import Tracing, gas_pairs, tracin_cp_pairs
from radiotracer.influence.steady import require_steady
from radiotracer.influence.top import Top
from radiotracer.influence.tracing import require_alike, require_batch_size
from radiotracer.recipes import Manifest
from radiotracer.runs import Run
from radiotracer.scanning import Progress
from radiotracer.scanning.inputs import (
    class_names_of,
    require_same_kind,
    require_trained_on,
    take,
)
from radiotracer.views import Shown

METHODS: Mapping[str, Callable[[Tracing, Data, Data], Tensor]] = {
    "tracin-cp": tracin_cp_pairs,
    "gas": gas_pairs,
}
DEFAULT_METHOD = "tracin-cp"
"""Over the last layer, it finds most of the tampering behind wrong predictions:
see ``python -m bench explaining``."""

PART = 5_000
"""Training examples between two reports of progress."""


@dataclass(frozen=True, eq=False)
class Explanation(Shown):
    """Why m queries are predicted as they are; n training examples, in the run's order.

    Args:
        tracing: The run and a private copy of its network, with what is traced.
        train: The training examples.
        identity: Their ids, digests and labels.
        queries: The data that the queries are from.
        rows: The queries' rows in them, int64, shape (m,).
        query_ids: Their ids, shape (m,).
        given: Their given labels, shape (m,).
        predicted: The labels that the last checkpoint predicts, shape (m,).
        probabilities: Softmax of its outputs at the predicted labels, shape (m,).
        targets: The labels that are explained, shape (m,).
        label: How these were chosen: ``predicted``, ``given``, or the name of a class.
        class_names: One per class.
        manifest: The ground truth about the training examples, where there is one.
        method: The formula.
        influence: Of training examples on queries under `targets`, float64, shape (n, m).
            Positive = proponent: training on the example lowered that loss, that is, pushed the
            model towards the label. Negative = opponent.
        top: The `top_k` strongest proponents and opponents of each query.
    """

    tracing: Tracing
    train: Data
    identity: Identity
    queries: Data
    rows: NDArray[np.int64]
    query_ids: NDArray[np.str_]
    given: Labels
    predicted: Labels
    probabilities: NDArray[np.float64]
    targets: Labels
    label: str
    class_names: tuple[str, ...]
    manifest: Manifest | None
    method: str
    influence: NDArray[np.float64]
    top: Top

    def __repr__(self) -> str:
        """How much is explained, and how."""
        return (
            f"Explanation({len(self.rows):,} queries by {self.method}, "
            f"{len(self.identity):,} training examples, run {str(self.run.folder)[:100]!r})"
        )

    @property
    def run(self) -> Run:
        """The recorded training."""
        return self.tracing.run

    @property
    def top_k(self) -> int:
        """How many proponents and opponents each query has in `top`."""
        return int(self.top.proponents_rows.shape[1])

    @functools.cached_property
    def shares(self) -> NDArray[np.float64]:
        """Influence over the sum of its absolute values over all training examples, (n, m)."""
        whole = np.abs(self.influence).sum(axis=0)
        # Where nothing has influence every share is 0.
        shares: NDArray[np.float64] = self.influence / np.where(whole > 0, whole, 1.0)
        return shares


def explain(
    model: nn.Module,
    run: Run,
    train: Data,
    queries: Data,
    *,
    rows: Rows | None = None,
    wrong: int | None = None,
    top_k: int = 10,
    method: str = DEFAULT_METHOD,
    label: str | int = "predicted",
    layers: Sequence[str] | None = None,
    manifest: Manifest | None = None,
    loss: LossFunction = cross_entropy,
    batch_size: int = 512,
    progress: Progress = lambda *_: None,
) -> Explanation:
    """Find the training examples that pushed predictions, along a recorded training.

    Args:
        model: The network that was trained; copied, never touched. The work is done on its device.
        run: Its recording.
        train: What it was trained on: the same examples in the same order.
        queries: Examples of the same kind, such as a test split.
        rows: Which of them to explain, shape (m,); by default all.
        wrong: Instead of `rows`: the first so many that the last checkpoint predicts wrongly.
        top_k: Proponents and opponents to rank for each query.
        method: ``"tracin-cp"``, or ``"gas"``, which does not count the lengths of gradients.
        label: The question is "why this label?": ``"predicted"`` by the last checkpoint,
            ``"given"`` with the queries, or the name or the number of a class.
        layers: Patterns of parameter names to trace; None is the last linear layer (where the
            network ends with none, all), and ``["*"]`` is all that were trained.
        manifest: The ground truth about `train`, to be shown beside the examples.
        loss: One loss per example.
        batch_size: Examples per pass; influence does not depend on it.
        progress: Told how far it is.

    Raises:
        DataError: `train` is not what the run was trained on, a label is outside the classes, or
            `queries` have other classes or shapes.
        InputError: An unknown method, label or row, a setting out of range, nothing is wrong, or
            a network that is no classifier.
        RunError: The network and the checkpoints do not fit each other.
        NotFiniteError: NaN or infinity in weights, inputs, losses or scores.
    """
    train, queries = seen_by(model, train), seen_by(model, queries)
    _require_settings(method, batch_size, top_k, count(train))
    require_choice(rows, wrong, count(queries))
    identity = require_trained_on(run, train)
    require_same_kind(train, queries)
    require_alike(train, queries)
    asked = identify(queries)
    # The caller may be in inference mode, where nothing can be differentiated.
    with torch.inference_mode(False):
        tracing = Tracing.of(
            model,
            run,
            train,
            loss=loss,
            layers=layers or (),
            batch_size=batch_size,
            examine=False,
        )
        if layers is None:
            tracing = _last_layer(tracing)
        names = class_names_of(
            tracing,
            tracing.one(train),
            {"training examples": identity.labels, "queries": asked.labels},
        )
        require_steady(tracing.objective, train)
        require_steady(tracing.asked, queries)
        number = None if label in ("predicted", "given") else label_number(label, names)
        tracing.objective.load(run.weights(run.checkpoints[-1]))
        if wrong is not None:
            rows = wrong_rows(tracing, queries, wrong)
        chosen = np.asarray(range(len(asked)) if rows is None else rows, dtype=np.int64)
        predicted = predict(tracing, take(queries, chosen))
        given = asked.labels[chosen]
        if number is None:
            targets = given if label == "given" else predicted.labels
        else:
            targets = np.full(len(chosen), number, dtype=np.int64)
        pairs = (predicted.inputs, torch.from_numpy(targets))
        influence = _influence(tracing, train, pairs, method, progress)
    return Explanation(
        tracing=tracing,
        train=train,
        identity=identity,
        queries=queries,
        rows=chosen,
        query_ids=asked.ids[chosen],
        given=given,
        predicted=predicted.labels,
        probabilities=predicted.probabilities,
        targets=targets,
        label=str(label) if number is None else names[number],
        class_names=names,
        manifest=manifest,
        method=method,
        influence=influence.numpy(),
        top=Top.of([influence], top_k),
    )


def _require_settings(method: str, batch_size: int, top_k: int, n: int) -> None:
    if method not in METHODS:
        raise InputError(
            expected=f"method {' or '.join(METHODS)}", came=repr(method), do="choose one of them"
        )
    require_batch_size(batch_size)
    if not 1 <= top_k <= n:
        raise InputError(
            expected=f"top_k= from 1 to {n}, the number of training examples",
            came=str(top_k),
            do="pass, say, top_k=10",
        )


def _last_layer(tracing: Tracing) -> Tracing:
    """Trace the last linear layer alone, if there is one and it was trained."""
    objective = tracing.objective
    names = tuple(name for name in objective.traced if name.rpartition(".")[0] == objective.head)
    if not names:
        return tracing
    return dataclasses.replace(tracing, objective=dataclasses.replace(objective, traced=names))


def _influence(
    tracing: Tracing,
    train: Data,
    queries: tuple[Inputs, Tensor],
    method: str,
    progress: Progress,
) -> Tensor:
    """Shape (n, m). In parts, so that progress can be told; each part visits every checkpoint."""
    n = count(train)
    # The queries are gone through again for each part: it should hold many more examples.
    size = max(PART, 10 * len(queries[1]))
    parts = []
    for start in range(0, n, size):
        rows = np.arange(start, min(n, start + size))
        parts.append(METHODS[method](tracing, take(train, rows), queries).detach())
        progress("influence", int(rows[-1]) + 1, n)
    return torch.cat(parts)

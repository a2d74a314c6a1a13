"""The Python door to influence: one object for one run."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from radiotracer.data.examples import seen_by
from radiotracer.errors import InputError
from radiotracer.gradients import (
    Data,
    LossFunction,
    ProjectionConfig,
    Task,
    cross_entropy,
    device_of,
    engines_of,
    first_input,
    patterns,
    require_network,
    task_of,
)
from radiotracer.influence.gas import gas_pairs, gas_sum
from radiotracer.influence.last_layer import (
    last_layer_pairs,
    last_layer_self_influence,
    last_layer_sum,
)
from radiotracer.influence.notes import run_notes
from radiotracer.influence.replayed import Replayed
from radiotracer.influence.self_influence import self_influence
from radiotracer.influence.steady import Known, require_steady
from radiotracer.influence.store import Store, write_store
from radiotracer.influence.top import Top, top_pairs
from radiotracer.influence.tracin import tracin_pairs, tracin_sum
from radiotracer.influence.tracin_cp import tracin_cp_pairs, tracin_cp_sum
from radiotracer.influence.tracin_ideal import tracin_ideal
from radiotracer.influence.tracing import (
    Progress,
    Tracing,
    kind_of,
    require_alike,
    require_batch_size,
    require_loss,
    require_run,
    silent,
)
from radiotracer.runs import Run, TrainingLoss
from radiotracer.runs.random_state import random_state_kept

Method = Literal["tracin-cp", "gas"]


class Tracer:
    """Influence of training examples on queries, along a recorded training.

    Sign: positive = proponent = training on the example lowered the query's loss;
    negative = opponent. Axis order: training examples first, queries second.

        tracer = Tracer(model, Run.open("runs/mine"))
        scores = tracer.influence(train, queries, reduce="sum")    # shape (n_train,)

    The network is copied at the first use, and what was found out about it is kept for the next
    one, as long as the data are of one kind and the network stays where it is. When data are first
    given, a few examples are passed twice, together and alone: where their losses do not repeat,
    nothing is computed.

    Args:
        model: The network that was trained. It is copied; the caller's stays as it is. The work is
            done on its device; results are on the CPU.
        run: Its recording.
        loss: One loss per example; the default is cross-entropy over logits.
        task: In place of a loss: what training minimised, and what queries ask
            (`radiotracer.gradients.Task`).
        layers: Patterns of parameter names to trace, such as ``["stage4.*", "head.*"]``; empty
            means every parameter that was trained.
        last_layer_only: Trace the last linear layer alone, by its closed form.
        batch_size: Examples per pass; scores do not depend on it.
        progress: Told the stage, how much of it is done, and how much there is.
    """

    def __init__(
        self,
        model: nn.Module,
        run: Run,
        loss: LossFunction = cross_entropy,
        *,
        task: Task | None = None,
        layers: Sequence[str] = (),
        last_layer_only: bool = False,
        batch_size: int = 512,
        progress: Progress = silent,
    ) -> None:
        if layers and last_layer_only:
            raise InputError(
                expected="layers or last_layer_only", came="both", do="leave one of them out"
            )
        require_network(model)
        require_run(run)
        require_batch_size(batch_size)
        self.model = model
        self.run = run
        self.task = task_of(loss, task)
        if last_layer_only:
            require_loss(self.task)
        self.layers = patterns(layers)
        self.last_layer_only = last_layer_only
        self.batch_size = batch_size
        self.progress = progress
        self._notes: dict[str, None] = {}
        self._kept: dict[Hashable, Tracing] = {}
        self._known = Known()

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the scores should know, one sentence each.

        From the start what of the run does not fit the formulas; after each use also what was left
        out, which engines computed it, and which of them had to stand in for a faster one, and why.
        """
        return tuple(dict.fromkeys((*run_notes(self.run), *self._notes)))

    def influence(
        self,
        train: Data,
        queries: Data,
        reduce: Literal["sum"] | None = None,
        *,
        method: Method = "tracin-cp",
    ) -> Tensor:
        """Influence of training examples on queries.

        Args:
            train: `Dataset`, a pair of tensors, a data set, or a `DataLoader`; n_train of them.
            queries: The same; n_queries of them.
            reduce: ``"sum"`` adds over the queries, at the cost of one pass over each side.
            method: ``"tracin-cp"``, or ``"gas"``, which counts directions and not lengths of
                gradients, so that no few examples lead every list.

        Returns:
            float64, shape (n_train, n_queries), or (n_train,) with ``reduce="sum"``.
        """
        formula = self._formula(reduce, method)
        train, queries = seen_by(self.model, train), seen_by(self.model, queries)
        with self._opened(train, queries) as tracing:
            return formula(tracing, train, queries)

    def top(self, train: Data, queries: Data, top_k: int, *, method: Method = "tracin-cp") -> Top:
        """The strongest proponents and opponents of each query, without a matrix of all scores.

        Args:
            train: n_train examples.
            queries: n_queries examples.
            top_k: How many of each, at most n_train.
            method: As in `influence`.
        """
        formula = self._formula(None, method)
        train, queries = seen_by(self.model, train), seen_by(self.model, queries)
        with self._opened(train, queries) as tracing:
            return top_pairs(tracing, train, queries, top_k, formula=formula)

    def self_influence(self, train: Data) -> Tensor:
        """Influence of each example on itself: float64, shape (n_train,), never negative."""
        formula = last_layer_self_influence if self.last_layer_only else self_influence
        train = seen_by(self.model, train)
        with self._opened(train) as tracing:
            return formula(tracing, train)

    def replay(
        self,
        train: Data,
        queries: Data,
        reduce: Literal["sum"] | None = None,
        *,
        formula: Literal["tracin", "tracin-ideal"] = "tracin",
        training_loss: TrainingLoss | None = None,
        one_at_a_time: bool = False,
    ) -> Replayed:
        """Influence at every step of the training, which is carried out again from its beginning.

        The training is repeated on the CPU; gradients are taken where the network is.

        Args:
            train: What the run was trained on.
            queries: n_queries examples.
            reduce: ``"sum"`` adds over the queries.
            formula: ``"tracin"``: gradients at each step, times its learning rate over its batch
                size. ``"tracin-ideal"``: the loss that each step really took away, for trainings
                with one example per step.
            training_loss: The loss that was trained on, a single number per batch; None is the mean
                over its examples.
            one_at_a_time: For ``"tracin-ideal"``: replay the recorded order with one example per
                step, which is another training than the recorded one.

        Returns:
            Scores, float64, shape (n_train, n_queries), or (n_train,) with ``reduce="sum"``; and
            whether the replay arrived at the recorded weights.

        Raises:
            RunError: The run was recorded without its initial weights, or its optimiser cannot be
                rebuilt.
        """
        self._require_all_layers("a replay")
        self._require_replayable(formula, one_at_a_time)
        train, queries = seen_by(self.model, train), seen_by(self.model, queries)
        with self._opened(train, queries) as tracing:
            if formula == "tracin":
                compute = tracin_sum if reduce == "sum" else tracin_pairs
                return compute(tracing, train, queries, training_loss=training_loss)
            found = tracin_ideal(
                tracing, train, queries, training_loss=training_loss, one_at_a_time=one_at_a_time
            )
        return Replayed(found.scores.sum(dim=1), found.fidelity) if reduce == "sum" else found

    def write_store(
        self,
        train: Data,
        folder: str | os.PathLike[str],
        config: ProjectionConfig | None = None,
        *,
        overwrite: bool = False,
    ) -> Store:
        """Keep random projections of all gradients on disk, to ask many queries later.

        The store measures its own error against exact scores: ``store.info.error``.

        Args:
            train: n_train examples.
            folder: A new folder.
            config: Numbers per parameter and the seed; None for the defaults.
            overwrite: Replace an earlier store.
        """
        self._require_all_layers("a store")
        train = seen_by(self.model, train)
        with self._opened(train, keep=False) as tracing:
            return write_store(tracing, train, folder, config, overwrite=overwrite)

    def open_store(self, train: Data, folder: str | os.PathLike[str]) -> Store:
        """Read a store of these training examples; `RunError` if it is of another run or data."""
        self._require_all_layers("a store")
        train = seen_by(self.model, train)
        with self._opened(train, keep=False) as tracing:
            return Store.open(folder, tracing, train)

    def _require_all_layers(self, what: str) -> None:
        if self.last_layer_only:
            raise InputError(
                expected=f"{what} over all layers",
                came="last_layer_only",
                do="pass layers=['head.*'] to trace the last layer",
            )

    def _require_replayable(self, formula: str, one_at_a_time: bool) -> None:
        wrong = None
        if formula not in ("tracin", "tracin-ideal"):
            wrong = ("formula 'tracin' or 'tracin-ideal'", repr(formula), "choose one of them")
        elif one_at_a_time and formula == "tracin":
            wrong = ("one_at_a_time with 'tracin-ideal'", "'tracin'", "leave it out")
        if wrong is not None:
            raise InputError(expected=wrong[0], came=wrong[1], do=wrong[2])

    def _formula(
        self, reduce: Literal["sum"] | None, method: Method
    ) -> Callable[[Tracing, Data, Data], Tensor]:
        if reduce not in (None, "sum"):
            raise InputError(
                expected="reduce=None or reduce='sum'", came=repr(reduce), do="choose one of them"
            )
        if method not in get_args(Method):
            raise InputError(
                expected=f"method {' or '.join(get_args(Method))}",
                came=repr(method),
                do="choose one of them",
            )
        if self.last_layer_only:
            if method != "tracin-cp":
                raise InputError(
                    expected="method='tracin-cp' with last_layer_only",
                    came=repr(method),
                    do="trace all layers, or layers=['head.*'] to trace the last one",
                )
            return last_layer_sum if reduce == "sum" else last_layer_pairs
        if method == "gas":
            return gas_sum if reduce == "sum" else gas_pairs
        return tracin_cp_sum if reduce == "sum" else tracin_cp_pairs

    @contextlib.contextmanager
    def _opened(
        self, train: Data, queries: Data | None = None, *, keep: bool = True
    ) -> Iterator[Tracing]:
        """The run and a copy of its network, to be used by one call at a time.

        What is in use is out of reach, so that calls from other threads, or from `progress`, open
        another one. A store goes on using its own: then nothing is kept.
        """
        # The caller may be in inference mode, where nothing can be differentiated.
        with random_state_kept(), torch.inference_mode(False):
            if queries is not None:
                require_alike(train, queries)
            kind = (kind_of(first_input(train)), self._place())
            tracing = self._kept.pop(kind, None)
            if tracing is None:
                self._kept.clear()
                tracing = Tracing.of(
                    self.model,
                    self.run,
                    train,
                    task=self.task,
                    layers=self.layers,
                    batch_size=self.batch_size,
                )
                self._known.add(tracing.objective, train)
            tracing = dataclasses.replace(
                tracing, batch_size=self.batch_size, progress=self.progress
            )
            for objective, data in ((tracing.objective, train), (tracing.asked, queries)):
                if data is not None and not self._known.has(objective, data):
                    require_steady(objective, data)
                    self._known.add(objective, data)
            yield tracing
            engines = engines_of(tracing.objective)
            self._notes |= dict.fromkeys((*tracing.notes, *engines, *self._closed_form(tracing)))
            if keep:
                self._kept[kind] = tracing

    def _place(self) -> Hashable:
        """Where the network is, and in how many bits: a copy of it stays there."""
        return device_of(self.model), frozenset(each.dtype for each in self.model.parameters())

    def _closed_form(self, tracing: Tracing) -> tuple[str, ...]:
        if not self.last_layer_only:
            return ()
        return (f"By its closed form, the last layer alone: {tracing.objective.head}.",)

"""Norms and inner products of per-example gradients that are never written out.

One forward and one backward pass of a batch, in which every traced parameter's per-example
gradients pass by in the cheapest form (`forms.py`), made by the rules of the operations that used
it (`rules/`). What has no rule is taken from the dense engine, by name (`plan_for(...).dense`).

Sources: Goodfellow 2015 (norms of linear layers); Rochette et al. 2019, Bu et al. 2022
(convolutions). Differs from them in: exact for normalisations, tables, grouped, dilated and padded
convolutions, parameters used several times; Gram matrices of pixels in place of patches.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from radiotracer.gradients.checkpointing import without_recomputation
from radiotracer.gradients.dense import dense_batches, per_example_gradients
from radiotracer.gradients.ghost.forms import Form, Full
from radiotracer.gradients.ghost.operations import precise
from radiotracer.gradients.ghost.plan import Plan, note_dense, plan_for
from radiotracer.gradients.ghost.tape import Tape
from radiotracer.gradients.ghost.truth import first_line
from radiotracer.gradients.memory import is_out_of_memory
from radiotracer.gradients.objective import Evaluation, Objective, Parameters
from radiotracer.gradients.precision import widest
from radiotracer.gradients.task import Batch

Rates = Mapping[str, float]
"""A factor for each parameter's part of an inner product, such as its learning rate."""


def walk(
    objective: Objective, batch: Batch, consume: Callable[[str, Form, slice], None]
) -> Evaluation:
    """Show each traced parameter's per-example gradients once, in one pass over a batch.

    Args:
        objective: Network and loss at the loaded checkpoint.
        batch: n examples.
        consume: Called with a parameter's name, the form of its gradients, and the rows of the
            batch that they belong to. A parameter whose gradients are all zero may be left out.

    Returns:
        The forward pass that it took.
    """
    inference = torch.is_inference_mode_enabled()

    def hand_over(name: str, form: Form, rows: slice) -> None:
        with torch.inference_mode(inference):
            consume(name, form, rows)

    # The caller may be in inference mode, where nothing can be differentiated backwards.
    with torch.inference_mode(False):
        batch = batch.ordinary()
        plan = plan_for(objective, batch)
        evaluation, failed = _by_rules(objective, batch, plan, hand_over)
        dense = {**plan.dense, **failed}
        note_dense(objective, dense)
        for rows in dense_batches(objective, len(batch), dense):
            for name, gradients in per_example_gradients(
                objective, batch.take(rows), dense
            ).items():
                hand_over(name, Full(tuple(gradients.shape[1:]), precise(gradients)), rows)
    return evaluation


def _by_rules(
    objective: Objective, batch: Batch, plan: Plan, consume: Callable[[str, Form, slice], None]
) -> tuple[Evaluation, Mapping[str, str]]:
    """The forward pass; and which parameters this batch cannot treat by the plan, and why."""
    if not plan.steps:
        return _plainly(objective, batch), {}
    everything = slice(0, len(batch))
    values = objective.parameters()
    tape = Tape(
        {name: values[name] for name in plan.steps},
        plan.steps,
        len(batch),
        lambda name, form: consume(name, form, everything),
    )
    evaluation, error = None, ""
    try:
        with torch.enable_grad(), without_recomputation(), tape:
            evaluation = objective.evaluate(batch, tape.leaves)
    except Exception as raised:
        if is_out_of_memory(raised):
            raise
        # A copy that does not fit this batch, or the network's own error, which then comes again.
        error = first_line(raised)
    else:
        tape.backward(evaluation.losses)
    finally:
        tape.close()
    if evaluation is None:
        return _plainly(objective, batch), dict.fromkeys(objective.traced, error)
    features = None if evaluation.features is None else evaluation.features.detach()
    return Evaluation(
        evaluation.losses.detach(), evaluation.outputs.detach(), features
    ), tape.failed


def _plainly(objective: Objective, batch: Batch) -> Evaluation:
    with torch.no_grad():
        return objective.evaluate(batch)


def square_norm(objective: Objective, batch: Batch, rates: Rates) -> Tensor:
    """``sum_p w_p ||g_i^p||^2`` over parameters p, shape (n,), float64."""
    total = totals(batch)

    def add(name: str, form: Form, rows: slice) -> None:
        total[rows] += rates[name] * form.square_norm()

    walk(objective, batch, add)
    return total


@dataclass(frozen=True, eq=False)
class Kept:
    """The gradients of m examples, kept to be compared with others at the same checkpoint.

    Args:
        forms: By parameter: forms, with the examples that each belongs to.
        count: m.
        device: Where they are.
    """

    forms: Mapping[str, Sequence[tuple[slice, Form]]]
    count: int
    device: torch.device

    def square_norm(self, rates: Rates) -> Tensor:
        """``sum_p w_p ||h_j^p||^2``, shape (m,), float64."""
        total = _zeros(self.device, self.count)
        for name, parts in self.forms.items():
            for rows, form in parts:
                total[rows] += rates[name] * form.square_norm()
        return total

    @property
    def numbers(self) -> int:
        """How many numbers per example `inner` will keep in memory, about."""
        return sum(form.kept for parts in self.forms.values() for _, form in parts[:1])


def keep(objective: Objective, batch: Batch) -> Kept:
    """Keep the gradients of a batch, to be compared with others by `inner`."""
    forms: dict[str, list[tuple[slice, Form]]] = {}

    def add(name: str, form: Form, rows: slice) -> None:
        forms.setdefault(name, []).append((rows, form))

    walk(objective, batch, add)
    return Kept(forms, len(batch), batch.device)


def inner(objective: Objective, batch: Batch, others: Kept, rates: Rates) -> Tensor:
    """``sum_p w_p <g_i^p, h_j^p>`` with every one of m kept gradients, shape (n, m), float64.

    Args:
        objective: Network and loss at the loaded checkpoint.
        batch: n examples.
        others: What `keep` kept of m examples at the same checkpoint.
        rates: A factor for each parameter's part.
    """
    total = totals(batch, others.count)

    def add(name: str, form: Form, rows: slice) -> None:
        for columns, other in others.forms.get(name, ()):
            total[rows, columns] += rates[name] * form.inner(other)

    walk(objective, batch, add)
    return total


def along(
    objective: Objective, batch: Batch, directions: Sequence[Parameters]
) -> tuple[Evaluation, Tensor]:
    """A forward pass, and ``<g_i, v_k>`` for each of K directions, shape (n, K), float64.

    One forward and backward pass, and about one forward pass for each direction.
    """
    total = totals(batch, len(directions))

    def add(name: str, form: Form, rows: slice) -> None:
        total[rows] += form.along(torch.stack([direction[name] for direction in directions]))

    return walk(objective, batch, add), total


def totals(batch: Batch, *columns: int) -> Tensor:
    """Zeros to add to, one row per example: where the examples are, in the widest type there."""
    return _zeros(batch.device, len(batch), *columns)


def _zeros(device: torch.device, *shape: int) -> Tensor:
    return torch.zeros(*shape, dtype=widest(device), device=device)

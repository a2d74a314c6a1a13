from __future__ import annotations

import pytest
import torch
from influence_helpers import Network, Training, gradients_of
from safetensors.torch import load_file
from torch import Tensor, nn

from radiotracer.errors import DataError, InputError, RunError
from radiotracer.influence import Tracer, Tracing, gas_pairs, gas_sum
from radiotracer.runs import Run

CLOSE = {"rtol": 1e-9, "atol": 1e-12}


def by_definition(training: Training) -> Tensor:
    """The double loop, example by example; norms over what was trained, without rates."""
    (inputs, _), (asked, _) = training.train, training.queries
    scores = torch.zeros(len(inputs), len(asked), dtype=torch.float64)
    files = sorted((training.run.folder / "checkpoints").iterdir())
    model = Network().double()
    for file, rates in zip(files, training.rates, strict=True):
        model.load_state_dict(load_file(file))
        lefts = gradients_of(model, training.train)
        rights = gradients_of(model, training.queries)

        def length(gradient: dict[str, Tensor], names: dict[str, float] = rates) -> Tensor:
            return sum(gradient[name].square().sum() for name in names).sqrt()

        for i, a in enumerate(lefts):
            for j, b in enumerate(rights):
                product = sum(rate * (a[name] * b[name]).sum() for name, rate in rates.items())
                scores[i, j] += product / (length(a) * length(b))
    return scores


def test_pairs_and_sum_against_the_definition(training: Training) -> None:
    expected = by_definition(training)
    assert expected.min() < -1e-3
    assert expected.max() > 1e-3
    tracing = Tracing.of(training.model, training.run, training.train, batch_size=4)
    pairs = gas_pairs(tracing, training.train, training.queries)
    total = gas_sum(tracing, training.train, training.queries)
    assert pairs.dtype == total.dtype == torch.float64
    assert not pairs.requires_grad
    torch.testing.assert_close(pairs, expected, **CLOSE)
    torch.testing.assert_close(total, expected.sum(dim=1), **CLOSE)


def test_no_length_counts_only_directions(training: Training) -> None:
    """A loss that is ten times as long gives the same scores, unlike TracInCP."""

    def longer(outputs: Tensor, targets: Tensor) -> Tensor:
        return 10 * nn.functional.cross_entropy(outputs, targets, reduction="none")

    plain = Tracer(training.model, training.run)
    scaled = Tracer(training.model, training.run, longer)
    pair = training.train, training.queries
    torch.testing.assert_close(
        plain.influence(*pair, method="gas"), scaled.influence(*pair, method="gas"), **CLOSE
    )
    torch.testing.assert_close(
        100 * plain.influence(*pair), scaled.influence(*pair), rtol=1e-9, atol=1e-9
    )


def test_an_example_without_a_gradient_has_no_influence(training: Training) -> None:
    def first_is_flat(outputs: Tensor, targets: Tensor) -> Tensor:
        losses = nn.functional.cross_entropy(outputs, targets, reduction="none")
        return torch.where(targets == training.train[1][0], 0.0 * losses, losses)

    tracer = Tracer(training.model, training.run, first_is_flat)
    flat = training.train[1] == training.train[1][0]
    for scores in (
        tracer.influence(training.train, training.queries, method="gas"),
        tracer.influence(training.train, training.queries, reduce="sum", method="gas"),
    ):
        assert torch.isfinite(scores).all()
        assert (scores[flat] == 0).all()
        assert (scores[~flat] != 0).any()


def test_top_agrees_with_the_scores(training: Training) -> None:
    tracer = Tracer(training.model, training.run)
    for method in ("tracin-cp", "gas"):
        scores = tracer.influence(training.train, training.queries, method=method)
        top = tracer.top(training.train, training.queries, 3, method=method)
        torch.testing.assert_close(
            top.proponents_scores, scores.T.topk(3).values, rtol=1e-12, atol=0
        )
        torch.testing.assert_close(
            top.opponents_scores, scores.T.topk(3, largest=False).values, rtol=1e-12, atol=0
        )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "tracin"}, "expected method tracin-cp or gas; got 'tracin'"),
        ({"reduce": "mean"}, "expected reduce=None or reduce='sum'; got 'mean'"),
    ],
)
def test_unknown_options(training: Training, options: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message.replace("(", r"\(")):
        Tracer(training.model, training.run).influence(training.train, training.queries, **options)


def test_gas_of_the_last_layer_alone_is_asked_for_by_layers(training: Training) -> None:
    tracer = Tracer(training.model, training.run, last_layer_only=True)
    with pytest.raises(InputError, match=r"layers=\['head"):
        tracer.influence(training.train, training.queries, method="gas")


def test_queries_of_another_shape(training: Training) -> None:
    tracer = Tracer(training.model, training.run)
    other = torch.zeros(2, 1, 7, 7, dtype=torch.float64), torch.zeros(2, dtype=torch.int64)
    with pytest.raises(DataError) as caught:
        tracer.influence(training.train, other)
    assert str(caught.value) == (
        "expected queries like the training examples, float64 of shape (1, 6, 6); "
        "got float64 of shape (1, 7, 7); pass queries of the same kind, or resize them"
    )


def test_learning_rates_of_zero(training: Training) -> None:
    """One checkpoint at 0 is noted; all of them are an error."""

    def with_rates(*rates: float) -> Run:
        checkpoints = [
            checkpoint.model_copy(update={"rate_sums": (rate, rate)})
            for checkpoint, rate in zip(training.run.checkpoints, rates, strict=True)
        ]
        info = training.run.info.model_copy(update={"checkpoints": tuple(checkpoints)})
        return Run(training.run.folder, info)

    tracing = Tracing.of(training.model, with_rates(0.1, 0.1, 0.0), training.train)
    assert tracing.notes == (
        f"Learning rate 0 at {training.run.checkpoints[2].file}: it counts nothing.",
        "Left out, as the recorded optimiser did not train them: frozen.weight, frozen.bias.",
    )
    with pytest.raises(RunError, match="above 0, which weighs its influence; got 0 at all of 3"):
        Tracing.of(training.model, with_rates(0.0, 0.0, 0.0), training.train)

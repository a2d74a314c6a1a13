from __future__ import annotations

from pathlib import Path

import pytest
import torch
from influence_helpers import (
    CLASSES,
    QUERIES,
    TRAIN,
    Network,
    Softmaxed,
    Training,
    train_and_record,
)
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.func import grad, jacrev
from torch.nn import functional as F

from radiotracer.errors import DataError, InputError, NotFiniteError
from radiotracer.influence import (
    Tracing,
    representer,
    representer_self_values,
    representer_values,
)
from radiotracer.influence.representer import FitTo

RIDGE = 0.02
# The fit ends at a gradient of about 1e-9, which the theorem divides by twice the ridge.
CLOSE = {"rtol": 1e-5, "atol": 1e-6}
FITS: tuple[FitTo, ...] = ("predictions", "labels")


def tracing_of(training: Training, **options: int) -> Tracing:
    return Tracing.of(training.model, training.run, training.train, **options)


def features_and_logits(training: Training, inputs: Tensor) -> tuple[Tensor, Tensor]:
    """By hand, at the last checkpoint; the features have a one appended where there is a bias."""
    bias = training.model.head.bias is not None
    network = Network(bias).double().eval()
    network.load_state_dict(load_file(max((training.run.folder / "checkpoints").iterdir())))
    caught: list[Tensor] = []
    network.head.register_forward_pre_hook(lambda _, given: caught.append(given[0]))
    with torch.no_grad():
        logits = network(inputs)
    return torch.cat([caught[0], torch.ones(len(inputs), int(bias)).double()], dim=1), logits


def newton(features: Tensor, targets: Tensor, ridge: float) -> Tensor:
    """The ridge fit by Newton's method with the full Hessian: another way to the same minimum."""

    def objective(flat: Tensor) -> Tensor:
        weight = flat.view(CLASSES, -1)
        return F.cross_entropy(features @ weight.T, targets) + ridge * weight.square().sum()

    gradient = grad(objective)
    flat = torch.zeros(CLASSES * features.shape[1], dtype=torch.float64)
    for _ in range(30):
        flat = flat - torch.linalg.solve(jacrev(gradient)(flat), gradient(flat))
    return flat.view(CLASSES, -1)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("fit_to", FITS)
def test_values_against_a_fit_by_newtons_method(
    training: Training, tmp_path: Path, fit_to: FitTo, bias: bool
) -> None:
    if not bias:
        training = train_and_record(tmp_path / "run", Network(bias=False))
    features, logits = features_and_logits(training, training.train[0])
    labels = training.train[1]
    targets = F.one_hot(labels, CLASSES).double() if fit_to == "labels" else logits.softmax(dim=1)
    weight = newton(features, targets, RIDGE)
    alpha = (targets - (features @ weight.T).softmax(dim=1)) / (2 * RIDGE * TRAIN)
    query_features, _ = features_and_logits(training, training.queries[0])
    expected = torch.stack(
        [
            alpha[:, label] * (features @ feature)
            for feature, label in zip(query_features, training.queries[1], strict=True)
        ],
        dim=1,
    )
    tracing = tracing_of(training)
    found = representer_values(
        tracing, training.train, training.queries, ridge=RIDGE, fit_to=fit_to
    )
    assert found.dtype == torch.float64
    assert found.shape == (TRAIN, QUERIES)
    # Both signs occur, so a wrong sign could not pass.
    assert expected.min() < -1e-4
    assert expected.max() > 1e-4
    torch.testing.assert_close(found, expected, **CLOSE)
    own = representer_self_values(tracing, training.train, ridge=RIDGE, fit_to=fit_to)
    torch.testing.assert_close(
        own, alpha[range(TRAIN), labels] * features.square().sum(dim=1), **CLOSE
    )
    assert fit_to == "predictions" or (own > 0).all()


@pytest.mark.parametrize("fit_to", FITS)
def test_the_representer_theorem(training: Training, fit_to: FitTo) -> None:
    """The values of all training examples add up to the new head's logit."""
    fitted = representer(tracing_of(training), training.train, ridge=RIDGE, fit_to=fit_to)
    torch.testing.assert_close(fitted.coefficients.T @ fitted.features, fitted.weight, **CLOSE)
    features, _ = features_and_logits(training, training.queries[0])
    classes = training.queries[1]
    logits = (features @ fitted.weight.T).gather(1, classes[:, None])[:, 0]
    torch.testing.assert_close(fitted.values(features, classes).sum(dim=0), logits, **CLOSE)


def test_a_small_ridge_gives_the_network_back(training: Training) -> None:
    fitted = representer(tracing_of(training), training.train, ridge=1e-6)
    features, logits = features_and_logits(training, training.train[0])
    found = (features @ fitted.weight.T).softmax(dim=1)
    torch.testing.assert_close(found, logits.softmax(dim=1), rtol=0, atol=1e-3)


def test_scores_do_not_depend_on_the_batch_size_or_the_mode(training: Training) -> None:
    expected = representer_values(tracing_of(training), training.train, training.queries)
    small = tracing_of(training, batch_size=2)
    before = torch.get_rng_state()
    with torch.inference_mode():
        found = representer_values(small, training.train, training.queries)
    assert torch.equal(before, torch.get_rng_state())
    assert not found.requires_grad
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-8)


def test_what_cannot_be_used(training: Training) -> None:
    tracing, train, queries = tracing_of(training), training.train, training.queries
    with pytest.raises(InputError) as caught:
        representer_values(tracing, train, queries, ridge=0.0)
    assert str(caught.value) == "expected a positive ridge; got 0.0; pass ridge=0.003"
    with pytest.raises(InputError, match=r"int64 class labels, shape \(n,\); got torch.float64"):
        soft = (train[0], F.one_hot(train[1], CLASSES).double())
        representer_values(tracing, soft, queries)
    with pytest.raises(DataError, match="at least one example"):
        representer_values(tracing, (train[0][:0], train[1][:0]), queries)
    with pytest.raises(NotFiniteError, match="NaN or infinity in row 3"):
        spoilt = queries[0].clone()
        spoilt[3] = torch.nan
        representer_values(tracing, train, (spoilt, queries[1]))


def test_a_network_without_a_head(training: Training) -> None:
    model: nn.Module = Softmaxed().double()
    tracing = Tracing.of(model, training.run, training.train)
    with pytest.raises(InputError, match="whose output is a linear layer's output"):
        representer_self_values(tracing, training.train)

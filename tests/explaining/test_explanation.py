"""What an explanation says is what the formulas say, for the label that was asked about."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

from radiotracer import Run, Tracer, explain, record
from radiotracer.data import Dataset
from radiotracer.data.modalities.images import to_inputs
from radiotracer.errors import DataError, InputError, NotFiniteError, RunError
from radiotracer.explaining import explanation as module
from radiotracer.training.networks import SmallCNN
from tiny_world import World


def last_outputs(tiny: World, examples: Dataset) -> torch.Tensor:
    """What the last checkpoint says of the examples, without any of the package's engines."""
    model = copy.deepcopy(tiny.model)
    model.load_state_dict(tiny.run.weights(tiny.run.checkpoints[-1]))
    with torch.no_grad():
        return model.eval()(to_inputs(examples.content))


@pytest.mark.parametrize("method", ["gas", "tracin-cp"])
@pytest.mark.parametrize("layers", [None, ["*"], ["features.*"]])
@pytest.mark.parametrize("label", ["predicted", "given", "mid", 2, "1"])
def test_influence_is_that_on_the_label_explained(
    tiny: World, method: str, layers: list[str] | None, label: str | int
) -> None:
    rows = [5, 0, 17]
    found = explain(
        tiny.model,
        tiny.run,
        tiny.tampered,
        tiny.queries,
        rows=rows,
        method=method,
        layers=layers,
        label=label,
    )
    outputs = last_outputs(tiny, tiny.queries)[rows]
    predicted = outputs.argmax(dim=1)
    fixed = {"mid": 1, 2: 2, "1": 1}
    targets = {
        "predicted": predicted,
        "given": torch.from_numpy(tiny.queries.labels[rows]),
    }.get(str(label), torch.full((3,), fixed.get(label, 0)))
    tracer = Tracer(tiny.model, tiny.run, layers=["head.*"] if layers is None else layers)
    inputs = to_inputs(tiny.queries.content[rows])
    expected = tracer.influence(tiny.tampered, (inputs, targets), method=method).detach().numpy()
    scale = np.abs(expected).max()
    np.testing.assert_allclose(found.influence, expected, rtol=1e-5, atol=1e-6 * scale)
    assert found.influence.dtype == np.float64 and found.influence.shape == (96, 3)
    np.testing.assert_array_equal(found.targets, targets.numpy())
    np.testing.assert_array_equal(found.predicted, predicted.numpy())
    np.testing.assert_array_equal(found.given, tiny.queries.labels[rows])
    np.testing.assert_array_equal(found.query_ids, tiny.queries.ids[rows])
    probabilities = outputs.double().softmax(dim=1).max(dim=1).values.numpy()
    np.testing.assert_allclose(found.probabilities, probabilities, rtol=1e-5)


def test_training_on_a_proponent_lowers_the_loss(tiny: World) -> None:
    """The sign, by what it means: one small step on an example, at the only checkpoint."""
    last = tiny.run.info.checkpoints[-1:]
    run = Run(tiny.run.folder, tiny.run.info.model_copy(update={"checkpoints": last}))
    found = explain(
        tiny.model, run, tiny.tampered, tiny.queries, rows=[4], top_k=3, layers=["*"], label="top"
    )
    query, target = to_inputs(tiny.queries.content[[4]]), torch.tensor([2])
    ends = [(found.top.proponents_rows[0], 1), (found.top.opponents_rows[0], -1)]
    for rows, sign in ends:
        for row in rows.tolist():
            model = copy.deepcopy(tiny.model).eval()
            model.load_state_dict(run.weights(last[0]))
            before = nn.functional.cross_entropy(model(query), target)
            inputs = to_inputs(tiny.tampered.content[[row]])
            own = nn.functional.cross_entropy(
                model(inputs), torch.from_numpy(tiny.tampered.labels[[row]])
            )
            gradients = torch.autograd.grad(own, list(model.parameters()))
            with torch.no_grad():
                for parameter, gradient in zip(model.parameters(), gradients, strict=True):
                    parameter.sub_(1e-3 * gradient)
                after = nn.functional.cross_entropy(model(query), target)
            assert sign * (before.item() - after.item()) > 0


def test_the_strongest_of_each_end(tiny: World) -> None:
    found = explain(tiny.model, tiny.run, tiny.tampered, tiny.queries, rows=[1, 2], top_k=7)
    assert found.top_k == 7
    for column in range(2):
        scores = found.influence[:, column]
        best = np.argsort(-scores, kind="stable")[:7]
        worst = np.argsort(scores, kind="stable")[:7]
        np.testing.assert_array_equal(found.top.proponents_rows[column], best)
        np.testing.assert_array_equal(found.top.opponents_rows[column], worst)
    np.testing.assert_allclose(np.abs(found.shares).sum(axis=0), 1.0)
    assert (np.sign(found.shares) == np.sign(found.influence)).all()


@pytest.mark.parametrize(("batch_size", "asked"), [(1, 3), (5, 3), (5, 500), (512, 500)])
def test_the_first_wrong_ones(tiny: World, batch_size: int, asked: int) -> None:
    wrong = np.flatnonzero(last_outputs(tiny, tiny.tampered).argmax(dim=1) != torch.from_numpy(
        tiny.tampered.labels
    ))  # fmt: skip
    assert len(wrong) > 3
    found = explain(
        tiny.model, tiny.run, tiny.tampered, tiny.tampered, wrong=asked, batch_size=batch_size
    )
    np.testing.assert_array_equal(found.rows, wrong[:asked])
    assert (found.predicted != found.given).all()


def test_rows_may_be_an_array(tiny: World) -> None:
    found, again = (
        explain(tiny.model, tiny.run, tiny.tampered, tiny.queries, rows=rows)
        for rows in ([5, 0, 2], np.array([5, 0, 2]))
    )
    np.testing.assert_array_equal(again.rows, [5, 0, 2])
    np.testing.assert_array_equal(again.influence, found.influence)


def test_parts_and_batches_do_not_matter(tiny: World, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = explain(tiny.model, tiny.run, tiny.tampered, tiny.queries, rows=[3])
    monkeypatch.setattr(module, "PART", 7)
    told: list[tuple[str, int, int]] = []
    parts = explain(
        tiny.model,
        tiny.run,
        tiny.tampered,
        tiny.queries,
        rows=[3],
        batch_size=4,
        progress=lambda *each: told.append(each),
    )
    scale = np.abs(whole.influence).max()
    np.testing.assert_allclose(parts.influence, whole.influence, rtol=1e-5, atol=1e-6 * scale)
    assert told[0] == ("influence", 10, 96) and told[-1] == ("influence", 96, 96)


def test_the_callers_model_and_modes_stay(tiny: World) -> None:
    model = copy.deepcopy(tiny.model).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.get_rng_state()
    with torch.inference_mode():
        inside = explain(model, tiny.run, tiny.tampered, tiny.queries, rows=[3])
        assert torch.is_inference_mode_enabled()
    assert model.training and torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    outside = explain(model, tiny.run, tiny.tampered, tiny.queries, rows=[3])
    np.testing.assert_array_equal(inside.influence, outside.influence)


class Headless(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 3)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.layer(inputs) * 2.0


@pytest.mark.parametrize("form", [TensorDataset, lambda *pair: pair])
def test_data_of_ones_own_and_no_last_layer(form: object, tmp_path: Path) -> None:
    """Without a last linear layer, all parameters are traced."""
    torch.manual_seed(0)
    model, inputs, labels = Headless(), torch.rand(12, 4), torch.arange(12) % 3
    data = form(inputs, labels)  # type: ignore[operator]
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with record(tmp_path / "run", model, optimizer, data, checkpoint_every=0) as recording:
        nn.functional.cross_entropy(model(inputs), labels).backward()
        recording.batch(range(12))
        optimizer.step()
    found = explain(model, Run.open(tmp_path / "run"), data, data, top_k=2)
    assert found.tracing.objective.traced == ("layer.weight", "layer.bias")
    assert found.influence.shape == (12, 12) and found.class_names == ("0", "1", "2")
    assert found.query_ids.tolist() == [f"{row:05d}" for row in range(12)]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"rows": [36]}, "expected rows from 0 to 35 of the 36 queries; got 36; "),
        ({"rows": [-1]}, "expected rows from 0 to 35 of the 36 queries; got -1; "),
        ({"rows": np.array([0, 36])}, "expected rows from 0 to 35 of the 36 queries; got 36; "),
        ({"rows": np.arange(36) < 2}, "expected rows from 0 to 35 of the 36 queries; got True; "),
        ({"rows": [True]}, "expected rows from 0 to 35 of the 36 queries; got True; "),
        ({"rows": np.array([1.5])}, "expected rows from 0 to 35 of the 36 queries; got 1.5; "),
        ({"rows": np.array([], int)}, "expected from 1 to 1000 queries; got 0; "),
        ({"rows": []}, "expected from 1 to 1000 queries; got 0; "),
        ({"rows": [1], "wrong": 1}, "expected either rows of the queries or a number of wrong"),
        ({"wrong": 0}, "expected wrong= of at least 1; got 0; "),
        ({"rows": [0] * 1001}, "expected from 1 to 1000 queries; got 1001; "),
        ({"top_k": 0}, "expected top_k= from 1 to 96, the number of training examples; got 0; "),
        ({"top_k": 97}, "expected top_k= from 1 to 96, the number of training examples; got 97; "),
        ({"method": "x"}, "expected method tracin-cp or gas; got 'x'; "),
        ({"batch_size": 0}, "expected batch_size= of at least 1; got 0; "),
        ({"label": "x"}, "expected label= predicted, given, or a class "),
        ({"label": 3}, "expected label= predicted, given, or a class "),
        ({"label": -1}, "expected label= predicted, given, or a class "),
        ({"label": "²"}, "expected label= predicted, given, or a class "),
    ],
)
def test_what_is_refused(tiny: World, options: dict[str, object], words: str) -> None:
    with pytest.raises(InputError) as caught:
        explain(tiny.model, tiny.run, tiny.tampered, tiny.queries, **options)  # type: ignore[arg-type]
    assert str(caught.value).startswith(words)


def test_other_data_another_network_and_inputs_that_are_not_finite(tiny: World) -> None:
    with pytest.raises(DataError, match="10 changed label"):
        explain(tiny.model, tiny.run, tiny.clean, tiny.queries, rows=[0])
    with pytest.raises(RunError, match="of the same architecture"):
        explain(SmallCNN(1, 3, width=4), tiny.run, tiny.tampered, tiny.queries, rows=[0])
    inputs = torch.zeros(3, 1, 10, 10)
    inputs[1, 0, 2, 3] = float("nan")
    with pytest.raises(NotFiniteError, match="00001"):
        explain(tiny.model, tiny.run, tiny.tampered, (inputs, torch.zeros(3, dtype=torch.int64)))
    with pytest.raises(DataError, match="queries like the training examples"):
        wrong = (torch.zeros(3, 1, 9, 10), torch.zeros(3, dtype=torch.int64))
        explain(tiny.model, tiny.run, tiny.tampered, wrong)
    with pytest.raises(InputError):
        explain(tiny.model, tiny.run, tiny.tampered, tiny.queries.take([]))

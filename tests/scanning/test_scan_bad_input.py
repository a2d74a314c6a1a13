"""What a scan refuses, and with which words."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from radiotracer import Rule
from radiotracer.data import IMAGES, Dataset
from radiotracer.detectors import DETECTORS, baseline_names
from radiotracer.digested import digested
from radiotracer.errors import DataError, InputError, NotFiniteError, RunError
from radiotracer.runs import Run, record
from radiotracer.scanning import scan
from radiotracer.scanning.inputs import require_same_kind
from radiotracer.training.networks import SmallCNN
from tiny_world import World


def relabelled(examples: Dataset) -> Dataset:
    labels = examples.labels.copy()
    labels[5] = (labels[5] + 1) % 3
    return examples.with_labels(labels)


def repainted(examples: Dataset) -> Dataset:
    images = examples.content.copy()
    images[7, 0, 0, 0] ^= 1
    return dataclasses.replace(examples, content=images)


def reordered(examples: Dataset) -> Dataset:
    rows = np.arange(len(examples))
    rows[[2, 3]] = [3, 2]
    return examples.take(rows)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (relabelled, "1 changed label (e.g. 'train/00005')"),
        (repainted, "1 changed image (e.g. 'train/00007')"),
        (reordered, "another order (from row 2: 'train/00003')"),
        (lambda e: e.take(range(90)), "6 missing (e.g. 'train/00090')"),
    ],
)
def test_other_data(tiny: World, change: object, words: str) -> None:
    with pytest.raises(DataError) as caught:
        scan(tiny.model, tiny.run, change(tiny.tampered), tiny.queries)  # type: ignore[operator]
    assert str(caught.value) == (
        f"expected the data that {tiny.run.folder} was trained on; got other data: {words}; "
        "pass the same data, or train again on these"
    )


def spoil_weights(folder: Path, value: float, which: str) -> Run:
    """Put a value into a checkpoint, and the new digest into run.json: a run that was so."""
    info = json.loads((folder / "run.json").read_text())
    checkpoint = info["checkpoints"][-1]
    path = folder / checkpoint["file"]
    state = load_file(path)
    state[which].view(-1)[0] = value
    save_file(state, path)
    checkpoint["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    (folder / "run.json").write_text(digested(info))
    return Run.open(folder)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("which", ["head.weight", "normalise.mean"])
def test_weights_that_are_not_finite(tiny: World, tmp_path: Path, value: float, which: str) -> None:
    run = spoil_weights(tiny.copy(tmp_path / "run"), value, which)
    with pytest.raises(NotFiniteError) as caught:
        scan(tiny.model, run, tiny.tampered, tiny.queries)
    text = str(caught.value)
    assert text.startswith(f"expected finite weights in {run.folder / run.checkpoints[-1].file};")
    assert f"got 1 NaN or infinite values in {which};" in text


def test_losses_that_are_not_finite(tiny: World, tmp_path: Path) -> None:
    run = spoil_weights(tiny.copy(tmp_path / "run"), 3e38, "head.weight")
    with pytest.raises(NotFiniteError, match="expected finite losses at checkpoints/"):
        scan(tiny.model, run, tiny.tampered)


def test_inputs_that_are_not_finite(tiny: World) -> None:
    inputs = torch.zeros(3, 1, 10, 10)
    inputs[1, 0, 2, 3] = float("nan")
    with pytest.raises(NotFiniteError, match="00001"):
        scan(tiny.model, tiny.run, tiny.tampered, (inputs, torch.zeros(3, dtype=torch.int64)))


@pytest.mark.parametrize("label", [-1, 3])
def test_query_labels_outside_the_classes(tiny: World, label: int) -> None:
    queries = (torch.zeros(4, 1, 10, 10), torch.tensor([0, label, 1, label]))
    with pytest.raises(DataError) as caught:
        scan(tiny.model, tiny.run, tiny.tampered, queries)
    assert str(caught.value) == (
        f"expected labels from 0 to 2 in the validation data; got 2 outside them, first {label}; "
        "repair the labels"
    )


def test_training_labels_outside_the_classes(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model, data = nn.Linear(2, 5), (torch.rand(6, 2), torch.tensor([0, 1, 2, 3, 5, 0]))
    run = recorded(model, data, tmp_path)
    with pytest.raises(DataError) as caught:
        scan(model, run, data)
    assert str(caught.value) == (
        "expected labels from 0 to 4 in the training examples; got 1 outside them, first 5; "
        "repair the labels"
    )


def recorded(model: nn.Module, data: tuple[torch.Tensor, torch.Tensor], folder: Path) -> Run:
    """Two plain steps on all of the data, recorded."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with record(folder / "run", model, optimizer, data, checkpoint_every=0) as recording:
        for _ in range(2):
            optimizer.zero_grad()
            outputs = model(data[0])
            targets = data[1].clamp(max=outputs.shape[1] - 1)
            torch.nn.functional.cross_entropy(outputs, targets).backward()
            recording.batch(range(len(data[0])))
            optimizer.step()
    return Run.open(folder / "run")


class Other(nn.Module):
    """Not the network of the run, and it could not even take its images."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(5, 3)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.first(inputs)


def test_a_checkpoint_of_another_architecture(tiny: World) -> None:
    with pytest.raises(RunError) as caught:
        scan(Other(), tiny.run, tiny.tampered)
    text = str(caught.value)
    assert text.startswith(
        "expected a checkpoint of the same architecture; got first.weight missing"
    )
    assert "unknown to the network" in text and text.endswith("pass the network that was trained")
    with pytest.raises(RunError) as caught:
        scan(SmallCNN(1, 3, width=4), tiny.run, tiny.tampered)
    assert "head.weight of shape (3, 8) where the network has (3, 16)" in str(
        caught.value
    ) or "features.0.weight of shape (2, 1, 3, 3) where the network has (4, 1, 3, 3)" in str(
        caught.value
    )
    with pytest.raises(RunError):
        scan(SmallCNN(1, 4, width=2), tiny.run, tiny.tampered)


@pytest.mark.parametrize(
    ("images", "came"),
    [((4, 10, 10, 3), "channels 3, height 10"), ((4, 6, 10, 1), "channels 1, height 6")],
)
def test_queries_of_another_shape(tiny: World, images: tuple[int, ...], came: str) -> None:
    queries = Dataset(
        IMAGES,
        np.zeros(images, np.uint8),
        np.zeros(4, np.int64),
        np.array(list("abcd")),
        tiny.queries.class_names,
        "others",
    )
    with pytest.raises(DataError) as caught:
        scan(tiny.model, tiny.run, tiny.tampered, queries)
    assert str(caught.value) == (
        f"expected images (channels 1, height 10, width 10), like the training examples; "
        f"got images ({came}, width 10); pass examples of the same kind, or resize them"
    )


def test_queries_of_other_classes(tiny: World) -> None:
    queries = dataclasses.replace(tiny.queries, class_names=("mid", "low", "top"))
    with pytest.raises(DataError) as caught:
        scan(tiny.model, tiny.run, tiny.tampered, queries)
    assert str(caught.value) == (
        "expected examples of the classes low, mid, top; got mid, low, top; "
        "give the classes the same names in the same order"
    )


@pytest.mark.parametrize(
    ("trained", "asked", "fit"),
    [
        (("0", "1", "2"), ("1", "2"), False),  # two folders of three: no other 0 and 1
        (("0", "1", "2"), ("00", "01", "02"), True),
        (("0", "1", "2"), ("low", "mid", "top"), True),  # nobody named the classes
        (("3", "7", "9"), ("0", "1", "2"), False),
    ],
)
def test_numbers_as_names(
    tiny: World, trained: tuple[str, ...], asked: tuple[str, ...], fit: bool
) -> None:
    train = dataclasses.replace(tiny.tampered, class_names=trained)
    queries = tiny.queries.take(tiny.queries.labels < len(asked))
    queries = dataclasses.replace(queries, class_names=asked)
    if fit:
        require_same_kind(train, queries)
    else:
        with pytest.raises(DataError, match="expected examples of the classes"):
            require_same_kind(train, queries)


def test_queries_that_know_fewer_classes(tiny: World) -> None:
    """As an archive without class names does that happens to end before the last class."""
    kept = tiny.queries.take(tiny.queries.labels < 2)
    scan(tiny.model, tiny.run, tiny.tampered, dataclasses.replace(kept, class_names=("low", "mid")))


def test_no_queries_at_all(tiny: World) -> None:
    with pytest.raises(DataError, match="expected at least one example; got none"):
        scan(tiny.model, tiny.run, tiny.tampered, tiny.queries.take([]))


def test_without_queries_some_are_left_out(tiny: World) -> None:
    found = scan(tiny.model, tiny.run, tiny.tampered)
    assert found.left_out == {
        "contrast": "validation examples, two or more of every class",
        "tracin-cp": "validation examples",
        "tracin-last-layer": "validation examples",
    }
    assert found.detector == "label-posterior"
    assert list(found.rankings) == [
        "label-posterior",
        "self-influence-last-layer",
        *baseline_names(),
    ]
    peers = scan(tiny.model, tiny.run, tiny.tampered, detectors=["loss", "gas-unknown-target"])
    assert peers.left_out == {"gas-unknown-target": "validation examples"}


@pytest.mark.parametrize("keep", [1, 2])
def test_contrast_takes_two_queries_of_every_class(tiny: World, keep: int) -> None:
    labels = tiny.queries.labels
    rows = np.concatenate([np.flatnonzero(labels < 2), np.flatnonzero(labels == 2)[:keep]])
    found = scan(tiny.model, tiny.run, tiny.tampered, tiny.queries.take(rows))
    lacking = {"contrast": "validation examples, two or more of every class"}
    assert found.left_out == (lacking if keep == 1 else {})
    assert found.detector == ("label-posterior" if keep == 1 else "contrast")


def test_a_package_that_is_not_installed(tiny: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("radiotracer.scanning.needs.find_spec", lambda name: None)
    names = ["loss", "confident-learning"]
    found = scan(tiny.model, tiny.run, tiny.tampered, tiny.queries, detectors=names)
    reason = "the cleanlab extra: pip install 'radiotracer[cleanlab]'"
    assert found.left_out == {"confident-learning": reason}
    with pytest.raises(InputError, match=r"expected what confident-learning needs: the cleanlab"):
        scan(tiny.model, tiny.run, tiny.tampered, tiny.queries, detectors=["confident-learning"])


@pytest.mark.parametrize("name", ["tracin-cp", "tracin-last-layer", "gas-unknown-target"])
def test_a_detector_that_lacks_its_queries(tiny: World, name: str) -> None:
    with pytest.raises(InputError) as caught:
        scan(tiny.model, tiny.run, tiny.tampered, detectors=[name])
    assert str(caught.value) == (
        f"expected what {name} needs: validation examples; got none; "
        "pass validation=, or let another detector decide"
    )
    later = scan(tiny.model, tiny.run, tiny.tampered, detectors=["loss", name])
    assert later.detector == "loss" and name in later.left_out


def test_an_incident_decides_and_must_be_one(tiny: World) -> None:
    """A mid row taken for a low one, as an honest network takes it: the last two rows are right."""
    wrong = tiny.queries.take([1, 4, 0, 3])
    wrong = wrong.with_labels(np.array([2, 2, 0, 0]))
    found = scan(tiny.model, tiny.run, tiny.tampered, tiny.queries, incident=wrong)
    assert found.detector == "known-target" and next(iter(found.rankings)) == "known-target"
    p_values = found.rankings["known-target"].p_values
    assert p_values is not None and np.isfinite(p_values[tiny.tampered.labels == 1]).all()
    assert np.isnan(p_values[tiny.tampered.labels != 1]).all()
    named = scan(
        tiny.model, tiny.run, tiny.tampered, tiny.queries, incident=wrong, detectors=["loss"]
    )
    assert named.detector == "loss" and "known-target" in named.rankings
    with pytest.raises(InputError) as caught:
        scan(tiny.model, tiny.run, tiny.tampered, tiny.queries, incident=tiny.queries.take([0, 3]))
    assert str(caught.value) == (
        "expected an incident: an example that the last checkpoint predicts wrongly; "
        "got 2 that it predicts as labelled; "
        "pass one with its true label that is predicted as something else"
    )
    with pytest.raises(
        InputError, match="what known-target needs: validation examples, two or more"
    ):
        scan(tiny.model, tiny.run, tiny.tampered, incident=wrong)
    with pytest.raises(InputError, match="what known-target needs: a known wrong prediction"):
        scan(tiny.model, tiny.run, tiny.tampered, tiny.queries, detectors=["known-target"])


class Headless(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 3)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.layer(inputs) * 2.0


def test_a_network_without_a_last_linear_layer(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model, data = Headless(), (torch.rand(9, 4), torch.arange(9) % 3)
    run = recorded(model, data, tmp_path)
    peers = [name for name in DETECTORS if name not in ("gas", "self-influence", "contrast")]
    found = scan(model, run, data, data, detectors=["tracin-cp", "contrast", *peers])
    lacks = "a network whose output is a linear layer's output"
    of_features = [
        "gas-unknown-target",
        "deep-knn",
        "spectral-signatures",
        "activation-clustering",
        "confident-learning",
    ]
    shows_nothing = "a network with layers that show one vector per example"
    assert found.left_out == {
        "contrast": shows_nothing,
        "known-target": f"a known wrong prediction: incident= and {shows_nothing}",
        "known-output": "a known wrong output of a network without classes: incident=",
        "loss-drop": "two checkpoints or more",
        "out-of-fold": "out-of-fold opinions, as check has them",
        **dict.fromkeys(["tracin-last-layer", "self-influence-last-layer", "norm"], lacks),
        **dict.fromkeys(of_features, f"{lacks} and {shows_nothing}"),
    }
    ran = {"tracin-cp", "gradient-norm", "label-posterior", "loss", "margin", "random"}
    assert set(found.rankings) == ran
    with pytest.raises(InputError) as caught:
        scan(model, run, data, data, detectors=["norm"])
    assert str(caught.value) == (
        f"expected what norm needs: {lacks}; got none; let another detector decide"
    )


def test_an_unknown_detector(tiny: World) -> None:
    with pytest.raises(InputError) as caught:
        scan(tiny.model, tiny.run, tiny.tampered, detectors=["loss", "nope"])
    assert str(caught.value) == (
        f"expected a detector ({', '.join(DETECTORS)}); got 'nope'; check the spelling"
    )


def test_a_negative_seed(tiny: World) -> None:
    with pytest.raises(InputError) as caught:
        scan(tiny.model, tiny.run, tiny.tampered, seed=-1)
    assert str(caught.value) == "expected seed= of at least 0; got -1; pass, say, seed=0"


def test_a_batch_size_of_nothing(tiny: World) -> None:
    with pytest.raises(InputError, match="expected batch_size= of at least 1; got 0; pass, say"):
        scan(tiny.model, tiny.run, tiny.tampered, batch_size=0)


@pytest.mark.parametrize("outputs", [1, None])
def test_what_is_no_classifier(tmp_path: Path, outputs: int | None) -> None:
    torch.manual_seed(0)
    model: nn.Module = nn.Linear(4, 1)
    if outputs is None:
        model = nn.Sequential(nn.Linear(4, 4), nn.Unflatten(1, (2, 2)))
    data = (torch.rand(6, 4), torch.zeros(6, dtype=torch.int64))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with record(tmp_path / "run", model, optimizer, data, checkpoint_every=0) as recording:
        model(data[0]).sum().backward()
        recording.batch(range(6))
        optimizer.step()
    with pytest.raises(InputError) as caught:
        scan(model, Run.open(tmp_path / "run"), data, loss=lambda o, _: o.flatten(1).sum(dim=1))
    assert str(caught.value).startswith("expected a classifier with outputs of shape (n, classes)")


def test_a_loss_that_is_not_per_example(tiny: World) -> None:
    with pytest.raises(InputError, match="reduction='none'"):
        scan(tiny.model, tiny.run, tiny.tampered, loss=nn.CrossEntropyLoss())


def test_a_rule_is_taken(tiny: World) -> None:
    found = scan(
        tiny.model,
        tiny.run,
        tiny.tampered,
        detectors=["loss"],
        rule=Rule(threshold=0.0, tail="lower"),
    )
    assert not found.decision.is_flagged.any()  # no loss is negative

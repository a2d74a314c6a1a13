from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from suspect_asked import pixels
from suspect_helpers import SPEC, by_the_book, listing, network, refusal
from torch import Tensor, nn

from radiotracer.digested import digested
from radiotracer.errors import NotFiniteError, RunError
from radiotracer.files import sha256_file
from radiotracer.provenance.models.network import (
    NetworkSuspect,
    network_suspect,
    run_suspect,
    weights_suspect,
)
from radiotracer.provenance.models.protocol import network_of
from radiotracer.provenance.models.weights_digest import weights_digest
from radiotracer.training.making import make_network
from tiny_world import World

FACTORY = """
import torch
from torch import nn
def make():
    return nn.Sequential(nn.Flatten(), nn.Linear(432, 5))
def softmaxed():
    return nn.Sequential(nn.Flatten(), nn.Linear(432, 5), nn.Softmax(dim=1))
def nothing():
    return 3
def broken():
    raise ValueError("no such thing\\nat all")
class Twice(nn.Module):
    def forward(self, inputs):
        return inputs, inputs
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a module of the user's in it."""
    (tmp_path / "suspect_factories.py").write_text(FACTORY)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "suspect.safetensors"
    save_file(network().state_dict(), path)
    return path


def spoiled(file: Path, change: Callable[[dict[str, Tensor]], object]) -> Path:
    state = network().state_dict()
    change(state)
    save_file(dict(state), file)
    return file


def open_weights(path: Path) -> NetworkSuspect:
    return weights_suspect(path, spec=SPEC, classes=5)


@pytest.mark.parametrize("suffix", [".safetensors", ".pt", ".pth"])
def test_a_state_dict_scores_as_its_network(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"suspect{suffix}"
    state = network().state_dict()
    save_file(state, path) if suffix == ".safetensors" else torch.save(state, path)
    before = torch.random.get_rng_state()
    suspect = open_weights(path)
    assert torch.equal(torch.random.get_rng_state(), before)
    images = pixels(300)  # more than a batch
    expected = by_the_book(network(), images)
    found = suspect.scores(images)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
    np.testing.assert_array_equal(suspect.labels(images), expected.argmax(axis=1))
    assert len(set(suspect.labels(images).tolist())) > 1
    assert suspect.access == {"weights", "scores", "labels"}
    assert suspect.identity == {
        "kind": suffix[1:],
        "path": str(path),
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "weights": weights_digest(network().state_dict()),
        "network": SPEC.model_dump_json(),
        "outputs": "logits",
    }
    module = network_of(suspect)
    assert not module.training
    for name, tensor in network().state_dict().items():
        assert torch.equal(module.state_dict()[name], tensor)


def test_half_precision_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "half.safetensors"
    save_file(
        {k: v.half() if v.is_floating_point() else v for k, v in network().state_dict().items()},
        path,
    )
    expected = by_the_book(network().half().float(), pixels(4))
    np.testing.assert_allclose(open_weights(path).scores(pixels(4)), expected, atol=1e-5)


def test_a_run_at_its_last_checkpoint_and_at_an_earlier_one(tiny: World) -> None:
    first, last = tiny.run.checkpoints[0], tiny.run.checkpoints[-1]
    assert first.step != last.step
    images = tiny.queries.content
    suspect = run_suspect(tiny.folder, classes=3)
    np.testing.assert_allclose(suspect.scores(images), by_the_book(tiny.model, images), atol=1e-5)
    assert suspect.identity == {
        "kind": "run",
        "path": str(tiny.folder),
        "checkpoint": last.file,
        "sha256": last.sha256,
        "run_sha256": sha256_file(tiny.folder / "run.json"),
        "weights": weights_digest(tiny.run.weights(last)),
        "network": tiny.run.info.model.model_dump_json(),
        "outputs": "logits",
    }
    assert suspect.name == f"run at step {last.step}"
    early = run_suspect(tiny.folder, step=first.step)
    assert early.identity["sha256"] == first.sha256
    assert np.abs(early.scores(images) - suspect.scores(images)).max() > 0.01


def test_a_step_without_a_checkpoint(tiny: World) -> None:
    steps = ", ".join(str(each.step) for each in tiny.run.checkpoints)
    assert refusal(lambda: run_suspect(tiny.folder, step=1)) == (
        f"expected a step with a checkpoint in {tiny.folder}, one of {steps}; got 1; "
        "choose one of these"
    )


def test_a_run_whose_checkpoint_was_swapped(tiny: World, tmp_path: Path) -> None:
    folder = tiny.copy(tmp_path / "run")
    save_file({"a": torch.zeros(2)}, folder / tiny.run.checkpoints[-1].file)
    assert refusal(lambda: run_suspect(folder), RunError).endswith(
        "the file was damaged or changed after the training: restore it or train again"
    )


def test_a_training_that_did_not_end_may_be_audited(tiny: World, tmp_path: Path) -> None:
    folder = tiny.copy(tmp_path / "run")
    info = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(digested(info | {"status": "interrupted"}))
    assert run_suspect(folder).access >= {"weights"}


def test_a_factory(here: Path) -> None:
    module = nn.Sequential(nn.Flatten(), nn.Linear(432, 5))
    save_file(module.state_dict(), here / "mine.safetensors")
    suspect = weights_suspect(
        here / "mine.safetensors", factory="suspect_factories:make", classes=5
    )
    np.testing.assert_allclose(suspect.scores(pixels(3)), by_the_book(module, pixels(3)), atol=1e-5)
    assert suspect.identity["network"] == "suspect_factories:make"
    last = nn.Sequential(module, nn.Softmax(dim=1))
    for outputs, wrong in (("probabilities", False), ("logits", True)):
        open_it = lambda outputs=outputs: weights_suspect(  # noqa: E731
            here / "mine.safetensors",
            factory="suspect_factories:softmaxed",
            outputs=outputs,
        )
        if wrong:
            assert 'say so with outputs="probabilities"' in refusal(
                lambda open_it=open_it: open_it().scores(pixels(3))
            )
        else:
            with torch.no_grad():
                expected = last(torch.from_numpy(pixels(3) / 255.0).permute(0, 3, 1, 2).float())
            np.testing.assert_allclose(np.exp(open_it().scores(pixels(3))), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("factory", "text"),
    [
        (
            "suspect_factories:nothing",
            "expected a factory= that returns a torch.nn.Module; got int; return the network",
        ),
        (
            "suspect_factories:broken",
            "expected a factory= that makes a network; "
            "got 'suspect_factories:broken': ValueError: no such thing; "
            "make it work without arguments",
        ),
        (
            "suspect_factories:absent",
            "expected factory= module:function that can be imported; "
            "got 'suspect_factories:absent': "
            "AttributeError: module 'suspect_factories' has no attribute 'absent'; "
            "check the names, and that the module lies in this folder or is installed",
        ),
        (
            "suspect_factories",
            "expected factory= module:function; got 'suspect_factories'; write it so",
        ),
        (
            "suspect_factories:__name__",
            "expected factory= module:function that can be called; "
            "got 'suspect_factories:__name__', a str; name a function",
        ),
    ],
)
def test_a_factory_that_makes_none(here: Path, factory: str, text: str) -> None:
    assert refusal(lambda: make_network(None, factory)) == text


def test_weights_alone(file: Path) -> None:
    assert refusal(lambda: weights_suspect(file)) == (
        "expected the network that the weights are for; got the weights alone; "
        "pass architecture= for a reference network, or factory= module:function"
    )


def test_the_first_wrong_tensor_is_named(file: Path) -> None:
    rest = "; pass the network that was trained"
    spoiled(file, lambda state: state.update({"head.weight": torch.zeros(4, 8)}))
    assert refusal(lambda: open_weights(file), RunError) == (
        "expected a checkpoint of the same architecture; "
        "got head.weight of shape (4, 8) where the network has (5, 8)" + rest
    )
    spoiled(file, lambda state: state.pop("head.bias"))
    assert refusal(lambda: open_weights(file), RunError) == (
        "expected a checkpoint of the same architecture; "
        "got head.bias missing from the checkpoint" + rest
    )
    spoiled(file, lambda state: state.update({"module.head": torch.zeros(1)}))
    assert refusal(lambda: open_weights(file), RunError) == (
        "expected a checkpoint of the same architecture; "
        "got module.head unknown to the network" + rest
    )
    spoiled(file, lambda state: state.update({"head.bias": torch.zeros(5, dtype=torch.int64)}))
    assert refusal(lambda: open_weights(file)) == (
        f"expected head.bias of torch.float32 in {file}; got torch.int64{rest}"
    )


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers(file: Path, bad: float) -> None:
    spoiled(file, lambda state: state["head.weight"][1].fill_(bad))
    before = listing(file.parent)
    assert refusal(lambda: open_weights(file), NotFiniteError) == (
        f"expected finite weights in {file}; got 8 NaN or infinite values in head.weight; "
        "ask for the file that was in use"
    )
    assert listing(file.parent) == before


def test_too_few_classes(file: Path) -> None:
    suspect = weights_suspect(file, spec=SPEC, classes=6)
    assert refusal(lambda: suspect.scores(pixels(2))) == (
        "expected scores of at least 6 classes from suspect.safetensors; got 5; "
        "pass the model that was trained for these classes"
    )


def test_images_of_another_size(file: Path) -> None:
    text = refusal(lambda: open_weights(file).scores(pixels(2)[:, :4, :4]))
    assert text.startswith(
        "expected suspect.safetensors to take float32 of shape (2, 3, 4, 4); got RuntimeError: "
    )
    assert text.endswith("; pass the network and the examples that belong together")


def test_a_run_on_images_of_other_channels(tiny: World) -> None:
    """Its first layer would take grey images for coloured ones, and say nothing."""
    assert run_suspect(tiny.folder, channels=1).scores(pixels(2, channels=1)).any()
    assert refusal(lambda: run_suspect(tiny.folder, channels=3)) == (
        f"expected a run on images of 3 channels in {tiny.folder}; got one on images of 1; "
        "pass the images and the model that belong together"
    )


def test_a_network_that_gives_no_tensor(here: Path) -> None:
    import suspect_factories

    suspect = network_suspect(suspect_factories.Twice(), "it", {})
    assert refusal(lambda: suspect.scores(pixels(2))) == (
        "expected a network that returns a tensor, or an object with logits; got a tuple; "
        "wrap the network so that it returns its logits"
    )
    assert refusal(lambda: network_suspect(nn.Identity(), "it", {}, outputs="labels")) == (
        'expected a network that gives logits or probabilities; got outputs="labels"; '
        "open it as python:module:function if it gives labels"
    )


def test_a_training_mode_network_is_put_into_evaluation() -> None:
    module = network().train()
    suspect = network_suspect(module, "it", {})
    np.testing.assert_allclose(
        suspect.scores(pixels(8)), by_the_book(network(), pixels(8)), atol=1e-5
    )

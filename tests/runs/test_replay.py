from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from gradient_helpers import left_as_found, lived_in
from replay_helpers import (
    N,
    Pair,
    State,
    Training,
    draw,
    edit,
    equal,
    make,
    nesterov,
    train_and_record,
    two_groups,
)
from test_reference_training import examples
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import TensorDataset

from radiotracer.runs import Run, Step, mean_cross_entropy, record, replay
from radiotracer.training.loop import TrainConfig, train
from radiotracer.training.networks import build_model


@pytest.fixture(scope="module")
def training(tmp_path_factory: pytest.TempPathFactory) -> Training:
    return train_and_record(tmp_path_factory.mktemp("replay") / "run", make())


@pytest.mark.parametrize(
    ("model", "width", "n"),
    [("small-cnn", 3, 24), ("resnet18", 4, 24), ("resnet18", 1, 29), ("resnet9", 2, 24)],
)
def test_the_reference_trainings_are_reproduced_bit_for_bit(
    tmp_path: Path, model: str, width: int, n: int
) -> None:
    config = TrainConfig(architecture=model, width=width, epochs=3, batch_size=8, seed=3)
    run, trained = train(examples(n), config, tmp_path / "run")
    last: list[State] = []
    # Neither the weights nor the memory layout of the network given matter.
    for given in (trained, build_model(run.info.model).double().float()):
        fidelity = replay(
            given,
            run,
            examples(n),
            after=lambda _, state: last.append(copy.deepcopy(state)),
        )
        assert fidelity.exact
        assert fidelity.circumstances == ()
        assert str(fidelity) == "exact: equal to the recorded training at all 3 checkpoints"
        assert equal(last[-1], trained.state_dict())


def test_the_memory_layout_is_recorded_and_counts(tmp_path: Path) -> None:
    config = TrainConfig(architecture="resnet18", width=4, epochs=1, batch_size=8)
    run, _ = train(examples(24), config, tmp_path / "run")
    fresh = build_model(run.info.model)
    assert run.info.initial is not None
    assert "stem.0.weight" in run.info.initial.strides
    run = edit(run, lambda content: content["initial"].update(strides={}))
    assert not replay(fresh, run, examples(24)).exact


OPTIMIZERS: dict[str, Callable[[nn.Module], torch.optim.Optimizer]] = {
    "nesterov": nesterov,
    "plain": lambda model: torch.optim.SGD(two_groups(model)),
    "adam": lambda model: torch.optim.Adam(two_groups(model), betas=(0.8, 0.95), amsgrad=True),
    "adamw": lambda model: torch.optim.AdamW(two_groups(model), weight_decay=0.3, eps=1e-3),
    "adam fused": lambda model: torch.optim.Adam(two_groups(model), fused=True),
    "adam foreach": lambda model: torch.optim.Adam(two_groups(model), foreach=True, maximize=True),
    "rmsprop": lambda model: torch.optim.RMSprop(two_groups(model), momentum=0.3, centered=True),
    "adagrad": lambda model: torch.optim.Adagrad(two_groups(model), lr_decay=0.1),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_plain_loops_are_reproduced_bit_for_bit(tmp_path: Path, name: str) -> None:
    training = train_and_record(tmp_path / "run", make(), OPTIMIZERS[name])
    seen: list[tuple[Step, State, State]] = []
    held: list[State] = []
    fidelity = replay(
        make(),
        training.run,
        training.data,
        before=lambda _, state: held.append(copy.deepcopy(state)),
        after=lambda step, state: seen.append((step, held[-1], copy.deepcopy(state))),
    )
    assert fidelity.exact
    assert fidelity.checkpoints == 3
    assert len(seen) == len(held) == 9
    batches = training.run.steps()["batch"].to_pylist()
    for number, (step, before, after) in enumerate(seen):
        assert equal(before, training.before[number])
        assert equal(after, training.after[number])
        assert step.number == number + 1
        assert step.epoch == number // 3
        assert list(step.rows) == batches[number]
        assert torch.equal(step.inputs, training.data[0][batches[number]])
        assert torch.equal(step.targets, training.data[1][batches[number]])
        first, second = training.rates[number]
        assert step.learning_rates["norm.bias"] == first
        assert step.learning_rates["mix.weight"] == second
        assert not any(key.startswith("frozen") for key in step.learning_rates)
    assert [len(step.rows) for step, _, _ in seen[:3]] == [4, 4, 3]


def test_a_data_set_is_the_same_as_its_tensors(training: Training) -> None:
    assert replay(make(), training.run, TensorDataset(*training.data)).exact


def test_rows_that_occur_twice(tmp_path: Path) -> None:
    model, (inputs, labels) = make(), draw()
    optimizer = nesterov(model)
    with record(
        tmp_path / "run", model, optimizer, (inputs, labels), checkpoint_every=0
    ) as recording:
        for rows in ([3, 3, 1], [10, 0, 10, 10]):
            recording.batch(rows)
            optimizer.zero_grad()
            F.cross_entropy(model(inputs[rows]), labels[rows]).backward()
            optimizer.step()
    steps: list[Step] = []
    run = Run.open(tmp_path / "run")
    assert replay(make(), run, (inputs, labels), after=lambda step, _: steps.append(step)).exact
    assert [step.rows for step in steps] == [(3, 3, 1), (10, 0, 10, 10)]


def test_another_loss(tmp_path: Path) -> None:
    def smoothed(outputs: Tensor, targets: Tensor) -> Tensor:
        return F.cross_entropy(outputs, targets, label_smoothing=0.2)

    model, (inputs, labels) = make(), draw()
    optimizer = nesterov(model)
    with record(
        tmp_path / "run", model, optimizer, (inputs, labels), checkpoint_every=0
    ) as recording:
        recording.batch(range(N))
        smoothed(model(inputs), labels).backward()
        optimizer.step()
    run = Run.open(tmp_path / "run")
    assert replay(make(), run, (inputs, labels), training_loss=smoothed).exact
    assert not replay(make(), run, (inputs, labels)).exact


def test_a_parameter_that_the_caller_froze_is_trained(training: Training) -> None:
    model = make().requires_grad_(False)
    assert replay(model, training.run, training.data).exact
    assert not any(parameter.requires_grad for parameter in model.parameters())


def test_a_training_with_dropout_is_reported(tmp_path: Path) -> None:
    training = train_and_record(tmp_path / "run", make(0.5))
    fidelity = replay(make(0.5), training.run, training.data)
    assert not fidelity.exact
    assert fidelity.first is not None
    assert fidelity.last is not None
    assert fidelity.first.file == training.run.checkpoints[0].file
    assert fidelity.last.file == training.run.checkpoints[-1].file
    assert fidelity.last.largest > fidelity.first.largest > 1e-4
    assert str(fidelity) == (
        "not exact: differs from the recorded training, first at checkpoints/00000003.safetensors "
        f"(by up to {fidelity.first.largest:.2g}, in {fidelity.first.tensor}), last at "
        f"checkpoints/00000009.safetensors (by up to {fidelity.last.largest:.2g}, in "
        f"{fidelity.last.tensor}); random layers, random augmentation, another loss, and whatever "
        "else the loop did beyond what was recorded cannot be replayed"
    )
    # It is the same other training every time.
    torch.manual_seed(77)
    assert replay(make(0.5), training.run, training.data) == fidelity


def test_a_loop_that_does_more_is_reported(tmp_path: Path) -> None:
    def clip(model: nn.Module) -> None:
        torch.nn.utils.clip_grad_norm_(model.parameters(), 0.01)

    training = train_and_record(tmp_path / "run", make(), between=clip)
    assert not replay(make(), training.run, training.data).exact


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content["optimizer"]["options"][1].update(momentum=0.8),
        lambda content: content["optimizer"]["options"][0].update(nesterov=True, dampening=0.0),
        lambda content: content["optimizer"]["options"][0].update(dampening=0.0),
        lambda content: content["optimizer"]["options"][1].update(weight_decay=0.01),
    ],
)
def test_every_option_counts(tmp_path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    training = train_and_record(tmp_path / "run", make(), epochs=1)
    assert not replay(make(), edit(training.run, change), training.data).exact


def test_circumstances_are_told(tmp_path: Path) -> None:
    training = train_and_record(tmp_path / "run", make(0.5), epochs=1)
    assert training.run.info.threads == torch.get_num_threads() == 1

    def change(content: dict[str, Any]) -> None:
        content["threads"] = 64
        content["versions"]["torch"] = "1.0"

    fidelity = replay(make(0.5), edit(training.run, change), training.data)
    release = torch.__version__
    assert str(fidelity).endswith(
        f"; recorded with 64 threads, replayed with 1; recorded with torch 1.0, "
        f"replayed with {release}"
    )
    run = edit(training.run, lambda content: (content.pop("threads"), content["versions"].clear()))
    assert replay(make(0.5), run, training.data).circumstances == ()


@pytest.mark.parametrize("enabled", [True, False])
@pytest.mark.parametrize("one_at_a_time", [True, False])
def test_everything_is_left_as_found(tmp_path: Path, enabled: bool, one_at_a_time: bool) -> None:
    training = train_and_record(tmp_path / "run", make(0.5), epochs=1)
    model = lived_in(make(0.5))
    with torch.set_grad_enabled(enabled), left_as_found(model):
        replay(
            model,
            training.run,
            TensorDataset(*training.data),
            before=lambda *_: torch.rand(1),
            one_at_a_time=one_at_a_time,
        )
    with left_as_found(model), pytest.raises(ZeroDivisionError):
        replay(model, training.run, training.data, after=lambda step, _: 1 / (step.number - 2))


def test_in_inference_mode(training: Training) -> None:
    with torch.inference_mode():
        assert replay(make(), training.run, training.data).exact
        assert torch.is_inference_mode_enabled()


def _by_hand(training: Training, order: list[tuple[list[int], list[float]]]) -> State:
    """Plain descent, one example per step, in evaluation mode."""
    model = make(0.5).eval()
    model.load_state_dict(training.before[0])
    inputs, labels = training.data
    for rows, rates in order:
        by_name = training.run.by_parameter(rates)
        for row in rows:
            model.zero_grad()
            F.cross_entropy(model(inputs[row][None]), labels[row][None]).backward()
            for name, parameter in model.named_parameters():
                if name in by_name:
                    parameter.data -= by_name[name] / len(rows) * parameter.grad
    return model.state_dict()


def test_one_example_at_a_time(tmp_path: Path) -> None:
    training = train_and_record(tmp_path / "run", make(0.5), epochs=2)
    rows = training.run.steps()["batch"].to_pylist()
    expected = _by_hand(training, list(zip(rows, training.rates, strict=True)))
    steps: list[Step] = []
    last: list[State] = []

    def look(step: Step, state: State) -> None:
        steps.append(step)
        last[:] = [copy.deepcopy(state)]

    fidelity = replay(make(0.5), training.run, training.data, after=look, one_at_a_time=True)
    assert [step.rows for step in steps] == [(row,) for batch in rows for row in batch]
    assert [step.number for step in steps] == list(range(1, 2 * N + 1))
    assert steps[-1].epoch == 1
    for name, value in expected.items():
        torch.testing.assert_close(last[0][name], value, rtol=1e-6, atol=1e-7)
    assert not fidelity.exact
    assert fidelity.one_at_a_time
    assert str(fidelity) == (
        "not the recorded training: each step learned from one example, by plain gradient descent "
        "in evaluation mode"
    )


def test_the_loss_that_is_trained_on_by_default(training: Training) -> None:
    outputs = torch.tensor([[2.0, 0.0, 0.0], [0.0, 1.0, 3.0]])
    targets = torch.tensor([0, 1])
    rows: Pair = (outputs.log_softmax(1), targets)
    expected = -sum(float(rows[0][i, targets[i]]) for i in range(2)) / 2
    assert mean_cross_entropy(outputs, targets).item() == pytest.approx(expected)


def test_what_a_recording_holds_for_a_replay(tmp_path: Path) -> None:
    training = train_and_record(tmp_path / "run", make().to(memory_format=torch.channels_last))
    content = json.loads((tmp_path / "run" / "run.json").read_text())
    assert content["initial"]["file"] == "initial.safetensors"
    assert content["initial"]["strides"] == {"conv.weight": [18, 1, 6, 2]}
    first, second = content["optimizer"]["options"]
    expected = {"momentum": 0.5, "nesterov": False, "dampening": 0.2, "weight_decay": 0.01}
    assert {name: first[name] for name in expected} == expected
    expected = {"momentum": 0.9, "nesterov": True, "dampening": 0, "weight_decay": 0.1}
    assert {name: second[name] for name in expected} == expected
    assert not {"params", "lr"} & first.keys()
    assert equal(training.run.initial_weights(), training.before[0])

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import torch
from run_helpers import (
    N,
    Rows,
    files_in,
    network,
    sgd,
    small_run,
    step,
)
from torch import nn
from torch.utils.data import (
    DataLoader,
)

from radiotracer.data import identify
from radiotracer.errors import DataError, InputError, NotFiniteError
from radiotracer.files import sha256_file
from radiotracer.runs import ModelSpec, Run, record


def test_learning_rates_are_those_in_force(tmp_path: Path) -> None:
    model = network()
    optimizer = torch.optim.SGD(
        [{"params": model[0].parameters(), "lr": 0.5}, {"params": model[2].parameters()}], lr=0.03
    )
    scheduler = torch.optim.lr_scheduler.LambdaLR(
        optimizer, [lambda step: 1 / (step + 1), lambda step: 1 + step]
    )
    loader = DataLoader(Rows(), batch_size=4)
    expected = []
    with record(tmp_path / "run", model, optimizer, Rows()) as recording:
        for _ in range(2):
            for inputs, labels in recording.batches(loader):
                expected.append([group["lr"] for group in optimizer.param_groups])
                step(model, optimizer, inputs, labels)
                scheduler.step()
    run = Run.open(tmp_path / "run")
    assert run.steps()["learning_rates"].to_pylist() == expected
    assert len({tuple(rates) for rates in expected}) == 6
    assert [c.learning_rates for c in run.checkpoints] == [tuple(expected[2]), tuple(expected[5])]
    first, second = (sum(rates) for rates in zip(*expected[:3], strict=True))
    assert run.summed_rates(run.checkpoints[0]) == pytest.approx(
        {"0.weight": first, "0.bias": first, "2.weight": second, "2.bias": second}, rel=1e-15
    )


def test_a_learning_rate_kept_in_a_tensor(tmp_path: Path) -> None:
    model = network()
    optimizer = torch.optim.Adam(model.parameters(), lr=torch.tensor(0.25))
    with record(tmp_path / "run", model, optimizer, Rows()) as recording:
        recording.batch([0])
        optimizer.step()
    run = Run.open(tmp_path / "run")
    assert run.checkpoints[0].learning_rates == (0.25,)
    assert run.info.optimizer.name == "Adam"


def test_layers_that_are_unfrozen_later(tmp_path: Path) -> None:
    model = network()
    model[0].requires_grad_(False)
    optimizer = torch.optim.SGD(model[2].parameters(), lr=0.1)
    loader = DataLoader(Rows(), batch_size=6)
    with record(tmp_path / "run", model, optimizer, Rows()) as recording:
        for epoch in range(3):
            if epoch == 1:
                model[0].requires_grad_(True)
                optimizer.add_param_group({"params": model[0].parameters(), "lr": 0.5})
            for inputs, labels in recording.batches(loader):
                step(model, optimizer, inputs, labels)
    run = Run.open(tmp_path / "run")
    assert run.info.optimizer.groups == (("2.weight", "2.bias"), ("0.weight", "0.bias"))
    assert [c.learning_rates for c in run.checkpoints] == [(0.1, 0.0), (0.1, 0.5), (0.1, 0.5)]
    assert [c.untrained for c in run.checkpoints] == [("0.weight", "0.bias"), (), ()]
    weighs = [run.summed_rates(each) for each in run.checkpoints]
    assert [each["0.weight"] for each in weighs] == pytest.approx([0.0, 1.0, 1.0])
    assert [each["2.weight"] for each in weighs] == pytest.approx([0.2, 0.2, 0.2])


def test_a_layer_that_rests_counts_nothing_meanwhile(tmp_path: Path) -> None:
    model = network()
    optimizer = sgd(model)
    with record(tmp_path / "run", model, optimizer, Rows()) as recording:
        for epoch in range(2):
            model[0].requires_grad_(epoch > 0)
            for inputs, labels in recording.batches(DataLoader(Rows(), batch_size=6)):
                step(model, optimizer, inputs, labels)
    run = Run.open(tmp_path / "run")
    assert [run.summed_rates(each)["0.weight"] for each in run.checkpoints] == [0.0, 0.2]
    assert [run.summed_rates(each)["2.weight"] for each in run.checkpoints] == [0.2, 0.2]


def test_groups_name_what_was_trained(tmp_path: Path) -> None:
    model = network()
    model[1].requires_grad_(False)
    optimizer = torch.optim.SGD(
        [{"params": [model[2].bias, *model[1].parameters()]}, {"params": [model[0].weight]}], lr=0.1
    )
    loader = DataLoader(Rows(), batch_size=4)
    with record(tmp_path / "run", model, optimizer, Rows()) as recording:
        for inputs, labels in recording.batches(loader):
            step(model, optimizer, inputs, labels)
    assert Run.open(tmp_path / "run").info.optimizer.groups == (("2.bias",), ("0.weight",))


@pytest.mark.parametrize(
    ("every", "expected"),
    [
        (1, [(3, 1), (6, 2), (9, 3), (12, 4), (15, 5)]),
        (2, [(6, 2), (12, 4), (15, 5)]),
        (5, [(15, 5)]),
        (7, [(15, 5)]),
        (0, [(15, 5)]),
    ],
)
def test_checkpoints_every_k_passes(
    tmp_path: Path, every: int, expected: list[tuple[int, int]]
) -> None:
    model = network()
    optimizer = sgd(model)
    after = {}
    with record(tmp_path / "run", model, optimizer, Rows(), checkpoint_every=every) as recording:
        for _ in range(5):
            for inputs, labels in recording.batches(DataLoader(Rows(), batch_size=4)):
                step(model, optimizer, inputs, labels)
                after[len(after) + 1] = {k: v.clone() for k, v in model.state_dict().items()}
    run = Run.open(tmp_path / "run")
    assert [(c.step, c.epoch) for c in run.checkpoints] == expected
    for checkpoint in run.checkpoints:
        weights = run.weights(checkpoint)
        assert weights.keys() == after[checkpoint.step].keys()
        for key, value in weights.items():
            assert torch.equal(value, after[checkpoint.step][key])
            assert value.dtype == after[checkpoint.step][key].dtype
    assert run.steps()["epoch"].to_pylist() == [pass_ for pass_ in range(5) for _ in range(3)]


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        (["/opt/bin/mine.py", "--epochs", "3"], "mine.py --epochs 3"),
        (["/site/ipykernel_launcher.py", "-f", "/x/kernel-1.json"], "in a notebook"),
        (["/site/colab_kernel_launcher.py", "-f", "/x/kernel-1.json"], "in a notebook"),
    ],
)
def test_the_command(
    typed: list[str], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", typed)
    assert small_run(tmp_path / "run").info.command == words


def test_what_is_written(tmp_path: Path) -> None:
    spec = ModelSpec(name="mine", options={"width": 4})
    run = small_run(
        tmp_path / "run", seed=7, model_spec=spec, settings={"a": 1, "b": "x", "c": True, "d": 0.5}
    )
    assert files_in(tmp_path / "run") == [
        *(f"checkpoints/0000000{i}.safetensors" for i in (1, 2, 3)),
        "examples.parquet",
        "initial.safetensors",
        "run.json",
        *(f"steps/0000000{i}.parquet" for i in (1, 2, 3)),
    ]
    content = json.loads((tmp_path / "run" / "run.json").read_text())
    assert list(content) == [
        "schema_version",
        "status",
        "created",
        "versions",
        "threads",
        "command",
        "seed",
        "settings",
        "model",
        "data",
        "optimizer",
        "initial",
        "checkpoints",
        "digest",
    ]
    assert content["schema_version"] == 1
    assert content["status"] == "complete"
    assert content["seed"] == 7
    assert content["settings"] == {"a": 1, "b": "x", "c": True, "d": 0.5}
    assert content["model"] == {"name": "mine", "options": {"width": 4}}
    assert content["data"] == {
        "source": None,
        "validation": None,
        "examples": N,
        "digest": identify(Rows()).digest,
        "class_names": None,
        "options": {
            **dict.fromkeys(["image_size", "image_column", "text_column"]),
            **dict.fromkeys(["label_column", "id_column"]),
            **{name: [] for name in ("follow_links", "merge", "drop_class")},
        },
    }
    names = ["0.weight", "0.bias", "1.weight", "1.bias", "2.weight", "2.bias"]
    assert content["optimizer"]["name"] == "SGD"
    assert content["optimizer"]["groups"] == [names]
    assert content["versions"]["torch"] == torch.__version__
    assert content["checkpoints"][1] == {
        "file": "checkpoints/00000002.safetensors",
        "sha256": sha256_file(tmp_path / "run/checkpoints/00000002.safetensors"),
        "whole": True,
        "step": 2,
        "epoch": 0,
        "learning_rates": [0.1],
        "rate_sums": [0.1],
        "untrained": [],
        "averaged": None,
    }
    assert run.identity().digest == identify(Rows()).digest
    assert run.identity().labels.tolist() == [row % 3 for row in range(N)]


def test_a_network_of_ones_own_is_named_by_its_class(tmp_path: Path) -> None:
    assert small_run(tmp_path / "run").info.model == ModelSpec(
        name="torch.nn.modules.container:Sequential"
    )


def test_the_hook_is_removed(tmp_path: Path) -> None:
    model = network()
    optimizer = sgd(model)
    before = len(optimizer._optimizer_step_post_hooks)
    with record(tmp_path / "a", model, optimizer, Rows()):
        assert len(optimizer._optimizer_step_post_hooks) == before + 1
    assert len(optimizer._optimizer_step_post_hooks) == before
    with pytest.raises(KeyError), record(tmp_path / "b", model, optimizer, Rows()):
        raise KeyError
    with pytest.raises(InputError):
        record(tmp_path / "b", model, optimizer, Rows())
    assert len(optimizer._optimizer_step_post_hooks) == before
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt, SystemExit])
def test_an_error_in_the_loop(tmp_path: Path, error: type[BaseException]) -> None:
    model = network()
    optimizer = sgd(model)
    raised = error("stop")
    with (
        pytest.raises(error) as caught,
        record(tmp_path / "run", model, optimizer, Rows()) as recording,
    ):
        for epoch in range(3):
            loader = DataLoader(Rows(), batch_size=4)
            for number, (inputs, labels) in enumerate(recording.batches(loader)):
                step(model, optimizer, inputs, labels)
                if (epoch, number) == (1, 1):
                    raise raised
    assert caught.value is raised
    run = Run.open(tmp_path / "run", allow_interrupted=True)
    assert run.info.status == "interrupted"
    assert [c.step for c in run.checkpoints] == [3]
    assert run.weights(run.checkpoints[0])


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize("by_hand", [True, False])
def test_weights_that_are_not_finite(tmp_path: Path, bad: float, by_hand: bool) -> None:
    out = tmp_path / "run"
    model = network()
    optimizer = sgd(model)
    with (
        pytest.raises(NotFiniteError) as caught,
        record(out, model, optimizer, Rows(), checkpoint_every=0) as recording,
    ):
        recording.batch([0])
        optimizer.step()
        recording.checkpoint()
        optimizer.step()
        model[2].weight.data[1, 2] = bad
        if by_hand:
            recording.checkpoint()
    assert str(caught.value) == (
        "expected finite weights in the network in training; "
        "got 1 NaN or infinite values in 2.weight; lower the learning rate and train again"
    )
    assert files_in(out) == [
        "checkpoints/00000001.safetensors",
        "examples.parquet",
        "initial.safetensors",
        "run.json",
        "steps/00000001.parquet",
    ]
    run = Run.open(out, allow_interrupted=True)
    assert run.info.status == "interrupted"
    assert len(run.checkpoints) == 1


def test_a_checkpoint_without_a_step(tmp_path: Path) -> None:
    model = network()
    optimizer = sgd(model)
    with record(tmp_path / "run", model, optimizer, Rows()) as recording:
        recording.batch([0])
        optimizer.step()
        recording.checkpoint()
        with pytest.raises(InputError) as caught:
            recording.checkpoint()
    assert str(caught.value) == (
        "expected an optimiser step before each checkpoint; got none since step 1; "
        "call optimizer.step() of the recorded optimiser, then checkpoint()"
    )


def test_settings_that_cannot_be_recorded(tmp_path: Path) -> None:
    model = network()
    with pytest.raises(InputError) as caught:
        record(tmp_path / "run", model, sgd(nn.Linear(2, 2)), Rows())
    assert str(caught.value) == (
        "expected an optimiser of this network's parameters; got one that holds none of them; "
        "pass the optimiser that trains the network"
    )
    with pytest.raises(InputError) as caught:
        record(tmp_path / "run", model, sgd(model), Rows(), checkpoint_every=-1)
    assert str(caught.value) == (
        "expected checkpoint_every= of at least 0 passes over the data; got -1; "
        "pass checkpoint_every=1"
    )
    with pytest.raises(DataError, match="expected at least one example; got none"):
        record(tmp_path / "run", model, sgd(model), Rows(0))
    with pytest.raises(NotFiniteError, match="NaN or infinity in the input 00001"):
        record(
            tmp_path / "run",
            model,
            sgd(model),
            (torch.tensor([[0.0], [torch.nan]]), torch.zeros(2, dtype=torch.int64)),
        )
    assert not (tmp_path / "run").exists()


def test_folders_that_exist(tmp_path: Path) -> None:
    out = tmp_path / "run"
    out.mkdir()
    small_run(out)
    before = {name: (out / name).read_bytes() for name in files_in(out)}
    with pytest.raises(InputError) as caught:
        small_run(out)
    assert str(caught.value) == (
        f"expected a new folder; got {out}, which already holds run.json; "
        "choose another out=, or pass overwrite=True to replace it"
    )
    assert {name: (out / name).read_bytes() for name in files_in(out)} == before
    run = small_run(out, steps=1, overwrite=True)
    assert [c.step for c in run.checkpoints] == [1]
    assert len(files_in(out)) == 5
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.tex").write_text("x")
    for overwrite in (False, True):
        with pytest.raises(InputError) as caught:
            small_run(other, overwrite=overwrite)
        assert str(caught.value) == (
            "expected a new folder, or one that holds run.json; "
            f"got {other}, which holds other things; choose another out="
        )
    assert files_in(other) == ["thesis.tex"]
    with pytest.raises(InputError, match="expected a folder to write to; got the file"):
        small_run(other / "thesis.tex")


def test_a_link_to_a_folder_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "disk")
    small_run(tmp_path / "link")
    small_run(tmp_path / "link", overwrite=True)
    assert (tmp_path / "link").is_symlink()
    assert "run.json" in files_in(tmp_path / "disk")

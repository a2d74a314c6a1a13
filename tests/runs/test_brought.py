"""Runs made of checkpoints that somebody has."""

from __future__ import annotations

import json
import pickle
import re
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch
from run_helpers import Rows, network, sgd, step
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from radiotracer.errors import InputError, RadiotracerError, RunError
from radiotracer.influence import Tracer
from radiotracer.runs import Run, record

State = dict[str, Tensor]


def data() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(12, 2, dtype=torch.float64, generator=generator), torch.arange(12) % 3


def model() -> nn.Sequential:
    return nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 3)).double()


def states(count: int = 3) -> list[State]:
    """Weights along a short training, of which the first layer's biases stay as they are."""
    torch.manual_seed(0)
    net = model()
    net[0].bias.requires_grad_(False)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.5)
    found = []
    for _ in range(count):
        optimizer.zero_grad()
        F.cross_entropy(net(data()[0]), data()[1]).backward()
        optimizer.step()
        found.append({name: each.clone() for name, each in net.state_dict().items()})
    return found


def by_hand(along: list[State], rates: list[float], *, frozen: str = "0.bias") -> Tensor:
    """Self-influence by a loop in float64."""
    net, (inputs, labels) = model(), data()
    scores = torch.zeros(len(labels), dtype=torch.float64)
    for state, rate in zip(along, rates, strict=True):
        net.load_state_dict(state)
        chosen = [each for name, each in net.named_parameters() if name != frozen]
        for row in range(len(labels)):
            loss = F.cross_entropy(net(inputs[row : row + 1]), labels[row : row + 1])
            scores[row] += rate * sum(
                each.square().sum() for each in torch.autograd.grad(loss, chosen)
            )
    return scores


def test_state_dicts_and_rates_of_their_own(tmp_path: Path) -> None:
    along, rates = states(), [0.3, 0.2, 0.05]
    run = Run.from_checkpoints(along, rates, data=data())
    assert run.info.optimizer.groups == (("0.weight", "2.weight", "2.bias"),)
    found = Tracer(model(), run).self_influence(data())
    torch.testing.assert_close(found, by_hand(along, rates), rtol=1e-12, atol=0.0)
    # It goes with the object, unless it has a folder of its own; what is sent away is the folder.
    folder = run.folder
    assert pickle.loads(pickle.dumps(run)).folder == folder and folder.is_dir()  # noqa: S301
    kept = Run.from_checkpoints(along, rates, data=data(), out=tmp_path / "run")
    assert Run.open(tmp_path / "run").info == kept.info
    del run
    assert not folder.exists()


def save_torch(state: State, path: Path) -> None:
    torch.save(OrderedDict(state), path)


def save_trainer(state: State, path: Path) -> None:
    torch.save({"epoch": 3, "model_state_dict": state, "optimizer": {"lr": 0.1}}, path)


def save_lightning(state: State, path: Path) -> None:
    named = {f"model.{name}": each for name, each in state.items()}
    torch.save({"state_dict": named, "global_step": 9, "loops": {"a": {"b": 1}}}, path)


def save_parallel(state: State, path: Path) -> None:
    torch.save({f"module.{name}": each for name, each in state.items()}, path)


def save_compiled(state: State, path: Path) -> None:
    save_file({f"_orig_mod.{name}": each for name, each in state.items()}, path)


@pytest.mark.parametrize(
    ("save", "ending"),
    [
        (save_file, "safetensors"),
        (save_torch, "pt"),
        (save_torch, "pth"),
        (save_trainer, "pt"),
        (save_lightning, "ckpt"),
        (save_parallel, "bin"),
        (save_compiled, "safetensors"),
    ],
)
def test_files(tmp_path: Path, save: Any, ending: str) -> None:
    # A file of torch's is read in a process of its own, which takes seconds: one is enough.
    along = states(2 if ending == "safetensors" else 1)
    folder = tmp_path / "kept"
    folder.mkdir()
    for number, state in zip((900, 1000), along, strict=False):  # 1000 is after 900, not before
        save(state, folder / f"epoch=1-step={number}.{ending}")
    (folder / "optimizer.pt").write_bytes(b"nothing that is opened")
    run = Run.from_checkpoints(folder, [1.0, 2.0][: len(along)], data=data(), model=model())
    for checkpoint, state in zip(run.checkpoints, along, strict=True):
        found = run.weights(checkpoint)
        assert found.keys() == state.keys()
        assert all(torch.equal(found[name], state[name]) for name in state)


def test_a_final_model(tmp_path: Path) -> None:
    along = states(1)
    save_file(along[0], tmp_path / "model.safetensors")
    for given in (tmp_path / "model.safetensors", tmp_path, along[0], along):
        run = Run.from_checkpoints(given, data=data())
        found = Tracer(model(), run).self_influence(data())
        torch.testing.assert_close(found, by_hand(along, [1.0], frozen=""), rtol=1e-12, atol=0.0)


def trainer_folder(folder: Path, state: State, step: int, logged: list[dict[str, Any]]) -> None:
    folder.mkdir(parents=True)
    save_file(state, folder / "model.safetensors")
    about = {"global_step": step, "epoch": step / 10, "log_history": logged, "best_metric": None}
    (folder / "trainer_state.json").write_text(json.dumps(about))


def test_folders_of_the_trainer(tmp_path: Path) -> None:
    """Of a linear schedule the sums are exact, however seldom it was logged."""
    along = states(2)
    rates = [0.1 * (1 - step / 100) for step in range(101)]
    logged = [{"step": step, "learning_rate": rates[step], "loss": 1.0} for step in (10, 50, 90)]
    logged.append({"step": 50, "eval_loss": 2.0})
    for number, state in zip((40, 90), along, strict=True):
        trainer_folder(tmp_path / f"checkpoint-{number}", state, number, logged)
    run = Run.from_checkpoints(tmp_path, data=data())
    assert [each.step for each in run.checkpoints] == [40, 90]
    assert [each.epoch for each in run.checkpoints] == [4, 9]
    first, second = (run.summed_rates(each)["2.bias"] for each in run.checkpoints)
    assert first == pytest.approx(10 * rates[10] + sum(rates[11:41]))
    assert second == pytest.approx(sum(rates[41:91]))


def test_adapters_alone(tmp_path: Path) -> None:
    peft = pytest.importorskip("peft")
    torch.manual_seed(0)
    config = peft.LoraConfig(r=2, target_modules=["0"])
    net = peft.get_peft_model(model(), config)
    data_ = data()
    optimizer = torch.optim.SGD([p for p in net.parameters() if p.requires_grad], lr=0.5)
    whole = []
    for number in (1, 2):
        optimizer.zero_grad()
        F.cross_entropy(net(data_[0]), data_[1]).backward()
        optimizer.step()
        net.save_pretrained(tmp_path / f"checkpoint-{number}")
        whole.append({name: each.clone() for name, each in net.state_dict().items()})
    run = Run.from_checkpoints(tmp_path, [0.5, 0.5], data=data_, model=net)
    assert all("lora_" in name for name in run.info.optimizer.groups[0])
    for checkpoint, state in zip(run.checkpoints, whole, strict=True):
        found = run.weights(checkpoint)
        assert all(torch.equal(found[name], state[name]) for name in state)
    assert Tracer(net, run).self_influence(data_).shape == (12,)


def test_a_recorded_training_and_its_files_agree(tmp_path: Path) -> None:
    """What was recorded, brought again as files with summed rates, gives the same scores."""
    net = model()
    optimizer = sgd(net)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 16)
    with record(tmp_path / "run", net, optimizer, data(), checkpoint_every=2) as recording:
        for _ in range(4):
            for start in range(0, 12, 3):
                recording.batch(range(start, start + 3))
                step(net, optimizer, data()[0][start : start + 3], data()[1][start : start + 3])
                schedule.step()
            recording.end_pass()
    run = Run.open(tmp_path / "run")
    sums = [run.summed_rates(each)["2.bias"] for each in run.checkpoints]
    assert sums[0] / sums[1] < 8  # by the last rates it would be 60
    again = Run.from_checkpoints(tmp_path / "run/checkpoints", sums, data=data())
    left, right = (Tracer(net, each).self_influence(data()) for each in (run, again))
    torch.testing.assert_close(left, right, rtol=1e-12, atol=0.0)


def half(state: State) -> State:
    return {name: each.half() for name, each in state.items()}


BAD: dict[str, tuple[Any, str]] = {
    "rates missing": (
        lambda: (states(2), None),
        "got none for checkpoint 1; pass learning_rates=, for each",
    ),
    "too few rates": (lambda: (states(3), [0.1, 0.2]), "each of 3 checkpoints; got 2: 0.1, 0.2"),
    "a rate of nan": (lambda: (states(2), [0.1, float("nan")]), "got 2: 0.1, nan"),
    "nothing": (lambda: ([], None), "at least one checkpoint"),
    "no such file": (lambda: ("nowhere.pt", [1.0]), "nowhere.pt; got no such file"),
    "other dtype": (
        lambda: ([states(1)[0], half(states(1)[0])], [1.0, 1.0]),
        "0.bias as in checkpoint 1: float64 of shape (4,); got float16 of shape (4,)",
    ),
    "other network": (
        lambda: ([states(1)[0], network().state_dict()], [1.0, 1.0]),
        "checkpoints of one network",
    ),
    "always the same": (lambda: (states(1) * 2, [1.0, 1.0]), "got 2 with the same weights"),
    "not finite": (
        lambda: ({**states(1)[0], "2.bias": torch.full((3,), torch.nan).double()}, None),
        "NaN or infinite values in 2.bias",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input(name: str, tmp_path: Path) -> None:
    given, rates = BAD[name][0]()
    with pytest.raises(RadiotracerError, match=re.escape(BAD[name][1])):
        Run.from_checkpoints(given, rates, data=data(), out=tmp_path / "run")
    assert not (tmp_path / "run").exists() or not list((tmp_path / "run").iterdir())


def test_folders_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"or checkpoint-\* folders; got none"):
        Run.from_checkpoints(tmp_path, data=data())
    one, two = states(2)
    trainer_folder(tmp_path / "checkpoint-5", one, 7, [])
    trainer_folder(tmp_path / "checkpoint-6", two, 6, [])
    with pytest.raises(RunError, match=r"step 7 of .* before step 6"):
        Run.from_checkpoints(tmp_path, data=data())
    (tmp_path / "checkpoint-6/trainer_state.json").write_text('{"global_step": "many"}')
    with pytest.raises(RunError, match="what the Trainer writes"):
        Run.from_checkpoints(tmp_path, data=data())


def test_another_network(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"this network in checkpoint 1; got no 1.bias"):
        Run.from_checkpoints(states(2), [1.0, 1.0], data=Rows(), model=network())
    with pytest.raises(RunError, match=r"got 2.bias, which it does not have"):
        Run.from_checkpoints(states(2), [1.0, 1.0], data=Rows(), model=network()[:1])
    run = Run.from_checkpoints(states(2), [1.0, 1.0], data=data())
    with pytest.raises(RunError, match="got checkpoints alone"):
        run.steps()

"""Hugging Face's Trainer, really training, recorded: rows, rates, stops, refusals."""

from __future__ import annotations

import copy
import gc
import itertools
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from hugging_face_helpers import (
    Net,
    arguments,
    blobs,
    collate_pairs,
    make_trainer,
    recorded_rates,
    recorded_rows,
)
from torch.utils.data import DataLoader, IterableDataset
from torch.utils.data.distributed import DistributedSampler

import radiotracer
from radiotracer.errors import DataError, InputError, RunError
from radiotracer.integrations import hugging_face_callback
from radiotracer.runs import replay


@pytest.fixture
def net() -> Net:
    torch.manual_seed(0)
    return Net()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"dataloader_num_workers": 2, "dataloader_persistent_workers": True},
        {"lr_scheduler_type": "cosine", "warmup_steps": 5, "weight_decay": 0.01},
        {"optim": "adamw_torch", "learning_rate": 0.01},
    ],
    ids=lambda options: next(iter(options), "plain"),
)
def test_rows_rates_and_weights(options: dict[str, Any], net: Net, tmp_path: Path) -> None:
    data = blobs()
    args = arguments(tmp_path, logging_steps=1, **options)
    trainer = make_trainer(net, args, data, hugging_face_callback(tmp_path / "run", data))
    trainer.train()
    run = radiotracer.Run.open(tmp_path / "run")
    assert recorded_rows(run) == net.shown and len(net.shown) == 30
    told = [each["learning_rate"] for each in trainer.state.log_history if "loss" in each]
    assert recorded_rates(run) == told and len(set(told)) == 30
    assert [(each.step, each.epoch) for each in run.checkpoints] == [(10, 1), (20, 2), (30, 3)]
    fidelity = replay(net, run, data)
    assert fidelity.exact, fidelity
    assert run.info.seed == args.seed and run.info.settings["trainer"] == "transformers"


def test_nothing_of_the_training_changes(net: Net, tmp_path: Path) -> None:
    data, other, results = blobs(), copy.deepcopy(net), []
    for each, callbacks in ((net, [hugging_face_callback(tmp_path / "run", data)]), (other, [])):
        args = arguments(tmp_path, eval_strategy="epoch", eval_on_start=True)
        make_trainer(each, args, data, *callbacks, eval_dataset=data).train()
        results.append((list(each.state_dict().values()), torch.get_rng_state()))
    assert net.shown == other.shown
    torch.testing.assert_close(results[0], results[1], rtol=0, atol=0)


def test_a_sampler_that_is_told_the_epoch(net: Net, tmp_path: Path) -> None:
    class Shuffling(transformers.Trainer):
        def _get_train_sampler(self, *_: Any) -> DistributedSampler[Any]:
            return DistributedSampler(self.train_dataset, num_replicas=1, rank=0)

    data, other = blobs(), copy.deepcopy(net)
    for each, callbacks in ((net, [hugging_face_callback(tmp_path / "run", data)]), (other, [])):
        Shuffling(
            each,
            arguments(tmp_path),
            train_dataset=data,
            data_collator=collate_pairs,
            callbacks=callbacks,
        ).train()
    assert recorded_rows(radiotracer.Run.open(tmp_path / "run")) == net.shown == other.shown
    assert net.shown[0] != net.shown[10]


@pytest.mark.parametrize("n", [96, 90])
def test_accumulated_gradients(n: int, net: Net, tmp_path: Path) -> None:
    data = blobs(n)
    args = arguments(tmp_path, per_device_train_batch_size=8, gradient_accumulation_steps=5)
    make_trainer(net, args, data, hugging_face_callback(tmp_path / "run")).train()
    run = radiotracer.Run.open(tmp_path / "run")
    ends = (5, 10, 12)  # of the twelve batches of an epoch: five, five and two to a step
    shown = [
        [row for batch in net.shown[12 * epoch + first : 12 * epoch + end] for row in batch]
        for epoch in range(3)
        for first, end in itertools.pairwise((0, *ends))
    ]
    assert recorded_rows(run) == shown
    fidelity = replay(net, run, DataLoader(data, collate_fn=collate_pairs))
    largest = 0.0 if fidelity.last is None else fidelity.last.largest
    # The mean of two batches of 8 and 2 is not the mean of 10, and sums are rounded otherwise.
    assert largest < 1e-6 if n == 96 else largest > 1e-4


def test_a_stop_within_an_epoch_and_the_best_model(net: Net, tmp_path: Path) -> None:
    data = blobs()
    args = arguments(
        tmp_path,
        max_steps=14,
        eval_strategy="steps",
        save_strategy="steps",
        eval_steps=4,
        save_steps=4,
        load_best_model_at_end=True,
        metric_for_best_model="eval_loss",
        greater_is_better=True,  # so that the best is the first
    )
    trainer = make_trainer(
        net, args, data, hugging_face_callback(tmp_path / "run", data), eval_dataset=data
    )
    trainer.train()
    run = radiotracer.Run.open(tmp_path / "run")
    assert [(each.step, each.epoch) for each in run.checkpoints] == [(10, 1), (14, 1)]
    assert replay(net, run, data).exact
    assert not torch.equal(run.weights(run.checkpoints[-1])["net.0.bias"], net.net[0].bias)


def test_every_other_epoch(net: Net, tmp_path: Path) -> None:
    data = blobs()
    callback = hugging_face_callback(tmp_path / "run", data, checkpoint_every=2)
    make_trainer(net, arguments(tmp_path), data, callback).train()
    run = radiotracer.Run.open(tmp_path / "run")
    assert [(each.step, each.epoch) for each in run.checkpoints] == [(20, 2), (30, 3)]


class Fails(transformers.TrainerCallback):
    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.global_step == 34:
            raise KeyError("out of luck")


def test_a_stopped_training_goes_on(tmp_path: Path) -> None:
    data = blobs()

    def train(*callbacks: Any, **resumed: Any) -> Net:
        torch.manual_seed(0)
        net = Net()
        args = arguments(tmp_path, num_train_epochs=5, save_strategy="epoch")
        callback = hugging_face_callback(tmp_path / "run", data)
        make_trainer(net, args, data, callback, *callbacks).train(**resumed)
        return net

    with pytest.raises(KeyError, match="out of luck"):
        train(Fails())
    gc.collect()
    stopped = radiotracer.Run.open(tmp_path / "run", allow_interrupted=True)
    assert stopped.info.status == "interrupted"
    assert [each.step for each in stopped.checkpoints] == [10, 20, 30]
    # Not from the last state, so that one checkpoint is of a training that never was.
    net = train(resume_from_checkpoint=str(tmp_path / "states" / "checkpoint-20"))
    run = radiotracer.Run.open(tmp_path / "run")
    assert [each.step for each in run.checkpoints] == [10, 20, 30, 40, 50]
    assert recorded_rows(run) == recorded_rows(stopped)[:20] + net.shown and len(net.shown) == 30
    assert replay(net, run, data).exact


def test_a_state_within_an_epoch(net: Net, tmp_path: Path) -> None:
    data = blobs()
    args = arguments(tmp_path, max_steps=14, save_strategy="steps", save_steps=14)
    make_trainer(net, args, data, hugging_face_callback(tmp_path / "run", data)).train()
    longer = make_trainer(
        Net(), arguments(tmp_path), data, hugging_face_callback(tmp_path / "run", data)
    )
    with pytest.raises(RunError, match="end of a recorded epoch"):
        longer.train(resume_from_checkpoint=str(tmp_path / "states" / "checkpoint-14"))
    assert radiotracer.Run.open(tmp_path / "run").checkpoints[-1].step == 14


SCRIPT = """
import sys
import torch
from torch.utils.data import DataLoader, TensorDataset
from radiotracer.integrations.watched_training import WatchedTraining

data = TensorDataset(torch.randn(4, 2), torch.tensor([0, 1, 0, 1]))
model = torch.nn.Linear(2, 2)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
training = WatchedTraining(sys.argv[1], data, checkpoint_every=1, overwrite=False)
for inputs, labels in training.watch(DataLoader(data, 4)):
    training.begin(model, optimizer, steps=0, settings={})
    raise KeyError("out of luck")
"""


def test_an_error_that_ends_a_script(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "run")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "out of luck" in done.stderr.splitlines()[-1]
    assert '"status": "interrupted"' in (tmp_path / "run" / "run.json").read_text()


class Numbers(IterableDataset[Any]):
    def __iter__(self) -> Any:
        yield from blobs()


REFUSED: dict[str, Any] = {
    "an iterable set": (Numbers(), {"max_steps": 3}, {}, InputError, "DataLoader"),
    "searching": (blobs(), {"auto_find_batch_size": True}, {}, InputError, "batch size that is"),
    "dispatched": (
        blobs(),
        {"accelerator_config": {"dispatch_batches": True}},
        {},
        InputError,
        "got DataLoaderDispatcher",
    ),
    "the best of several": (
        blobs(),
        {
            "load_best_model_at_end": True,
            "eval_strategy": "epoch",
            "save_strategy": "epoch",
        },
        {"checkpoint_every": 2},
        InputError,
        "pass checkpoint_every=1",
    ),
    "other data": (blobs(), {}, {"data": blobs(90).tensors}, DataError, "the 96 examples"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_recorded(case: str, net: Net, tmp_path: Path) -> None:
    data, options, settings, kind, words = REFUSED[case]
    callback = hugging_face_callback(tmp_path / "run", **settings)
    args = arguments(tmp_path, **options)
    trainer = make_trainer(net, args, data, callback, eval_dataset=blobs())
    with pytest.raises(kind, match="expected") as caught:
        trainer.train()
    assert words in str(caught.value) and len(str(caught.value).splitlines()) == 1
    assert not (tmp_path / "run").exists() and not net.shown


def test_without_transformers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(InputError, match=r"pip install 'radiotracer\[transformers\]'"):
        hugging_face_callback(tmp_path / "run")

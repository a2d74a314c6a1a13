"""Texts: mappings of tensors, padding, masks and adapters, trained by Hugging Face's Trainer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import datasets
import peft
import pytest
import torch
import transformers
from hugging_face_helpers import arguments, make_trainer, recorded_rows
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn

import radiotracer
from radiotracer.integrations import hugging_face_callback
from radiotracer.runs import replay

# peft asks transformers by an old name.
pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is:FutureWarning")

CLS, PAD, FIRST = 1, 0, 2


def texts(n: int, seed: int = 0) -> dict[str, list[Any]]:
    """Sequences of 4 to 9 tokens; which half of the vocabulary prevails gives the label."""
    generator = torch.Generator().manual_seed(seed)
    ids, labels = [], []
    for row in range(n):
        length = int(torch.randint(4, 10, (1,), generator=generator))
        label = row % 2
        prevails = torch.rand(length, generator=generator) < 0.85
        half = torch.where(prevails, label, 1 - label)
        tokens = FIRST + 12 * half + torch.randint(0, 12, (length,), generator=generator)
        ids.append([CLS, *tokens.tolist()])
        labels.append(label)
    return {"input_ids": ids, "labels": labels}


def padded(items: list[Any], length: int | None = None) -> dict[str, Tensor]:
    longest = length or max(len(item["input_ids"]) for item in items)
    ids = [list(item["input_ids"]) for item in items]
    return {
        "input_ids": torch.tensor([each + [PAD] * (longest - len(each)) for each in ids]),
        "attention_mask": torch.tensor(
            [[1] * len(each) + [0] * (longest - len(each)) for each in ids]
        ),
        "labels": torch.tensor([int(item["labels"]) for item in items]),
    }


def columns(told: dict[str, list[Any]], length: int = 10) -> datasets.Dataset:
    """As texts are mostly kept: tensors, padded to one length, with a mask."""
    items = [dict(zip(told, each, strict=True)) for each in zip(*told.values(), strict=True)]
    whole = datasets.Dataset.from_dict({k: v.tolist() for k, v in padded(items, length).items()})
    return whole.with_format("torch")


@pytest.fixture
def reader() -> transformers.BertForSequenceClassification:
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=FIRST + 24,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=16,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        num_labels=2,
        initializer_range=0.3,  # as of a network that has been trained before
    )
    return transformers.BertForSequenceClassification(config)


def rows_shown(model: nn.Module, told: dict[str, list[Any]]) -> list[list[int]]:
    """Fills up with the rows of every batch that the network is shown in training."""
    known = {tuple(ids): row for row, ids in enumerate(told["input_ids"])}
    assert len(known) == len(told["input_ids"])
    shown: list[list[int]] = []

    def note(module: nn.Module, _: Any, kwargs: dict[str, Tensor]) -> None:
        if module.training and "labels" in kwargs:
            pairs = zip(kwargs["input_ids"], kwargs["attention_mask"], strict=True)
            shown.append([known[tuple(ids[mask.bool()].tolist())] for ids, mask in pairs])

    model.register_forward_pre_hook(note, with_kwargs=True)
    return shown


def test_texts(reader: Any, tmp_path: Path) -> None:
    told = texts(96)
    shown, data = rows_shown(reader, told), columns(told)
    trainer = make_trainer(
        reader, arguments(tmp_path), data, hugging_face_callback(tmp_path / "run")
    )
    trainer.train()
    run = radiotracer.Run.open(tmp_path / "run")
    assert recorded_rows(run) == shown and len(shown) == 30
    fidelity = replay(reader, run, data)
    assert fidelity.exact, fidelity


def test_padding_batch_by_batch(reader: Any, tmp_path: Path) -> None:
    told = texts(96)
    shown, data = rows_shown(reader, told), columns(told)
    args = arguments(
        tmp_path,
        gradient_accumulation_steps=2,
        per_device_train_batch_size=8,
        train_sampling_strategy="group_by_length",
    )
    callback = hugging_face_callback(tmp_path / "run", data)
    trainer = make_trainer(
        reader, args, datasets.Dataset.from_dict(told), callback, data_collator=padded
    )
    # Otherwise transformers adds up the batches' means, for networks of this kind.
    trainer.model_accepts_loss_kwargs = False
    trainer.train()
    run = radiotracer.Run.open(tmp_path / "run")
    assert recorded_rows(run) == [a + b for a, b in zip(shown[::2], shown[1::2], strict=True)]
    longest = {max(len(told["input_ids"][row]) for row in batch) for batch in shown}
    assert len(longest) > 1  # or no batch was padded otherwise than all
    fidelity = replay(reader, run, data)
    # More padding, which the mask hides, rounds otherwise; so does a sum of two means.
    assert fidelity.last is None or fidelity.last.largest < 1e-5


def test_adapters_alone(reader: Any, tmp_path: Path) -> None:
    told = texts(96)
    config = peft.LoraConfig(
        r=2, lora_alpha=4, target_modules=["query", "value"], task_type="SEQ_CLS"
    )
    adapted = peft.get_peft_model(reader, config)
    shown, data = rows_shown(reader, told), columns(told)
    args = arguments(tmp_path, label_names=["labels"])
    make_trainer(adapted, args, data, hugging_face_callback(tmp_path / "run", data)).train()
    run = radiotracer.Run.open(tmp_path / "run")
    assert recorded_rows(run) == shown
    trained = [name for names in run.info.optimizer.groups for name in names]
    assert trained and all("lora_" in name or "classifier" in name for name in trained)
    fidelity = replay(adapted, run, data)
    assert fidelity.exact, fidelity


def test_flipped_labels_are_found(reader: Any, tmp_path: Path) -> None:
    told, asked = texts(240), texts(120, seed=1)
    wrong = torch.randperm(240, generator=torch.Generator().manual_seed(2))[:24].tolist()
    for row in wrong:
        told["labels"][row] = 1 - told["labels"][row]
    data, queries = columns(told), columns(asked)
    args = arguments(tmp_path, num_train_epochs=6)
    make_trainer(reader, args, data, hugging_face_callback(tmp_path / "run", data)).train()
    run = radiotracer.Run.open(tmp_path / "run")
    is_wrong = [row in wrong for row in range(240)]
    found = radiotracer.scan(reader, run, data, queries)
    by_scan = roc_auc_score(is_wrong, found.rankings[found.detector].scores)
    summed = radiotracer.Tracer(reader, run).influence(data, queries, reduce="sum")
    by_influence = roc_auc_score(is_wrong, -summed)
    # 0.94 and 0.80 when this was written; chance is 0.5.
    assert by_scan > 0.9 and by_influence > 0.7

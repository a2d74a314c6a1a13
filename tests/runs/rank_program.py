"""What each process of `test_record_ranks.py` does: train together, and record it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.distributed.fsdp import fully_shard
from torch.nn import functional as F
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset

from radiotracer.errors import DataError
from radiotracer.runs import record

N, BATCH = 24, 3


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 3))


def data(seed: int = 1) -> TensorDataset:
    generator = torch.Generator().manual_seed(seed)
    return TensorDataset(torch.randn(N, 5, generator=generator), torch.arange(N) % 3)


class Named(nn.Module):
    """The network as the Trainer wants it."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = network()

    def forward(self, inputs: Tensor, labels: Tensor | None = None) -> dict[str, Tensor]:
        outputs = self.inner(inputs)
        loss = {} if labels is None else {"loss": F.cross_entropy(outputs, labels)}
        return {**loss, "logits": outputs}


def mappings() -> list[dict[str, Tensor]]:
    return [{"inputs": inputs, "labels": label} for inputs, label in data()]


def train_by_trainer(out: Path) -> None:
    import transformers

    from radiotracer.integrations import hugging_face_callback

    settings = transformers.TrainingArguments(
        str(out.parent / "states"),
        num_train_epochs=2,
        per_device_train_batch_size=BATCH,
        learning_rate=0.1,
        lr_scheduler_type="constant",
        optim="sgd",
        max_grad_norm=0.0,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        use_cpu=True,
    )
    callback = hugging_face_callback(out)
    transformers.Trainer(Named(), settings, train_dataset=mappings(), callbacks=[callback]).train()


def train_by_hand(kind: str, out: Path) -> None:
    rank = distributed.get_rank()
    model: Any = network()
    wrapped = fully_shard(model) if kind == "fsdp" else nn.parallel.DistributedDataParallel(model)
    examples = data(1 + rank if kind == "other" else 1)
    sampler: DistributedSampler[Any] = DistributedSampler(examples, shuffle=True)
    loader = DataLoader(examples, BATCH, sampler=sampler)
    optimizer = torch.optim.SGD(wrapped.parameters(), lr=0.1)
    try:
        with record(out, wrapped, optimizer, examples) as recording:
            for epoch in range(2):
                sampler.set_epoch(epoch)
                for inputs, labels in recording.batches(loader):
                    optimizer.zero_grad()
                    F.cross_entropy(wrapped(inputs), labels).backward()
                    optimizer.step()
    except DataError as error:
        (out.parent / f"said-{rank}.txt").write_text(str(error))


def main(folder: Path) -> None:
    """All trainings one after the other: torch is imported once."""
    distributed.init_process_group("gloo")
    for kind in ("ddp", "fsdp", "other"):
        train_by_hand(kind, folder / kind / "run")
    train_by_trainer(folder / "trainer" / "run")
    distributed.destroy_process_group()


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""What each process of `test_record_ranks.py` does: train together, and record it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch
from torch import distributed, nn
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


def main(kind: str, out: Path) -> None:
    distributed.init_process_group("gloo")
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
    distributed.destroy_process_group()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))

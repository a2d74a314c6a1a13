"""Memory that runs out: smaller passes, the same examples in the same order, and an end."""

from __future__ import annotations

import gc
import weakref

import pytest
import torch
from torch import Tensor

from radiotracer.errors import InputError
from radiotracer.gradients import Batch, Fitting, directional, is_out_of_memory, route_of, shrinking
from radiotracer.gradients.objective import Objective

ERRORS = {
    "accelerator": torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
    "accelerator, in other words": torch.OutOfMemoryError("XPU: no room"),
    "linux": RuntimeError(
        "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: "
        "you tried to allocate 8 bytes. Error code 12 (Cannot allocate memory)"
    ),
    "windows": RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 8 B"),
    "mps": RuntimeError("MPS backend out of memory (MPS allocated: 1 GiB)"),
    "numpy": MemoryError("Unable to allocate 8 GiB"),
}


def batch_of(count: int) -> Batch:
    return Batch(torch.arange(count).unsqueeze(1).float(), torch.arange(count))


def rows_up_to(most: int, error: Exception, tried: list[int]):  # type: ignore[no-untyped-def]
    """A pass that fits so many examples."""

    def do(batch: Batch) -> list[int]:
        tried.append(len(batch.inputs))
        if len(batch.inputs) > most:
            raise error
        return batch.targets.tolist()

    return do


@pytest.mark.parametrize("error", ERRORS.values(), ids=ERRORS)
def test_a_batch_is_halved_until_it_fits(error: Exception) -> None:
    assert is_out_of_memory(error)
    tried: list[int] = []
    fitting = Fitting()
    found = list(fitting.parts(batch_of(11), rows_up_to(3, error, tried)))
    assert tried == [11, 5, 2, 2, 2, 2, 2, 1]
    assert [row for _, rows in found for row in rows] == list(range(11))
    assert [part.targets.tolist() for part, _ in found] == [rows for _, rows in found]
    assert fitting.most == 2


def test_the_size_is_remembered_for_the_batches_that_follow() -> None:
    tried: list[int] = []
    fitting = Fitting()
    do = rows_up_to(4, ERRORS["accelerator"], tried)
    for _ in range(2):
        list(fitting.parts(batch_of(8), do))
    assert tried == [8, 4, 4, 4, 4]


def test_a_batch_that_fits_stays_whole() -> None:
    tried: list[int] = []
    fitting = Fitting()
    (found,) = fitting.parts(batch_of(5), rows_up_to(5, ERRORS["linux"], tried))
    assert found[1] == list(range(5)) and tried == [5] and fitting.most is None


def test_one_example_that_does_not_fit_is_an_error_of_ours() -> None:
    do = rows_up_to(0, ERRORS["accelerator"], [])
    with pytest.raises(InputError, match="one example on cpu; got CUDA out of memory"):
        list(Fitting().parts(batch_of(4), do))


def test_other_errors_stay_as_they_are() -> None:
    error = RuntimeError("mat1 and mat2 shapes cannot be multiplied")
    assert not is_out_of_memory(error)
    with pytest.raises(RuntimeError, match="mat1"):
        list(Fitting().parts(batch_of(4), rows_up_to(0, error, [])))


def test_caches_are_emptied_when_nothing_of_the_pass_is_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    held: list[weakref.ref[Tensor]] = []
    emptied: list[bool] = []

    def do(batch: Batch) -> int:
        large = torch.zeros(10)
        held.append(weakref.ref(large))
        if len(batch.inputs) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return 0

    def empty() -> None:
        emptied.append(held[-1]() is None)

    monkeypatch.setattr(shrinking, "empty_caches", empty)
    gc.disable()
    try:
        list(Fitting().parts(batch_of(2), do))
    finally:
        gc.enable()
    assert emptied == [True]


@pytest.mark.parametrize("name", ["accelerator", "linux"])
def test_a_lack_of_memory_chooses_no_slower_route(name: str) -> None:
    lacking = [False]

    class Hungry(torch.nn.Linear):
        def forward(self, inputs: Tensor) -> Tensor:
            if lacking[0]:
                raise ERRORS[name]
            return super().forward(inputs)

    batch = Batch(torch.randn(4, 3), torch.tensor([0, 1, 0, 1]))
    objective = Objective.of(torch.nn.Sequential(Hungry(3, 2)), example=batch.inputs[:1])
    lacking[0] = True
    with pytest.raises(RuntimeError, match="memory"):
        directional(objective, batch, objective.parameters())
    lacking[0] = False
    assert route_of(objective) is None
    assert directional(objective, batch, objective.parameters()).route.name == "forward-mode"

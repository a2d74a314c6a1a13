"""Files that were made to do harm, and files that are merely broken."""

from __future__ import annotations

import io
import pickle
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from suspect_helpers import SPEC, listing, network, refusal

from radiotracer.errors import InputError
from radiotracer.provenance.models.network import weights_suspect
from radiotracer.runs.foreign import state_dicts
from radiotracer.runs.foreign.child_torch import taken
from radiotracer.runs.foreign.state_dicts import read_state_dict


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the child does, without a child: `tests/security/test_child_loading.py` has those."""
    monkeypatch.setattr(state_dicts, "load_in_child", taken)


class Canary:
    """Unpickled, it leaves a file behind."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.path,))


def archive(path: Path, entries: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as stream:
        for name, content in entries.items():
            stream.writestr(name, content)
    return path


@pytest.mark.parametrize("looked_through", [True, False])
@pytest.mark.parametrize("place", ["alone", "beside tensors", "inside a zip by hand", "key"])
def test_pickled_code_does_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, looked_through: bool
) -> None:
    if not looked_through:
        monkeypatch.setattr(state_dicts, "require_harmless_archive", lambda *_, **__: None)
    canary, path = tmp_path / "canary", tmp_path / "suspect.pt"
    if place == "inside a zip by hand":
        archive(
            path,
            {
                "x/data.pkl": pickle.dumps(Canary(canary)),
                "x/version": b"3\n",
                "x/byteorder": b"little",
            },
        )
    else:
        held = {
            "alone": Canary(canary),
            "beside tensors": {**network().state_dict(), "z": Canary(canary)},
            "key": {"a": torch.zeros(2), "b": [Canary(canary)]},
        }[place]
        torch.save(held, path)
    # It would: the same file, loaded without care.
    torch.load(path, weights_only=False)
    assert canary.exists()
    canary.unlink()
    before = listing(tmp_path)
    wants = "to make other things"
    if looked_through:
        wants = "names that it hides" if place == "inside a zip by hand" else "__builtin__.getattr"
    assert refusal(lambda: read_state_dict(path)) == (
        f"expected nothing but tensors in {path}; "
        f"got a file that wants {wants}, which may run code; "
        "have its owner save the state dict alone, as safetensors"
    )
    assert not canary.exists()
    assert listing(tmp_path) == before


def test_a_plain_pickle_is_not_even_opened(tmp_path: Path) -> None:
    canary, path = tmp_path / "canary", tmp_path / "suspect.pth"
    path.write_bytes(pickle.dumps(Canary(canary)))
    text = (
        f"expected a state dict that torch 1.6 or newer saved at {path}; got no zip file; "
        "fetch it again, or have its owner save it as safetensors"
    )
    assert refusal(lambda: read_state_dict(path)) == text
    assert not canary.exists()
    torch.save(network().state_dict(), path, _use_new_zipfile_serialization=False)
    assert refusal(lambda: read_state_dict(path)) == text


def test_a_pickle_under_the_name_of_safetensors(tmp_path: Path) -> None:
    canary, path = tmp_path / "canary", tmp_path / "suspect.safetensors"
    torch.save(Canary(canary), path)
    assert refusal(lambda: read_state_dict(path)).startswith(
        f"expected a safetensors file at {path}; got SafetensorError: "
    )
    assert not canary.exists()


def test_a_zip_that_unpacks_to_more(tmp_path: Path) -> None:
    path = archive(
        tmp_path / "bomb.pt",
        {"x/data.pkl": b"", "x/data/0": b"\0" * 10_000_000},
        zipfile.ZIP_DEFLATED,
    )
    size = path.stat().st_size
    assert size < 20_000
    assert refusal(lambda: read_state_dict(path, most=1_000_000)) == (
        f"expected an uncompressed state dict of at most {size} bytes in {path}; "
        f"got one of 10000000 bytes, packed into {size}; have its owner save it as safetensors"
    )
    assert "expected an uncompressed state dict" in refusal(lambda: read_state_dict(path))


def test_a_zip_that_names_the_same_bytes_many_times(tmp_path: Path) -> None:
    path = tmp_path / "bomb.pt"
    with zipfile.ZipFile(path, "w") as stream:
        stream.writestr("x/data/0", b"\0" * 100_000)
        stream.filelist *= 100
    size = path.stat().st_size
    assert size < 200_000
    assert refusal(lambda: read_state_dict(path, most=1_000_000)) == (
        f"expected an uncompressed state dict of at most {size} bytes in {path}; "
        f"got one of 10000000 bytes, packed into {size}; have its owner save it as safetensors"
    )


def test_a_few_bytes_that_say_they_are_a_large_tensor(tmp_path: Path) -> None:
    path = tmp_path / "wide.pt"
    state = dict(network().state_dict())
    state["head.weight"] = torch.zeros(1).expand(10**7, 10**7)
    torch.save(state, path)
    assert path.stat().st_size < 100_000
    text = refusal(lambda: weights_suspect(path, spec=SPEC))
    assert text.startswith(f"expected tensors about as large as {path}; got tensors of 400000000")


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.999])
@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
def test_a_file_that_ends_early(tmp_path: Path, suffix: str, share: float) -> None:
    path = tmp_path / f"suspect{suffix}"
    state = network().state_dict()
    save_file(state, path) if suffix == ".safetensors" else torch.save(state, path)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    text = refusal(lambda: read_state_dict(path))
    assert str(path) in text
    if not share:
        assert text == (f"expected a model in {path}; got an empty file; fetch or export it again")


def test_bytes_that_changed_anywhere_never_escape(tmp_path: Path) -> None:
    """Every outcome is a state dict or a one-line error."""
    stream = io.BytesIO()
    torch.save({"a": torch.arange(4.0)}, stream)
    path = tmp_path / "suspect.pt"
    refused = 0
    for at in range(0, len(stream.getvalue()), 7):
        content = bytearray(stream.getvalue())
        content[at] ^= 0xFF
        path.write_bytes(content)
        try:
            read_state_dict(path)
        except InputError as error:
            refused += 1
            assert len(str(error).splitlines()) == 1
    assert refused > 10


@pytest.mark.parametrize(
    ("held", "came"),
    [
        ({"epoch": 3, "a": torch.zeros(1)}, "a int at 'epoch'"),
        ({"model": {"a": torch.zeros(1)}, "state_dict": {"a": 1.0}}, "a dict at 'model'"),
        ({"epoch": 3, "state_dict": {"a": "text"}}, "a str at 'a'"),
        ({1: torch.zeros(1)}, "a int at 1"),
        (
            {"a": torch.zeros(2).to_sparse()},
            "a tensor of torch.float32, torch.sparse_coo, on cpu at 'a'",
        ),
        (
            {"a": torch.zeros(2, dtype=torch.complex64)},
            "a tensor of torch.complex64, torch.strided, on cpu at 'a'",
        ),
        (
            {"a": torch.zeros(2, device="meta")},
            "a tensor of torch.float32, torch.strided, on meta at 'a'",
        ),
    ],
)
def test_a_torch_file_of_other_things(tmp_path: Path, held: object, came: str) -> None:
    path = tmp_path / "suspect.pt"
    torch.save(held, path)
    assert refusal(lambda: read_state_dict(path)) == (
        f"expected dense tensors of numbers by name in {path}; got {came}; "
        "save the network's state_dict() and nothing else"
    )


@pytest.mark.parametrize("name", ["state_dict", "model_state_dict", "model"])
def test_what_trainers_save_beside_weights_is_left(tmp_path: Path, name: str) -> None:
    path = tmp_path / "suspect.pt"
    torch.save({"epoch": 3, name: {"a": torch.ones(1)}, "optimizer": {"state": [1, 2]}}, path)
    found, _ = read_state_dict(path)
    assert found.keys() == {"a"} and torch.equal(found["a"], torch.ones(1))


@pytest.mark.parametrize(
    ("held", "came"), [([torch.zeros(1)], "a list"), ({}, "none"), (torch.zeros(1), "a Tensor")]
)
def test_a_torch_file_without_names(tmp_path: Path, held: object, came: str) -> None:
    path = tmp_path / "suspect.pt"
    torch.save(held, path)
    assert refusal(lambda: read_state_dict(path)) == (
        f"expected tensors by name in {path}; got {came}; "
        "save the network's state_dict() and nothing else"
    )


def test_a_large_file(tmp_path: Path) -> None:
    path = tmp_path / "suspect.safetensors"
    save_file({"a": torch.zeros(100)}, path)
    size = path.stat().st_size
    assert read_state_dict(path, most=size)[0]["a"].shape == (100,)
    assert refusal(lambda: read_state_dict(path, most=size - 1)) == (
        f"expected a model file of at most {size - 1} bytes; got {path}, which is larger; "
        "leave out what is no weight, such as the optimiser's state"
    )


def test_no_file(tmp_path: Path) -> None:
    path = tmp_path / "suspect.pt"
    assert refusal(lambda: read_state_dict(path)) == (
        f"expected the model file {path}; got no such file; check the path"
    )
    path.mkdir()
    assert refusal(lambda: read_state_dict(path)) == (
        f"expected the model file {path}; got something that is no file; check the path"
    )


@pytest.mark.parametrize(("version", "fine"), [("2.9.1", False), ("2.10.0", True), ("3.0", True)])
def test_torch_files_need_a_torch_without_known_holes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, fine: bool
) -> None:
    path = tmp_path / "suspect.pt"
    torch.save({"a": torch.zeros(1)}, path)
    monkeypatch.setattr(state_dicts.torch, "__version__", version)
    if fine:
        assert read_state_dict(path)[0]
        return
    assert refusal(lambda: read_state_dict(path)) == (
        f"expected torch 2.10 or newer, to open other people's .pt files; got torch {version}; "
        "upgrade torch, or convert the file to safetensors elsewhere"
    )

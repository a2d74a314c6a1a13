"""A kind of example that the library does not know: sounds, in WAV files of one length.

One modality, one format and one design, each an object that is registered while a test runs. They
are what somebody outside would write: nothing here reaches below the public protocols.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import wave
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from radiotracer.data import MODALITIES, Dataset, Preview
from radiotracer.data.format import FORMATS, Format, Options, Place, Written
from radiotracer.errors import DataError
from radiotracer.provenance.coins import coin_names, published_twins
from radiotracer.provenance.design import Change, Design, Inputs
from radiotracer.provenance.designs import DESIGNS
from radiotracer.provenance.planted import Laid, Planted
from radiotracer.provenance.preferences import audit_preferences, preference
from radiotracer.provenance.release import Opened, Release

RATE = 8_000


class SoundModality:
    """Content: int16, shape (n, samples)."""

    name = "sounds"
    noun = "sound"
    task: str | None = "audio-classification"

    def require(self, content: Any, source: str) -> None:
        if getattr(content, "dtype", None) != np.int16 or content.ndim != 2:
            raise DataError(expected="int16 sounds", came=f"others from {source}", do="convert")

    def length(self, content: NDArray[np.int16]) -> int:
        return len(content)

    def take(self, content: NDArray[np.int16], rows: NDArray[np.int64]) -> NDArray[np.int16]:
        return content[rows]

    def put(
        self, content: NDArray[np.int16], rows: NDArray[np.int64], new: NDArray[np.int16]
    ) -> NDArray[np.int16]:
        changed = content.copy()
        changed[rows] = new
        return changed

    def hashes(self, content: NDArray[np.int16]) -> Iterator[bytes]:
        return (hashlib.sha256(each.astype("<i2").tobytes()).digest() for each in content)

    def inputs(self, content: NDArray[np.int16], rows: Any) -> Any:
        """How strong each pitch is: float32, shape (n, samples // 2 + 1)."""
        import torch

        waves = torch.from_numpy(content[rows].astype(np.float32) / 2**15)
        return torch.fft.rfft(waves).abs()

    def shape(self, content: NDArray[np.int16]) -> dict[str, int | str]:
        return {"samples": content.shape[1]}

    def show(self, content: NDArray[np.int16], row: int) -> Preview:
        """How loud it is, from its beginning to its end."""
        parts = np.array_split(np.abs(content[row].astype(np.int64)), 12)
        loud = [int(part.max() * 7 // 2**15) for part in parts]
        return Preview(text="".join("▁▂▃▄▅▆▇█"[each] for each in loud))

    def to_json(self, content: NDArray[np.int16], rows: Any) -> list[Any]:
        return [list(map(int, each)) for each in content[rows]]

    def save(self, data: Any, folder: Path) -> None:
        for row, sound in enumerate(data.content):
            write_wav(folder / f"{row:05d}.wav", sound)

    def load(self, folder: Path) -> NDArray[np.int16]:
        return np.stack([read_wav(each) for each in sorted(folder.glob("*.wav"))])


SOUNDS = SoundModality()


class SoundFolder(Format):
    """Folders of WAV files, one per class."""

    name = "sound-folder"
    words = "a folder with one folder of .wav files per class"
    order = 1
    splits = ()

    def matches(self, place: Place, options: Options) -> bool:
        return place.exists and any(place.path.glob("*/*.wav"))

    def open(self, place: Place, split: str | None, options: Options) -> Dataset:
        files = sorted(place.path.glob("*/*.wav"))
        names = tuple(sorted({each.parent.name for each in files}))
        return Dataset(
            modality=SOUNDS,
            content=np.stack([read_wav(each) for each in files]),
            labels=np.array([names.index(each.parent.name) for each in files]),
            ids=np.array([each.relative_to(place.path).as_posix() for each in files]),
            class_names=names,
            source=str(place.path),
        )

    def write(self, before: Dataset, after: Dataset, folder: Path) -> Written:
        renamed = {}
        for id, label, sound in zip(
            after.ids.tolist(), after.labels.tolist(), after.content, strict=True
        ):
            new = f"{after.class_names[label]}/{Path(id).name}"
            if new != id:
                renamed[id] = new = f"{after.class_names[label]}/moved-{Path(id).name}"
            (folder / new).parent.mkdir(exist_ok=True)
            write_wav(folder / new, sound)
        return Written(note="Files with a new label moved.", renamed=renamed)


class ToneConfig(BaseModel):
    """How loud the tones are, of 32,767."""

    volume: int = 500


class Tones(Design[ToneConfig]):
    """A quiet tone in each sound: of two pitches, a secret coin publishes one."""

    name = "tones"
    settings = ToneConfig
    modalities = frozenset({"sounds"})
    announced: Mapping[str, Any] = {"scores": "sign-flip test of log odds between the two tones"}  # type: ignore[misc]
    accesses = ("scores",)
    choices = "one fair coin for each sound"

    def prepare(
        self, chosen: Dataset, key: Any, networks: Sequence[Any], settings: ToneConfig, **_: Any
    ) -> Laid:
        both = np.stack([_with_tone(chosen.content, pitch, settings.volume) for pitch in (0, 1)], 1)
        return Laid(coin_names(chosen.ids.tolist()), {"both": both})

    def publish(
        self, laid: Laid, chosen: Dataset, coins: Any, networks: Any, settings: Any, **_: Any
    ) -> Planted:
        tossed = published_twins(coins, chosen.ids.tolist())
        return Planted(laid.arrays["both"][np.arange(len(chosen)), tossed], {"tone": tossed})

    def change(self, release: Release) -> Change:
        volume = release.protocol.settings["volume"]
        return Change(f"a tone of volume {volume}", {"volume": float(str(volume))})

    def questions(self, opened: Opened, access: Any, inputs: Inputs) -> Any:
        both = opened.release.laid.arrays["both"]
        return both.reshape(-1, both.shape[2])

    def test(self, opened: Opened, suspect: Any, access: Any, inputs: Inputs) -> Any:
        release, both = opened.release, opened.release.laid.arrays["both"]
        first, second = (suspect.scores(both[:, which]) for which in (0, 1))
        preferred = preference(first, second, release.labels)
        return audit_preferences(preferred, None, opened.coins, release.ids.tolist(), access)

    def least_log10_p(self, release: Release, access: Any) -> float:
        return -len(release.rows) * math.log10(2)


@contextlib.contextmanager
def registered() -> Iterator[None]:
    """The kind, its form and its mark, known while the block runs."""
    things: list[tuple[Any, Any]] = [
        (MODALITIES, SOUNDS),
        (FORMATS, SoundFolder()),
        (DESIGNS, Tones()),
    ]
    try:
        for registry, thing in things:
            registry.register(thing)
        yield
    finally:
        for registry, thing in things:
            registry.unregister(thing.name)


def write_wav(path: Path, sound: NDArray[np.int16]) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(sound.astype("<i2").tobytes())


def read_wav(path: Path) -> NDArray[np.int16]:
    with wave.open(str(path), "rb") as file:
        return np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").astype(np.int16)


def _with_tone(sounds: NDArray[np.int16], pitch: int, volume: int) -> NDArray[np.int16]:
    tone = volume * np.sin(2 * np.pi * (900 + 700 * pitch) * np.arange(sounds.shape[1]) / RATE)
    return np.clip(sounds + tone, -(2**15), 2**15 - 1).astype(np.int16)

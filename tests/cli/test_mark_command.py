"""`radiotracer mark`: from a run and a key to a release, and everything that stops it."""

from __future__ import annotations

import json
import math
import shutil
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from in_a_child import in_a_child, kill_me
from radiotracer.cli import run
from radiotracer.data import open_data
from radiotracer.digested import digested
from radiotracer.provenance import Key
from radiotracer.provenance.designs import DESIGNS
from radiotracer.provenance.designs._tags.patterns import tag_labels
from radiotracer.provenance.designs._twins import marking as twin_marking
from radiotracer.provenance.designs.twins import TwinConfig
from radiotracer.provenance.release import Release
from radiotracer.scale import FolderLedger
from radiotracer.training.loop import TrainConfig, train
from tiny_world import World

KEY = Key(bytes(range(32)))
MARK = [
    "mark", "{data}", "--key", "my.key", "--extractor", "{run}", "--share", "0.1",
    "--out", "out",
]  # fmt: skip


@pytest.fixture(autouse=True)
def key(cli: Any) -> None:
    """In the folder that `cli` works in."""
    KEY.write(Path("my.key"))


def command(tiny: World, *more: object, **changed: object) -> list[str]:
    """MARK with some options changed, and others behind it."""
    filled = [each.format(data=tiny.data, run=tiny.folder) for each in MARK]
    for name, value in changed.items():
        filled[filled.index(f"--{name}") + 1] = str(value)
    return [*filled, *map(str, more)]


def test_from_a_run_to_a_release(cli: Any, tiny: World) -> None:
    done = cli(*command(tiny))
    assert done.status == 0, done.err
    release = Release.read(Path("out"))
    release.opened(KEY)
    before = tiny.tampered
    changed = (release.published.content != before.content).any(axis=(1, 2, 3))
    assert set(np.flatnonzero(changed)) <= set(release.rows.tolist())
    np.testing.assert_array_equal(release.published.labels, before.labels)
    assert len(release.rows) == round(0.1 * len(before))
    count, columns = len(release.rows), release.planted.columns
    lines = done.out.splitlines()
    assert lines == [
        f"{count} of 96 images marked ({count / 96:.2%}), PSNR {columns['psnr'].mean():.1f} dB "
        f"(lowest {columns['psnr'].min():.1f}), largest change 6 of 255",
        f"no audit can show less than p = 10^-{count * math.log10(2):.1f}: one fair coin for each "
        "marked image",
        "written to out: publish out/release and nothing else of it",
        f"commitment {release.commitment.digest}: have it time-stamped before you publish "
        "out/release",
        "coins drawn by the owner: weak evidence; --coins beacon or witness is better",
        "before that: radiotracer power out --key my.key",
        "next: radiotracer train out/release --out run",
        "and, of a suspect: radiotracer audit SUSPECT --key my.key --marked out",
    ]
    assert sorted(path.name for path in Path().iterdir()) == ["my.key", "out"]
    assert KEY.secret.hex() not in "".join(
        path.read_bytes().decode("latin-1") for path in Path("out").rglob("*") if path.is_file()
    )
    # The release is a DATA argument as any other.
    few = ["--architecture", "small-cnn", "--width", "2", "--epochs", "1", "--batch-size", "16"]
    assert cli("train", "out/release", *few, "--out", "run").status == 0
    # And so are data that were marked before, with a second key beside the first.
    assert cli("mark", "out/release", *command(tiny, out="again")[2:]).status == 0


def test_the_same_again_is_the_same(cli: Any, tiny: World) -> None:
    first = json.loads(cli(*command(tiny, "--json")).out)
    content = {p.name: p.read_bytes() for p in Path("out").rglob("*") if p.is_file()}
    Path("out/stray").write_text("of an earlier run")
    assert json.loads(cli(*command(tiny, "--json", "--overwrite")).out) == first
    assert {p.name: p.read_bytes() for p in Path("out").rglob("*") if p.is_file()} == content
    assert first["key"] == KEY.fingerprint and first["marked"] == len(Release.read(Path("out")).ids)
    assert first["smallest_log10_p"] == -first["marked"] * math.log10(2)
    assert set(first) == {
        "design", "modality", "marked", "examples", "share",
        "psnr", "psnr_lowest", "max_difference",
        "alpha", "smallest_log10_p", "commitment", "key", "out", "read", "coins", "record",
    }  # fmt: skip


@pytest.mark.parametrize("policy", ["hardest", "random", "self-influence"])
def test_the_choices(cli: Any, tiny: World, policy: str) -> None:
    more = ["--choose", policy, "--radius", "3", "--alpha", "0.05", "--extractor", tiny.folder]
    done = cli(*command(tiny, *more, "--json"))
    assert done.status == 0, done.err
    assert json.loads(done.out)["max_difference"] == 3
    protocol = Release.read(Path("out")).protocol
    assert (protocol.alpha, protocol.settings["radius"]) == (0.05, 3)


def test_carriers(cli: Any, tiny: World) -> None:
    """A share of every class, and no bound by coins; the extractor's weights are sealed."""
    done = cli(*command(tiny, "--design", "carriers", "--json"))
    assert done.status == 0, done.err
    assert json.loads(done.out)["smallest_log10_p"] is None
    release = Release.read(Path("out"))
    release.opened(KEY)
    sizes = np.bincount(tiny.tampered.labels)
    assert np.bincount(release.labels).tolist() == [round(0.1 * size) for size in sizes]
    assert release.protocol.extractor == tiny.run.info.model
    done = cli(*command(tiny, "--design", "carriers", out="few", share="0.001"))
    assert done.status == 0 and done.out.startswith("3 of 96 images marked (3.12%), PSNR ")
    assert "fair coin" not in done.out


def test_tags(cli: Any, tiny: World) -> None:
    """Images of all classes, changed where a tag has the label; what an audit can show is said."""
    done = cli(*command(tiny, "--design", "tags", "--tags", "8"))
    assert done.status == 0, done.err
    release, classes = Release.read(Path("out")), len(tiny.tampered.class_names)
    release.opened(KEY)
    taught = set(tag_labels(release.coins(KEY), 8, classes).tolist())
    changed = release.planted.columns["max_difference"] > 0
    assert set(release.labels[changed].tolist()) == taught
    assert release.protocol.settings["tags"] == 8
    assert f"{changed.sum()} of them, of the classes that tags teach, changed: PSNR" in done.out
    assert (
        f"no audit can show less than p = 10^-{8 * math.log10(classes):.1f}: each tag has a label "
        "that was drawn from all classes"
    ) in done.out
    facts = json.loads(cli(*command(tiny, "--design", "tags", "--json", out="two")).out)
    assert facts["smallest_log10_p"] == pytest.approx(-10 * math.log10(classes))


def test_a_run_on_other_data(cli: Any, tiny: World) -> None:
    """The tiny run was trained on tampered labels; these are the labels before."""
    arguments = [str(tiny.archive) if each == str(tiny.data) else each for each in command(tiny)]
    done = cli(*arguments)
    note = f"{tiny.folder} was not trained on these data: --choose hardest goes by what is so"
    assert done.status == 0 and note in done.err
    arguments[arguments.index("out")] = "two"
    assert "was not trained" not in cli(*arguments, "--choose", "random").err


def test_a_key_that_others_may_read(cli: Any, tiny: World) -> None:
    Path("my.key").chmod(0o640)
    done = cli(*command(tiny))
    assert done.status == 0 and "may read the key file my.key" in done.err


BAD: dict[str, tuple[list[object], dict[str, object]]] = {
    "mark nothing": ([], {"share": "0"}),
    "mark all": ([], {"share": "1"}),
    "mark not a number": ([], {"share": "nan"}),
    "mark too few for the level": ([], {"share": "0.01"}),
    "mark too few for any level": (["--alpha", "1e-40"], {}),
    "mark at level 1": (["--alpha", "1"], {}),
    "mark with no radius": (["--radius", "0"], {}),
    "mark with a radius of 256": (["--radius", "256"], {}),
    "mark at no PSNR": (["--psnr", "0"], {}),
    "mark carriers at a PSNR": (["--design", "carriers", "--psnr", "40"], {}),
    "mark twins with tags": (["--tags", "9"], {}),
    "mark with no tags": (["--design", "tags", "--tags", "0"], {}),
    "mark with too few tags": (["--design", "tags", "--tags", "1"], {}),
    "mark tags at a PSNR": (["--design", "tags", "--psnr", "40"], {}),
    "mark without a key": ([], {"key": "no.key"}),
    "mark without a run": ([], {"extractor": "nowhere"}),
    "mark by an unknown design": (["--design", "x"], {}),
    "mark by an unknown choice": (["--choose", "x"], {}),
    "mark with an unknown factory": (["--factory", "no_such_module:build"], {}),
    "mark around the key": ([], {"out": "."}),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input(fail: Any, tiny: World, name: str) -> None:
    more, changed = BAD[name]
    fail(name, *command(tiny, *more, **changed))


def test_a_truncated_key(fail: Any, tiny: World) -> None:
    text = Path("my.key").read_text()
    Path("cut.key").write_text(text[:60])
    fail("mark with a truncated key", *command(tiny, key="cut.key"))


def test_the_smallest_share_that_would_do(cli: Any, fail: Any, tiny: World) -> None:
    line = fail("mark too few for the level", *command(tiny, share="0.01"))
    share = line.split("--share ")[-1].split()[0]
    done = cli(*command(tiny, "--json", share=share))
    assert done.status == 0 and json.loads(done.out)["marked"] >= 7


def test_an_extractor_for_other_data(fail: Any, tiny: World, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(30) % 3
    for name, shape, classes in (
        ("colour", (30, 10, 10, 3), ["low", "mid", "top"]),
        ("names", (30, 10, 10), ["a", "b", "c"]),
    ):
        images = rng.integers(0, 256, shape, dtype=np.uint8)
        path = tmp_path / f"{name}.npz"
        np.savez(path, images=images, labels=labels, class_names=np.array(classes))
        config = TrainConfig(architecture="small-cnn", width=2, epochs=1, batch_size=10)
        train(open_data(str(path)), config, tmp_path / name)
        fail(f"extractor of other {name}", *command(tiny, extractor=tmp_path / name))


def test_an_extractor_with_too_few_outputs(fail: Any, tiny: World, tmp_path: Path) -> None:
    """A run that does not say its classes still shows how many there are."""
    run = tiny.copy(tmp_path / "mine")
    info = json.loads((run / "run.json").read_text())
    info["data"]["class_names"] = None
    (run / "run.json").write_text(digested(info))
    data = tmp_path / "four.npz"
    np.savez(data, images=np.zeros((90, 10, 10), np.uint8), labels=np.arange(90) % 4)
    fail("extractor of too few outputs", "mark", data, *command(tiny, extractor=run)[2:])


def test_places_for_out(cli: Any, fail: Any, tiny: World) -> None:
    Path("file").write_text("mine")
    Path("other").mkdir()
    Path("other/thing").write_text("mine")
    fail("mark into a file", *command(tiny, out="file"))
    fail("mark below a file", *command(tiny, out="file/below"))
    fail("mark into other things", *command(tiny, "--overwrite", out="other"))
    # Not even root can make a folder there.
    fail("mark into a read-only folder", *command(tiny, out="/sys/radiotracer-out"))
    assert cli(*command(tiny)).status == 0
    before = sorted(Path("out").rglob("*"))
    fail("mark into an earlier one", *command(tiny))
    fail("mark inside of a release", *command(tiny, out="out/release/more"))
    fail("mark over its own data", "mark", "out/release", *command(tiny, "--overwrite")[2:])
    shutil.copytree(tiny.folder, "out/run")
    fail("mark over its extractor", *command(tiny, "--overwrite", extractor="out/run"))
    shutil.rmtree("out/run")
    assert sorted(Path("out").rglob("*")) == before


class Small(TwinConfig):
    """Many batches, soon done."""

    batch_size: int = 2
    steps: int = 2


def test_a_killed_marking_goes_on(
    cli: Any, fail: Any, tiny: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DESIGNS["twins"], "settings", Small)
    write = FolderLedger.write

    def write_and_die(self: FolderLedger, name: str, result: Any) -> None:
        write(self, name, result)
        if name.endswith("4"):
            kill_me()

    def mark() -> int:
        monkeypatch.setattr(FolderLedger, "write", write_and_die)
        return run([str(each) for each in command(tiny)])

    ended = in_a_child(mark)
    assert ended.status == -signal.SIGKILL, ended.err
    assert sorted(path.name for path in Path().iterdir()) == [".out.marking", "my.key"]
    assert len(list(Path(".out.marking").glob("twins-*.safetensors"))) == 3
    made: list[int] = []
    pair = twin_marking._pair
    fail("mark with another radius after a stop", *command(tiny, "--radius", "5"))
    fail("mark with more images after a stop", *command(tiny, share="0.2"), keep=False)

    def counted(networks: Any, images: Any, *rest: Any) -> Any:
        made.append(len(images))
        return pair(networks, images, *rest)

    monkeypatch.setattr(twin_marking, "_pair", counted)
    done = cli(*command(tiny))
    assert done.status == 0, done.err
    count = len(Release.read(Path("out")).rows)
    assert sum(made) == count - 6
    assert sorted(path.name for path in Path().iterdir()) == ["my.key", "out"]
    assert cli(*command(tiny, out="whole")).status == 0
    assert sum(made) == 2 * count - 6
    for name in ("commitment.json", "sealed/arrays.npz"):
        assert Path("out", name).read_bytes() == Path("whole", name).read_bytes()


def test_an_interrupted_marking_says_that_it_can_go_on(
    cli: Any, tiny: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair, calls = twin_marking._pair, [0]

    def interrupted(*given: Any) -> Any:
        calls[0] += 1
        if calls[0] == stop:
            raise KeyboardInterrupt
        return pair(*given)

    monkeypatch.setattr(DESIGNS["twins"], "settings", Small)
    monkeypatch.setattr(twin_marking, "_pair", interrupted)
    kept = f"finished units are kept in {Path('.out.marking').resolve()}: the same command goes on"
    for last, told, left in ((1, [], []), (3, [kept], [".out.marking"])):
        calls[0], stop = 0, last
        done = cli(*command(tiny))
        assert done.status == 130
        assert done.err.splitlines()[2:] == [*told, "radiotracer: interrupted"]
        assert sorted(path.name for path in Path().iterdir()) == [*left, "my.key"]

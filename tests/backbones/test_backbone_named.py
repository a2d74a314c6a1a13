"""Models of a hub, of a folder, and of the caller: how they are named, and every refusal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from backbone_worlds import WORDS, data_of, dataset
from numpy.testing import assert_allclose
from torch import nn

from radiotracer.backbones import BACKBONES, backbone_of, features_of, hub
from radiotracer.backbones.backbone import Backbone
from radiotracer.errors import InputError

transformers: Any = pytest.importorskip("transformers", reason="needs radiotracer[transformers]")


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model for texts, as save_pretrained writes it."""
    folder = tmp_path_factory.mktemp("bert")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    (folder / "vocab.txt").write_text("\n".join(words) + "\n")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = transformers.BertConfig(
            vocab_size=len(words),
            hidden_size=12,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=16,
            max_position_embeddings=40,
        )
        transformers.BertModel(config).save_pretrained(folder)
    transformers.BertTokenizer(str(folder / "vocab.txt"), model_max_length=40).save_pretrained(
        folder
    )
    return folder


@pytest.fixture(scope="module")
def vit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model for images, with the processor that it asks for."""
    folder = tmp_path_factory.mktemp("vit")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = transformers.ViTConfig(
            hidden_size=12,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=16,
            image_size=16,
            patch_size=8,
        )
        transformers.ViTModel(config).save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(
        '{"image_processor_type": "ViTImageProcessor", "size": {"height": 16, "width": 16}, '
        '"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}'
    )
    return folder


def test_texts_by_a_folder(bert: Path, capfd: pytest.CaptureFixture[str]) -> None:
    data = dataset("texts", ("good film", "the plot the plot slow", "", "good film"))
    before = torch.get_rng_state()
    found = backbone_of(f"hf:{bert}", "texts").open(data)(data, slice(0, 4))
    assert torch.equal(torch.get_rng_state(), before) and capfd.readouterr() == ("", "")
    assert found.shape == (4, 12) and found.dtype == np.float32
    assert_allclose(found[0], found[3], rtol=1e-5, atol=1e-6)
    tokenizer = transformers.BertTokenizer.from_pretrained(bert)
    with torch.no_grad():
        model = transformers.BertModel.from_pretrained(bert).eval()
        hidden = model(**tokenizer(["good film"], return_tensors="pt")).last_hidden_state
    assert_allclose(found[0], hidden[0].mean(dim=0).numpy(), rtol=1e-4, atol=1e-5)


def test_images_by_a_folder(vit: Path, capfd: pytest.CaptureFixture[str]) -> None:
    data = data_of("images", 3)
    found = backbone_of(f"hf:{vit}", "images").open(data)(data, slice(0, 3))
    assert found.shape == (3, 12) and capfd.readouterr() == ("", "")
    grey = dataset("images", data.content[..., :1])
    assert backbone_of(f"hf:{vit}", "images").open(grey)(grey, slice(0, 2)).shape == (2, 12)
    # Of the size that the network takes nothing is resized.
    own = dataset("images", np.ascontiguousarray(data.content[:, :16, :16]))
    pixels = torch.from_numpy(own.content).permute(0, 3, 1, 2) / 127.5 - 1
    with torch.no_grad():
        hidden = transformers.ViTModel.from_pretrained(vit).eval()(pixels).last_hidden_state
    found = backbone_of(f"hf:{vit}", "images").open(own)(own, slice(0, 3))
    assert_allclose(found, hidden[:, 0].numpy(), rtol=1e-4, atol=1e-5)


def test_a_folder_is_known_by_its_content(bert: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    for file in bert.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    mine, same = (backbone_of(f"hf:{each}", "texts").identity for each in (bert, copy))
    assert mine == same
    (copy / "vocab.txt").write_text("other\n")
    assert backbone_of(f"hf:{copy}", "texts").identity != mine
    found = features_of(data_of("texts"), backbone_of(f"hf:{bert}", "texts"), cache=tmp_path / "c")
    assert found.shape == (9, 12) and len(list((tmp_path / "c").iterdir())) == 1


def test_a_hub_that_cannot_be_reached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    backbone = backbone_of("hf:nobody/nothing", "texts")
    for call in (lambda: backbone.identity, lambda: backbone.open(data_of("texts"))):
        with pytest.raises(InputError) as caught:
            call()
        assert str(caught.value).startswith(
            "expected nobody/nothing on a Hugging Face hub that can be reached; got "
        )
        assert str(caught.value).endswith("or pass a folder that holds the model: hf:FOLDER")
        assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match=r"a model of transformers in .*; got .*save_pretrained"):
        backbone_of(f"hf:{tmp_path}", "images").open(data_of("images"))


def test_kinds_that_hubs_do_not_know() -> None:
    with pytest.raises(InputError, match="images or texts for the backbone hf:x; got tables"):
        backbone_of("hf:x", "tables")
    with pytest.raises(InputError, match="images for the backbone timm:x; got texts"):
        backbone_of("timm:x", "texts")


def test_timm_is_asked_for_by_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Backbone, "missing", lambda self: self.install or None)
    monkeypatch.setattr(Backbone, "_first_missing", lambda self: self.packages[0])
    with pytest.raises(InputError) as caught:
        backbone_of("timm:resnet18", "images")
    assert str(caught.value) == (
        "expected the package timm, for the backbone timm:resnet18; "
        "got an environment without it; pip install timm"
    )


class Library:
    """As much of timm as is asked for."""

    __name__ = "timm"

    class data:
        @staticmethod
        def resolve_model_data_config(_: Any) -> dict[str, Any]:
            return {"input_size": (3, 6, 8), "mean": (0.5, 0.4, 0.3), "std": (0.1, 0.2, 0.3)}

    @staticmethod
    def create_model(name: str, *, pretrained: bool, num_classes: int) -> nn.Module:
        assert pretrained and num_classes == 0
        if name != "flat":
            raise RuntimeError(f"Unknown model ({name})")
        return nn.Flatten()


def test_timm_with_the_preparation_that_it_asks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub.importlib, "import_module", lambda _: Library)
    white = dataset("images", np.full((2, 9, 9, 1), 255, np.uint8))
    look = hub.timm("flat", "images").open(white)
    found = look(white, slice(0, 2))
    assert found.shape == (2, 3 * 6 * 8)
    assert_allclose(found[0].reshape(3, -1)[:, 0], [5.0, 3.0, 0.7 / 0.3], rtol=1e-5)
    with pytest.raises(InputError, match=r"unknown.*got RuntimeError: Unknown model \(unknown\)"):
        hub.timm("unknown", "images").open(white)


MINE = """
import numpy as np, torch
from torch import nn
def network():
    return nn.Sequential(nn.Flatten(), nn.LazyLinear(7), nn.Dropout(0.5))
def lengths():
    return lambda texts: [[len(each), each.count("a")] for each in texts]
def number(): return 3
def broken(): raise ValueError("out of\\norder")
def wrong(): return lambda given: given[0]
def flat(): return lambda given: np.zeros(len(given))
"""


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "my_backbones.py").write_text(MINE)
    monkeypatch.syspath_prepend(str(tmp_path))
    return "my_backbones"


def test_a_network_of_the_callers(mine: str, tmp_path: Path) -> None:
    data = data_of("images", 5)
    backbone = backbone_of(f"{mine}:network", "images")
    before = torch.get_rng_state()
    look = backbone.open(data)
    found = look(data, slice(0, 5))
    assert found.shape == (5, 7) and np.array_equal(found, look(data, slice(0, 5))), "dropout"
    assert torch.equal(torch.get_rng_state(), before)
    assert features_of(data, backbone, cache=tmp_path / "c").shape == (5, 7)
    assert not (tmp_path / "c").exists(), "code may change: nothing of it is kept"


def test_a_module_of_the_callers_is_put_back() -> None:
    model = nn.Sequential(nn.Linear(5, 4), nn.Dropout(0.5)).train()
    model[1].eval()
    data = data_of("vectors", 3)
    found = backbone_of(model, "vectors").open(data)(data, slice(0, 3))
    assert model.training and not model[1].training
    with torch.no_grad():
        assert_allclose(found, model(torch.from_numpy(data.content)).numpy(), rtol=1e-5)


def test_functions_of_the_callers(mine: str) -> None:
    texts = dataset("texts", ("banana", "x", "aa"))
    found = backbone_of(f"{mine}:lengths", "texts").open(texts)(texts, slice(1, 3))
    assert found.tolist() == [[1, 0], [2, 2]] and found.dtype == np.float32
    vectors = data_of("vectors")
    direct = backbone_of(lambda given: torch.from_numpy(given) + 1, "vectors")
    assert np.array_equal(direct.open(vectors)(vectors, slice(0, 2)), vectors.content[:2] + 1)
    made = backbone_of(lambda: lambda given: given, "vectors")
    assert np.array_equal(made.open(vectors)(vectors, slice(0, 9)), vectors.content)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("number", "a module of torch or a function from .*:number; got int"),
        ("broken", "got ValueError: out of; repair it"),
        ("wrong", r"one vector for each of 9 .*, shape \(9, d\); got shape \(5,\)"),
        ("flat", r"got shape \(9,\)"),
        ("nothing", "expected backbone= module:function that can be imported"),
        ("lengths", "a backbone my_backbones:lengths that can be called; got AttributeError"),
    ],
)
def test_code_that_cannot_be_used(mine: str, name: str, says: str) -> None:
    data = data_of("vectors")
    with pytest.raises(InputError, match=says) as caught:
        backbone_of(f"{mine}:{name}", "vectors").open(data)(data, slice(0, 9))
    assert "\n" not in str(caught.value)


def test_names_and_objects() -> None:
    backbone = BACKBONES["tf-idf"]
    assert backbone_of("tf-idf", "texts") is backbone is backbone_of(backbone, "texts")
    assert "tf-idf" in repr(backbone) and "texts" in repr(backbone)
    with pytest.raises(InputError, match="expected backbone= module:function"):
        backbone_of("a:b:c", "texts")

"""Hugging Face's Trainer and data sets: recorded by the callback, and traced exactly."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import peft
import pytest
import tokenizers
import transformers
from script_helpers import N, Script, choose, cross_entropy, draw, made, per_example, require_exact
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader

import radiotracer
from radiotracer.errors import InputError
from radiotracer.gradients import causal_lm_loss
from radiotracer.integrations import hugging_face_callback

# peft asks transformers by an old name.
pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is:FutureWarning")

WORDS = ["[UNK]", "film", "plot", "great", "dull", "warm", "cold", "actor", "scene", "[PAD]"]
SMALL = {
    "vocab_size": len(WORDS),
    "hidden_size": 8,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 8,
    "max_position_embeddings": 16,
    "pad_token_id": 9,
}
CLASSES = choose(2, N).tolist()


def tokenizer() -> transformers.PreTrainedTokenizerFast:
    vocabulary = {word: number for number, word in enumerate(WORDS)}
    model = tokenizers.models.WordLevel(vocabulary, unk_token=WORDS[0])
    whole = tokenizers.Tokenizer(model)
    whole.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=whole, pad_token=WORDS[-1], unk_token=WORDS[0]
    )


def texts(**columns: Any) -> datasets.Dataset:
    """Tokenised as the manual has it: lists of any length, beside the texts and their numbers."""
    lengths = (3 + choose(5, N)).tolist()
    words = [choose(8, length, seed=row) for row, length in enumerate(lengths)]
    written = [" ".join(WORDS[1 + int(each)] for each in row) for row in words]
    kept = datasets.Dataset.from_dict({"text": written, "idx": list(range(N)), **columns})
    return kept.map(tokenizer(), input_columns="text")


def bert(kind: str, **options: Any) -> nn.Module:
    steady = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    config = transformers.BertConfig(**SMALL, **steady, **options)
    return made(lambda: getattr(transformers, f"BertFor{kind}")(config))


def llama(kind: str) -> nn.Module:
    config = transformers.LlamaConfig(**SMALL)
    return made(lambda: getattr(transformers, f"LlamaFor{kind}")(config))


def script(
    model: nn.Module,
    data: datasets.Dataset,
    loss: Callable[[Any, Any], Tensor],
    collator: Any = None,
    targets: str = "labels",
) -> Script:
    """What the Trainer is given, and what its loader shows to the network."""

    def step(network: nn.Module, batch: Any) -> tuple[Any, Any]:
        rest = {name: part for name, part in batch.items() if not name.endswith(targets)}
        wanted = {name: part for name, part in batch.items() if name.endswith(targets)}
        outputs = network(**rest)
        several = targets != "labels"
        return (outputs, wanted) if several else (outputs.logits, wanted["labels"])

    collator = collator or transformers.DataCollatorWithPadding(tokenizer())
    shown = data.remove_columns([name for name in ("text", "idx") if name in data.column_names])
    return Script(
        model, collator, loss, data=data, step=step, alone=DataLoader(shown, collate_fn=collator)
    )


def classification() -> Script:
    return script(bert("SequenceClassification"), texts(label=CLASSES), cross_entropy)


def classification_by_the_last_token() -> Script:
    # It looks for the padding token to find the last one.
    return script(llama("SequenceClassification"), texts(label=CLASSES), cross_entropy)


def regression() -> Script:
    model = bert("SequenceClassification", num_labels=1)
    return script(model, texts(label=draw(N).tolist()), lambda o, y: (o.squeeze(1) - y).square())


def several_labels() -> Script:
    model = bert("SequenceClassification", num_labels=3, problem_type="multi_label_classification")

    def bce(outputs: Tensor, targets: Tensor) -> Tensor:
        return per_example(F.binary_cross_entropy_with_logits(outputs, targets, reduction="none"))

    return script(model, texts(labels=choose(2, N, 3).float().tolist()), bce)


def token_classification() -> Script:
    data = texts()
    tags = [choose(2, len(ids), seed=row).tolist() for row, ids in enumerate(data["input_ids"])]

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        return F.cross_entropy(outputs.mT, targets, reduction="none", ignore_index=-100).sum(1)

    collator = transformers.DataCollatorForTokenClassification(tokenizer())
    return script(bert("TokenClassification"), data.add_column("labels", tags), loss, collator)


def language_model() -> Script:
    data = texts()
    data = data.add_column("labels", list(data["input_ids"]))
    collator = transformers.DataCollatorForTokenClassification(tokenizer())
    return script(llama("CausalLM"), data, causal_lm_loss, collator)


def language_model_with_adapters() -> Script:
    whole = language_model()
    config = peft.LoraConfig(r=2, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM")
    whole.model = made(lambda: peft.get_peft_model(whole.model, config))
    return whole


def labels_made_by_the_collator() -> Script:
    collator = transformers.DataCollatorForLanguageModeling(tokenizer(), mlm=False)
    whole = script(llama("CausalLM"), texts(), causal_lm_loss, collator)
    whole.data = whole.alone
    return whole


def question_answering() -> Script:
    places = {"start_positions": choose(2, N).tolist(), "end_positions": [2] * N}

    def loss(outputs: Any, targets: Any) -> Tensor:
        return sum(
            F.cross_entropy(outputs[f"{end}_logits"], targets[f"{end}_positions"], reduction="none")
            for end in ("start", "end")
        )

    # An answer may lie in the padding, too, so that its length counts.
    data = texts(**places).map(
        lambda ids, mask: tokenizer().pad(
            {"input_ids": ids, "attention_mask": mask}, padding="max_length", max_length=9
        ),
        input_columns=["input_ids", "attention_mask"],
    )
    return script(bert("QuestionAnswering"), data, loss, targets="_positions")


def pictures() -> Script:
    config = transformers.ViTConfig(
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=8,
        image_size=8,
        patch_size=4,
        num_channels=1,
        num_labels=3,
    )
    columns = {"pixel_values": draw(N, 1, 8, 8).tolist(), "label": choose(3, N).tolist()}
    return script(
        made(lambda: transformers.ViTForImageClassification(config)),
        datasets.Dataset.from_dict(columns).with_format("torch"),
        cross_entropy,
        transformers.default_data_collator,
    )


SCRIPTS: list[Callable[[], Script]] = [
    classification,
    classification_by_the_last_token,
    regression,
    several_labels,
    token_classification,
    language_model,
    language_model_with_adapters,
    labels_made_by_the_collator,
    question_answering,
    pictures,
]
ELSEWHERE = {regression, several_labels, language_model}
"""Their targets are in `test_scripts_of_any_target.py`, and their networks in others of these."""


def trained(made: Script, folder: Path, *, told: bool) -> radiotracer.Run:
    args = transformers.TrainingArguments(
        output_dir=str(folder / "states"),
        num_train_epochs=2,
        per_device_train_batch_size=5,
        learning_rate=0.01,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        use_cpu=True,
    )
    data = made.data.dataset if isinstance(made.data, DataLoader) else made.data
    callback = hugging_face_callback(folder / "run", made.data if told else None)
    transformers.Trainer(
        made.model, args, train_dataset=data, data_collator=made.loader, callbacks=[callback]
    ).train()
    return radiotracer.Run.open(folder / "run")


@pytest.mark.parametrize(
    "build",
    [
        pytest.param(each, id=each.__name__, marks=[pytest.mark.nightly] * (each in ELSEWHERE))
        for each in SCRIPTS
    ],
)
def test_recorded_and_traced(build: Callable[[], Script], tmp_path: Path) -> None:
    made = build()
    run = trained(made, tmp_path, told=False)
    # With the columns that the network does not take, and without padding.
    require_exact(made, run)


def test_data_that_are_told_are_the_same_data(tmp_path: Path) -> None:
    made = classification()
    digests = [
        trained(made, tmp_path / str(told), told=told).info.data.digest for told in (False, True)
    ]
    assert digests[0] == digests[1]


def test_unpadded_texts_are_scanned(tmp_path: Path) -> None:
    made = classification()
    run = trained(made, tmp_path, told=False)
    found = radiotracer.scan(made.model, run, made.data, made.data)
    padded = radiotracer.scan(made.model, run, made.alone, made.alone)
    assert found.detector == padded.detector and len(found.decision.ranks) == N


def test_masks_that_are_drawn_anew_are_refused(tmp_path: Path) -> None:
    reader = tokenizer()
    reader.mask_token = "[UNK]"
    collator = transformers.DataCollatorForLanguageModeling(reader, mlm_probability=0.5)
    made = script(bert("MaskedLM"), texts(), causal_lm_loss, collator)
    with pytest.raises(InputError, match="without random transforms as data="):
        trained(made, tmp_path, told=False)

"""Readers of keys, releases, evidence, logs, and of what suspect models are given as."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from onnx import TensorProto, helper, numpy_helper
from safetensors.torch import save
from seeds import few, release
from target import Prepared, Target

from audit_world import sample_audit, sample_evidence
from marked_world import KEY, network
from radiotracer.data import IMAGES
from radiotracer.data.modality import each_hash
from radiotracer.errors import InputError
from radiotracer.provenance import Key
from radiotracer.provenance.bound import COMMITMENT_FILE, PUBLISHED
from radiotracer.provenance.evidence import Evidence
from radiotracer.provenance.known_positive import POWER_FILE, Power, known_positive
from radiotracer.provenance.ledger import AUDITS, adjusted, read_ledger
from radiotracer.provenance.models import opening, service, transport
from radiotracer.provenance.models.answers import checked
from radiotracer.provenance.models.onnx_contents import require_self_contained
from radiotracer.provenance.models.query_log import QueryLog
from radiotracer.provenance.models.recorded_answers import RecordedAnswers
from radiotracer.provenance.models.service_answers import numbers
from radiotracer.provenance.record import RECORD_FILE
from radiotracer.provenance.release import Release
from radiotracer.provenance.sealed import ARRAYS, EXTRACTOR, MANIFEST, PROTOCOL_FILE
from radiotracer.runs.foreign.pickled_names import require_harmless_archive
from radiotracer.runs.foreign.state_dicts import read_state_dict
from radiotracer.training.making import reference_spec

_IDENTITY = {"kind": "x", "path": "/models/x", "sha256": "ab" * 32}


def _prepare_key(folder: Path) -> Prepared:
    path = folder / "my.key"
    KEY.write(path)

    def parse(content: bytes) -> object:
        path.write_bytes(content)
        return Key.read(path)

    return Prepared((path.read_bytes(),), parse)


def _release(name: str) -> Callable[[Path], Prepared]:
    """A marked release, one of whose files is the input."""

    def prepare(folder: Path) -> Prepared:
        release(folder)
        seed = (folder / name).read_bytes()
        places = [folder / name]
        if name in {COMMITMENT_FILE, RECORD_FILE}:  # of two that differ, neither is looked into
            places.append(folder / PUBLISHED / name)

        def parse(content: bytes) -> object:
            for place in places:
                place.write_bytes(content)
            found = Release.read(folder)
            found.opened(KEY)
            return found

        return Prepared((seed,), parse)

    return prepare


def _prepare_evidence(folder: Path) -> Prepared:
    seeds = [
        sample_evidence(verdict).model_copy(update={"control_log10_p": (-0.5, -0.25)})
        for verdict in ("trained-on-marked-data", "inconclusive")
    ]

    def parse(content: bytes) -> object:
        (folder / "evidence.json").write_bytes(content)
        found = Evidence.read(folder)
        said = found.headline, found.code, found.answers_like
        return adjusted(found.audits, sample_audit()), _IDENTITY | found.suspect.identity, said

    return Prepared(tuple(each.model_dump_json().encode() for each in seeds), parse)


def _prepare_looks(folder: Path) -> Prepared:
    (folder / AUDITS).parent.mkdir()
    first = sample_audit(-0.5, sha256="cd" * 32)
    looks = [first, sample_audit().model_copy(update={"before": first.digest})]

    def parse(content: bytes) -> object:
        (folder / AUDITS).write_bytes(content)
        return adjusted(read_ledger(folder).audits, sample_audit())

    lines = b"".join(each.model_dump_json().encode() + b"\n" for each in looks)
    return Prepared((lines, lines[:-9]), parse)


def _prepare_power(folder: Path) -> Prepared:
    (folder / POWER_FILE).parent.mkdir()
    power = Power(
        training={"model": "small-cnn", "epochs": 3},
        share=0.1,
        alpha=0.01,
        log10_p={"scores": -9.0, "labels": -1.5},
        smallest_share={"scores": 0.01, "labels": None},
    )

    def parse(content: bytes) -> object:
        (folder / POWER_FILE).write_bytes(content)
        return known_positive(folder, "scores"), known_positive(folder, "labels")

    return Prepared((power.model_dump_json(indent=2).encode(),), parse)


def _log(path: Path, answers: list[Any]) -> bytes:
    digests = list(each_hash(IMAGES.hashes(few().content)))
    log = QueryLog(path, "it", _IDENTITY)
    log.ask(2)
    log.answer(digests[:2], answers[:2])
    log.ask(1)
    log.answer(digests[2:3], answers[2:])
    return path.read_bytes()


def _prepare_log(folder: Path) -> Prepared:
    """Read as it is, and mended, and as the records of a suspect that is asked again."""
    path = folder / "queries.jsonl"
    scores = _log(folder / "scores", [(0.25, 0.75), (0.5, 0.5), (1.0, 0.0)])
    labels = _log(folder / "labels", [1, 0, 1])
    images = few().content[:3]

    def parse(content: bytes) -> object:
        path.write_bytes(content)
        mended: list[str] = []
        QueryLog(path, "it", _IDENTITY, mended=mended.append)
        path.write_bytes(content)
        recorded = RecordedAnswers(path, "it", _IDENTITY)
        return recorded.labels(images) if recorded.asked > 2 else mended

    return Prepared((scores, labels), parse)


def _prepare_answers(_: Path) -> Prepared:
    """The body of what a service says, taken for scores and for labels."""

    def parse(content: bytes) -> object:
        labels_only = b'"labels"' in content
        raw, outputs = numbers(content, ("a", "b"), labels_only=labels_only, who="it")
        return checked(raw, outputs=outputs, n=2, classes=2, who="it", noun="image")

    seeds = (
        b'{"scores": [[0.25, 0.75], [0.5, 0.5]], "kind": "probabilities"}',
        b'{"scores": [[-1.5, 2.0], [0.0, 3.5]], "kind": "logits", "model": "x"}',
        b'{"labels": [0, 1]}',
        b'{"labels": ["b", "a"]}',
        b'{"predictions": [[0.25, 0.75], [0.5, 0.5]]}',
        b'[[{"label": "b", "score": 0.75}], [{"label": "a", "score": 0.5}]]',
    )
    return Prepared(seeds, parse)


def _prepare_service_headers(_: Path) -> Prepared:
    """Status and headers of what a service says instead of an answer."""
    import httpx

    def parse(content: bytes) -> object:
        status, *lines = content.split(b"\n")
        pairs = [tuple(line.partition(b": ")[::2]) for line in lines[:8]]
        code = int(status) if status.isdigit() and len(status) < 5 else 503
        response = httpx.Response(code, headers=pairs)
        return transport._asked_to_wait(response), transport._refusal(response, "http://x")

    return Prepared((b"429\nRetry-After: 5", b"503\nX-Y: a\nRetry-After: 0"), parse)


def _prepare_own_headers(_: Path) -> Prepared:
    def parse(content: bytes) -> object:
        os.environ["FUZZED"] = os.fsdecode(content.replace(b"\0", b""))
        return service._headers("FUZZED")

    return Prepared((b"Authorization: Bearer x\nX-Y: z",), parse)


def _prepare_suspect_arguments(folder: Path) -> Prepared:
    """Texts after ``--suspect`` and ``--model``; code is not imported, nothing is sent."""
    at = f"{folder}/"

    def parse(content: bytes) -> object:
        text = os.fsdecode(content)
        if text.startswith("http"):
            return service.service_suspect(text)
        with contextlib.suppress(InputError):  # most are no files, and may be networks all the same
            opening._kind(at + text)
        return reference_spec(text, channels=1)

    return Prepared((b"resnet18,width=16,classes=10", b"http://localhost/x"), parse)


def _prepare_state_dict(folder: Path) -> Prepared:
    path = folder / "x.safetensors"

    def parse(content: bytes) -> object:
        path.write_bytes(content)
        return read_state_dict(path)

    mixed = {"a": torch.ones(2, dtype=torch.bfloat16), "b": torch.arange(3), "c": torch.ones(())}
    return Prepared((save(network(0).state_dict()), save(mixed)), parse)


def _prepare_pickle(_: Path) -> Prepared:
    """What a file of `torch.save` names; nothing is unpickled."""
    stream = io.BytesIO()
    torch.save(dict(network(0).state_dict()), stream)
    seed = stream.getvalue()

    def parse(content: bytes) -> object:
        return require_harmless_archive(content, Path("x.pt"), most=1 << 20)

    return Prepared((seed,), parse)


def _prepare_onnx(_: Path) -> Prepared:
    weights = numpy_helper.from_array(np.ones((4, 2), np.float32), "w")
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"]), helper.make_node("Relu", ["y"], ["z"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 4])],
        [helper.make_tensor_value_info("z", TensorProto.FLOAT, ["n", 2])],
        [weights],
    )

    def parse(content: bytes) -> object:
        return require_self_contained(content, Path("x.onnx"))

    return Prepared((helper.make_model(graph).SerializeToString(),), parse)


_FILES = {
    "release-commitment": COMMITMENT_FILE,
    "release-record": RECORD_FILE,
    "release-protocol": PROTOCOL_FILE,
    "release-manifest": MANIFEST,
    "release-arrays": ARRAYS,
    "release-extractor": EXTRACTOR,
    "release-labels": f"{PUBLISHED}/examples.npz",
}

TARGETS = (
    Target("key", _prepare_key, 2000),
    *(Target(name, _release(file), 100) for name, file in _FILES.items()),
    Target("evidence", _prepare_evidence, 1000),
    Target("looks", _prepare_looks, 2000),
    Target("power", _prepare_power, 2000),
    Target("query-log", _prepare_log, 300),
    Target("service-answers", _prepare_answers, 3000),
    Target("service-headers", _prepare_service_headers, 2000),
    Target("own-headers", _prepare_own_headers, 3000),
    Target("suspect-arguments", _prepare_suspect_arguments, 2000),
    Target("state-dict", _prepare_state_dict, 800),
    Target("pickled-names", _prepare_pickle, 500),
    Target("onnx-contents", _prepare_onnx, 2000),
)

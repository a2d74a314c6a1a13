"""A scan that was signed and one that is reviewed: neither gets in the other's way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from review_server import Server

from radiotracer.cli import run
from radiotracer.review.board import Board
from radiotracer.signing import SigningKey, check, sign

KEY = SigningKey(bytes(range(32)))


def test_a_signed_scan_is_reviewed_and_its_signature_holds(
    folder: Path, serve: Callable[..., Server], tmp_path: Path
) -> None:
    sign(folder, KEY)
    server = serve(folder)
    with server.client() as client:
        body = {"row": 3, "decision": "drop", "version": 0, "since": 0}
        assert client.post("/api/decide", json=body).status_code == 200
        standing = check(folder, signed_by=KEY.public)  # while the review goes on
        assert standing is not None and standing.holds
        assert {"decisions.sqlite", "review.lock"} <= set(standing.beside)
    server.stop()
    standing = check(folder, signed_by=KEY.public)
    assert standing is not None and standing.holds
    cleaned = tmp_path / "cleaned"
    assert run(["review", str(folder), "--export", str(cleaned)]) == 0
    sign(cleaned, KEY)  # these hold the decisions
    (cleaned / "decisions.parquet").write_bytes(b"")
    standing = check(cleaned)
    assert standing is not None and standing.broken == ("decisions.parquet was changed",)


def test_a_scan_under_review_is_signed(folder: Path, board: Board) -> None:
    sign(folder, KEY)
    board.decide(5, "keep", None, 0)
    standing = check(folder)
    assert standing is not None and standing.holds and "decisions.sqlite" in standing.beside
    (folder / "summary.json").write_text("{}")
    standing = check(folder)
    assert standing is not None and standing.broken == ("summary.json was changed",)

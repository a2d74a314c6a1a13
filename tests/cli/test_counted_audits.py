"""A log that others hold, from the command line: named when marking, shown when verifying."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from audit_world import KEY
from text_world import letters

SUSPECT = "python:test_release_command:same"


def test_a_log_from_marking_to_verifying(cli: Any) -> None:
    data = letters(120)
    rows = zip(data.content, data.labels.tolist(), strict=True)
    Path("mails.csv").write_text("text,label\n" + "".join(f'"{t}",{n}\n' for t, n in rows))
    KEY.write("my.key")
    mark = ("mark", "mails.csv", "--key", "my.key", "--share", "0.6", "--out", "marked")
    refused = cli(*mark, "--log", "")
    assert refused.status == 2 and "--log of at most 200" in refused.err
    done = cli(*mark, "--log", "the museum's looks.jsonl")
    assert done.status == 0, done.err
    audit = ("audit", SUSPECT, "--key", "my.key", "--marked", "marked", "--out", "audit")
    refused = cli(*audit)
    assert refused.status == 2 and len(refused.err.splitlines()) == 1
    assert "the log that the commitment names, the museum's looks.jsonl" in refused.err
    Path("copy.jsonl").touch()
    done = cli(*audit, "--log", "copy.jsonl")
    assert done.status == 0, done.err
    assert "over 1 audit, the count of the log the museum's looks.jsonl" in done.out
    verify = ("verify", "audit", "--key", "my.key", "--marked", "marked")
    done = cli(*verify)
    assert done.status == 0 and "number of audits" in done.out
    assert "-    the log the museum's looks.jsonl was not shown" in done.out
    done = cli(*verify, "--log", "copy.jsonl", "--json")
    told = json.loads(done.out)
    assert told["number of audits"] == "all 1 are in copy.jsonl, and no others"
    assert {"what": "number of audits", "holds": True, "came": told["number of audits"]} in told[
        "checks"
    ]
    # Whoever has a bundle and the log needs nothing else.
    assert cli("disclose", "marked", "audit", "--key", "my.key", "--out", "bundle").status == 0
    assert cli("verify", "bundle", "--log", "copy.jsonl").status == 0
    Path("empty.jsonl").touch()
    done = cli("verify", "bundle", "--log", "empty.jsonl")
    assert done.status == 2 and "number of audits that does not" in done.err
    assert "NO   0 of 1 are in empty.jsonl" in done.out
    done = cli("verify", "bundle", "--log", "nowhere.jsonl")
    assert done.status == 2 and "no file nowhere.jsonl" in done.err and done.out == ""

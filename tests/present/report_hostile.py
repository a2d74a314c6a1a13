"""Texts that a page must show and not obey."""

from __future__ import annotations

import json

from radiotracer.present import Findings

HOSTILE = (
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "\" onerror='alert(1)' x=\"",
    "<!--<script>",
    "{{ 7*7 }}{% raw %}",
    "a\u2028b\u202ec",
    "<img src=x onerror=alert(1)>",
)


def poisoned(full: Findings, text: str) -> Findings:
    """Every text of the findings begins with `text`."""

    def walk(value: object, key: str = "") -> object:
        if isinstance(value, dict):
            return {k: walk(v, k) for k, v in value.items()}
        if isinstance(value, list):
            return [walk(item, key) for item in value]
        if isinstance(value, str) and key not in {"thumbnail", "scale"}:
            return text + value
        return value

    return Findings.model_validate(walk(json.loads(full.to_json())))

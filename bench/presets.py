"""Settings of a benchmark from its options, and its cells as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel

from radiotracer.cli.console import emit

Settings = TypeVar("Settings", bound=BaseModel)


def over(given: Settings, preset: Mapping[str, Any]) -> Settings:
    """The settings with what a preset says wherever no option was given."""
    chosen = {name: getattr(given, name) for name in given.model_fields_set}
    return type(given)(**{**preset, **chosen})


def emit_cells(config: BaseModel, cells: Sequence[BaseModel]) -> None:
    """Print settings and finished cells as one JSON object."""
    told = [cell.model_dump(mode="json") for cell in cells]
    emit({"settings": config.model_dump(mode="json"), "cells": told})

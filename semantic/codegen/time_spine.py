"""The model with one row per day that dbt's metrics need, for a project that has none yet.

It has the name and the column by which dbt before 1.9 knows a time spine; later versions read the properties.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from semantic.definitions import Model

NAME = "metricflow_time_spine"
_TEXTS = {
    suffix: Path(__file__).with_name(f"{NAME}{suffix}").read_text(encoding="utf-8")
    for suffix in (".sql", ".yml")
}


def time_spine_files(model: Model) -> Mapping[str, str]:
    """Path → text: beside `model`, whose folder is one that dbt looks for models in."""
    folder = PurePosixPath(model.file).parent
    return {str(folder / f"{NAME}{suffix}"): text for suffix, text in _TEXTS.items()}

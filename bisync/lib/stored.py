"""Text and data from strangers, fit for a database."""

from __future__ import annotations

import math
from typing import Any


def storable(value: Any) -> Any:
    """Without what JSON in a database may not hold: NUL, halves of characters, numbers that are none."""
    if isinstance(value, str):
        return value.replace("\x00", "").encode("utf-8", "replace").decode()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {storable(key): storable(item) for key, item in value.items()}
    return [storable(item) for item in value] if isinstance(value, list) else value

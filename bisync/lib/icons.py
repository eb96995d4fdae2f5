"""The icons of the Lucide set, as SVG that stands in a page."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from io import BytesIO
from zipfile import ZipFile

from django.utils.html import format_html_join
from django.utils.safestring import SafeString, mark_safe

_OPENS = re.compile(r"<svg\b[^>]*>")
_OWN = re.compile(r'\s(?:xmlns|width|height)="[^"]*"')


@cache
def _set() -> ZipFile:
    """The whole set, in memory: to find its 1,650 names costs more than all else, and is done once."""
    return ZipFile(BytesIO((files("lucide") / "lucide.zip").read_bytes()))


def svg(name: str, *, size: int, attributes: Mapping[str, str]) -> SafeString:
    """The icon `size` pixels wide, with these attributes on its first tag. Raises `KeyError` for no icon."""
    drawing = " ".join(_set().read(f"{name}.svg").decode().split()).replace("> <", "><")
    given = {"width": size, "height": size, **attributes}
    own = format_html_join("", ' {}="{}"', given.items())

    def opened(found: re.Match[str]) -> str:
        return f"<svg{own}{_OWN.sub('', found[0]).removeprefix('<svg').rstrip(' >')}>"

    return mark_safe(_OPENS.sub(opened, drawing, count=1))  # noqa: S308 (the set's; values are escaped above)

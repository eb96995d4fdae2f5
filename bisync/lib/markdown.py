"""What people write, as HTML that can do no harm."""

from __future__ import annotations

import nh3
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt

_PARSER = MarkdownIt("commonmark", {"html": False, "breaks": True}).enable(["table", "strikethrough"])
_FOR_FILES = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
_TEXT_TAGS = {"a", "blockquote", "br", "code", "del", "em", "hr", "li", "ol", "p", "pre", "s", "strong", "ul"}
_TAGS = _TEXT_TAGS | {"h1", "h2", "h3", "h4", "h5", "h6", "table", "tbody", "td", "th", "thead", "tr"}


def rendered(text: str, *, wrapped: bool = False) -> SafeString:
    """The text as HTML. Raw HTML shows as typed, images do not load, links say that they are people's.

    In a `wrapped` text, which comes from a file, lines end where they were full, as in dbt's own docs.
    """
    html = nh3.clean(
        (_FOR_FILES if wrapped else _PARSER).render(text),
        tags=_TAGS,
        attributes={"a": {"href", "title"}, "ol": {"start"}},
        url_schemes={"http", "https", "mailto"},
        link_rel="nofollow noopener",
    )
    return mark_safe(html)  # noqa: S308 (cleaned by an allow-list)

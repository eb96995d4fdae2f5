"""How the API reads what it is sent."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import IO, Any

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser, JSONParser

from bisync.lib.errors import BisyncError

_PIECE = 1 << 20


class Body(JSONParser):
    """JSON no deeper than it can be read."""

    def parse(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().parse(*args, **kwargs)
        except RecursionError:
            raise ParseError(_("The body is nested too deeply. Send it flatter.")) from None


class BodyTooLarge(BisyncError):
    code = "upload-too-large"
    message = lazy("This is larger than %(megabytes)s MB unpacked. Have BISYNC_UPLOAD_MB raised.")
    http_status = 413


class Bytes(BaseParser):
    """A file as it is, read piece by piece, unpacked where it is sent as gzip."""

    media_type = "*/*"

    def parse(
        self, stream: IO[bytes], _type: str | None = None, parser_context: Any = None
    ) -> dict[str, bytes]:
        headers = parser_context["request"].headers
        packed = headers.get("Content-Encoding", "").lower() == "gzip"
        return {"content": b"".join(_pieces(stream, zlib.decompressobj(wbits=31) if packed else None))}


def _pieces(stream: IO[bytes], unpacker: Any) -> Iterator[bytes]:
    """What is sent, unpacked. Raises `BodyTooLarge` as soon as it is more than may be sent."""
    left = settings.UPLOAD_MB << 20
    while chunk := stream.read(_PIECE):
        try:
            piece = unpacker.decompress(chunk, left + 1) if unpacker else chunk
        except zlib.error:
            raise ParseError(_("This is no gzip file, though its Content-Encoding says so.")) from None
        left -= len(piece)
        if left < 0:
            raise BodyTooLarge(megabytes=settings.UPLOAD_MB)
        yield piece
    if unpacker is not None and not unpacker.eof:
        raise ParseError(_("The file is cut off. Send it again."))

"""What dbt wrote, kept in the database so that every machine sees the same."""

from __future__ import annotations

import hashlib
import zlib

from django.db import models
from django.utils.translation import gettext_lazy as _


class Artifact(models.Model):
    """The content of one file, stored once however often it recurs; `digest` is its SHA-256."""

    digest = models.CharField(max_length=64, primary_key=True)
    name = models.CharField(_("name"), max_length=80)
    size = models.PositiveIntegerField(_("bytes"))
    body = models.BinaryField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("artifact")
        verbose_name_plural = _("artifacts")

    def __str__(self) -> str:
        return f"{self.name} {self.digest[:12]}"

    @classmethod
    def keep(cls, name: str, content: bytes) -> Artifact:
        """Store `content` unless it is there already."""
        digest = hashlib.sha256(content).hexdigest()
        artifact, _created = cls.objects.get_or_create(
            digest=digest,
            defaults={"name": name, "size": len(content), "body": zlib.compress(content, 6)},
        )
        return artifact

    def content(self) -> bytes:
        """The file as it was."""
        return zlib.decompress(bytes(self.body))

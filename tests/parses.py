"""dbt reads each content once: the same files and settings give the same manifest again.

For tests of what Bisync makes of dbt's answers. Those of dbt's own behaviour (`tests/workspace`) ask it each time.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path

import pytest

from workspace.dbt.runner import Dbt

_KEPT = ("manifest.json", "semantic_manifest.json", "partial_parse.msgpack")


def remember(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """From now on, answers of `dbt parse` are taken from `folder` where it has them."""
    ask = Dbt.parse

    def parse(dbt: Dbt) -> Path:
        kept = folder / _key(dbt)
        if kept.is_dir():
            for name in _KEPT:
                shutil.copyfile(kept / name, dbt._target / name)
            dbt._parsed = True
            return dbt._target
        target = ask(dbt)
        _keep(target, kept)
        return target

    monkeypatch.setattr(Dbt, "parse", parse)


def _keep(target: Path, kept: Path) -> None:
    """Whole or not at all: several processes keep at once."""
    new = kept.with_name(f"{kept.name}.{os.getpid()}")
    new.mkdir(parents=True)
    for name in _KEPT:
        shutil.copyfile(target / name, new / name)
    try:
        new.rename(kept)
    except OSError:
        shutil.rmtree(new)


def _key(dbt: Dbt) -> str:
    """A digest of all that dbt's answer depends on."""
    project = dbt._project
    place = project.location
    digest = hashlib.sha256(
        json.dumps(
            [
                *(project.target, project.executable, dict(project.variables), dict(project.env)),
                *(place.adapter, place.schema, Path(place.path).name, place.host, place.database),
            ]
        ).encode()
    )
    for file in sorted(file for file in project.folder.rglob("*") if file.is_file()):
        digest.update(f"\0{file.relative_to(project.folder)}\0".encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()

"""The connection of one run: a profiles.yml of its own, with its secrets in environment variables."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from django.conf import settings
from django.utils.translation import gettext as _

from bisync.lib.errors import InvalidInput
from workspace.dbt.errors import DbtSyntaxError

if TYPE_CHECKING:
    from workspace.warehouse.location import Location

# dbt refuses variables of this prefix anywhere but in profiles, and strikes their values out of its output.
PASSWORD = "DBT_ENV_SECRET_BISYNC_PASSWORD"  # noqa: S105 (the name of a variable)

_PLUGIN = Path(__file__).with_name("bisync_duckdb.py")
_JINJA = re.compile(r"\{[{%#]")
_FALLBACK = "bisync"


def write(
    directory: Path,
    *,
    profile: str,
    target: str,
    location: Location,
    threads: int = 2,
    folders: Sequence[Path] = (),
) -> dict[str, str]:
    """Write profiles.yml into `directory`; returns the environment variables that it needs.

    On DuckDB a build may read the files in `folders` and no others.
    """
    directory.mkdir(parents=True, exist_ok=True)
    if location.adapter == "duckdb":
        shutil.copyfile(_PLUGIN, directory / _PLUGIN.name)
        output, env = _duckdb(location, directory, folders)
    else:
        output, env = _postgres(location)
    everything = {profile: {"target": target, "outputs": {target: {**output, "threads": threads}}}}
    (directory / "profiles.yml").write_text(yaml.safe_dump(everything, sort_keys=False), encoding="utf-8")
    return env


def profile_name(project_dir: Path) -> str:
    """The profile that dbt_project.yml names; a name of ours where that is a template, or nothing."""
    name = _top_level(project_dir / "dbt_project.yml").get("profile", "").strip()
    return name if name and not _JINJA.search(name) else _FALLBACK


def _duckdb(
    location: Location, directory: Path, folders: Sequence[Path]
) -> tuple[dict[str, Any], dict[str, str]]:
    output = {
        "type": "duckdb",
        **_plain(path=location.path, schema=location.schema),
        "module_paths": [str(directory)],
        "plugins": [{"module": _PLUGIN.stem, "config": {"folders": [str(folder) for folder in folders]}}],
    }
    return output, {}


def _postgres(location: Location) -> tuple[dict[str, Any], dict[str, str]]:
    output = {
        "type": "postgres",
        **_plain(host=location.host, user=location.user),
        "port": location.port,
        "password": f"{{{{ env_var('{PASSWORD}') }}}}",
        **_plain(dbname=location.database, schema=location.schema),
        "connect_timeout": 10,
        "retries": 1,
        "application_name": "bisync-dbt",
    }
    # A killed dbt leaves its query running on the server unless the server looks after it.
    milliseconds = round(settings.DBT_TIMEOUT_SECONDS * 1000)
    options = f"-c statement_timeout={milliseconds} -c client_connection_check_interval=1000"
    return output, {PASSWORD: location.password, "PGOPTIONS": options}


def _plain(**values: str) -> dict[str, str]:
    """`values`, none of which dbt would take for a template."""
    for key, value in values.items():
        if _JINJA.search(value):
            raise InvalidInput({key: [_("%(value)s cannot hold a template.") % {"value": value}]})
    return values


def _top_level(file: Path) -> dict[str, str]:
    """The scalar entries at the top of a YAML file.

    Read event by event: nothing is built, so neither aliases nor depth can make it large.
    """
    found: dict[str, str] = {}
    key: str | None = None
    depth = 0
    try:
        for event in yaml.parse(file.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader):
            if isinstance(event, yaml.CollectionStartEvent | yaml.CollectionEndEvent):
                depth += 1 if isinstance(event, yaml.CollectionStartEvent) else -1
                key = None
            elif depth == 1 and key is None:
                key = str(getattr(event, "value", ""))
            elif depth == 1 and key is not None:
                found[key] = str(getattr(event, "value", ""))
                key = None
    except (yaml.YAMLError, UnicodeDecodeError) as exc:
        raise _unreadable(file.name, exc) from None
    return found


def _unreadable(file: str, exc: Exception) -> DbtSyntaxError:
    mark = getattr(exc, "problem_mark", None)
    line = mark.line + 1 if mark else 0
    words = getattr(exc, "problem", None) or str(exc)
    place = _("%(file)s (line %(line)s)") % {"file": file, "line": line} if line else file
    return DbtSyntaxError(file=file, line=line, place=place, words=words)

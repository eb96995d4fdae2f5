"""The connection of one run: a profiles.yml of its own, with its secrets in environment variables."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from django.conf import settings
from django.utils.translation import gettext as _

from bisync.lib.errors import InvalidInput
from workspace.dbt import project_files
from workspace.dbt.project_files import JINJA

if TYPE_CHECKING:
    from workspace.warehouse.location import Location

# dbt refuses variables of this prefix anywhere but in profiles, and strikes their values out of its output.
PASSWORD = "DBT_ENV_SECRET_BISYNC_PASSWORD"  # noqa: S105 (the name of a variable)

_PLUGIN = Path(__file__).with_name("bisync_duckdb.py")
_FALLBACK = "bisync"


def write(
    directory: Path,
    *,
    profile: str,
    target: str,
    location: Location,
    threads: int = 2,
    folders: Sequence[Path] = (),
    read_only: bool = False,
    shared: bool = False,
) -> dict[str, str]:
    """Write profiles.yml into `directory`; returns the environment variables that it needs.

    On DuckDB a build may read the files in `folders` and no others. A server is asked to refuse whatever
    writes where `read_only`; a DuckDB file where it is `shared` with others who read it.
    """
    directory.mkdir(parents=True, exist_ok=True)
    if location.adapter == "duckdb":
        shutil.copyfile(_PLUGIN, directory / _PLUGIN.name)
        output, env = _duckdb(location, directory, folders)
        if shared:
            output["config_options"] = {"access_mode": "read_only"}
    else:
        output, env = _postgres(location, read_only=read_only)
    everything = {profile: {"target": target, "outputs": {target: {**output, "threads": threads}}}}
    (directory / "profiles.yml").write_text(yaml.safe_dump(everything, sort_keys=False), encoding="utf-8")
    return env


def profile_name(project_dir: Path) -> str:
    """The profile that dbt_project.yml names; a name of ours where that is a template, or nothing."""
    name = project_files.read(project_dir / project_files.PROJECT).get("profile")
    if not isinstance(name, str) or JINJA.search(name):
        return _FALLBACK
    return name.strip() or _FALLBACK


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


def _postgres(location: Location, *, read_only: bool) -> tuple[dict[str, Any], dict[str, str]]:
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
    if read_only:
        options += " -c default_transaction_read_only=on"
    return output, {PASSWORD: location.password, "PGOPTIONS": options}


def _plain(**values: str) -> dict[str, str]:
    """`values`, none of which dbt would take for a template."""
    for key, value in values.items():
        if JINJA.search(value):
            raise InvalidInput({key: [_("%(value)s cannot hold a template.") % {"value": value}]})
    return values

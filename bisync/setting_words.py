"""What every setting is for, as the page of the settings and docs/reference/settings.md say it."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

# Name → what holds where it is not set, what it does. A default of a few letters is said as it is.
SETTINGS: dict[str, tuple[str | Promise, str | Promise]] = {
    "BISYNC_DATA_DIR": (_("`var` in the project"), _("everything that Bisync writes on this machine")),
    "BISYNC_STATIC_DIR": (
        _("`static` in the data directory"),
        _("where the web server finds its collected files"),
    ),
    "BISYNC_DEBUG": ("no", _("Django's debug mode; never in production")),
    "BISYNC_SECRET_KEY": (
        _("made and kept in the data directory"),
        _("signs sessions and the audit chain"),
    ),
    "BISYNC_ENCRYPTION_KEYS": (
        _("the secret key"),
        _("keys for stored secrets, comma-separated, newest first"),
    ),
    "BISYNC_URL": ("`http://127.0.0.1:8000`", _("the address that people type")),
    "BISYNC_INSECURE_HTTP": ("no", _("allow an address without HTTPS that is not this machine's own")),
    "BISYNC_HOSTS": ("", _("further host names, comma-separated")),
    "BISYNC_BEHIND_PROXY": (
        _("yes with https"),
        _("trust `X-Forwarded-Proto`, and the last address in `X-Forwarded-For`"),
    ),
    "BISYNC_DATABASE_URL": (
        _("SQLite in the data directory"),
        _("`postgres://user:password@host:port/name`"),
    ),
    "BISYNC_REDIS_URL": (_("an embedded Valkey"), _("`redis://:password@host:port/0`")),
    "BISYNC_RUN_LEASE_SECONDS": ("30", _("after how long a silent worker is taken for lost")),
    "BISYNC_RUN_ATTEMPTS": ("3", _("how often a run is taken up before it is set aside")),
    "BISYNC_DISK_RESERVE_MB": (
        "200",
        _("with less than so many megabytes free, work waits until there is room"),
    ),
    "BISYNC_DBT_TIMEOUT_SECONDS": ("1800", _("the longest that one dbt command may take")),
    "BISYNC_PARSE_TIMEOUT_SECONDS": ("300", _("the longest that dbt may take to read a project")),
    "BISYNC_PARSE_MEMORY_MB": ("4096", _("the most memory that dbt may take to read a project")),
    "BISYNC_GIT_TIMEOUT_SECONDS": ("120", _("the longest that one git command may take")),
    "BISYNC_REPOSITORY_MB": (
        "4096",
        _(
            "the most that a repository's packed history, or the files of one of its commits, may take "
            "on this machine"
        ),
    ),
    "BISYNC_LOCAL_REMOTES": (
        _("yes where `BISYNC_URL` is this machine's, else no"),
        _("whether a repository may be on this machine: a folder, or a server at a loopback address"),
    ),
    "BISYNC_PRIVATE_REMOTES": (
        _("the private networks where `BISYNC_URL` is this machine's, else none"),
        _(
            "hosts and networks, comma-separated, that are not on the internet and may hold "
            "repositories all the same: `git.corp.example, 10.20.0.0/16`. A listed host may lead to any "
            "private address. Link-local addresses, where clouds keep a machine's credentials, are "
            "refused whatever is listed"
        ),
    ),
    "BISYNC_UPLOAD_MB": (
        "300",
        _("the largest artifact of dbt's that may be uploaded, in megabytes"),
    ),
    "BISYNC_COMPILE": (
        "yes",
        _(
            "after a pull, have dbt compile the models that no build has made yet, so that their column "
            "lineage is known at once"
        ),
    ),
    "BISYNC_PYTHON_MODELS": (
        _("yes where `BISYNC_URL` is this machine's, else no"),
        _(
            "whether Python models may be built: on DuckDB they run on this machine, with the rights of "
            "the worker"
        ),
    ),
    "BISYNC_DBT_EXECUTABLES": (
        _("`*` where `BISYNC_URL` is this machine's, else none"),
        _(
            "full paths, comma-separated, of the dbt programs besides its own that Bisync may start for "
            "projects that name them; `*` stands for anything: `/opt/dbt/*/bin/dbt`"
        ),
    ),
    "BISYNC_QUERY_TIMEOUT_SECONDS": ("10", _("how long a page waits for the warehouse")),
    "BISYNC_QUERY_ROW_LIMIT": ("10000", _("how many rows a page takes from the warehouse")),
    "BISYNC_API_RATE": (
        "600/minute",
        _("how much one person may ask of the API, for each `second`, `minute`, `hour` or `day`"),
    ),
    "BISYNC_TIME_ZONE": ("UTC", _("the time zone of dates on pages")),
    "BISYNC_LOG_LEVEL": ("INFO", _("how much is logged")),
    "BISYNC_LOG_FORMAT": (
        "text",
        _(
            "`text` for people, where a traceback has lines of its own, or `json` for machines, one "
            "record a line"
        ),
    ),
}

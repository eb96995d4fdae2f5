"""The product's settings on a throw-away database; PostgreSQL where BISYNC_TEST_DATABASE says so."""

from __future__ import annotations

import atexit
import os
import tempfile
from pathlib import Path

from tests.postgres import Cluster

# Its own for every process: two runs at a time must not share a database file.
_home = Path(tempfile.mkdtemp(prefix="bisync-tests-"))
(_home / "static").mkdir()
os.environ["BISYNC_DATA_DIR"] = str(_home)
# Compiling takes dbt seconds after every pull; the tests of lineage turn it on.
os.environ["BISYNC_COMPILE"] = "no"
os.environ.setdefault("BISYNC_SECRET_KEY", "only-for-tests-only-for-tests-only-for-tests-only-for-tests")
if os.environ.get("BISYNC_TEST_DATABASE", "sqlite") == "postgres":
    _cluster = Cluster()
    _cluster.start()
    atexit.register(_cluster.stop)
    os.environ["BISYNC_DATABASE_URL"] = _cluster.url()
else:
    os.environ.pop("BISYNC_DATABASE_URL", None)

from bisync.settings import *  # noqa: E402, F403
from bisync.settings import DATABASES, TEMPLATES  # noqa: E402

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
ALLOWED_HOSTS = ["*"]
RUN_LEASE_SECONDS = 30
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # A file, as in life: threads of one test need to see each other's rows.
    DATABASES["default"]["TEST"] = {"NAME": str(_home / "test.sqlite3")}
    # Nothing has to outlive the power supply.
    _begin = DATABASES["default"]["OPTIONS"]["init_command"]
    DATABASES["default"]["OPTIONS"]["init_command"] = _begin.replace("synchronous=NORMAL", "synchronous=OFF")
else:
    DATABASES["default"]["CONN_MAX_AGE"] = 0


class _Missing(str):
    """A variable that a template names and no view gives is a fault, not an empty string."""

    __slots__ = ()

    def __contains__(self, item: object) -> bool:
        return item == "%s"

    def __mod__(self, other: object) -> str:
        raise AssertionError(f"template names an undefined variable: {other}")


TEMPLATES[0]["OPTIONS"]["string_if_invalid"] = _Missing("%s")  # type: ignore[index]

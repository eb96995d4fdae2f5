"""All settings, read from the environment; `docs/reference/settings.md` lists every one."""

from __future__ import annotations

import secrets
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

import django_stubs_ext
from csp.constants import NONCE, NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from bisync import env

BASE_DIR = Path(__file__).resolve().parent.parent

# Model admins and forms name their model in brackets, for the type checker.
django_stubs_ext.monkeypatch()

# -- Where things live --------------------------------------------------------------------------------

# Everything that Bisync writes on this machine: database, mirrors, warehouse files, logs.
DATA_DIR = Path(env.text("BISYNC_DATA_DIR", str(BASE_DIR / "var"))).resolve()

# -- Safety -------------------------------------------------------------------------------------------

DEBUG = env.flag("BISYNC_DEBUG")
TESTING = "pytest" in sys.modules


def _own_secret_key() -> str:
    """A key for one machine, made at first start and kept beside its database."""
    file = DATA_DIR / "secret-key"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)
        file.write_text(secrets.token_urlsafe(48), encoding="utf-8")
    return file.read_text(encoding="utf-8").strip()


# Signs sessions and the audit chain. Set it where several machines share one database.
SECRET_KEY = env.secret("BISYNC_SECRET_KEY") or _own_secret_key()
# Keys for stored secrets, newest first; older ones still decrypt. Defaults to the secret key.
BISYNC_SECRET_KEYS = [key for key in env.secret("BISYNC_ENCRYPTION_KEYS").split(",") if key] or [SECRET_KEY]

# The address people type; it decides which hosts are served and whether cookies need HTTPS.
BISYNC_URL = env.text("BISYNC_URL", "http://127.0.0.1:8000").rstrip("/")
_public = urlsplit(BISYNC_URL)
if _public.scheme not in {"http", "https"} or not _public.hostname:
    raise ImproperlyConfigured("BISYNC_URL must be an address such as https://bisync.example.com.")
HTTPS = _public.scheme == "https"
LOCAL = _public.hostname in {"127.0.0.1", "localhost", "::1"}
PRIVATE_NETWORKS = "10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10, fc00::/7"
# What would give everything away stops start-up.
if DEBUG and not LOCAL:
    raise ImproperlyConfigured(
        "BISYNC_DEBUG shows secrets on error pages: take it off, or use it on localhost."
    )
if len(SECRET_KEY) < 32:
    raise ImproperlyConfigured("BISYNC_SECRET_KEY must have at least 32 characters, made at random.")
INSECURE_HTTP = env.flag("BISYNC_INSECURE_HTTP")
if not (HTTPS or LOCAL or INSECURE_HTTP):
    raise ImproperlyConfigured(
        "BISYNC_URL must begin with https://, or passwords travel in the open. "
        "Where the network itself is trusted, say so by BISYNC_INSECURE_HTTP=yes."
    )
ALLOWED_HOSTS = [_public.hostname, *env.words("BISYNC_HOSTS")]
if LOCAL:
    ALLOWED_HOSTS += ["127.0.0.1", "localhost", "[::1]"]
CSRF_TRUSTED_ORIGINS = [BISYNC_URL]
# Whether a proxy in front says how, and from where, it was asked.
BEHIND_PROXY = env.flag("BISYNC_BEHIND_PROXY", default=HTTPS)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_PROXY else None
SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_NAME = "__Host-session" if HTTPS else "bisync_session"
CSRF_COOKIE_NAME = "__Host-csrf" if HTTPS else "bisync_csrf"
SESSION_COOKIE_HTTPONLY = True
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_000_000

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF, NONCE],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "worker-src": [SELF],
        "manifest-src": [SELF],
    }
}

# -- The application ----------------------------------------------------------------------------------

INSTALLED_APPS = [
    "bisync",
    "insights",
    "proposals",
    "environments",
    "semantic",
    "catalog",
    "workspace",
    "notify",
    "governance",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.forms",
    "django.contrib.humanize",
    "csp",
    "django_htmx",
    "template_partials.apps.SimpleAppConfig",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
]

MIDDLEWARE = [
    "bisync.middleware.RequestId",
    "bisync.middleware.Health",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.gzip.GZipMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "bisync.middleware.ExpectedErrors",
    "bisync.middleware.FormAddresses",
]

ROOT_URLCONF = "bisync.urls"
WSGI_APPLICATION = "bisync.wsgi.application"

_loaders: list[object] = [
    "django.template.loaders.filesystem.Loader",
    "django.template.loaders.app_directories.Loader",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "OPTIONS": {
            "loaders": [
                (
                    "template_partials.loader.Loader",
                    _loaders if DEBUG else [("django.template.loaders.cached.Loader", _loaders)],
                )
            ],
            "builtins": ["template_partials.templatetags.partials", "bisync.templatetags.ui"],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "csp.context_processors.nonce",
                "bisync.context.shell",
            ],
        },
    }
]
FORM_RENDERER = "bisync.forms.Renderer"

AUTH_USER_MODEL = "governance.User"
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "sign-in"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

# -- Database: SQLite on one machine, PostgreSQL for a team -------------------------------------------

# postgres://user:password@host:port/name, or empty for SQLite in the data directory.
DATABASE_URL = env.secret("BISYNC_DATABASE_URL")


def _database(url: str) -> dict[str, object]:
    if not url:
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": str(DATA_DIR / "bisync.sqlite3"),
            "OPTIONS": {
                # Writers queue up from their first statement on; readers never wait.
                "transaction_mode": "IMMEDIATE",
                "timeout": 20,
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;",
            },
        }
    parts = urlsplit(url)
    if parts.scheme not in {"postgres", "postgresql"}:
        raise ImproperlyConfigured("BISYNC_DATABASE_URL must begin with postgres://, or be empty for SQLite.")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.path.lstrip("/"),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "",
        "PORT": str(parts.port or ""),
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        # A server that does not answer at all is told of, not waited for.
        "OPTIONS": {"connect_timeout": 5},
    }


DATABASES = {"default": _database(DATABASE_URL)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# -- Background work: the broker is a doorbell, the run row is the truth ------------------------------

# redis://:password@host:port/0; `manage.py serve` starts an embedded Valkey where it is empty.
REDIS_URL = env.secret("BISYNC_REDIS_URL")

_local_memory = "django.core.cache.backends.locmem.LocMemCache"
_counts: dict[str, object] = {
    "BACKEND": _local_memory,
    "LOCATION": "counts",
    "OPTIONS": {"MAX_ENTRIES": 10_000},
}
if REDIS_URL:
    _counts = {"BACKEND": "bisync.lib.limits.SharedCounts", "LOCATION": REDIS_URL, "KEY_PREFIX": "bisync"}
CACHES: dict[str, dict[str, object]] = {
    # What queries gave: each process keeps its own.
    "default": {"BACKEND": _local_memory},
    # How often something was done, which all web processes count together.
    "counts": _counts,
}

# A worker extends its lease while it works; a run whose lease has lapsed is taken up again.
RUN_LEASE_SECONDS = env.number("BISYNC_RUN_LEASE_SECONDS", 30)
# With less than this nothing is begun: what waits goes on once there is room.
DISK_RESERVE_BYTES = env.number("BISYNC_DISK_RESERVE_MB", 200) * 2**20
RUN_ATTEMPTS = env.number("BISYNC_RUN_ATTEMPTS", 3)
# The longest that one dbt or git command may take.
DBT_TIMEOUT_SECONDS = env.number("BISYNC_DBT_TIMEOUT_SECONDS", 1800)
# What reading a project may take: a template, or an alias in YAML, can ask for any amount.
PARSE_TIMEOUT_SECONDS = env.number("BISYNC_PARSE_TIMEOUT_SECONDS", 300)
PARSE_MEMORY_MB = env.number("BISYNC_PARSE_MEMORY_MB", 4096)
GIT_TIMEOUT_SECONDS = env.number("BISYNC_GIT_TIMEOUT_SECONDS", 120)
# Whether a repository may be on this machine: handy on one's own, unwanted on a shared server.
BISYNC_LOCAL_REMOTES = env.flag("BISYNC_LOCAL_REMOTES", default=LOCAL)
# Hosts and networks that are not on the internet, where repositories may be all the same.
BISYNC_PRIVATE_REMOTES = env.places("BISYNC_PRIVATE_REMOTES", PRIVATE_NETWORKS if LOCAL else "")
# The dbt programs, besides its own, that Bisync starts for projects that name them; * stands for anything.
BISYNC_DBT_EXECUTABLES = env.words("BISYNC_DBT_EXECUTABLES", "*" if LOCAL else "")
# Whether Python models may run: on DuckDB they do so on this machine, with the rights of the worker.
# The largest artifact that may be uploaded, unpacked.
UPLOAD_MB = env.number("BISYNC_UPLOAD_MB", 300)
BISYNC_COMPILE = env.flag("BISYNC_COMPILE", default=True)
BISYNC_PYTHON_MODELS = env.flag("BISYNC_PYTHON_MODELS", default=LOCAL)
# The most that a repository's packed history, or the files of one of its commits, may take on this machine.
REPOSITORY_MB = env.number("BISYNC_REPOSITORY_MB", 4096)
# How long a page may wait for the warehouse, and how many rows it may take.
QUERY_TIMEOUT_SECONDS = env.number("BISYNC_QUERY_TIMEOUT_SECONDS", 10)
QUERY_ROW_LIMIT = env.number("BISYNC_QUERY_ROW_LIMIT", 10_000)

# -- The API ------------------------------------------------------------------------------------------

# How much one person may ask: so many requests in so many seconds.
API_RATE = env.rate("BISYNC_API_RATE", "600/minute")
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "bisync.api.auth.Bearer",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated", "bisync.api.auth.Scoped"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["bisync.api.parsing.Body"],
    "DEFAULT_SCHEMA_CLASS": "bisync.api.description.Described",
    "DEFAULT_THROTTLE_CLASSES": ["bisync.api.throttle.PerPerson"],
    "EXCEPTION_HANDLER": "bisync.api.errors.answer",
    # There is one format, and OPTIONS has nothing to add to the description.
    "URL_FORMAT_OVERRIDE": None,
    "DEFAULT_METADATA_CLASS": None,
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Bisync",
    "DESCRIPTION": "What the pages do, for programs. Failures are answered as {code, message, params}.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.IsAuthenticated"],
    "SCHEMA_PATH_PREFIX": "/api/v1",
    # A change has to name the version that it was made from.
    "COMPONENT_SPLIT_PATCH": False,
    "ENUM_NAME_OVERRIDES": {
        "CheckStatus": "proposals.models.CheckStatus.choices",
        "DefinitionState": "semantic.models.DefinitionState.choices",
        "DeploymentStatus": "environments.models.DeploymentStatus.choices",
        "ProposalStatus": "proposals.models.ProposalStatus.choices",
        "RunStatus": "workspace.models.RunStatus.choices",
        "Strategy": ["both", "dbt_to_bisync"],
        "StrategyOfTests": ["both", "dbt_to_bisync", "off"],
    },
}

# -- Static files, language, time ---------------------------------------------------------------------

STATIC_URL = "static/"
STATIC_ROOT = Path(env.text("BISYNC_STATIC_DIR", str(DATA_DIR / "static")))
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": (
            "django.contrib.staticfiles.storage.StaticFilesStorage"
            if DEBUG or TESTING
            else "whitenoise.storage.CompressedManifestStaticFilesStorage"
        )
    },
}
LANGUAGE_CODE = "en-gb"
TIME_ZONE = env.text("BISYNC_TIME_ZONE", "UTC")
USE_TZ = True
USE_I18N = True

# -- Logs ---------------------------------------------------------------------------------------------

# text for people, json for machines; both tell the request or run.
LOG_FORMAT = env.text("BISYNC_LOG_FORMAT", "text")
if LOG_FORMAT not in {"text", "json"}:
    raise ImproperlyConfigured("BISYNC_LOG_FORMAT must be text or json.")
LOG_LEVEL = env.text("BISYNC_LOG_LEVEL", "INFO")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"traced": {"()": "bisync.lib.logs.Traced"}},
    "formatters": {"text": {"()": "bisync.lib.logs.Lines"}, "json": {"()": "bisync.lib.logs.Json"}},
    "handlers": {
        "console": {"class": "logging.StreamHandler", "formatter": LOG_FORMAT, "filters": ["traced"]}
    },
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    "loggers": {
        # gunicorn would write in a format of its own, and a line for each request.
        "gunicorn.error": {"handlers": [], "propagate": True, "level": LOG_LEVEL},
        "gunicorn.access": {"handlers": [], "propagate": True, "level": "WARNING"},
        "sqlglot": {"level": "ERROR"},
        "metricflow": {"level": "WARNING"},
        # It raises what it logs here, and whoever asked says so.
        "metricflow.plan_conversion": {"level": "CRITICAL"},
        "metricflow_semantics": {"level": "WARNING"},
        # What it warns of is a finding of the health check.
        "metricflow_semantic_interfaces": {"level": "ERROR"},
        # The sweep runs every few seconds and says so each time.
        "celery.beat": {"level": "WARNING"},
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
    },
}

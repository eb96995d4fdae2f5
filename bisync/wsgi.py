"""The WSGI entry point for gunicorn."""

import os
from pathlib import Path

from django.core.wsgi import get_wsgi_application
from django.db import connections
from django.template import engines
from django.urls import URLResolver, get_resolver

from bisync.lib import icons

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bisync.settings")
application = get_wsgi_application()


def warm_up() -> None:
    """Import every view and compile every template, so that no visitor waits for it.

    Leaves no connection to the database open: the processes that serve pages are made from this one.
    """
    waiting = [get_resolver()]
    while waiting:
        waiting += [part for part in waiting.pop().url_patterns if isinstance(part, URLResolver)]
    engine = engines["django"]
    for folder in map(Path, engine.dirs):
        for file in folder.rglob("*.html"):
            engine.get_template(file.relative_to(folder).as_posix())
    icons.svg("info", size=16, attributes={})  # with it, the whole set
    connections.close_all()

"""gunicorn's settings, on one machine and in a container alike."""

from bisync.settings import LOGGING

logconfig_dict = LOGGING

bind = "0.0.0.0:8000"
worker_class = "gthread"
workers = 2
# A processor that is shared by more requests answers none of them sooner.
threads = 4
# Browsers reuse a connection for about a minute; closing it sooner resets some of their requests.
keepalive = 75
timeout = 60
graceful_timeout = 30
control_socket_disable = True
# Loaded once, before there are processes to load it in.
preload_app = True


def on_starting(_server: object) -> None:
    """Before the first visitor may come."""
    from bisync.wsgi import warm_up  # noqa: PLC0415 (Django starts with it, and reading settings is no start)

    warm_up()

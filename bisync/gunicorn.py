"""gunicorn's settings, on one machine and in a container alike."""

from bisync.settings import LOGGING

logconfig_dict = LOGGING

bind = "0.0.0.0:8000"
worker_class = "gthread"
workers = 2
threads = 8
# Browsers reuse a connection for about a minute; closing it sooner resets some of their requests.
keepalive = 75
timeout = 60
graceful_timeout = 30
control_socket_disable = True

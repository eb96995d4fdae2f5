from django.apps import AppConfig


class BisyncConfig(AppConfig):
    name = "bisync"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Make ours the current Celery application, for whoever rings."""
        import bisync.celery  # noqa: F401, PLC0415 (it reads the settings, so not earlier)

from importlib import import_module

from django.apps import AppConfig


class WorkspaceConfig(AppConfig):
    name = "workspace"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Pages tell how runs ended, so the web server has to know the errors of what only workers do."""
        for module in ("repositories", "warehouse.release"):
            import_module(f"workspace.{module}")

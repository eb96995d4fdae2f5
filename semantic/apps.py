from importlib import import_module

from django.apps import AppConfig


class SemanticConfig(AppConfig):
    name = "semantic"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """The catalogue tells conditions of tests as formulas, which only this app can read."""
        import_module("semantic.conditions")

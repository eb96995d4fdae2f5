from importlib import import_module

from django.apps import AppConfig


class SemanticConfig(AppConfig):
    name = "semantic"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """The catalogue tells conditions of tests as formulas, and which can be changed: this app knows."""
        import_module("semantic.conditions")
        import_module("semantic.codegen.promised")

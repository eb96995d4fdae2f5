from importlib import import_module

from django.apps import AppConfig


class EnvironmentsConfig(AppConfig):
    name = "environments"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Pages tell how runs ended, so the web server has to know the errors of what only workers do.

        And those of the catalogue how old a look at sources may be.
        """
        import_module("environments.builds")
        import_module("environments.freshness")

from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class NotifyConfig(AppConfig):
    name = "notify"

    def ready(self) -> None:
        """Hear from every app what its events are called, and whom they concern."""
        autodiscover_modules("notices")

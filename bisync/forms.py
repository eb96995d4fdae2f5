"""How forms look: Django's own forms, our field template."""

from __future__ import annotations

from django.forms.renderers import TemplatesSetting


class Renderer(TemplatesSetting):
    """Fields come with label, help and errors wired together for screen readers."""

    form_template_name = "components/form.html"
    field_template_name = "components/field.html"

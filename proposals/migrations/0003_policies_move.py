from django.db import migrations

KINDS = {"words": "documentation", "calculation": "semantic_layer", "ownership": "ownership"}


def move(apps, _schema_editor):
    """Keep what projects chose, beside the other choices about how metadata is kept in step."""
    settings = apps.get_model("workspace", "SyncSettings")
    for policy in apps.get_model("proposals", "MergePolicy").objects.order_by("id"):
        found, _new = settings.objects.get_or_create(project_id=policy.project_id)
        found.chosen[f"{KINDS[policy.kind]}.conflicts"] = policy.choice
        found.save(update_fields=["chosen"])


def move_back(apps, _schema_editor):
    policies = apps.get_model("proposals", "MergePolicy")
    for found in apps.get_model("workspace", "SyncSettings").objects.all():
        for kind, name in KINDS.items():
            if choice := found.chosen.get(f"{name}.conflicts"):
                policies.objects.create(project_id=found.project_id, kind=kind, choice=choice)


class Migration(migrations.Migration):

    dependencies = [
        ("proposals", "0002_conflicts"),
        ("workspace", "0008_sync_settings"),
    ]

    operations = [
        migrations.RunPython(move, move_back, elidable=True),
        migrations.DeleteModel(name="MergePolicy"),
    ]

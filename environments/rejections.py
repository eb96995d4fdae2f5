"""What MetricFlow says against the metrics of the last pull, as findings. For jobs: it imports MetricFlow."""

from __future__ import annotations

from catalog.models import Node, Snapshot
from environments import health
from environments.findings import Found
from environments.models import Deployment
from environments.selectors import snapshot_vocabulary
from environments.traps import about
from semantic.query.refusals import Refusal, refusals
from workspace.dbt.code import dialect_of

# What stands for the semantic manifest of a project whose pipeline uploads its artifacts.
_NONE = b"{}"


def check(snapshot: Snapshot, live: Deployment | None) -> list[Found]:
    """Each semantic model, and each metric of the project's own, that MetricFlow refuses or warns of."""
    manifest = snapshot.semantic_manifest.content()
    if manifest == _NONE:
        return []
    vocabulary = snapshot_vocabulary(snapshot, live.environment if live is not None else None)
    nodes = Node.objects.filter(project=snapshot.project_id, resource_type="semantic_model")
    models = {node.name: node for node in nodes.only("unique_id", "name", "path")}
    found = []
    own = health.own_metrics(snapshot.project)
    for one in refusals(manifest, vocabulary, own, dialect=dialect_of(snapshot.adapter)):
        kind = "refused" if one.blocking else "doubted"
        if one.of == "metric":
            found.append(about(vocabulary.metrics[one.name], kind, why=_sentence(one)))
        else:
            node = models.get(one.name)
            named = (node.unique_id, node.name, node.path) if node else ("", "semantic_manifest.json", "")
            found.append(Found(kind, *named, {"why": _sentence(one)}))
    return found


def _sentence(one: Refusal) -> str:
    words = one.words.strip()
    return words if words.endswith((".", "!", "?")) else f"{words}."

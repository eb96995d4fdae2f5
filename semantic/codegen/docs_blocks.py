"""dbt's docs blocks: their text in a Markdown file, every other byte as it was."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePosixPath
from types import MappingProxyType

from catalog.annotations import noted
from catalog.reading import NodeRecord
from semantic.codegen.changes import FileChange, RewordBlock, WriteBlock
from semantic.codegen.entries import Refused
from semantic.codegen.metric_edits import AmendMetric
from semantic.codegen.metrics import Compiled
from semantic.codegen.words import AmendWords, path_of, properties_change
from semantic.current import fields_of
from semantic.definitions import Metric
from semantic.described import DocFields, split
from semantic.fields import digest
from semantic.known import Known
from semantic.rules.text import STORED_LIMIT, text_problems
from semantic.technical import COMPUTED, how_computed


def compile_block(base: DocFields | None, fields: DocFields, known: Known) -> Compiled:
    """What has to be written so that a docs block says this. Raises Refused.

    A new block is written into the file of most others; where it is `about` a table, a column or a metric,
    that one's description becomes a reference to it.
    """
    if base is None:
        return _new(fields, known)
    node = known.node(base.name)
    if node is None:
        raise Refused(f"The docs block {base.title} is not in the dbt project any more.")
    if node.description.strip() == fields.text:
        return _compiled((), fields)
    if node.description.strip() != base.text:
        raise Refused(f"The text of {base.title} was changed in dbt meanwhile. Decide which one holds.")
    edit = WriteBlock(node.name, fields.text, was=base.text)
    return _compiled((FileChange(node.path, (edit,)),), fields)


def _new(fields: DocFields, known: Known) -> Compiled:
    blocks = [unique_id for unique_id in known.manifest.nodes if unique_id.startswith("doc.")]
    if any(unique_id.rpartition(".")[2] == fields.block for unique_id in blocks):
        raise Refused(f"There is a docs block {fields.block} already. Choose another name.")
    own = filter(None, (known.node(unique_id) for unique_id in blocks))
    files = Counter(node.path for node in own if known.owned(node) and _is_markdown(node.path))
    home = min(files, key=lambda file: (-files[file], file)) if files else ""
    changes = [
        FileChange(home or f"{known.project.docs_folder}/docs.md", (WriteBlock(fields.block, fields.text),))
    ]
    if not fields.about:
        return _compiled(tuple(changes), fields)
    reference = f"{{{{ doc('{fields.block}') }}}}"
    if metric := metric_of(fields.about, known):
        changes.append(_of_a_metric(metric, reference, fields))
        words = [metric.description, fields_of(metric, known.names).context]
        return _compiled(tuple(changes), fields, {fields.about: digest(words)})
    unique_id, column = split(fields.about)
    node = known.node(unique_id)
    if node is None:
        raise Refused(f"{unique_id} is not in the dbt project any more.")
    changes.append(_of_a_table(node, column, reference, known))
    # The words that the reference takes the place of, as they were approved to go.
    return _compiled(tuple(changes), fields, {fields.about: digest(_words(node, column))})


def metric_of(about: str, known: Known) -> Metric | None:
    """The metric of this dbt id, where it is one of this project's own."""
    if not about.startswith("metric."):
        return None
    metric = known.names.metrics.get(about.rpartition(".")[2])
    return metric if metric is not None and metric.file and metric.unique_id == about else None


def kept_in_step(code: Compiled, known: Known) -> Compiled:
    """The same, and what docs blocks say of how metrics are computed, where that becomes another.

    What somebody wrote otherwise than Bisync did stays as it is.
    """
    names = known.names
    told = {name: text for name, one in names.metrics.items() if COMPUTED in (text := one.description)}
    after = code.after if told else None
    if after is None:
        return code
    found = []
    for name, text in told.items():
        was = how_computed(names.metrics[name], names)
        now = how_computed(after.metrics[name], after) if name in after.metrics else ""
        # A change before this one may have written what is replaced now.
        stale = now not in ("", was) and (was in text or known.changes)
        block = known.block_saying(text) if stale else None
        if block is not None and known.owned(block) and not text_problems(now, limit=STORED_LIMIT):
            found.append((block.path, RewordBlock(block.name, was, now)))
    if not found:
        return code
    edits = [{"block": edit.name, "was": edit.was, "now": edit.now} for _path, edit in found]
    return replace(
        code,
        changes=(*code.changes, *(FileChange(path, (edit,)) for path, edit in found)),
        entries={**code.entries, "edits": [*code.entries.get("edits", ()), *edits]},
    )


def _words(node: NodeRecord, column: str) -> str:
    """The description of a table, or of its column."""
    if not column:
        return node.description
    return next((one.description for one in node.columns if one.name.lower() == column.lower()), "")


def _of_a_table(node: NodeRecord, column: str, reference: str, known: Known) -> FileChange:
    edit = AmendWords(path_of(node, column), {"description": reference}, {})
    return properties_change(node, known, edit)


def _of_a_metric(metric: Metric, reference: str, fields: DocFields) -> FileChange:
    """Its description, and what the block says of its business context from now on."""
    context = noted(metric.meta, "context")
    moved = isinstance(context, str) and context.strip() in fields.text
    own = {"context": None} if moved else {}
    return FileChange(metric.file, (AmendMetric(metric.name, {"description": reference}, own),))


def _compiled(
    changes: tuple[FileChange, ...], fields: DocFields, uses: Mapping[str, str] = MappingProxyType({})
) -> Compiled:
    edits = [{"block": fields.block, "text": fields.text, "about": fields.about}] if changes else []
    return Compiled(
        changes=changes,
        entries={"edits": edits, "uses": dict(uses)},
        metrics=(),
        models=(),
        yaml_preview=WriteBlock(fields.block, fields.text).written(None) if changes else "",
    )


def _is_markdown(path: str) -> bool:
    return PurePosixPath(path).suffix == ".md"

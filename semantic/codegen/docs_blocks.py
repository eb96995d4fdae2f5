"""dbt's docs blocks: their text in a Markdown file, every other byte as it was."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import PurePosixPath
from types import MappingProxyType

from catalog.reading import NodeRecord
from semantic.codegen.changes import FileChange, WriteBlock
from semantic.codegen.entries import Refused
from semantic.codegen.metrics import Compiled
from semantic.codegen.words import AmendWords, path_of, properties_file
from semantic.described import DocFields, split
from semantic.fields import digest
from semantic.known import Known


def compile_block(base: DocFields | None, fields: DocFields, known: Known) -> Compiled:
    """What has to be written so that a docs block says this. Raises Refused.

    A new block is written into the file of most others; where it is `about` a table or a column, that one's
    description becomes a reference to it.
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
    unique_id, column = split(fields.about)
    node = known.node(unique_id)
    if node is None:
        raise Refused(f"{unique_id} is not in the dbt project any more.")
    changes.append(_reference(fields, node, column, known))
    # The words that the reference takes the place of, as they were approved to go.
    return _compiled(tuple(changes), fields, {fields.about: digest(_words(node, column))})


def _words(node: NodeRecord, column: str) -> str:
    """The description of a table, or of its column."""
    if not column:
        return node.description
    return next((one.description for one in node.columns if one.name.lower() == column.lower()), "")


def _reference(fields: DocFields, node: NodeRecord, column: str, known: Known) -> FileChange:
    words = {"description": f"{{{{ doc('{fields.block}') }}}}"}
    return FileChange(properties_file(node, known), (AmendWords(path_of(node, column), words, {}),))


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

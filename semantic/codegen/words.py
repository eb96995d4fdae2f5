"""What people say about a model, a source or a column, written into its entry of a properties file."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import PurePosixPath
from typing import Any

from catalog.reading import NodeRecord
from semantic.codegen.changes import AnyEdit, FileChange
from semantic.codegen.entries import Refused
from semantic.codegen.entry_keys import noted_in, places, put
from semantic.codegen.layout import YAML
from semantic.codegen.metrics import Compiled
from semantic.codegen.sql_models.folders import places_in
from semantic.codegen.sql_models.properties import home_of
from semantic.codegen.versions import VERSIONS, named, placed, version_in, version_of
from semantic.codegen.yaml_files import YamlValue, new_file_of
from semantic.codegen.yaml_steps import AddItem, Edit, Named, Path, ReplaceItem
from semantic.described import ColumnFields, ModelFields, split
from semantic.known import Known

# The key of dbt's entry that a field is; every other field stands in Bisync's part of `meta`.
KEYS: Mapping[str, str] = {
    "description": "description",
    "group": "group",
    "access": "access",
    "deprecation_date": "deprecation_date",
}
# Where a key belongs that an entry does not have yet.
ORDER = (
    *("v", "defined_in", "name", "description", "group", "access", "deprecation_date", "config", "meta"),
    "data_type",
)
SECTIONS: Mapping[str, str] = {
    "model": "models",
    "seed": "seeds",
    "snapshot": "snapshots",
    "source": "sources",
}
# No version takes this key from its model; and these dbt reads in the `config` of a version's own entry.
OF_VERSIONS = "deprecation_date"
IN_CONFIG = ("group", "access")
SHARED = "A column that several versions of the model share is described for all of them."
# From this version on dbt wants the meta of columns and sources in their config, as that of models.
META_IN_CONFIG = (1, 10)


@dataclass(frozen=True)
class AmendWords:
    """Give the entry at `path`, a list of names below a section, other words; None takes a key away.

    `values` are keys of dbt's, `own` those of Bisync's mapping in its `meta`, which a new entry has in its
    `config` where `in_config` says so. Entries that are missing on the way are added. What versions of a
    model share of a column is changed for all of them.
    """

    path: Path
    values: Mapping[str, Any]
    own: Mapping[str, Any]
    in_config: bool = True

    def edits(self, data: Any, _text: str) -> Iterator[Edit]:
        path = self.path if data is None else placed(data, self.path, alone=False)
        if data is not None and self._is_version:
            self._refuse_inherited(data)
        held, depth = _deepest(data, path)
        if depth == len(path):
            yield ReplaceItem(path, self._amended(held))
        else:
            yield AddItem(path[: depth + 1], self._entry(depth + 1))

    @property
    def _is_version(self) -> bool:
        """Whether the entry is a version's own, which has most of its keys in its `config`."""
        return self.path[-2] == VERSIONS

    def _refuse_inherited(self, data: Any) -> None:
        """What all versions of a model say, one of them cannot take away, nor shorten a list of it."""
        model, which = self.path[1], self.path[3]
        assert isinstance(model, Named)
        assert isinstance(which, Named)
        version = version_in(data, model.value, which.value)
        for key, value in self.values.items():
            if value is None and key != OF_VERSIONS and version.inherits(key):
                raise version.shared(f"The {key}")
        for key, value in self.own.items():
            if (value is None or isinstance(value, list)) and key in (noted_in(version.model, key) or ()):
                raise version.shared(f"The {key}")

    def _entry(self, depth: int) -> dict[str, Any]:
        """The entry named at `path[depth]`, with all below it that is asked for."""
        name = self.path[depth]
        assert isinstance(name, Named)
        entry: dict[str, Any] = {name.key: named(name.value) if name.key == "v" else name.value}
        if depth + 1 == len(self.path):
            return self._amended(entry)
        section = str(self.path[depth + 1])
        return {**entry, section: [self._entry(depth + 2)]}

    def _amended(self, entry: Mapping[str, Any]) -> dict[str, Any]:
        new: dict[str, Any] = copy.deepcopy(dict(entry))
        for key, value in self.values.items():
            _put(self._place(new, key, value), key, value)
        if self.own:
            self._note(new)
        return new

    def _place(self, entry: dict[str, Any], key: str, value: YamlValue) -> dict[str, Any]:
        """The mapping that says the key, or is to say it."""
        config = entry.get("config")
        if self._is_version and key in IN_CONFIG and key not in entry and value is not None:
            if not isinstance(config, dict):
                _put(entry, "config", {})
            return entry["config"]  # type: ignore[no-any-return]
        return config if isinstance(config, dict) and key in config else entry

    def _note(self, entry: dict[str, Any]) -> None:
        """Set Bisync's keys in the entry's `meta`, wherever it keeps that."""
        for key, value in self.own.items():
            home = noted_in(entry, key)
            if home is None and value is not None:
                home = self._new_home(entry)
            if home is not None:
                _put(home, key, value)

    def _new_home(self, entry: dict[str, Any]) -> dict[str, Any]:
        metas = [place["meta"] for place in places(entry) if isinstance(place.get("meta"), dict)]
        if metas:
            meta = metas[0]
        elif self.in_config:
            if not isinstance(entry.get("config"), dict):
                _put(entry, "config", {})
            meta = entry["config"]["meta"] = {}
        else:
            _put(entry, "meta", {})
            meta = entry["meta"]
        own: dict[str, Any] = meta.setdefault("bisync", {})
        return own


def _deepest(data: Any, path: Path) -> tuple[Any, int]:
    """The deepest entry of the path that is there, and how many parts of the path lead to it."""
    held, depth = data, 0
    while depth < len(path):
        section, which = path[depth], path[depth + 1]
        listed = (held.get(section) if isinstance(held, dict) else None) or ()
        found = [one for place, one in enumerate(listed) if _is_item(place, one, which)]
        if not found:
            break
        held, depth = found[0], depth + 2
    return held, depth


def _is_item(place: int, item: Any, which: str | int | Named) -> bool:
    if isinstance(which, Named):
        return isinstance(item, dict) and item.get(which.key) == which.value
    return place == which


def _put(entry: dict[str, Any], key: str, value: YamlValue) -> None:
    put(entry, key, value, order=ORDER)


# From fields to edits


def compile_words(
    base: ModelFields | ColumnFields, fields: ModelFields | ColumnFields, current: ModelFields | ColumnFields,
    node: NodeRecord, known: Known,
) -> Compiled:  # fmt: skip
    """What has to be written so that dbt says `fields` of a thing, where `base` was agreed before.

    A field that dbt has brought to the wanted value meanwhile is left out; one that it has brought elsewhere
    is Refused.
    """
    asked = fields.changes_from(base)
    left = [name for name in asked if name in fields.changes_from(current)]
    if moved := [name for name in left if name in current.changes_from(base)]:
        said = " and ".join(sorted(moved))
        raise Refused(f"The {said} of {current.title} was changed in dbt meanwhile. Decide which one holds.")
    column = split(fields.name)[1]
    path = path_of(node, column)
    values = {KEYS[name]: _value(fields, name) for name in left if name in KEYS}
    own = {name: _value(fields, name) for name in left if name not in KEYS}
    plain = known.names.dbt_version < META_IN_CONFIG and (column or node.resource_type == "source")
    edit = AmendWords(path, values, own, in_config=not plain)
    at = [part.value if isinstance(part, Named) else part for part in path]
    edits = [{"at": at, "key": name, "value": _json(_value(fields, name))} for name in left]
    return Compiled(
        changes=(properties_change(node, known, edit),) if left else (),
        entries={"edits": edits, "uses": {}},
        metrics=(),
        models=(),
        yaml_preview=_preview(edit),
        notes=(SHARED,) if left and column and VERSIONS in path else (),
    )


def path_of(node: NodeRecord, column: str = "") -> Path:
    """Where the entry of a node, or of one of its columns, stands in a properties file."""
    section = SECTIONS[node.resource_type]
    path: Path = (section, Named(node.name))
    if node.resource_type == "source":
        path = (section, Named(str(node.fields.get("source_name") or "")), "tables", Named(node.name))
    if version := version_of(node.unique_id):
        path = (*path, VERSIONS, Named(version, "v"))
    return (*path, "columns", Named(column)) if column else path


def properties_file(node: NodeRecord, known: Known) -> str:
    """The file that describes a node; where none does, the one of its neighbours, as for new models."""
    if node.patch_path:
        return node.patch_path
    if node.path.endswith(YAML):
        return node.path
    if node.resource_type == "model":
        return places_in(known.files).properties_file(node.path, known.files)
    likes = home_of(node.path, known.files, section=SECTIONS[node.resource_type])
    return likes or str(PurePosixPath(node.path).with_suffix(".yml"))


def properties_change(node: NodeRecord, known: Known, *edits: AnyEdit) -> FileChange:
    """These edits of what describes a node; a file made for them begins as those of the project do."""
    path = properties_file(node, known)
    described = node.patch_path or node.path == path
    opening = () if described else places_in(known.files).opening(path, known.files)
    return FileChange(path, (*opening, *edits))


def _value(fields: ModelFields | ColumnFields, name: str) -> Any:
    value = getattr(fields, name)
    if name == "deprecation_date" and value:
        return date.fromisoformat(value)
    return list(value) or None if isinstance(value, tuple) else value or None


def _json(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


def _preview(edit: AmendWords) -> str:
    """The part of the entry that changes, as YAML for people to read."""
    values, own = (
        {key: value for key, value in side.items() if value is not None} for side in (edit.values, edit.own)
    )
    return new_file_of((AmendWords(edit.path, values, own, in_config=edit.in_config),))

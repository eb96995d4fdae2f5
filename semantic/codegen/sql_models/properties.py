"""Which properties file describes which models of a project, and which one is to describe another model."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from functools import cached_property, lru_cache
from pathlib import PurePosixPath

from semantic.codegen.layout import YAML, alone
from semantic.project_file import FILE, project_file

SECTIONS = ("models", "seeds", "snapshots")
_ITEM = re.compile(r"^( *)- ", re.MULTILINE)
_VERSIONED = re.compile(r"_v\d+$")
OWN = "{model}"
# What these hold is no model, in projects that do not say where their models are.
_NO_MODELS = frozenset(
    ("analyses", "analysis", "dbt_modules", "dbt_packages", "exploration", "logs", "macros", "migrations")
) | frozenset(("seeds", "snapshots", "target", "tests"))


class Files:
    """Files that are the same where they are the same object: reading them all takes long."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self.files = files

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Files) and other.files is self.files

    def __hash__(self) -> int:
        return id(self.files)


def models_in(files: Mapping[str, str]) -> tuple[str, ...]:
    """The SQL of a project's models: below its model paths, not that of its analyses, macros or packages."""
    return _models_in(Files(files))


@lru_cache(maxsize=8)
def _models_in(files: Files) -> tuple[str, ...]:
    found = sorted(path for path in files.files if path.endswith(".sql"))
    roots = project_file(files.files).model_paths if FILE in files.files else ()
    inside = tuple(path for path in found if any(PurePosixPath(path).is_relative_to(one) for one in roots))
    return inside or tuple(path for path in found if _NO_MODELS.isdisjoint(_above_models(path)))


def _above_models(path: str) -> tuple[str, ...]:
    """The folders of a file down to one that is called `models`."""
    folders = PurePosixPath(path).parts[:-1]
    return folders[: folders.index("models")] if "models" in folders else folders


def described_in(text: str, section: str = "models") -> tuple[str, ...]:
    """The names of what a properties file describes, as its lines show them; never raises."""
    found = re.search(rf"^{section}:[^\n]*\n((?:(?:[ \t#-][^\n]*)?(?:\n|\Z))+)", text, re.MULTILINE)
    first = _ITEM.search(found[1]) if found else None
    if found is None or first is None:
        return ()
    named = re.compile(rf"^{first[1]}(?:- +| {{2,4}})name: *['\"]?([^\s'\"#]+)", re.MULTILINE)
    return tuple(dict.fromkeys(named.findall(found[1])))


class Descriptions:
    """What the properties files of a project describe: file → names, and where each is otherwise written."""

    def __init__(self, files: Mapping[str, str], section: str) -> None:
        self.sql: dict[str, PurePosixPath] = {}
        sql = models_in(files) if section == "models" else sorted(files)
        for at in (at for at in map(PurePosixPath, sql) if at.suffix == ".sql" and section != "seeds"):
            self.sql.setdefault(at.stem, at)
            self.sql.setdefault(_VERSIONED.sub("", at.stem), at)
        self.files = {
            path: names
            for path in sorted(path for path in files if path.endswith(YAML))
            if (names := described_in(files[path], section))
        }
        self.file_of: dict[str, str] = {}
        for path, names in self.files.items():
            for name in names:
                self.file_of.setdefault(name, path)

    def place_of(self, name: str) -> PurePosixPath:
        """The folder of a thing: of its SQL, or of what describes it where that has another ending."""
        at = self.sql.get(name)
        return (at or PurePosixPath(self.file_of[name])).parent

    @cached_property
    def _marked(self) -> Mapping[str, set[str]]:
        """The names of files, and each with marks for the folders that it is called after."""
        found: dict[str, set[str]] = {}
        for at in map(PurePosixPath, self.files):
            found.setdefault(at.name, set()).add(_pattern(at))
        return found

    def shared_name(self, file: str) -> str:
        """The name of a file with marks for the folders that it is called after.

        A name that means something else in another folder is called after neither.
        """
        name = PurePosixPath(file).name
        (first, *others) = self._marked[name]
        return _plain(name) if others else first

    def pattern(self, file: str) -> str:
        """The name of a file that is there for one model alone, with OWN for the model; "" for all others."""
        at, name = PurePosixPath(file), self.files[file][0]
        # `_orders__models.yml` in a folder `orders` is the folder's file, whatever is in there.
        if len(self.files[file]) > 1 or at.parent.name == name or not alone(name).search(at.stem):
            return ""
        return alone(name).sub(OWN, _plain(at.name), count=1)

    def beside(self, at: PurePosixPath) -> tuple[Counter[str], Counter[str]]:
        """How many neighbours each file describes, and how many have files of their own called like this."""
        shared: Counter[str] = Counter()
        own: Counter[str] = Counter()
        for name, file in self.file_of.items():
            if name != at.stem and self.place_of(name) == at.parent:
                pattern = self.pattern(file)
                (own if pattern else shared)[pattern or file] += 1
        return shared, own

    def above(self, at: PurePosixPath) -> str:
        """The file of the folder, or of one above it, that describes most of what lies below; "" for none."""
        for folder in (at.parent, *at.parent.parents):
            votes: Counter[str] = Counter()
            for name, file in self.file_of.items():
                if self.place_of(name).is_relative_to(folder):
                    votes[file] += 1
            for file, count in votes.items():
                inside = PurePosixPath(file).parent == folder
                if inside and count * 2 > votes.total() and self._reaches_below(file):
                    return file
        return ""

    def _reaches_below(self, file: str) -> bool:
        """Whether a file describes more than what lies in its own folder."""
        return any(self.place_of(name) != PurePosixPath(file).parent for name in self.files[file])


@lru_cache(maxsize=8)
def _read(files: Files, section: str) -> Descriptions:
    return Descriptions(files.files, section)


def descriptions_of(files: Mapping[str, str], section: str = "models") -> Descriptions:
    """What the properties files describe, read once from these files."""
    return _read(Files(files), section)


def home_of(path: str, files: Mapping[str, str], *, apart: bool = False, section: str = "models") -> str:
    """The file that is to describe the model at `path`; "" where nothing tells.

    That is the file of most of its neighbours or one of its own as they have, else one above that describes
    whole folders. `apart` says that the project has a file for each model: it decides where they are equal.
    """
    found, at = descriptions_of(files, section), PurePosixPath(path)
    shared, own = found.beside(at)
    if own and (own.total(), apart) > (shared.total(), False):
        return str(at.with_name(_most(own).replace(OWN, at.stem)))
    if shared:
        return min(shared, key=lambda file: (-shared[file], PurePosixPath(file).parent != at.parent, file))
    return "" if apart else found.above(at)


def _most(votes: Counter[str]) -> str:
    return min(votes, key=lambda value: (-votes[value], value))


def _pattern(at: PurePosixPath) -> str:
    name = _plain(at.name)
    for mark, folder in (("{folder}", at.parent.name), ("{parent}", at.parent.parent.name)):
        if len(folder) > 1 and folder != "models":
            name = alone(folder).sub(mark, name, count=1)
    return name


def _plain(name: str) -> str:
    return name.replace("{", "").replace("}", "")

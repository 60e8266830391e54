"""YAML files that people write: entries checked by pydantic models, faults named by file, line and field.

Plain scalars are read as text and given their type by the models: YAML's own guesses would turn the
clock 16:15 into a number of minutes, the symbol ON into a truth value, and 2026-02-30 into a crash.
"""

import re
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from pipeline.errors import FileError

Loc = tuple[int | str, ...]  # the way to a value: entry number, field, ...


class Entry(BaseModel):
    """Base of every entry: unknown fields are mistakes, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


Model = TypeVar("Model", bound=Entry)


def entries(path: Path, model: type[Model]) -> tuple[Model, ...]:
    """Read a file that is a list of entries.

    Raises:
        FileError: it cannot be read, is no list, or an entry is wrong.
    """
    node = compose(path)
    if not isinstance(node, yaml.SequenceNode):
        raise FileError(f"{path}:1: expected a list of entries, each starting with '- '")
    return tuple(validated(path, child, model) for child in node.value)


def single(path: Path, model: type[Model]) -> Model:
    """Read a file that is one entry.

    Raises:
        FileError: it cannot be read, or a field is wrong.
    """
    node = compose(path)
    if not isinstance(node, yaml.MappingNode):
        raise FileError(f"{path}:1: expected fields with values, such as 'streak_rules:'")
    return validated(path, node, model)


class _Loader(yaml.BaseLoader):
    """Leaves scalars as text; only an empty one (or null, or ~) is no value."""


class _FastLoader(getattr(yaml, "CBaseLoader", yaml.BaseLoader)):  # type: ignore[misc]
    """The same in C where PyYAML has it, in a tenth of the time."""


for _one in (_Loader, _FastLoader):
    _one.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"(?:~|null|)$"), ["~", "n", ""])
    _one.add_constructor("tag:yaml.org,2002:null", lambda loader, node: None)


def compose(path: Path) -> yaml.Node | None:
    """Return the file's nodes, which know their lines; None for an empty file.

    Raises:
        FileError: it cannot be read, is not UTF-8 or not YAML, or gives a field twice in one entry.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise FileError(f"{path}: cannot be read: {error.strerror}") from error
    try:
        node = _composed(content.decode("utf-8"))
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise FileError(f"{path}:{line}: not UTF-8 text; save it as UTF-8") from error
    except yaml.YAMLError as error:
        raise FileError(f"{path}:{_marked_line(error, 1)}: not valid YAML: {_problem(error)}") from error
    _check_keys(path, node)
    return node


def _composed(text: str) -> yaml.Node | None:
    try:
        return yaml.compose(text, Loader=_FastLoader)
    except yaml.YAMLError:
        return yaml.compose(text, Loader=_Loader)  # says better what is wrong


def _check_keys(path: Path, root: yaml.Node | None) -> None:
    """A field given twice in one entry: YAML readers keep the last one and say nothing."""
    waiting, seen = [root], set()
    while waiting:
        node = waiting.pop()
        if id(node) in seen or not isinstance(node, yaml.CollectionNode):
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            waiting.extend(node.value)
            continue
        names = set()
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in names:
                raise FileError(f"{path}:{key.start_mark.line + 1}: {key.value}: given twice in one entry")
            names.add(key.value if isinstance(key, yaml.ScalarNode) else id(key))
            waiting.append(value)


def validated(path: Path, node: yaml.Node, model: type[Model]) -> Model:
    """Return the entry that a node describes.

    Raises:
        FileError: naming the first field that is wrong.
    """
    try:
        return model.model_validate(_plain(node))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "entry"
        message = first["msg"].removeprefix("Value error, ")
        raise FileError(f"{path}:{line_of(node, first['loc'])}: {field}: {message}") from error
    except yaml.YAMLError as error:
        line = _marked_line(error, node.start_mark.line + 1)
        raise FileError(f"{path}:{line}: not valid YAML: {_problem(error)}") from error


def _plain(node: yaml.Node) -> Any:
    """Build the node's value (no Python objects)."""
    loader = _Loader("")
    try:
        return loader.construct_document(node)
    finally:
        loader.dispose()


def _marked_line(error: yaml.YAMLError, default: int) -> int:
    mark = getattr(error, "problem_mark", None)
    return mark.line + 1 if mark else default


def _problem(error: yaml.YAMLError) -> str:
    return getattr(error, "problem", None) or getattr(error, "reason", None) or "it cannot be read"


def line_of(node: yaml.Node, loc: Loc) -> int:
    """Line of the field that is wrong, or of the nearest thing around it that exists."""
    line = node.start_mark.line + 1
    for part in loc:
        if isinstance(node, yaml.MappingNode):
            children = {key.value: (key, value) for key, value in node.value}
        elif isinstance(node, yaml.SequenceNode):
            children = {number: (child, child) for number, child in enumerate(node.value)}
        else:
            break
        if part not in children:
            break
        key, node = children[part]
        line = key.start_mark.line + 1
    return line


def wrong(path: Path, loc: Loc, message: str) -> FileError:
    """Return the fault of a field of a file that has been read before."""
    field = ".".join(str(part) for part in (loc[1:] if isinstance(loc[0], int) else loc))
    node = compose(path)
    assert node is not None
    return FileError(f"{path}:{line_of(node, loc)}: {field}: {message}")

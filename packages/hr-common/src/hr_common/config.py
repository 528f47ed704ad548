"""Settings: frozen dataclasses, changed by a TOML file and by ``--set a.b=3``, with all mistakes reported at once."""

from __future__ import annotations

import dataclasses
import datetime
import difflib
import json
import re
import tomllib
import types
import typing
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails, to_jsonable_python

from hr_common.errors import InputError
from hr_common.files import read_lines

T = TypeVar("T")
_NONE = "none"  # TOML has no null; the bare word stands for it where a field may be None


def load(cls: type[T], *, preset: T, file: Path | None = None, overrides: Sequence[str] = ()) -> T:
    """Change a preset by a TOML file, and the result by single settings.

    Args:
        cls: The dataclass; fields that are dataclasses are tables in the file and ``table.name`` in an override.
        preset: What holds where nothing else is said.
        file: A TOML file that gives some of the settings, or all.
        overrides: ``name=value`` each, the last one wins. The value is read as TOML, or as a string if it is none
            (``model.kind=large``); ``none`` clears a setting that may be ``None``.

    Raises:
        InputError: The file is no TOML, or settings are unknown or of the wrong type: all of them in one message,
            each with the nearest valid name.
    """
    settings: _Settings[T] = _Settings(cls, to_dict(preset))
    if file is not None:
        try:
            settings.lay(tomllib.loads("\n".join(read_lines(file))), str(file))
        except tomllib.TOMLDecodeError as error:
            raise InputError(f"{file}: no valid TOML: {error}") from None
    for override in overrides:
        name, sign, text = override.partition("=")
        if sign and name.strip():
            tree: Any = _parse_value(text.strip())
            for part in reversed(name.split(".")):
                tree = {part.strip(): tree}
            settings.lay(tree, f"--set {override}")
        else:
            settings.mistakes.append(f"--set {override}: expected name=value")
    return settings.build()


def from_dict(cls: type[T], mapping: Mapping[str, Any]) -> T:
    """Rebuild settings from what :func:`to_dict` made, also after a round trip through JSON or TOML.

    Raises:
        InputError: Settings are unknown, missing or of the wrong type: all of them in one message.
    """
    settings: _Settings[T] = _Settings(cls, {})
    settings.lay(mapping, cls.__name__)
    return settings.build()


def to_dict(config: Any) -> dict[str, Any]:
    """Turn settings into nested dictionaries of what JSON can hold; tuples become lists."""
    return dict(to_jsonable_python(config))


def to_toml(config: Any) -> str:
    """Write settings as TOML that :func:`load` reads back; ``None`` is written as ``"none"``."""
    return "\n".join(_toml_table(to_dict(config), "")).strip("\n") + "\n"


class _Settings(Generic[T]):
    """Values laid one over another, with the place where each was given."""

    def __init__(self, cls: type[T], tree: dict[str, Any]) -> None:
        self.cls, self.tree, self.mistakes = cls, tree, list[str]()
        self.hints = dict(_hints(cls))
        self.places: dict[str, str] = {}

    def lay(self, new: Mapping[str, Any], where: str, prefix: str = "", old: dict[str, Any] | None = None) -> None:
        old = self.tree if old is None else old
        for key, value in new.items():
            name = prefix + key
            hint = self.hints.get(name)
            self.places[name] = where
            if isinstance(value, Mapping) and _table(hint):
                old[key] = old.get(key) or {}  # a table that was None begins with its defaults
                self.lay(value, where, f"{name}.", old[key])
            else:
                old[key] = None if value == _NONE and type(None) in typing.get_args(hint) else value

    def build(self) -> T:
        # Strict, so that "3" is no number; by way of JSON, whose arrays may be tuples and whose strings may be paths.
        # Inside a tuple, since pydantic hands its settings down to dataclasses but takes none for one.
        adapter = TypeAdapter(tuple[self.cls], config=ConfigDict(extra="forbid", strict=True))  # type: ignore[name-defined]
        config: list[T] = []
        try:
            config += adapter.validate_json(json.dumps([self.tree], default=str))
        except ValidationError as error:
            self.mistakes += map(self._mistake, error.errors(include_url=False))
        if self.mistakes:
            raise InputError("; ".join(self.mistakes))
        return config[0]

    def _mistake(self, problem: ErrorDetails) -> str:
        parts = problem["loc"][1:]
        name = given = ".".join(part for part in parts if isinstance(part, str))
        while name and name not in self.hints and name not in self.places:
            name = name.rpartition(".")[0]  # pydantic adds which type of a union it tried
        where = self.places.get(name) or self.places.get(name.rpartition(".")[0], "the preset")
        if problem["type"] == "missing":
            return f"setting {name!r} is missing"
        if problem["type"] == "unexpected_keyword_argument":
            return f"unknown setting {given!r} in {where}; {self._advice(given)}"
        if problem["type"] == "value_error":  # what __post_init__ has to say
            return f"{name or self.cls.__name__}: {problem['ctx']['error']}"
        shown = json.dumps(problem["input"], ensure_ascii=False)
        place = name + "".join(f"[{part}]" for part in parts if isinstance(part, int))
        message = problem["msg"][0].lower() + problem["msg"][1:]
        return f"{place} = {shown if len(shown) <= 60 else f'{shown[:57]}...'}: {message} (in {where})"

    def _advice(self, name: str) -> str:
        prefix, _, last = name.rpartition(".")
        siblings = [known for known in self.hints if known.rpartition(".")[0] == prefix]
        # A name beside the wrong one, or else one elsewhere: perhaps the table is wrong or was left out.
        for options, cutoff in ((siblings, 0.6), (self.hints, 0.75)):
            ends = {known.rpartition(".")[2]: known for known in options}
            if nearest := difflib.get_close_matches(last, ends, n=1, cutoff=cutoff):
                return f"did you mean {ends[nearest[0]]!r}?"
        return f"known here: {', '.join(known.rpartition('.')[2] for known in siblings or self.hints)}"


def _hints(cls: type[Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The dotted name and the type of every setting, the tables themselves included."""
    for name, hint in typing.get_type_hints(cls).items():
        yield prefix + name, hint
        if table := _table(hint):
            yield from _hints(table, f"{prefix}{name}.")


def _table(hint: Any) -> type[Any] | None:
    """The dataclass of a field that is a table, also if it may be ``None``."""
    options = typing.get_args(hint) if typing.get_origin(hint) in (typing.Union, types.UnionType) else (hint,)
    return next((one for one in options if isinstance(one, type) and dataclasses.is_dataclass(one)), None)


def _parse_value(text: str) -> Any:
    try:
        parsed = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    # A line break in the text could smuggle in a second setting; a date is meant as the text it was typed as.
    return text if len(parsed) > 1 or isinstance(parsed["value"], datetime.date | datetime.time) else parsed["value"]


def _toml_table(table: Mapping[str, Any], prefix: str) -> list[str]:
    values = [f"{_toml_key(key)} = {_toml_value(value)}" for key, value in table.items() if not isinstance(value, dict)]
    for key, value in table.items():
        if isinstance(value, dict):
            name = prefix + _toml_key(key)
            values += ["", f"[{name}]", *_toml_table(value, f"{name}.")]
    return values


def _toml_key(key: str) -> str:
    return key if re.fullmatch(r"[\w-]+", key, re.ASCII) else _toml_value(key)


def _toml_value(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_toml_value, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_toml_key(key)} = {_toml_value(item)}' for key, item in value.items())}}}"
    if isinstance(value, float):
        return repr(value)  # TOML writes inf and nan like Python
    # A JSON string is a TOML basic string, but for the one control character that JSON does not escape.
    return json.dumps(_NONE if value is None else value, ensure_ascii=False).replace("\x7f", "\\u007f")


def differences(there: Mapping[str, Any], here: Mapping[str, Any], *, free: Collection[str] = ()) -> Iterator[str]:
    """Say which settings of two nested mappings differ, by dotted name, e.g. of a checkpoint and of a run that resumes.

    Args:
        there: From :func:`to_dict`, as it was written.
        here: The same of now.
        free: Dotted names that may differ, of settings or of whole tables.
    """
    before, now = dict(_leaves(there)), dict(_leaves(here))
    for name in sorted(before.keys() | now.keys()):
        is_free = any(f"{name}.".startswith(f"{each}.") for each in free)
        if before.get(name) != now.get(name) and not is_free:
            yield f"{name} {before.get(name)} there, {now.get(name)} here"


def _leaves(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value

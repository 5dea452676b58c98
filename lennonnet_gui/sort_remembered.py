"""What was chosen for sorting, kept for the next time: how photos are sorted, and where those of each subject go.

Kept when a plan is asked for, not at every click. What would surprise is not kept: the trash, a folder that is not the
one of the same photos, and targets that lead to a place of their own instead of into the folder that is shown.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeVar

from lennonnet_gui.settings import Settings
from training.sorting import TRASH
from training.xmp_tags import Naming
from training.zones import Zone

_Kind = TypeVar("_Kind", bound=StrEnum)


class Doing(StrEnum):
    """What is done with the photos."""

    MOVE = "move"
    COPY = "copy"
    LINK = "link"
    TAG = "tag"
    TABLE = "table"


class Goes(StrEnum):
    """What happens to the photos of a zone."""

    TO = "to"
    """They go to what is written beside it, or get it as a tag."""
    STAY = "stay"
    TRASH = "trash"


@dataclass(frozen=True, slots=True)
class Choice:
    """What happens to the photos of a zone, and what is written beside it."""

    goes: Goes
    pattern: str


Choices = dict[Zone, Choice]

FOLDERS: Choices = {
    Zone.SUBJECT: Choice(Goes.TO, "{subject}"),
    Zone.UNSURE: Choice(Goes.STAY, "not_sure"),
    Zone.NOT_SUBJECT: Choice(Goes.TO, "not_{subject}"),
}
TAGS: Choices = {
    Zone.SUBJECT: Choice(Goes.TO, "{subject}"),
    Zone.UNSURE: Choice(Goes.STAY, "not sure"),
    Zone.NOT_SUBJECT: Choice(Goes.STAY, "not {subject}"),
}


@dataclass(frozen=True, slots=True)
class How:
    """How photos are sorted, whoever they are sorted by."""

    doing: Doing = Doing.MOVE
    along: bool = True
    verify: bool = True
    only_confirmed: bool = False
    only_confirmed_tags: bool = True
    naming: Naming = Naming.FULL


@dataclass(frozen=True, slots=True)
class Targets:
    """Where the photos of a subject go, and which tags they get."""

    folders: Choices = field(default_factory=lambda: dict(FOLDERS))
    tags: Choices = field(default_factory=lambda: dict(TAGS))


class Remembered:
    """Keeps it: while the program runs and, with settings, for the next start. What makes no sense is the default."""

    def __init__(self, settings: Settings | None = None) -> None:
        self._settings = settings
        self._here: dict[str, str] = {}

    def how(self) -> How:
        """How it was done the last time."""
        kept, first = self._read("sort/how"), How()
        flags = {
            name: kept[name] if isinstance(kept.get(name), bool) else getattr(first, name)
            for name in ("along", "verify", "only_confirmed", "only_confirmed_tags")
        }
        return How(
            doing=_one(Doing, kept.get("doing"), first.doing),
            naming=_one(Naming, kept.get("naming"), first.naming),
            **flags,
        )

    def keep_how(self, how: How) -> None:
        """Remember it."""
        self._write("sort/how", {name: getattr(how, name) for name in How.__slots__})

    def targets(self, subject: str) -> Targets:
        """Where the photos of a subject, by its id, went the last time."""
        kept = self._read(f"sort/targets/{subject}")
        return Targets(_choices(kept.get("folders"), FOLDERS), _choices(kept.get("tags"), TAGS))

    def keep_targets(self, subject: str, targets: Targets) -> None:
        """Remember it."""
        self._write(
            f"sort/targets/{subject}",
            {
                name: {zone.name.lower(): [one.goes, one.pattern] for zone, one in choices.items()}
                for name, choices in (("folders", targets.folders), ("tags", targets.tags))
            },
        )

    def root(self, folder: str) -> str:
        """The folder that the photos of `folder` were sorted into the last time; "" if that is not known."""
        kept = self._read("sort/root")
        try:
            of, root = (os.fsdecode(bytes.fromhex(kept[name])) for name in ("of", "root"))
        except (KeyError, TypeError, ValueError):
            return ""
        return root if of == folder else ""

    def keep_root(self, folder: str, root: str) -> None:
        """Remember it."""
        # As hex of the bytes, because a folder's name need not be text.
        self._write("sort/root", {"of": os.fsencode(folder).hex(), "root": os.fsencode(root).hex()})

    def _read(self, name: str) -> dict[str, Any]:
        text = self._here.get(name) or ("" if self._settings is None else self._settings.text(name))
        try:
            kept = json.loads(text)
        except ValueError:
            return {}
        return kept if isinstance(kept, dict) else {}

    def _write(self, name: str, what: dict[str, Any]) -> None:
        self._here[name] = json.dumps(what)
        if self._settings is not None:
            self._settings.set(name, self._here[name])


def _one(kind: type[_Kind], kept: object, first: _Kind) -> _Kind:
    return next((one for one in kind if one.value == kept), first)


def _choices(kept: object, first: Choices) -> Choices:
    if not isinstance(kept, dict):
        return dict(first)
    return {zone: _choice(kept.get(zone.name.lower()), one) for zone, one in first.items()}


def _choice(kept: object, first: Choice) -> Choice:
    if not isinstance(kept, list) or len(kept) != 2:
        return first
    goes, pattern = kept
    pattern = pattern.strip() if isinstance(pattern, str) else ""
    if not pattern or pattern == TRASH or os.path.isabs(pattern):  # noqa: PTH117
        pattern = first.pattern
        if goes == Goes.TO and first.goes is not Goes.TO:
            goes = first.goes
    known = _one(Goes, goes, first.goes)
    return Choice(Goes.STAY if known is Goes.TRASH else known, pattern)

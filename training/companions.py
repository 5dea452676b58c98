"""Which files belong to a photo and go where it goes: sidecars, camera files beside their JPEG, Live Photos' films.

Told by names alone, as the programs that write them tell it: `IMG_1.xmp` (Adobe) or `IMG_1.CR2.xmp` (darktable,
digiKam), `IMG_1.aae` (Apple's edits), `IMG_1.mov` (a Live Photo), `IMG_1.CR2` beside `IMG_1.JPG`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum

from training.photos import RAW_SUFFIXES


class Kind(StrEnum):
    """What a companion is to its photo."""

    SIDECAR = "sidecar"
    EDITS = "edits"
    FILM = "film"
    PARTNER = "partner"
    """The same photo once more, as a camera file or as the picture that the camera made of it."""


@dataclass(frozen=True, slots=True)
class Companion:
    """A file that goes along: its name, what it is, and whose stem it shares (as long as that is at its start)."""

    name: str
    kind: Kind
    stem: str

    def beside(self, stem: str) -> str:
        """Its name beside a photo that is called `stem` now."""
        return stem + self.name[len(self.stem) :]


# Which of the photos of one stem the others go along with, the best first.
_LEADS = (".heic", ".heif", ".hif", ".jpg", ".jpeg", ".jpe", ".jfif")
_WITH_FILM = frozenset(_LEADS)
_KINDS = {".xmp": Kind.SIDECAR, ".aae": Kind.EDITS, ".mov": Kind.FILM}
_SUFFIXES = tuple(_KINDS) + tuple(name.upper() for name in _KINDS)
# darktable keeps further versions of a photo in IMG_1_01.CR2.xmp.
_VERSION = re.compile(r"(.+)_\d\d(\.[^.]+)$", re.DOTALL)


def companions(names: Collection[str], photos: Iterable[str]) -> dict[str, tuple[Companion, ...]]:
    """The companions of photos that lie in one folder; photos that are another's companion are no keys.

    names: of all files there; photos: those that are asked of, in the order in which a first one is chosen. Photos
    without companions are left out. No file is a companion of two; of those whose names differ in case only, one is.
    """
    asked = dict.fromkeys(photos)
    sides = [name for name in names if name.lower().endswith(_SUFFIXES) and name not in asked]
    raws = [name for name in names if suffix_of(name) in RAW_SUFFIXES]
    if not sides and not raws:
        return {}
    found: dict[str, list[Companion]] = {}
    by_stem: dict[str, list[str]] = {}
    for name in asked:
        by_stem.setdefault(stem_of(name), []).append(name)
    lead_of = _pairs(names, by_stem, raws, found)
    by_key: dict[str, list[str]] = {}
    for stem in by_stem:
        by_key.setdefault(key(stem), []).append(stem)
    whole = {key(name): name for name in asked}
    whole.update({key(name): name for name in lead_of})
    for side in sides:
        kind = _KINDS[suffix_of(side)]
        owner, stem = _owner(side, kind, by_stem, by_key, whole)
        if owner is not None:
            own = found.setdefault(lead_of.get(owner, owner), [])
            if all(key(one.name) != key(side) for one in own):
                own.append(Companion(side, kind, stem))
    return {lead: tuple(some) for lead, some in found.items()}


def sidecars(names: Iterable[str], photos: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """The sidecars of photos that lie in one folder, camera files and the pictures made of them each for itself.

    names: of all files there; photos: of all photos among them. A stem's sidecar is the camera file's where there is
    one, as in `companions`; those of a photo's further versions are left out.
    """
    by_stem: dict[str, list[str]] = {}
    by_key: dict[str, list[str]] = {}
    whole: dict[str, str] = {}
    for name in photos:
        by_stem.setdefault(stem_of(name), []).append(name)
        whole.setdefault(key(name), name)
    for stem in by_stem:
        by_key.setdefault(key(stem), []).append(stem)
    found: dict[str, list[str]] = {}
    for side in names:
        if side[-4:].lower() == ".xmp":
            owner, _ = _owner(side, Kind.SIDECAR, by_stem, by_key, whole)
            if owner is not None and key(stem_of(side)) in (key(owner), key(stem_of(owner))):
                found.setdefault(owner, []).append(side)
    return {owner: tuple(some) for owner, some in found.items()}


def suffix_of(name: str) -> str:
    """A name's suffix in lower case, with the dot; "" if it has none."""
    return name[len(stem_of(name)) :].lower()


def stem_of(name: str) -> str:
    """A name without its suffix; a name that begins with its only dot has none."""
    at = name.rfind(".")
    return name[:at] if at > 0 else name


def key(name: str) -> str:
    """What names share that differ in case or in the way their letters are composed."""
    return name.lower() if name.isascii() else unicodedata.normalize("NFC", name).casefold()


def _pairs(
    names: Collection[str], by_stem: dict[str, list[str]], raws: list[str], found: dict[str, list[Companion]]
) -> dict[str, str]:
    """Join camera files and the pictures made of them; fills `found`, returns each partner's lead."""
    lead_of: dict[str, str] = {}
    raws_of: dict[str, list[str]] = {}
    for raw in raws:
        raws_of.setdefault(stem_of(raw), []).append(raw)
    with_raw = {name for name in names if stem_of(name) in raws_of and suffix_of(name) in _LEADS}
    pictures_of: dict[str, list[str]] = {}
    for name in sorted(with_raw, key=lambda name: (_LEADS.index(suffix_of(name)), name)):
        pictures_of.setdefault(stem_of(name), []).append(name)
    for stem, pictures in pictures_of.items():
        members = [*pictures, *raws_of[stem]]
        asked = [name for name in members if name in by_stem.get(stem, ())]
        if not asked:
            continue
        lead = asked[0]
        keys = {key(lead)}
        for name in members:
            if (
                key(name) not in keys
            ):  # names that differ in case only could not lie beside each other everywhere
                keys.add(key(name))
                lead_of[name] = lead
                found.setdefault(lead, []).append(Companion(name, Kind.PARTNER, stem))
    return lead_of


def _owner(
    side: str, kind: Kind, by_stem: dict[str, list[str]], by_key: dict[str, list[str]], whole: dict[str, str]
) -> tuple[str | None, str]:
    """Whose companion a file is, and the stem that both share; (None, "") if nobody's."""
    base = stem_of(side)
    if kind is Kind.SIDECAR:
        if key(base) in whole:
            return whole[key(base)], stem_of(base)
        version = _VERSION.match(base)
        if version and key(version[1] + version[2]) in whole:
            return whole[key(version[1] + version[2])], version[1]
    stems = [base] if base in by_stem else by_key.get(key(base), [])
    if len(stems) != 1:  # names that differ in case only: it may be either's
        return None, ""
    photos = by_stem[stems[0]]
    if kind is Kind.FILM:
        photos = [name for name in photos if suffix_of(name) in _WITH_FILM]
    # Of several photos of that stem, Adobe's programs mean the camera file.
    photos = sorted(photos, key=lambda name: (suffix_of(name) not in RAW_SUFFIXES, _rank(name)))
    return (photos[0], base) if photos else (None, "")


def _rank(name: str) -> int:
    suffix = suffix_of(name)
    return _LEADS.index(suffix) if suffix in _LEADS else len(_LEADS)

"""Groups of faces as the user shapes them: split, joined, taken apart, each step to be undone. No widgets here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from lennonnet_gui import names
from lennonnet_gui.face_crops import Box
from lennonnet_gui.face_drag import faces as faces_in_words
from training.photos import PhotoFile
from training.verdicts import FaceSaid, FaceVerdict
from training.zones import Zone

_DOT = " \N{MIDDLE DOT} "
ZONE_SAID = {FaceVerdict.SUBJECT: Zone.SUBJECT, FaceVerdict.NOT_SUBJECT: Zone.NOT_SUBJECT}
"""What a frame shows of a labelled face; one that is no face has no zone."""


class PersonFace(NamedTuple):
    """One face of the folder, and what is known of it by now. A plain tuple: there may be 15,000 at each label.

    number: within its photo; probability, zone: None where nothing can tell yet; said: by the user, or None
    """

    file: PhotoFile
    number: int
    box: Box
    probability: float | None
    zone: Zone | None
    said: FaceSaid | None = None

    @property
    def key(self) -> tuple[str, int]:
        """What stays the same when more becomes known of it."""
        return self.file.path, self.number

    @property
    def shown_zone(self) -> Zone | None:
        """The zone of its frame: the user's word before the program's."""
        return self.zone if self.said is None else ZONE_SAID.get(self.said.verdict)


class Group(NamedTuple):
    """Faces that are one person, as places in the list of all; `loose` are those that resemble no other."""

    id: int
    faces: tuple[int, ...]
    loose: bool = False


class Shape:
    """The groups in their order, the loose faces last, and the steps that made them so."""

    def __init__(self) -> None:
        self.groups: list[Group] = []
        self._steps: list[tuple[str, list[Group]]] = []
        self._next = 0

    def begin(self, members: Iterable[Sequence[int]], single: Sequence[int]) -> None:
        """Start anew from what was found."""
        self._steps = []
        self.groups = [self._made(faces) for faces in members]
        if len(single):
            self.groups.append(self._made(single, loose=True))

    def undo_words(self) -> str:
        """What undoing the last step would do, as words for a button; "" where there is none."""
        return self._steps[-1][0] if self._steps else ""

    def undo(self) -> None:
        """Have the groups as they were before the last step."""
        if self._steps:
            self.groups = self._steps.pop()[1]

    def split(self, id: int, parts: Sequence[Sequence[int]]) -> list[Group]:
        """Put `parts` in the place of a group, which has just these faces; returns the new groups."""
        at = next(at for at, group in enumerate(self.groups) if group.id == id)
        made = [self._made(part) for part in parts if len(part)]
        self._step("Put back together")
        self.groups[at : at + 1] = made
        return made

    def gather(self, faces: Sequence[int], into: int | None = None) -> Group:
        """Make faces one person: in the group `into`, or where most of them are already; returns that group.

        If all are loose, or shall join a loose one, they are a new group at the top.
        """
        chosen = dict.fromkeys(faces)
        if into is None:
            inside = {
                group.id: len(chosen.keys() & set(group.faces)) for group in self.groups if not group.loose
            }
            into = max(inside, key=inside.__getitem__) if any(inside.values()) else None
        target = next((group for group in self.groups if group.id == into and not group.loose), None)
        before = target.faces if target is not None else ()
        have = set(before)
        made = self._made((*before, *(face for face in chosen if face not in have)))
        self._step("Take apart again")
        others = [
            made if target is not None and group is target else self._without(group, chosen)
            for group in self.groups
        ]
        self.groups = [group for group in others if group.faces]
        if target is None:
            self.groups.insert(0, made)
        return made

    def take_out(self, faces: Sequence[int]) -> None:
        """Put faces among the loose ones."""
        chosen = dict.fromkeys(faces)
        self._step("Put back")
        loose = next((group for group in self.groups if group.loose), None)
        kept = () if loose is None else loose.faces
        have = set(kept)
        others = [self._without(group, chosen) for group in self.groups if not group.loose]
        self.groups = [group for group in others if group.faces]
        self.groups.append(self._made((*(face for face in chosen if face not in have), *kept), loose=True))

    def _made(self, faces: Iterable[int], *, loose: bool = False) -> Group:
        self._next += 1
        return Group(self._next, tuple(faces), loose)

    def _without(self, group: Group, gone: Mapping[int, None]) -> Group:
        if gone.keys().isdisjoint(group.faces):
            return group
        return Group(group.id, tuple(face for face in group.faces if face not in gone), group.loose)

    def _step(self, words: str) -> None:
        self._steps.append((words, list(self.groups)))


def title(group: Group, faces: Sequence[PersonFace]) -> str:
    """How much a group is: "41 faces in 38 photos"."""
    count = faces_in_words(len(group.faces))
    if group.loose:
        return f"{count} that resemble{'s' * (len(group.faces) == 1)} no other"
    return f"{count} in {names.photos(len({faces[at].file.path for at in group.faces}))}"


def state(
    group: Group, faces: Sequence[PersonFace], subject: str, look_alikes: Mapping[str, str]
) -> tuple[str, Zone | None]:
    """What a group is by now, such as "probably John 36 · not sure 5", and the zone of most of it."""
    said: Counter[str] = Counter()
    zones: Counter[Zone] = Counter()
    for at in group.faces:
        face = faces[at]
        said[_word(face, subject, look_alikes)] += 1
        if face.shown_zone is not None:
            zones[face.shown_zone] += 1
    del said[""]
    zone = zones.most_common(1)[0][0] if zones else None
    if len(said) == 1 and sum(said.values()) == len(group.faces):
        return next(iter(said)), zone
    return _DOT.join(f"{words} {count:,}" for words, count in said.most_common()), zone


def _word(face: PersonFace, subject: str, look_alikes: Mapping[str, str]) -> str:
    """What one face is by now; "" where nothing can tell."""
    if face.said is None:
        if face.zone is None:
            return ""
        words = face.zone.words(subject)
        return words if face.zone is Zone.UNSURE else f"probably {words}"
    match face.said.verdict:
        case FaceVerdict.NO_FACE:
            return "labelled no face"
        case FaceVerdict.SUBJECT:
            return f"labelled {Zone.SUBJECT.words(subject)}"
        case _:
            name = look_alikes.get(face.said.group)
            return f"labelled {name or Zone.NOT_SUBJECT.words(subject)}"

"""What is known and said of the faces in one photo, for whoever shows them; and what the user says of them.

No widgets here. A face goes by its number within its photo, as the search found it; a label is kept with its place, so
that it finds the face again after another search.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal, Slot

from lennonnet_gui import names
from lennonnet_gui.face_layer import FaceWords, ShownFace
from lennonnet_gui.folder_session import FolderSession
from lennonnet_gui.people_groups import PersonFace
from lennonnet_gui.teaching import Teaching
from training.face_head import Evidence, Near
from training.faces import Faces, FaceTable
from training.knowledge import faces_by_number
from training.photos import PhotoFile
from training.verdicts import Box, FaceSaid, FaceVerdict
from training.zones import Zone, Zones

_ZONES = (Zone.NOT_SUBJECT, Zone.UNSURE, Zone.SUBJECT)
_COMPARED = 3  # so many faces of either side are shown with why


class FaceLabels(QObject):
    """Tells of faces, and takes labels for them."""

    changed = Signal(object)
    """Sequence[str]: paths of photos whose faces, or what is known of them, are others now; empty: of any."""

    def __init__(self, session: FolderSession, teaching: Teaching, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session, self._teaching = session, teaching
        self._zones = Zones()
        self._subject = ""
        self._groups: dict[str, str] = {}
        self._boxes: dict[bytes, list[Any]] = {}  # as plain numbers; made once, because there may be 15,000
        teaching.faces_labelled.connect(self._all_changed)
        teaching.learned.connect(self._all_changed)

    def set_subject(self, name: str, look_alikes: dict[str, str]) -> None:
        """Name the subject and its look-alikes, by id."""
        self._subject, self._groups = name, look_alikes
        self._all_changed()

    def set_zones(self, zones: Zones) -> None:
        """Part the probabilities of faces as those of photos are."""
        self._zones = zones
        self._all_changed()

    @Slot()
    def _all_changed(self) -> None:
        self.changed.emit(())

    def found_in(self, file: PhotoFile) -> tuple[bytes, Faces] | None:
        """A photo's digest and faces; None where nobody has looked, or the photo is not of the folder."""
        if self._session.file_of(file.path) != file or not self._teaching.with_faces:
            return None
        digest = self._teaching.features.digest_of(file.path)
        found = None if digest is None else self._teaching.features.faces.get(digest)
        return None if digest is None or found is None else (digest, found)

    def faces_of(self, file: PhotoFile) -> Sequence[ShownFace]:
        """The faces of a photo, as they are to be drawn; none where nobody has looked."""
        known = self.found_in(file)
        if known is None or not len(known[1]):
            return ()
        digest, found = known
        said = faces_by_number(found, self._teaching.faces_said(digest))
        knowledge = self._session.knowledge
        if knowledge.faces is None:
            probabilities = [math.nan] * len(found)
            deciding = -1
        else:
            probabilities = knowledge.faces.probabilities(found["descriptor"]).tolist()
            allowed = [
                -1.0 if number in said and said[number].verdict is FaceVerdict.NO_FACE else probability
                for number, probability in enumerate(probabilities)
            ]
            deciding = self._teaching.chosen_face(digest)
            if deciding < 0 and max(allowed) >= 0 and knowledge.faces.evidence is not Evidence.SCENE:
                deciding = int(np.argmax(allowed))
        return [
            ShownFace(
                number,
                (float(box[0]), float(box[1]), float(box[2]), float(box[3])),
                probability,
                Zone.UNSURE if math.isnan(probability) else self._zones.zone(probability),
                said.get(number),
                number == deciding,
            )
            for number, (box, probability) in enumerate(
                zip(found["box"].tolist(), probabilities, strict=True)
            )
        ]

    def people(self) -> tuple[list[PersonFace], NDArray[Any]]:
        """All faces of the folder, of copies once, and their descriptors, (F, 128) float16; any thread may ask."""
        features = self._teaching.features
        photos: list[tuple[PhotoFile, bytes, Faces]] = []
        met: set[bytes] = set()
        for block in features.blocks() if self._teaching.with_faces else ():
            for path, digest in zip(block.paths, block.digests, strict=True):
                found = features.faces.get(digest)
                if found is None or not len(found) or digest in met:
                    continue
                file = self._session.file_of(path)
                if file is not None:
                    met.add(digest)
                    photos.append((file, digest, found))
        if not photos:
            return [], np.zeros((0, 128), np.float16)
        rows = FaceTable.of([found for _, _, found in photos]).rows
        knowledge, low, high = self._session.knowledge, self._zones.low, self._zones.high
        probabilities: list[float] | None = None
        if knowledge.faces is not None:
            probabilities = knowledge.faces.probabilities(rows["descriptor"]).astype(np.float64).tolist()
        made: list[PersonFace] = []
        at = 0
        for file, digest, found in photos:
            boxes = self._boxes.get(digest)
            if boxes is None or len(boxes) != len(found):
                boxes = self._boxes[digest] = [tuple(box) for box in found["box"].tolist()]
            labels = self._teaching.faces_said(digest)
            said = faces_by_number(found, labels) if labels else {}
            for number, box in enumerate(boxes):
                probability = None if probabilities is None else probabilities[at]
                zone = None if probability is None else _ZONES[(probability >= low) + (probability >= high)]
                made.append(PersonFace(file, number, box, probability, zone, said.get(number)))
                at += 1
        return made, rows["descriptor"]

    def number_of(self, file: PhotoFile, box: Box) -> int:
        """The number that the face at this place of a photo has by now, -1 if there is none: it may be another one."""
        known = self.found_in(file)
        here = {} if known is None else faces_by_number(known[1], [(box, FaceSaid(FaceVerdict.NO_FACE))])
        return next(iter(here), -1)

    def explain(self, file: PhotoFile, number: int) -> FaceWords | None:
        """Why a face is thought to be the subject's or not: the known faces that it is most like."""
        known = self.found_in(file)
        faces = self._session.knowledge.faces
        if known is None or faces is None or number >= len(known[1]):
            return None
        descriptor = known[1]["descriptor"][number]
        near = faces.nearest(descriptor, _COMPARED)
        probability = float(faces.probabilities(descriptor[None])[0])
        whose = Zone.SUBJECT.words(self._subject)
        words = f"{names.per_cent(probability)} {whose}"
        closest, other = [], []
        for one in near.subject:
            closest.append((*self._picture(one), _likeness(one.distance)))
        for one in near.others:
            name = self._name_of(one.group)
            alike = _likeness(one.distance)
            other.append((*self._picture(one), f"{name}: {alike}" if name else alike))
        if near.subject:
            count = len(near.subject)
            which = f"this photo of {whose}" if count == 1 else f"these {count} photos of {whose}"
            words += f": compared with {which}"
        shares = faces.by_group(descriptor[None])[0, 1:].tolist()
        if shares:
            share, group = max(zip(shares, faces.groups, strict=True))
            words += f"; closest look-alike {self._name_of(group)}, {names.per_cent(share)}"
        return FaceWords(f"{words}.", closest, other)

    def _name_of(self, group: str) -> str:
        """What a look-alike is called; one that only the starter knows, by its id."""
        return names.shown(self._groups.get(group) or Zone.SUBJECT.words(group)) if group else ""

    def _picture(self, near: Near) -> tuple[PhotoFile | None, tuple[float, float, float, float]]:
        """Where the picture of a known face is; without a photo for those that only the starter knows."""
        digest, number = near.digest, near.number
        found = None if digest is None else self._teaching.features.faces.get(digest)
        file = None if digest is None else self._teaching.file_of(digest)
        if found is None or not 0 <= number < len(found):
            return None, (0.0, 0.0, 1.0, 1.0)
        left, top, right, bottom = found["box"][number].tolist()
        return file, (left, top, right, bottom)

    @Slot(object, object, object, str)
    def say(self, file: PhotoFile, number: int, verdict: FaceVerdict | None, group: str) -> None:
        """Label one face."""
        self._teaching.label_faces([(file, number)], verdict, "face", group)


def _likeness(distance: float) -> str:
    """A distance between descriptors in words: the same person is below 0.6, by dlib's own advice."""
    return f"{names.per_cent(max(0.0, 1.0 - distance))} alike"

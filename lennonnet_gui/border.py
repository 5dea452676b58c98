"""“John or George?”: the photos on the border between the subject and one look-alike, the least clear first.

No widgets here; the grid shows them by a filter of the model.
"""

from __future__ import annotations

import functools
from collections.abc import Generator, Sequence

import numpy as np
from PySide6.QtCore import QObject, Signal, Slot

from lennonnet_gui import names
from lennonnet_gui.folder_session import FolderSession
from lennonnet_gui.jobs import Job, Jobs
from lennonnet_gui.photo_model import PhotoModel
from lennonnet_gui.teaching import Teaching
from training.face_head import FaceHead
from training.faces import FaceTable
from training.knowledge import faces_by_number
from training.learning import Block, Labels
from training.subjects import SubjectEntry
from training.zones import Zone

_MOST = 500
_LEAST = 0.02  # of both, as a share: who is neither is on no border
_UNCLEAR = 4.0  # by so many natural logarithms one of the two may be the likelier: 55 to 1
_FEW, _FAR = 12, 12.0  # where there are fewer than these, the next nearest are shown too, up to so far


class Border(QObject):
    """Finds the photos on a border and has the model show them."""

    shown = Signal(str)
    """What is shown now, in words; "" when the border was left."""

    notice = Signal(str)
    crashed = Signal(str)

    def __init__(
        self,
        session: FolderSession,
        teaching: Teaching,
        model: PhotoModel,
        jobs: Jobs,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._session, self._teaching, self._model, self._jobs = session, teaching, model, jobs
        self._entry: SubjectEntry | None = None
        self._group = ""  # whose border is shown
        self._sought = ""
        self._seeking: Job | None = None
        session.left.connect(self.leave)
        teaching.learned.connect(self._learned)

    def set_subject(self, entry: SubjectEntry) -> None:
        """Name the subject and its look-alikes; a border of another subject, or of one who is none now, is left."""
        other = self._entry is not None and self._entry.id != entry.id
        if other or self._group not in {one.id for one in entry.look_alikes}:
            self.leave()
        self._entry = entry

    def show(self, group: str) -> None:
        """Show the photos on the border between the subject and this look-alike."""
        look_alike = self._name_of(group)
        faces = self._session.knowledge.faces
        if not self._teaching.with_faces:
            self.notice.emit("Faces are not looked for: you have switched that off.")
            return
        if faces is None or group not in faces.groups:
            self.notice.emit(
                f"There is no border yet: label a few faces of {look_alike} first, by dragging photos into the bin of"
                f" {look_alike}."
            )
            return
        self._seek(group, faces)

    @Slot()
    def _learned(self) -> None:
        """What is shown is sought anew: a face that was labelled is clear now, and others may be less so."""
        faces = self._session.knowledge.faces
        if self._group and faces is not None and self._group in faces.groups:
            self._seek(self._group, faces)

    def _seek(self, group: str, faces: FaceHead) -> None:
        if self._seeking is not None:
            self._seeking.cancel()
        self._sought = group
        features = self._teaching.features
        work = functools.partial(
            _ranks, features.blocks(), self._teaching.labels(), faces, 1 + faces.groups.index(group)
        )
        self._seeking = self._jobs.start(work, on_event=self._found, on_failed=self._failed)

    @Slot(object)
    def _found(self, ranks: dict[str, float]) -> None:
        self._seeking = None
        subject = Zone.SUBJECT.words(self._entry.name) if self._entry is not None else ""
        look_alike = self._name_of(self._sought)
        if not ranks:
            was_shown = self._group == self._sought  # another look-alike's border stays
            if was_shown:
                self.leave()
            any_more = " any more" if was_shown else ""
            self.notice.emit(f"No photo here is on the border between {subject} and {look_alike}{any_more}.")
            return
        self._group = self._sought
        self._model.show_only(ranks)
        self.shown.emit(
            f"{subject} or {look_alike}? {names.photos(len(ranks))} between the two, the least clear first"
        )

    @Slot(object, str)
    def _failed(self, _error: BaseException, trace: str) -> None:
        self._seeking = None
        self.crashed.emit(trace)

    @Slot()
    def leave(self) -> None:
        """Show all photos again."""
        if self._seeking is not None:
            self._seeking.cancel()
            self._seeking = None
        if self._group:
            self._group = ""
            self._model.show_only(None)
            self.shown.emit("")

    def _name_of(self, group: str) -> str:
        known = self._entry.look_alikes if self._entry is not None else ()
        return next((names.shown(one.name) for one in known if one.id == group), "the look-alike")


def _ranks(
    blocks: Sequence[Block], labels: Labels, faces: FaceHead, column: int
) -> Generator[dict[str, float], None, None]:
    """The photos on the border, by path, the least clear with the lowest number; yields once.

    What somebody labelled is clear: such photos are left out, and such faces.
    """
    found: dict[str, float] = {}
    found_in = labels.faces or {}
    for block in blocks:
        table = FaceTable.of([found_in.get(digest) for digest in block.digests])
        if not len(table.rows):
            continue
        said = faces.by_group(table.rows["descriptor"]).astype(np.float64) + 1e-30
        subject, other = said[:, 0], said[:, column]
        photo = np.repeat(np.arange(len(table)), np.diff(table.start))
        most = np.zeros(len(table))
        np.maximum.at(most, photo, subject)
        # Who is neither is on no border, and a photo in which somebody else is surely the subject is clear.
        between = (subject + other >= 0.5) & (subject >= most[photo])
        for at, digest in enumerate(block.digests):
            if digest in labels.said:
                between[table.start[at] : table.start[at + 1]] = False
            elif digest in labels.faces_said and digest in found_in:
                for number in faces_by_number(found_in[digest], labels.faces_said[digest]):
                    between[table.start[at] + number] = False
        away = np.abs(np.log(subject) - np.log(other))
        for row in np.flatnonzero(between & (away < _FAR)).tolist():
            path = block.paths[int(photo[row])]
            found[path] = min(float(away[row]), found.get(path, np.inf))
    best = sorted(found.items(), key=lambda one: one[1])
    unclear = sum(rank < _UNCLEAR for _, rank in best)
    yield dict(best[: min(_MOST, max(unclear, _FEW))])

"""“John or George?”: the photos on the border between the subject and one look-alike, the least clear first.

No widgets here; the grid shows them by a filter of the model.
"""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QObject, Signal, Slot

from lennonnet_gui import names
from lennonnet_gui.folder_session import FolderSession
from lennonnet_gui.photo_model import PhotoModel
from lennonnet_gui.teaching import Teaching
from training.faces import FaceTable
from training.subjects import SubjectEntry
from training.zones import Zone

_MOST = 500
_LEAST = 0.02  # of both, as a share: who is neither is on no border


class Border(QObject):
    """Finds the photos on a border and has the model show them."""

    shown = Signal(str)
    """What is shown now, in words; "" when the border was left."""

    notice = Signal(str)

    def __init__(
        self,
        session: FolderSession,
        teaching: Teaching,
        model: PhotoModel,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._session, self._teaching, self._model = session, teaching, model
        self._entry: SubjectEntry | None = None
        self._group = ""
        session.left.connect(self.leave)

    def set_subject(self, entry: SubjectEntry) -> None:
        """Name the subject and its look-alikes; a border of another subject is left."""
        if self._entry is not None and self._entry.id != entry.id:
            self.leave()
        self._entry = entry

    def show(self, group: str) -> None:
        """Show the photos on the border between the subject and this look-alike."""
        look_alike = self._name_of(group)
        faces = self._session.knowledge.faces
        subject = Zone.SUBJECT.words(self._entry.name) if self._entry is not None else ""
        if faces is None or group not in faces.groups:
            self.notice.emit(
                f"There is no border yet: label a few faces of {look_alike} first, by dragging photos into the bin of"
                f" {look_alike}."
            )
            return
        ranks = self._ranks(1 + faces.groups.index(group))
        if not ranks:
            self.notice.emit(f"No photo here is on the border between {subject} and {look_alike}.")
            return
        self._group = group
        self._model.show_only(ranks)
        self.shown.emit(
            f"{subject} or {look_alike}? {names.photos(len(ranks))} between the two, the least clear first"
        )

    @Slot()
    def leave(self) -> None:
        """Show all photos again."""
        if self._group:
            self._group = ""
            self._model.show_only(None)
            self.shown.emit("")

    def _name_of(self, group: str) -> str:
        known = self._entry.look_alikes if self._entry is not None else ()
        return next((names.shown(one.name) for one in known if one.id == group), "the look-alike")

    def _ranks(self, column: int) -> dict[str, float]:
        """The photos on the border, by path, the least clear with the lowest number."""
        features, faces = self._teaching.features, self._session.knowledge.faces
        if faces is None:
            return {}
        found: dict[str, float] = {}
        for block in features.blocks():
            table = FaceTable.of([features.faces.get(digest) for digest in block.digests])
            if not len(table.rows):
                continue
            said = faces.by_group(table.rows["descriptor"]).astype(np.float64)
            both = said[:, 0] + said[:, column]
            between = np.minimum(said[:, 0], said[:, column]) >= _LEAST * np.maximum(both, 1e-9)
            of_these = between & (both >= 0.5)
            photo = np.repeat(np.arange(len(table)), np.diff(table.start))
            for row in np.flatnonzero(of_these).tolist():
                path = block.paths[int(photo[row])]
                rank = abs(said[row, 0] - said[row, column]) / both[row]
                found[path] = min(rank, found.get(path, np.inf))
        best = sorted(found.items(), key=lambda one: one[1])[:_MOST]
        return dict(best)

"""Reads and groups the open folder's faces beside the window, and keeps the page of people up to date. No widgets."""

from __future__ import annotations

import functools
from collections.abc import Callable, Generator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QTimer, Signal, Slot

from lennonnet_gui import face_drag
from lennonnet_gui.jobs import Job, Jobs
from lennonnet_gui.people_groups import PersonFace
from lennonnet_gui.people_page import PeoplePage
from training import people

_SOON_MS = 200  # faces and scores come in small batches; each alone is no reason to look through all of them

Source = Callable[[], tuple[Sequence[PersonFace], NDArray[Any]]]
"""Gives the folder's faces as they are known by now, and their descriptors: (F, 128). Asked on a worker's thread."""


class _Read(NamedTuple):
    """What the source gave.

    kept: the faces that the page shows, as they are known by now; gone, more: how many of these are no more, and how
    many are not on the page
    """

    faces: Sequence[PersonFace]
    descriptors: NDArray[Any]
    kept: Sequence[PersonFace] = ()
    gone: int = 0
    more: int = 0


class PeopleDesk(QObject):
    """Feeds a PeoplePage. Lives in the GUI thread; its work does not."""

    crashed = Signal(str)
    """The traceback of what should not have happened."""

    def __init__(self, page: PeoplePage, source: Source, jobs: Jobs, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._page, self._source, self._jobs = page, source, jobs
        self._job: Job | None = None  # groups
        self._reading: Job | None = None
        self._read_again = False
        self._looking = False
        self._given_up = False  # by the user: not grouped again unasked
        self._soon = QTimer(self, singleShot=True, interval=_SOON_MS)
        self._soon.timeout.connect(self._refresh)
        page.group_wanted.connect(self.group)
        page.cancel_wanted.connect(self.cancel)
        page.closed.connect(self._closed)

    def open(self) -> None:
        """Show the page, and group the faces there are, unless more are on their way."""
        self._given_up = False
        self._page.start()
        self._refresh()

    def forget(self) -> None:
        """Another folder, or another way of looking: nothing that is on the page holds any more."""
        self._drop_job()
        self._stop_reading()
        self._soon.stop()
        self._looking = self._given_up = False
        self._page.set_more("")
        self._page.set_faces((), np.zeros((0, 128), np.float32))
        self._page.set_trouble("")
        self._page.set_looked(0, 0, running=False)
        if self._page.is_open():
            self._soon.start()

    def set_looked(self, looked: int, photos: int, *, running: bool) -> None:
        """In how many photos faces were looked for so far; call it as that goes on, and when it has ended."""
        ended, self._looking = self._looking and not running, running
        self._page.set_looked(looked, photos, running=running)
        if ended:
            self.faces_changed()

    @Slot()
    def faces_changed(self) -> None:
        """There are more faces, or something else is known of them: scores, zones, what was said. Cheap."""
        if self._page.is_open() and not self._soon.isActive():
            self._soon.start()

    @Slot()
    def group(self) -> None:
        """Group all faces there are now."""
        self._drop_job()
        self._given_up = False
        self._stop_reading()
        self._page.set_grouping(0.0)
        self._job = self._jobs.start(
            functools.partial(_grouped, self._source), on_event=self._came, on_failed=self._failed
        )

    @Slot()
    def cancel(self) -> None:
        """Give the grouping up; what was on the page before stays."""
        self._given_up = True
        self._drop_job()
        self._refresh()

    def is_busy(self) -> bool:
        """Whether faces are being grouped, or soon will be."""
        return self._job is not None or self._reading is not None or self._soon.isActive()

    def _drop_job(self) -> None:
        if self._job is not None:
            self._job.cancel()
            self._job = None
            self._page.set_grouping(None)

    @Slot(object)
    def _came(self, event: _Read | people.Progress | people.Groups) -> None:
        if isinstance(event, people.Progress):
            self._page.set_grouping(event.share)
            return
        if isinstance(event, _Read):
            self._waiting: tuple[Sequence[PersonFace], NDArray[Any]] = event.faces, event.descriptors
            if not self._page.is_grouped():  # else what is on the page stays there until the new groups stand
                self._page.set_faces(*self._waiting)
            if not event.faces:
                self._drop_job()
            return
        self._job = None
        faces, descriptors = self._waiting
        self._page.set_groups(event, faces, descriptors)
        self._refresh()

    @Slot(object, str)
    def _failed(self, error: BaseException, trace: str) -> None:
        self._job = None
        memory = isinstance(error, MemoryError)
        self._page.set_trouble(
            "There is not enough memory for so many faces."
            if memory
            else "Something went wrong. Try it again."
        )
        if not memory:
            self.crashed.emit(trace)

    @Slot()
    def _closed(self) -> None:
        self._soon.stop()
        self._stop_reading()
        self._drop_job()

    @Slot()
    def _refresh(self) -> None:
        """Bring the page up to date; groups stay as they are while the user looks at them."""
        if not self._page.is_open() or self._job is not None:
            return
        if self._reading is not None:
            self._read_again = True
            return
        if not (self._page.is_grouped() or self._looking or self._given_up):
            self.group()
            return
        shown = self._page.faces() if self._page.is_grouped() else ()
        self._reading = self._jobs.start(
            functools.partial(_read, self._source, shown),
            on_event=self._read_came,
            on_failed=self._failed,
            on_ended=self._reading_ended,
        )

    def _stop_reading(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None
        self._read_again = False

    @Slot(object)
    def _read_came(self, read: _Read) -> None:
        before = self._page.descriptors()
        if not self._page.is_grouped() or before is None:
            self._page.set_more(face_drag.faces(len(read.faces)) if read.faces else "")
            return
        self._page.set_faces(read.kept, before)
        if read.more:
            self._page.set_more(face_drag.faces(read.more))
        elif read.gone:
            self._page.set_more("some faces are gone")

    @Slot()
    def _reading_ended(self) -> None:
        if self.sender() is not self._reading:
            return
        self._reading = None
        if self._read_again:
            self._read_again = False
            self._refresh()


def _grouped(source: Source) -> Generator[_Read | people.Progress | people.Groups, None, None]:
    faces, descriptors = source()
    yield _Read(faces, descriptors)
    number: dict[str, int] = {}
    photo = np.array([number.setdefault(face.file.path, len(number)) for face in faces], np.int64)
    yield from people.group(descriptors, photo)


def _read(source: Source, shown: Sequence[PersonFace]) -> Generator[_Read, None, None]:
    """What there is, and what became of the faces that are shown; these keep their places."""
    faces, descriptors = source()
    now = {which: at for at, which in enumerate(_which(faces))}
    # A face with another box is another face, whatever its number.
    found = [now.get(which, -1) for which in _which(shown)]
    same = [at >= 0 and faces[at].box == old.box for at, old in zip(found, shown, strict=True)]
    kept = [faces[at] if is_same else old for at, old, is_same in zip(found, shown, same, strict=True)]
    still = sum(same)
    yield _Read(faces, descriptors, kept, len(shown) - still, len(faces) - still)


def _which(faces: Sequence[PersonFace]) -> list[tuple[str, int]]:
    """Path and number of each."""
    return [(face[0].path, face[1]) for face in faces]

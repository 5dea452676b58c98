"""Looks for faces in the open folder, behind the scoring of whole photos and never in its way.

No widgets here. Photos that are on screen are looked at first; what was found goes to the model by way of the session,
and to whoever learns from it. Where nothing asks for faces (a dog), none are looked for.
"""

from __future__ import annotations

import collections
import functools
import time
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QObject, QTimer, Signal, Slot

from lennonnet_gui.folder_session import FolderSession, Phase, Status
from lennonnet_gui.jobs import Job, Jobs, Lane
from lennonnet_gui.teaching import Teaching
from lennonnet_gui.thumbnails import Thumbnails
from training import scoring
from training.crew import Worklist
from training.face_head import Evidence
from training.faces import Faces, FacesUnavailable, FaceTable, Look
from training.judge import wants_thorough
from training.knowledge import Knowledge
from training.learning import Block
from training.photos import PhotoFile
from training.zones import Zones

_TAKE_IN_MS = 100  # what was found is shown so often
_RATE_OVER_S = 10.0


@dataclass(frozen=True, slots=True)
class Looking:
    """How far the search for faces has come; `looked` of `photos`, and with `again` for those not clear so far."""

    running: bool = False
    looked: int = 0
    photos: int = 0
    again: bool = False
    per_second: float = 0.0
    trouble: str = ""  # why there can be no search, a sentence


class FaceDesk(QObject):
    """Has faces looked for where they are wanted. Lives in the GUI thread; its work does not."""

    changed = Signal(object)
    """Looking: the search has come further, began or ended."""

    found = Signal(object)
    """Sequence[str]: paths of photos whose faces are known now."""

    crashed = Signal(str)

    def __init__(
        self,
        session: FolderSession,
        teaching: Teaching,
        thumbnails: Thumbnails,
        jobs: Jobs,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.state = Looking()
        self._session, self._teaching, self._thumbnails, self._jobs = session, teaching, thumbnails, jobs
        self._look: Look | None = Look.QUICK
        self._all_wanted = False
        self._visible: tuple[str, ...] = ()
        self._work = Worklist(())
        self._running: Job | None = None
        self._stopped: list[Job] = []
        self._then: Callable[[], None] | None = None  # what waits for these
        self._running_look = Look.QUICK
        self._tried: set[tuple[str, Look]] = set()  # by path; what could not be opened is not tried for ever
        self._left: set[str] = set()  # what was not heard of yet, of those that are looked at
        self._arrived: list[scoring.Scored] = []
        self._throughput: collections.deque[tuple[float, int]] = collections.deque()
        self._for_labels = False  # labelled photos are looked at, which may lie anywhere
        self._take_in = QTimer(self, singleShot=True, interval=_TAKE_IN_MS)
        self._take_in.timeout.connect(self._take_arrived)
        session.status_changed.connect(self._status_changed)
        session.gone.connect(self._photos_gone)
        session.left.connect(self._folder_left)
        teaching.learned.connect(self._learned)

    # -- what the window asks for

    @property
    def look(self) -> Look | None:
        """How thoroughly faces are looked for; None: not at all."""
        return self._look

    def set_look(self, look: Look | None) -> None:
        """Look for faces quickly, thoroughly, or not at all."""
        if look is self._look:
            return
        self._stop()
        self._look = look
        self._tried.clear()
        self._set(Looking())
        self._session.set_with_faces(look is not None)
        self._teaching.set_with_faces(look is not None)
        self._go_on()

    def want_all(self, wanted: bool) -> None:
        """Have the faces of all photos looked for, or only where they help to tell the subject."""
        self._all_wanted = wanted
        if wanted:
            self._go_on()
        elif self._running is not None and not self._is_wanted():
            self._stop()
            self._set(Looking())

    def want(self, paths: Iterable[str]) -> None:
        """Say which photos are on screen: they are looked at first."""
        self._visible = tuple(paths)
        self._work.prefer(self._visible)

    def forget(self, then: Callable[[], None]) -> None:
        """Let go of all that was found, and call `then` once nobody writes down any more what he finds."""
        self._stop()
        self._tried.clear()
        self._teaching.forget_faces()
        self._set(Looking())
        self._then = then
        self._tell_if_still()

    def _tell_if_still(self) -> None:
        self._stopped = [job for job in self._stopped if job.running]
        if not self._stopped and self._then is not None:
            then, self._then = self._then, None
            then()

    # -- looking

    def _is_wanted(self) -> bool:
        if self._look is None or self.state.trouble:
            return False
        faces = self._session.knowledge.faces
        return self._all_wanted or (faces is not None and faces.evidence is not Evidence.SCENE)

    @Slot()
    def _go_on(self) -> None:
        """Look at what should be looked at next, if anything."""
        if self._running is not None or self._look is None or self.state.trouble:
            return
        if self._session.status.phase in (Phase.SCANNING, Phase.SCORING):
            return
        labelled = [file for file in self._teaching.unlooked() if (file.path, Look.QUICK) not in self._tried]
        if labelled:
            self._start(labelled, Look.QUICK, for_labels=True)
            return
        if self._session.status.phase is not Phase.DONE or not self._is_wanted():
            self._set(Looking())
            return
        files = self._not_looked_at()
        if files:
            self._start(files, Look.QUICK)
            return
        if self._look is Look.THOROUGH:
            features = self._teaching.features
            work = functools.partial(
                _not_clear,
                features.blocks(),
                features.faces,
                self._session.knowledge,
                self._session.subject.zones,
            )
            self._jobs.start(work, on_event=self._ranked, on_failed=self._failed)
            return
        self._set(Looking())

    def _not_looked_at(self) -> list[PhotoFile]:
        return self._files(self._teaching.features.paths_without_faces(), Look.QUICK)

    def _files(self, paths: Iterable[str], look: Look) -> list[PhotoFile]:
        """Those of these photos that are there and were not tried so yet."""
        files = (self._session.file_of(path) for path in paths if (path, look) not in self._tried)
        return [file for file in files if file is not None]

    @Slot(object)
    def _ranked(self, paths: list[str]) -> None:
        """These photos are not clear at a quick look."""
        if self._running is not None or self._look is not Look.THOROUGH or not self._is_wanted():
            return
        files = self._files(paths, Look.THOROUGH)
        if files and self._session.status.phase is Phase.DONE:
            self._start(files, Look.THOROUGH)
        else:
            self._set(Looking())

    def _start(self, files: Sequence[PhotoFile], look: Look, *, for_labels: bool = False) -> None:
        self._tried.update((file.path, look) for file in files)
        self._for_labels = for_labels
        self._running_look = look
        self._left = {file.path for file in files}
        self._work = Worklist(files)
        self._work.prefer(self._visible)
        self._throughput.clear()
        work = functools.partial(
            scoring.look_for_faces,
            files,
            self._session.subject,
            look,
            work=self._work,
            knowledge=lambda: self._session.knowledge,  # as it is by then
            vectors_of=self._teaching.features.vectors_of,
        )
        self._running = self._jobs.start(
            work,
            on_event=self._event_came,
            on_failed=self._failed,
            on_ended=self._ended,
            lane=Lane.NETWORK,
        )
        self._set(Looking(True, 0, len(files), look is Look.THOROUGH))

    def _stop(self) -> None:
        """Stop looking; what was not looked at may be tried again."""
        if self._running is not None:
            self._running.cancel()
            self._stopped.append(self._running)  # it comes to its end later
            self._running = None
            self._take_arrived()
            # Also what is being looked at just now: nobody will hear what was found.
            self._tried -= {(path, self._running_look) for path in self._left}
        self._work = Worklist(())

    @Slot(object)
    def _event_came(self, event: scoring.Event) -> None:
        if self.sender() is not self._running:
            return
        if isinstance(event, scoring.Failed):
            self._left.discard(event.path)
        if isinstance(event, scoring.Scored):
            self._left.difference_update(event.paths)
            self._arrived.append(event)
            if not self._take_in.isActive():
                self._take_in.start()

    @Slot()
    def _take_arrived(self) -> None:
        events, self._arrived = self._arrived, []
        paths = tuple(path for event in events for path in event.paths)
        if not paths:
            return
        self._teaching.faces_came(events)
        self.found.emit(paths)
        now = time.monotonic()
        self._throughput.append((now, len(paths)))
        while now - self._throughput[0][0] > _RATE_OVER_S:
            self._throughput.popleft()
        past = now - self._throughput[0][0]
        rate = sum(count for _, count in self._throughput) / past if past > 1.0 else 0.0
        if self.state.running:
            looked = min(self.state.photos, self.state.looked + len(paths))
            self._set(Looking(True, looked, self.state.photos, self.state.again, rate))

    @Slot(object, str)
    def _failed(self, error: BaseException, trace: str) -> None:
        if isinstance(error, FacesUnavailable):
            self._set(Looking(trouble=str(error)))
        else:
            self._set(Looking(trouble="The search for faces stopped because of an error in Lennonnet."))
            self.crashed.emit(trace)

    @Slot()
    def _ended(self) -> None:
        if self.sender() is not self._running:
            self._tell_if_still()
            return
        self._running = None
        self._work = Worklist(())
        self._take_arrived()
        if self._for_labels:
            self._teaching.learn()
        self._go_on()

    # -- what others tell

    @Slot(object)
    def _status_changed(self, status: Status) -> None:
        if status.phase in (Phase.SCANNING, Phase.SCORING):
            if self._running is not None and not self._for_labels:
                self._stop()  # whole photos go first
                self._set(Looking())
        elif self._running is None:
            self._go_on()

    @Slot(object)
    def _photos_gone(self, paths: Sequence[str]) -> None:
        gone = set(paths)
        self._work.drop(gone)
        self._tried = {one for one in self._tried if one[0] not in gone}

    @Slot()
    def _folder_left(self) -> None:
        self._stop()
        self._tried.clear()
        self._set(Looking(trouble=self.state.trouble))

    @Slot(object)
    def _learned(self, _state: object) -> None:
        self._go_on()

    def _set(self, state: Looking) -> None:
        if state != self.state:
            self.state = state
            self.changed.emit(state)


def _not_clear(
    blocks: Sequence[Block], found: Mapping[bytes, Faces], knowledge: Knowledge, zones: Zones
) -> Generator[list[str], None, None]:
    """The photos for which a thorough look may pay, the most promising first, for it may take long; yields once."""
    wanted: list[tuple[float, str]] = []
    for block in blocks:
        if block.vectors is not None:
            table = FaceTable.of([found.get(digest) for digest in block.digests])
            judged = knowledge.judge(block.vectors, table, block.digests)
            rows = np.flatnonzero(wants_thorough(judged, table, zones)).tolist()
            wanted += [(-float(judged.probabilities[row]), block.paths[row]) for row in rows]
    yield [path for _, path in sorted(wanted)]

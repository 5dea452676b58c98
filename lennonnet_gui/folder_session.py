"""The open folder: found, scored, watched, and found again, as background jobs that feed the photo model.

No widgets here. What the window shows of it is one `Status` and the sentences of `notice`.
"""

from __future__ import annotations

import collections
import dataclasses
import functools
import os
import threading
import time
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import Any

import numpy as np
from PySide6.QtCore import QFileSystemWatcher, QObject, Qt, QTimer, Signal, SignalInstance, Slot

from lennonnet_gui import names
from lennonnet_gui.jobs import Job, Jobs, Lane
from lennonnet_gui.photo_model import FaceFacts, PhotoModel
from lennonnet_gui.thumbnails import Thumbnails
from training import photos, scoring
from training.crew import Worklist
from training.faces import FaceTable
from training.judge import Judged
from training.knowledge import Knowledge
from training.photos import FolderUnreadable, PhotoFile
from training.subject import Subject

_FIRST_SCORING_MS = 400  # by then most folders are listed whole; of the others some photos can go ahead
_LOOK_AGAIN_MS = 20_000  # for changes that no watcher tells of: edited files, network folders
_SETTLE_MS = 400  # a burst of changes is looked at once
_TAKE_IN_MS = 30  # results are shown so often; one by one, thousands would hold up the window for seconds
_RATE_OVER_S = 10.0
_MOST_WATCHED = 1_000  # folders; systems limit how many may be watched


class Phase(Enum):
    """What the open folder is going through."""

    CLOSED = auto()
    SCANNING = auto()
    SCORING = auto()
    STOPPED = auto()  # the user cancelled; photos are left without a score
    DONE = auto()
    UNREACHABLE = auto()  # it never could be opened, or is gone


@dataclass(frozen=True, slots=True)
class Status:
    """How far the open folder has come."""

    phase: Phase = Phase.CLOSED
    folder: str = ""
    found: int = 0
    done: int = 0  # scored or unreadable
    unreadable: int = 0  # photos
    closed_folders: int = 0  # that can't be looked into
    per_second: float = 0.0  # photos through the network, over the last seconds; 0 when not known
    seconds_left: float | None = None
    preparing: str = ""  # what is being waited for before scores can come
    reason: str = ""  # for UNREACHABLE, a sentence
    gone: bool = False  # for UNREACHABLE: there is no such folder; else it is there and can't be listed


@dataclass(frozen=True, slots=True)
class _Changes:
    """What a second look at the folder has found."""

    added: tuple[PhotoFile, ...] = ()
    changed: tuple[PhotoFile, ...] = ()
    removed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Whole:
    """What is known of the folder once all of it was looked at."""

    folders: tuple[str, ...]  # those with photos, the folder itself first
    links: tuple[tuple[str, str], ...]  # named like photos, but to nothing: path and reason
    closed: tuple[tuple[str, str], ...]  # folders that can't be looked into: path and reason


class FolderSession(QObject):
    """Keeps the model true to one folder and one subject. Lives in the GUI thread; its work does not."""

    status_changed = Signal(object)  # Status
    notice = Signal(str)  # a sentence for the user; "" takes the last one back
    crashed = Signal(str)  # traceback of a failure that nobody foresaw
    download_needed = Signal(str)  # a sentence that says what for; see allow_download

    listed = Signal(object)  # Sequence[PhotoFile] that the model has got, or that have other bytes now
    arrived = Signal(object)  # Sequence[scoring.Scored] whose scores the model has got
    gone = Signal(object)  # Sequence[str]: paths of photos that went, or whose bytes are others now
    left = Signal()  # the folder and all its photos

    _downloading = Signal(object, object)  # bytes so far and expected, which may be more than a C int holds

    def __init__(
        self,
        subject: Subject,
        model: PhotoModel,
        thumbnails: Thumbnails,
        jobs: Jobs,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.subject = self._trained = subject
        self.knowledge = Knowledge.of(subject)
        self.with_faces = True
        self.status = Status()
        self.recursive = True
        self.may_download = False
        self._download_stop = threading.Event()
        self._model, self._thumbnails, self._jobs = model, thumbnails, jobs
        self._known: dict[str, PhotoFile] = {}
        self._unscored: dict[str, PhotoFile] = {}
        self._outdated: set[str] = set()  # changed since the running job was given them
        self._missed: set[str] = set()  # were not there to be opened: to be looked for, then tried once more
        self._arrived: list[scoring.Scored | scoring.Failed] = []
        self._links: tuple[tuple[str, str], ...] = ()
        self._closed: tuple[tuple[str, str], ...] = ()
        self._visible: tuple[str, ...] = ()
        self._work = Worklist(())
        self._scan: Job | None = None
        self._scoring: Job | None = None
        self._first_scan = True
        self._scan_began = 0.0
        self._look_again = self._unreachable = False
        self._throughput: collections.deque[tuple[float, int]] = collections.deque()
        self._watcher = QFileSystemWatcher(self)
        self._watcher.directoryChanged.connect(self._folder_changed)
        self._settle = _single_shot(self, _SETTLE_MS, self.look_again)
        self._periodic = _single_shot(self, _LOOK_AGAIN_MS, self.look_again)
        self._start_early = _single_shot(self, _FIRST_SCORING_MS, self._score_next)
        self._take_in = _single_shot(self, _TAKE_IN_MS, self._take_arrived)
        self._downloading.connect(self._downloaded, Qt.ConnectionType.QueuedConnection)

    # -- what the window asks for

    def open(self, folder: str) -> None:
        """Leave the open folder, if any, and list and score `folder`."""
        self.close()
        self._set(phase=Phase.SCANNING, folder=folder)
        self._first_scan = True
        self._start_early.start()
        self._start_scan()

    def close(self) -> None:
        """Stop all work on the open folder and forget its photos; what was computed stays in the cache."""
        for job in (self._scan, self._scoring):
            if job is not None:
                job.cancel()
        self._download_stop.set()
        self._scan = self._scoring = None
        for timer in (self._settle, self._periodic, self._start_early, self._take_in):
            timer.stop()
        if watched := self._watcher.directories():
            self._watcher.removePaths(watched)
        self._known.clear()
        self._unscored.clear()
        self._outdated.clear()
        self._missed.clear()
        self._arrived.clear()
        self._links = self._closed = ()
        self._throughput.clear()
        self._work = Worklist(())
        self._thumbnails.take_from(self._work)
        self._thumbnails.forget()
        self._model.clear()
        self.left.emit()
        self.status = Status()
        self.notice.emit("")
        self.status_changed.emit(self.status)

    def cancel(self) -> None:
        """Stop scoring; photos without a score stay so until `resume`."""
        if self._scoring is not None:
            self._scoring.cancel()
        self._download_stop.set()
        self._start_early.stop()
        if self.status.phase in (Phase.SCANNING, Phase.SCORING):
            self._set(phase=Phase.STOPPED, per_second=0.0, seconds_left=None, preparing="")

    def resume(self) -> None:
        """Score what `cancel` left."""
        if self.status.phase is Phase.STOPPED:
            self._set(phase=Phase.SCANNING if self._scan is not None else Phase.SCORING)
            self._score_next()

    def allow_download(self) -> None:
        """Download the network that the subject needs, then go on scoring."""
        self.may_download = True
        self.resume()

    def set_subject(self, subject: Subject) -> None:
        """Score for another subject. Where it looks at photos as the last one did, new scores come with `set_head`.

        Else all photos are scored anew, those whose features are cached at once.
        """
        before, self.subject = self.subject, subject
        self._trained = subject
        self.knowledge = Knowledge.of(subject, with_faces=self.with_faces)
        self.may_download = False
        if self.status.folder and before.spec != subject.spec:
            self.open(self.status.folder)

    def set_with_faces(self, with_faces: bool) -> None:
        """Let faces count from now on, or not; who calls this scores the photos anew that are scored."""
        self.with_faces = with_faces

    def set_knowledge(self, knowledge: Knowledge) -> None:
        """Score by other knowledge from now on; who calls this scores the others anew."""
        self.knowledge = knowledge
        self.subject = dataclasses.replace(self.subject, head=knowledge.head)

    def known_subject(self) -> Subject:
        """The subject as it is by now; its figures are those of the version that was trained, or none."""
        trained, known = self._trained, self.knowledge
        same_face = known.faces is None or (
            trained.faces is not None and known.faces.persons is trained.faces.persons
        )
        if known.head is trained.head and same_face:
            return trained
        faces = known.faces if self.with_faces else trained.faces
        return dataclasses.replace(self.subject, faces=faces, figures=None)

    def take(self, events: Sequence[scoring.Scored]) -> None:
        """Show what photos were judged to be, again: their faces were found. Those that changed meanwhile fall away."""
        self._show([event for event in events if self._outdated.isdisjoint(event.paths)])

    def file_of(self, path: str) -> PhotoFile | None:
        """The photo at `path`, as it was listed last; None if there is none in the folder."""
        return self._known.get(path)

    def want(self, files: Sequence[PhotoFile], beside: Sequence[PhotoFile] = ()) -> None:
        """Say which photos are on screen: they are decoded and scored before all others.

        Of photos `beside` the grid, which may lie anywhere, the pictures are wanted alone, and after these.
        """
        self._visible = tuple(file.path for file in files)
        self._thumbnails.want((*files, *beside))
        self._work.prefer(self._visible)

    def unreadable(self) -> list[tuple[str, str]]:
        """All photos that can't be read and folders that can't be looked into: path, and reason to follow it."""
        return [*self._model.unreadable(), *self._links, *self._closed]

    def look_again_thoroughly(self) -> None:
        """Look again, and try once more to open what could not be opened: a disk may have been away."""
        self._try_unreadable_again()
        self.look_again()

    def _try_unreadable_again(self) -> None:
        files = [self._known[path] for path, _ in self._model.unreadable() if path in self._known]
        self._model.change(files)
        self._unscored.update((file.path, file) for file in files)
        if files and self.status.phase is Phase.DONE:
            self._set(phase=Phase.SCORING)
        self._count()

    @Slot()
    def look_again(self) -> None:
        """Find out what was added, changed or removed since the last look."""
        if self.status.phase is Phase.CLOSED:
            return
        if self._scan is not None:
            self._look_again = True
        else:
            self._start_scan()

    # -- finding photos

    def _start_scan(self) -> None:
        self._look_again = self._unreachable = False
        self._scan_began = time.monotonic()
        work = functools.partial(_scan, Path(self.status.folder), self.recursive, dict(self._known))
        self._scan = self._jobs.start(
            work, on_event=self._scanned, on_failed=self._scan_failed, on_ended=self._scan_ended
        )

    @Slot(object)
    def _scanned(self, found: _Changes | _Whole) -> None:
        if isinstance(found, _Whole):
            self._watch(found.folders)
            self._links, self._closed = found.links, found.closed
            self._count()
            return
        if found == _Changes():
            return
        if found.removed:
            for path in found.removed:
                self._known.pop(path, None)
                self._unscored.pop(path, None)
            self._missed.difference_update(found.removed)
            if self._scoring is not None:
                self._outdated.update(found.removed)  # they may come back with another content
            self._work.drop(found.removed)
            self._model.remove(found.removed)
            self.gone.emit(found.removed)
        if found.changed:
            self._model.change(found.changed)
            self.gone.emit(tuple(file.path for file in found.changed))
            if self._scoring is not None:
                self._outdated.update(file.path for file in found.changed)
        if found.added:
            self._model.add(found.added)
        for file in (*found.changed, *found.added):
            self._known[file.path] = self._unscored[file.path] = file
        self.listed.emit((*found.changed, *found.added))
        if self._unscored and self.status.phase is Phase.DONE:
            self._set(phase=Phase.SCORING)
        self._count()

    @Slot(object, str)
    def _scan_failed(self, error: BaseException, trace: str) -> None:
        if isinstance(error, FolderUnreadable):
            reason = str(error)
        else:
            reason = f"“{names.folder_name(self.status.folder)}” could not be read."
            self.crashed.emit(trace)
        self._unreachable = True
        if self._known and self.status.phase is not Phase.UNREACHABLE:
            self.notice.emit(f"{reason} The photos shown are those that were found before.")
        self._missed.clear()
        gone = isinstance(error, FolderUnreadable) and error.reason == photos.GONE
        self._set(
            phase=Phase.UNREACHABLE, reason=reason, gone=gone, per_second=0.0, seconds_left=None, preparing=""
        )
        if self._scoring is not None:
            self._scoring.cancel()

    @Slot()
    def _scan_ended(self) -> None:
        job = self.sender()
        if job is not self._scan:
            return
        self._scan = None
        self._first_scan = False
        took_ms = round(1000 * (time.monotonic() - self._scan_began))
        self._periodic.start(max(_LOOK_AGAIN_MS, 20 * took_ms))  # a slow share is not kept busy
        unreachable = self._unreachable
        if self._look_again:
            self._start_scan()
        if unreachable:
            return
        if self.status.phase is Phase.UNREACHABLE:  # it is back
            self.notice.emit("")
            self._set(phase=Phase.SCORING, reason="", gone=False)
            self._try_unreadable_again()
        self._score_next()

    def _watch(self, folders: Iterable[str]) -> None:
        watched = set(self._watcher.directories())
        room = _MOST_WATCHED - len(watched)
        new = [folder for folder in folders if folder not in watched and names.shown(folder) == folder]
        if new[:room]:
            self._watcher.addPaths(new[:room])  # the others are found by the periodic look

    @Slot(str)
    def _folder_changed(self, _folder: str) -> None:
        self._settle.start()

    # -- scoring them

    @Slot()
    def _score_next(self) -> None:
        if self._scoring is not None or self.status.phase in (Phase.STOPPED, Phase.CLOSED, Phase.UNREACHABLE):
            return
        looking = self._scan is not None or self._settle.isActive()
        files = tuple(file for path, file in self._unscored.items() if not (looking and path in self._missed))
        if not files:
            if self._scan is None and not self._unscored:
                self._set(phase=Phase.DONE, per_second=0.0, seconds_left=None, preparing="")
            elif self._first_scan:
                self._start_early.start()
            return
        self._work = Worklist(files)
        self._work.prefer(self._visible)
        self._thumbnails.take_from(self._work)
        self._throughput.clear()
        self._download_stop = threading.Event()
        self._set(phase=Phase.SCORING)
        work = functools.partial(
            scoring.score,
            files,
            self.subject,
            work=self._work,
            decoded=self._thumbnails.offer,
            on_download=functools.partial(_tell_download, self._downloading, self._download_stop),
            may_download=self.may_download,
            knowledge=lambda: self.knowledge,  # as it is by then
            with_faces=self.with_faces,
        )
        self._scoring = self._jobs.start(
            work,
            on_event=self._scored,
            on_failed=self._scoring_failed,
            on_ended=self._scoring_ended,
            lane=Lane.NETWORK,
        )

    @Slot(object)
    def _scored(self, event: scoring.Event) -> None:
        if isinstance(event, scoring.Notice):
            self.notice.emit(event.words)
        elif isinstance(event, scoring.Preparing):
            self._set(preparing=event.words)
        else:
            self._arrived.append(event)
            if not self._take_in.isActive():
                self._take_in.start()

    @Slot()
    def _take_arrived(self) -> None:
        events, self._arrived = self._arrived, []
        if not events:
            return
        scored = [
            event
            for event in events
            if isinstance(event, scoring.Scored) and self._outdated.isdisjoint(event.paths)
        ]
        failed = {
            event.path: event.reason
            for event in events
            if isinstance(event, scoring.Failed) and event.path not in self._outdated
        }
        for path in [path for path, reason in failed.items() if reason == photos.GONE]:
            if path not in self._missed:  # or else it was looked for already, and is listed all the same
                self._missed.add(path)
                del failed[path]
                if not self._settle.isActive():
                    self._settle.start()
        paths = tuple(path for event in scored for path in event.paths)
        self._show(scored)
        if failed:
            self._model.set_failed(failed)
        for path in (*paths, *failed):
            self._unscored.pop(path, None)
        if self.status.preparing or self._throughput:
            self._throughput.append((time.monotonic(), len(paths) + len(failed)))
        self._set(preparing="")
        self._count()

    def _show(self, scored: Sequence[scoring.Scored]) -> None:
        if not scored:
            return
        paths = tuple(path for event in scored for path in event.paths)
        taken = tuple(date for event in scored for date in event.taken)
        judged = [self._judged(event) for event in scored]
        facts = [facts_of(event.table, one) for event, one in zip(scored, judged, strict=True)]
        self._model.set_scores(
            paths,
            np.concatenate([one.probabilities for one in judged]),
            taken,
            FaceFacts(
                np.concatenate([one.counts for one in facts]), np.concatenate([one.boxes for one in facts])
            ),
        )
        self.arrived.emit(scored)

    def _judged(self, event: scoring.Scored) -> Judged:
        """As is known now: it may be more than when the photos were scored, a moment ago."""
        knowledge = self.knowledge
        fits = event.vectors.shape[1] == len(knowledge.head.weight)
        if event.knowledge is knowledge or not fits:
            return event.judged
        return knowledge.judge(event.vectors, event.table, event.digests)

    @Slot(object, object)
    def _downloaded(self, so_far: int, expected: int) -> None:
        if self._scoring is not None and not self._scoring.cancelled:
            self._set(preparing=f"Downloading the network: {so_far >> 20} of {expected >> 20} MB")

    @Slot(object, str)
    def _scoring_failed(self, error: BaseException, trace: str) -> None:
        if isinstance(error, scoring.NeedsDownload):
            self.download_needed.emit(str(error))
        elif isinstance(error, scoring.CannotScore):
            self.notice.emit(str(error))
        else:
            self.notice.emit("Scoring stopped because of an error in Lennonnet. The photos are untouched.")
            self.crashed.emit(trace)
        self._set(phase=Phase.STOPPED, per_second=0.0, seconds_left=None, preparing="")

    @Slot()
    def _scoring_ended(self) -> None:
        if self.sender() is not self._scoring:
            return
        self._scoring = None
        self._take_arrived()
        self._outdated.clear()
        self._work = Worklist(())
        self._thumbnails.take_from(self._work)
        self._score_next()

    # -- status

    def _count(self) -> None:
        counts = self._model.counts()
        now = time.monotonic()
        while self._throughput and now - self._throughput[0][0] > _RATE_OVER_S:
            self._throughput.popleft()
        rate, left = 0.0, None
        if len(self._throughput) > 1 and now - self._throughput[0][0] > 1.0:
            rate = sum(count for _, count in self._throughput) / (now - self._throughput[0][0])
            left = counts.waiting / rate if rate else None
        self._set(
            found=counts.total,
            done=counts.total - counts.waiting,
            unreadable=counts.unreadable + len(self._links),
            closed_folders=len(self._closed),
            per_second=rate,
            seconds_left=left,
        )

    def _set(self, **changes: Any) -> None:
        status = dataclasses.replace(self.status, **changes)
        if status != self.status:
            self.status = status
            self.status_changed.emit(status)


def facts_of(table: FaceTable, judged: Judged) -> FaceFacts:
    """What the model is to know of the faces of photos."""
    boxes = np.full((len(judged.face), 4), np.nan, np.float32)
    decided = np.flatnonzero(judged.by_face & (judged.face >= 0))
    boxes[decided] = table.rows["box"][table.start[decided] + judged.face[decided]]
    counts = np.where(table.looked, np.diff(table.start), -1).astype(np.int32)
    return FaceFacts(counts, boxes)


def _scan(
    folder: Path, recursive: bool, known: dict[str, PhotoFile]
) -> Generator[_Changes | _Whole, None, None]:
    """List `folder` on a worker's thread and tell how it differs from `known`; and, at last, what else it has."""
    folders: set[str] = set()
    problems: list[tuple[str, str]] = []
    gone = set(known)
    for batch in photos.scan(folder, recursive=recursive, problems=problems):
        gone.difference_update(file.path for file in batch)
        added = tuple(file for file in batch if file.path not in known)
        changed = tuple(file for file in batch if known.get(file.path, file) != file)
        folders.update(os.path.dirname(file.path) for file in batch)  # noqa: PTH120, a Path for each costs
        yield _Changes(added, changed)  # an empty one is still a place to cancel
    links: list[tuple[str, str]] = []
    closed: list[tuple[str, str]] = []
    for path, reason in problems:
        if path == str(folder):  # it went while it was listed: that says nothing of the photos
            raise FolderUnreadable(path, reason)
        is_photo = os.path.splitext(path)[1].lower() in photos.SUFFIXES  # noqa: PTH122
        (links if is_photo else closed).append((path, reason))
    # Of what lies in a folder that is closed for now, nothing is known; it is not gone.
    beyond = tuple(path + os.sep for path, _ in closed)
    if gone := {path for path in gone if not path.startswith(beyond)} if beyond else gone:
        yield _Changes(removed=tuple(gone))
    yield _Whole((str(folder), *sorted(folders - {str(folder)})), tuple(links), tuple(closed))


def _tell_download(downloading: SignalInstance, stop: threading.Event, so_far: int, expected: int) -> None:
    if stop.is_set():
        raise InterruptedError("the download is not wanted any more")
    downloading.emit(so_far, expected)


def _single_shot(parent: QObject, milliseconds: int, slot: Any) -> QTimer:
    timer = QTimer(parent, singleShot=True, interval=milliseconds)
    timer.timeout.connect(slot)
    return timer

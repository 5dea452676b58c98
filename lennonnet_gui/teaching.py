"""Teaching: what the user says of photos is kept, marked in the grid, learned from, and all photos are scored anew.

No widgets here. A gesture (a drop, a key, an undo) goes to the verdict ledger first, on the one thread that keeps;
only what is safe on the disk is shown. Then a head is learned from all labels, beside the window, and the model gets
new scores; gestures that come meanwhile are learned from right after.
"""

from __future__ import annotations

import contextlib
import functools
import os
import time
from collections import Counter
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from lennonnet_gui.dropped import Found, LabelledFolderFound, found_in
from lennonnet_gui.folder_session import FolderSession, Phase, facts_of
from lennonnet_gui.jobs import Job, Jobs, Lane
from lennonnet_gui.ledger_desk import (
    MOST_LATEST,
    VERDICTS,
    ZONES,
    Bin,
    Chosen,
    Corrected,
    FacesLabelled,
    Kept,
    Latest,
    LedgerDesk,
    Loaded,
    Told,
    bin_of,
)
from lennonnet_gui.photo_model import PhotoModel
from training import learning, scoring, verdicts
from training.face_head import Evidence
from training.knowledge import Knowledge
from training.learning import FolderFeatures, Labels, Learned, Learner, Rescored
from training.photos import FolderUnreadable, PhotoFile
from training.subject import Subject
from training.subjects import SubjectEntry
from training.verdicts import Box, Entry, FaceOf, FaceSaid, FaceVerdict, LedgerError, Said, Verdict
from training.zones import Zone

if TYPE_CHECKING:
    from training.enough import Enough

_OF_FACES = {FaceVerdict.SUBJECT: Zone.SUBJECT, FaceVerdict.NOT_SUBJECT: Zone.NOT_SUBJECT}
_HASH_S = 0.2  # photos are read so long between two events
_SOON_MS = 300  # labelled photos come to be known in small batches; each alone is no reason to learn anew
_SETTLE_MS = 700  # without a new label, until it is worth finding out how good the labels are


@dataclass(frozen=True, slots=True)
class State:
    """What is known of the subject by now.

    labels: photos learned from; guessing: they are too few for more than a guess; changed: photos that went to
    another zone with the last labels
    evidence: what decides, and words: that in a sentence; None and "" where nobody has looked at faces
    """

    labels: int = 0
    guessing: bool = False
    changed: int = 0
    evidence: Evidence | None = None
    words: str = ""


class Teaching(QObject):
    """Labels for one subject and what is learned from them. Lives in the GUI thread; its work does not."""

    labels_changed = Signal()
    """Counts and latest photos of the bins are other ones, or the history is."""

    gesture_kept = Signal(object, object)
    """The Entry of a gesture that was made, taken back or brought back just now, and list[PhotoFile], some of it."""

    learned = Signal(object)
    """State: what was learned last is shown in the model."""

    assessing = Signal(bool)
    """Whether it is being found out how good the labels are."""

    assessed = Signal(object)
    """Enough, or None where there is nothing to tell."""

    history_read = Signal(object)
    """list[Entry], newest first; see read_history."""

    questions_found = Signal(object)
    """list[tuple[PhotoFile, float]], best first, with their probabilities so far; see find_questions."""

    folder_dropped = Signal(object)
    """Path of a dropped folder that holds NAME/ and not_NAME/: it could be imported."""

    faces_labelled = Signal()
    """Of some faces something else holds than before."""

    contradicted = Signal(object)
    """list[tuple[PhotoFile, str]]: photos of which two labels can't both be true, and why, in words."""

    notice = Signal(str)
    crashed = Signal(str)

    def __init__(
        self,
        session: FolderSession,
        model: PhotoModel,
        jobs: Jobs,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.state = State()
        self.subject_id = ""
        self._session, self._model, self._jobs = session, model, jobs
        self._desk = LedgerDesk()
        self.features = FolderFeatures()
        self.with_faces = True
        self.forced: Evidence | None = None
        self._look_alikes: dict[str, str] = {}
        self._learner: Learner | None = None
        self._learned_before = False  # the starter, from labels of the user's
        self._scored_with: Knowledge | None = None  # all photos of the folder; None: another subject's
        self._forget_labels()
        self._learning: Job | None = None
        self._learn_again = False
        self._arrived_meanwhile: list[scoring.Scored] = []  # while something was being learned
        self._describing: Job | None = None
        self._hashing: Job | None = None
        self._assessing: Job | None = None
        self._tells_changes = False  # of zones: after a gesture, not when a folder is opened
        self._watching = False  # what becomes of them, since the first of some gestures that came together
        self._told_changes = (
            False  # with what was learned last, and so with what is learned from the same labels
        )
        self._learn_soon = QTimer(self, singleShot=True, interval=_SOON_MS)
        self._learn_soon.timeout.connect(self.learn)
        self._assess_later = QTimer(self, singleShot=True, interval=_SETTLE_MS)
        self._assess_later.timeout.connect(self._assess)
        session.arrived.connect(self._photos_scored)
        session.gone.connect(self._photos_gone)
        session.listed.connect(self._photos_listed)

    def _forget_labels(self) -> None:
        self._said: dict[bytes, Said] = {}
        self._unhashed: dict[str, tuple[PhotoFile, Said]] = {}  # by path
        self._file_of: dict[bytes, PhotoFile] = {}  # where a labelled photo was seen last
        self._missing: set[bytes] = set()  # labelled photos whose features nobody has made yet
        self._tried: set[bytes] = set()  # of these, those that were asked for once
        self._lost: set[str] = set()  # labelled photos that are gone, or changed before anybody read them
        self._latest: dict[Bin, list[PhotoFile]] = {}
        self._counts: Counter[Bin] = Counter()
        self._faces_said: Mapping[bytes, Sequence[tuple[Box, FaceSaid]]] = {}
        self._face_counts: Counter[Bin] = Counter()
        self._unlooked: tuple[bytes, ...] = ()  # labelled photos in which nobody has looked for faces
        self._chosen: Mapping[bytes, int] = {}
        self._contradictions: tuple[tuple[bytes, str], ...] = ()

    # -- the subject

    def use(self, entry: SubjectEntry, starter: Subject | None) -> None:
        """Label for another subject; `starter` is its current version, None where nothing was trained yet."""
        marked = [path for digest in self._said for path in self.features.paths_of(digest)]
        self._model.set_verdicts(dict.fromkeys([*marked, *self._unhashed]))
        self._forget_labels()
        self.subject_id = entry.id
        self.set_look_alikes(entry)
        self.forced = Evidence(entry.evidence) if entry.evidence else None
        self._learner = Learner(starter, self._session.subject.spec, Zone.SUBJECT.words(entry.name))
        self._scored_with = None
        self._tells_changes = self._watching = self._told_changes = False
        self._learned_before = entry.version > 0
        self.state = State()
        self.assessed.emit(None)
        self._start_keeping(functools.partial(self._desk.load, entry.id), self._loaded)

    def set_look_alikes(self, entry: SubjectEntry) -> None:
        """Take note of the names of the subject's look-alikes."""
        self._look_alikes = {one.id: one.name for one in entry.look_alikes}
        self.labels_changed.emit()

    def forget_folder(self) -> None:
        """The folder was left: let go of its features. Labels are not the folder's, and stay."""
        self.features.clear()
        self._told_changes = False

    # -- what is known

    def bins(self) -> list[Bin]:
        """All bins of the subject, also the empty ones."""
        return [
            (Zone.SUBJECT, ""),
            (Zone.NOT_SUBJECT, ""),
            *((Zone.NOT_SUBJECT, one) for one in self._look_alikes),
        ]

    def counts(self) -> dict[Bin, int]:
        """How many photos are in each bin; those of look-alikes that are no more count as plain others."""
        found: Counter[Bin] = Counter(dict.fromkeys(self.bins(), 0))
        for (zone, group), number in self._counts.items():
            found[zone, group if group in self._look_alikes else ""] += number
        return dict(found)

    def face_counts(self) -> dict[Bin, int]:
        """How many single faces are labelled as of each bin; likewise."""
        found: Counter[Bin] = Counter(dict.fromkeys(self.bins(), 0))
        for (zone, group), number in self._face_counts.items():
            found[zone, group if group in self._look_alikes else ""] += number
        return dict(found)

    def latest(self, zone: Zone, group: str = "") -> list[PhotoFile]:
        """The photos that came into a bin last, newest first."""
        return self._latest.get((zone, group), [])

    def said_of(self, file: PhotoFile) -> Said | None:
        """What holds of a photo."""
        digest = self.features.digest_of(file.path)
        if digest is not None:
            return self._said.get(digest)
        known = self._unhashed.get(file.path)
        return known[1] if known is not None and known[0] == file else None

    # -- gestures

    def label(self, files: Sequence[PhotoFile], zone: Zone | None, source: str, group: str = "") -> None:
        """Put photos into a bin, or with None out of any. Those that are there already are left as they are."""
        said = None if zone is None else Said(VERDICTS[zone], group)
        choose = functools.partial(self._to_be_said, list(files), said)
        self._start_keeping(
            functools.partial(self._desk.label, self.subject_id, choose, said, source), self._gesture_kept
        )

    def _to_be_said(self, files: Sequence[PhotoFile], said: Said | None) -> Chosen:
        """Those of which something else holds; asked on the thread that keeps, once what was said before is kept."""
        return Chosen(
            [(file, self.features.digest_of(file.path)) for file in files if self.said_of(file) != said]
        )

    def label_faces(
        self,
        faces: Sequence[tuple[PhotoFile, int]],
        verdict: FaceVerdict | None,
        source: str,
        group: str = "",
    ) -> None:
        """Say of faces, each a photo and the face's number in it, whose they are, as one gesture.

        The photo of the subject's face is one of the subject; that of a single other face is one of others. Of a photo
        with other faces beside, nothing else is said.
        """
        said = None
        if verdict in (FaceVerdict.SUBJECT, FaceVerdict.NOT_SUBJECT):
            said = Said(Verdict.SUBJECT if verdict is FaceVerdict.SUBJECT else Verdict.NOT_SUBJECT, group)
        choose = functools.partial(self._faces_to_be_said, list(faces), verdict, said)
        work = functools.partial(self._desk.label, self.subject_id, choose, said, source, verdict)
        self._start_keeping(work, self._gesture_kept)

    def _faces_to_be_said(
        self, faces: Sequence[tuple[PhotoFile, int]], verdict: FaceVerdict | None, said: Said | None
    ) -> Chosen:
        chosen: list[FaceOf] = []
        photos: dict[PhotoFile, bytes | None] = {}
        for file, number in faces:
            digest = self.features.digest_of(file.path)
            found = self.features.faces.get(digest) if digest is not None else None
            if digest is None or found is None or number >= len(found):
                continue  # the photo changed meanwhile
            left, top, right, bottom = found["box"][number].tolist()
            chosen.append(FaceOf(file, digest, (left, top, right, bottom)))
            alone = len(found) == 1
            if said is not None and (verdict is FaceVerdict.SUBJECT or alone) and self.said_of(file) != said:
                photos[file] = digest
        return Chosen(list(photos.items()), chosen)

    def faces_said(self, digest: bytes) -> Sequence[tuple[Box, FaceSaid]]:
        """What holds of the labelled faces of a photo."""
        return self._faces_said.get(digest, ())

    def chosen_face(self, digest: bytes) -> int:
        """The number of the face that was taken for the subject's, in a photo labelled as one of it; else -1."""
        return self._chosen.get(digest, -1)

    def drop(self, paths: Sequence[str], zone: Zone, source: str, group: str = "") -> None:
        """Label what was dropped into a bin: photos, files from elsewhere, and all photos in folders."""
        known = [self._session.file_of(path) for path in paths]
        files = [file for file in known if file is not None]
        if len(files) == len(paths):
            self.label(files, zone, source, group)
            return
        work = functools.partial(found_in, list(paths), zone, source, group)
        self._jobs.start(work, on_event=self._found_dropped, on_failed=self._work_failed)

    @Slot(object)
    def _found_dropped(self, found: Found | LabelledFolderFound) -> None:
        if isinstance(found, LabelledFolderFound):
            self.folder_dropped.emit(found.folder)
        elif found.files:
            self.label(found.files, found.zone, found.source, found.group)
        else:
            self.notice.emit(
                found.problem or "There are no photos in what was dropped, so nothing was labelled."
            )

    def undo(self) -> None:
        """Take the last gesture back that stands, whenever it was made."""
        self._start_keeping(functools.partial(self._desk.undo, self.subject_id), self._gesture_kept)

    def redo(self) -> None:
        """Bring back the gesture that was undone last."""
        self._start_keeping(functools.partial(self._desk.redo, self.subject_id), self._gesture_kept)

    def take_back(self, number: int) -> None:
        """Take back one gesture of the history; what was said of its photos in others holds again."""
        self._start_keeping(
            functools.partial(self._desk.take_back, self.subject_id, number), self._gesture_kept
        )

    def bring_back(self, number: int) -> None:
        """Bring back one gesture of the history that was taken back."""
        self._start_keeping(
            functools.partial(self._desk.bring_back, self.subject_id, number), self._gesture_kept
        )

    def read_history(self, most: int = 50) -> None:
        """Ask for the latest gestures; history_read brings them."""
        self._start_keeping(functools.partial(self._desk.history, self.subject_id, most), self._history_came)

    def keep_labels(self, items: Sequence[tuple[PhotoFile, bytes | None, Said]], source: str) -> None:
        """Label photos of several kinds at once, as from an imported folder: one gesture for each kind."""
        kinds: dict[Said, list[tuple[PhotoFile, bytes | None]]] = {}
        for file, digest, said in items:
            kinds.setdefault(said, []).append((file, digest))
        for said, some in kinds.items():
            choose = functools.partial(Chosen, list(some))
            work = functools.partial(self._desk.label, self.subject_id, choose, said, source)
            self._start_keeping(work, self._gesture_kept)

    def is_busy(self) -> bool:
        """Whether something is being kept or learned, or soon will be."""
        waiting = self._learn_soon.isActive() or self._assess_later.isActive()
        working = (self._learning, self._describing, self._hashing, self._assessing)
        return waiting or any(job is not None for job in working)

    def stop(self) -> None:
        """Close the ledger; what was asked of it before is done first."""
        for timer in (self._assess_later, self._learn_soon):
            timer.stop()
        self._jobs.start(self._desk.close, lane=Lane.KEEPING)

    def _start_keeping(self, work: Any, on_event: Any) -> None:
        self._jobs.start(work, on_event=on_event, on_failed=self._work_failed, lane=Lane.KEEPING)

    @Slot(object, str)
    def _work_failed(self, error: BaseException, trace: str) -> None:
        if isinstance(error, LedgerError | FolderUnreadable):
            self.notice.emit(str(error))
        else:
            self.crashed.emit(trace)

    # -- what comes back

    @Slot(object)
    def _loaded(self, loaded: Loaded | FacesLabelled | Told) -> None:
        if isinstance(loaded, Told):
            self.notice.emit(loaded.words)
            return
        if loaded.subject != self.subject_id:
            return
        if isinstance(loaded, FacesLabelled):
            self._set_faces_said(loaded.said)
            return
        self._show([(file, digest, said) for file, digest, said in loaded.photos])
        if not loaded.last:
            return
        self._latest = loaded.latest
        self.labels_changed.emit()
        self.learn()
        self._hash()

    @Slot(object)
    def _gesture_kept(self, kept: Kept | FacesLabelled | Told | Latest) -> None:
        if isinstance(kept, Told):
            self.notice.emit(kept.words)
            return
        if kept.subject != self.subject_id:
            return
        if isinstance(kept, Latest):
            self._latest = kept.latest
            self.labels_changed.emit()
            return
        if isinstance(kept, FacesLabelled):
            self._set_faces_said(kept.said)
            return
        self._show(kept.photos)
        self._put_in_front(kept.photos)
        if not kept.last:
            return
        self.labels_changed.emit()
        self.gesture_kept.emit(kept.entry, [file for file, _, _ in kept.photos])
        self._tells_changes = True
        self.learn()
        self._hash()

    def _set_faces_said(self, said: Mapping[bytes, Sequence[tuple[Box, FaceSaid]]]) -> None:
        self._faces_said = said
        labels = Counter(label for faces in said.values() for _, label in faces)
        self._face_counts = Counter(
            {
                (_OF_FACES[label.verdict], label.group): count
                for label, count in labels.items()
                if label.verdict in _OF_FACES
            }
        )
        self.faces_labelled.emit()

    def _show(self, items: Iterable[tuple[PhotoFile, bytes | None, Said | None]]) -> None:
        """Take note of what holds of photos, and mark them in the model, copies too."""
        marks: dict[str, Zone | None] = {}
        learned: list[tuple[PhotoFile, bytes, Said | None]] = []
        for file, digest, said in items:
            here = self.features.digest_of(file.path)
            if digest is None and here is not None and self._session.file_of(file.path) == file:
                digest = here
                learned.append((file, here, said))
            zone = None if said is None else ZONES[said.verdict]
            if digest is None:
                self._set_unhashed(file, said)
                if here is None and self._session.file_of(file.path) == file:
                    marks[file.path] = zone
                continue
            self._set_unhashed(file, None)
            self._set(digest, said)
            self._file_of[digest] = file
            marks.update(dict.fromkeys(self.features.paths_of(digest), zone))
            if here is None and self._session.file_of(file.path) == file:
                marks[file.path] = zone
        self._model.set_verdicts(marks)
        if learned:
            self._resolve(learned)

    def _set(self, digest: bytes, said: Said | None) -> None:
        old = self._said.pop(digest, None)  # at the end again: the newest are learned from first
        if old is not None:
            self._counts[bin_of(old)] -= 1
        if said is not None:
            self._said[digest] = said
            self._counts[bin_of(said)] += 1

    def _set_unhashed(self, file: PhotoFile, said: Said | None) -> None:
        old = self._unhashed.pop(file.path, None)
        if old is not None:
            self._counts[bin_of(old[1])] -= 1
        if said is not None:
            self._unhashed[file.path] = file, said
            self._counts[bin_of(said)] += 1

    def _put_in_front(self, items: Sequence[tuple[PhotoFile, bytes | None, Said | None]]) -> None:
        """Bring the bins' latest photos up to date with a gesture."""
        paths = {file.path for file, _, _ in items}
        for key, files in self._latest.items():
            self._latest[key] = [file for file in files if file.path not in paths]
        for file, _, said in items[-MOST_LATEST:]:
            if said is not None:
                self._latest.setdefault(bin_of(said), []).insert(0, file)
        for key, files in self._latest.items():
            del files[MOST_LATEST:]
            if len(files) < min(self._counts[key], MOST_LATEST):
                work = functools.partial(self._desk.latest, self.subject_id, tuple(self._look_alikes))
                self._start_keeping(work, self._gesture_kept)
                return

    def _resolve(self, photos: Sequence[tuple[PhotoFile, bytes, Said | None]]) -> None:
        self._start_keeping(
            functools.partial(self._desk.resolve, self.subject_id, list(photos)), self._corrected
        )

    @Slot(object)
    def _corrected(self, corrected: Corrected) -> None:
        if corrected.photos and corrected.subject == self.subject_id:
            self._show(corrected.photos)
            self.labels_changed.emit()
            self.learn()

    @Slot(object)
    def _history_came(self, entries: list[Entry]) -> None:
        self.history_read.emit(entries)

    # -- what the session tells

    @Slot(object)
    def _photos_scored(self, events: Sequence[scoring.Scored]) -> None:
        """Photos of the folder are known by content now: keep their features, mark those that are labelled."""
        marks: dict[str, Zone | None] = {}
        resolved: list[tuple[PhotoFile, bytes, Said | None]] = []
        met: list[tuple[PhotoFile, bytes]] = []
        teaches = False
        if self._learning is not None:
            self._arrived_meanwhile += events
        for event in events:
            self.features.add(event.paths, event.digests, event.vectors, event.table)
            for path, digest in zip(event.paths, event.digests, strict=True):
                waiting = self._unhashed.get(path)
                if waiting is not None and self._session.file_of(path) == waiting[0]:
                    self._set_unhashed(waiting[0], None)
                    self._set(digest, waiting[1])
                    resolved.append((waiting[0], digest, waiting[1]))
                said = self._said.get(digest)
                if said is not None:
                    teaches = teaches or waiting is not None or digest in self._missing
                    marks[path] = ZONES[said.verdict]
                    file = self._session.file_of(path)
                    if file is not None and self._file_of.get(digest) != file:
                        self._file_of[digest] = file  # it was moved, or is a copy
                        met.append((file, digest))
        if marks:
            self._model.set_verdicts(marks)
        if resolved:
            self._resolve(resolved)
        if met:
            work = functools.partial(self._desk.saw, met)
            self._jobs.start(work, on_failed=self._work_failed, lane=Lane.KEEPING)
        if teaches and not self._learn_soon.isActive():
            self._learn_soon.start()

    def faces_came(self, events: Sequence[scoring.Scored]) -> None:
        """The faces of photos were found: those of the folder, as they are now, are shown anew."""
        shown = []
        for event in events:
            for number, digest in enumerate(event.digests):
                found = event.table.of_photo(number)
                if found is not None:
                    self.features.faces[digest] = found
            here = list(map(self.features.digest_of, event.paths))
            rows = [row for row, digest in enumerate(here) if digest == event.digests[row]]
            if rows:
                shown.append(event if len(rows) == len(here) else event.some(rows))
        self._unlooked = tuple(digest for digest in self._unlooked if digest not in self.features.faces)
        if self._learning is not None:
            self._arrived_meanwhile += shown
        self._session.take(shown)

    def photos_moved(self, places: Sequence[tuple[str, bytes]]) -> None:
        """Photos were put elsewhere: labels are found again there, by their digests."""
        met: list[tuple[PhotoFile, bytes]] = []
        for path, digest in places:
            with contextlib.suppress(OSError):
                facts = os.stat(path)  # noqa: PTH116, a Path for each costs
                met.append((PhotoFile(path, facts.st_size, facts.st_mtime_ns), digest))
        if met:
            work = functools.partial(self._desk.saw, met)
            self._jobs.start(work, on_failed=self._work_failed, lane=Lane.KEEPING)

    def file_of(self, digest: bytes) -> PhotoFile | None:
        """Where a labelled photo lies, as far as is known."""
        return self._file_of.get(digest)

    def unlooked(self) -> list[PhotoFile]:
        """Labelled photos in which nobody has looked for faces yet, where they lie."""
        return [self._file_of[digest] for digest in self._unlooked if digest in self._file_of]

    def set_with_faces(self, with_faces: bool) -> None:
        """Let faces count, or not, and score all photos anew with that."""
        self.with_faces = with_faces
        self._scored_with = None
        self.learn()

    def force(self, evidence: Evidence | None) -> None:
        """Let this decide, whatever the labels say, or with None what they say; and score all photos anew."""
        if evidence is not self.forced:
            self.forced = evidence
            self.learn()

    def forget_faces(self) -> None:
        """Let go of all faces that were found; what was said of them is kept."""
        self.features.faces.clear()
        self._unlooked = ()
        self._scored_with = None
        if self._learner is not None:
            before = self._learner  # which remembers faces of its own
            starter = None if before.starter is None else replace(before.starter, faces=None)
            self._learner = Learner(starter, before.spec, before.name)
        self.learn()

    @Slot(object)
    def _photos_gone(self, paths: Sequence[str]) -> None:
        self.features.forget(paths)

    @Slot(object)
    def _photos_listed(self, files: Sequence[PhotoFile]) -> None:
        """Photos were added to the model, or have changed: those labelled before anybody read them are marked."""
        if self._unhashed:
            known = ((file, self._unhashed.get(file.path)) for file in files)
            marks: dict[str, Zone | None] = {
                file.path: ZONES[said[1].verdict]
                for file, said in known
                if said is not None and said[0] == file
            }
            if marks:
                self._model.set_verdicts(marks)

    # -- learning

    @Slot()
    def learn(self) -> None:
        """Learn from the labels as they are, and score all photos of the folder with that."""
        if self._learner is None:
            return
        if self._learning is not None:
            self._learn_again = True
            return
        self._learn_again = False
        self._arrived_meanwhile = []
        labels = self.labels()
        work = functools.partial(self._learner.learn, labels, self.features.blocks(), self._scored_with)
        self._learning = self._jobs.start(
            work, on_event=self._learned, on_failed=self._work_failed, on_ended=self._learning_ended
        )
        self._learning_for = self._learner

    def labels(self) -> Labels:
        """All that was said of the subject, as what learns wants it."""
        found = self.features.faces if self.with_faces else None
        return Labels(dict(self._said), self._faces_said, found, self.forced)

    @Slot(object)
    def _learned(self, event: Learned | Rescored) -> None:
        if self._learning_for is not self._learner:
            return  # of a subject that was left meanwhile
        if isinstance(event, Learned):
            if not self._watching and (self._tells_changes or not self._told_changes):
                self._model.watch_zones()
                self._watching = True
            knowledge = event.knowledge
            self._session.set_knowledge(knowledge)
            self._scored_with = knowledge
            for (
                late
            ) in self._arrived_meanwhile:  # judged by what was known before, and maybe not to be rescored
                if late.knowledge is not knowledge and late.vectors.shape[1] == len(knowledge.head.weight):
                    judged = knowledge.judge(late.vectors, late.table, late.digests)
                    facts = facts_of(late.table, judged)
                    self._model.set_scores(late.paths, judged.probabilities, faces=facts)
            self._arrived_meanwhile = []
            self._missing = set(event.missing)
            self._unlooked = event.unlooked
            self._chosen = event.chosen
            self.state = State(event.labels, event.guessing, 0, event.evidence, event.words)
            self._tell_contradictions(event.contradictions)
            self._describe(event.missing)
        else:
            facts = facts_of(event.table, event.judged)
            self._model.set_scores(event.paths, event.judged.probabilities, faces=facts)

    def _tell_contradictions(self, found: tuple[tuple[bytes, str], ...]) -> None:
        """Tell of photos with labels that can't both be true; of each once."""
        new = [one for one in found if one not in self._contradictions and one[0] in self._file_of]
        self._contradictions = found
        if new:
            self.contradicted.emit([(self._file_of[digest], words) for digest, words in new])

    @Slot()
    def _learning_ended(self) -> None:
        self._learning = None
        if self._learning_for is not self._learner or self._learn_again:
            self.learn()
            return
        self._told_changes = self._tells_changes or self._told_changes
        changed = self._model.settle_zones() if self._told_changes else 0
        self._tells_changes = self._watching = False
        self.state = replace(self.state, changed=changed)
        self.learned.emit(self.state)
        self._assess_later.start()

    def _describe(self, digests: Sequence[bytes]) -> None:
        """Have labelled photos that lie elsewhere looked at by the network, each once."""
        missing = [digest for digest in digests if digest not in self._tried]
        files = [self._file_of[digest] for digest in missing if digest in self._file_of]
        files = [file for file in files if self._session.file_of(file.path) is None]
        if not files or self._describing is not None:
            return
        self._tried.update(missing)
        work = functools.partial(
            scoring.score, files, self._session.subject, may_download=self._session.may_download
        )
        self._describing = self._jobs.start(
            work,
            on_failed=self._describing_failed,
            on_ended=self._described,
            lane=Lane.NETWORK,
        )

    @Slot(object, str)
    def _describing_failed(self, error: BaseException, trace: str) -> None:
        if not isinstance(error, scoring.CannotScore):  # which the session tells of
            self.crashed.emit(trace)

    @Slot()
    def _described(self) -> None:
        self._describing = None
        self.learn()

    # -- photos that were labelled before anybody read them

    def _hash(self) -> None:
        if self._hashing is not None:
            return
        working = self._session.status.phase in (Phase.SCANNING, Phase.SCORING)
        files = [
            file
            for file, _ in self._unhashed.values()
            if not (working and self._session.file_of(file.path) == file) and file.path not in self._lost
        ]
        if files:
            self._hashing = self._jobs.start(
                functools.partial(_hash, files),
                on_event=self._hashed,
                on_failed=self._work_failed,
                on_ended=self._hashing_ended,
            )

    @Slot(object)
    def _hashed(self, pairs: list[tuple[PhotoFile, bytes | None]]) -> None:
        known = [(file, digest) for file, digest in pairs if digest is not None]
        self._lost |= {file.path for file, digest in pairs if digest is None}
        shown = []
        for file, digest in known:
            waiting = self._unhashed.get(file.path)
            if waiting is not None and waiting[0] == file:
                shown.append((file, digest, waiting[1]))
        self._show(shown)
        if shown:
            self._resolve(shown)

    @Slot()
    def _hashing_ended(self) -> None:
        self._hashing = None
        self.labels_changed.emit()
        self.learn()

    # -- how good the labels are, and what to ask next

    @Slot()
    def _assess(self) -> None:
        if self._learner is None or self._assessing is not None:
            return
        if not self._said:
            self.assessed.emit(None)
            return
        fresh = not self._learned_before
        # A version that learned from these labels would do well on them in any case; then they are measured alone.
        learner = (
            Learner(self._learner.starter, self._learner.spec)
            if fresh
            else Learner(None, learning.usual_spec())
        )
        work = functools.partial(
            learner.assess,
            self.labels(),
            self.features.blocks() if fresh else (),
            self._session.subject.name,
            dict(self._look_alikes),
        )
        self._assessing_for = self._learner
        self.assessing.emit(True)
        self._assessing = self._jobs.start(
            work, on_event=self._assessment, on_failed=self._work_failed, on_ended=self._assessing_ended
        )

    @Slot(object)
    def _assessment(self, found: Enough) -> None:
        if self._assessing_for is self._learner:
            self.assessed.emit(found)

    @Slot()
    def _assessing_ended(self) -> None:
        self._assessing = None
        self.assessing.emit(False)

    def find_questions(self, skip: Iterable[str] = (), *, most: int = 50, any_will_do: bool = False) -> None:
        """Ask for the photos whose labels would teach most, but those at `skip`; questions_found brings them.

        With `any_will_do` also for those that are nearly the same as labelled ones.
        """
        if self._learner is None:
            self.questions_found.emit([])
            return
        learner = Learner(self._learner.starter, self._learner.spec)
        work = functools.partial(
            learner.questions,
            dict(self._said),
            self.features.blocks(),
            self._session.knowledge,
            {*skip, *self._unhashed},
            most,
            found=self.features.faces if self.with_faces else None,
            any_will_do=any_will_do,
        )
        self._jobs.start(work, on_event=self._questions_came, on_failed=self._questions_failed)

    @Slot(object, str)
    def _questions_failed(self, error: BaseException, trace: str) -> None:
        self.questions_found.emit([])  # whoever waits waits no more
        self._work_failed(error, trace)

    @Slot(object)
    def _questions_came(self, found: list[learning.Question]) -> None:
        files = ((self._session.file_of(one.path), one.probability) for one in found)
        self.questions_found.emit([(file, probability) for file, probability in files if file is not None])


def _hash(files: Sequence[PhotoFile]) -> Generator[list[tuple[PhotoFile, bytes | None]], None, None]:
    pairs: list[tuple[PhotoFile, bytes | None]] = []
    last = time.monotonic()
    for file in files:
        pairs.append((file, verdicts.digest_of(file)))
        if time.monotonic() - last > _HASH_S:
            yield pairs
            pairs, last = [], time.monotonic()
    yield pairs

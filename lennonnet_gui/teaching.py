"""Teaching: what the user says of photos is kept, marked in the grid, learned from, and all photos are scored anew.

No widgets here. A gesture (a drop, a key, an undo) goes to the verdict ledger first, on the one thread that keeps;
only what is safe on the disk is shown. Then a head is learned from all labels, beside the window, and the model gets
new scores; gestures that come meanwhile are learned from right after.
"""

from __future__ import annotations

import functools
import time
from collections import Counter
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from lennonnet_gui.dropped import Found, LabelledFolderFound, found_in
from lennonnet_gui.folder_session import FolderSession, Phase
from lennonnet_gui.jobs import Job, Jobs, Lane
from lennonnet_gui.ledger_desk import (
    MOST_LATEST,
    VERDICTS,
    ZONES,
    Bin,
    Corrected,
    Kept,
    Latest,
    LedgerDesk,
    Loaded,
    Told,
    bin_of,
)
from lennonnet_gui.photo_model import PhotoModel
from training import learning, scoring, verdicts
from training.head import Head
from training.learning import FolderFeatures, Learned, Learner, Rescored
from training.photos import FolderUnreadable, PhotoFile
from training.subject import Subject
from training.subjects import SubjectEntry
from training.verdicts import Entry, LedgerError, Said
from training.zones import Zone

if TYPE_CHECKING:
    from training.enough import Enough

_HASH_S = 0.2  # photos are read so long between two events
_SOON_MS = 300  # labelled photos come to be known in small batches; each alone is no reason to learn anew
_SETTLE_MS = 700  # without a new label, until it is worth finding out how good the labels are


@dataclass(frozen=True, slots=True)
class State:
    """What is known of the subject by now.

    labels: photos learned from; guessing: they are too few for more than a guess; changed: photos that went to
    another zone with the last labels
    """

    labels: int = 0
    guessing: bool = False
    changed: int = 0


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
        self._features = FolderFeatures()
        self._look_alikes: dict[str, str] = {}
        self._learner: Learner | None = None
        self._learned_before = False  # the starter, from labels of the user's
        self._scored_with: Head | None = None  # all photos of the folder; None: another subject's
        self._forget_labels()
        self._learning: Job | None = None
        self._learn_again = False
        self._arrived_meanwhile: list[scoring.Scored] = []  # while something was being learned
        self._describing: Job | None = None
        self._hashing: Job | None = None
        self._assessing: Job | None = None
        self._tells_changes = False  # of zones: after a gesture, not when a folder is opened
        self._watching = False  # what becomes of them, since the first of some gestures that came together
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

    # -- the subject

    def use(self, entry: SubjectEntry, starter: Subject | None) -> None:
        """Label for another subject; `starter` is its current version, None where nothing was trained yet."""
        marked = [path for digest in self._said for path in self._features.paths_of(digest)]
        self._model.set_verdicts(dict.fromkeys([*marked, *self._unhashed]))
        self._forget_labels()
        self.subject_id = entry.id
        self.set_look_alikes(entry)
        self._learner = Learner(starter, self._session.subject.spec)
        self._scored_with = None
        self._tells_changes = self._watching = False
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
        self._features.clear()

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

    def latest(self, zone: Zone, group: str = "") -> list[PhotoFile]:
        """The photos that came into a bin last, newest first."""
        return self._latest.get((zone, group), [])

    def said_of(self, file: PhotoFile) -> Said | None:
        """What holds of a photo."""
        digest = self._features.digest_of(file.path)
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

    def _to_be_said(
        self, files: Sequence[PhotoFile], said: Said | None
    ) -> list[tuple[PhotoFile, bytes | None]]:
        """Those of which something else holds; asked on the thread that keeps, once what was said before is kept."""
        return [(file, self._features.digest_of(file.path)) for file in files if self.said_of(file) != said]

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
            work = functools.partial(self._desk.label, self.subject_id, some.copy, said, source)
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
    def _loaded(self, loaded: Loaded | Told) -> None:
        if isinstance(loaded, Told):
            self.notice.emit(loaded.words)
            return
        if loaded.subject != self.subject_id:
            return
        self._show([(file, digest, said) for file, digest, said in loaded.photos])
        if not loaded.last:
            return
        self._latest = loaded.latest
        self.labels_changed.emit()
        self.learn()
        self._hash()

    @Slot(object)
    def _gesture_kept(self, kept: Kept | Told | Latest) -> None:
        if isinstance(kept, Told):
            self.notice.emit(kept.words)
            return
        if kept.subject != self.subject_id:
            return
        if isinstance(kept, Latest):
            self._latest = kept.latest
            self.labels_changed.emit()
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

    def _show(self, items: Iterable[tuple[PhotoFile, bytes | None, Said | None]]) -> None:
        """Take note of what holds of photos, and mark them in the model, copies too."""
        marks: dict[str, Zone | None] = {}
        learned: list[tuple[PhotoFile, bytes, Said | None]] = []
        for file, digest, said in items:
            here = self._features.digest_of(file.path)
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
            marks.update(dict.fromkeys(self._features.paths_of(digest), zone))
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
            self._features.add(event.paths, event.digests, event.vectors)
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

    @Slot(object)
    def _photos_gone(self, paths: Sequence[str]) -> None:
        self._features.forget(paths)

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
        work = functools.partial(
            self._learner.learn, dict(self._said), self._features.blocks(), self._scored_with
        )
        self._learning = self._jobs.start(
            work, on_event=self._learned, on_failed=self._work_failed, on_ended=self._learning_ended
        )
        self._learning_for = self._learner

    @Slot(object)
    def _learned(self, event: Learned | Rescored) -> None:
        if self._learning_for is not self._learner:
            return  # of a subject that was left meanwhile
        if isinstance(event, Learned):
            if not self._watching:
                self._model.watch_zones()
                self._watching = True
            self._session.set_head(event.head)
            self._scored_with = event.head
            for (
                late
            ) in self._arrived_meanwhile:  # scored with the head before, and not among those to be rescored
                if late.head is not event.head and late.vectors.shape[1] == len(event.head.weight):
                    self._model.set_scores(late.paths, event.head.score(late.vectors))
            self._arrived_meanwhile = []
            self._missing = set(event.missing)
            self.state = State(event.labels, event.guessing, 0)
            self._describe(event.missing)
        else:
            self._model.set_scores(event.paths, event.probabilities)

    @Slot()
    def _learning_ended(self) -> None:
        self._learning = None
        if self._learning_for is not self._learner or self._learn_again:
            self.learn()
            return
        changed = self._model.settle_zones() if self._tells_changes else 0
        self._tells_changes = self._watching = False
        self.state = State(self.state.labels, self.state.guessing, changed)
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
            dict(self._said),
            self._features.blocks() if fresh else (),
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
            self._features.blocks(),
            self._session.subject.head,
            {*skip, *self._unhashed},
            most,
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

"""Labels from folders and into folders: what others have sorted by hand is taken in, and given out the same way.

No widgets here. Photos are looked at in the background; they are copied or linked, and never moved.
"""

from __future__ import annotations

import functools
from collections.abc import Generator, Sequence
from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot

from lennonnet_gui import names
from lennonnet_gui.jobs import Job, Jobs
from lennonnet_gui.subject_desk import SubjectDesk
from lennonnet_gui.teaching import Teaching
from training import labelled_folder
from training.labelled_folder import LabelledFolder, LabelledPhoto, NotWritten, Read, Written
from training.photos import PhotoFile
from training.teach import BadCollection, Progress
from training.verdicts import Ledger, LedgerError, Said, Verdict


class LabelExchange(QObject):
    """Imports labelled folders for the subject that they name, and exports the current subject's labels."""

    notice = Signal(str)

    problems_found = Signal(str, object)
    """A title, and (path, reason) of photos that were left out."""

    conflicts_found = Signal(object)
    """list[tuple[PhotoFile, str]]: photos that the folder labels in several ways, and where they lie, in a sentence."""

    exporting = Signal(int, int)
    """How many photos are written, of how many."""

    exported = Signal(str)
    """A sentence that says how it ended."""

    crashed = Signal(str)

    def __init__(
        self, desk: SubjectDesk, teaching: Teaching, jobs: Jobs, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._desk, self._teaching, self._jobs = desk, teaching, jobs
        self._import: Job | None = None
        self._export: Job | None = None

    # -- from a folder

    @Slot(object)
    def take_in(self, folder: Path) -> None:
        """Label photos as the folder does that holds them: NAME/ for the subject of that name, not_NAME/ for others."""
        if self._import is not None:
            self.notice.emit("Another folder is being imported. Try again in a moment.")
            return
        self._import = self._jobs.start(
            functools.partial(_read, Path(folder), self._desk.entry.name),
            on_event=self._read_so_far,
            on_failed=self._import_failed,
            on_ended=self._import_ended,
        )

    @Slot(object)
    def _read_so_far(self, event: Progress | tuple[LabelledFolder, Read]) -> None:
        if isinstance(event, Progress):
            if event.total:
                self.notice.emit(f"Importing: {event.done:,} of {names.photos(event.total)} looked at.")
            return
        found, read = event
        self._use_subject(found.name)
        groups = self._groups({item.group for item in read.items if item.group})
        items = [
            (item.file, item.digest, Said(item.verdict, groups.get(item.group, ""))) for item in read.items
        ]
        self._teaching.keep_labels(items, "import")
        self.notice.emit(_imported(found, read, self._desk.entry.name))
        if read.conflicts:
            self.conflicts_found.emit([_asked_about(same) for same in read.conflicts])
        if read.unreadable:
            self.problems_found.emit("Photos that were not imported", list(read.unreadable))

    def _use_subject(self, name: str) -> None:
        """Look for the subject that the folder names; a new one is made if there is none of that name."""
        if _as_folder(self._desk.entry.name) == _as_folder(name):
            self._desk.keep_current()
            return
        same = [entry for entry in self._desk.all() if _as_folder(entry.name) == _as_folder(name)]
        if same:
            self._desk.use(same[0].id)
        else:
            self._desk.create(name[:1].upper() + name[1:])

    def _groups(self, wanted: set[str]) -> dict[str, str]:
        """The look-alikes' ids by name; those that are not there are made."""
        for name in sorted(wanted):
            if _as_folder(name) not in {_as_folder(one.name) for one in self._desk.entry.look_alikes}:
                self._desk.add_look_alike(name)
        ids = {_as_folder(one.name): one.id for one in self._desk.entry.look_alikes}
        return {name: ids[_as_folder(name)] for name in wanted if _as_folder(name) in ids}

    @Slot(object, str)
    def _import_failed(self, error: BaseException, trace: str) -> None:
        if isinstance(error, BadCollection | LedgerError):
            self.notice.emit(str(error))
        else:
            self.crashed.emit(trace)

    @Slot()
    def _import_ended(self) -> None:
        self._import = None

    # -- into a folder

    @Slot(object, bool)
    def give_out(self, folder: Path, link: bool) -> None:
        """Write the current subject's labels as a folder of copies or, with `link`, of second names."""
        entry = self._desk.entry
        groups = {one.id: one.name for one in entry.look_alikes}
        self._export = self._jobs.start(
            functools.partial(_write, Path(folder), entry.id, entry.name, groups, link),
            on_event=self._written_so_far,
            on_failed=self._export_failed,
        )

    @Slot()
    def stop_export(self) -> None:
        """Write no more; what was written stays, and the next run goes on from there."""
        if self._export is not None:
            self._export.cancel()
            self.exported.emit("Stopped. The photos written so far are whole; export again to go on.")

    @Slot(object)
    def _written_so_far(self, event: Progress | Written) -> None:
        if isinstance(event, Progress):
            self.exporting.emit(event.done, event.total)
            return
        self.exported.emit(_exported(event))
        problems = [
            *event.problems,
            *((item.file.path, f"is “{there}” there") for item, there in event.contrary),
        ]
        if problems:
            self.problems_found.emit("Photos that were not exported", problems)

    @Slot(object, str)
    def _export_failed(self, error: BaseException, trace: str) -> None:
        if isinstance(error, BadCollection | NotWritten | LedgerError):
            self.exported.emit(str(error))
        else:
            self.exported.emit("The export stopped because of an error in Lennonnet. No photo was changed.")
            self.crashed.emit(trace)


def _as_folder(name: str) -> str:
    """By what names are told apart: a folder may not be called all that a subject may."""
    return labelled_folder.folder_name(name).casefold()


def _read(folder: Path, current: str) -> Generator[Progress | tuple[LabelledFolder, Read], None, None]:
    """Look at a labelled folder; of several subjects in it, the current one is meant."""
    try:
        found = labelled_folder.find(folder)
    except BadCollection:
        found = labelled_folder.find(folder, current)
    if found is None:
        raise BadCollection(
            f"“{folder}” is not a labelled folder. It needs one folder with photos of the subject, such as “mila”,"
            " and one beside it with photos of others, “not_mila”."
        )
    read = yield from labelled_folder.read(found)
    yield found, read


def _write(
    folder: Path, subject: str, name: str, groups: dict[str, str], link: bool
) -> Generator[Progress | Written, None, None]:
    with Ledger() as ledger:
        labels = ledger.photos(subject)
    items = [
        LabelledPhoto(file, digest, said.verdict, groups.get(said.group, "")) for file, digest, said in labels
    ]
    written = yield from labelled_folder.write(folder, name, items, link=link)
    yield written


def _imported(found: LabelledFolder, read: Read, name: str) -> str:
    yes = sum(item.verdict is Verdict.SUBJECT for item in read.items)
    words = f"Imported from “{found.folder.name}”: {names.photos(yes)} of {name}, {len(read.items) - yes:,} of others."
    if read.conflicts:
        words += (
            f" {names.photos(len(read.conflicts))} labelled both ways: “Ask me” asks you about them first."
        )
    if read.unreadable:
        words += f" {names.photos(len(read.unreadable))} can’t be read."
    return words


def _asked_about(same: Sequence[LabelledPhoto]) -> tuple[PhotoFile, str]:
    places = [f"“{Path(one.file.path).parent.name}”" for one in same]
    return same[0].file, f"It lies in {' and in '.join(dict.fromkeys(places))}."


def _exported(written: Written) -> str:
    parts = []
    if written.copied:
        parts.append(f"{names.photos(written.copied)} copied")
    if written.linked:
        parts.append(f"{names.photos(written.linked)} linked")
    if written.already:
        parts.append(f"{written.already:,} were there already")
    if written.problems or written.contrary:
        parts.append(f"{len(written.problems) + len(written.contrary):,} left out")
    return f"{', '.join(parts) or 'There was nothing to write'}. Your photos are where they were."

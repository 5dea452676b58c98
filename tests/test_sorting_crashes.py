"""A sorting that dies at any moment loses nothing: each act may be the last, and what is left can be settled."""

# ruff: noqa: PTH112, PTH120

from __future__ import annotations

import builtins
import contextlib
import errno
import os
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from training import photos
from training.sorting import TRASH, Action, Fate, Item, Plan, Rules, plan
from training.sorting_disk import Acts
from training.sorting_journal import Journal, RunState, State
from training.sorting_run import Failed, Moved, resume, run, settle, undo
from training.xmp_tags import Naming

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="a process has to die")

Tree = dict[str, bytes]


class Fragile(Acts):
    """Acts of which one, chosen beforehand, never comes: the process ends."""

    def __init__(self, last: int | None = None) -> None:
        self.count = 0
        self.last = last

    def step(self) -> None:
        if self.count == self.last:
            os._exit(9)
        self.count += 1

    def trash(self, path: str) -> None:
        with stepping(self.step):
            super().trash(path)


@contextlib.contextmanager
def stepping(step: Callable[[], None]) -> Iterator[None]:
    """Calls `step` before each of the calls by which a file gets into the trash, and once a file is made and empty."""

    def before(call: Callable[..., Any]) -> Callable[..., Any]:
        def stepped(*arguments: Any, **named: Any) -> Any:
            step()
            made = call(*arguments, **named)
            if call is real[2]:
                step()
            return made

        return stepped

    real: tuple[Any, ...] = os.rename, os.mkdir, builtins.open
    os.rename, os.mkdir, builtins.open = map(before, real)
    try:
        yield
    finally:
        os.rename, os.mkdir, builtins.open = real


class Far(Fragile):
    """The same, where every other folder is on another drive."""

    def rename(self, source: str, target: str) -> None:
        if os.path.dirname(source) != os.path.dirname(target):
            self.step()
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        super().rename(source, target)


class Old(Fragile):
    """The same, where names can't be changed without replacing others."""

    def rename(self, source: str, target: str) -> None:
        self.step()
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    def exchange(self, one: str, other: str) -> None:
        self.step()
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))


class Poor(Old):
    """The same, and where there are no hard links either."""

    def link(self, source: str, target: str) -> None:
        self.step()
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))


class FarAndPoor(Poor):
    """The same, and where every other folder is on another drive."""

    def rename(self, source: str, target: str) -> None:
        self.step()
        apart = os.path.dirname(source) != os.path.dirname(target)
        code = errno.EXDEV if apart else errno.EINVAL
        raise OSError(code, os.strerror(code))


DRIVES = [Fragile, Far, Old, Poor, FarAndPoor]


WAYS = [
    *((Action.MOVE, drive) for drive in DRIVES),
    (Action.COPY, Fragile),
    (Action.COPY, Poor),
    (Action.LINK, Fragile),
]


def tree(folder: Path) -> Tree:
    """All files in a folder by path, and all folders, which end in a slash."""
    found: Tree = {}
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        found[f"{name}/" if path.is_dir() else name] = b"" if path.is_dir() else path.read_bytes()
    return found


def contents(found: Tree) -> Counter[bytes]:
    return Counter(content for name, content in found.items() if not name.endswith("/"))


def made(folder: Path, files: Tree) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


@dataclass(frozen=True)
class Scene:
    """A folder, what is to be done with it, and on what kind of drive."""

    folder: Path
    files: Tree
    chances: dict[str, float]
    action: Action
    drive: type[Fragile]
    trash: Path | None = None

    def plan(self) -> Plan:
        items = [
            Item(
                file, photos.digest(file.path), self.chances.get(os.path.relpath(file.path, self.folder), 0.9)
            )
            for batch in photos.scan(self.folder / "in")
            for file in batch
        ]
        others = "not/{zone}" if self.trash is None else TRASH
        return plan(items, Rules(self.action, "john", str(self.folder / "out"), "{subject}", others))

    def journal(self) -> Journal:
        return Journal(self.folder.parent / "journal.sqlite3")

    def start(self) -> None:
        shutil.rmtree(self.folder.parent, ignore_errors=True)
        self.folder.mkdir(parents=True)
        (self.folder.parent / "home").mkdir()
        made(self.folder, self.files)

    def done(self, what: Callable[[Journal, Fragile], object], last: int | None) -> int | None:
        """Do something, in a process that dies before its act `last`; how many acts there were, None if it died."""
        acts = self.drive(last)
        if last is None:
            self._done(what, acts)
            return acts.count
        child = os.fork()
        if child == 0:
            status = 1
            try:
                self._done(what, acts)
                status = 0
            finally:
                os._exit(status)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert status in (0, 9), status
        return acts.count if status == 0 else None

    def _done(self, what: Callable[[Journal, Fragile], object], acts: Fragile) -> None:
        with self.journal() as journal:
            journal.step = acts.step
            what(journal, acts)

    def runs(self, last: int | None = None) -> int | None:
        made = self.plan()
        return self.done(lambda journal, acts: list(run(made, journal, acts=acts)), last)

    def resumes(self, last: int | None = None) -> int | None:
        return self.done(lambda journal, acts: list(resume(journal, acts=acts)), last)

    def settles(self) -> None:
        assert self.done(lambda journal, acts: list(settle(journal, acts=acts)), None) is not None

    def undoes(self, last: int | None = None) -> int | None:
        def all_of_them(journal: Journal, acts: Fragile) -> None:
            for one in journal.runs():
                for event in undo(one.id, journal, acts=acts):
                    assert not isinstance(event, Failed), event

        return self.done(all_of_them, last)

    def check_nothing_lost(self, *, settled: bool) -> None:
        """What there was before is there, once; of a copy or link, at its old place, and nothing else but copies."""
        now, before = tree(self.folder), self.files
        if self.trash is not None and self.trash.is_dir():
            now |= {f"trash/{name}": content for name, content in tree(self.trash / "files").items()}
        if self.action is Action.MOVE:
            if settled:
                assert contents(now) == contents(before)
            else:
                assert not contents(before) - contents(now)
        else:
            assert {name: now.get(name) for name in before} == before
            assert not settled or set(contents(now)) <= set(contents(before))
        if settled:
            assert not [name for name in now if name.endswith(".part")]
        assert {name: now.get(name) for name in before if name.startswith("out/")} == {
            name: content for name, content in before.items() if name.startswith("out/")
        }

    def check_together(self) -> None:
        """A photo and its companions lie in the same folder: the contents of companions name their photo's."""
        folders: dict[bytes, set[str]] = {}
        for name, content in tree(self.folder).items():
            if content.startswith(b"of "):
                folders.setdefault(content[3:], set()).add(os.path.dirname(name))
        for name, content in tree(self.folder).items():
            if content in folders and self.action is Action.MOVE:
                assert os.path.dirname(name) in folders[content], name


FILES: Tree = {
    "in/IMG_1.jpg": b"one",
    "in/IMG_1.xmp": b"of one",
    "in/IMG_2.jpg": b"two",
    "in/IMG_2.CR2": b"of two",
    "in/b/IMG_2.jpg": b"other two",
    "in/b/IMG_2.jpg.xmp": b"of other two",
    "in/b/IMG_3.jpg": b"three",
    "out/john/IMG_2.jpg": b"was there",
}
CHANCES = {"in/IMG_1.jpg": 0.1, "in/b/IMG_3.jpg": 0.5}


MEMORY = "/dev/shm" if os.path.isdir("/dev/shm") else None  # thousands of times is waited for the disk


@pytest.fixture
def place() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=MEMORY) as name:
        yield Path(name)


def moved_to_trash(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The trash of somebody whose home is on the drive that the photos are on."""
    plain = pytest.importorskip("send2trash.plat_other")
    home = place / "here" / "home"
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_DATA_HOME", str(home))
    monkeypatch.setattr(plain, "XDG_DATA_HOME", os.fsencode(home))
    monkeypatch.setattr(plain, "HOMETRASH_B", os.fsencode(home / "Trash"))
    monkeypatch.setattr("send2trash.send2trash", plain.send2trash)
    return home / "Trash"


TRASHED = [(Action.MOVE, drive, True) for drive in (Fragile, Poor)]


@pytest.mark.parametrize(("action", "drive", "trashed"), [*((*way, False) for way in WAYS), *TRASHED])
def test_dying_before_any_act_loses_nothing(
    place: Path, monkeypatch: pytest.MonkeyPatch, action: Action, drive: type[Fragile], trashed: bool
) -> None:
    trash = moved_to_trash(place, monkeypatch) if trashed else None
    scene = Scene(place / "here" / "photos", FILES, CHANCES, action, drive, trash)
    scene.start()
    acts = scene.runs()
    assert acts is not None and acts > 20
    whole = tree(scene.folder)
    for last in range(acts):
        scene.start()
        assert scene.runs(last) is None
        scene.check_nothing_lost(settled=False)
        scene.settles()
        scene.check_nothing_lost(settled=True)
        scene.check_together()
        assert scene.resumes() is not None
        with scene.journal() as journal:
            found = next(iter(journal.runs()), None)
        if found is None:  # it died before it began
            assert tree(scene.folder) == scene.files | {
                f"{name}/": b"" for name in ("in", "in/b", "out", "out/john")
            }
            continue
        assert found.state is RunState.FINISHED
        assert tree(scene.folder) == whole
        assert scene.undoes() is not None
        scene.check_nothing_lost(settled=True)
        assert {
            name: content for name, content in tree(scene.folder).items() if name[-1] != "/"
        } == scene.files


@pytest.mark.parametrize(("action", "drive", "trashed"), [*((*way, False) for way in WAYS), *TRASHED])
def test_dying_before_any_act_of_an_undo_loses_nothing(
    place: Path, monkeypatch: pytest.MonkeyPatch, action: Action, drive: type[Fragile], trashed: bool
) -> None:
    trash = moved_to_trash(place, monkeypatch) if trashed else None
    scene = Scene(place / "here" / "photos", FILES, CHANCES, action, drive, trash)
    scene.start()
    before = tree(scene.folder)
    scene.runs()
    acts = scene.undoes()
    assert acts is not None and acts > 10
    assert tree(scene.folder) == before
    for last in range(acts):
        scene.start()
        scene.runs()
        assert scene.undoes(last) is None
        scene.check_nothing_lost(settled=False)
        scene.settles()
        scene.check_nothing_lost(settled=True)
        scene.check_together()
        assert scene.undoes() is not None
        assert tree(scene.folder) == before


names = st.sampled_from(["IMG_1", "img_1", "IMG_1 (2)", "caf\u00e9", "cafe\u0301", "a. ", "con"])
suffixes = st.sampled_from([".jpg", ".JPG", ".cr2", ".xmp", ".jpg.xmp", ".aae", ".mov", ".heic", ".png"])
places = st.sampled_from(["in/", "in/b/", "in/b/c/", "out/john/", "out/not/not_john/"])
content = st.sampled_from([b"one", b"two", b"three", b"a longer four", b"5" * 3000])
trees = st.dictionaries(
    st.builds(lambda *parts: "".join(parts), places, names, suffixes), content, max_size=14
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    files=trees,
    chance=st.randoms(use_true_random=False),
    way=st.sampled_from([*((*way, False) for way in WAYS), *TRASHED]),
    deaths=st.lists(st.tuples(st.sampled_from(["run", "resume", "undo"]), st.integers(0, 120)), max_size=4),
)
def test_whatever_the_tree_nothing_is_lost_or_overwritten(
    files: Tree,
    chance: random.Random,
    way: tuple[Action, type[Fragile], bool],
    deaths: list[tuple[str, int]],
) -> None:
    with tempfile.TemporaryDirectory(dir=MEMORY) as name, pytest.MonkeyPatch.context() as monkeypatch:
        chances = {name: chance.choice([0.02, 0.5, 0.98]) for name in sorted(files)}
        action, drive, trashed = way
        trash = moved_to_trash(Path(name), monkeypatch) if trashed else None
        files = {"in/x.jpg": b"x", **files}
        scene = Scene(Path(name) / "here" / "photos", files, chances, action, drive, trash)
        scene.start()
        before = tree(scene.folder)
        for what, last in deaths:
            {"run": scene.runs, "resume": scene.resumes, "undo": scene.undoes}[what](last)
            scene.check_nothing_lost(settled=False)
            scene.settles()
            scene.check_nothing_lost(settled=True)
        assert scene.undoes() is not None
        assert tree(scene.folder) == before
        assert scene.runs() is not None
        scene.check_nothing_lost(settled=True)
        whole = tree(scene.folder)
        again = scene.plan()
        assert not again.counts[Fate.GOES], [row for row in again.rows if row.fate is Fate.GOES]
        scene.runs()
        assert tree(scene.folder) == whole
        assert scene.undoes() is not None
        assert tree(scene.folder) == before


def test_the_same_plan_once_more_does_nothing(place: Path) -> None:
    for action in (Action.MOVE, Action.COPY, Action.LINK):
        scene = Scene(place / action / "photos", FILES, CHANCES, action, Fragile)
        scene.start()
        made = scene.plan()
        with scene.journal() as journal:
            list(run(made, journal))
            whole = tree(scene.folder)
            events = list(run(made, journal))
            assert not [event for event in events if isinstance(event, Moved | Failed)]
            assert tree(scene.folder) == whole
            assert journal.units(2, State.DONE) == []


@dataclass(frozen=True)
class RenameScene(Scene):
    """A folder whose photos get new names where they lie."""

    def plan(self) -> Plan:
        items = [
            Item(file, photos.digest(file.path), 0.9, taken="2019-07-01")
            for batch in photos.scan(self.folder / "in")
            for file in batch
        ]
        return plan(items, Rules(Action.MOVE, "john", str(self.folder / "in"), "{year}-{stem}", None))


@pytest.mark.parametrize("drive", [Fragile, Old, Poor])
def test_dying_while_photos_get_new_names_where_they_lie_loses_nothing(
    place: Path, drive: type[Fragile]
) -> None:
    files = {name: content for name, content in FILES.items() if name.count("/") == 1}
    scene = RenameScene(place / "here" / "photos", files, {}, Action.MOVE, drive)
    scene.start()
    before = tree(scene.folder)
    acts = scene.runs()
    assert acts is not None
    whole = tree(scene.folder)
    assert set(whole) == {name.replace("IMG", "2019-IMG") for name in before}
    for last in range(acts):
        scene.start()
        assert scene.runs(last) is None
        scene.check_nothing_lost(settled=False)
        scene.settles()
        scene.check_nothing_lost(settled=True)
        assert scene.resumes() is not None
        assert tree(scene.folder) in (before, whole)
        assert not scene.plan().counts[Fate.GOES] or tree(scene.folder) == before
        assert scene.undoes() is not None
        assert tree(scene.folder) == before


# -- tags


def sidecar(words: bytes, tag: bytes = b"") -> bytes:
    """What another program wrote."""
    bag = b"<dc:subject><rdf:Bag><rdf:li>%s</rdf:li></rdf:Bag></dc:subject>" % tag if tag else b""
    return (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        b'<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"><!-- %s -->%s'
        b"</rdf:Description></rdf:RDF></x:xmpmeta>\r\n" % (words, bag)
    )


TAGGED: Tree = {
    "in/IMG_1.jpg": b"one",
    "in/IMG_1.xmp": sidecar(b"of one", b"Paul"),
    "in/IMG_2.jpg": b"two",
    "in/IMG_2.CR2": b"of two",
    "in/IMG_2.CR2.xmp": sidecar(b"of two"),
    "in/b/IMG_2.jpg": b"other two",
    "in/b/IMG_3.jpg": b"three",
    "in/b/IMG_3.jpg.xmp": sidecar(b"of three", b"John"),
    "in/b/IMG_4.jpg": b"four",
    "in/b/IMG_4.xmp": sidecar(b"of four"),
}
LESS = {"in/IMG_1.jpg": 0.1, "in/b/IMG_3.jpg": 0.5}


@dataclass(frozen=True)
class TagScene(Scene):
    """A folder whose photos get tags."""

    naming: Naming = Naming.FULL

    def plan(self) -> Plan:
        items = [
            Item(
                file, photos.digest(file.path), self.chances.get(os.path.relpath(file.path, self.folder), 0.9)
            )
            for batch in photos.scan(self.folder / "in")
            for file in batch
        ]
        rules = Rules(Action.TAG, "john", "", "People/{subject}", "not {subject}", None, naming=self.naming)
        with self.journal() as journal:
            return plan(items, rules, wrote=journal.wrote())

    def check(self, whole: Tree, *, settled: bool) -> None:
        """All but sidecars is as it was, and each sidecar is as it was or as it gets."""
        now = tree(self.folder)
        for name in self.files.keys() | whole.keys() | now.keys():
            if name.endswith(".part") and not settled:
                continue
            if now.get(name) == b"" and self.drive is Poor and not settled:
                continue  # its name is claimed
            either = (
                (self.files.get(name), whole.get(name)) if name.lower().endswith(".xmp") else (whole[name],)
            )
            assert now.get(name) in either, name


TAG_WAYS = [
    (Fragile, Naming.FULL),
    (Fragile, Naming.STEM),
    (Old, Naming.FULL),
    (Poor, Naming.STEM),
]


@pytest.mark.parametrize(("drive", "naming"), TAG_WAYS)
def test_dying_while_tags_are_written_leaves_each_sidecar_old_or_new(
    place: Path, drive: type[Fragile], naming: Naming
) -> None:
    scene = TagScene(place / "here" / "photos", TAGGED, LESS, Action.TAG, drive, naming=naming)
    scene.start()
    before = tree(scene.folder)
    acts = scene.runs()
    assert acts is not None and acts > 20
    whole = tree(scene.folder)
    assert set(whole) - set(before)
    undo_acts = scene.undoes()
    assert undo_acts is not None and undo_acts > 10
    assert tree(scene.folder) == before
    for last in range(acts):
        scene.start()
        assert scene.runs(last) is None
        scene.check(whole, settled=False)
        scene.settles()
        scene.check(whole, settled=True)
        assert scene.resumes() is not None
        with scene.journal() as journal:
            found = next(iter(journal.runs()), None)
        assert tree(scene.folder) == (before if found is None else whole)
        assert scene.undoes() is not None
        assert tree(scene.folder) == before
    for last in range(undo_acts):
        scene.start()
        scene.runs()
        assert scene.undoes(last) is None
        scene.check(whole, settled=False)
        scene.settles()
        scene.check(whole, settled=True)
        assert scene.undoes() is not None
        assert tree(scene.folder) == before


sidecars = st.sampled_from(
    [sidecar(b"a"), sidecar(b"b", b"john"), sidecar(b"c", b"Paul"), b"no sidecar", b""]
)
tagged = st.dictionaries(
    st.builds(lambda *parts: "".join(parts), st.sampled_from(["in/", "in/b/"]), names, st.just(".jpg")),
    content,
    min_size=1,
    max_size=6,
)
beside = st.dictionaries(
    st.builds(
        lambda *parts: "".join(parts),
        st.sampled_from(["in/", "in/b/"]),
        names,
        st.sampled_from([".xmp", ".jpg.xmp", ".XMP"]),
    ),
    sidecars,
    max_size=6,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    files=tagged,
    sides=beside,
    drive=st.sampled_from([Fragile, Old, Poor]),
    naming=st.sampled_from(list(Naming)),
    deaths=st.lists(st.tuples(st.sampled_from(["run", "resume", "undo"]), st.integers(0, 80)), max_size=4),
)
def test_whatever_the_sidecars_each_is_old_or_new(
    files: Tree, sides: Tree, drive: type[Fragile], naming: Naming, deaths: list[tuple[str, int]]
) -> None:
    with tempfile.TemporaryDirectory(dir=MEMORY) as name:
        scene = TagScene(
            Path(name) / "here" / "photos", {**files, **sides}, {}, Action.TAG, drive, naming=naming
        )
        scene.start()
        before = tree(scene.folder)
        scene.runs()
        whole = tree(scene.folder)
        assert not scene.plan().counts[Fate.GOES]
        assert scene.undoes() is not None
        assert tree(scene.folder) == before
        for what, last in deaths:
            {"run": scene.runs, "resume": scene.resumes, "undo": scene.undoes}[what](last)
            scene.check(whole, settled=False)
            scene.settles()
            scene.check(whole, settled=True)
        assert scene.undoes() is not None
        assert tree(scene.folder) == before


class Meddled(Fragile):
    """Another program writes a sidecar just before ours gets its name, once."""

    def exchange(self, one: str, other: str) -> None:
        done = Path(one).parents[2] / "meddled"
        if other.endswith("IMG_1.xmp") and not done.exists():
            done.touch()
            Path(other).write_bytes(sidecar(b"theirs", b"George"))
        super().exchange(one, other)


def test_dying_while_another_program_writes_the_same_sidecar_keeps_what_that_wrote(place: Path) -> None:
    scene = TagScene(place / "here" / "photos", TAGGED, LESS, Action.TAG, Meddled)
    scene.start()
    acts = scene.runs()
    assert acts is not None
    meddled = scene.folder.parent / "meddled"
    assert meddled.exists()
    seen = 0
    for last in range(acts):
        scene.start()
        assert scene.runs(last) is None
        scene.settles()
        content = (scene.folder / "in" / "IMG_1.xmp").read_bytes()
        if meddled.exists():
            seen += 1
            assert content == sidecar(b"theirs", b"George"), last
        else:
            assert content == TAGGED["in/IMG_1.xmp"], last
        assert not list(scene.folder.rglob("*.part"))
        assert scene.resumes() is not None
        assert (b"theirs" if meddled.exists() else b"of one") in (
            scene.folder / "in" / "IMG_1.xmp"
        ).read_bytes()
    assert 3 < seen < acts

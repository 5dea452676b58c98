"""Labels as folders: what is written is what is read again, and no photo is ever moved or written over."""

from __future__ import annotations

import errno
import os
import random
import subprocess
import sys
import threading
from collections.abc import Generator
from pathlib import Path
from typing import TypeVar

import pytest

from training import labelled_folder, photos
from training.labelled_folder import LabelledFolder, LabelledPhoto, NotWritten, Read, Written, find
from training.photos import PhotoFile
from training.subjects import Subjects
from training.teach import BadCollection, Progress, collect
from training.verdicts import Ledger, Said, Verdict

ROOT = Path(__file__).parent.parent
YES, NO = Verdict.SUBJECT, Verdict.NOT_SUBJECT
_Result = TypeVar("_Result")

Facts = tuple[bytes | None, int, int]


def tree(folder: Path) -> dict[str, Facts]:
    """All in a folder: content, time and number of each file, so that nothing can change unnoticed."""
    found: dict[str, Facts] = {}
    for path in folder.rglob("*"):
        facts = path.lstat()
        content = path.read_bytes() if path.is_file() else None
        found[str(path.relative_to(folder))] = content, facts.st_mtime_ns if content else 0, facts.st_ino
    return found


def ended(running: Generator[Progress, None, _Result]) -> _Result:
    """What a generator returns, having yielded sensible progress."""
    last = Progress(0, 0)
    while True:
        try:
            step = next(running)
        except StopIteration as stop:
            assert last.done == last.total
            result: _Result = stop.value
            return result
        assert step.done >= last.done or last.total == 0
        last = step


def photo(path: Path, content: bytes | str = b"") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content or os.fsencode(path.name))
    os.utime(path, ns=(0, 1_600_000_000_000_000_000 + len(path.name)))
    return path


def file_of(path: Path) -> PhotoFile:
    facts = path.stat()
    return PhotoFile(str(path), facts.st_size, facts.st_mtime_ns)


def label(path: Path, verdict: Verdict, group: str = "", *, known: bool = True) -> LabelledPhoto:
    return LabelledPhoto(file_of(path), photos.digest(path) if known else None, verdict, group)


def read(folder: Path, name: str = "") -> Read:
    found = find(folder, name)
    assert found is not None
    return ended(labelled_folder.read(found))


def write(folder: Path, items: list[LabelledPhoto], *, name: str = "john", link: bool = False) -> Written:
    return ended(labelled_folder.write(folder, name, items, link=link))


def labels(found: Read) -> dict[bytes | None, tuple[Verdict, str]]:
    return {item.digest: (item.verdict, item.group) for item in found.items}


@pytest.fixture
def collection(tmp_path: Path) -> Path:
    """Three photos of John, one of nobody, two of George, of which one lies deeper, one of Paul."""
    folder = tmp_path / "collection"
    for name in ("a.jpg", "b.png", "summer/c.jpg"):
        photo(folder / "john" / name)
    for name in ("d.jpg", "george/e.jpg", "george/1965/f.jpg", "Paul/g.heic"):
        photo(folder / "not_john" / name)
    (folder / "not_john" / "notes.txt").write_text("not a photo")
    return folder


@pytest.fixture
def sources(tmp_path: Path) -> list[LabelledPhoto]:
    """Labelled photos that lie here and there, some under the same name."""
    there = tmp_path / "sources"
    return [
        label(photo(there / "one" / "x.jpg", "first"), YES),
        label(photo(there / "two" / "x.jpg", "second"), YES),
        label(photo(there / "two" / "X.JPG", "third"), YES, known=False),
        label(photo(there / "two" / "y.jpg", "fourth"), NO),
        label(photo(there / "two" / "z.jpg", "fifth"), NO, "George"),
        label(photo(there / "x.jpg", "sixth"), NO, "George"),
    ]


# --- finding


def test_a_labelled_folder_is_known_by_its_two_folders(collection: Path) -> None:
    no = collection / "not_john"
    assert find(collection) == LabelledFolder(
        collection, "john", collection / "john", no, (no / "Paul", no / "george"), ()
    )


@pytest.mark.parametrize("names", [[], ["john"], ["not_john"], ["john", "not_mila"], [".john", "not_.john"]])
def test_other_folders_are_none(tmp_path: Path, names: list[str]) -> None:
    for name in names:
        (tmp_path / "x" / name).mkdir(parents=True)
    assert find(tmp_path / "x") is None
    assert find(photo(tmp_path / "photo.jpg")) is None


def test_upper_and_lower_case_are_one(tmp_path: Path) -> None:
    photo(tmp_path / "John" / "a.jpg")
    photo(tmp_path / "NOT_john" / "b.jpg")
    found = find(tmp_path)
    assert found is not None and found.name == "John"
    assert len(read(tmp_path).items) == 2


def test_what_else_lies_there_is_told(collection: Path) -> None:
    photo(collection / "unsorted.jpg")
    photo(collection / "ringo" / "h.jpg")
    found = find(collection)
    assert found is not None
    assert found.passed_over == (collection / "ringo", collection / "unsorted.jpg")
    assert len(ended(labelled_folder.read(found)).items) == 7


def test_of_several_subjects_one_is_named(collection: Path) -> None:
    photo(collection / "mila" / "m.jpg")
    photo(collection / "not_mila" / "n.jpg")
    with pytest.raises(BadCollection, match="“john” and “mila”"):
        find(collection)
    assert {Path(item.file.path).name for item in read(collection, "Mila").items} == {"m.jpg", "n.jpg"}
    assert find(collection, "ringo") is None


# --- reading


def test_photos_have_the_labels_of_their_folders(collection: Path) -> None:
    before = tree(collection)
    found = read(collection)
    assert [
        (Path(item.file.path).relative_to(collection).as_posix(), item.verdict, item.group)
        for item in found.items
    ] == [
        ("john/a.jpg", YES, ""),
        ("john/b.png", YES, ""),
        ("john/summer/c.jpg", YES, ""),
        ("not_john/d.jpg", NO, ""),
        ("not_john/Paul/g.heic", NO, "Paul"),
        ("not_john/george/e.jpg", NO, "george"),
        ("not_john/george/1965/f.jpg", NO, "george"),
    ]
    assert all(item.file == file_of(Path(item.file.path)) for item in found.items)
    assert all(item.digest == photos.digest(item.file.path) for item in found.items)
    assert found.conflicts == () and found.unreadable == ()
    assert tree(collection) == before


def test_the_same_photo_under_two_labels_is_told_and_left_to_the_user(collection: Path) -> None:
    photo(collection / "not_john" / "again.jpg", "a.jpg")
    photo(collection / "not_john" / "Paul" / "e.jpg", "e.jpg")
    photo(collection / "john" / "copy of b.png", "b.png")
    found = read(collection)
    assert [
        [Path(item.file.path).relative_to(collection).as_posix() for item in same] for same in found.conflicts
    ] == [
        ["john/a.jpg", "not_john/again.jpg"],
        ["not_john/Paul/e.jpg", "not_john/george/e.jpg"],
    ]
    digests = {item.digest for item in found.items}
    assert not digests & {item.digest for same in found.conflicts for item in same}
    assert sum(item.digest == photos.digest(collection / "john/b.png") for item in found.items) == 2


def test_what_can_not_be_opened_is_told(collection: Path) -> None:
    (collection / "john" / "empty.jpg").touch()
    (collection / "not_john" / "george" / "lost.jpg").symlink_to(collection / "nowhere.jpg")
    found = read(collection)
    assert dict(found.unreadable) == {
        str(collection / "john" / "empty.jpg"): "is empty",
        str(collection / "not_john" / "george" / "lost.jpg"): "is a link to something that isn't there",
    }
    assert len(found.items) == 7


def test_a_photo_that_vanishes_meanwhile_is_told(collection: Path) -> None:
    found = find(collection)
    assert found is not None
    running = labelled_folder.read(found)
    while next(running) != Progress(0, 7):
        pass
    (collection / "not_john" / "d.jpg").unlink()
    result = ended(running)
    assert [path for path, _ in result.unreadable] == [str(collection / "not_john" / "d.jpg")]
    assert len(result.items) == 6


def test_empty_folders_are_read(tmp_path: Path) -> None:
    (tmp_path / "john").mkdir()
    (tmp_path / "not_john").mkdir()
    assert read(tmp_path) == Read((), (), ())


# --- writing


@pytest.mark.parametrize("link", [False, True])
def test_what_is_written_is_what_is_read(tmp_path: Path, sources: list[LabelledPhoto], link: bool) -> None:
    before = tree(tmp_path / "sources")
    done = write(tmp_path / "new" / "export", sources, link=link)
    assert (done.copied, done.linked) == ((0, 6) if link else (6, 0))
    assert (done.already, done.problems, done.contrary) == (0, (), ())
    assert tree(tmp_path / "sources") == before, "nothing was moved or changed"
    out = tmp_path / "new" / "export"
    assert sorted(name for name, (content, *_) in tree(out).items() if content) == [
        "john/X (3).JPG",
        "john/x (2).jpg",
        "john/x.jpg",
        "not_john/George/x.jpg",
        "not_john/George/z.jpg",
        "not_john/y.jpg",
    ]
    expected = {photos.digest(item.file.path): (item.verdict, item.group) for item in sources}
    assert labels(read(out)) == expected
    assert done.folder == find(out)
    assert len(collect(out, "john")) == 6, "and it can be trained on"
    for item in read(out).items:
        source = next(one for one in sources if photos.digest(one.file.path) == item.digest)
        assert Path(source.file.path).samefile(item.file.path) == link
        assert item.file.mtime_ns == source.file.mtime_ns


def test_from_folder_to_ledger_to_folder_and_back(collection: Path, tmp_path: Path) -> None:
    """The whole way: import, labels in the ledger, export, import into another ledger."""
    library = Subjects()
    john = library.get("john")

    def take(folder: Path, ledger: Ledger) -> None:
        found = read(folder)
        named = {one.name.casefold(): one.id for one in library.get("john").look_alikes}
        for item in found.items:
            group = item.group and (
                named.get(item.group.casefold()) or library.add_look_alike("john", item.group).id
            )
            named[item.group.casefold()] = group
            ledger.label([(item.file, item.digest)], john.id, item.verdict, "import", group)

    with Ledger() as ledger:
        take(collection, ledger)
        first = ledger.said("john")
        kept = ledger.photos("john")
    names = {one.id: one.name for one in library.get("john").look_alikes}
    items = [
        LabelledPhoto(file, digest, said.verdict, names.get(said.group, "")) for file, digest, said in kept
    ]
    before = tree(collection)
    write(tmp_path / "export", items, name=john.name)
    assert tree(collection) == before
    with Ledger(tmp_path / "other.sqlite3") as other:
        take(tmp_path / "export", other)
        assert other.said("john") == first
    assert len(first) == 7 and Said(NO, "george") in first.values() and Said(NO, "paul") in first.values()


def test_a_second_time_only_what_is_new_is_written(tmp_path: Path, sources: list[LabelledPhoto]) -> None:
    write(tmp_path / "out", sources[:4])
    before = tree(tmp_path / "out")
    done = write(tmp_path / "out", sources)
    assert (done.copied, done.already) == (2, 4)
    assert before.items() <= tree(tmp_path / "out").items()
    again = tree(tmp_path / "out")
    done = write(tmp_path / "out", sources, link=True)
    assert (done.copied, done.linked, done.already) == (0, 0, 6)
    assert tree(tmp_path / "out") == again


def test_what_lies_there_is_never_overwritten(tmp_path: Path, sources: list[LabelledPhoto]) -> None:
    out = tmp_path / "out"
    photo(out / "john" / "X.jpg", "somebody's own")
    photo(out / "not_john" / "george" / "z.jpg", "somebody's own, too")
    before = tree(out)
    done = write(out, sources)
    assert done.copied == 6 and before.items() <= tree(out).items()
    assert [path.name for path in (out / "not_john").iterdir() if path.is_dir()] == ["george"]
    assert len(read(out).items) == 8


@pytest.mark.parametrize("links", [True, False])
@pytest.mark.parametrize("link", [True, False])
def test_a_file_that_appears_at_the_last_moment_is_not_overwritten(
    tmp_path: Path, sources: list[LabelledPhoto], link: bool, links: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = tmp_path / "out" / "john" / "x.jpg"
    free = labelled_folder._Shelf.free

    def meet(shelf: labelled_folder._Shelf, file: PhotoFile) -> Generator[Path, None, None]:
        if not taken.exists():
            taken.write_bytes(b"somebody's")
        yield from free(shelf, file)

    monkeypatch.setattr(labelled_folder._Shelf, "free", meet)
    if not links:
        without_links(monkeypatch)
    done = write(tmp_path / "out", sources[:1], link=link)
    assert done.copied + done.linked == 1
    assert taken.read_bytes() == b"somebody's"
    assert (tmp_path / "out" / "john" / "x (2).jpg").read_bytes() == b"first"
    assert len(tree(tmp_path / "out" / "john")) == 2


def without_links(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)


def test_where_the_disk_has_no_links_photos_are_copied(
    tmp_path: Path, sources: list[LabelledPhoto], monkeypatch: pytest.MonkeyPatch
) -> None:
    without_links(monkeypatch)
    done = write(tmp_path / "out", sources, link=True)
    assert (done.copied, done.linked) == (6, 0)
    assert sorted(Path(item.file.path).name for item in read(tmp_path / "out").items) == [
        "X (3).JPG",
        "x (2).jpg",
        "x.jpg",
        "x.jpg",
        "y.jpg",
        "z.jpg",
    ]
    assert not [name for name in tree(tmp_path / "out") if name.endswith(".part")]


def test_a_link_to_a_photo_is_linked_as_the_photo(tmp_path: Path) -> None:
    real = photo(tmp_path / "there" / "a.jpg")
    (tmp_path / "link.jpg").symlink_to(real)
    write(tmp_path / "out", [label(tmp_path / "link.jpg", YES)], link=True)
    made = tmp_path / "out" / "john" / "link.jpg"
    assert not made.is_symlink() and made.samefile(real)


def test_names_differ_by_more_than_upper_and_lower_case(tmp_path: Path) -> None:
    items = [
        label(photo(tmp_path / str(n) / name), YES) for n, name in enumerate(("A.JPG", "a.jpg", "a.Jpg"))
    ]
    write(tmp_path / "out", items)
    assert sorted(os.listdir(tmp_path / "out" / "john")) == ["A.JPG", "a (2).jpg", "a (3).Jpg"]  # noqa: PTH208


def test_copies_are_written_once(tmp_path: Path) -> None:
    items = [
        label(photo(tmp_path / name, "same"), YES, known=known)
        for name, known in (("a.jpg", True), ("b.jpg", False))
    ]
    done = write(tmp_path / "out", items)
    assert (done.copied, done.already) == (1, 1)


@pytest.mark.parametrize("link", [False, True])
def test_a_photo_that_is_there_under_another_label_is_told(
    tmp_path: Path, sources: list[LabelledPhoto], link: bool
) -> None:
    out = tmp_path / "out"
    write(out, sources)
    before = tree(out)
    changed = [
        LabelledPhoto(sources[0].file, sources[0].digest, NO),
        LabelledPhoto(sources[3].file, sources[3].digest, NO, "George"),
        sources[1],
    ]
    done = write(out, changed, link=link)
    assert done.contrary == (
        (changed[0], str(out / "john" / "x.jpg")),
        (changed[1], str(out / "not_john" / "y.jpg")),
    )
    assert (done.already, done.copied, done.linked) == (1, 0, 0)
    assert tree(out) == before and read(out).conflicts == ()


@pytest.mark.parametrize("link", [False, True])
def test_what_is_gone_unreadable_or_changed_is_told(
    tmp_path: Path, sources: list[LabelledPhoto], link: bool
) -> None:
    gone, changed, touched, unknown, emptied, fine = sources
    Path(gone.file.path).unlink()
    photo(Path(changed.file.path), "something else")
    os.utime(touched.file.path, ns=(0, 77))
    touched = LabelledPhoto(touched.file, photos.digest(touched.file.path), YES)
    unknown = LabelledPhoto(unknown.file, None, NO)
    os.utime(unknown.file.path, ns=(0, 77))
    photo(Path(emptied.file.path)).write_bytes(b"")
    done = write(tmp_path / "out", [gone, changed, touched, unknown, emptied, fine], link=link)
    assert [path for path, _ in done.problems] == [
        item.file.path for item in (gone, changed, unknown, emptied)
    ]
    reasons = [reason for _, reason in done.problems]
    assert reasons[0] == photos.GONE
    assert reasons[1] == reasons[2] == "has changed since it was labelled"
    assert reasons[3] == "is empty"
    assert done.copied + done.linked == 2, "what was only touched is what was labelled"
    assert set(labels(read(tmp_path / "out"))) == {touched.digest, fine.digest}


def test_a_photo_that_changes_while_it_is_copied_is_told(
    tmp_path: Path, sources: list[LabelledPhoto], monkeypatch: pytest.MonkeyPatch
) -> None:
    pieces = labelled_folder._pieces
    monkeypatch.setattr(labelled_folder, "_pieces", lambda path: [*pieces(path), b"and more"])
    done = write(tmp_path / "out", sources[:1])
    assert done.problems == ((sources[0].file.path, "has changed since it was labelled"),)
    assert tree(tmp_path / "out" / "john") == {}


def test_a_full_disk_ends_it_and_the_next_run_goes_on(
    tmp_path: Path, sources: list[LabelledPhoto], monkeypatch: pytest.MonkeyPatch
) -> None:
    pieces = labelled_folder._pieces

    def full(path: str) -> Generator[bytes, None, None]:
        yield from pieces(path)
        if path == sources[3].file.path:
            raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(labelled_folder, "_pieces", full)
        with pytest.raises(NotWritten, match=r"the disk is full after 3 of 6 photos; .* goes on from there"):
            write(tmp_path / "out", sources)
    assert len(read(tmp_path / "out").items) == 3
    assert not [name for name in tree(tmp_path / "out") if name.endswith(".part")]
    done = write(tmp_path / "out", sources)
    assert (done.copied, done.already) == (3, 3)


def test_a_place_that_can_not_be_is_told(tmp_path: Path, sources: list[LabelledPhoto]) -> None:
    (tmp_path / "file").write_bytes(b"a file where a folder should be")
    with pytest.raises(NotWritten, match="can’t be written to"):
        write(tmp_path / "file", sources)
    with pytest.raises(NotWritten, match="can’t be written to"):
        write(tmp_path / "file" / "inner", sources)
    assert (tmp_path / "file").read_bytes() == b"a file where a folder should be"


def test_a_folder_with_something_else_in_it_is_left_alone(
    tmp_path: Path, sources: list[LabelledPhoto]
) -> None:
    photo(tmp_path / "out" / "holidays" / "a.jpg")
    before = tree(tmp_path / "out")
    with pytest.raises(BadCollection, match=r"“holidays”.*choose an empty folder"):
        write(tmp_path / "out", sources)
    assert tree(tmp_path / "out") == before


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("John: the 1st?", "John_ the 1st_"),
        ("...", "_"),
        (".hidden", "_hidden"),
        ("Mr. X.", "Mr. X"),
        ("con", "_con"),
        ("猫", "猫"),
        ("\N{GRINNING FACE}" * 60, "\N{GRINNING FACE}" * 60),
    ],
)
def test_every_name_becomes_a_folder_that_is_found_again(
    tmp_path: Path, sources: list[LabelledPhoto], name: str, shown: str
) -> None:
    items = [LabelledPhoto(one.file, one.digest, one.verdict, name if one.group else "") for one in sources]
    for _ in range(2):
        done = write(tmp_path / "out", items, name=name)
        assert done.folder.name == shown and [group.name for group in done.folder.groups] == [shown]
    found = read(tmp_path / "out")
    assert len(found.items) == 6 and {item.group for item in found.items} == {"", shown}
    assert len(collect(tmp_path / "out", shown)) == 6


def test_look_alikes_whose_names_come_out_as_one_stay_two(
    tmp_path: Path, sources: list[LabelledPhoto]
) -> None:
    groups = ["A?", "A:"]
    items = [
        LabelledPhoto(one.file, one.digest, NO, group) for one, group in zip(sources[:2], groups, strict=True)
    ]
    for _ in range(2):
        done = write(tmp_path / "out", items)
        assert {item.group for item in read(tmp_path / "out").items} == {"A_", "A_ (2)"}
    assert done.already == 2


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a:b?.jpg", "a_b_.jpg"),
        ("nul.jpg", "_nul.jpg"),
        ("\udcff.jpg", "_.jpg"),
        ("x" * 250 + ".jpeg", "x" * 235 + ".jpeg"),
        (".jpg.jpg", "_jpg.jpg"),
    ],
)
def test_photos_with_strange_names_are_found_again(tmp_path: Path, name: str, shown: str) -> None:
    try:
        item = label(photo(tmp_path / "there" / name, "content"), YES)
    except OSError:
        pytest.skip("this disk does not take such names")
    write(tmp_path / "out", [item])
    (found,) = read(tmp_path / "out").items
    assert Path(found.file.path).name == shown and found.digest == item.digest


WRITE = """
import sys
from pathlib import Path
from training import labelled_folder, photos
from training.labelled_folder import LabelledPhoto
from training.verdicts import Verdict
items = [
    LabelledPhoto(file, None, Verdict.SUBJECT if number % 2 else Verdict.NOT_SUBJECT)
    for batch in photos.scan(sys.argv[1]) for number, file in enumerate(batch)
]
print("ready", flush=True)
for _ in labelled_folder.write(Path(sys.argv[2]), "john", items, link=False):
    pass
"""


def test_a_process_that_is_killed_leaves_whole_photos_only(tmp_path: Path) -> None:
    chance = random.Random(3)
    there, out = tmp_path / "there", tmp_path / "out"
    contents = {chance.randbytes(200_000) for _ in range(150)}
    for number, content in enumerate(contents):
        photo(there / f"{number}.jpg", content)
    before = tree(there)
    met = 0
    for _ in range(5):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITE, str(there), str(out)], cwd=ROOT, stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        timer = threading.Timer(chance.uniform(0, 0.06), process.kill)
        timer.start()
        process.wait()
        timer.join()
        process.stdout.close()
        if find(out):
            found = read(out)
            assert found.unreadable == () and found.conflicts == ()
            assert {Path(item.file.path).read_bytes() for item in found.items} <= contents
            assert len(found.items) >= met
            met = len(found.items)
    subprocess.run(
        [sys.executable, "-c", WRITE, str(there), str(out)], cwd=ROOT, check=True, capture_output=True
    )
    found = read(out)
    assert {Path(item.file.path).read_bytes() for item in found.items} == contents
    assert len(found.items) == 150 and tree(there) == before


def test_the_collection_goes_round(shared_data: Path, tmp_path: Path) -> None:
    before = {path: path.stat() for path in shared_data.rglob("*")}
    first = read(shared_data / "beatles")
    assert {item.group for item in first.items} == {"", "george", "paul", "ringo"}
    done = write(tmp_path / "out", list(first.items))
    assert done.problems == () and done.contrary == ()
    assert done.copied == len(labels(first)) and done.already == len(first.items) - done.copied
    assert labels(read(tmp_path / "out")) == labels(first)
    after = {path: path.stat() for path in shared_data.rglob("*")}
    assert {
        path: (one.st_ino, one.st_mtime_ns, one.st_size, one.st_nlink) for path, one in before.items()
    } == {path: (one.st_ino, one.st_mtime_ns, one.st_size, one.st_nlink) for path, one in after.items()}

"""Photos that get tags: which sidecar is meant, what a plan says of it, and what another program's change does."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.test_sorting import NO, YES, MadeUp, items
from tests.test_sorting_crashes import sidecar
from tests.test_sorting_run import told, tree
from training import photos
from training.sorting import Action, BadTarget, Fate, Item, Plan, Rules, Wrote, plan
from training.sorting_disk import LINK, Acts, Place
from training.sorting_journal import Journal, State
from training.sorting_run import Failed, Finished, Moved, resume, run, undo
from training.sorting_tagging import why_not_back
from training.verdicts import Said
from training.xmp_tags import Naming, Tags, merge, read
from training.zones import Zone

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the made-up disk has slashes")


def rules(
    to_subject: str | None = "{subject}",
    to_not_subject: str | None = None,
    *,
    naming: Naming = Naming.FULL,
    companions: bool = True,
    only_confirmed: bool = False,
) -> Rules:
    return Rules(
        Action.TAG,
        "john",
        "",
        to_subject,
        to_not_subject,
        naming=naming,
        companions=companions,
        only_confirmed=only_confirmed,
    )


def sidecars(made: Plan) -> dict[str, tuple[str, bool]]:
    """Each photo's sidecar, and whether it is a new one."""
    return {
        os.path.basename(one.photo.path): (os.path.basename(one.path), one.new)  # noqa: PTH119
        for row in made.rows
        for one in row.sidecars
    }


# -- which sidecar


@pytest.mark.parametrize(
    ("naming", "there", "meant"),
    [
        (Naming.FULL, [], ("IMG.jpg.xmp", True)),
        (Naming.STEM, [], ("IMG.xmp", True)),
        (Naming.FULL, ["IMG.xmp"], ("IMG.xmp", False)),
        (Naming.STEM, ["IMG.jpg.xmp"], ("IMG.jpg.xmp", False)),
        (Naming.FULL, ["IMG.xmp", "IMG.jpg.xmp"], ("IMG.jpg.xmp", False)),
        (Naming.STEM, ["IMG.xmp", "IMG.jpg.xmp"], ("IMG.xmp", False)),
        (Naming.STEM, ["IMG.XMP"], ("IMG.XMP", False)),
        (Naming.FULL, ["IMG_01.jpg.xmp"], ("IMG.jpg.xmp", True)),  # of another version of it
    ],
)
def test_the_sidecar_that_is_there_is_meant_and_else_one_as_it_is_to_be_called(
    naming: Naming, there: list[str], meant: tuple[str, bool]
) -> None:
    disk = MadeUp({"/in/IMG.jpg": b"1", **{f"/in/{name}": sidecar(b"x") for name in there}})
    made = plan(items(disk), rules(naming=naming), disk)
    assert sidecars(made) == {"IMG.jpg": meant}
    (row,) = made.rows
    assert (row.fate, row.add, row.companions) == (Fate.GOES, ("john",), ())
    assert row.target == f"/in/{meant[0]}"


def test_each_file_of_a_pair_has_a_sidecar_unless_they_share_one() -> None:
    files = {"/in/a.JPG": b"1", "/in/a.CR2": b"2"}
    disk = MadeUp(files)
    made = plan(items(disk), rules(), disk)
    assert sidecars(made) == {"a.JPG": ("a.JPG.xmp", True), "a.CR2": ("a.CR2.xmp", True)}
    assert made.rows[0].note == "each of its files has a sidecar"
    assert made.summary[0] == "1 gets the tag “john”: 2 new sidecars."
    made = plan(items(disk), rules(naming=Naming.STEM), disk)
    assert sidecars(made) == {"a.JPG": ("a.xmp", True)}
    assert made.rows[0].note == "all of its files share one sidecar"
    # Adobe's programs mean the camera file.
    disk = MadeUp({**files, "/in/a.xmp": sidecar(b"x")})
    assert sidecars(plan(items(disk), rules(), disk)) == {
        "a.JPG": ("a.JPG.xmp", True),
        "a.CR2": ("a.xmp", False),
    }
    alone = plan(items(disk), rules(naming=Naming.STEM, companions=False), disk)
    assert sidecars(alone) == {"a.JPG": ("a.JPG.xmp", True), "a.CR2": ("a.xmp", False)}


def test_photos_that_only_share_a_stem_share_no_sidecar() -> None:
    disk = MadeUp({"/in/a.jpg": b"1", "/in/a.png": b"2"})
    made = plan(items(disk), rules(naming=Naming.STEM), disk)
    assert sidecars(made) == {"a.jpg": ("a.jpg.xmp", True), "a.png": ("a.png.xmp", True)}
    assert made.rows[0].note == "its sidecar is “a.jpg.xmp”, because other photos are called a too"


# -- which tag


@pytest.mark.parametrize(
    ("pattern", "tag"),
    [
        ("{subject}", "john"),
        ("People/{subject}", "People/john"),
        ("People|{subject}", "People/john"),
        (" a / {year} //{month}", "a/2019/07"),
        ("{zone}", "john"),
        ("of {name}", "of IMG.jpg"),
    ],
)
def test_tags(pattern: str, tag: str) -> None:
    disk = MadeUp({"/in/IMG.jpg": b"1"})
    assert plan(items(disk), rules(pattern), disk).rows[0].add == (tag,)


def test_a_name_is_one_step_of_a_tag() -> None:
    disk = MadeUp({"/in/a.jpg": b"1"})
    made = plan(items(disk), Rules(Action.TAG, "AC/DC|\n", "", "Bands/{subject}", None), disk)
    assert made.rows[0].add == ("Bands/AC\\/DC__",)
    assert "the tag “Bands/AC/DC__”" in made.summary[0]


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ("", "A tag needs a name"),
        (" / ", "A tag needs a name"),
        ("{who}", "means nothing"),
        ("a\tb", "a character in it that is no text"),
        ("trash:", "Photos can be moved to the trash"),
    ],
)
def test_what_is_no_tag_is_refused(bad: str, words: str) -> None:
    with pytest.raises(BadTarget, match=words):
        plan([], rules(bad), MadeUp())
    with pytest.raises(BadTarget, match="No photo would get a tag"):
        plan([], rules(None), MadeUp())


def test_what_has_the_tag_and_what_stays() -> None:
    has = merge(None, Tags(("john",)))
    disk = MadeUp(
        {
            "/in/a.jpg": b"1",
            "/in/a.jpg.xmp": has,
            "/in/b.jpg": b"2",
            "/in/c.jpg": b"3",
            "/in/c.jpg.xmp": sidecar(b"c"),
            "/in/d.jpg": b"4",
        }
    )
    made = plan(items(disk, d=0.1), rules(), disk)
    assert [row.fate.value for row in made.rows] == ["there", "goes", "goes", "stays"]
    assert made.summary[0] == "2 get the tag “john”: 1 new sidecar, 1 merged; 1 stays as it is."
    assert "1 has the tag already." in made.summary
    assert not any("in all" in words for words in made.summary)
    assert disk.looked_into == ["/in/a.jpg.xmp", "/in/c.jpg.xmp"]  # and no other is read
    assert Plan.from_json(made.to_json()) == made
    less = made.without(["/in/b.jpg"])
    assert less.rows[1].sidecars == () and less.rows[1].add == ()


def test_only_what_a_person_said_gets_a_tag_if_so_wished() -> None:
    disk = MadeUp({"/in/a.jpg": b"1", "/in/b.jpg": b"2"})
    a, b = items(disk)
    made = plan([Item(a.file, a.digest, 0.1, YES), b], rules(only_confirmed=True), disk)
    assert [row.fate for row in made.rows] == [Fate.GOES, Fate.STAYS]


def test_tags_of_an_earlier_time_go_if_we_wrote_them() -> None:
    ours = merge(None, Tags(("People/john",)))
    theirs = sidecar(b"b", b"john")
    disk = MadeUp({"/in/a.jpg": b"1", "/in/a.jpg.xmp": ours, "/in/b.jpg": b"2", "/in/b.jpg.xmp": theirs})
    a, b = items(disk)
    denied = [Item(one.file, one.digest, 0.9, NO) for one in (a, b)]
    wrote = {"/in/a.jpg.xmp": {Wrote("People/john", "john", Zone.SUBJECT)}}
    made = plan(denied, rules("People/{subject}"), disk, wrote=wrote)
    assert [row.fate for row in made.rows] == [Fate.GOES, Fate.STAYS]
    assert (made.rows[0].add, made.rows[0].remove) == ((), ("People/john",))
    assert made.summary[0] == "1 loses the tag “People/john” of an earlier time; 1 stays as it is."
    # What is not clear now, keeps it; so does what another subject's sorting wrote.
    unsure = [Item(a.file, a.digest, 0.5)]
    assert plan(unsure, rules(), disk, wrote=wrote).rows[0].fate is Fate.STAYS
    other = {"/in/a.jpg.xmp": {Wrote("People/john", "paul", Zone.SUBJECT)}}
    assert plan(denied, rules(), disk, wrote=other).rows[0].fate is Fate.STAYS


def test_what_can_not_be_tagged_is_told() -> None:
    disk = MadeUp(
        {
            "/in/a.jpg": b"1",
            "/in/a.jpg.xmp": b"no sidecar",
            "/in/b.jpg": b"2",
            "/in/b.jpg.xmp": sidecar(b"b"),
            f"/in/{'n' * 248}.jpg": b"3",
        }
    )
    disk.kinds["/in/b.jpg.xmp"] = LINK
    made = plan(items(disk), rules(), disk)
    problems = [row.problem for row in made.rows]
    assert problems[0].startswith("can’t be tagged: its sidecar “a.jpg.xmp” ")
    assert problems[1] == "can’t be tagged: “b.jpg.xmp” is a link or a folder, and is left as it is"
    assert problems[2] == "has a name that is too long for a sidecar"
    assert any(words.startswith("1 can’t be tagged: it ") for words in made.summary)
    disk = MadeUp({"/in/a.jpg": b"1"})
    disk.places["/in"] = Place((1, 2), 1, trouble="is read-only")
    assert plan(items(disk), rules(), disk).rows[0].problem == "can’t be tagged: its folder is read-only"


# -- for real


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal(tmp_path / "journal.sqlite3") as made:
        yield made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "in"
    made.mkdir()
    for number in range(4):
        (made / f"{number}.jpg").write_bytes(b"photo %d" % number)
    (made / "1.xmp").write_bytes(sidecar(b"one", b"Paul"))
    (made / "2.jpg.xmp").write_bytes(sidecar(b"two"))
    return made


def planned(folder: Path, journal: Journal, verdict: Said | None = None) -> Plan:
    some = [
        Item(file, photos.digest(file.path), 0.9, verdict) for batch in photos.scan(folder) for file in batch
    ]
    return plan(some, rules("People/{subject}"), wrote=journal.wrote())


def tags(folder: Path) -> dict[str, set[str]]:
    return {path.name: read(path.read_bytes()) for path in folder.glob("*.xmp")}


def test_there_and_back(folder: Path, journal: Journal) -> None:
    before = tree(folder)
    (folder / "2.jpg.xmp").chmod(0o640)
    events = list(run(planned(folder, journal), journal))
    last = events[-1]
    assert isinstance(last, Finished) and last.words == "4 photos tagged."
    assert last.counts.bytes == 0
    assert len([event for event in events if isinstance(event, Moved)]) == 4
    assert tags(folder) == {
        "0.jpg.xmp": {"People/john"},
        "1.xmp": {"People/john", "Paul"},
        "2.jpg.xmp": {"People/john"},
        "3.jpg.xmp": {"People/john"},
    }
    assert stat.S_IMODE((folder / "2.jpg.xmp").stat().st_mode) == 0o640
    assert {name: content for name, content in tree(folder).items() if name.endswith(".jpg")} == {
        name: content for name, content in before.items() if name.endswith(".jpg")
    }
    (found,) = journal.runs()
    assert (found.done, found.bytes, found.action) == (4, 0, Action.TAG)
    assert journal.old(1, journal.units(1)[1].photo) == before["1.xmp"]
    assert found.words == "4 get the tag “People/john”: 2 new sidecars, 2 merged."
    assert [row for row, _, _ in journal.rows(1)][1].add == ("People/john",)
    assert planned(folder, journal).counts == {Fate.THERE: 4}
    assert journal.wrote()[str(folder / "1.xmp")] == {Wrote("People/john", "john", Zone.SUBJECT, ("Paul",))}

    wrong, end = told(undo(1, journal))
    assert not wrong and isinstance(end, Finished) and end.words == "4 photos have their old tags again."
    assert tree(folder) == before
    assert journal.wrote() == {}
    assert all(journal.old(1, unit.photo) is None for unit in journal.units(1))  # they are there again


def test_what_we_wrote_goes_when_the_photo_is_something_else_by_now(folder: Path, journal: Journal) -> None:
    list(run(planned(folder, journal), journal))
    denied = planned(folder, journal, NO)
    assert denied.counts == {Fate.GOES: 4}
    list(run(denied, journal))
    assert tags(folder) == {"0.jpg.xmp": set(), "1.xmp": {"Paul"}, "2.jpg.xmp": set(), "3.jpg.xmp": set()}
    assert planned(folder, journal, NO).counts == {Fate.STAYS: 4}
    told(undo(2, journal))
    assert all("People/john" in some for some in tags(folder).values())
    told(undo(1, journal))
    assert set(tags(folder)) == {"1.xmp", "2.jpg.xmp"}


def test_what_changed_since_is_named_and_left_alone(folder: Path, journal: Journal) -> None:
    list(run(planned(folder, journal), journal))
    edited = merge((folder / "0.jpg.xmp").read_bytes(), Tags(("more",)))
    (folder / "0.jpg.xmp").write_bytes(edited)
    (folder / "1.xmp").unlink()
    parts = {unit.photo.source: unit.photo for unit in journal.units(1)}
    assert why_not_back(parts[str(folder / "0.jpg")]).endswith("“0.jpg.xmp” has changed since")
    assert why_not_back(parts[str(folder / "3.jpg")]) == ""
    wrong, end = told(undo(1, journal))
    assert wrong == {
        "0.jpg": "stays as it is: its sidecar “0.jpg.xmp” has changed since",
        "1.jpg": "stays as it is: its sidecar “1.xmp” isn’t there any more",
    }
    assert isinstance(end, Finished) and end.words == "2 photos have their old tags again, 2 left alone."
    assert (folder / "0.jpg.xmp").read_bytes() == edited
    assert (folder / "2.jpg.xmp").read_bytes() == sidecar(b"two")
    assert not (folder / "3.jpg.xmp").exists()


def test_what_changed_since_the_plan(folder: Path, journal: Journal) -> None:
    made = planned(folder, journal)
    (folder / "0.jpg").write_bytes(b"another")
    (folder / "1.xmp").write_bytes(sidecar(b"edited"))
    (folder / "2.jpg.xmp").write_bytes(b"broken")
    (folder / "3.jpg").unlink()
    wrong, _ = told(run(made, journal))
    assert wrong["0.jpg"] == "has changed since the plan was made"
    assert wrong["2.jpg"].startswith("can’t be tagged: its sidecar “2.jpg.xmp” ")
    assert wrong["3.jpg"] == "isn’t there any more"
    assert set(wrong) == {"0.jpg", "2.jpg", "3.jpg"}
    assert (folder / "1.xmp").read_bytes() == merge(sidecar(b"edited"), Tags(("People/john",)))


class Meanwhile(Acts):
    """Another program writes a sidecar just before ours gets its name."""

    def __init__(self, path: Path, content: bytes, *, exchanges: bool = True) -> None:
        self.path, self.content, self.exchanges = path, content, exchanges

    def rename(self, source: str, target: str) -> None:
        self.meddle(target)
        super().rename(source, target)

    def replace(self, source: str, target: str) -> None:
        if source == str(self.path):
            self.meddle(source)
        super().replace(source, target)

    def exchange(self, one: str, other: str) -> None:
        self.meddle(other)
        if not self.exchanges:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        super().exchange(one, other)

    def meddle(self, path: str) -> None:
        if path == str(self.path) and self.content:
            self.path.write_bytes(self.content)
            self.content = b""


@pytest.mark.parametrize(
    ("name", "exchanges"), [("0.jpg.xmp", True), ("1.xmp", True), ("1.xmp", False), ("2.jpg.xmp", True)]
)
def test_what_another_program_writes_at_the_same_moment_is_kept(
    folder: Path, journal: Journal, name: str, exchanges: bool
) -> None:
    theirs = sidecar(b"theirs")
    acts = Meanwhile(folder / name, theirs, exchanges=exchanges)
    wrong, _ = told(run(planned(folder, journal), journal, acts=acts))
    photo = f"{name[0]}.jpg"
    assert list(wrong) == [photo] and "was changed by another program at the same time" in wrong[photo]
    assert (folder / name).read_bytes() == theirs
    assert not list(folder.glob(".*"))


@pytest.mark.parametrize("name", ["0.jpg.xmp", "1.xmp"])
def test_what_another_program_writes_while_tags_are_taken_away_is_kept(
    folder: Path, journal: Journal, name: str
) -> None:
    list(run(planned(folder, journal), journal))
    theirs = sidecar(b"theirs")
    wrong, _ = told(undo(1, journal, acts=Meanwhile(folder / name, theirs)))
    assert list(wrong) == [f"{name[0]}.jpg"]
    assert (folder / name).read_bytes() == theirs
    assert not list(folder.glob(".*"))


class Twice(Acts):
    """Another program writes a sidecar just before it is taken away, and once more after that."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def replace(self, source: str, target: str) -> None:
        if source == str(self.path):
            self.path.write_bytes(sidecar(b"first"))
        super().replace(source, target)
        if source == str(self.path):
            self.path.write_bytes(sidecar(b"second"))


def test_nothing_that_another_program_wrote_is_taken_for_ours(folder: Path, journal: Journal) -> None:
    list(run(planned(folder, journal), journal))
    wrong, _ = told(undo(1, journal, acts=Twice(folder / "0.jpg.xmp")))
    assert list(wrong) == ["0.jpg"]
    left = [path.read_bytes() for path in folder.iterdir()]
    assert sidecar(b"first") in left and sidecar(b"second") in left


def test_what_lies_under_our_name_and_is_not_ours_stays(folder: Path, journal: Journal) -> None:
    list(run(planned(folder, journal), journal))
    theirs = folder / f".lennonnet-{journal.runs()[0].token}-0-0.part"
    theirs.write_bytes(b"not ours")
    wrong, _ = told(undo(1, journal))
    assert list(wrong) == ["0.jpg"] and theirs.read_bytes() == b"not ours"


class Stuck(Acts):
    """One sidecar can't be written."""

    def __init__(self, part: str, act: str) -> None:
        self.part, self.act = part, act

    def fail(self, act: str, path: str) -> None:
        if act == self.act and self.part in path:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def create(self, path: str) -> int:
        self.fail("create", path)
        return super().create(path)

    def rename(self, source: str, target: str) -> None:
        self.fail("rename", target)
        super().rename(source, target)


def test_a_pair_is_tagged_as_a_whole_or_not_at_all(folder: Path, journal: Journal) -> None:
    (folder / "1.cr2").write_bytes(b"camera file of 1")
    before = tree(folder)
    for act, part in (("create", "-1.part"), ("rename", "1.jpg.xmp")):
        wrong, _ = told(run(planned(folder, journal), journal, acts=Stuck(part, act)))
        assert wrong == {"1.jpg": "can’t be tagged: the disk is full"}
        assert (folder / "1.xmp").read_bytes() == before["1.xmp"]
        assert not (folder / "1.jpg.xmp").exists() and not list(folder.glob(".*"))
        told(undo(journal.runs()[0].id, journal))
        assert tree(folder) == before


def test_stopping_and_going_on(folder: Path, journal: Journal) -> None:
    asked = 0

    def control() -> str:
        nonlocal asked
        asked += 1
        return "stop" if asked > 2 else "go"

    list(run(planned(folder, journal), journal, control))  # type: ignore[arg-type]
    assert not list(folder.glob(".*"))
    (found,) = journal.runs()
    assert 0 < found.planned < 4 and found.can_resume
    assert not [event for event in resume(journal) if isinstance(event, Failed)]
    assert journal.runs()[0].done == 4
    assert [state for _, state, _ in journal.rows(1)] == [State.DONE] * 4
    assert all("People/john" in some for some in tags(folder).values())


def test_a_sidecar_that_went_between_stopping_and_going_on(folder: Path, journal: Journal) -> None:
    asked = 0

    def control() -> str:
        nonlocal asked
        asked += 1
        return "stop" if asked > 2 else "go"

    list(run(planned(folder, journal), journal, control))  # type: ignore[arg-type]
    (folder / "2.jpg.xmp").unlink()
    before = set(tree(folder)) - {"0.jpg.xmp"}
    assert not [event for event in resume(journal) if isinstance(event, Failed)]
    assert (folder / "2.jpg.xmp").exists()
    wrong, _ = told(undo(1, journal))
    assert wrong == {} and set(tree(folder)) == before


def test_many_at_once(tmp_path: Path, journal: Journal) -> None:
    made = tmp_path / "many"
    made.mkdir()
    for number in range(600):
        (made / f"{number}.jpg").write_bytes(b"%d" % number)
    told(run(planned(made, journal), journal))
    assert len(tags(made)) == 600
    told(undo(1, journal))
    assert not tags(made)

"""The plan of a sorting: what goes where, under which name, and what to expect of it; nothing is touched."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training import photos
from training.evaluate import Figures, measure
from training.photos import PhotoFile
from training.sorting import Action, BadTarget, Fate, Item, Plan, Rules, plan, planning, size_words
from training.sorting_disk import FILE, FOLDER, LINK, OTHER, Place, RealDisk
from training.verdicts import Said, Verdict
from training.zones import Zone, Zones

pytestmark = pytest.mark.skipif(os.sep != "/", reason="the made-up disk has slashes")

YES, NO = Said(Verdict.SUBJECT), Said(Verdict.NOT_SUBJECT)


class MadeUp:
    """A disk of the mind: files by path, with what they hold."""

    def __init__(self, files: Mapping[str, bytes] | None = None, **place: Any) -> None:
        self.files = dict(files or {})
        self.kinds: dict[str, str] = {}
        self.places: dict[str, Place] = {}
        self.usual = replace(Place(None, 1, free=10**12), **place)
        self.looked_into: list[str] = []

    def listing(self, folder: str) -> dict[str, str] | None:
        found: dict[str, str] = {}
        for path in self.files:
            above = posixpath.join(folder, "")
            if path.startswith(above):
                name, _, rest = path[len(above) :].partition("/")
                found[name] = FOLDER if rest else self.kinds.get(path, FILE)
        return found or None

    def file(self, path: str) -> PhotoFile | None:
        return PhotoFile(path, len(self.files[path]), 7) if path in self.files else None

    def digest(self, file: PhotoFile) -> bytes | None:
        self.looked_into.append(file.path)
        return self.files[file.path].ljust(16, b".")[:16]

    def read(self, path: str) -> bytes:
        self.looked_into.append(path)
        return self.files[path]

    def place(self, folder: str) -> Place:
        if folder in self.places:
            return self.places[folder]
        if self.listing(folder) is None:
            return self.usual
        return replace(self.usual, identity=(1, hash(folder)))


def items(disk: MadeUp, *, hashed: bool = True, **probabilities: float) -> list[Item]:
    """The photos on a disk under /in; all are the subject but those that are named by stem."""
    found = []
    for path, content in disk.files.items():
        stem, suffix = posixpath.splitext(posixpath.basename(path))
        if path.startswith("/in/") and suffix.lower() in photos.SUFFIXES:
            file = disk.file(path)
            assert file is not None
            digest = content.ljust(16, b".")[:16] if hashed else None
            found.append(Item(file, digest, probabilities.get(stem, 0.9), taken="2019-07-01T12:00:00"))
    return found


def rules(action: Action = Action.MOVE, **more: Any) -> Rules:
    return Rules(action, "john", "/out", **more)


def targets(made: Plan) -> dict[str, str]:
    """Where files go, companions too."""
    found = {row.file.path: row.target for row in made.rows if row.target is not None}
    return found | {one.file.path: one.target for row in made.rows for one in row.companions}


def fates(made: Plan) -> dict[str, str]:
    return {row.file.path: row.fate.value for row in made.rows}


def test_photos_go_by_zone_and_those_in_between_stay() -> None:
    disk = MadeUp({"/in/a.jpg": b"a", "/in/b.jpg": b"b", "/in/c.jpg": b"c"})
    made = plan(items(disk, b=0.5, c=0.1), rules(), disk)
    assert targets(made) == {"/in/a.jpg": "/out/john/a.jpg", "/in/c.jpg": "/out/not_john/c.jpg"}
    assert fates(made)["/in/b.jpg"] == "stays"
    assert [row.why for row in made.rows] == ["90 % John", "50 % John", "10 % John"]
    assert made.summary[0] == "1 to “john/”, 1 to “not_john/”, 1 stays."


def test_what_a_person_said_beats_the_score_and_can_be_all_that_counts() -> None:
    disk = MadeUp({"/in/a.jpg": b"a", "/in/b.jpg": b"b", "/in/c.jpg": b"c"})
    a, b, c = items(disk, a=0.1, b=0.9)
    some = [replace(a, verdict=YES), replace(b, verdict=NO), c]
    made = plan(some, rules(only_confirmed=True), disk)
    assert targets(made) == {"/in/a.jpg": "/out/john/a.jpg", "/in/b.jpg": "/out/not_john/b.jpg"}
    assert [(row.by_human, row.why) for row in made.rows] == [
        (True, "you said John"),
        (True, "you said not John"),
        (False, "90 % John, and you did not confirm it"),
    ]


def test_what_was_not_scored_stays() -> None:
    disk = MadeUp({"/in/a.jpg": b"a"})
    (row,) = plan([Item(PhotoFile("/in/a.jpg", 1, 7))], rules(), disk).rows
    assert (row.fate, row.why, row.zone) == (Fate.STAYS, "was not scored", None)
    (row,) = plan([Item(PhotoFile("/in/a.jpg", 1, 7), probability=float("nan"))], rules(), disk).rows
    assert row.fate is Fate.STAYS


@pytest.mark.parametrize(
    ("pattern", "target"),
    [
        ("", "/out/IMG.JPG"),
        ("best", "/out/best/IMG.JPG"),
        ("{subject}/{year}/{month}", "/out/john/2019/07/IMG.JPG"),
        ("{subject}/{year}/{name}", "/out/john/2019/IMG.JPG"),
        ("{year}-{stem}{suffix}", "/out/2019-IMG.JPG"),
        ("{zone}/{stem}-x", "/out/john/IMG-x.JPG"),
        ("{stem}/{name}", "/out/IMG/IMG.JPG"),
        ("/elsewhere/{year}", "/elsewhere/2019/IMG.JPG"),
        ("a//b/", "/out/a/b/IMG.JPG"),
        ("con/ x. ", "/out/_con/x/IMG.JPG"),
    ],
)
def test_patterns(pattern: str, target: str) -> None:
    disk = MadeUp({"/in/IMG.JPG": b"a"})
    assert targets(plan(items(disk), rules(to_subject=pattern), disk)) == {"/in/IMG.JPG": target}


def test_a_date_that_is_not_known_has_a_folder_of_its_own() -> None:
    disk = MadeUp({"/in/a.jpg": b"a"})
    (item,) = items(disk)
    made = plan([replace(item, taken="")], rules(to_subject="{year}/{month}"), disk)
    assert targets(made) == {"/in/a.jpg": "/out/undated/undated/a.jpg"}


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ("{who}", "“{who}” in “{who}” means nothing"),
        ("{year", "a brace is left over"),
        ("../up", "can’t hold “.” or “..”"),
        ("a\0b", "zero byte"),
    ],
)
def test_patterns_that_mean_nothing_are_refused(bad: str, words: str) -> None:
    with pytest.raises(BadTarget) as error:
        plan([], rules(to_unsure=bad), MadeUp())
    assert words in str(error.value)
    with pytest.raises(BadTarget):
        plan([], replace(rules(), root=""), MadeUp())
    with pytest.raises(BadTarget):
        plan([], rules(to_subject=None, to_not_subject=None), MadeUp())


def test_no_name_leads_out_of_the_target() -> None:
    disk = MadeUp({"/in/ ...jpg": b"a"})
    ((_, target),) = targets(plan(items(disk), rules(to_subject="{stem}/x{suffix}"), disk)).items()
    assert target == "/out/_/x.jpg"


# -- names that collide


def test_names_that_collide_get_a_number_and_the_same_photo_is_skipped() -> None:
    disk = MadeUp(
        {
            "/in/a/IMG_4.jpg": b"one",
            "/in/b/IMG_4.jpg": b"two",
            "/in/c/IMG_4.jpg": b"one",
            "/in/d/IMG_4.jpg": b"two",
            "/out/john/IMG_4.jpg": b"old",
            "/out/john/IMG_4 (2).jpg": b"two",
        }
    )
    made = plan(items(disk), rules(), disk)
    assert targets(made) == {"/in/a/IMG_4.jpg": "/out/john/IMG_4 (3).jpg"}
    assert [(row.fate.value, row.note) for row in made.rows] == [
        ("goes", "becomes “IMG_4 (3).jpg”"),
        ("same", "/out/john/IMG_4 (2).jpg"),
        ("same", "/out/john/IMG_4 (3).jpg"),
        ("same", "/out/john/IMG_4 (2).jpg"),
    ]
    assert (
        "4 names collide (3 are the same photo and will be skipped, 1 becomes “IMG_4 (3).jpg”)."
        in made.summary
    )


def test_only_photos_of_the_same_size_are_read() -> None:
    disk = MadeUp(
        {"/in/a.jpg": b"one", "/in/b.jpg": b"four", "/out/john/a.jpg": b"o", "/out/john/b.jpg": b"FOUR"}
    )
    plan(items(disk), rules(), disk)
    assert disk.looked_into == ["/out/john/b.jpg"]
    disk.looked_into.clear()
    plan(items(disk, hashed=False), rules(), disk)
    assert disk.looked_into == ["/in/b.jpg", "/out/john/b.jpg"]


def test_names_that_differ_in_case_or_composition_are_never_put_beside_each_other() -> None:
    disk = MadeUp(
        {
            "/in/a/IMG.jpg": b"1",
            "/in/b/img.JPG": b"2",
            "/in/a/caf\u00e9.jpg": b"3",
            "/in/b/cafe\u0301.jpg": b"4",
            "/in/a/stra\u00dfe.jpg": b"5",
            "/out/john/STRASSE.jpg": b"6",
        }
    )
    found = sorted(targets(plan(items(disk), rules(), disk)).values())
    assert found == sorted(
        [
            "/out/john/IMG.jpg",
            "/out/john/img (2).JPG",
            "/out/john/caf\u00e9.jpg",
            "/out/john/cafe\u0301 (2).jpg",
            "/out/john/stra\u00dfe (2).jpg",
        ]
    )


def test_a_folder_and_a_photo_of_one_name_do_not_collide() -> None:
    disk = MadeUp({"/in/a.jpg": b"1", "/in/b.jpg": b"2", "/out/john/b.jpg/x": b"3"})
    made = plan(items(disk), rules(), disk)
    assert targets(made) == {"/in/a.jpg": "/out/john/a.jpg", "/in/b.jpg": "/out/john/b (2).jpg"}
    # One photo's folder has the name of the other photo.
    disk = MadeUp({"/in/a.jpg": b"1", "/in/b.jpg": b"2"})
    made = plan(items(disk, b=0.1), rules(to_subject="", to_not_subject="a.jpg"), disk)
    assert made.rows[1].problem == "can’t go to “/out/a.jpg”, because another photo will have that name"


def test_five_thousand_photos_of_one_name_take_no_time() -> None:
    disk = MadeUp({f"/in/{i}/IMG.jpg": b"%d" % i for i in range(5000)})
    listings = {folder: {"IMG.jpg": FILE} for folder in (f"/in/{i}" for i in range(5000))}
    listings["/"] = {"in": FOLDER}
    disk.listing = listings.get  # type: ignore[method-assign, assignment]
    made = plan(items(disk), rules(), disk)
    assert made.rows[-1].target == "/out/john/IMG (5000).jpg"


# -- what goes along


def test_companions_go_along_under_their_photos_new_name() -> None:
    disk = MadeUp(
        {
            "/in/a.JPG": b"1",
            "/in/a.CR2": b"22",
            "/in/a.xmp": b"333",
            "/in/a.CR2.xmp": b"4",
            "/in/b.heic": b"5",
            "/in/b.MOV": b"6",
            "/in/b.AAE": b"7",
            "/out/john/a.xmp": b"taken",
        }
    )
    made = plan(items(disk), rules(), disk)
    assert targets(made) == {
        "/in/a.JPG": "/out/john/a (2).JPG",
        "/in/a.CR2": "/out/john/a (2).CR2",
        "/in/a.xmp": "/out/john/a (2).xmp",
        "/in/a.CR2.xmp": "/out/john/a (2).CR2.xmp",
        "/in/b.heic": "/out/john/b.heic",
        "/in/b.MOV": "/out/john/b.MOV",
        "/in/b.AAE": "/out/john/b.AAE",
    }
    assert made.rows[0].bytes == 7
    assert (
        "2 sidecars, 1 file of edits, 1 Live Photo’s film and 1 file of the same photo go along."
        in made.summary
    )
    alone = plan(items(disk), rules(companions=False), disk)
    assert set(targets(alone)) == {"/in/a.JPG", "/in/a.CR2", "/in/b.heic"}


def test_a_pair_goes_by_what_a_person_said_of_either_and_parts_where_that_differs() -> None:
    disk = MadeUp({"/in/a.JPG": b"1", "/in/a.CR2": b"2", "/in/a.xmp": b"3"})
    jpeg, raw = items(disk, a=0.1)
    made = plan([jpeg, replace(raw, verdict=YES)], rules(), disk)
    assert {posixpath.dirname(target) for target in targets(made).values()} == {"/out/john"}
    made = plan([replace(jpeg, verdict=NO), replace(raw, verdict=YES)], rules(), disk)
    assert targets(made) == {
        "/in/a.JPG": "/out/not_john/a.JPG",
        "/in/a.CR2": "/out/john/a.CR2",
        "/in/a.xmp": targets(made)["/in/a.xmp"],
    }


def test_a_pair_goes_by_the_score_of_its_picture() -> None:
    disk = MadeUp({"/in/a.CR2": b"2", "/in/a.JPG": b"1"})
    raw, jpeg = items(disk)
    made = plan([replace(raw, probability=0.1), jpeg], rules(), disk)
    assert targets(made) == {"/in/a.JPG": "/out/john/a.JPG", "/in/a.CR2": "/out/john/a.CR2"}
    made = plan([replace(raw, probability=0.1), replace(jpeg, probability=None)], rules(), disk)
    assert targets(made)["/in/a.JPG"] == "/out/not_john/a.JPG"


# -- what is in the way


def test_what_lies_there_already_stays_and_a_plan_made_again_does_nothing() -> None:
    disk = MadeUp({"/out/john/a.jpg": b"1", "/in/b.jpg": b"2"})
    file = disk.file("/out/john/a.jpg")
    assert file is not None
    made = plan([Item(file, None, 0.9), *items(disk)], rules(), disk)
    assert fates(made) == {"/out/john/a.jpg": "there", "/in/b.jpg": "goes"}
    assert "1 lies there already." in made.summary


def test_the_same_folder_under_another_name_is_the_same() -> None:
    disk = MadeUp({"/in/a.jpg": b"1", "/out/john/x": b""})
    disk.places["/in"] = disk.places["/out/john"] = Place((1, 5), 1)
    assert fates(plan(items(disk), rules(), disk)) == {"/in/a.jpg": "there"}


def test_what_is_gone_is_told() -> None:
    disk = MadeUp({"/in/a.jpg": b"1"})
    some = [
        *items(disk),
        Item(PhotoFile("/in/b.jpg", 1, 7), None, 0.9),
        Item(PhotoFile("/no/c.jpg", 1, 7), None, 0.9),
    ]
    made = plan(some, rules(), disk)
    assert [row.problem for row in made.rows] == ["", "isn’t there any more", "isn’t there any more"]
    assert "2 can’t go: each isn’t there any more." in made.summary


def test_links_are_copied_and_not_moved() -> None:
    disk = MadeUp({"/in/a.jpg": b"1"})
    disk.kinds["/in/a.jpg"] = LINK
    assert plan(items(disk), rules(), disk).rows[0].problem.startswith("is a link")
    assert plan(items(disk), rules(Action.COPY), disk).rows[0].fate is Fate.GOES


def test_a_target_that_can_not_be_written_is_told_of_each_photo() -> None:
    disk = MadeUp({"/in/a.jpg": b"1", "/out/john": b"a file"}, trouble="is read-only")
    disk.places["/in"] = Place((1, 2), 1)
    assert plan(items(disk), rules(), disk).rows[0].problem == "can’t go to “/out/john”, which is read-only"


def test_a_folder_that_can_not_be_changed_lets_nothing_be_moved() -> None:
    disk = MadeUp({"/in/a.jpg": b"1"})
    disk.places["/in"] = Place((1, 2), 1, trouble="is read-only")
    assert "its folder is read-only" in plan(items(disk), rules(), disk).rows[0].problem
    assert plan(items(disk), rules(Action.COPY), disk).rows[0].fate is Fate.GOES


def test_hard_links_do_not_reach_another_drive() -> None:
    disk = MadeUp({"/in/a.jpg": b"1"})
    disk.places["/in"] = Place((2, 2), 2)
    assert "another drive" in plan(items(disk), rules(Action.LINK), disk).rows[0].problem


def test_there_has_to_be_room_where_files_are_copied() -> None:
    disk = MadeUp({"/in/a.jpg": b"1" * 3000, "/in/b.jpg": b"2" * 4000}, free=5000)
    words = "There is not room enough: 7.0 kB will be copied, and 5.0 kB are free there."
    assert words in plan(items(disk), rules(Action.COPY), disk).summary
    assert plan(items(disk), rules(), disk).space is None  # on the same drive, it takes none
    disk.places["/in"] = Place((2, 2), 2)
    assert words in plan(items(disk), rules(), disk).summary


def test_long_names_are_cut_and_companions_still_fit() -> None:
    disk = MadeUp({f"/in/{'n' * 30}.jpg": b"1", f"/in/{'n' * 30}.jpg.xmp": b"2"}, longest=20)
    found = targets(plan(items(disk), rules(), disk))
    assert sorted(map(posixpath.basename, found.values())) == ["n" * 12 + ".jpg", "n" * 12 + ".jpg.xmp"]
    (row,) = plan(items(disk), rules(), disk).rows
    assert row.note == f"becomes “{'n' * 12}.jpg”"
    disk = MadeUp(
        {f"/in/{i}/\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9.jpg": b"%d" % i for i in range(3)},
        longest=20,
    )
    names = [posixpath.basename(target) for target in targets(plan(items(disk), rules(), disk)).values()]
    assert len(set(names)) == 3 and all(len(name.encode()) <= 20 for name in names)


def test_a_path_that_is_too_long_is_told() -> None:
    disk = MadeUp({"/in/a.jpg": b"1"}, longest_path=12)
    assert plan(items(disk), rules(), disk).rows[0].problem == "would have a path that is too long there"


def test_names_are_such_as_the_drive_takes() -> None:
    disk = MadeUp({"/in/what?.jpg": b"1", "/in/con.jpg": b"2"}, picky=True)
    assert sorted(targets(plan(items(disk), rules(), disk)).values()) == [
        "/out/john/_con.jpg",
        "/out/john/what_.jpg",
    ]
    disk.usual = replace(disk.usual, picky=False)
    assert sorted(targets(plan(items(disk), rules(), disk)).values()) == [
        "/out/john/con.jpg",
        "/out/john/what?.jpg",
    ]


# -- what to expect


def figures(wrong: int = 10, number: int = 1000) -> Figures:
    """Of a subject that is wrong of so many in each direction, and says what it is worth."""
    share = wrong / number
    said = [1 - share] * number + [share] * number
    truth = [i >= wrong for i in range(number)] + [i < wrong for i in range(number)]
    return measure(said, truth, ["john"] * number + ["others"] * number)


def many(number: int, probability: float) -> tuple[MadeUp, list[Item]]:
    disk = MadeUp({f"/in/{i}.jpg": b"%d" % i for i in range(number)})
    return disk, [replace(item, probability=probability) for item in items(disk)]


def test_the_expected_number_of_wrong_ones_has_a_range() -> None:
    disk, some = many(400, 0.99)
    (wrong,) = plan(some, rules(), disk, figures()).wrong
    assert wrong.zone is Zone.SUBJECT and wrong.known
    assert wrong.low < wrong.expected < wrong.high
    assert wrong.expected == pytest.approx(4, abs=0.5)
    assert wrong.high < 12
    made = plan(some, rules(), disk, figures())
    assert made.summary[-1].startswith("Expect about 4 wrong of the 400 John (")


def test_what_a_person_said_counts_as_right() -> None:
    disk, some = many(400, 0.99)
    made = plan([replace(item, verdict=YES) for item in some], rules(), disk, figures())
    assert made.wrong[0].expected == 0
    assert made.summary[-1] == "You said of all 400 that they are John."


def test_too_few_photos_say_nothing() -> None:
    disk, some = many(400, 0.99)
    for known in (None, figures(0, 5)):
        made = plan(some, rules(), disk, known)
        assert not made.wrong[0].known
        assert "can’t be told" in made.summary[-1]


def test_probabilities_that_were_too_sure_are_not_taken_at_their_word() -> None:
    """Of those that were said to be John by 99 %, a fifth was not."""
    wrong = measure([0.99] * 1000, [i >= 200 for i in range(1000)], ["all"] * 1000)
    disk, some = many(400, 0.99)
    (expected,) = plan(some, rules(), disk, wrong).wrong
    assert expected.known and expected.low <= 80 <= expected.high + 1
    assert expected.expected > 60


# -- what is kept


def test_rows_can_be_left_out() -> None:
    disk = MadeUp({"/in/a.jpg": b"1", "/in/b.jpg": b"2", "/in/b.xmp": b"3"})
    made = plan(items(disk), rules(), disk)
    less = made.without(["/in/b.jpg"])
    assert targets(less) == {"/in/a.jpg": "/out/john/a.jpg"}
    assert less.rows[1].fate is Fate.STAYS and less.rows[1].why.endswith("you left it out")
    assert less.summary[0] == "1 to “john/”, 1 stays."
    assert less.bytes == 1


# Names as systems give them: bytes that are no UTF-8 come as U+DC80 to U+DCFF, and no other half of a pair does.
letters = st.characters(exclude_categories=["Cs"], exclude_characters="/\0")
strays = st.characters(min_codepoint=0xDC80, max_codepoint=0xDCFF, categories=["Cs"])
texts = st.text(letters | strays, min_size=1, max_size=8)


@given(st.lists(texts, max_size=8, unique=True), st.sampled_from(list(Action)), st.booleans())
def test_a_plan_is_kept_as_text(names: list[str], action: Action, known: bool) -> None:
    disk = MadeUp(
        {f"/in/{name}.jpg": b"%d" % i for i, name in enumerate(names)} | {"/in/z.jpg": b"", "/in/z.xmp": b""}
    )
    some = items(disk, z=0.4)
    made = plan(
        [replace(some[0], verdict=NO), *some[1:]],
        rules(action, zones=Zones(0.2, 0.3)),
        disk,
        figures() if known else None,
    )
    assert Plan.from_json(made.to_json()) == made


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 1}', '{"format": 2, "rules": 3}'])
def test_what_is_no_plan_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        Plan.from_json(text)


def test_planning_tells_how_far_it_is() -> None:
    disk, some = many(5000, 0.9)
    steps = list(planning(some, rules(), disk))
    assert [step.done for step in steps] == [0, 2000, 4000, 5000]
    assert {step.total for step in steps} == {5000}


def test_sizes_in_words() -> None:
    assert [size_words(n) for n in (0, 999, 1500, 3_100_000_000, 999_950_000, 12_345_678)] == [
        "0 bytes",
        "999 bytes",
        "1.5 kB",
        "3.1 GB",
        "1.0 GB",
        "12 MB",
    ]


# -- the real disk


def test_a_look_at_the_real_disk(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"12345")
    (tmp_path / "inner").mkdir()
    (tmp_path / "link.jpg").symlink_to("a.jpg")
    os.mkfifo(tmp_path / "pipe")
    disk = RealDisk()
    assert disk.listing(str(tmp_path)) == {"a.jpg": FILE, "inner": FOLDER, "link.jpg": LINK, "pipe": OTHER}
    assert disk.listing(str(tmp_path / "no")) is None
    here, new = disk.place(str(tmp_path)), disk.place(str(tmp_path / "no" / "further"))
    assert here.identity is not None and here.trouble == "" and here.longest >= 140
    assert (new.identity, new.device, new.trouble) == (None, here.device, "")
    assert (
        disk.place(str(tmp_path / "a.jpg" / "x")).trouble
        == f"can’t be a folder, because “{tmp_path / 'a.jpg'}” is a file"
    )
    file = disk.file(str(tmp_path / "a.jpg"))
    assert file is not None and file.size == 5
    assert disk.digest(file) == photos.digest(tmp_path / "a.jpg")
    assert (
        disk.file(str(tmp_path / "no")) is None and disk.digest(PhotoFile(str(tmp_path / "no"), 1, 1)) is None
    )


def test_a_plan_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.jpg").write_bytes(b"1")
    before = [(path, path.lstat()) for path in sorted(tmp_path.rglob("*"))]
    some = [Item(file, None, 0.9) for batch in photos.scan(tmp_path / "in") for file in batch]
    made = plan(some, Rules(Action.MOVE, "john", str(tmp_path / "in" / "sorted")))
    assert made.rows[0].target == str(tmp_path / "in" / "sorted" / "john" / "a.jpg")
    assert [(path, path.lstat()) for path in sorted(tmp_path.rglob("*"))] == before
    assert made.rows[0].companions == ()


# -- new names where they lie


@pytest.mark.parametrize(
    ("pattern", "name", "new"),
    [
        ("{year}-{stem}", "IMG.jpg", "2019-IMG.jpg"),
        ("{year}-{stem}", "2019-IMG.jpg", None),
        ("{year}-{stem}", "2019-IMG (2).jpg", None),
        ("{year}-{name}", "2019-IMG.jpg", None),
        ("{year}{suffix}", "IMG.jpg", "2019.jpg"),
        ("{year}{suffix}", "2019 (2).jpg", None),
        ("{name}", "IMG.jpg", None),
        ("{stem}", "IMG.jpg", None),
        ("IMG.{stem}", "img.JPG", "IMG.img.JPG"),
        ("{stem}.jpg{suffix}", "IMG.jpg.JPG", None),
    ],
)
def test_a_pattern_gives_photos_a_new_name_where_they_lie_once(
    pattern: str, name: str, new: str | None
) -> None:
    disk = MadeUp({f"/out/{name}": b"1"})
    file = disk.file(f"/out/{name}")
    assert file is not None
    item = Item(file, None, 0.9, taken="2019-07-01T12:00:00")
    made = plan([item], rules(to_subject=pattern), disk)
    assert targets(made) == ({} if new is None else {f"/out/{name}": f"/out/{new}"})
    assert fates(made)[f"/out/{name}"] == ("there" if new is None else "goes")
    for action in (Action.COPY, Action.LINK):  # which would put the same photo there twice
        assert plan([item], rules(action, to_subject=pattern), disk).rows[0].fate is Fate.THERE


def test_names_that_differ_in_case_alone_are_left(tmp_path: Path) -> None:
    disk = MadeUp({"/out/JOHN.jpg": b"1"})
    file = disk.file("/out/JOHN.jpg")
    assert file is not None
    made = plan([Item(file, None, 0.9)], rules(to_subject="{subject}{suffix}"), disk)
    assert made.rows[0].fate is Fate.THERE

"""The user's subjects: names, look-alikes and versions, none of which is ever lost or overwritten."""

from __future__ import annotations

import errno
import json
import os
import random
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from training import paths, subjects
from training.backbones import TunedNetwork
from training.evaluate import measure
from training.face_head import Evidence, FaceHead, Persons
from training.head import Head
from training.ledger_file import alone
from training.subject import Subject, SubjectUnreadable
from training.subjects import BadName, LookAlike, SubjectEntry, Subjects, SubjectsError
from training.zones import Zones

ROOT = Path(__file__).parent.parent


@pytest.fixture
def library() -> Subjects:
    return Subjects()


@pytest.fixture
def place(home: Path) -> Path:
    """Where the subjects lie."""
    return home / "data" / "subjects"


def trained(bias: float = 0.0, name: str = "whoever") -> Subject:
    figures = measure(np.array([0.9, 0.2, 0.1]), np.array([True, False, False]), ["mila", "cats", "cats"])
    return Subject(
        name,
        Head(np.zeros(8, np.float32), bias),
        Zones(),
        Subject.load(paths.resource("subjects/john.safetensors")).spec,
        counts={"mila": 1, "cats": 2},
        figures=figures,
        created="2026-01-02T03:04:05+00:00",
    )


def with_a_face(number: int, **given: Any) -> Subject:
    """A subject that has learned from three faces, of bytes that are met nowhere else."""
    faces = np.random.default_rng(number).normal(0, 0.1, (3, 128)).astype(np.float16)
    persons = Persons.of(faces.sum(0, np.float64)[None], np.array([3.0]), np.array([0]))
    head = FaceHead(
        persons,
        examples=faces,
        kind=np.zeros(3, np.int16),
        digests=np.full((3, 16), number, np.uint8),
        numbers=np.zeros(3, np.int32),
    )
    return replace(trained(number), faces=head, **given)


def bytes_of_faces(subject: Subject) -> list[bytes]:
    assert subject.faces is not None
    return [face.tobytes() for face in subject.faces.examples]


def bias_of(subject: Subject | None) -> float:
    assert subject is not None
    return subject.head.bias


def names(library: Subjects) -> list[str]:
    return [entry.name for entry in library.all()]


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# --- which there are


def test_john_is_there_from_the_start(library: Subjects, place: Path) -> None:
    (john,) = library.all()
    assert john == SubjectEntry("john", "John") == library.get("john")
    starter = library.load(john)
    assert starter is not None and (starter.name, starter.version) == ("John", 0)
    assert bias_of(starter) == bias_of(Subject.load(paths.resource("subjects/john.safetensors")))
    (version,) = library.versions("john")
    assert (version.number, version.method, version.current) == (0, "starter", True)
    assert version.figures is not None and sum(version.counts.values()) > 100
    assert library.deleted() == [] and library.notice == ""
    assert not place.exists(), "looking makes nothing"


def test_a_subject_is_made(library: Subjects) -> None:
    mila = library.create("  Mila ")
    assert (mila.id, mila.name, mila.version, mila.look_alikes) == ("mila", "Mila", 0, ())
    assert mila.created.endswith("+00:00")
    assert Subjects().all() == [library.get("john"), mila] and library.get("mila") == mila
    assert library.load(mila) is None and library.versions("mila") == []


def test_subjects_are_in_the_order_of_their_age(library: Subjects, monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter(range(9))
    monkeypatch.setattr(subjects, "_now", lambda: f"2026-01-0{next(times)}")
    for name in ("Zoe", "Mila", "Anna"):
        library.create(name)
    assert names(library) == ["John", "Zoe", "Mila", "Anna"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("", "Please give a name"),
        (" \n ", "Please give a name"),
        ("x" * 61, "too long"),
        ("a/b", "folders are named"),
        ("a\\b", "folders are named"),
        ("..", "dots alone"),
        ("not_mila", "begin with"),
        ("Not_x", "begin with"),
        ("JOHN", "There is “John” already"),
        ("mila", "There is “Mila” already"),
        ("Zoé\N{RIGHT-TO-LEFT OVERRIDE}", "can’t be shown"),
        ("a\x00b", "can’t be shown"),
        ("\udcff", "can’t be shown"),
        ("Zoe\N{COMBINING DIAERESIS}", "There is “Zoë” already"),
    ],
)
def test_names_that_can_not_be_are_told(library: Subjects, place: Path, name: str, words: str) -> None:
    library.create("Mila")
    library.create("Zoë")
    other = library.create("Other")
    before = tree(place)
    with pytest.raises(BadName, match=words):
        library.create(name)
    with pytest.raises(BadName, match=words):
        library.rename("other", name)
    assert tree(place) == before and library.get("other") == other


def test_the_longest_name_is_a_folders_name(library: Subjects, tmp_path: Path) -> None:
    entry = library.create("\N{GRINNING FACE}" * subjects.MOST_LETTERS)
    (tmp_path / f"not_{entry.name}").mkdir()
    assert entry.id == "subject"


@pytest.mark.parametrize(
    ("name", "id"),
    [
        ("Öl & Co.", "ol-co"),
        ("猫", "subject"),
        ("CON", "subject-con"),
        ("A name of many words that goes on and on and on", "a-name-of-many-words-that-goes-on-and-on"),
        ("John!", "john-2"),
    ],
)
def test_ids_are_names_that_every_disk_takes(library: Subjects, name: str, id: str) -> None:
    assert library.create(name).id == id
    assert library.create(f"{name}.").id == (f"{id}-2" if id != "john-2" else "john-3")


def test_renaming_keeps_everything_else(library: Subjects) -> None:
    mila = library.create("Mila")
    library.add_look_alike("mila", "Wolf")
    library.add_version("mila", trained(0.5), method="quick", adopt=True)
    renamed = library.rename("mila", "Mila the dog")
    assert (renamed.id, renamed.name, renamed.version) == ("mila", "Mila the dog", 1)
    assert renamed.created == mila.created and renamed.look_alikes == (LookAlike("wolf", "Wolf"),)
    subject = library.load(renamed)
    assert subject is not None and subject.name == "Mila the dog" and bias_of(subject) == 0.5
    assert library.rename("mila", "MILA").name == "MILA", "its own name is not taken"
    assert library.create("Mila the dog").id == "mila-the-dog"
    assert library.rename("john", "Lennon").id == "john"
    assert names(Subjects())[0] == "Lennon" and library.load(library.get("john")) is not None


@pytest.mark.parametrize("id", ["ringo", "", "..", "Mila", "../mila", "con\x00"])
def test_what_is_not_there_is_a_key_error(library: Subjects, place: Path, id: str) -> None:
    library.create("Mila")
    before = tree(place)
    for use in (
        lambda: library.get(id),
        lambda: library.rename(id, "Anna"),
        lambda: library.delete(id),
        lambda: library.restore(id),
        lambda: library.versions(id),
        lambda: library.adopt(id, 1),
        lambda: library.add_look_alike(id, "Wolf"),
        lambda: library.add_version(id, trained(), method="quick", adopt=True),
        lambda: library.set_evidence(id, "faces"),
        lambda: library.forget_faces(id),
    ):
        with pytest.raises(KeyError):
            use()
    assert tree(place) == before


# --- deleting


@pytest.mark.parametrize("id", ["mila", "john"])
def test_what_is_deleted_comes_back_whole(
    library: Subjects, place: Path, id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    library.create("Mila")
    library.add_look_alike(id, "Wolf")
    library.add_version(id, trained(0.5), method="deep", adopt=True)
    before, there = library.get(id), names(library)
    files = tree(place)
    gone = library.delete(id)
    assert gone.deleted and library.deleted() == [gone] == [library.get(id)]
    assert [entry.id for entry in library.all()] == [one for one in ("john", "mila") if one != id]
    assert {name: text for name, text in tree(place).items() if "versions" in name} == {
        name: text for name, text in files.items() if "versions" in name
    }
    monkeypatch.setattr(subjects, "_now", lambda: "later")
    assert library.delete(id) == gone, "it was deleted then, not now"
    assert library.restore(id) == before == library.get(id)
    assert names(library) == there and library.deleted() == []
    assert library.restore(id) == before


def test_the_name_of_a_deleted_subject_is_free(library: Subjects) -> None:
    library.create("Mila")
    library.delete("mila")
    other = library.create("mila")
    assert other.id == "mila-2"
    assert library.restore("mila").name == "Mila (2)"
    assert names(library) == ["John", "Mila (2)", "mila"]


# --- look-alikes


def test_look_alikes_are_named_renamed_and_removed(library: Subjects) -> None:
    george = library.add_look_alike("john", "George")
    paul = library.add_look_alike("john", " Paul ")
    assert (george, paul) == (LookAlike("george", "George"), LookAlike("paul", "Paul"))
    assert Subjects().get("john").look_alikes == (george, paul)
    assert library.rename_look_alike("john", "george", "George H.") == LookAlike("george", "George H.")
    library.remove_look_alike("john", "paul")
    assert library.get("john").look_alikes == (LookAlike("george", "George H."),)
    for use in (
        lambda: library.rename_look_alike("john", "paul", "Someone"),
        lambda: library.remove_look_alike("john", "paul"),
    ):
        with pytest.raises(KeyError):
            use()


def test_a_removed_look_alikes_labels_pass_to_nobody_else(library: Subjects) -> None:
    first = library.add_look_alike("john", "George")
    library.remove_look_alike("john", first.id)
    other = library.add_look_alike("john", "George?")
    assert other.id == "george-2", "its labels are still there"
    assert library.add_look_alike("john", "george") == LookAlike("george", "george"), "and come back to it"
    assert [one.id for one in library.get("john").look_alikes] == ["george-2", "george"]


@pytest.mark.parametrize("name", ["", "x/y", "john", "GEORGE", "not_george"])
def test_look_alikes_have_names_of_their_own(library: Subjects, name: str) -> None:
    library.add_look_alike("john", "George")
    library.add_look_alike("john", "Paul")
    with pytest.raises(BadName):
        library.add_look_alike("john", name)
    with pytest.raises(BadName):
        library.rename_look_alike("john", "paul", name)
    with pytest.raises(BadName):
        library.rename("john", "Paul")
    assert [one.name for one in library.get("john").look_alikes] == ["George", "Paul"]
    library.create("George")  # of another subject


# --- versions


def test_versions_are_kept_and_one_of_them_is_used(library: Subjects, place: Path) -> None:
    library.create("Mila")
    first = library.add_version("mila", trained(1), method="quick", adopt=True)
    second = library.add_version("mila", trained(2), method="deep", adopt=False)
    assert (first.number, first.current, second.number, second.current) == (1, True, 2, False)
    assert first.path == place / "mila" / "versions" / "0001.safetensors"
    assert Subjects().versions("mila") == [second, first]
    assert second.counts == {"mila": 1, "cats": 2} and second.figures == trained().figures
    assert second.created == "2026-01-02T03:04:05+00:00"
    entry = library.get("mila")
    assert entry.version == 1 and bias_of(library.load(entry)) == 1
    entry = library.adopt("mila", 2)
    assert entry.version == 2 and entry == library.get("mila")
    subject = library.load(entry)
    assert subject is not None and (subject.version, subject.name, bias_of(subject)) == (2, "Mila", 2)
    assert [version.current for version in library.versions("mila")] == [True, False]
    third = library.add_version("mila", trained(3), method="quick", adopt=True)
    assert third.number == 3 and library.get("mila").version == 3
    assert bias_of(library.load(library.adopt("mila", 1))) == 1
    assert Subject.load(first.path).version == 1 and Subject.load(first.path).name == "Mila"


def test_what_is_not_told_of_a_version_is_looked_up_in_its_file(library: Subjects, place: Path) -> None:
    library.create("Mila")
    for number in range(4):
        library.add_version("mila", trained(number), method="deep", adopt=False)
    about = place / "mila" / "about.json"
    content = json.loads(about.read_bytes())
    del content["versions"]["1"]
    content["versions"]["2"]["figures"] = {"groups": 3}
    content["versions"]["3"]["method"] = "magic"
    about.write_text(json.dumps(content))
    versions = library.versions("mila")
    assert [(one.number, one.method) for one in versions] == [
        (4, "deep"),
        (3, "quick"),
        (2, "quick"),
        (1, "quick"),
    ]
    assert {one.figures for one in versions} == {trained().figures} and library.notice == ""


def test_what_came_with_the_program_is_one_click_away(library: Subjects) -> None:
    starter = bias_of(library.load(library.get("john")))
    library.add_version("john", trained(7), method="quick", adopt=True)
    assert bias_of(library.load(library.get("john"))) == 7
    assert [(one.number, one.method) for one in library.versions("john")] == [(1, "quick"), (0, "starter")]
    assert bias_of(library.load(library.adopt("john", 0))) == starter


def test_only_what_is_there_is_adopted(library: Subjects) -> None:
    library.create("Mila")
    for number in (0, 1, -1):
        with pytest.raises(KeyError):
            library.adopt("mila", number)
    assert library.get("mila").version == 0


def test_no_version_is_ever_overwritten(library: Subjects, place: Path) -> None:
    library.create("Mila")
    files: dict[str, bytes] = {}
    folder = place / "mila" / "versions"
    for number in range(4):
        library.add_version("mila", trained(number), method="quick", adopt=True)
        now = tree(folder)
        assert files.items() <= now.items() and len(now) == number + 1
        files = now
    (folder / "0004.safetensors").unlink()  # its number is not given again: somebody may have a copy
    assert library.add_version("mila", trained(), method="quick", adopt=True).number == 5
    (folder / "0009.safetensors").write_bytes(b"put here by somebody")
    assert library.add_version("mila", trained(), method="quick", adopt=True).number == 10
    assert (folder / "0009.safetensors").read_bytes() == b"put here by somebody"


@pytest.mark.parametrize("links", [True, False])
def test_a_file_that_appears_at_the_last_moment_is_not_overwritten(
    library: Subjects, place: Path, links: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    library.create("Mila")
    other = place / "mila" / "versions" / "0001.safetensors"
    save = Subject.save

    def save_and_meet(subject: Subject, path: Path) -> None:
        save(subject, path)
        other.write_bytes(b"somebody's")

    def no_links(*_: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(Subject, "save", save_and_meet)
    if not links:
        monkeypatch.setattr(os, "link", no_links)
    version = library.add_version("mila", trained(5), method="quick", adopt=True)
    assert version.number == 2 and other.read_bytes() == b"somebody's"
    assert bias_of(library.load(library.get("mila"))) == 5
    assert sorted(tree(other.parent)) == ["0001.safetensors", "0002.safetensors"]


def test_a_version_that_can_not_be_written_leaves_all_as_it_was(
    library: Subjects, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library.create("Mila")
    library.add_version("mila", trained(1), method="quick", adopt=True)
    before = tree(place)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    for module, name in ((os, "fsync"), (Subject, "save")):
        with monkeypatch.context() as patch:
            patch.setattr(module, name, full)
            with pytest.raises(
                SubjectsError, match=r"^The change was not kept: the disk is full\. Make room"
            ):
                library.add_version("mila", trained(2), method="quick", adopt=True)
        assert tree(place) == before
    assert library.get("mila").version == 1


def test_a_version_that_can_not_be_read_is_told_and_left(library: Subjects, place: Path) -> None:
    library.create("Mila")
    for number in range(2):
        library.add_version("mila", trained(number), method="quick", adopt=True)
    damaged = place / "mila" / "versions" / "0002.safetensors"
    damaged.write_bytes(b"damaged")
    with pytest.raises(SubjectUnreadable):
        library.load(library.get("mila"))
    assert bias_of(library.load(library.adopt("mila", 1))) == 0
    (place / "mila" / "versions" / "0003.safetensors").write_bytes(b"what is this")
    assert [one.number for one in library.versions("mila")] == [2, 1]
    assert "0003.safetensors" in library.notice and "Mila" in library.notice
    assert damaged.read_bytes() == b"damaged"


# --- faces


def test_what_decides_is_kept_and_overruled(library: Subjects, place: Path) -> None:
    mila = library.create("Mila")
    assert mila.evidence == library.get("john").evidence == ""
    library.add_version("mila", trained(), method="quick", adopt=True)
    assert library.set_evidence("mila", Evidence.SCENE) == replace(mila, version=1, evidence="scene")
    entry = library.rename("mila", "Mila the dog")
    assert entry.evidence == "scene" and Subjects().get("mila") == entry
    subject = library.load(entry)
    assert subject is not None and subject.evidence == "scene"
    other = library.load(replace(entry, evidence="both"))
    assert other is not None and other.evidence == "both"
    assert library.set_evidence("john", "faces").evidence == library.get("john").evidence == "faces"
    starter = library.load(library.get("john"))
    assert starter is not None and starter.evidence == "faces"
    before = tree(place)
    for evidence in ("hearsay", "Faces", "None"):
        with pytest.raises(ValueError):
            library.set_evidence("mila", evidence)
    assert tree(place) == before
    assert library.set_evidence("mila", "").evidence == library.get("mila").evidence == ""


@pytest.mark.parametrize("kept", [None, "hearsay", 7, ["faces"]])
def test_older_and_newer_files_say_nothing_of_what_decides(
    library: Subjects, place: Path, kept: object
) -> None:
    library.create("Mila")
    file = place / "mila" / "about.json"
    about = json.loads(file.read_text())
    del about["evidence"]
    file.write_text(json.dumps(about | ({} if kept is None else {"evidence": kept})))
    assert library.get("mila").evidence == "" and library.notice == ""


def test_the_first_version_brings_along_what_decides(library: Subjects) -> None:
    library.create("Mila")
    library.add_version("mila", with_a_face(1, evidence="both"), method="quick", adopt=True)
    assert library.get("mila").evidence == "both"
    library.set_evidence("mila", "")
    library.add_version("mila", with_a_face(2, evidence="both"), method="quick", adopt=True)
    assert library.get("mila").evidence == "", "what the user says holds"


def faced_library(library: Subjects) -> dict[str, Subject]:
    """Three subjects, one of them deleted; by file, what was trained with a face."""
    network = TunedNetwork.of({"conv.weight": np.ones((2, 2), np.float16)})
    tuned = with_a_face(4, network=network, spec=replace(trained().spec, weights=network.weights))
    made = {}
    for name, subject in [
        ("Mila", with_a_face(1)),
        ("Mila", trained(2)),
        ("Mila", with_a_face(3)),
        ("Anna", tuned),
        ("Otto", with_a_face(5)),
    ]:
        id = name.lower()
        if id not in [one.id for one in library.all()]:
            library.create(name)
        version = library.add_version(id, subject, method="quick", adopt=True)
        if subject.faces is not None:
            made[f"{id}/versions/{version.path.name}"] = subject
    library.adopt("mila", 1)
    library.delete("otto")
    return made


def test_all_single_faces_are_forgotten(library: Subjects, place: Path) -> None:
    made = faced_library(library)
    before, facts = tree(place), [library.versions(id) for id in ("mila", "anna", "otto")]
    entries = library.all()
    assert library.forget_faces() == len(made) == 4 and library.notice == ""
    after = tree(place)
    assert after.keys() == before.keys()
    assert {name for name, content in after.items() if content != before[name]} == made.keys()
    assert entries == library.all()
    assert facts == [library.versions(id) for id in ("mila", "anna", "otto")]
    for name, subject in made.items():
        assert all(face in before[name] for face in bytes_of_faces(subject))
        assert not any(face in content for face in bytes_of_faces(subject) for content in after.values())
        left = Subject.load(place / name)
        assert not left.holds_faces and left.faces is not None and subject.faces is not None
        np.testing.assert_array_equal(left.faces.persons.mean, subject.faces.persons.mean)
        assert (bias_of(left), left.figures, left.spec) == (bias_of(subject), subject.figures, subject.spec)
        assert (left.network is None) == (subject.network is None)
    network = Subject.load(place / "anna/versions/0001.safetensors").network
    assert network is not None and network.tensors()["conv.weight"].sum() == 4
    assert library.forget_faces() == 0 and tree(place) == after


def test_one_subjects_faces_are_forgotten(library: Subjects, place: Path) -> None:
    made = faced_library(library)
    before = tree(place)
    assert library.forget_faces("mila") == 2
    changed = {name for name, content in tree(place).items() if content != before[name]}
    assert changed == {name for name in made if name.startswith("mila/")}
    assert library.forget_faces("otto") == 1, "it is only marked as deleted"
    assert library.forget_faces("john") == 0


def test_faces_in_what_was_never_finished_are_forgotten_too(library: Subjects, place: Path) -> None:
    faced_library(library)
    folder = place / "mila" / "versions"
    for name in (".0123456789abcdef.safetensors", ".0123456789abcdef.part", ".my own", "my own.safetensors"):
        (folder / name).write_bytes(b"something")
    library.forget_faces()
    assert {path.name for path in folder.iterdir()} == {
        *(f"000{number}.safetensors" for number in (1, 2, 3)),
        ".my own",
        "my own.safetensors",
    }


def test_a_version_that_can_not_be_read_hinders_no_other(library: Subjects, place: Path) -> None:
    made = faced_library(library)
    damaged = place / "mila/versions/0001.safetensors"
    damaged.write_bytes(damaged.read_bytes()[:-1])
    (place / "anna/about.json").write_bytes(b"damaged as well")
    content = damaged.read_bytes()
    assert library.forget_faces() == len(made) - 1
    assert f"Whether {damaged} holds faces can’t be told; delete it if need be. “0001" in library.notice
    assert damaged.read_bytes() == content


def test_faces_that_can_not_be_forgotten_are_told_and_hinder_no_others(
    library: Subjects, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = faced_library(library)
    before = tree(place)
    real = Subject.save

    def full(self: Subject, path: str | Path, *, without_faces: bool = False) -> None:
        if self.head.bias == 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(self, path, without_faces=without_faces)

    monkeypatch.setattr(Subject, "save", full)
    with pytest.raises(SubjectsError, match=r"^Not all faces were forgotten: the disk is full\. Make room"):
        library.forget_faces()
    after = tree(place)
    assert after.keys() == before.keys()
    kept = {name for name in made if after[name] == before[name]}
    assert "mila/versions/0003.safetensors" in kept and len(kept) == 1
    monkeypatch.undo()
    assert library.forget_faces() == 1


# --- what can happen to the files


def damaged_by(change: Callable[[dict[str, object]], object]) -> Callable[[bytes], bytes]:
    def damage(content: bytes) -> bytes:
        about = json.loads(content)
        change(about)
        return json.dumps(about).encode()

    return damage


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "cut": lambda content: content[: len(content) // 2],
    "zeros": lambda content: bytes(len(content)),
    "a list": lambda _: b"[]",
    "deep": lambda _: b"[" * 100_000,
    "no name": damaged_by(lambda about: about.pop("name")),
    "name of another type": damaged_by(lambda about: about.update(name=3)),
    "look-alikes of another type": damaged_by(lambda about: about.update(look_alikes=[3])),
    "version of another type": damaged_by(lambda about: about.update(version="3")),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
@pytest.mark.parametrize("use", ["all", "rename", "get"])
def test_a_damaged_file_is_set_aside_and_the_subject_stays(
    library: Subjects, place: Path, damage: Callable[[bytes], bytes], use: str
) -> None:
    library.create("Mila")
    library.rename("mila", "Mila the dog")
    for number in range(2):
        library.add_version("mila", trained(number), method="quick", adopt=True)
    about = place / "mila" / "about.json"
    about.write_bytes(damage(about.read_bytes()))
    content = about.read_bytes()
    met = Subjects()
    if use == "all":
        assert names(met) == ["John", "Mila the dog"]
    elif use == "rename":
        assert met.rename("mila", "Mila the cat").name == "Mila the cat"
        met.rename("mila", "Mila the dog")
    entry = met.get("mila")
    assert (entry.name, entry.version) == ("Mila the dog", 2)
    assert bias_of(met.load(entry)) == 1 and len(met.versions("mila")) == 2
    (aside,) = about.parent.glob("*.unusable")
    assert aside.read_bytes() == content
    assert aside.name in met.notice and "Mila the dog" in met.notice and "damaged" in met.notice
    again = Subjects()
    assert again.get("mila") == entry and again.notice == ""


def test_without_any_version_the_id_is_the_name(library: Subjects, place: Path) -> None:
    library.create("Mila")
    library.create("Anna")
    library.rename("anna", "mila!")
    (place / "mila" / "about.json").write_bytes(b"?")
    (place / "john").mkdir()
    (place / "john" / "about.json").write_bytes(b"?")
    met = Subjects()
    assert sorted(names(met)) == ["John", "mila", "mila!"]
    assert met.notice.count("set aside") == 2


def test_a_name_that_is_guessed_is_not_anothers(library: Subjects, place: Path) -> None:
    library.create("Mila")
    library.rename("mila", "Milla")
    library.create("mila")
    (place / "mila" / "about.json").write_bytes(b"?")
    assert sorted(names(Subjects())) == ["John", "mila", "mila (2)"]


def test_a_subject_whose_file_is_gone_stays(library: Subjects, place: Path) -> None:
    library.create("Mila")
    library.add_version("mila", trained(4), method="deep", adopt=True)
    (place / "mila" / "about.json").unlink()
    met = Subjects()
    assert names(met) == ["John", "Mila"] and "is gone" in met.notice
    assert bias_of(met.load(met.get("mila"))) == 4


def test_files_set_aside_do_not_overwrite_each_other(
    library: Subjects, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.strftime", lambda _: "20260102-030405")
    library.create("Mila")
    for number in range(3):
        (place / "mila" / "about.json").write_bytes(b"damage %d" % number)
        library.all()
    asides = {path.read_bytes() for path in (place / "mila").glob("*.unusable")}
    assert asides == {b"damage %d" % number for number in range(3)}


@pytest.mark.parametrize("id", ["mila", "john"])
def test_a_newer_versions_subject_is_left_to_it(library: Subjects, place: Path, id: str) -> None:
    library.create("Mila")
    library.add_look_alike(id, "Wolf")
    about = place / id / "about.json"
    content = json.loads(about.read_bytes()) | {"format": 99, "mood": "good"}
    about.write_text(json.dumps(content))
    before = tree(place)
    assert [entry.id for entry in library.all()] == [one for one in ("john", "mila") if one != id]
    assert "newer version" in library.notice and f"“{id}”" in library.notice
    for change in (
        lambda: library.rename(id, "Anna"),
        lambda: library.add_version(id, trained(), method="quick", adopt=True),
        lambda: library.get(id),
    ):
        with pytest.raises(SubjectsError, match="newer version"):
            change()
    assert tree(place) == before


def test_a_disk_that_is_full_leaves_all_as_it_was(
    library: Subjects, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library.create("Mila")
    before = tree(place)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SubjectsError, match="the disk is full"):
        library.rename("mila", "Anna")
    with pytest.raises(SubjectsError, match="the disk is full"):
        library.delete("mila")
    assert tree(place) == before and not library.get("mila").deleted


def test_a_place_that_can_not_be_is_told(home: Path) -> None:
    (home / "data").write_bytes(b"a file where a folder should be")
    library = Subjects()
    with pytest.raises(SubjectsError, match=r"^The change was not kept: .*/data/subjects can’t be used"):
        library.create("Mila")
    assert (home / "data").read_bytes() == b"a file where a folder should be"


def test_foreign_things_in_the_folder_are_left_alone(library: Subjects, place: Path) -> None:
    library.create("Mila")
    (place / "notes.txt").write_text("mine")
    (place / "Holiday Pictures").mkdir()
    (place / "empty").mkdir()
    assert names(library) == ["John", "Mila"] and library.notice == ""
    assert library.create("Empty").id == "empty-2"


# --- several windows


def test_while_another_window_writes_one_waits_and_then_tells(
    library: Subjects, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library.create("Mila")
    monkeypatch.setattr("training.ledger_file._PATIENCE", 0.05)
    with alone(place):
        assert names(library) == ["John", "Mila"], "reading waits for nobody"
        with pytest.raises(SubjectsError, match="another window is busy"):
            library.rename("mila", "Anna")
    assert library.rename("mila", "Anna").name == "Anna"


WORK = """
import sys
from training.subject import Subject
from training.subjects import BadName, Subjects
who, many, starter = sys.argv[1], int(sys.argv[2]), Subject.load(sys.argv[3])
library = Subjects()
for number in range(many):
    library.add_look_alike("mila", f"{who} {number}")
    print("look-alike", f"{who} {number}", flush=True)
    version = library.add_version("mila", starter, method="quick", adopt=True)
    print("version", version.number, flush=True)
    try:
        print("subject", library.create(f"Anna {number}").id, flush=True)
    except BadName:
        pass
    library.all()
if library.notice:
    sys.exit(library.notice)
"""


def working(who: str, many: int) -> subprocess.Popen[str]:
    starter = str(paths.resource("subjects/john.safetensors"))
    return subprocess.Popen(
        [sys.executable, "-c", WORK, who, str(many), starter],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_two_windows_at_once_lose_nothing(library: Subjects) -> None:
    library.create("Mila")
    windows = [working("left", 15), working("right", 15)]
    told: list[str] = []
    for window in windows:
        output, errors = window.communicate(timeout=120)
        assert window.returncode == 0, errors
        told += output.splitlines()
    assert len(told) == len(set(told)), "no number and no id was given twice"
    entry = library.get("mila")
    assert {one.name for one in entry.look_alikes} == {
        f"{who} {n}" for who in ("left", "right") for n in range(15)
    }
    assert len({one.id for one in entry.look_alikes}) == 30
    assert [one.number for one in library.versions("mila")] == list(range(30, 0, -1))
    assert sorted(set(names(library)) - {"John", "Mila"}) == sorted(f"Anna {n}" for n in range(15))
    assert library.notice == "" and not list(library.folder.rglob("*.part"))


def test_nothing_that_was_kept_is_lost_when_the_process_is_killed(library: Subjects) -> None:
    library.create("Mila")
    chance = random.Random(5)
    told: set[str] = set()
    for attempt in range(12):
        process = working(f"try {attempt}", 1000)
        assert process.stdout is not None and process.stderr is not None
        told.add(process.stdout.readline().strip())
        timer = threading.Timer(chance.uniform(0, 0.2), process.kill)
        timer.start()
        told.update(line.strip() for line in process.stdout if line.endswith("\n"))
        assert process.wait() != 0, process.stderr.read()
        timer.join()
        process.stdout.close()
        process.stderr.close()
        met = Subjects()
        entry = met.get("mila")
        versions = {one.number: one for one in met.versions("mila")}
        kept = {f"look-alike {one.name}" for one in entry.look_alikes}
        kept |= {f"version {number}" for number in versions} | {f"subject {one.id}" for one in met.all()}
        assert told <= kept and met.notice == ""
        assert entry.version in versions or entry.version == 0
        assert all(Subject.load(one.path).version == number for number, one in versions.items())
    assert len(told) > 40

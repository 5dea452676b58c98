"""A subject's file: comes back as it was, and whatever is wrong with it is said in a sentence."""

from __future__ import annotations

import dataclasses
import json
import os
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from training import evaluate, extractors, subject
from training.backbones import BackboneUnavailable, Preprocessing, TunedNetwork, hash_of_tensors
from training.extractors import ExtractorSpec
from training.face_head import Evidence, FaceHead, Persons
from training.head import Head
from training.subject import Subject, SubjectUnreadable
from training.zones import Zones

SPEC = ExtractorSpec(
    "tf_efficientnet_lite0",
    "57" * 32,
    Preprocessing(224, 0.875, "bicubic", (0.5, 0.5, 0.5), (0.5, 0.4, 0.3)),
    ("blocks.4", "blocks.5"),
)


def made(name: str = "john", width: int = 12, **given: Any) -> Subject:
    random = np.random.default_rng(0)
    truth = np.arange(40) < 20
    figures = evaluate.measure(random.uniform(size=40), truth, ["john"] * 20 + ["george"] * 20)
    everything: dict[str, Any] = {
        "head": Head(random.normal(size=width).astype(np.float32), -0.25),
        "zones": Zones(0.3, 0.7),
        "spec": SPEC,
        "counts": {"john": 20, "george": 20},
        "figures": figures,
        "created": "2025-01-02T03:04:05+00:00",
        "version": 3,
        **given,
    }
    return Subject(name, **everything)


def face_head(examples: int = 5, **given: Any) -> FaceHead:
    """What is known of a face: that of the subject, seen several times, and of a look-alike, seen once."""
    random = np.random.default_rng(3)
    everything: dict[str, Any] = {
        "persons": Persons.of(
            random.normal(0, 0.1, (3, 128)) * [[4], [6], [1]],
            np.array([4.0, 6.0, 1.0]),
            np.array([0, 1, 2]),
        ),
        "groups": ("george",),
        "slope": 0.8,
        "offset": -0.1,
        "evidence": Evidence.BOTH,
        "bare": (0.9, 0.25),
        "both": (0.7, 0.3, -0.125),
        "faced": (3.0, 4.0, 5.0, 6.0),
        "examples": random.normal(0, 0.1, (examples, 128)).astype(np.float16),
        "kind": np.resize(np.array([0, 0, 1, 2, 0], np.int16), examples),
        "digests": random.integers(1, 255, (examples, 16), dtype=np.uint8),
        "numbers": np.arange(examples, dtype=np.int32),
        **given,
    }
    return FaceHead(**everything)


def assert_same_faces(one: FaceHead | None, other: FaceHead) -> None:
    assert one is not None and one.as_dict() == other.as_dict()
    expected, tables = other.to_tensors(), one.to_tensors()
    assert tables.keys() == expected.keys()
    for name, table in expected.items():
        np.testing.assert_array_equal(tables[name], table)
        assert tables[name].dtype == table.dtype
    faces = np.random.default_rng(4).normal(0, 0.1, (7, 128)).astype(np.float16)
    np.testing.assert_array_equal(one.probabilities(faces), other.probabilities(faces))


def header_of(path: Path) -> dict[str, Any]:
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    about: dict[str, Any] = json.loads(json.loads(content[8 : 8 + length])["__metadata__"]["lennonnet"])
    return about


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "john.safetensors"
    made().save(path)
    return path


def said_of(path: Path) -> str:
    with pytest.raises(SubjectUnreadable) as caught:
        Subject.load(path)
    sentence = str(caught.value)
    assert path.name in sentence
    assert re.search(r"[a-z].*\.$", sentence), sentence
    return sentence


def rewrite(path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    """Change what the file says of the subject, and leave its numbers as they are."""
    about = header_of(path)
    change(about)
    content = path.read_bytes()
    path.write_bytes(
        safetensors.numpy.save(safetensors.numpy.load(content), {"lennonnet": json.dumps(about)})
    )


# -- there and back


@pytest.mark.parametrize("name", ["john", "Mila 🐕", "hot dog/hot “dog”"])
def test_all_comes_back(tmp_path: Path, name: str) -> None:
    path = tmp_path / "one.safetensors"
    before = made(name)
    before.save(path)
    after = Subject.load(path)
    np.testing.assert_array_equal(after.head.weight, before.head.weight)
    assert after.head.weight.dtype == np.float32
    assert after.head.bias == before.head.bias
    for part in ("name", "zones", "spec", "counts", "figures", "created", "version"):
        assert getattr(after, part) == getattr(before, part)
    assert after.spec.id == before.spec.id
    features = np.random.default_rng(1).normal(size=(5, 12)).astype(np.float16)
    np.testing.assert_array_equal(after.head.score(features), before.head.score(features))


def test_a_subject_without_figures_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "one.safetensors"
    Subject("mila", Head(np.ones(3, np.float32), 0.0), Zones(), SPEC).save(path)
    after = Subject.load(path)
    assert (after.figures, dict(after.counts), after.version) == (None, {}, 1)


def test_the_same_subject_makes_the_same_file(tmp_path: Path) -> None:
    for name in ("one", "other"):
        made().save(tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()


def test_any_safetensors_program_reads_the_numbers(file: Path) -> None:
    tensors = safetensors.numpy.load_file(file)
    np.testing.assert_array_equal(tensors["weight"], made().head.weight)


# -- saving


def test_a_file_that_can_not_be_written_leaves_the_old_one(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = file.read_bytes()

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        made("paul").save(file)
    assert file.read_bytes() == old
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_saving_replaces_the_old_one(file: Path) -> None:
    made("paul").save(file)
    assert Subject.load(file).name == "paul"
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_no_such_folder_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        made().save(tmp_path / "none" / "john.safetensors")


# -- refused


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    assert "isn't there" in said_of(tmp_path / "none.safetensors")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "john.safetensors").mkdir()
    assert "is not a file" in said_of(tmp_path / "john.safetensors")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="needs a user who can be denied something")
def test_a_forbidden_file_is_refused(file: Path) -> None:
    file.chmod(0)
    assert "can't be opened" in said_of(file)


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "empty.safetensors"
    path.touch()
    assert "is empty" in said_of(path)


def test_a_huge_file_is_refused_unread(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with file.open("r+b") as opened:
        opened.truncate(40 << 30)  # takes no place on the disk, but would in memory

    def never(*_: object) -> None:
        raise AssertionError("the file was opened")

    monkeypatch.setattr(Path, "open", never)
    assert "too large" in said_of(file)


def test_a_huge_header_is_refused(file: Path) -> None:
    for length in (1 << 40, (1 << 64) - 1, (1 << 20) + 1):
        file.write_bytes(length.to_bytes(8, "little") + file.read_bytes()[8:])
        assert "is not a subject" in said_of(file)


def test_a_pickle_is_refused_unopened(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.mkdir, (str(tmp_path / "sprung"),)

    path = tmp_path / "john.safetensors"
    path.write_bytes(pickle.dumps(Trap()) * 10)
    assert "is not a subject" in said_of(path)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    "content", [b"x", b"hello there, this is a text", b"\x89PNG\r\n\x1a\n" + bytes(99), bytes(999)]
)
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(content)
    assert "is not a subject" in said_of(path)


def test_other_safetensors_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "llama.safetensors"
    weight = {"weight": np.ones(3, np.float32), "bias": np.ones(1, np.float32)}
    for metadata in (None, {"format": "pt"}):
        path.write_bytes(safetensors.numpy.save(weight, metadata))
        assert "is not a subject" in said_of(path)


def test_a_newer_file_is_refused_with_advice(file: Path) -> None:
    rewrite(file, lambda about: about.update(format=subject.FORMAT + 1, zones="of another kind"))
    assert "newer Lennonnet" in said_of(file)


@pytest.mark.parametrize(
    "tensors",
    [
        {"weight": np.ones((3, 4), np.float32)},
        {"weight": np.ones(0, np.float32)},
        {"weight": np.ones(12, np.float64)},
        {"weight": np.ones(12, np.int32)},
        {"bias": np.ones(2, np.float32)},
        {"bias": np.ones((), np.float32)},
        {"more": np.ones(2, np.float32)},
    ],
)
def test_wrong_numbers_are_refused(file: Path, tensors: dict[str, Any]) -> None:
    content = file.read_bytes()
    length = int.from_bytes(content[:8], "little")
    metadata = json.loads(content[8 : 8 + length])["__metadata__"]
    file.write_bytes(safetensors.numpy.save({**safetensors.numpy.load(content), **tensors}, metadata))
    assert "numbers" in said_of(file) or "damaged" in said_of(file)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_numbers_that_make_no_sense_are_refused(tmp_path: Path, bad: float) -> None:
    path = tmp_path / "john.safetensors"
    weight = np.ones(12, np.float32)
    weight[3] = bad
    made(head=Head(weight, 0.0)).save(path)
    assert "make no sense" in said_of(path)
    made(head=Head(np.ones(12, np.float32), bad)).save(path)
    assert "make no sense" in said_of(path)


@pytest.mark.parametrize(
    "change",
    [
        lambda about: about.pop("name"),
        lambda about: about.update(name=""),
        lambda about: about.update(name=7),
        lambda about: about.update(name="x" * 1000),
        lambda about: about.update(zones=[0.9, 0.1]),
        lambda about: about.update(zones=[0.1]),
        lambda about: about.update(zones=[0.1, float("nan")]),
        lambda about: about.update(zones=None),
        lambda about: about.update(format="1"),
        lambda about: about.update(format=0),
        lambda about: about.update(version=-1),
        lambda about: about.update(version=True),
        lambda about: about.update(created=None),
        lambda about: about.update(counts=["john"]),
        lambda about: about.update(counts={"john": "many"}),
        lambda about: about.update(figures=[]),
        lambda about: about.update(figures={"groups": []}),
        lambda about: about.update(extractor=None),
        lambda about: about.update(extractor={}),
        lambda about: about["extractor"].update(more=1),
        lambda about: about["extractor"].update(stages=[1, 2]),
        lambda about: about["extractor"].update(backbone=None),
        lambda about: about["extractor"].update(version="1"),
        lambda about: about["extractor"]["preprocessing"].update(size=10**9),
        lambda about: about["extractor"]["preprocessing"].update(size=2.5),
        lambda about: about["extractor"]["preprocessing"].update(crop=float("inf")),
        lambda about: about["extractor"]["preprocessing"].update(std=[0, 1, 1]),
        lambda about: about["extractor"]["preprocessing"].update(mean=["a", "b", "c"]),
        lambda about: about["extractor"]["preprocessing"].pop("interpolation"),
        lambda about: about.update(evidence="hearsay"),
        lambda about: about.update(evidence=["faces"]),
        lambda about: about.update(evidence=None),
        lambda about: about.update(format=3),
        lambda about: about.update(digest="0" * 64),
        lambda about: about.pop("digest"),
    ],
)
def test_what_the_header_may_not_say_is_refused(file: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    rewrite(file, change)
    assert "damaged" in said_of(file)


def test_a_bottomless_header_is_refused(file: Path) -> None:
    for header in (b'{"a":' + b"[" * 200_000, b'{"lennonnet":' + b'{"a":' * 100_000):
        file.write_bytes(len(header).to_bytes(8, "little") + header)
        said_of(file)
    metadata = {"lennonnet": "[" * 100_000}
    file.write_bytes(safetensors.numpy.save({"weight": np.ones(1, np.float32)}, metadata))
    assert "damaged" in said_of(file)


def test_a_cut_file_is_refused_wherever_it_is_cut(file: Path) -> None:
    content = file.read_bytes()
    for length in range(len(content)):
        file.write_bytes(content[:length])
        said_of(file)
    file.write_bytes(content[:-1])
    assert "is cut off" in said_of(file)


def test_a_longer_file_is_refused(file: Path) -> None:
    file.write_bytes(file.read_bytes() + b"\0")
    said_of(file)


def test_a_flipped_byte_is_refused_or_harmless(file: Path) -> None:
    content = file.read_bytes()
    length = 8 + int.from_bytes(content[:8], "little")
    random = np.random.default_rng(0)
    refused = 0
    for place in range(len(content)):
        damaged = bytearray(content)
        damaged[place] ^= 1 << int(random.integers(8))
        file.write_bytes(damaged)
        try:
            loaded = Subject.load(file)
        except SubjectUnreadable:
            refused += 1
        else:
            assert place < length  # a changed number never passes
            np.testing.assert_array_equal(loaded.head.weight, made().head.weight)
    assert refused > 0.4 * len(content)


def test_a_scrambled_file_is_refused_or_harmless(file: Path) -> None:
    content = file.read_bytes()
    random = np.random.default_rng(1)
    for _ in range(500):
        damaged = bytearray(content)
        start = int(random.integers(len(content)))
        stop = start + int(random.integers(1, 40))
        kind = int(random.integers(3))
        if kind == 0:
            damaged[start:stop] = random.bytes(stop - start)
        elif kind == 1:
            del damaged[start:stop]
        else:
            damaged[start:start] = damaged[: stop - start]
        file.write_bytes(damaged)
        try:
            loaded = Subject.load(file)
        except SubjectUnreadable:
            continue
        np.testing.assert_array_equal(loaded.head.weight, made().head.weight)


# -- with a network of its own


def tuned(width: int = 12, **given: Any) -> Subject:
    random = np.random.default_rng(2)
    network = TunedNetwork.of(
        {
            "conv.weight": random.normal(size=(4, 3, 3, 3)).astype(np.float16),
            "norm.bias": random.normal(size=4).astype(np.float32),
        }
    )
    spec = dataclasses.replace(SPEC, weights=network.weights)
    return made(width=width, spec=spec, network=network, provenance={"seed": 3, "photos": ["+ab"]}, **given)


@pytest.fixture
def tuned_file(tmp_path: Path) -> Path:
    path = tmp_path / "tuned.safetensors"
    tuned().save(path)
    return path


def test_a_network_comes_back_and_is_read_only_when_asked_for(tuned_file: Path) -> None:
    before, after = tuned(), Subject.load(tuned_file)
    for part in ("name", "zones", "spec", "counts", "figures", "created", "version"):
        assert getattr(after, part) == getattr(before, part)
    assert after.provenance == {"seed": 3, "photos": ["+ab"]}
    assert before.network is not None and after.network is not None
    np.testing.assert_array_equal(after.head.weight, before.head.weight)
    expected, tensors = before.network.tensors(), after.network.tensors()
    assert {name: tensor.dtype for name, tensor in tensors.items()} == {
        "conv.weight": np.float16,
        "norm.bias": np.float32,
    }
    for name in expected:
        np.testing.assert_array_equal(tensors[name], expected[name])
    assert hash_of_tensors(tensors) == after.network.weights == after.spec.weights


def test_a_subject_read_from_a_file_can_be_saved_elsewhere(tuned_file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.safetensors"
    dataclasses.replace(Subject.load(tuned_file), version=9).save(other)
    tuned_file.unlink()
    again = Subject.load(other)
    assert again.version == 9
    assert again.network is not None
    assert hash_of_tensors(again.network.tensors()) == again.spec.weights


def test_without_a_network_older_programs_can_read_the_file(file: Path, tuned_file: Path) -> None:
    assert [header_of(path)["format"] for path in (file, tuned_file)] == [1, 2]
    assert subject.FORMAT == 3
    assert not {"faces", "faces_digest", "evidence"} & header_of(file).keys()
    assert Subject.load(file).faces is None and not Subject.load(file).holds_faces


def test_a_cut_file_with_a_network_is_refused_wherever_it_is_cut(tuned_file: Path) -> None:
    content = tuned_file.read_bytes()
    for length in range(0, len(content), 7):
        tuned_file.write_bytes(content[:length])
        said_of(tuned_file)
    tuned_file.write_bytes(content[:-1])
    assert "is cut off" in said_of(tuned_file)
    tuned_file.write_bytes(content + b"\0")
    said_of(tuned_file)


def test_a_flipped_byte_with_a_network_is_refused_or_harmless(tuned_file: Path) -> None:
    content = tuned_file.read_bytes()
    length = 8 + int.from_bytes(content[:8], "little")
    random = np.random.default_rng(0)
    for place in range(length, len(content)):
        damaged = bytearray(content)
        damaged[place] ^= 1 << int(random.integers(8))
        tuned_file.write_bytes(damaged)
        try:
            loaded = Subject.load(tuned_file)
        except SubjectUnreadable:
            continue
        np.testing.assert_array_equal(loaded.head.weight, tuned().head.weight)
        assert loaded.network is not None
        with pytest.raises(BackboneUnavailable, match="damaged"):
            extractors.load(loaded.spec, network=loaded.network)


def test_a_network_of_another_shape_is_refused(tuned_file: Path) -> None:
    loaded = Subject.load(tuned_file)
    with pytest.raises(BackboneUnavailable, match="is no “tf_efficientnet_lite0”"):
        extractors.load(loaded.spec, network=loaded.network)


def test_a_network_that_is_not_known_is_refused(tuned_file: Path) -> None:
    loaded = Subject.load(tuned_file)
    with pytest.raises(BackboneUnavailable, match="does not know"):
        extractors.load(dataclasses.replace(loaded.spec, backbone="resnet9000"), network=loaded.network)


@pytest.mark.parametrize(
    "change",
    [
        lambda about: about.update(format=1),
        lambda about: about.update(provenance=[]),
        lambda about: about["extractor"].update(weights=7),
    ],
)
def test_what_the_header_may_not_say_with_a_network_is_refused(
    tuned_file: Path, change: Callable[[dict[str, Any]], Any]
) -> None:
    rewrite(tuned_file, change)
    assert "damaged" in said_of(tuned_file)


def test_a_network_of_other_numbers_is_refused(tuned_file: Path) -> None:
    content = tuned_file.read_bytes()
    length = int.from_bytes(content[:8], "little")
    metadata = json.loads(content[8 : 8 + length])["__metadata__"]
    tensors = {**safetensors.numpy.load(content), "network.more": np.ones(2, np.int32)}
    tuned_file.write_bytes(safetensors.numpy.save(tensors, metadata))
    assert "damaged" in said_of(tuned_file)


# -- with a face


@pytest.fixture(params=["scene", "network"])
def faced(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Subject, Path]:
    """A subject with a face, with and without a network of its own, and its file."""
    kind = tuned if request.param == "network" else made
    subject, path = kind(faces=face_head(), evidence="scene"), tmp_path / "faced.safetensors"
    subject.save(path)
    return subject, path


def test_a_face_comes_back(faced: tuple[Subject, Path], tmp_path: Path) -> None:
    before, path = faced
    after = Subject.load(path)
    assert before.faces is not None and before.holds_faces and after.holds_faces
    assert_same_faces(after.faces, before.faces)
    assert after.evidence == "scene" and after.faces is not None and after.faces.evidence is Evidence.BOTH
    for part in ("name", "zones", "spec", "counts", "figures", "created", "version", "provenance"):
        assert getattr(after, part) == getattr(before, part)
    np.testing.assert_array_equal(after.head.weight, before.head.weight)
    assert (after.network is None) == (before.network is None)
    if after.network is not None:
        assert hash_of_tensors(after.network.tensors()) == after.spec.weights
    assert header_of(path)["format"] == 3
    after.save(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == path.read_bytes()


def test_a_face_with_nothing_in_it_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "one.safetensors"
    for faces in (face_head(0), FaceHead(Persons())):
        made(faces=faces).save(path)
        assert_same_faces(Subject.load(path).faces, faces)


def test_single_faces_can_be_left_out(faced: tuple[Subject, Path], tmp_path: Path) -> None:
    before, path = faced
    assert before.faces is not None
    other = tmp_path / "other.safetensors"
    Subject.load(path).save(other, without_faces=True)
    after = Subject.load(other)
    assert not after.holds_faces
    assert_same_faces(after.faces, before.faces.without_examples())
    content = other.read_bytes()
    for faces in (before.faces.examples, before.faces.digests, before.faces.persons.mean[2:]):
        for face in faces:
            assert face.tobytes() in path.read_bytes() and face.tobytes() not in content
    assert before.faces.persons.mean[0].tobytes() in content, "it still knows the subject"
    assert after.evidence == "scene" and header_of(other)["format"] == 3
    assert Subject.load(path).holds_faces, "the file that it came from stays"


def test_evidence_alone_is_for_older_programs_too(tmp_path: Path) -> None:
    path = tmp_path / "one.safetensors"
    for evidence in ("faces", "both"):
        made(evidence=evidence).save(path, without_faces=True)
        assert header_of(path)["format"] == 1 and Subject.load(path).evidence == evidence


def test_a_cut_file_with_a_face_is_refused_wherever_it_is_cut(faced: tuple[Subject, Path]) -> None:
    _, path = faced
    content = path.read_bytes()
    for length in range(0, len(content), 13):
        path.write_bytes(content[:length])
        said_of(path)
    path.write_bytes(content[:-1])
    assert "is cut off" in said_of(path)
    path.write_bytes(content + b"\0")
    said_of(path)


def test_a_flipped_byte_in_a_face_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "john.safetensors"
    made(faces=face_head()).save(path)
    content = path.read_bytes()
    length = 8 + int.from_bytes(content[:8], "little")
    random = np.random.default_rng(0)
    for place in range(length, len(content), 3):
        damaged = bytearray(content)
        damaged[place] ^= 1 << int(random.integers(8))
        path.write_bytes(damaged)
        assert "damaged" in said_of(path)


def test_a_scrambled_file_with_a_face_is_refused_or_harmless(tmp_path: Path) -> None:
    path = tmp_path / "john.safetensors"
    before = made(faces=face_head())
    before.save(path)
    content = path.read_bytes()
    random = np.random.default_rng(1)
    for _ in range(300):
        damaged = bytearray(content)
        start = int(random.integers(len(content)))
        damaged[start : start + int(random.integers(1, 40))] = random.bytes(int(random.integers(0, 40)))
        path.write_bytes(damaged)
        try:
            loaded = Subject.load(path)
        except SubjectUnreadable:
            continue
        assert before.faces is not None
        assert_same_faces(loaded.faces, before.faces)


@pytest.mark.parametrize(
    "change",
    [
        lambda about: about.pop("faces"),
        lambda about: about.pop("faces_digest"),
        lambda about: about.update(faces_digest="0" * 64),
        lambda about: about.update(faces=[]),
        lambda about: about["faces"].update(slope=0.9),
        lambda about: about.update(format=1),
        lambda about: about.update(format=2),
        lambda about: about.update(evidence="hearsay"),
    ],
)
def test_what_the_header_may_not_say_with_a_face_is_refused(
    faced: tuple[Subject, Path], change: Callable[[dict[str, Any]], Any]
) -> None:
    rewrite(faced[1], change)
    assert "damaged" in said_of(faced[1])


@pytest.mark.parametrize(
    "change",
    [
        {"slope": float("nan")},
        {"slope": -1.0},
        {"groups": ["george", "george"]},
        {"groups": [7]},
        {"groups": []},
        {"evidence": "hearsay"},
        {"bare": [1.0]},
        {"faced": None},
        {"tables": {"examples": np.full((5, 128), np.nan, np.float16)}},
        {"tables": {"examples": np.zeros((5, 127), np.float16)}},
        {"tables": {"examples": np.zeros((4, 128), np.float16)}},
        {"tables": {"examples": np.zeros((5, 128), np.float32)}},
        {"tables": {"kind": np.full(5, 9, np.int16)}},
        {"tables": {"numbers": np.zeros(5, np.int16)}},
        {"tables": {"more": np.zeros(5, np.int16)}},
        {"tables": {"digests": None}},
        {"tables": {"person_mean": np.full((3, 128), np.inf, np.float32)}},
        {"tables": {"person_spread": np.zeros(3, np.float32)}},
        {"tables": {"person_kind": np.zeros((3, 1), np.int16)}},
    ],
)
def test_a_face_that_makes_no_sense_is_refused(
    faced: tuple[Subject, Path], change: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As whoever wants to do harm would write it: with the hash that it has to have."""
    before, path = faced
    assert before.faces is not None
    about, tables = before.faces.as_dict(), before.faces.to_tensors()
    tables = {name: table for name, table in (tables | change.get("tables", {})).items() if table is not None}
    about |= {name: value for name, value in change.items() if name != "tables"}
    monkeypatch.setattr(FaceHead, "to_tensors", lambda _: tables)
    monkeypatch.setattr(FaceHead, "as_dict", lambda _: about)
    before.save(path)
    monkeypatch.undo()
    assert "damaged" in said_of(path)


def test_too_many_faces_are_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "tuned.safetensors"
    tuned(faces=face_head(70_000)).save(path)  # too many for a file without a network as well

    def never(*_: object) -> None:
        raise AssertionError("the tables were read")

    monkeypatch.setattr(subject, "_digest", never)
    assert "too large" in said_of(path)
    monkeypatch.undo()
    made(faces=face_head(70_000)).save(path)
    assert "too large" in said_of(path)

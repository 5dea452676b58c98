"""Scoring: every photo is named once, whatever happens to the cache, the files or the network."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import numpy as np
import pytest

from training import extractors, photos, scoring
from training.crew import Worklist
from training.photos import Photo, PhotoFile
from training.scoring import CannotScore, Failed, NeedsDownload, Notice, Preparing, Scored
from training.subject import Subject


@pytest.fixture
def subject(subject_file: Path) -> Subject:
    return Subject.load(subject_file)


def files_in(folder: Path) -> list[PhotoFile]:
    return [file for batch in photos.scan(folder) for file in batch]


def scores(events: list[scoring.Event]) -> dict[str, float]:
    return {
        Path(path).name: float(probability)
        for event in events
        if isinstance(event, Scored)
        for path, probability in zip(event.paths, event.probabilities, strict=True)
    }


def test_each_photo_is_named_once_and_the_second_time_needs_no_network(
    folder: Path, subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "empty.jpg").touch()
    files = files_in(folder)
    first = list(scoring.score(files, subject))
    named = [path for event in first if isinstance(event, Scored) for path in event.paths]
    named += [event.path for event in first if isinstance(event, Failed)]
    assert sorted(named) == sorted(file.path for file in files)
    assert any(isinstance(event, Preparing) for event in first)
    monkeypatch.setattr(extractors, "load", None)
    readable = [file for file in files if file.size]
    again = list(scoring.score(readable, subject))
    assert scores(again) == scores(first)  # to the last digit: features are scored as they are cached
    assert all(isinstance(event, Scored) for event in again)


def test_what_the_cache_knows_is_dropped_from_the_worklist(folder: Path, subject: Subject) -> None:
    files = files_in(folder)
    list(scoring.score(files[:4], subject))
    work = Worklist(files)
    decoded: list[str] = []

    def note(file: PhotoFile, _photo: Photo) -> None:
        decoded.append(file.path)

    list(scoring.score(files, subject, work=work, decoded=note))
    assert sorted(decoded) == sorted(file.path for file in files[4:])


def test_a_copy_is_recognised_by_its_content(
    folder: Path, subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = list(scoring.score(files_in(folder), subject))
    (folder / "copy.jpg").write_bytes((folder / "chelsea.jpg").read_bytes())
    monkeypatch.setattr(extractors, "load", None)
    again = list(scoring.score(files_in(folder), subject))
    assert scores(again)["copy.jpg"] == scores(first)["chelsea.jpg"]


def test_a_changed_photo_is_looked_at_again(folder: Path, subject: Subject) -> None:
    list(scoring.score(files_in(folder), subject))
    (folder / "chelsea.jpg").write_bytes((folder / "rocket.jpg").read_bytes())
    os.utime(folder / "chelsea.jpg", (10**9, 10**9))
    assert scores(list(scoring.score(files_in(folder), subject)))["chelsea.jpg"] < 0.5


def test_work_that_was_done_before_a_stop_is_kept(
    folder: Path, subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = scoring.score(files_in(folder), subject)
    done = scores([next(event for event in events if isinstance(event, Scored))])
    events.close()
    monkeypatch.setattr(extractors, "load", None)
    files = [file for file in files_in(folder) if Path(file.path).name in done]
    assert scores(list(scoring.score(files, subject))) == done


def test_without_a_place_for_the_cache_it_says_so_and_scores(
    home: Path, folder: Path, subject: Subject
) -> None:
    (home / "cache").write_text("a file where the folder should be")
    events = list(scoring.score(files_in(folder), subject))
    assert len(scores(events)) == 8
    assert [event for event in events if isinstance(event, Notice)]


def test_files_that_vanish_meanwhile_are_named(folder: Path, subject: Subject) -> None:
    files = files_in(folder)
    for file in files[:3]:
        Path(file.path).unlink()
    events = list(scoring.score(files, subject))
    failed = {event.path for event in events if isinstance(event, Failed)}
    assert failed == {file.path for file in files[:3]} and len(scores(events)) == 5


def test_a_subject_for_other_weights_is_refused_in_words(folder: Path, subject: Subject) -> None:
    other = dataclasses.replace(subject, spec=dataclasses.replace(subject.spec, weights="00"))
    with pytest.raises(CannotScore, match="other weights"):
        list(scoring.score(files_in(folder), other))


def test_probabilities_are_the_heads(folder: Path, subject: Subject) -> None:
    extractor = extractors.load(subject.spec)
    square = extractor.spec.prepare(photos.load(folder / "chelsea.jpg").pixels)
    vector = extractor.run(np.stack([square])).astype(np.float16)
    expected = float(subject.head.score(vector)[0])
    got = scores(list(scoring.score(files_in(folder), subject)))["chelsea.jpg"]
    assert got == pytest.approx(expected, abs=0.02)


def test_another_network_needs_no_photo_hashed_again(
    folder: Path, subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    list(scoring.score(files_in(folder), subject))
    monkeypatch.setattr(photos, "digest", None)
    wider = dataclasses.replace(subject.spec.preprocessing, crop=1.0)
    other = dataclasses.replace(subject, spec=dataclasses.replace(subject.spec, preprocessing=wider))
    assert len(scores(list(scoring.score(files_in(folder), other)))) == 8


def test_recognising_many_copies_can_be_stopped(
    folder: Path, subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    list(scoring.score(files_in(folder), subject))
    folder.rename(folder.with_name("moved"))
    monkeypatch.setattr(scoring, "_HASH_S", 0.0)
    hashed: list[str] = []
    digest = photos.digest

    def count(path: str) -> bytes:
        hashed.append(path)
        return digest(path)

    monkeypatch.setattr(photos, "digest", count)
    events = scoring.score(files_in(folder.with_name("moved")), subject)
    next(events)
    events.close()
    assert len(hashed) == 1


@pytest.mark.parametrize("change", [{"stages": ("nope",)}, {"stages": ("blocks.4",)}])
def test_a_subject_that_does_not_fit_its_network_is_refused_in_words(
    folder: Path, subject: Subject, change: dict[str, object]
) -> None:
    spec = dataclasses.replace(subject.spec, **change)  # type: ignore[arg-type]
    with pytest.raises(CannotScore, match="train"):
        list(scoring.score(files_in(folder), dataclasses.replace(subject, spec=spec)))


def test_a_network_that_is_not_here_is_not_fetched_unasked(folder: Path, subject: Subject) -> None:
    other = dataclasses.replace(subject, spec=dataclasses.replace(subject.spec, backbone="resnet10t"))
    with pytest.raises(NeedsDownload, match="resnet10t"):
        list(scoring.score(files_in(folder), other, may_download=False))

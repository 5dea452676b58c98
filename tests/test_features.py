"""Features: the same for the same photo however it is run, in an order that the viewer sets, and stoppable."""

from __future__ import annotations

import dataclasses
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from training import backbones, extractors, features, photos, torch_runtime
from training.crew import Unreadable, Worklist
from training.extractors import Extractor, ExtractorMismatch, ExtractorSpec
from training.features import Features
from training.photos import PhotoFile


@pytest.fixture(scope="module")
def extractor() -> Extractor:
    return extractors.load()


def files_in(folder: Path) -> list[PhotoFile]:
    return [file for batch in photos.scan(folder) for file in batch]


def all_of(folder: Path, extractor: Extractor, **more: Any) -> dict[str, Features | Unreadable]:
    batches = features.extract(Worklist(files_in(folder)), extractor.spec, lambda: extractor, **more)
    return {item.file.path: item for batch in batches for item in batch}


def vectors(results: dict[str, Features | Unreadable]) -> np.ndarray:
    return np.stack([item.vector for _, item in sorted(results.items()) if isinstance(item, Features)])


def test_the_numbers_are_the_pooled_head_and_the_spread_of_late_stages(
    extractor: Extractor, pictures: dict[str, np.ndarray]
) -> None:
    torch_runtime.load()
    import torch

    backbone = backbones.load()
    square = extractor.spec.prepare(pictures["chelsea"])
    got = extractor.run(np.stack([square]))[0]
    assert extractor.parts == (1280, 112, 112, 112, 192, 192, 192) and got.shape == (2192,)
    with torch.inference_mode():
        x = (torch.from_numpy(square.copy()).permute(2, 0, 1)[None] / 255 - 0.5) / 0.5
        fourth = backbone.module.blocks[:5](backbone.module.bn1(backbone.module.conv_stem(x)))
        pooled = backbone.module.forward_head(backbone.module.forward_features(x), pre_logits=True)[0]
        upper, lower = fourth[:, :, :7].mean((2, 3))[0], fourth[:, :, 7:].mean((2, 3))[0]
        std = fourth.std((2, 3), correction=0)[0]
    parts = np.split(got, np.cumsum(extractor.parts)[:-1])
    for part, expected in zip(parts, (pooled, upper, lower, std), strict=False):
        assert np.corrcoef(part, expected.numpy())[0, 1] > 0.999  # the processor may work in bfloat16


def test_batch_size_and_threads_do_not_matter(extractor: Extractor, folder: Path) -> None:
    one = vectors(all_of(folder, extractor, batch=2, threads=1))
    many = vectors(all_of(folder, extractor, batch=16, threads=3))
    assert one.shape == many.shape == (8, 2192)
    np.testing.assert_allclose(one.astype(float), many.astype(float), atol=0.15, rtol=0.05)


def test_preparing_cuts_the_middle_as_timm_does(
    extractor: Extractor, pictures: dict[str, np.ndarray]
) -> None:
    torch_runtime.load()
    import timm.data

    picture = Image.fromarray(pictures["astronaut"]).resize((500, 375))
    transform = timm.data.create_transform(input_size=224, crop_pct=0.875, interpolation="bicubic")
    theirs = transform.transforms[1](transform.transforms[0](picture))  # resize, then cut to whole pixels
    ours = Image.fromarray(extractor.spec.prepare(np.asarray(picture)))
    assert ours.size == theirs.size == (224, 224)
    difference = np.asarray(theirs.reduce(8)).astype(int) - np.asarray(ours.reduce(8))
    assert np.abs(difference).mean() < 3  # a shift of half a pixel; another crop differs by 9 and more


def test_an_unreadable_photo_costs_only_itself(extractor: Extractor, folder: Path) -> None:
    (folder / "cut.jpg").write_bytes((folder / "chelsea.jpg").read_bytes()[:2000])
    (folder / "empty.png").touch()
    results = all_of(folder, extractor)
    failed = {Path(path).name for path, item in results.items() if isinstance(item, Unreadable)}
    assert len(results) == 10 and failed == {"cut.jpg", "empty.png"}


def test_what_is_preferred_comes_first(extractor: Extractor, folder: Path) -> None:
    work = Worklist(files_in(folder))
    last = sorted(file.path for file in files_in(folder))[-1]
    work.prefer([last, "/not/there.jpg"])
    batches = features.extract(work, extractor.spec, lambda: extractor, threads=1)
    assert next(item for batch in batches for item in batch).file.path == last


def test_pictures_come_before_the_network_is_there(extractor: Extractor, folder: Path) -> None:
    decoded: list[str] = []
    enough = threading.Event()

    def note(file: PhotoFile, photo: photos.Photo) -> None:
        assert photo.pixels.shape[2] == 3
        decoded.append(file.path)
        if len(decoded) == 8:
            enough.set()

    def load() -> Extractor:
        assert enough.wait(30)
        return extractor

    results = list(features.extract(Worklist(files_in(folder)), extractor.spec, load, decoded=note))
    assert len(decoded) == sum(map(len, results)) == 8


def test_a_network_that_does_not_load_ends_it_and_leaves_no_thread(
    folder: Path, extractor: Extractor
) -> None:
    def fail() -> Extractor:
        raise ExtractorMismatch("other weights")

    with pytest.raises(ExtractorMismatch):
        list(features.extract(Worklist(files_in(folder)), extractor.spec, fail))
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("photos")]


def test_closing_early_stops_the_threads(extractor: Extractor, folder: Path) -> None:
    batches = features.extract(Worklist(files_in(folder)), extractor.spec, lambda: extractor, batch=2)
    next(batch for batch in batches if batch)
    batches.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("photos")]


def test_an_error_in_a_thread_reaches_the_consumer(
    extractor: Extractor, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(ExtractorSpec, "prepare", fail)
    with pytest.raises(ZeroDivisionError):
        list(features.extract(Worklist(files_in(folder)), extractor.spec, lambda: extractor))


def test_a_spec_survives_its_text_and_names_itself() -> None:
    spec = extractors.load().spec
    again = extractors.spec_from_json(extractors.spec_to_json(spec))
    assert again == spec and again.id == spec.id
    wider = dataclasses.replace(spec, preprocessing=dataclasses.replace(spec.preprocessing, crop=1.0))
    assert wider.id != spec.id
    with pytest.raises(ValueError):
        extractors.spec_from_json("{}")


@pytest.mark.parametrize("change", [{"weights": "00"}, {"version": 99}])
def test_another_network_than_the_subjects_is_refused(
    extractor: Extractor, change: dict[str, object]
) -> None:
    with pytest.raises(ExtractorMismatch):
        extractors.load(dataclasses.replace(extractor.spec, **change))  # type: ignore[arg-type]


def test_worklist_gives_each_photo_once_and_knows_what_is_under_way() -> None:
    files = [PhotoFile(f"/{n}.jpg", 1, 1) for n in range(4)]
    work = Worklist(files)
    work.drop(["/1.jpg"])
    work.prefer(["/3.jpg"])
    assert [file.path for file in iter(work.take, None)] == ["/3.jpg", "/0.jpg", "/2.jpg"]
    assert "/3.jpg" in work and "/1.jpg" not in work and len(work) == 0
    work.done("/3.jpg")
    assert "/3.jpg" not in work


def test_torch_comes_without_a_long_hold_of_pythons_lock() -> None:
    import subprocess
    import sys

    script = """
import threading, time
from training import torch_runtime
gaps, done = [], threading.Event()
def watch():
    last = time.perf_counter()
    while not done.is_set():
        time.sleep(0.001)
        now = time.perf_counter()
        gaps.append(now - last)
        last = now
watcher = threading.Thread(target=watch, daemon=True)  # else a failing import would never end
watcher.start()
torch_runtime.load()
done.set()
watcher.join()
import gc
print(len([gap for gap in gaps if gap > 0.12]), gc.isenabled(), gc.get_freeze_count() > 100_000)
"""
    # Without the care that load() takes, mapping alone holds the lock for 160 ms and more.
    answers = [
        subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True
        ).stdout.split()
        for _ in range(2)
    ]
    assert ["0", "True", "True"] in answers


def test_batches_of_one_and_photos_too_large_for_memory(
    extractor: Extractor, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = photos.load

    def load_all_but_one(path: str, *, short_side: int = 256) -> photos.Photo:
        if path.endswith("coffee.jpg"):
            raise MemoryError
        return load(path, short_side=short_side)

    monkeypatch.setattr(photos, "load", load_all_but_one)
    results = all_of(folder, extractor, batch=1)
    (failed,) = [item for item in results.values() if isinstance(item, Unreadable)]
    assert len(results) == 8 and "memory" in failed.reason


def test_where_bfloat16_does_not_pay_the_numbers_are_those_of_float32(
    monkeypatch: pytest.MonkeyPatch, pictures: dict[str, np.ndarray]
) -> None:
    torch_runtime.load()
    import torch

    squares = np.stack([ExtractorSpec.of(backbones.load()).prepare(pictures["chelsea"])])
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: False)
    never_tried = extractors.load().run(squares)
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: True)
    monkeypatch.setattr(time, "perf_counter", lambda: 0.0)  # neither is quicker
    np.testing.assert_array_equal(extractors.load().run(squares), never_tried)


def test_what_is_looked_at_is_decoded_even_while_many_wait_for_the_network(
    extractor: Extractor, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(features, "_MOST_READY", 2)
    files = files_in(folder)
    work = Worklist(files)
    decoded: list[str] = []
    first, looked_at = threading.Event(), threading.Event()

    def note(file: PhotoFile, _photo: photos.Photo) -> None:
        decoded.append(file.path)
        if len(decoded) == 2:
            first.set()
        if file.path == files[-1].path:
            looked_at.set()

    def load() -> Extractor:
        assert first.wait(30)
        work.prefer([files[-1].path])
        assert looked_at.wait(30)
        return extractor

    results = list(features.extract(work, extractor.spec, load, decoded=note, threads=1))
    assert sum(map(len, results)) == 8
    assert decoded.index(files[-1].path) == 2

"""The built-in network is the real one; others come by download or with a clear word."""

from __future__ import annotations

import socket
from pathlib import Path

import numpy as np
import pytest

from training import backbones, torch_runtime
from training.backbones import BackboneUnavailable, DownloadNeeded


def test_the_built_in_network_knows_a_cat(pictures: dict[str, np.ndarray]) -> None:
    torch_runtime.load()
    import timm.data
    import torch
    from PIL import Image

    backbone = backbones.load()
    transform = timm.data.create_transform(**timm.data.resolve_data_config({}, model=backbone.module))
    with torch.inference_mode():
        answer = backbone.module(transform(Image.fromarray(pictures["chelsea"]))[None]).softmax(1)[0]
    assert int(answer.argmax()) == 282  # ImageNet's "tiger cat"
    assert float(answer[282]) == pytest.approx(0.393, abs=0.005)


def test_preprocessing_is_the_networks_own() -> None:
    preprocessing = backbones.load().preprocessing
    assert (preprocessing.size, preprocessing.crop, preprocessing.interpolation) == (224, 0.875, "bicubic")
    assert preprocessing.mean == preprocessing.std == (0.5, 0.5, 0.5)


def test_damaged_weights_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    package = tmp_path / "damaged_weights"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "weights.pth").write_bytes(b"not the weights")
    monkeypatch.syspath_prepend(str(tmp_path))
    embedded = backbones._Embedded("damaged_weights", "weights.pth", "00" * 32)
    monkeypatch.setitem(backbones._EMBEDDED, backbones.DEFAULT, embedded)
    with pytest.raises(BackboneUnavailable, match="damaged"):
        backbones.load()


def test_missing_weights_are_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    embedded = backbones._Embedded("no_such_package", "weights.pth", "00" * 32)
    monkeypatch.setitem(backbones._EMBEDDED, backbones.DEFAULT, embedded)
    with pytest.raises(BackboneUnavailable, match="install Lennonnet again"):
        backbones.load()


def test_an_unknown_name_gets_a_suggestion() -> None:
    with pytest.raises(BackboneUnavailable, match="Did you mean resnet50"):
        backbones.load("resnet50x")


def test_without_a_network_connection_a_download_fails_soon_and_plainly(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_args: object, **_more: object) -> None:
        raise OSError("no route")

    monkeypatch.setattr(socket, "create_connection", refuse)
    for proxy in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(proxy, raising=False)
        monkeypatch.delenv(proxy.upper(), raising=False)
    with pytest.raises(BackboneUnavailable, match="Connect to the internet"):
        backbones.load("resnet10t")


def test_a_download_tells_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    torch_runtime.load()
    import threading

    import huggingface_hub
    import timm

    create, told = timm.create_model, threading.Event()
    seen: list[tuple[int, int]] = []

    def slow_download(name: str, pretrained: bool = False, cache_dir: Path | None = None) -> object:
        if pretrained and huggingface_hub.constants.HF_HUB_OFFLINE:
            raise OSError("not here")
        if pretrained:
            assert cache_dir is not None
            (cache_dir / "part").write_bytes(bytes(1000))
            assert told.wait(20)
        return create(name)

    def tell(so_far: int, expected: int) -> None:
        seen.append((so_far, expected))
        if so_far == 1000:
            told.set()

    monkeypatch.setattr(timm, "create_model", slow_download)
    monkeypatch.setattr(backbones, "_hub_answers", lambda: True)
    backbone = backbones.load("resnet10t", tell)
    assert (1000, 4 * sum(p.numel() for p in backbone.module.parameters())) in seen
    assert backbone.stages == ("layer3", "layer4")


def test_nothing_is_downloaded_that_nobody_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: object, **_more: object) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket, "create_connection", fail)
    monkeypatch.setattr(socket.socket, "connect", fail)
    with pytest.raises(DownloadNeeded, match=r"resnet10t.*MB"):
        backbones.load("resnet10t", may_download=False)


def test_a_download_can_be_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    torch_runtime.load()
    import threading

    import timm

    create, over = timm.create_model, threading.Event()

    def endless(name: str, pretrained: bool = False, cache_dir: Path | None = None) -> object:
        if pretrained and not huggingface_hub.constants.HF_HUB_OFFLINE:
            over.wait(60)
        if pretrained:
            raise OSError("not here")
        return create(name)

    def stop(_so_far: int, _expected: int) -> None:
        raise InterruptedError

    import huggingface_hub

    monkeypatch.setattr(timm, "create_model", endless)
    monkeypatch.setattr(backbones, "_hub_answers", lambda: True)
    with pytest.raises(InterruptedError):
        backbones.load("resnet10t", stop)
    over.set()

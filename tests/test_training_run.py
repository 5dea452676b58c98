from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from lennonnet_gui.training_run import TrainingRun, trainer_command
from tests import fake_trainer
from training.finetune import Batch, Checkpoint, Paused, Preparing, Resumed

BATCH = Batch(3, 120, 1, 0.5, 0.75, 85.0, 60.0)


class Listener:
    """A run, what it reported, and how it ended."""

    def __init__(self, qtbot: QtBot, folder: Path, patience_ms: int = 60_000) -> None:
        self.qtbot, self.folder = qtbot, folder
        self.events: list[object] = []
        self.ends: list[tuple[str, bool]] = []
        command = [sys.executable, "-S", "-E", fake_trainer.__file__, str(folder)]
        self.run = TrainingRun(command, patience_ms=patience_ms)
        self.run.reported.connect(self.events.append)
        self.run.ended.connect(self._ended)

    def _ended(self, sentence: str, crashed: bool) -> None:
        self.ends.append((sentence, crashed))

    def play(self, *lines: str) -> None:
        (self.folder / "train").write_text("\n".join(lines) + "\n")
        self.run.start(["fit", "--events"])

    def until_ended(self) -> tuple[str, bool]:
        self.qtbot.waitUntil(lambda: bool(self.ends), timeout=20_000)
        return self.ends[0]

    def until_heard(self, event: object) -> None:
        self.qtbot.waitUntil(lambda: event in self.events, timeout=20_000)


@pytest.fixture
def listener(qtbot: QtBot, tmp_path: Path) -> Iterator[Listener]:
    made = Listener(qtbot, tmp_path)
    yield made
    made.run.close()


def say(event: object) -> str:
    return f"say {event.to_json()}"  # type: ignore[attr-defined]


def test_events_come_in_order_and_then_the_end(listener: Listener) -> None:
    told = [Preparing("Waking up"), BATCH, Checkpoint(1)]
    listener.play(*map(say, told))
    assert listener.until_ended() == ("", False)
    assert listener.events == told
    assert not listener.run.running
    assert [json.loads(line) for line in (listener.folder / "calls").read_text().splitlines()] == [
        ["fit", "--events"]
    ]


def test_every_event_of_a_flood_comes_before_the_end(listener: Listener) -> None:
    listener.play(*[say(Checkpoint(number)) for number in range(3000)])
    assert listener.until_ended() == ("", False)
    assert [event.epoch for event in listener.events if isinstance(event, Checkpoint)] == list(range(3000))


def test_a_line_may_come_in_parts_and_lack_its_end(listener: Listener) -> None:
    whole = BATCH.to_json()
    listener.play(
        f"begin {whole[:20]}", f"begin {whole[20:]}", "say ", f"begin {Checkpoint(2).to_json()}", "exit 0"
    )
    assert listener.until_ended() == ("", False)
    assert listener.events == [BATCH, Checkpoint(2)]


def test_what_is_no_event_is_passed_over_and_kept_as_a_detail(listener: Listener) -> None:
    listener.play("say GPU available: False", 'say {"kind": "party"}', "say [1]", "say null", say(BATCH))
    assert listener.until_ended() == ("", False)
    assert listener.events == [BATCH]
    assert "GPU available: False" in listener.run.details


def test_pause_and_go_reach_the_trainer(listener: Listener) -> None:
    listener.play(say(BATCH), "hear pause", say(Paused()), "hear go", say(Resumed()))
    listener.until_heard(BATCH)
    listener.run.pause()
    listener.until_heard(Paused())
    listener.run.go()
    listener.until_heard(Resumed())
    assert listener.until_ended() == ("", False)


def test_a_clean_stop(listener: Listener) -> None:
    listener.play(say(BATCH), "hear stop", say(Checkpoint(1)))
    listener.until_heard(BATCH)
    listener.run.stop()
    listener.run.stop()  # once is enough
    sentence, crashed = listener.until_ended()
    assert "stopped" in sentence
    assert not crashed
    assert listener.events[-1] == Checkpoint(1)


def test_a_trainer_that_will_not_stop_is_ended(qtbot: QtBot, tmp_path: Path) -> None:
    listener = Listener(qtbot, tmp_path, patience_ms=50)
    listener.play(say(BATCH), "wait")
    listener.until_heard(BATCH)
    listener.run.stop()
    sentence, crashed = listener.until_ended()
    assert "stopped" in sentence
    assert not crashed


def test_what_the_trainer_refuses_is_a_sentence_and_no_crash(listener: Listener) -> None:
    listener.play("complain 12 photos found.", "complain There are no photos of others.", "exit 2")
    assert listener.until_ended() == ("There are no photos of others.", False)


def test_a_trainer_that_dies_is_a_crash_with_a_sentence(listener: Listener) -> None:
    listener.play(say(BATCH), "complain Killed soon", "die")
    sentence, crashed = listener.until_ended()
    assert crashed
    assert "memory" in sentence
    assert "kept" in sentence
    assert listener.events == [BATCH]
    assert listener.run.details == "Killed soon"


@pytest.mark.skipif(sys.platform == "win32", reason="no such signals there")
def test_a_trainer_killed_from_outside_is_a_crash(listener: Listener) -> None:
    listener.play(say(BATCH), "wait")
    listener.until_heard(BATCH)
    os.kill(listener.run.process_id, signal.SIGKILL)
    assert listener.until_ended()[1]


def test_an_error_of_the_trainers_is_a_crash_that_says_the_error(listener: Listener) -> None:
    listener.play("complain Traceback (most recent call last):", "complain RuntimeError: no luck", "exit 1")
    sentence, crashed = listener.until_ended()
    assert crashed
    assert "RuntimeError: no luck" in sentence


def test_a_trainer_that_is_not_there(qtbot: QtBot, tmp_path: Path) -> None:
    run = TrainingRun([str(tmp_path / "nowhere")])
    with qtbot.waitSignal(run.ended) as ended:
        run.start(["fit"])
    assert "can’t be started" in ended.args[0]
    assert ended.args[1] is False
    assert not run.running


def test_a_name_that_can_not_be_passed_on_is_refused(listener: Listener) -> None:
    with pytest.raises(ValueError, match="photos"):
        listener.run.start(["fit", "photos\udcff"])
    assert not listener.run.running


def test_closing_ends_it_and_reports_nothing(listener: Listener) -> None:
    listener.play(say(BATCH), "wait")
    listener.until_heard(BATCH)
    number = listener.run.process_id
    listener.run.close()
    assert listener.ends == []
    if sys.platform != "win32":
        with pytest.raises(ProcessLookupError):
            os.kill(number, 0)


def test_an_abandoned_run_goes_away_by_itself(qtbot: QtBot, listener: Listener) -> None:
    listener.play(say(BATCH), "wait")
    listener.until_heard(BATCH)
    gone: list[bool] = []
    listener.run._process.destroyed.connect(lambda: gone.append(True))
    listener.run.abandon()
    qtbot.waitUntil(lambda: bool(gone))
    assert listener.ends == []
    listener.run = TrainingRun()  # for the fixture to close


def test_the_trainer_of_a_checkout_and_of_a_bundle(monkeypatch: pytest.MonkeyPatch) -> None:
    assert trainer_command() == [sys.executable, "-m", "training"]
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert trainer_command() == [sys.executable, "--as-trainer"]


def test_the_real_trainer_is_found_from_anywhere(
    qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run = TrainingRun()
    with qtbot.waitSignal(run.ended, timeout=60_000) as ended:
        run.start(["fit", str(tmp_path / "nowhere"), "--subject", "mila"])
    assert "nowhere" in ended.args[0]  # its own words
    assert ended.args[1] is False

"""Draws the curves of a deep training, as the window shows them, from the events that it told.

    QT_QPA_PLATFORM=offscreen python -m docs.curves EVENTS [SEED]

EVENTS is what `benchmarks.deep_accuracy --events` wrote; SEED says which of its runs, counted from 1.
"""

from __future__ import annotations

import sys
from pathlib import Path

from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QVBoxLayout, QWidget

from lennonnet_gui import theme
from lennonnet_gui.curves import Curves
from lennonnet_gui.jobs import Jobs
from training import events
from training.events import Baseline, Batch, Epoch, Event, Finished


def main(file: Path, seed: int) -> None:
    """Write docs/training-curves.png."""
    app = QApplication(["lennonnet"])
    app.setStyle("Fusion")
    theme.choose(theme.Scheme.LIGHT)
    jobs = Jobs()
    curves = Curves(jobs)
    frame = QWidget()
    QVBoxLayout(frame).addWidget(curves)
    frame.resize(780, 400)
    frame.show()
    curves.prepare()
    told: list[Event] = []
    run = 1
    for line in file.read_text().splitlines():
        event = events.from_json(line)
        if run == seed:
            told.append(event)
        run += isinstance(event, Finished)
    epochs = [event for event in told if isinstance(event, Epoch)]
    curves.begin("John", epochs[0].of)
    for event in told:
        if isinstance(event, Baseline):
            curves.set_held_out(event.photos)
            curves.set_levels(event.always_not, event.quick)
        elif isinstance(event, Batch):
            curves.add_batch(event.step * epochs[0].of / event.steps, event.loss, event.right)
        elif isinstance(event, Epoch):
            curves.add_round(
                event.number,
                event.training_loss,
                event.validation_loss,
                event.training_right,
                event.validation_right,
            )
    while jobs.busy():
        app.processEvents()
    QTest.qWait(1500)  # it draws no more often than ten times a second
    frame.grab().save(str(Path(__file__).with_name("training-curves.png")))
    jobs.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1)

"""A window of another program, such as a file manager: what is dropped on it is copied or moved, as it is offered.

    python drop_target.py FOLDER X Y WIDTH HEIGHT

Writes a line of JSON when it stands, and one for each drop; the mouse walks read them.
"""

from __future__ import annotations

import json
import shutil
import sys

from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QDragEnterEvent, QDragMoveEvent, QDropEvent, QShowEvent
from PySide6.QtWidgets import QApplication, QWidget


class DropTarget(QWidget):
    """Takes files as the other side proposes, and would take them away if it were let."""

    def __init__(self, folder: str) -> None:
        super().__init__(None, Qt.WindowType.FramelessWindowHint | Qt.WindowType.WindowStaysOnTopHint)
        self._folder = folder
        self.setAcceptDrops(True)

    def showEvent(self, event: QShowEvent) -> None:
        tell({"ready": True})

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        paths = [url.toLocalFile() for url in event.mimeData().urls()]
        act = shutil.move if event.proposedAction() == Qt.DropAction.MoveAction else shutil.copy2
        for path in paths:
            act(path, self._folder)
        tell(
            {
                "paths": paths,
                "proposed": event.proposedAction().name,
                "possible": event.possibleActions().value,
                "formats": event.mimeData().formats(),
            }
        )
        event.acceptProposedAction()


def tell(what: dict[str, object]) -> None:
    """One line for whoever reads."""
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    app = QApplication([])
    window = DropTarget(sys.argv[1])
    x, y, width, height = map(int, sys.argv[2:6])
    window.resize(width, height)
    window.move(QPoint(x, y))
    window.show()
    sys.exit(app.exec())

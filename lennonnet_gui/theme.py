"""The tokens of the design: every colour, distance and text size of the window, and its icons.

The photos are the only saturated thing in the window. All else is neutral and follows the system's light or
dark scheme; the three zones are Okabe-Ito blue, grey and orange (Okabe and Ito, "Color Universal Design",
2008), which stay apart for colour-blind eyes, and never stand without a glyph and a number.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from PySide6.QtCore import QByteArray, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QGuiApplication, QIcon, QPainter, QPalette, QPen, QPixmap, QPolygonF
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QApplication

from training import paths
from training.zones import Zone

GRID = 8
"""Every distance in the window is a multiple (or half) of this many device-independent pixels."""

TEXT_SMALL, TEXT_BODY, TEXT_TITLE = 0.88, 1.0, 1.6
"""The three text sizes, as multiples of the system's own."""

FADE_MS = 150
"""How long a thumbnail takes to fade in; nothing else in the window moves."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """The colours of one scheme, light or dark."""

    canvas: str  # behind the photos
    panel: str  # bars and side panels
    raised: str  # fields, buttons, menus
    line: str  # hairlines between panels
    text: str
    muted: str  # secondary text, at least 4.5:1 on canvas and panel
    focus: str  # selection and keyboard focus
    placeholder: str  # a photo that has not come yet
    zones: tuple[str, str, str]  # frame, bar and glyph colour by Zone
    on_zones: tuple[str, str, str]  # text on a zone's colour, at least 4.5:1


LIGHT = Tokens(
    canvas="#f4f4f4",
    panel="#fafafa",
    raised="#ffffff",
    line="#dcdcdc",
    text="#1d1d1d",
    muted="#5f5f5f",
    focus="#1d1d1d",
    placeholder="#e6e6e6",
    zones=("#d98f00", "#7a7a7a", "#0072b2"),
    on_zones=("#000000", "#ffffff", "#ffffff"),
)
DARK = Tokens(
    canvas="#1b1b1b",
    panel="#232323",
    raised="#2e2e2e",
    line="#3a3a3a",
    text="#ececec",
    muted="#a6a6a6",
    focus="#f2f2f2",
    placeholder="#292929",
    zones=("#e69f00", "#9a9a9a", "#56b4e9"),
    on_zones=("#000000", "#000000", "#000000"),
)


class Scheme(StrEnum):
    """Light or dark, or whichever the system asks for. The strings are what settings keep."""

    SYSTEM = "system"
    LIGHT = "light"
    DARK = "dark"


_chosen = Scheme.SYSTEM


def choose(scheme: Scheme) -> None:
    """Put on a scheme; every widget gets a PaletteChange."""
    global _chosen
    _chosen = scheme
    QApplication.setPalette(palette())


def is_dark() -> bool:
    """Whether the scheme in force is dark. Where the system does not say (some Linux desktops), it is light."""
    if _chosen is Scheme.SYSTEM:
        return QGuiApplication.styleHints().colorScheme() == Qt.ColorScheme.Dark
    return _chosen is Scheme.DARK


def tokens() -> Tokens:
    """The colours of the scheme that is in force now."""
    return DARK if is_dark() else LIGHT


def palette() -> QPalette:
    """The tokens as a Qt palette, so that plain widgets need no style of their own."""
    t = tokens()
    made = QPalette()
    role = QPalette.ColorRole
    for which, colour in {
        role.Window: t.panel,
        role.WindowText: t.text,
        role.Base: t.raised,
        role.AlternateBase: t.panel,
        role.Text: t.text,
        role.Button: t.raised,
        role.ButtonText: t.text,
        role.ToolTipBase: t.raised,
        role.ToolTipText: t.text,
        role.PlaceholderText: t.muted,
        role.Highlight: t.focus,
        role.HighlightedText: t.panel,
        role.Accent: t.focus,
        role.Mid: t.line,
        role.Light: t.raised,
        role.Midlight: t.line,
        role.Dark: t.line,
        role.Shadow: t.line,
        role.Link: t.text,
    }.items():
        made.setColor(which, QColor(colour))
    for which in (role.WindowText, role.Text, role.ButtonText):
        made.setColor(QPalette.ColorGroup.Disabled, which, QColor(t.muted))
    return made


def font(size: float = TEXT_BODY, *, bold: bool = False) -> QFont:
    """The system's font in one of the three text sizes."""
    made = QFont(QGuiApplication.font())
    made.setPointSizeF(made.pointSizeF() * size)
    made.setBold(bold)
    return made


@cache
def _svg(name: str) -> bytes:
    return paths.resource(f"icons/{name}.svg").read_bytes()


def icon_pixmap(name: str, size: int, colour: str, ratio: float = 1.0) -> QPixmap:
    """The shipped icon `name` drawn in `colour`, `size` device-independent pixels square.

    Raises FileNotFoundError for a name that is not shipped.
    """
    made = QPixmap(round(size * ratio), round(size * ratio))
    made.fill(Qt.GlobalColor.transparent)
    renderer = QSvgRenderer(QByteArray(_svg(name).replace(b"currentColor", colour.encode())))
    painter = QPainter(made)
    renderer.render(painter)
    painter.end()
    made.setDevicePixelRatio(ratio)
    return made


def icon(name: str, size: int = 20) -> QIcon:
    """The shipped icon `name` in the colours of the scheme, for normal and disabled, at 1x and 2x."""
    t, made = tokens(), QIcon()
    for mode, colour in ((QIcon.Mode.Normal, t.text), (QIcon.Mode.Disabled, t.muted)):
        for ratio in (1.0, 2.0):
            made.addPixmap(icon_pixmap(name, size, colour, ratio), mode)
    return made


def zone_colour(zone: Zone) -> QColor:
    """The colour of a zone's frame, bar and pill."""
    return QColor(tokens().zones[zone])


def on_zone_colour(zone: Zone) -> QColor:
    """The colour of text and glyphs on a zone's colour."""
    return QColor(tokens().on_zones[zone])


def paint_glyph(painter: QPainter, zone: Zone, box: QRectF, colour: QColor) -> None:
    """Draw a zone's glyph into the square `box`: a check mark, a question mark, a cross.

    Drawn, not typed, because no font is sure to have them.
    """
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(
        QPen(
            colour,
            box.width() * 0.16,
            Qt.PenStyle.SolidLine,
            Qt.PenCapStyle.RoundCap,
            Qt.PenJoinStyle.RoundJoin,
        )
    )

    def at(x: float, y: float) -> QPointF:
        return QPointF(box.x() + x * box.width(), box.y() + y * box.height())

    if zone is Zone.SUBJECT:
        painter.drawPolyline(QPolygonF([at(0.14, 0.55), at(0.40, 0.80), at(0.86, 0.24)]))
    elif zone is Zone.NOT_SUBJECT:
        painter.drawLine(at(0.2, 0.2), at(0.8, 0.8))
        painter.drawLine(at(0.8, 0.2), at(0.2, 0.8))
    else:
        arc = QRectF(at(0.26, 0.1), at(0.74, 0.56))
        painter.drawArc(arc, 180 * 16, -225 * 16)
        painter.drawLine(at(0.5, 0.53), at(0.5, 0.64))
        painter.drawPoint(at(0.5, 0.88))
    painter.restore()

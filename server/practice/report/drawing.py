"""Plots as SVG that belongs into a page.

Matplotlib draws with the colours of the light theme. They are then replaced by the page's custom
properties, so that one picture serves light, dark and print; text stays text, in the page's
font. Nothing of the moment or the machine goes in: the same figures give the same bytes.
"""

# pyright: reportUnknownMemberType=false
# Matplotlib's stubs leave **kwargs without a type; nothing else is let through.

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from matplotlib.typing import RcKeyType

INK = "#1b1f24"
FAINT = "#68707c"
GRID = "#d8dce2"
BLUE = "#0072b2"
RED = "#d55e00"
GREEN = "#009e73"
PAPER = "#ffffff"

# Names of custom properties in page.css. Blue, vermillion and green are those of Okabe and Ito,
# which people with any common kind of colour blindness tell apart.
PROPERTIES: Mapping[str, str] = {
    INK: "--ink",
    FAINT: "--faint",
    GRID: "--grid",
    BLUE: "--blue",
    RED: "--red",
    GREEN: "--green",
    PAPER: "--paper",
}

_SETTINGS: Mapping[RcKeyType, object] = {
    "axes.axisbelow": True,
    "axes.edgecolor": GRID,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.labelcolor": INK,
    "axes.labelsize": 9,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": INK,
    "figure.constrained_layout.use": True,
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "legend.labelcolor": INK,
    "svg.fonttype": "none",
    "svg.hashsalt": "experience-mcp",
    "text.color": INK,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
}
_WIDTH = 4.8  # inches, of 72 pixels: a phone shows it at about its own size


@dataclass(frozen=True, slots=True)
class Plot:
    """A picture for the page.

    Attributes:
        title: What it shows.
        caption: What to know for reading it; also its description for those who cannot see it.
        svg: An `svg` element of our own making, without text from elsewhere.
    """

    title: str
    caption: str
    svg: str


def plot(
    key: str, title: str, caption: str, draw: Callable[[Figure], None], *, height: float = 3.0
) -> Plot:
    """Draw a plot. Its key sets the ids inside it apart from those of other plots."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_SETTINGS)
        figure = Figure(figsize=(_WIDTH, height))
        draw(figure)
        written = io.StringIO()
        nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        FigureCanvasSVG(figure).print_svg(written, metadata=nothing)
    return Plot(title, caption, for_page(written.getvalue(), key))


def for_page(document: str, key: str) -> str:
    """The `svg` element of a document, with the page's colours and unique ids."""
    svg = document[document.index("<svg") :].strip()
    svg = re.sub(
        r"<svg [^>]*?(viewBox=\"[^\"]*\")[^>]*>", r'<svg \1 aria-hidden="true">', svg, count=1
    )
    svg = re.sub(
        r"\s*<metadata>.*?</metadata>|\s*<style[^>]*>.*?</style>", "", svg, flags=re.DOTALL
    )
    svg = re.sub(r"font-family: [^;\"]*;? ?", "", svg)
    svg = svg.replace("xlink:href", "href").replace(
        ' xmlns:xlink="http://www.w3.org/1999/xlink"', ""
    )
    svg = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{key}-", svg)
    return re.sub(r"#[0-9a-f]{6}\b", lambda found: _property(found[0]), svg)


def _property(colour: str) -> str:
    return f"var({PROPERTIES[colour]})" if colour in PROPERTIES else colour


def over_steps(axes: Axes, label: str) -> None:
    """Label an axis of steps."""
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set_xlabel(label)


def from_zero(axes: Axes, values: Iterable[float | None]) -> None:
    """Begin the upright axis at 0, unless values are below, and leave room above the highest."""
    known = [value for value in values if value is not None]
    if min(known, default=0) >= 0:
        axes.set_ylim(0, 1.1 * max(known, default=0) or 1)


def key_above(axes: Axes, columns: int = 3) -> None:
    """The legend above the axes, where it hides nothing."""
    axes.legend(
        loc="lower left",
        bbox_to_anchor=(0, 1),
        ncols=columns,
        borderaxespad=0.2,
        handlelength=1.6,
        columnspacing=1.2,
    )

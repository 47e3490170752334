"""A plot of all figures that have a target, as SVG: a bar for each says how far it is from its
target, on a logarithmic scale. It needs no library."""

import math
from xml.sax.saxutils import escape

ROW, LEFT, WIDTH, RIGHT, TOP = 20, 540, 400, 260, 50  # pixels
DECADES = 2  # on each side of the target
GOOD, BAD = "#2a7d4f", "#c0392b"


def times_target(measured):
    """Returns how many times the target was reached; more than 1 is better than it asks for."""
    value, target = measured.judged(), measured.figure.target
    low, high = max(value, 1e-9), max(target.limit, 1e-9)
    return high / low if target.sign == "≤" else low / high


def x_of(times):
    most = 10 ** DECADES
    share = math.log10(min(max(times, 1 / most), most)) / DECADES
    return LEFT + WIDTH / 2 * (1 + share)


def words(x, y, text, anchor="start", colour="#222"):
    return (f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}" fill="{colour}">'
            f"{escape(text)}</text>")


def bar(y, measured):
    times = times_target(measured)
    start, end = sorted((x_of(1), x_of(times)))
    colour = GOOD if measured.met() else BAD
    name = f"{measured.what()}" + (f" / {measured.case.against}" if measured.case.against else "")
    is_ratio = measured.figure.target.of == "×"
    value = f"{measured.judged():.3g} {'×' if is_ratio else measured.figure.unit}"
    return [words(LEFT - 8, y + 14, name, "end"),
            f'<rect x="{start:.1f}" y="{y + 4}" width="{max(end - start, 1):.1f}" '
            f'height="{ROW - 8}" fill="{colour}"/>',
            words(LEFT + WIDTH + 8, y + 14, f"{value} ({measured.figure.target_text()})")]


def grid(bottom):
    lines = []
    for exponent in range(-DECADES, DECADES + 1):
        x = x_of(10 ** exponent)
        dash = "" if exponent == 0 else ' stroke-dasharray="2 4"'
        lines.append(f'<line x1="{x:.1f}" y1="{TOP - 8}" x2="{x:.1f}" y2="{bottom}" '
                     f'stroke="#888"{dash}/>')
        lines.append(words(x, TOP - 14, "target" if exponent == 0 else f"{10.0 ** exponent:g} ×",
                           "middle"))
    return lines


def svg(facts, all_measured):
    shown = [measured for measured in all_measured if measured.met() is not None]
    bottom = TOP + ROW * len(shown)
    width, height = LEFT + WIDTH + RIGHT, bottom + 12
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
             f'viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="11">',
             f'<rect width="{width}" height="{height}" fill="white"/>',
             words(8, 16, f"dgl-mpilaunch, {facts['date']}, load {facts['load']:.1f}: how many "
                   "times better than its target (right) or worse (left)"), *grid(bottom)]
    for k, measured in enumerate(shown):
        parts += bar(TOP + ROW * k, measured)
    return "\n".join([*parts, "</svg>"]) + "\n"

"""What was measured, as a table for the console and for a document, and as JSON."""

import statistics

from about import sentences

BEGIN, END = "<!-- scripts/bench begins -->", "<!-- scripts/bench ends -->"
COLUMNS = ("what", "against", "ours: median (min – max)", "the other's", "ratio", "target", "met",
           "runs", "load")


def number(value):
    return f"{value:.0f}" if abs(value) >= 100 or value == 0 else f"{value:.3g}"


def spread(values, unit):
    if not values:
        return "–"
    text = f"{number(statistics.median(values))} {unit}"
    if len(values) > 1:
        text += f" ({number(min(values))} – {number(max(values))})"
    return text


def cells(measured):
    case, figure = measured.case, measured.figure
    ratio, met = measured.ratio(), measured.met()
    return [measured.what(), case.against or "–", spread(measured.ours, figure.unit),
            spread(measured.peer, figure.unit), "–" if ratio is None else f"{ratio:.2f} ×",
            figure.target_text(), {None: "–", True: "yes", False: "**no**"}[met],
            str(len(measured.ours)) + (", then it failed" if measured.why else ""),
            f"{measured.load:.1f}"]


def reason(measured):
    """Returns why a case was not measured: the first line, and the last that a program said."""
    lines = [line for line in measured.why.split("\n") if line.strip()]
    return lines[0] if len(lines) == 1 else f"{lines[0]} {lines[-1]}"


def rows(all_measured):
    """Yields the cells of each figure; a case that was not measured has one row that says why."""
    for measured in all_measured:
        if measured.ours:
            yield cells(measured)
        elif measured.figure is measured.case.figures[0]:
            yield [measured.case.what, measured.case.against or "–", f"*{reason(measured)}*",
                   *["–"] * (len(COLUMNS) - 3)]


def text(all_measured):
    """Returns the table for a console."""
    lines = [list(COLUMNS), *([cell.strip("*") for cell in row] for row in rows(all_measured))]
    widths = [max(len(line[k]) for line in lines if line[-1] != "–") for k in range(len(COLUMNS))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip()
                     for line in lines)


def markdown(facts, all_measured):
    machine, versions = sentences(facts)
    return "\n".join([
        f"Measured {facts['date']}. Machine: {machine}. Versions: {versions}. Load when it began: "
        f"{facts['load']:.1f}.", "",
        "| " + " | ".join(COLUMNS) + " |", "|---" * len(COLUMNS) + "|",
        *("| " + " | ".join(row) + " |" for row in rows(all_measured))])


def write_between_marks(path, body):
    """Puts the table between the document's two marks, or makes a new document."""
    whole = path.read_text() if path.exists() else ""
    if BEGIN in whole and END in whole:
        head, _, rest = whole.partition(BEGIN)
        body = f"{head}{BEGIN}\n\n{body}\n\n{END}{rest.partition(END)[2]}"
    path.write_text(body.rstrip("\n") + "\n")


def as_data(facts, all_measured):
    """Returns what goes into the JSON file."""
    return {**facts, "figures": [{
        "row": measured.case.row, "what": measured.case.what, "against": measured.case.against,
        "figure": measured.figure.name, "unit": measured.figure.unit, "ours": measured.ours,
        "peer": measured.peer, "ratio": measured.ratio(),
        "target": measured.figure.target and measured.figure.target_text(),
        "met": measured.met(), "load": measured.load, "why": measured.why,
    } for measured in all_measured]}

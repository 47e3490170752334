"""Reads the text of --dry_run back into a plan. An unknown line is an error."""

import re

from expected import Machine, Plan, Process

WORD = re.compile(r"\$'(?:\\.|[^'\\])*'|'[^']*'|\\'|[^ '\\$]+")
FACT = re.compile(r"(.{13}) (.*)")


def unquote(text):
    """Reads one piece of a word as a shell would."""
    if text.startswith("$'"):
        return re.sub(rb"\\([0-7]{3}|.)", lambda found: bytes([int(found[1], 8)])
                      if len(found[1]) == 3 else found[1], text[2:-1].encode()).decode()
    return text[1:-1] if text.startswith("'") else text.removeprefix("\\")


def words(line):
    found, at = [], 0
    while at < len(line):
        assert not found or line[at] == " ", line
        at += bool(found)
        word, start = "", at
        while piece := WORD.match(line, at):
            word, at = word + unquote(piece[0]), piece.end()
        assert at > start, f"no word at {line[at:]}"
        found.append(word)
    return found


def value(text):
    """Reads the value of one variable; a rule such as {max(cpus / 2 / 1, 1)} stays as it is."""
    if not text or text.startswith("{max("):
        return text
    word, = words(text)
    return word


def parse(text):
    head, *machines = re.split(r"\n\n(?=machine )", text.rstrip("\n"))
    facts = {}
    for line in head.split("\n"):
        found = FACT.fullmatch(line)
        assert found and found[1].rstrip() not in facts, line
        facts[found[1].rstrip()] = found[2]
    passed = facts.pop("from rank 0")
    defaults = {name: value or None for name, _, value in
                (word.partition("=") for word in facts.pop("unless set").split())}
    return Plan(facts, [] if passed == "nothing" else passed.split(), defaults,
                [machine(k, lines) for k, lines in enumerate(machines)])


def machine(number, text):
    head, *processes = text.split("\n\n")
    first, *needs = head.split("\n")
    name, ip = first.split(": ")
    assert name == f"machine {number}" and all(line.startswith("  needs ") for line in needs), head
    return Machine(ip, [line.removeprefix("  needs ") for line in needs],
                   [process(lines) for lines in processes])


def process(text):
    first, directory, argv, *envs = text.split("\n")
    found = re.fullmatch(r"  (\w+) (\d+)(?:, listens on port (\d+))?", first)
    directory, argv = (line.removeprefix(f"    {name} ") for name, line
                       in (("directory", directory), ("argv", argv)))
    env = {}
    for line in envs:
        name, _, quoted = line.removeprefix("    env ").partition("=")
        assert line.startswith("    env ") and name not in env, line
        env[name] = value(quoted)
    return Process(found[1], int(found[2]), found[3] and int(found[3]), directory, words(argv), env)

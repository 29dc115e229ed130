#!/usr/bin/env python3
"""Of the goroutines of fixtures/go/leaks, those are told to be leaked whose functions are named so, and no other.

  go_leaks.py STANDSTILL [--versions 1.19,1.26] [--variants static,pie_stripped]

Without --versions every Go is tried that is at hand.
"""
import argparse
import json
import os
import re
import subprocess
import sys
import tempfile

import go_programs
from patient import Skip, patient

SKIPPED = 77
QUIETLY = ["--quiet", "--debuginfod", "off"]


def ask(standstill, *words):
    return subprocess.run([standstill, *words], capture_output=True, text=True, check=True).stdout


def functions_of(standstill, target):
    """{goroutine: its outermost function without package} of all goroutines of the program."""
    found = {}
    for block in ask(standstill, "stacks", "--debug", "2", "--tasks", "goroutines", *QUIETLY, target).split("\n\n"):
        number = re.match(r"goroutine (\d+) ", block)
        names = re.findall(r"^main\.(\w+)", block, re.MULTILINE)
        if number and names:
            found[f"goroutine:{number.group(1)}"] = names[-1]
    return found


def leaked_in(standstill, target):
    report = json.loads(ask(standstill, "deadlocks", "--format", "json", *QUIETLY, target))
    notes = [note["text"] for note in report.get("notes", []) if "can never run again" in note["text"]]
    leaked = {task for finding in report.get("findings", []) for task in finding.get("tasks", [])
              if finding["kind"] == "LEAKED" or "never run again" in finding.get("explanation", "")}
    return leaked, notes, report


def look_at(standstill, program):
    """[difference, ...]"""
    wrong = []
    with patient(program) as running:
        running.until_asleep()
        core = running.gcore()
        if '"NOBODY_LEFT"' in ask(standstill, "deadlocks", "--format", "json", *QUIETLY, core):
            wrong.append("a program with sleepers and timers is called asleep")
        capture, small = (os.path.join(running.folder, name) for name in ("full.core", "small.core"))
        for memory, path in (("full", capture), ("analysis", small)):
            subprocess.run([standstill, "capture", "--memory", memory, "-o", path, *QUIETLY, str(running.pid)], check=True)
        functions = functions_of(standstill, core)
        expected = {task for task, name in functions.items() if name.startswith("leaked")}
        if len(expected) < 15 or sum(name.startswith("live") for name in functions.values()) < 110:
            wrong.append(f"the program has other goroutines than it should: {sorted(functions.values())}")
        # A small capture has no heap, but what was found in it.
        for target in (core, capture, small, str(running.pid)):
            leaked, notes, report = leaked_in(standstill, target)
            # A living process runs on while its heap is read, which matters but to those that wait for something in it.
            sure = {finding["confidence"] for finding in report["findings"] if finding["kind"] == "LEAKED"
                    and not re.match("leaked(Nil|NoCases)", functions.get(finding["tasks"][0], ""))}
            if sure != {"CERTAIN" if target in (core, capture) else "PROBABLE"}:
                wrong.append(f"{target}: leaks are {sure}")
            wrong += [f"{target}: {functions.get(task, task)} is called leaked" for task in sorted(leaked - expected)]
            wrong += [f"{target}: {functions[task]} is not called leaked" for task in sorted(expected - leaked)]
            wrong += [f"{target}: {note}" for note in notes]
    with patient(program, "-asleep") as running:
        running.until_asleep()
        core = running.gcore()
        functions = functions_of(standstill, core)
        _, _, report = leaked_in(standstill, core)
        asleep = [finding for finding in report.get("findings", []) if finding["kind"] == "NOBODY_LEFT"]
        # Main waits for a global channel: that nobody is left to send is a matter of who is there, not of what is reached.
        expected = {task for task, name in functions.items() if name.startswith(("leaked", "main"))}
        ring = {task for task, name in functions.items() if name in ("leakedPing", "leakedPong")}
        told = [task for finding in report.get("findings", []) for task in finding.get("tasks", []) + finding.get("behind", [])]
        if len(asleep) != 1 or sorted(told) != sorted(expected) or not set(asleep[0]["tasks"]) >= expected - ring or "os/signal" not in asleep[0]["explanation"]:
            wrong.append(f"of a program that is asleep this is said: {asleep}, and not {sorted(expected)}")
    return wrong


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("standstill")
    parser.add_argument("--versions", default="")
    parser.add_argument("--variants", default="static")
    arguments = parser.parse_args()
    compilers = go_programs.toolchains([version for version in arguments.versions.split(",") if version])
    if not compilers:
        raise Skip("no such Go is here")
    failed = 0
    for version, go in compilers:
        for variant in arguments.variants.split(","):
            with tempfile.TemporaryDirectory(prefix="standstill-") as folder:
                program = os.path.join(folder, "leaks")
                go_programs.build(go, variant, "leaks", program)
                wrong = look_at(arguments.standstill, program)
            print(f"Go {version} {variant}: {'as the program says' if not wrong else f'{len(wrong)} differences'}")
            for line in wrong[:20]:
                print("  " + line)
            failed += bool(wrong)
    if failed:
        raise AssertionError(f"{failed} programs say something else")


if __name__ == "__main__":
    try:
        main()
    except Skip as reason:
        print(reason)
        sys.exit(SKIPPED)

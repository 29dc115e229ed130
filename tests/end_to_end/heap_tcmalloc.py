#!/usr/bin/env python3
"""google/tcmalloc's sampled allocations are what the program says of them, wherever its debug information puts their members; without symbols or
debug information they are refused with the reason.

  heap_tcmalloc.py STANDSTILL FIXTURE...
  heap_tcmalloc.py STANDSTILL --complete PROGRAM    of tests/heapwalk/complete_tcmalloc
"""
import json
import os
import subprocess
import sys

from patient import QUIETLY, Skip, check, patient, run, run_or_skip
from profile_proto import read_profile

SKIPPED = 77


def lines_before_maps(text):
    return text.split("\nMAPPED_LIBRARIES:")[0].splitlines()


def account(folder):
    with open(os.path.join(folder, "samples")) as file:
        header, *samples = file.read().splitlines()
    return header, sorted(samples)


def values_of(samples):
    return sorted(tuple(map(int, line.split(" [")[0].split(":"))) for line in samples)


def told(standstill, core, *more):
    header, *samples = lines_before_maps(run(standstill, "heap", "--debug", "1", *QUIETLY, *more, core))
    return header, sorted(samples)


def heap_of(standstill, core, *more):
    report = json.loads(run(standstill, "heap", "--format", "json", *QUIETLY, *more, core))
    return next(heap for heap in report["heaps"] if heap["allocator"] == "tcmalloc")


def copy_without(symbols, fixture, folder):
    path = os.path.join(folder, "program")
    run_or_skip("objcopy", f"--strip-{symbols}", fixture, path)
    return path


def refused(standstill, fixture, folder, symbols, reason):
    """The same program without some of its symbols; the text says why its samples are not told."""
    with patient(copy_without(symbols, fixture, folder)) as running:
        core = running.gcore()
        heap = heap_of(standstill, core)
        check(f"tables without {symbols} symbols", heap.get("tables", []), [])
        check(f"the reason names {reason}", reason in heap["no_samples"], True)
        done = subprocess.run([standstill, "heap", "--debug", "1", *QUIETLY, core], capture_output=True, text=True)
        check("status", (done.returncode, reason in done.stderr), (1, True))


def debug_file(fixture, folder):
    """The folder with the debug information of the program, by its build ID."""
    words = run("readelf", "-n", fixture).split("Build ID: ")[1].split()[0]
    place = os.path.join(folder, "debug", ".build-id", words[:2])
    os.makedirs(place)
    run_or_skip("objcopy", "--only-keep-debug", fixture, os.path.join(place, words[2:] + ".debug"))
    return os.path.join(folder, "debug")


def samples_everywhere(standstill, fixture, running, core, expected):
    check(f"samples of {os.path.basename(fixture)}", told(standstill, core), expected)
    check("samples of the living process", told(standstill, str(running.pid)), expected)
    capture = os.path.join(running.folder, "capture")
    run(standstill, "capture", str(running.pid), "--quiet", "-o", capture)
    check("samples of a capture", told(standstill, capture), expected)
    check("heap of a capture", heap_of(standstill, capture), heap_of(standstill, str(running.pid)))


def complete_library(standstill, program):
    with patient(program) as running:
        expected = account(running.folder)
        check("more than a thousand samples", len(expected[1]) > 1000, True)
        samples_everywhere(standstill, program, running, running.gcore(), expected)
        print(f"the same: {len(expected[1])} samples, {expected[0]}")


def main(standstill, *fixtures):
    if fixtures[0] == "--complete":
        return complete_library(standstill, fixtures[1])
    for fixture in fixtures:
        with patient(fixture) as running:
            core, expected = running.gcore(), account(running.folder)
            check("samples", len(expected[1]), 4)
            samples_everywhere(standstill, fixture, running, core, expected)
            heap = heap_of(standstill, core)
            check("warnings", [note for note in heap.get("notes", []) if note["severity"] != "INFO"], [])
            check("period", heap["sample_period_bytes"], "123456")
            profile = os.path.join(running.folder, "profile")
            run(standstill, "pprof", "--profile", "heap", *QUIETLY, "-o", profile, core)
            check("objects and bytes in the profile", sorted(values[2:] for _, values, _ in read_profile(profile).samples), values_of(expected[1]))
            if fixture == fixtures[0]:
                refused(standstill, fixture, running.folder, "debug", "debug information")
                refused(standstill, fixture, running.folder, "all", "symbols")
                with patient(copy_without("all", fixture, running.folder)) as stripped:
                    capture, more = os.path.join(stripped.folder, "capture"), ("--debug-dir", debug_file(fixture, running.folder))
                    check("samples by a separate file with debug information", told(standstill, stripped.gcore(), *more), account(stripped.folder))
                    run(standstill, "capture", str(stripped.pid), *QUIETLY, "-o", capture)
                    notes = [note["text"] for note in heap_of(standstill, capture, *more).get("notes", [])]
                    check("a capture without that file names it", any("debug information at hand" in note for note in notes), True)
                    run(standstill, "capture", str(stripped.pid), *QUIETLY, *more, "-o", capture)
                    check("samples of a capture with that file", told(standstill, capture, *more), account(stripped.folder))


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except Skip as reason:
        print(reason)
        sys.exit(SKIPPED)

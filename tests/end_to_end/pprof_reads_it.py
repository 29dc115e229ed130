#!/usr/bin/env python3
"""`go tool pprof` reads our profile and our --debug 1 text, and counts as many threads in as many distinct stacks as gdb does.

  pprof_reads_it.py STANDSTILL FIXTURE
"""
import collections
import os
import re
import shutil
import sys

from patient import QUIETLY, Skip, check, frames_by_gdb, patient, run

SKIPPED = 77


def pprof(folder, option, file):
    return run("go", "tool", "pprof", "-symbolize=none", option, file, env={**os.environ, "PPROF_TMPDIR": folder, "HOME": folder, "GOFLAGS": ""})


def samples(raw):
    """Counter of (count, number of locations) of all samples in the output of `pprof -raw`."""
    found = collections.Counter()
    for line in raw[raw.index("Samples:"):raw.index("Locations")].splitlines():
        match = re.match(r"\s*(\d+): ((?:\d+ )*\d+)\s*$", line)
        if match:
            found[int(match[1]), len(match[2].split())] += 1
    return found


def stacks_by_gdb(threads):
    """The same counter from gdb's frames; only frames with an address of their own count."""
    groups = collections.Counter(
        tuple(frame["pc"] for frame in frames if frame["kind"] in ("normal", "signal", "other")) for frames in threads.values())
    return collections.Counter((count, len(pcs)) for pcs, count in groups.items())


def functions(text):
    return set(re.findall(r"[A-Za-z_][\w:~]*", text))


def main(standstill, fixture):
    if shutil.which("go") is None:
        raise Skip("go is not here")
    with patient(fixture) as running:
        core = running.gcore()
        gdb = frames_by_gdb(fixture, core)
        own = [function for stack in running.account.values() for function in stack]
        profile, text = os.path.join(running.folder, "threads.pb.gz"), os.path.join(running.folder, "threads.txt")
        run(standstill, "pprof", "--profile", "threads", *QUIETLY, "-o", profile, core)
        with open(text, "w") as out:
            out.write(run(standstill, "stacks", "--debug", "1", *QUIETLY, core))
        threads = len(gdb["threads"])
        expected = stacks_by_gdb(gdb["threads"])
        for kind, file in (("profile.proto", profile), ("--debug 1", text)):
            check(f"{kind}: samples in pprof -raw", samples(pprof(running.folder, "-raw", file)), expected)
            top = pprof(running.folder, "-top", file)
            total = re.search(r"of (\d+) total", top)
            check(f"{kind}: total of pprof -top", int(total[1]) if total else top, threads)
            traces = pprof(running.folder, "-traces", file)
            counted = [int(word) for word in re.findall(r"^\s+(\d+)   ", traces, re.MULTILINE)]
            check(f"{kind}: counts in pprof -traces", sorted(counted), sorted(count for count, _ in expected.elements()))
        traces = pprof(running.folder, "-traces", profile)
        shown = {name.split("::")[-1] for name in functions(traces)}
        check("functions that the program says it is in, missing from pprof -traces", [name for name in own if name not in shown], [])


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except Skip as reason:
        print(reason)
        sys.exit(SKIPPED)

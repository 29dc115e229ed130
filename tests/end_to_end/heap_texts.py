#!/usr/bin/env python3
"""`standstill heap --debug 1` gives the text that the allocator itself wrote at the same moment, its figures are those of the allocator's own
interface, and `go tool pprof` and the allocator's own reader see the same in both.

  heap_texts.py STANDSTILL gperftools|jemalloc FIXTURE [ARGUMENT...] [-- NAME=VALUE...]

The program writes into its folder what it says of itself; NAME=VALUE goes into its environment.
"""
import json
import os
import re
import shutil
import sys

from patient import QUIETLY, Skip, check, patient, run

SKIPPED = 77


def read(folder, name):
    with open(os.path.join(folder, name)) as file:
        return file.read()


def lines_before_maps(text):
    return text.split("\nMAPPED_LIBRARIES:")[0].splitlines()


def without_itself(lines, dump):
    """The lines of a heap profile without the buffer that `dump` was handed out in: from gperftools 2.16 on it is allocated when all is counted."""
    size = len(dump) + 1
    for line in lines:
        if re.match(rf"\s*1:\s+{size} \[\s*1:\s+{size}\] @", line):
            figures = iter((1, size, 1, size))
            header = re.sub(r"\d+", lambda number: str(int(number[0]) - next(figures)), lines[0])
            return [re.sub(r"\s+", " ", header)] + [other for other in lines[1:] if other is not line]
    return [re.sub(r"\s+", " ", lines[0])] + lines[1:]


def stacks_of_jemalloc(text):
    """{addresses: [lines below]} of a jemalloc dump, and its header: jemalloc goes through its tables in an order of its own."""
    header, stacks, current = [], {}, None
    for line in lines_before_maps(text):
        if line.startswith("@"):
            current = stacks.setdefault(line, [])
        elif current is None:
            header.append(line)
        else:
            current.append(line)
    return header[:2] + sorted(header[2:]), {key: sorted(value) for key, value in stacks.items()}


def check_figures(report, allocator, own):
    heap = next((heap for heap in report["heaps"] if heap["allocator"].startswith(allocator)), None)
    if heap is None:
        raise AssertionError(f"no {allocator} among {[heap['allocator'] for heap in report['heaps']]}")
    warnings = [note for note in heap.get("notes", []) if note["severity"] != "INFO"]
    check("warnings", warnings, [])
    figures = {figure["name"]: int(figure["value"]) for figure in heap["figures"]}
    expected = {name: int(value) for name, value in (line.split() for line in own.splitlines())}
    check("figures", {name: figures.get(name) for name in expected}, expected)


def top(text):
    """[(flat, cum, function)] in MiB, in the order of the list."""
    rows = []
    for line in text.splitlines():
        match = re.match(r"\s*([-\d.]+)(?:MB)?\s+[-\d.]+%\s+[-\d.]+%\s+([-\d.]+)(?:MB)?\s+[-\d.]+%\s+(.*)$", line)
        if match:
            rows.append((float(match[1]), float(match[2]), re.sub(r"\(.*| \(inline\)", "", match[3]).strip()))
    return rows


def check_readers(standstill, folder, core, program, reader, dump, leaves=True):
    """What the allocator's own reader sees in the process's dump, and pprof in our profile. Without `leaves`, only whole stacks are compared:
    google-pprof takes the innermost address of a HEAPPROFILE for an instruction, though it is a return address, and names what comes next."""
    profile = os.path.join(folder, "heap.pb.gz")
    run(standstill, "pprof", "--profile", "heap", *QUIETLY, "-o", profile, core)
    if shutil.which("go") is None or shutil.which(reader) is None:
        print(f"go or {reader} is not here: readers not compared")
        return
    environment = {**os.environ, "PPROF_TMPDIR": folder, "HOME": folder, "GOFLAGS": ""}
    ours = run("go", "tool", "pprof", "-symbolize=none", "-top", "-nodefraction=0", "-unit=MB", "-sample_index=inuse_space", profile, env=environment)
    theirs = run(reader, "--text", "--nodefraction=0", program, dump, env=environment)
    own_rows, our_rows = top(theirs), {name: (flat, cum) for flat, cum, name in top(ours)}
    compared = [(flat, cum, name) for flat, cum, name in own_rows if name in our_rows and cum > 0]
    if len(own_rows) < 5:
        print(f"{reader} names hardly a function of a stripped program: readers not compared")
        return
    if len(compared) < 3:
        raise AssertionError(f"hardly a function in common:\n{theirs}\n{ours}")
    for flat, cum, name in compared:
        if abs(our_rows[name][1] - cum) > 0.06 or (leaves and abs(our_rows[name][0] - flat) > 0.06):
            raise AssertionError(f"{name}: {reader} says {flat} flat and {cum} in all, pprof of our profile {our_rows[name]}:\n{theirs}\n{ours}")
    order = [name for _, _, name in compared]
    print(f"{reader} and pprof agree on {len(compared)} functions: {', '.join(order[:5])}")


def main(standstill, allocator, fixture, *words):
    if not os.path.exists(fixture):
        raise Skip(f"not built: {fixture} (is {allocator} installed?)")
    split = words.index("--") if "--" in words else len(words)
    arguments, variables = words[:split], words[split + 1:]
    with patient("/usr/bin/env", *variables, fixture, *arguments) as running:
        core, folder = running.gcore(), running.folder
        heap_text = lambda *more: run(standstill, "heap", "--debug", "1", *QUIETLY, *more, core)
        report = json.loads(run(standstill, "heap", "--format", "json", *QUIETLY, core))
        check_figures(report, allocator, read(folder, "numbers"))
        if allocator == "gperftools":
            if os.path.exists(os.path.join(folder, "profile")):
                own = read(folder, "profile")
                check("GetHeapProfile", without_itself(lines_before_maps(heap_text()), own), without_itself(lines_before_maps(own), own))
                dump = "profile"
            else:
                check("GetHeapSample", lines_before_maps(heap_text()), lines_before_maps(read(folder, "sample")))
                dump = "sample"
                check("GetHeapGrowthStacks", lines_before_maps(heap_text("--profile", "growth")), lines_before_maps(read(folder, "growth")))
            check_readers(standstill, folder, core, fixture, "google-pprof", os.path.join(folder, dump), dump == "sample")
        else:
            if os.path.exists(os.path.join(folder, "dump.heap")):
                check("prof.dump", stacks_of_jemalloc(heap_text()), stacks_of_jemalloc(read(folder, "dump.heap")))
                check_readers(standstill, folder, core, fixture, "jeprof", os.path.join(folder, "dump.heap"))


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except Skip as reason:
        print(reason)
        sys.exit(SKIPPED)

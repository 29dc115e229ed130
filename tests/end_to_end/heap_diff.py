#!/usr/bin/env python3
"""`standstill diff` of two cores says what the program says of itself: how many objects of each class, or of each function that allocates,
were there then and are there now. `go tool pprof -base` of two of our heap profiles comes to the same figures.

  heap_diff.py STANDSTILL glibc|gperftools|jemalloc FIXTURE
"""
import ctypes.util
import json
import os
import re
import shutil
import sys

from patient import QUIETLY, Skip, check, patient, run

SKIPPED = 77
# Each allocation is recorded, so that figures are exact.
ALLOCATORS = {
    "glibc": None,
    "gperftools": ("tcmalloc", ["HEAPPROFILE=heap"]),
    "jemalloc": ("jemalloc", ["MALLOC_CONF=prof:true,lg_prof_sample:0"]),
}


def objects(lines):
    """{(class, function): (objects, bytes asked for, usable bytes)} of the fixture's lines."""
    return {(words[4], words[5]): tuple(map(int, words[1:4])) for words in lines if words[:1] == ["objects"]}


def counts(live):
    return tuple(int(live.get(name, 0)) for name in ("base_objects", "objects", "base_bytes", "bytes"))


def plain(function):
    return re.sub(r"\(.*", "", function)


def by_pprof(folder, first, second, index):
    """{function: what is left of it and of what it calls} of `go tool pprof -base`."""
    environment = {**os.environ, "PPROF_TMPDIR": folder, "HOME": folder, "GOFLAGS": ""}
    unit = ["-unit=bytes"] if index == "inuse_space" else []
    text = run("go", "tool", "pprof", "-symbolize=none", "-top", "-nodecount=100000", "-nodefraction=0", *unit, f"-sample_index={index}", "-base", first, second,
               env=environment)
    rows = (re.match(r"\s*-?\d+B?\s+[-\d.]+%\s+[-\d.]+%\s+(-?\d+)B?\s+[-\d.]+%\s+(.*)$", line) for line in text.splitlines())
    return {plain(re.sub(r" \(inline\)", "", row[2])).strip(): int(row[1]) for row in rows if row and int(row[1]) != 0}


def main(standstill, allocator, fixture):
    variables = []
    if ALLOCATORS[allocator]:
        library, variables = ALLOCATORS[allocator]
        name = ctypes.util.find_library(library)
        if not name:
            raise Skip(f"lib{library} is not installed")
        variables = [f"LD_PRELOAD={name}", *variables]
    with patient("/usr/bin/env", *variables, fixture) as running:
        before = objects(running.lines)
        cores = []
        for suffix in (".first", ".second"):
            core = running.gcore()
            os.rename(core, core + suffix)
            cores.append(core + suffix)
            if len(cores) == 2:
                break
            after = objects(running.go_on())
        check("classes", len(before), 3)

        diff = json.loads(run(standstill, "diff", *cores, "--format", "json", *QUIETLY))
        heap = next(heap for heap in diff["heaps"] if heap["allocator"].startswith(allocator))
        if allocator == "glibc":
            classes = {part["name"]: part["live"] for part in heap["types"]}
            for (name, _), was in before.items():
                now = after[name, _]
                # malloc's own header of 8 bytes is counted with each block.
                expected = (was[0], now[0], was[2] + 8 * was[0], now[2] + 8 * now[0])
                check(name, counts(classes[name]) if was != now else name in classes, expected if was != now else False)
        else:
            table = next(table for table in heap["tables"] if table["name"] == "heap")
            bytes_at = 1 if allocator == "gperftools" else 2  # jemalloc's profile counts usable sizes
            for (_, function), was in before.items():
                now = after[_, function]
                stacks = [counts(stack["live"]) for stack in table["stacks"] if any(plain(frame.get("function", "")) == function for frame in stack["frames"])]
                expected = (was[0], now[0], was[bytes_at], now[bytes_at])
                check(function, stacks, [expected] if was != now else [])
        check("the largest growth comes first", [live["bytes"] for live in largest(heap)], sorted((live["bytes"] for live in largest(heap)), reverse=True))
        text = run(standstill, "diff", *cores, *QUIETLY)
        if f"heap of {allocator}" not in text or not re.search(r"\+2,000 .*shop::Order|take_orders", text):
            raise AssertionError(f"the text does not say what grew:\n{text}")
        same = json.loads(run(standstill, "diff", cores[0], cores[0], "--format", "json", *QUIETLY))
        for one in same["heaps"]:
            left = [part for name in ("types", "size_classes", "arenas") for part in one.get(name, [])] + [stack for table in one.get("tables", []) for stack in table.get("stacks", [])]
            check(f"{one['allocator']} against itself", left, [])

        profiles = []
        for core in cores:
            profiles.append(core + ".pb.gz")
            run(standstill, "pprof", "--profile", "heap", *QUIETLY, "-o", profiles[-1], core)
        if shutil.which("go") is None:
            print("go is not here: pprof not compared")
            return
        for index, field in (("inuse_objects", 0), ("inuse_space", 2)):
            ours = {}
            if allocator == "glibc":
                rows = [(part["name"], part["live"]) for part in heap["types"]]
            else:
                rows = [(name, stack["live"]) for stack in table["stacks"] for name in {plain(frame["function"]) for frame in stack["frames"] if "function" in frame}]
            for name, live in rows:
                figures = counts(live)
                ours[name] = ours.get(name, 0) + figures[field + 1] - figures[field]
            ours = {name: change for name, change in ours.items() if change != 0}
            theirs = by_pprof(running.folder, *profiles, index)
            check(f"pprof -base, {index}", {name: theirs.get(name) for name in ours}, ours)


def largest(heap):
    rows = [stack["live"] for table in heap.get("tables", []) if table["name"] == "heap" for stack in table.get("stacks", [])] or [part["live"] for part in heap["types"]]
    return [{"bytes": counts(live)[3] - counts(live)[2]} for live in rows]


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except Skip as reason:
        print(reason)
        sys.exit(SKIPPED)

#!/usr/bin/env python3
"""`standstill heap PID` counts what the program says that it holds, although four of its threads take and give back memory all the time; the
program goes on. What a capture kept of a heap is told of the capture as it is of the living process.

  heap_live.py STANDSTILL FIXTURE
"""
import ctypes.util
import json
import os
import sys

from patient import QUIETLY, check, patient, run



def truth(lines):
    """{class: (objects, bytes with malloc's headers)} of the fixture's lines."""
    return {words[4]: (int(words[1]), int(words[3]) + 8 * int(words[1])) for words in lines if words[:1] == ["objects"]}


def classes(report):
    heap = next(heap for heap in report["heaps"] if heap["allocator"].startswith("glibc"))
    return {kind["name"]: (int(kind["objects"]), int(kind["bytes"])) for kind in heap.get("types", [])}


def main(standstill, fixture):
    def heap(target, *more):
        return json.loads(run(standstill, "heap", "--format", "json", *QUIETLY, *more, target))

    with patient(fixture, "busy") as running:
        pid, path = str(running.pid), lambda name: os.path.join(running.folder, name)
        before = truth(running.lines)
        report = heap(pid)
        check("classes of a living process", classes(report), before)
        check("it says how long the process stood", report["target"]["pause_ms"] > 0, True)
        profile = path("live.pb.gz")
        run(standstill, "pprof", "--profile", "heap", *QUIETLY, "-o", profile, pid)
        check("a profile of it", os.path.getsize(profile) > 100, True)

        # The whole memory in a capture, and next to nothing of it.
        for name, more in (("full", ["--memory", "full"]), ("small", [])):
            run(standstill, "capture", pid, "--quiet", "-o", path(name), *more)
        check("classes of a full capture", classes(heap(path("full"))), before)
        small = next(heap for heap in heap(path("small"))["heaps"] if heap["allocator"].startswith("glibc"))
        check("a small capture says that blocks are missing", any("capture --memory full" in note["text"] for note in small["notes"]), True)

        after = truth(running.go_on())
        check("it went on", after != before, True)
        check("classes a step later", classes(heap(pid)), after)
        diff = json.loads(run(standstill, "diff", path("full"), pid, "--format", "json", *QUIETLY))
        change = next(heap for heap in diff["heaps"] if heap["allocator"].startswith("glibc"))
        check("diff with a living process compares what that tells at once", "live" not in change and "blocks" in change["missing"], True)

    # An allocator that sampled: its tables are in the smallest capture.
    library = ctypes.util.find_library("jemalloc")
    if not library:
        print("libjemalloc is not installed: captures of samples not tested")
        return
    with patient("/usr/bin/env", f"LD_PRELOAD={library}", "MALLOC_CONF=prof:true,lg_prof_sample:0", fixture) as running:
        capture = os.path.join(running.folder, "capture")
        running.until_asleep()
        run(standstill, "capture", str(running.pid), "--quiet", "-o", capture)
        texts = [run(standstill, "heap", "--debug", "1", *QUIETLY, target).split("MAPPED_LIBRARIES")[0] for target in (str(running.pid), capture, running.gcore())]
        check("jemalloc's samples in a capture are those of the living process", texts[1] == texts[0], True)
        check("and those of a core", texts[1] == texts[2] and len(texts[1].splitlines()) > 5, True)


if __name__ == "__main__":
    main(*sys.argv[1:])

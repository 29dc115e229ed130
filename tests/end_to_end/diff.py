#!/usr/bin/env python3
"""`standstill diff` says of each thread what the program says of it: who stands still, who is busy, who wakes up and waits again, who is new.

  diff.py STANDSTILL MOVERS
"""
import json
import os
import subprocess
import sys
import time

from patient import patient

FAILED = []


def expect(what, holds, shown=""):
    if not holds:
        FAILED.append(f"{what}\n  {shown}")


def motions(diff):
    return {int(task["id"].split(":")[1]): task for task in diff["tasks"]}


def main(standstill, program):
    with patient(os.path.abspath(program)) as running:
        environment = {**os.environ, "XDG_CACHE_HOME": running.folder, "DEBUGINFOD_URLS": ""}

        def run(*words):
            done = subprocess.run([standstill, *words], capture_output=True, text=True, env=environment)
            if done.returncode != 0:
                raise AssertionError(f"{words} ended with {done.returncode}: {done.stderr}")
            return done.stdout

        threads = {int(words[1]): words[2] for words in running.lines if words[:1] == ["thread"]}
        expected = {"still": "STILL", "busy": "BUSY", "waking": "MOVED"}

        running.until_asleep([tid for tid, what in threads.items() if what == "still"])

        # One process, three pictures.
        diff = json.loads(run("diff", str(running.pid), "--every", "500ms", "--times", "3", "--format", "json"))
        expect("three pictures, a second apart", len(diff["pictures"]) == 3 and 0.5 <= diff["elapsed_seconds"] < 60, str(diff.get("elapsed_seconds")))
        for tid, what in threads.items():
            task = motions(diff)[tid]
            if what == "busy" and task["run_seconds"] < diff["elapsed_seconds"] / 2:
                continue  # a loaded machine did not let it
            expect(f"a thread that is {what}", task.get("motion") == expected[what], str(task))
            if what == "still":
                expect("stood at least for the time between", task["still_seconds"] >= diff["elapsed_seconds"] and task["bound"] == "AT_LEAST", str(task))
                expect("proved by the kernel's counters", task["confidence"] == "CERTAIN", str(task))
            if what == "busy":
                expect("is busy in grind()", task.get("within") == "grind", str(task))

        # A capture, a new thread, and another one.
        first, second = (os.path.join(running.folder, name) for name in ("first", "second"))
        run("capture", str(running.pid), "-o", first)
        # The waking thread must have been seen awake: what the kernel counts is waited for, not time.
        waking = next(tid for tid, what in threads.items() if what == "waking")

        def switches():
            with open(f"/proc/{running.pid}/task/{waking}/status") as file:
                return next(int(line.split()[1]) for line in file if line.startswith("voluntary"))

        enough = switches() + 20
        deadline = time.monotonic() + 60
        while switches() < enough and time.monotonic() < deadline:
            os.sched_yield()
        running.process.stdin.write("\n")
        running.process.stdin.flush()
        new = int(running.process.stdout.readline().split()[1])
        running.process.stdout.readline()
        run("capture", str(running.pid), "-o", second)
        diff = json.loads(run("diff", first, second, "--format", "json"))
        found = motions(diff)
        expect("a thread that is new", found[new]["motion"] == "ARRIVED", str(found[new]))
        for tid, what in threads.items():
            if what != "busy":  # how much it got of a loaded machine in so short a time nobody knows
                expect(f"a thread that is {what}, in captures", found[tid].get("motion") == expected[what], str(found[tid]))
        grown = [group for group in diff["groups"] if any(frame.get("function") == "stand_still" for frame in group["frames"])]
        expect("its stack has one more", [(group["base_count"], group["count"]) for group in grown] == [("3", "4")], str(grown))
        back = motions(json.loads(run("diff", second, first, "--format", "json")))
        expect("the other way round it is gone", back[new]["motion"] == "LEFT", str(back.get(new)))
        text = run("diff", first, second)
        expect("text names the new thread", str(new) in text and "not moved" in text, text)

        # Cores have no counters: threads that came back to the same place look alike.
        cores = []
        for name in ("a", "b"):
            cores.append(running.gcore())
            os.rename(cores[-1], cores[-1] + name)
            cores[-1] += name
        diff = json.loads(run("diff", *cores, "--format", "json"))
        found = motions(diff)
        expect("the time between is that of the files", diff["elapsed_by_file_times"], str(diff.get("elapsed_by_file_times")))
        for tid, what in threads.items():
            if what == "still":
                expect("still in cores is probable", (found[tid]["motion"], found[tid]["confidence"]) == ("STILL", "PROBABLE"), str(found[tid]))
    for text in FAILED:
        print("FAILED:", text)
    return 1 if FAILED else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

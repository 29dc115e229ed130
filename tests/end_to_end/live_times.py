#!/usr/bin/env python3
"""How long threads of a live process have waited: what standstill says against what the threads noted themselves.

  live_times.py STANDSTILL FIXTURE_DIR [--seconds S] [--no-stop]

The program notes CLOCK_MONOTONIC right before each block (fixtures/blocked_times.c). The time of the picture itself is not in the report, but it is the same
for all threads: each thread's duration must place it at the same moment, within 20 ms, and between the start and the end of standstill's run. A second
look must say the same, although the first one woke every thread for a moment.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

from patient import Skip, patient

SLACK = 0.020
KINDS = {"mutex": "MUTEX", "condition": "CONDITION", "read": "READ", "epoll": "EPOLL", "join": "JOIN", "sleep": "SLEEP"}


def stolen():
    """Seconds that the hypervisor took from all processors: the clocks that we measure by stand still meanwhile."""
    with open("/proc/stat") as file:
        return int(file.readline().split()[8]) / 100


def ask(standstill, *arguments):
    done = subprocess.run([standstill, *arguments], capture_output=True, text=True)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(arguments)} ended with {done.returncode}: {done.stderr}")
    return done.stdout


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("standstill")
    parser.add_argument("fixtures")
    parser.add_argument("--seconds", default="1.4")
    parser.add_argument("--no-stop", action="store_true")
    asked = parser.parse_args()
    if not os.path.exists("/proc/self/sched"):
        print("skipped: this kernel shows no /proc/PID/sched")
        return 77
    wrong = []
    stolen_before = stolen()
    looks = []
    with tempfile.TemporaryDirectory() as cache, patient(os.path.join(os.path.abspath(asked.fixtures), "blocked_times"), asked.seconds) as running:
        os.environ["XDG_CACHE_HOME"] = cache
        how = ["--quiet", "--debuginfod", "off"] + (["--no-stop"] if asked.no_stop else [])
        for _ in range(2):
            before = time.monotonic()
            report = json.loads(ask(asked.standstill, "stacks", "--format", "json", *how, str(running.pid)))
            looks.append((report, before, time.monotonic()))
        text = ask(asked.standstill, "stacks", *how, str(running.pid))
        slack = SLACK + stolen() - stolen_before
    for number, (report, before, after) in enumerate(looks):
        # epoll_wait is not begun anew after a stop: that thread has gone on (the manual says so).
        gone = {"epoll"} if number > 0 and not asked.no_stop else set()
        wrong += [f"look {number + 1}: {complaint}" for complaint in judge(report, before, after, slack, running.lines, gone)]
    if ", 1 waiting, min " not in text:
        wrong.append("no duration in stacks --debug 1")
    for text in wrong:
        print("WRONG " + text)
    return 1 if wrong else 0


def judge(report, before, after, slack, lines, gone):
    """What is wrong with the durations of a report that was made between `before` and `after`."""
    wrong = []
    tasks = {str(task["number"]): task for task in report["tasks"]}
    moments = {}
    for words in lines:
        if words[0] == "running" and "duration_seconds" in tasks[words[1]].get("wait", {}):
            wrong.append(f"a running thread waits: {tasks[words[1]]}")
        if words[0] != "blocked" or words[3] == "unsure" or words[2] in gone:
            continue
        wait = tasks[words[1]].get("wait", {})
        if wait.get("bound") != "EXACT" or "duration_seconds" not in wait:
            wrong.append(f"{words[2]}: no exact duration in {wait}")
            continue
        if words[2] in KINDS and wait.get("kind") != KINDS[words[2]]:
            wrong.append(f"{words[2]} is reported as {wait}")
        moments[words[2]] = int(words[3]) / 1e9 + wait["duration_seconds"]
    for kind, moment in moments.items():
        print(f"{kind:10} places the picture at {moment - before:+.4f} s of the run")
        if not before - slack <= moment <= after + slack:
            wrong.append(f"{kind}: the picture was taken {moment - before} s after the start, and the run took {after - before} s")
    if moments and max(moments.values()) - min(moments.values()) > slack:
        wrong.append(f"durations differ by {max(moments.values()) - min(moments.values())} s")
    for group in report["groups"]:
        durations = [tasks[task.partition(":")[2]]["wait"]["duration_seconds"] for task in group["tasks"]
                     if "duration_seconds" in tasks[task.partition(":")[2]].get("wait", {})]
        if durations and (group["wait_min_seconds"], group["wait_max_seconds"]) != (min(durations), max(durations)):
            wrong.append(f"the group's least and greatest are not those of its tasks: {group}")
    return wrong if moments else [*wrong, "no thread's duration is known"]


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Skip as reason:
        print(f"skipped: {reason}")
        sys.exit(77)

#!/usr/bin/env python3
"""Two processes that wait for each other are told so, and two that work together are not (fixtures/two_processes.c says which is which);
and so are their captures.

  several_processes.py STANDSTILL FIXTURE_DIR [--only MODE]
"""
import argparse
import json
import os
import subprocess
import sys

from patient import Skip, patient

STUCK = {"pipes": "READ", "unix": "RECV", "flock": "FILE_LOCK", "ofd": "FILE_LOCK", "mutex": "MUTEX", "child": "CHILD|WRITE"}
HEALTHY = ["token", "pipeline", "asleep"]
LOOKS = 4  # at healthy ones
DEADLY = {"DEADLOCK", "SELF_DEADLOCK", "SIGNAL_HANDLER_LOCK", "ORPHANED_LOCK", "FORK_CHILD_LOCK", "NOBODY_LEFT"}


def look(standstill, pids, *options):
    command = [standstill, "deadlocks", "--format", "json", "--quiet", "--debuginfod", "off", "--exit-code", *options, *pids]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode not in (0, 3):
        raise AssertionError(f"{' '.join(command)}\nended with {done.returncode}: {done.stderr}")
    return json.loads(done.stdout)


def complaints(report, pids, expected, kinds, has_pool):
    deadly = [finding for finding in report.get("findings", []) if finding["kind"] in DEADLY]
    if not expected:
        return [f"healthy, and reported: {finding}" for finding in deadly]
    if len(deadly) != 1:
        return [f"one deadlock is expected, reported are {deadly}"]
    finding, found = deadly[0], []
    if sorted(finding["tasks"]) != sorted(f"thread:{tid}" for tid in expected):
        found.append(f"expected are the threads {expected}: {finding}")
    if finding["confidence"] != ("PROBABLE" if has_pool and kinds != "MUTEX" else "CERTAIN"):
        found.append(f"wrong confidence: {finding}")
    for pid in pids:
        if f"pid {pid}" not in finding["title"]:
            found.append(f"process {pid} is not named: {finding}")
    resources = {resource["id"]: resource for resource in report["resources"]}
    for i, name in enumerate(finding["resources"]):
        holders = [holder["task"] for holder in resources[name].get("holders", [])]
        if finding["tasks"][(i + 1) % 2] not in holders:
            found.append(f"{name} is not held by the next task: {resources[name]}")
    for tid in expected:
        wait = next(task["wait"] for task in report["tasks"] if task["id"] == f"thread:{tid}")
        if wait["kind"] not in kinds.split("|"):
            found.append(f"thread {tid} waits: {wait}")
    if sorted(process["pid"] for process in report["target"]["processes"]) != sorted(map(int, pids)):
        found.append(f"the target names other processes: {report['target']}")
    return found


def captures_of(standstill, pids, folder):
    """One of each, taken one after the other; as if they came from elsewhere."""
    files = [os.path.join(folder, f"{pid}.capture") for pid in pids]
    for pid, file in zip(pids, files):
        subprocess.run([standstill, "capture", "--quiet", pid, "-o", file], check=True)
    return files


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("standstill")
    parser.add_argument("fixtures")
    parser.add_argument("--only", default="")
    asked = parser.parse_args()
    program = os.path.join(os.path.abspath(asked.fixtures), "two_processes")
    wrong = 0
    for mode in [*STUCK, *HEALTHY]:
        for pool in ([], ["pool"]):
            if asked.only not in mode:
                continue
            with patient(program, mode, *pool) as running:
                lines = {words[0]: words[1:] for words in running.lines}
                pids = lines["processes"]
                expected = [] if lines["expect"] == ["NONE"] else lines["expect"]
                found = []
                for number in range(1 if expected else LOOKS):
                    # In this order and the other, stopped and not.
                    order = pids if number % 2 == 0 else pids[::-1]
                    found += complaints(look(asked.standstill, order, *(["--no-stop"] if number >= 2 else [])), pids, expected,
                                        STUCK.get(mode), bool(pool))
                found += complaints(look(asked.standstill, captures_of(asked.standstill, pids, running.folder)), pids, expected, STUCK.get(mode),
                                    bool(pool))
            print(f"{'WRONG' if found else 'ok':5} {mode} {' '.join(pool)}")
            for text in found:
                print("      " + text)
            wrong += bool(found)
    return 1 if wrong else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Skip as reason:
        print(f"skipped: {reason}")
        sys.exit(77)

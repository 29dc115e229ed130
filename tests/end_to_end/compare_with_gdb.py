#!/usr/bin/env python3
"""The function names of every thread equal gdb's on the same core, frame by frame, and hold what the program says of itself.

  compare_with_gdb.py STANDSTILL FIXTURE [--argument X] [--debug-dir DIR] [--no-account]

Looks at a core of gdb's gcore and at one of the kernel. What is folded before the comparison stands in names.py; besides, gdb's
tail-call frames are left out: it infers them from call sites, they have no frame on the stack and no address of their own.
"""
import argparse
import json
import os
import subprocess
import sys

from names import last_part, same_function
from patient import Skip, frames_by_gdb, patient

SKIPPED = 77  # CTest: SKIP_RETURN_CODE


def frames_by_standstill(standstill, core, options, folder):
    command = [standstill, "stacks", "--format", "json", "--quiet", "--no-cache", "--debuginfod", "off", *options, core]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "XDG_CACHE_HOME": folder})
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(command)}\nended with {done.returncode}: {done.stderr}")
    report = json.loads(done.stdout)
    threads = {}
    for task in report.get("tasks", []):
        group = report["groups"][task.get("group", 0)]
        threads[task["id"].removeprefix("thread:")] = group.get("frames", [])
    return threads


def side_by_side(ours, theirs):
    lines = []
    for number in range(max(len(ours), len(theirs))):
        mine = ours[number] if number < len(ours) else None
        other = theirs[number] if number < len(theirs) else None
        left = f"{pc_of(mine):#x} {mine.get('function', '??')}{' (inlined)' if mine.get('inlined') else ''} {mine.get('found_by', '')}" if mine else "-"
        right = f"{other['pc']} {other['name']} ({other['kind']}) {other['linkage'] or ''}" if other else "-"
        mark = " " if mine and other and agree(mine, other) else "!"
        lines.append((mark, f"  {mark} {number:4} {left:70} | {right}"))
    if len(lines) > 60:  # of deep recursion only what differs, and its beginning and end
        lines = lines[:20] + [entry for entry in lines[20:-20] if entry[0] == "!"][:20] + lines[-20:]
    return "\n".join(text for _, text in lines)


def pc_of(frame):
    return int(frame.get("pc", "0x0"), 16)  # absent where it is zero: a null pointer was called


def agree(mine, other):
    return (pc_of(mine) == int(other["pc"], 16) and bool(mine.get("inlined")) == (other["kind"] == "inline")
            and (same_function(mine.get("function"), other) or (other["kind"] == "signal")))


def differences(ours, gdb):
    """One text for each thread whose frames differ."""
    found = []
    if set(ours) != set(gdb["threads"]):
        found.append(f"threads: we see {sorted(ours)}, gdb sees {sorted(gdb['threads'])}")
    for tid in sorted(set(ours) & set(gdb["threads"])):
        theirs = [frame for frame in gdb["threads"][tid] if frame["kind"] != "tailcall"]
        mine = ours[tid]
        if len(mine) != len(theirs) or not all(agree(left, right) for left, right in zip(mine, theirs)):
            found.append(f"thread {tid} (gdb's stack ends: {gdb['ends'][tid]})\n{side_by_side(mine, theirs)}")
    return found


def breaks_account(ours, account):
    """One text for each thread that does not show its own functions in its own order."""
    found = []
    for tid, functions in account.items():
        shown = [last_part(frame.get("function", "")) for frame in ours.get(tid, [])]
        rest = iter(shown)
        if not all(any(name == function for name in rest) for function in functions):
            found.append(f"thread {tid} says it is in {functions}; we show {shown[:40]}")
    return found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("standstill")
    parser.add_argument("fixture")
    parser.add_argument("--argument", action="append", default=[], help="for the fixture")
    parser.add_argument("--debug-dir", action="append", default=[])
    parser.add_argument("--no-account", action="store_true", help="the program's own functions have no names (stripped)")
    parser.add_argument("--account-only", action="store_true", help="gdb guesses here; hold us to the program's own account alone")
    parser.add_argument("--gcore-only", action="store_true")
    asked = parser.parse_args()
    if not os.path.exists(asked.fixture):
        raise Skip(f"{asked.fixture} was not built: its tool chain is not installed")
    options = [word for folder in asked.debug_dir for word in ("--debug-dir", folder)]
    wrong = []
    with patient(asked.fixture, *asked.argument) as running:
        for kind, take in (("gcore", running.gcore), ("kernel", running.kernel_core)):
            if kind == "kernel" and asked.gcore_only:
                continue
            try:
                core = take()
            except Skip as reason:
                print(reason)
                continue
            ours = frames_by_standstill(asked.standstill, core, options, running.folder)
            found = [] if asked.no_account else breaks_account(ours, running.account)
            if not asked.account_only:
                found += differences(ours, frames_by_gdb(asked.fixture, core, asked.debug_dir))
            frames = sum(len(stack) for stack in ours.values())
            print(f"{kind} core: {len(ours)} threads, {frames} frames, {len(found)} differences")
            wrong += [f"in the {kind} core, {text}" for text in found]
    print("\n".join(wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Skip as reason:
        print(reason)
        sys.exit(SKIPPED)

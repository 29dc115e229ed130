#!/usr/bin/env python3
"""standstill says of Go programs that hang on purpose who waits for whom, as the programs say themselves; and of healthy ones nothing.

  go_deadlocks.py STANDSTILL [--versions 1.19,1.26] [--brief]

fixtures/go/rings, cgo_ring and healthy. A ring is looked at while it lives, in a capture, and the one that goes through C in a core, too.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

import go_programs
from patient import Skip, patient

SKIPPED = 77
QUIETLY = ["--quiet", "--debuginfod", "off"]

RINGS = {"channel": "PROBABLE", "select": "PROBABLE", "group": "PROBABLE", "condition": "PROBABLE", "once": "PROBABLE",
         "readers": "PROBABLE", "behind": "PROBABLE", "unknown": None, "lost": "PROBABLE"}
# Through C: with what the program has, stripped. A pthread mutex has an owner field; a Go lock has none.
CGO_RINGS = {"callback": "PROBABLE", "locked": "PROBABLE", "thread": "PROBABLE", "plain": "CERTAIN"}
HEALTHY = ("pool", "pipeline", "broker", "idle")
LOOKS = 12  # at each healthy program


def report(standstill, target):
    done = subprocess.run([standstill, "report", "--format", "json", *QUIETLY, str(target)], capture_output=True, text=True)
    if done.returncode != 0:
        raise AssertionError(f"standstill report {target} ended with {done.returncode}:\n{done.stderr}")
    return json.loads(done.stdout)


def deadlocks(told):
    return [finding for finding in told.get("findings", []) if "DEADLOCK" in finding["kind"]]


def without_zeros(resource):
    kind, _, address = resource.partition(":")
    return f"{kind}:{int(address, 16):#x}" if address.startswith("0x") else resource


def told_twice(told):
    """A goroutine that can never run again is told in one finding: of a deadlock, of what stands behind it, or of leaks."""
    seen, twice = set(), set()
    for finding in told.get("findings", []):
        if finding["kind"] in ("DEADLOCK", "SELF_DEADLOCK", "LEAKED", "NOBODY_LEFT"):
            tasks = set(finding["tasks"]) | set(finding.get("behind", []))
            twice |= seen & tasks
            seen |= tasks
    return [f"told twice: {sorted(twice)}"] if twice else []


def wrong_about_lost(told, deadlock, others, leaked):
    """What is told otherwise of those behind a circle, and of one who stands where they do for another reason."""
    leaks = [finding for finding in told["findings"] if finding["kind"] == "LEAKED"]
    wrong = []
    if set(deadlock.get("behind", [])) != others:
        wrong.append(f"behind the deadlock are {deadlock.get('behind')}, and not {sorted(others)}")
    if "never run again" not in deadlock["explanation"]:
        wrong.append(f"nothing is said of that they never run again: {deadlock['explanation']}")
    if len(leaks) != 1 or set(leaks[0]["tasks"]) != leaked or f"{len(others)} more stand here" not in leaks[0]["explanation"]:
        wrong.append(f"expected {sorted(leaked)} to be leaked beside {len(others)}: {leaks}")
    return wrong


def wrong_with(told, lines, certainty):
    """What is told otherwise than the program's account has it."""
    account = {}
    for words in lines:
        account.setdefault(words[0], []).append(words[1:])
    found = deadlocks(told)
    headline = told["verdict"].get("headline", "")
    if "cycle" in account:
        expected = set(account["cycle"][0])
        if len(found) != 1 or set(found[0]["tasks"]) != expected or len(found[0]["tasks"]) != len(expected):
            return [f"expected one deadlock of {sorted(expected)}, found {[finding['tasks'] for finding in found]}: {headline}"]
        finding, word = found[0], "Deadlock"
    elif "behind" in account:
        # A thread of C that has called Go has a goroutine from then on.
        count, holder = int(account["behind"][0][0]), account["behind"][0][1]
        if found:
            return [f"a deadlock where there is none: {headline}"]
        roots = [finding for finding in told.get("findings", []) if finding["kind"] == "ROOT_BLOCKER"]
        if not roots or len(roots[0]["tasks"]) != 1 or not roots[0]["tasks"][0].startswith("" if holder == "thread" else holder):
            return [f"expected {count} behind {holder}: {headline}"]
        finding, word = roots[0], f"{count} goroutines wait behind {'' if holder == 'thread' else holder.replace(':', ' ')}"
    else:
        return [f"a deadlock where there may be none: {headline}"] if found else []
    wrong = told_twice(told)
    if "leaked" in account:
        wrong += wrong_about_lost(told, finding, set(account["others"][0]), set(account["leaked"][0]))
    if finding["confidence"] != certainty:
        wrong.append(f"{finding['confidence']}, expected {certainty}: {headline}")
    if not headline.startswith(word):
        wrong.append(f"the headline does not lead with {word!r}: {headline}")
    resources = {without_zeros(resource) for resource in finding["resources"]}
    for expected in account.get("resource", []):
        if without_zeros(expected[0]) not in resources:
            wrong.append(f"{expected[0]} is not among {sorted(resources)}")
    known = {resource["id"]: resource for resource in told["resources"]}
    for number, resource in enumerate(finding["resources"]):
        holder = finding["tasks"][(number + 1) % len(finding["tasks"])]
        if finding["kind"] == "DEADLOCK" and not any(held["task"] == holder and held["evidence"] for held in known[resource].get("holders", [])):
            wrong.append(f"no evidence that {holder} is who {resource} is waited for from")
    return wrong


def look_at(standstill, program, mode, certainty, with_capture, with_core):
    with patient(program, mode) as running:
        running.until_asleep()
        account = [words for words in running.lines if words[0] in ("cycle", "others", "leaked", "behind", "resource")]
        wrong = [f"live: {line}" for line in wrong_with(report(standstill, running.pid), account, certainty)]
        if with_capture:
            capture = os.path.join(running.folder, "capture.core")
            subprocess.run([standstill, "capture", "--quiet", str(running.pid), "-o", capture], check=True, stdout=subprocess.DEVNULL)
            wrong += [f"capture: {line}" for line in wrong_with(report(standstill, capture), account, certainty)]
        if with_core:
            wrong += [f"core: {line}" for line in wrong_with(report(standstill, running.gcore()), account, certainty)]
        return wrong


def frames_of(standstill, target, goroutine):
    """Names of all functions on the stack of a goroutine, C's among them, innermost first."""
    told = report(standstill, target)
    group = next(task["group"] for task in told["tasks"] if task["id"] == goroutine)
    return [frame.get("function", "?") for frame in told["groups"][group]["frames"]]


def wrong_with_callback(frames, mode):
    """The callee of C waits: below it stands the C code that called it, and below that, where Go called C, its caller.

    As the program is written: C's lock_and_call calls wantLedger (by way of its exported stub and of crosscall2).
    """
    order = ["main.wantLedger", "runtime.cgocallback", "crosscall2", "wantLedger", "lock_and_call"]
    order += ["runtime.asmcgocall", "runtime.cgocall", "main._Cfunc_lock_and_call"] if mode == "callback" else ["thread_main"]
    places = [next((i for i, frame in enumerate(frames) if frame.split(".abi0")[0] == name), None) for name in order]
    if None in places or places != sorted(places):
        return [f"the stack of a callback does not lead through {order}: {frames}"]
    return []


def look_at_callbacks(standstill, program):
    wrong = []
    for mode in ("callback", "thread"):
        with patient(program, mode) as running:
            running.until_asleep()
            waiter = next(words[2] for words in running.lines if words[0] == "cycle")
            wrong += [f"{mode}: {line}" for line in wrong_with_callback(frames_of(standstill, running.pid, waiter), mode)]
    return wrong


def of_process(told, pid):
    """What a report of several processes tells of one, with names as a report of that one has them."""
    def bare(name):
        return name.removeprefix(f"pid{pid}/")

    findings = [{**finding, **{key: [bare(name) for name in finding.get(key, [])] for key in ("tasks", "resources", "behind")}}
                for finding in told["findings"] if any(name.startswith(f"pid{pid}/") for name in finding.get("tasks", []))]
    resources = [{**resource, "id": bare(resource["id"]),
                  "holders": [{**holder, "task": bare(holder["task"])} for holder in resource.get("holders", [])]}
                 for resource in told["resources"] if resource["id"].startswith(f"pid{pid}/")]
    headline = findings[0]["title"].split(": ", 1)[1] if findings else ""
    return {"findings": findings, "resources": resources, "verdict": {"headline": headline}}


def look_together(standstill, program):
    """Two processes at once: each has its own deadlock, told as if it was looked at alone, and every goroutine is listed once."""
    with patient(program, "lost") as one, patient(program, "channel") as other:
        wrong = []
        for running in (one, other):
            running.until_asleep()
        command = [standstill, "report", "--format", "json", *QUIETLY, str(one.pid), str(other.pid)]
        told = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        for running in (one, other):
            account = [words for words in running.lines if words[0] in ("cycle", "others", "leaked", "resource")]
            wrong += [f"together, pid {running.pid}: {line}" for line in wrong_with(of_process(told, running.pid), account, "PROBABLE")]
            alone = {f"pid{running.pid}/{task['id']}": task["state"] for task in report(standstill, running.pid)["tasks"] if task["kind"] == "GOROUTINE"}
            listed = {task["id"]: task["state"] for task in told["tasks"] if task["id"].startswith(f"pid{running.pid}/")}
            if alone != listed:
                wrong.append(f"together, pid {running.pid} has the goroutines {listed}, and alone {alone}")
        for number, group in enumerate(told["groups"]):
            members = {task["id"] for task in told["tasks"] if task.get("group") == number}
            if set(group["tasks"]) != members:
                wrong.append(f"group {number} has {group['tasks']}, and its tasks are {sorted(members)}")
        return wrong


def look_at_healthy(standstill, program, mode, looks):
    with patient(program, mode) as running:
        for _ in range(looks):
            told = report(standstill, running.pid)
            if deadlocks(told):
                return ["a healthy program: " + json.dumps(deadlocks(told))]
    return []


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("standstill")
    parser.add_argument("--versions", default="")
    parser.add_argument("--brief", action="store_true", help="captures and cores of what goes through C alone, and fewer looks")
    arguments = parser.parse_args()
    compilers = go_programs.toolchains([version for version in arguments.versions.split(",") if version])
    if not compilers:
        raise Skip("no Go is here")
    failed = passed = 0
    for version, go in compilers:
        with tempfile.TemporaryDirectory(prefix="standstill-") as folder:
            jobs = [("rings", "static_stripped", RINGS), ("cgo_ring", "cgo_stripped", CGO_RINGS),
                    ("healthy", "pie_stripped", dict.fromkeys(HEALTHY))]
            for package, variant, modes in jobs:
                program = os.path.join(folder, package)
                try:
                    go_programs.build(go, variant, package, program)
                except Skip as reason:
                    print(f"Go {version} {package}: skipped: {reason}")
                    continue
                for mode, certainty in modes.items():
                    try:
                        with_core = package == "cgo_ring" and mode == "callback"
                        wrong = (look_at_healthy(arguments.standstill, program, mode, LOOKS // 4 if arguments.brief else LOOKS)
                                 if package == "healthy" else
                                 look_at(arguments.standstill, program, mode, certainty, with_core or not arguments.brief, with_core))
                    except Skip as reason:
                        print(f"Go {version} {package} {mode}: skipped: {reason}")
                        continue
                    failed, passed = failed + bool(wrong), passed + (not wrong)
                    for line in wrong:
                        print(f"Go {version} {package} {mode}: {line}")
                if package == "rings":
                    more = look_together(arguments.standstill, program)
                elif package == "cgo_ring":
                    # With symbols: the C functions have names.
                    go_programs.build(go, "cgo", package, program)
                    more = look_at_callbacks(arguments.standstill, program)
                else:
                    continue
                failed, passed = failed + bool(more), passed + (not more)
                for line in more:
                    print(f"Go {version} {package}: {line}")
    print(f"{passed} programs as they say themselves")
    if failed:
        raise AssertionError(f"{failed} programs say something else")


if __name__ == "__main__":
    try:
        main()
    except Skip as reason:
        print(reason)
        sys.exit(SKIPPED)

#!/usr/bin/env python3
"""Ctrl-C, SIGTERM, SIGHUP and SIGKILL while the process stands still: it runs on, and nothing is left behind.

  interrupted.py STANDSTILL FIXTURE_DIR

A capture of all memory keeps the process stopped until all is written. It is written into a pipe that nobody reads, which makes the moment
last for as long as we like.
"""
import os
import signal
import subprocess
import sys
import time

from patient import patient

FAILED = []


def expect(what, holds, shown=""):
    if not holds:
        FAILED.append(f"{what}\n  {shown}")


def states(pid):
    found = []
    for tid in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{tid}/stat") as file:
            found.append(file.read().rpartition(")")[2].split()[0])
    return found


def stop_for_long(standstill, running, environment):
    """Returns when all threads stand, and will until the pipe is read."""
    tool = subprocess.Popen([standstill, "capture", "--memory", "full", "--quiet", str(running.pid), "-o", "-"], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, env=environment)
    deadline = time.monotonic() + 60
    while set(states(running.pid)) != {"t"}:
        os.sched_yield()
        if tool.poll() is not None or time.monotonic() > deadline:
            tool.kill()
            raise AssertionError(f"the process does not come to stand: {states(running.pid)}, {tool.communicate()[1]}")
    return tool


def main(standstill, fixtures):
    with patient(os.path.join(os.path.abspath(fixtures), "hung_orders")) as running:
        environment = {**os.environ, "XDG_CACHE_HOME": running.folder, "DEBUGINFOD_URLS": "", "TMPDIR": running.folder}
        running.until_asleep()
        before = sorted(os.listdir(running.folder))
        for number, status in ((signal.SIGINT, 130), (signal.SIGTERM, -signal.SIGTERM), (signal.SIGHUP, -signal.SIGHUP), (signal.SIGKILL, -signal.SIGKILL)):
            tool = stop_for_long(standstill, running, environment)
            tool.send_signal(number)
            _, err = tool.communicate()
            expect(f"{number.name} ends it with its status", tool.returncode == status, f"{tool.returncode} {err}")
            expect(f"{number.name}: no thread stands any more", "t" not in states(running.pid), str(states(running.pid)))
            expect(f"{number.name}: the process lives", running.process.poll() is None)
            running.until_asleep()
            left = [name for name in sorted(os.listdir(running.folder)) if name not in before and name != "standstill"]
            expect(f"{number.name}: nothing is left behind", left == [], str(left))
        # And it can be looked at as if nothing had been.
        done = subprocess.run([standstill, "stacks", "--quiet", str(running.pid)], capture_output=True, text=True, env=environment)
        expect("it is looked at afterwards", done.returncode == 0 and done.stdout.startswith("thread profile:"), str(done))
    for text in FAILED:
        print("FAILED:", text)
    return 1 if FAILED else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

#!/usr/bin/env python3
"""`go tool pprof -base` subtracts one of our profiles from another: nothing is left of two of the same process, and two with
as many threads in stacks of different depth leave none either.

  pprof_base.py STANDSTILL FIXTURE
"""
import os
import re
import shutil
import subprocess
import sys

from patient import Skip, patient

SKIPPED = 77


def run(*command, **more):
    done = subprocess.run(command, capture_output=True, text=True, **more)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(command)}\nended with {done.returncode}: {done.stderr}")
    return done.stdout


def main(standstill, fixture):
    if shutil.which("go") is None:
        raise Skip("go is not here")
    with patient(fixture) as running:
        running.until_asleep()
        environment = {**os.environ, "XDG_CACHE_HOME": running.folder, "DEBUGINFOD_URLS": "", "PPROF_TMPDIR": running.folder, "HOME": running.folder, "GOFLAGS": ""}

        def path(name):
            return os.path.join(running.folder, name)

        def totals(base, target):
            """Flat totals of -top: those of all samples before and after the subtraction."""
            text = run("go", "tool", "pprof", "-symbolize=none", "-top", "-nodecount=1000", "-base", path(base), path(target), env=environment)
            return {line.split()[-1]: int(line.split()[0]) for line in text.splitlines() if re.match(r"\s*-?\d+ ", line)}

        for name in ("first", "second"):
            run(standstill, "capture", str(running.pid), "-o", path(name), "-q", env=environment)
            run(standstill, "pprof", "-o", path(name + ".pb.gz"), path(name), "-q", env=environment)
        run(standstill, "pprof", "--max-frames", "1", "-o", path("cut.pb.gz"), path("first"), "-q", env=environment)
        threads = len(os.listdir(f"/proc/{running.pid}/task"))
        same = totals("first.pb.gz", "second.pb.gz")
        if any(same.values()):
            raise AssertionError(f"the same process twice leaves {same}")
        cut = totals("cut.pb.gz", "second.pb.gz")
        if sum(cut.values()) != 0:
            raise AssertionError(f"as many threads in both, and yet {cut} of {threads} is left")
    print("nothing is left of two profiles of one standing process")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except Skip as reason:
        print("skipped:", reason)
        sys.exit(SKIPPED)

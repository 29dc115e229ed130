#!/usr/bin/env python3
"""standstill looks at a process again and again that never comes to rest, and is killed with SIGKILL at random moments half of the time. The
process must live on, finish its work, and come to the right result (fixtures/churn.c: no signal lost, no count wrong).

  stress.py STANDSTILL CHURN [--attaches 60] [--threads 200] [--seed N]
"""
import argparse
import os
import random
import subprocess
import sys
import tempfile
import time


def states(pid):
    found = []
    for tid in os.listdir(f"/proc/{pid}/task"):
        try:
            with open(f"/proc/{pid}/task/{tid}/stat") as file:
                found.append(file.read().rpartition(")")[2].split()[0])
        except (FileNotFoundError, ProcessLookupError):
            pass
    return found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("standstill")
    parser.add_argument("churn")
    parser.add_argument("--attaches", type=int, default=60)
    parser.add_argument("--threads", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    moments = random.Random(asked.seed)
    churn = subprocess.Popen([asked.churn, str(asked.threads)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    finished = killed = 0
    usual = 0.05  # seconds that a whole run takes; learned from those that are not killed
    with tempfile.TemporaryDirectory(prefix="standstill-") as folder:
        environment = {**os.environ, "XDG_CACHE_HOME": folder, "DEBUGINFOD_URLS": ""}
        assert churn.stdout.readline() == "ready\n"
        for number in range(asked.attaches):
            started = time.monotonic()
            look = subprocess.Popen([asked.standstill, "stacks", "--quiet", str(churn.pid)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                    text=True, env=environment)
            try:
                out, err = look.communicate(timeout=moments.uniform(0, usual) if number % 2 else 60)
                finished += 1
                usual = 0.5 * usual + 0.5 * (time.monotonic() - started)
                assert look.returncode == 0, f"attach {number}: status {look.returncode}: {err}"
                total = int(out.splitlines()[0].removeprefix("thread profile: total "))
                assert asked.threads < total < 2 * asked.threads, f"attach {number}: {total} threads"
            except subprocess.TimeoutExpired:
                look.kill()
                look.communicate()
                killed += 1
            assert churn.poll() is None, f"attach {number}: the process has ended with {churn.returncode}"
            assert "t" not in states(churn.pid), f"attach {number}: a thread is still stopped"
    out, _ = churn.communicate(timeout=60)  # closes its standard input
    print(f"{finished} attaches to the end, {killed} killed; {out.strip()}")
    assert churn.returncode == 0, f"the result is wrong: status {churn.returncode}"


if __name__ == "__main__":
    sys.exit(main())

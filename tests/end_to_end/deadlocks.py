#!/usr/bin/env python3
"""`standstill deadlocks` says of each program of fixtures/deadlocks what the program says of itself: exactly the expected findings, with
their tasks, resources and holders, and none in healthy programs.

  deadlocks.py STANDSTILL FOLDER [--only TEXT] [--brief] [--accounts-only] [--keep FOLDER]

Every program is looked at with its debug information and without a symbol, each time alive, in a capture, in a core of gdb's gcore and in one of the
kernel; healthy ones at several moments; the stripped ones that are deadlocked also alive without being stopped. The report of a capture must be that of the
living process, byte for byte. Before that, the account itself is held against the owner fields as gdb reads them.
"""
import argparse
import concurrent.futures
import difflib
import json
import os
import shutil
import subprocess
import sys

from deadlock_account import DEADLY, Account, differences, owner_questions
from patient import Skip, patient

SKIPPED = 77  # CTest: SKIP_RETURN_CODE

PROGRAMS = """
mutex_ring normal 2
mutex_ring normal 3
mutex_ring normal 4
mutex_ring normal 10
mutex_ring recursive 2
mutex_ring errorcheck 2
mutex_ring adaptive 2
mutex_ring timed 2
mutex_ring robust 2
mutex_ring inherit 2
mutex_ring detected 2
mutex_ring detected 3
mutex_ring shared 2
mutex_ring_musl normal 2
mutex_ring_musl recursive 2
two_rings
self_lock normal
self_lock adaptive
self_lock inherit
self_lock handler
self_lock upgrade
self_lock once
orphan normal
orphan robust
fork_child main
fork_child thread
fork_in_malloc
rwlock_ring writers
rwlock_ring behind
rwlock_ring readers
rwlock_ring mutex
join_ring three
join_ring lock
rwlock_ring_musl writers
rwlock_ring_musl behind
rwlock_ring_musl readers
rwlock_ring_musl mutex
join_ring_musl three
join_ring_musl self
once_ring
stdio_ring
spin_ring
loader_lock
cxx_ring mutex
cxx_ring recursive
cxx_ring timed
cxx_ring recursive_timed
cxx_ring shared
cxx_ring exclusive
cxx_ring once
cxx_ring local
cxx_ring_clang shared
cxx_ring_clang once
cxx_ring_clang local
cxx_ring_libcxx mutex
cxx_ring_libcxx recursive
cxx_ring_libcxx timed
cxx_ring_libcxx recursive_timed
cxx_ring_libcxx shared
cxx_ring_libcxx exclusive
cxx_ring_libcxx once
cxx_ring_libcxx local
lock_and_wait_libcxx condition
lock_and_wait_libcxx variable
lock_and_wait_libcxx semaphore
lock_and_wait_libcxx barrier
lock_and_wait_libcxx future
lock_and_wait_libcxx latch
lock_and_wait_libcxx atomic
lock_and_wait_libcxx signal
lock_and_wait_libcxx flag
lock_and_wait_libcxx pointer
lock_and_wait_libcxx variable join
lock_and_wait_libcxx future join
absl_ring writers
absl_ring readers
glib_ring mutex
glib_ring bit
glib_ring recursive
gil_ring lock
gil_ring call
qt_ring mutex
qt_ring guard
openmp_ring lock
openmp_ring nested
openmp_ring behind
cxx_ring_unoptimised shared
cxx_ring_unoptimised once
cxx_ring_unoptimised local
rwlock_ring_clang readers
rwlock_ring_clang mutex
rwlock_ring_unoptimised readers
rwlock_ring_unoptimised mutex
once_ring_clang
lock_and_wait condition
lock_and_wait variable
lock_and_wait semaphore
lock_and_wait barrier
lock_and_wait future
lock_and_wait latch
lock_and_wait atomic
lock_and_wait signal
lock_and_wait flag
lock_and_wait pointer
lock_and_wait phase
lock_and_wait_clang flag
lock_and_wait_clang phase
lock_and_wait condition join
lock_and_wait variable join
lock_and_wait semaphore join
lock_and_wait barrier join
lock_and_wait future join
rust_ring mutex
rust_ring writers
rust_ring readers
rust_ring once
rust_ring condvar
rust_ring condvar 2
rust_ring condvar 3
rust_ring condvar 5
rust_ring park
rust_ring_unoptimised mutex
rust_ring_unoptimised readers
rust_ring_unoptimised once
rust_self mutex
rust_self write
rust_self read
rust_self twice
rust_self texts
rust_self option
rust_self released
rust_self taken
rust_self other
rust_self moved
rust_self relock
rust_self relock_deep
rust_self_unoptimised mutex
rust_self_unoptimised write
rust_self_unoptimised read
rust_self_unoptimised option
rust_self_unoptimised released
rust_self_unoptimised taken
rust_self_unoptimised other
rust_self_unoptimised moved
rust_self_unoptimised relock
rust_self_unoptimised relock_deep
rust_self_whole mutex
rust_self_whole write
rust_self_whole read
rust_self_whole texts
rust_self_whole option
rust_self_whole released
rust_self_whole taken
rust_self_whole other
rust_self_whole moved
rust_self_whole relock
rust_self_whole relock_deep
parking_lot_ring mutex
parking_lot_ring writers
parking_lot_ring readers
tcmalloc_lock
jemalloc_lock
convoy 30 1
convoy 3 4
many_deadlocks 40 20
healthy_locks contended
healthy_locks ordered
healthy_locks readers
healthy_locks handoff
healthy_locks timed
healthy_locks malloc
healthy_pools busy
healthy_pools idle
healthy_pools parked
healthy_pools bounded
healthy_pools spawning
healthy_pools parent
absl_ring ordered
glib_ring queue
healthy_plain contended
healthy_plain queue
healthy_plain wrapped
healthy_plain_musl contended
healthy_plain_musl ordered
healthy_plain_musl readers
healthy_plain_musl queue
healthy_plain_musl wrapped
healthy_rust contended
healthy_rust ordered
healthy_rust readers
healthy_rust queue
healthy_rust_unoptimised contended
healthy_rust_unoptimised ordered
healthy_rust_unoptimised readers
healthy_rust_unoptimised queue
healthy_parking_lot contended
healthy_parking_lot ordered
healthy_parking_lot readers
healthy_parking_lot queue
"""
# The only trace of who holds what is in registers that /proc does not show.
ONLY_REGISTERS_TELL = {"rust_ring condvar", "rust_ring condvar 2", "rust_ring condvar 3", "rust_ring condvar 5", "spin_ring"}  # a spinning thread runs: only a stop shows where
ONLY_REGISTERS_TELL |= {f"lock_and_wait{built} {mode}" for built in ("", "_clang", "_libcxx") for mode in ("flag", "pointer", "phase")}
ONLY_REGISTERS_TELL |= {"glib_ring mutex", "qt_ring mutex", "qt_ring guard", "openmp_ring lock", "openmp_ring nested", "openmp_ring behind"}
ONLY_REGISTERS_TELL |= {f"rust_self_whole {mode}" for mode in ("released", "taken", "other", "moved", "relock", "relock_deep")}
ONLY_REGISTERS_TELL |= {"lock_and_wait_libcxx latch", "lock_and_wait_libcxx signal"}
MOMENTS = 2  # at which a healthy program is looked at in each build, besides the kernel's core


def ask_standstill(standstill, target, folder, *how):
    command = [standstill, "deadlocks", "--format", "json", "--quiet", "--no-cache", "--debuginfod", "off", "--exit-code", *how, target]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "XDG_CACHE_HOME": folder})
    if done.returncode not in (0, 3):
        raise AssertionError(f"{' '.join(command)}\nended with {done.returncode}: {done.stderr}")
    report = json.loads(done.stdout)
    deadlocked = any(finding["kind"] in DEADLY for finding in report.get("findings", []))
    if deadlocked != (done.returncode == 3):
        raise AssertionError(f"{' '.join(command)}\nended with {done.returncode}, and its findings are {report.get('findings')}")
    return report


class Outcome:
    def __init__(self, name):
        self.name, self.looks, self.wrong, self.notes = name, 0, [], []

    def look_live(self, asked, running, account, *how):
        """The same answer is wanted from the process itself."""
        self.looks += 1
        if not asked.accounts_only:
            report = ask_standstill(asked.standstill, str(running.pid), running.folder, *how)
            self.wrong += [f"live {' '.join(how)}: {text}" for text in differences(report, account)]

    def look(self, asked, running, core, account, where):
        self.looks += 1
        if asked.keep:
            kept = os.path.join(asked.keep, f"{self.name} {where}".replace(" ", "_").replace("/", "_"))
            shutil.copyfile(core, kept + ".core")
            with open(kept + ".account", "w") as file:
                file.writelines(" ".join(words) + "\n" for words in running.lines)
        if not asked.accounts_only:
            self.wrong += [f"{where}: {text}" for text in differences(ask_standstill(asked.standstill, core, running.folder), account)]


    def capture(self, asked, running, account):
        """What the living process and its capture say of one and the same picture."""
        path = os.path.join(running.folder, "capture")
        manners = ["--quiet", "--no-cache", "--debuginfod", "off"]
        environment = {**os.environ, "XDG_CACHE_HOME": running.folder}
        command = [asked.standstill, "capture", str(running.pid), "-o", path, "--report", "json", *manners]
        live = subprocess.run(command, capture_output=True, text=True, env=environment)
        if live.returncode != 0:
            raise AssertionError(f"{' '.join(command)}\nended with {live.returncode}: {live.stderr}")
        reread = subprocess.run([asked.standstill, "report", path, "--format", "json", *manners], capture_output=True, text=True, env=environment)
        reports = [json.loads(done.stdout) for done in (live, reread)]
        self.wrong += [f"live: {text}" for text in differences(reports[0], account)]
        for report in reports:
            for field in ("source", "path", "file_bytes"):
                report["target"].pop(field, None)
        texts = [json.dumps(report, indent=1).splitlines() for report in reports]
        self.wrong += [f"the capture's report differs from the live one: {line}"
                       for line in list(difflib.unified_diff(*texts, "live", "capture", lineterm="", n=1))[:12]]
        self.look(asked, running, path, account, "capture")
        os.unlink(path)


def check_owners(running, account, questions, answers):
    for (name, tid, expression), answer in zip(questions, answers):
        if answer is None or int(answer.split()[0], 0) != int(tid):
            yield f"the program says that {tid} holds {name}, gdb reads {expression} = {answer}"


def examine(asked, name, is_stripped):
    """One program in one build: all its cores."""
    program, *arguments = name.split()
    outcome = Outcome(f"{name}{' (stripped)' if is_stripped else ''}")
    path = os.path.join(asked.folder, "stripped" if is_stripped else "", program)
    if not os.path.exists(path):
        outcome.notes.append(f"not built: {path}")
        return outcome
    try:
        with patient(path, *arguments) as running:
            account = Account(running.lines)
            has_own_fields = program == "stdio_ring" or "recursive_timed" in name  # which gdb cannot be asked by one expression
            questions = [] if is_stripped or has_own_fields else owner_questions(account, program.endswith("_musl"))
            if not account.is_healthy and not account.spins:
                running.until_asleep()  # the main thread too, which says "ready" before it waits
            if asked.brief and not is_stripped:
                outcome.capture(asked, running, account)
                return outcome
            if not asked.brief:
                outcome.look_live(asked, running, account)
            if is_stripped and not account.is_healthy and name not in ONLY_REGISTERS_TELL:
                outcome.look_live(asked, running, account, "--no-stop")
            if not asked.accounts_only and not asked.brief:
                outcome.capture(asked, running, account)
            for moment in range(0 if asked.brief else asked.moments if account.is_healthy else 1):
                core, answers = running.gcore_and_ask([expression for _, _, expression in questions])
                outcome.wrong += check_owners(running, account, questions, answers)
                outcome.look(asked, running, core, account, "gcore" + (f" {moment}" if moment else ""))
                os.unlink(core)
            outcome.look(asked, running, running.kernel_core(), account, "kernel core")
    except Skip as reason:
        outcome.notes.append(str(reason))
    except (AssertionError, OSError, ValueError) as reason:
        outcome.wrong.append(str(reason))
    return outcome


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("standstill")
    parser.add_argument("folder", help="where the programs of fixtures/deadlocks were built")
    parser.add_argument("--only", default="", help="programs whose line contains this text")
    parser.add_argument("--brief", action="store_true", help="every other program stripped, without a stop and in the kernel's core; of the others a capture")
    parser.add_argument("--accounts-only", action="store_true", help="hold only the accounts against gdb")
    parser.add_argument("--moments", type=int, default=MOMENTS, help="at which healthy programs are looked at")
    parser.add_argument("--keep", help="a folder for the cores and accounts")
    asked = parser.parse_args()
    asked.folder = os.path.abspath(asked.folder)  # the programs are started elsewhere
    names = [line for line in PROGRAMS.strip().splitlines() if asked.only in line]
    with concurrent.futures.ThreadPoolExecutor(max_workers=max(2, os.cpu_count() or 2)) as pool:
        jobs = [pool.submit(examine, asked, name, is_stripped) for i, name in enumerate(names) for is_stripped in (False, True)
                if not asked.brief or is_stripped == bool(i % 2)]
        outcomes = [job.result() for job in jobs]
    for outcome in sorted(outcomes, key=lambda one: bool(one.wrong)):  # what is wrong comes last, where it is seen
        print(f"{'WRONG' if outcome.wrong else 'ok':5} {outcome.name}: {outcome.looks} looks {'; '.join(outcome.notes)}")
        for text in outcome.wrong:
            print("      " + text)
    looks = sum(outcome.looks for outcome in outcomes)
    wrong = sum(bool(outcome.wrong) for outcome in outcomes)
    print(f"{len(names)} programs, {looks} looks, {wrong} of {len(outcomes)} builds wrong")
    if looks == 0:
        return SKIPPED
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

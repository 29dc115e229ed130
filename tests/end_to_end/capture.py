#!/usr/bin/env python3
"""A capture is an ordinary core: gdb, eu-stack and lldb (those that are installed) print the same functions from it as from gdb's full core of
the same stop. What goes wrong while one is taken ends with one line and leaves nothing behind.

  capture.py STANDSTILL PROGRAM [ARGUMENT ...]
  capture.py STANDSTILL --readers PROGRAM [ARGUMENT ...]     only its report, and what other programs read from it
  capture.py STANDSTILL --threads PROGRAM ARGUMENT ...       only its report, of a program with very many threads
  capture.py STANDSTILL --go VERSION                         the same of a Go program, read by delve, too
"""
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from go_programs import build, toolchains
from patient import GDB_QUIETLY, Skip, patient

FAILED = []
LLDB = next((path for path in map(shutil.which, ("lldb", "lldb-19", "lldb-14")) if path), None)


def expect(what, holds, shown=""):
    if not holds:
        FAILED.append(f"{what}\n  {shown}")


def until_stopped(pid):
    def states():
        for tid in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{tid}/stat") as file:
                yield file.read().rpartition(")")[2].split()[0]
    deadline = time.monotonic() + 60
    while set(states()) != {"T"}:
        os.sched_yield()
        if time.monotonic() > deadline:
            raise AssertionError(f"process {pid} does not stop")


def by_gdb(program, core):
    done = subprocess.run([*GDB_QUIETLY, "-ex", f"file {program}", "-ex", f"core-file {core}", "-ex", "thread apply all bt"],
                          capture_output=True, text=True)
    return [(match[1], match[2]) for match in re.finditer(r"^(?:Thread \d+ .*LWP (\d+)|#\d+ +(?:0x\w+ in )?([^ (]+))", done.stdout, re.M)]


def by_eu_stack(program, core):
    done = subprocess.run(["eu-stack", "--core", core, "--executable", program], capture_output=True, text=True)
    return done.stdout.splitlines()[1:]  # the first line names the core


def by_lldb(program, core):
    done = subprocess.run([LLDB, "--no-lldbinit", "--batch", "-o", "thread backtrace all", "-c", core, program], capture_output=True, text=True)
    return re.findall(r"(?:frame #\d+: 0x\w+ (\S+)|thread #\d+)", done.stdout)


def by_delve(program, core):
    """The goroutines with their stacks; addresses of arguments would differ in nothing but are of no use here."""
    with tempfile.NamedTemporaryFile("w", suffix=".dlv") as script:
        script.write("goroutines -t 20\nexit\n")
        script.flush()
        done = subprocess.run(["dlv", "core", program, core, "--check-go-version=false", "--init", script.name, "--allow-non-terminal-interactive=true"],
                              capture_output=True, text=True, stdin=subprocess.DEVNULL)
    return [line.strip() for line in done.stdout.splitlines() if "Goroutine" in line or re.match(r"\s*\d+ +0x", line)]


def same_functions(run, running, program, folder, kinds=("analysis", "stacks", "full"), is_go=False):
    """The process is stopped, so that gdb and we see the same moment."""
    os.kill(running.pid, signal.SIGSTOP)
    until_stopped(running.pid)
    full = running.gcore()
    readers = {"gdb": by_gdb}
    if shutil.which("eu-stack"):
        readers["eu-stack"] = by_eu_stack
    if LLDB:
        readers["lldb"] = by_lldb
    if is_go and shutil.which("dlv"):
        readers["delve"] = by_delve
    print("readers:", ", ".join(readers))
    expected = {name: read(program, full) for name, read in readers.items()}
    for memory in kinds:
        path = os.path.join(folder, "capture." + memory)
        done = run("capture", str(running.pid), "-o", path, "--memory", memory)
        expect(f"a capture of {memory} is taken", done.returncode == 0 and os.path.exists(path), done.stderr)
        for name, read in readers.items():
            seen = read(program, path)
            expect(f"{name} sees threads at all", len(expected[name]) > 3, str(expected[name]))
            expect(f"{name} prints the same functions from a capture of {memory} as from the full core", seen == expected[name],
                   f"{seen}\n  {expected[name]}")
    with open(f"/proc/{running.pid}/stat") as file:
        expect("a stopped process stays stopped", file.read().rpartition(")")[2].split()[0] == "T")
    os.kill(running.pid, signal.SIGCONT)
    holes = os.stat(os.path.join(folder, "capture.analysis"))
    expect("a capture is small", holes.st_blocks * 512 < 4 << 20, str(holes))
    for name in os.listdir(folder):
        if name.startswith("capture."):
            os.unlink(os.path.join(folder, name))


def same_report(run, running, folder, source=r"^(?:live|capture) .*(?:\n {10}\S.*)*$"):
    """The text that is made while the capture is taken, and the one that is made of it: but for the line that says where it comes from."""
    path = os.path.join(folder, "capture.report")
    live = run("capture", str(running.pid), "-o", path, "--report", "text", "--quiet")
    later = run("report", "--quiet", path)
    expect("a report is made of both", live.returncode == 0 and later.returncode == 0, live.stderr + later.stderr)
    expect("a report says where it comes from, once", len(re.findall(source, live.stdout, re.M)) == 1, live.stdout)
    expect("the report of a capture is the report of the process, word by word",
           re.sub(source, "", live.stdout, flags=re.M) == re.sub(source, "", later.stdout, flags=re.M), f"{live.stdout}\n----\n{later.stdout}")
    os.unlink(path)


def every_way_to_write(run, running, folder):
    reports = {}
    for name in ("plain", "packed.zst", "packed.gz", "packed.xz", "packed.lz4", "piped"):
        path = os.path.join(folder, name)
        if name == "piped":
            with open(path, "wb") as out:
                run("capture", str(running.pid), "-o", "-", stdout=out)
        else:
            run("capture", str(running.pid), "-o", path)
        done = run("report", "--format", "json", path)
        expect(f"{name} can be read", done.returncode == 0, done.stderr)
        report = json.loads(done.stdout)
        expect(f"{name} is a capture", report["target"].get("source") == "CAPTURE", str(report["target"]))
        if name == "plain":
            heap = run("heap", path)
            said = heap.stdout + heap.stderr
            expect("a heap whose blocks the capture leaves out is not misread", "--memory full" in said and "no chunk" not in said, said)
        reports[name] = [(group.get("count"), [frame.get("function") for frame in group["frames"]]) for group in report["groups"]]
        os.unlink(path)
    expect("every way to write gives the same stacks", all(report == reports["plain"] for report in reports.values()), str(reports.keys()))


def trouble(run, running, folder):
    def refused(what, done, *words, status=1):
        expect(f"{what}: status {status}", done.returncode == status, f"{done.returncode} {done.stderr}")
        expect(f"{what}: one line", done.stderr.count("\n") == 1, done.stderr)
        for word in words:
            expect(f"{what}: says {word!r}", word in done.stderr, done.stderr)
        expect(f"{what}: nothing is left behind", os.listdir(folder) == [], str(os.listdir(folder)))
        expect(f"{what}: the process runs", running.process.poll() is None)

    path, pid = os.path.join(folder, "capture"), str(running.pid)
    refused("no file", run("capture", pid), "-o FILE", status=2)
    refused("no such process", run("capture", "4194305", "-o", path), "4194305")
    refused("no such folder", run("capture", pid, "-o", os.path.join(folder, "no", "capture")), "No such file or directory")
    refused("a folder", run("capture", pid, "-o", folder), "not an ordinary file")
    refused("a core", run("capture", sys.argv[2], "-o", path), "is a file")

    def small_files():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (16384, 16384))

    refused("a full disk", run("capture", pid, "-o", path, preexec_fn=small_files), "cannot write")
    refused("a full disk, all memory", run("capture", pid, "-o", path, "--memory", "full", preexec_fn=small_files), "cannot write")
    with open(path, "w") as file:
        file.write("precious")
    run("capture", pid, "-o", path, preexec_fn=small_files)
    with open(path) as file:
        expect("a file that was there stays as it was when a capture fails", file.read() == "precious")
    os.unlink(path)


def go_program(version, folder, name="hung_shop"):
    found = toolchains([version])
    if not found:
        raise Skip(f"Go {version} is not here")
    program = os.path.join(folder, name)
    build(found[0][1], "static", name, program)
    return program


def only_readers(standstill, is_go, program, *arguments):
    with tempfile.TemporaryDirectory(prefix="standstill-") as built:
        version = program
        program = go_program(version, built) if is_go else os.path.abspath(program)
        if not os.path.exists(program):
            raise Skip(f"{program} is not built")
        with patient(program, *arguments) as running:
            folder = os.path.join(running.folder, "captures")
            os.mkdir(folder)

            def run(*words):
                environment = {**os.environ, "XDG_CACHE_HOME": running.folder, "DEBUGINFOD_URLS": ""}
                return subprocess.run([standstill, *words], capture_output=True, text=True, env=environment)

            same_report(run, running, folder)
            same_functions(run, running, program, folder, ("analysis",), is_go)
        if is_go:
            same_report_of_leaks(run, version, built)


def same_report_of_leaks(run, version, built):
    """Most of what the living process tells of them, a capture without the heap cannot tell again: then it is not told when it is taken, either."""
    with patient(go_program(version, built, "leaks")) as running:
        running.until_asleep()
        same_report(run, running, running.folder)


def very_many_threads(standstill, program, *arguments):
    try:
        started = patient(os.path.abspath(program), *arguments)
        running = started.__enter__()
    except AssertionError as reason:
        raise Skip(f"so many threads cannot be had here: {reason}") from None
    try:
        def run(*words):
            environment = {**os.environ, "XDG_CACHE_HOME": running.folder, "DEBUGINFOD_URLS": ""}
            return subprocess.run([standstill, *words], capture_output=True, text=True, env=environment)

        same_report(run, running, running.folder)
        path = os.path.join(running.folder, "capture")
        threads = len(os.listdir(f"/proc/{running.pid}/task"))
        done = run("capture", str(running.pid), "-o", path)
        expect("the capture says how many threads it holds", f"{threads:,} threads" in done.stderr, done.stderr)
        done = run("stacks", path)
        expect("and they are in it", done.stdout.startswith(f"thread profile: total {threads}\n"), done.stdout[:200])
    finally:
        started.__exit__(None, None, None)


def main():
    standstill, program, *arguments = sys.argv[1:]
    if program in ("--readers", "--go", "--threads"):
        if program == "--threads":
            very_many_threads(standstill, *arguments)
        else:
            only_readers(standstill, program == "--go", *arguments)
        for text in FAILED:
            print("FAILED:", text)
        return 1 if FAILED else 0
    program = os.path.abspath(program)
    with patient(program, *arguments) as running:
        def run(*words, **more):
            environment = {**os.environ, "XDG_CACHE_HOME": running.folder, "DEBUGINFOD_URLS": ""}
            return subprocess.run([standstill, *words], **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "env": environment, **more})

        folder = os.path.join(running.folder, "captures")
        os.mkdir(folder)
        running.until_asleep()
        same_report(run, running, folder)
        same_functions(run, running, program, folder)
        every_way_to_write(run, running, folder)
        trouble(run, running, folder)
    for text in FAILED:
        print("FAILED:", text)
    return 1 if FAILED else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Skip as reason:
        print(f"skipped: {reason}")
        sys.exit(77)

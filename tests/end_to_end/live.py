#!/usr/bin/env python3
"""standstill on living processes: every command, what /proc and ptrace make difficult, and what must be refused.

  live.py STANDSTILL FIXTURE_DIR

The expected answers come from the fixtures' own accounts and from /proc.
"""
import contextlib
import ctypes
import json
import os
import re
import shutil
import signal
import subprocess
import sys

from patient import Patient, Skip, patient

FAILED, SKIPPED = [], []
IS_ROOT = os.geteuid() == 0


def expect(what, holds, evidence=""):
    if not holds:
        FAILED.append(f"{what}\n  {str(evidence)[:1500]}")


def environment(folder):
    return {**os.environ, "XDG_CACHE_HOME": folder, "DEBUGINFOD_URLS": ""}


class Tool:
    def __init__(self, path, folder):
        self.path, self.folder = path, folder

    def run(self, *arguments, before=()):
        command = [*before, self.path, *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, env=environment(self.folder), timeout=100)
        expect("ends by itself, with a status of the contract", done.returncode in (0, 1, 3) and "Sanitizer" not in done.stderr, (command, done))
        return done

    def report(self, *arguments):
        done = self.run("report", "--format", "json", "--quiet", "--no-cache", *arguments)
        expect("report ends with 0", done.returncode == 0, done)
        return json.loads(done.stdout)

    def refused(self, *arguments, words=(), before=()):
        done = self.run("stacks", *arguments, before=before)
        expect(f"{arguments} is refused with status 1, one line, nothing on standard output",
               done.returncode == 1 and done.stdout == "" and done.stderr.count("\n") == 1, done)
        for word in words:
            expect(f"{arguments}: says {word!r}", word in done.stderr, done.stderr)


def tids(pid):
    return {int(tid) for tid in os.listdir(f"/proc/{pid}/task")}


def states(pid):
    found = {}
    for tid in tids(pid):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError), open(f"/proc/{pid}/task/{tid}/stat") as file:
            found[tid] = file.read().rpartition(")")[2].split()[0]
    return found


def functions_by_tid(report):
    return {task["number"]: [frame.get("function", "") for frame in report["groups"][task.get("group", 0)].get("frames", [])]
            for task in ({**task, "number": str(task["number"])} for task in report["tasks"])}


def follows_account(report, account):
    """Every announced function stands in its thread's stack, in the order announced."""
    stacks = functions_by_tid(report)
    wrong = []
    for tid, functions in account.items():
        rest = iter(re.sub(r"\(.*", "", function).split("::")[-1] for function in stacks.get(tid, []))
        if not all(any(function.split("::")[-1] == found for found in rest) for function in functions):
            wrong.append((tid, functions, stacks.get(tid)))
    return wrong


def every_command(tool, running):
    report = tool.report(running.pid)
    target = report["target"]
    expect("the source is LIVE", target["source"] == "LIVE", target)
    expect("the pause is told", 0 < target.get("pause_ms", 0) < 10_000, target)
    expect("the time is told", re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", target.get("captured_at", "")), target)
    expect("all threads are there", {int(task["number"]) for task in report["tasks"]} == tids(running.pid), report["tasks"])
    expect("stacks are what the program says", not follows_account(report, running.account), follows_account(report, running.account))
    for command in (["report"], ["stacks"], ["stacks", "--debug", "2"], ["deadlocks"], ["info"], ["heap"]):
        done = tool.run(*command, running.pid)
        expect(f"{command} works on a pid", done.returncode == 0 and done.stdout != "", done)
    text = tool.run("report", running.pid).stdout
    expect("the report says how long the process stood", re.search(r"^live +20\d\d-.*stopped for \d+\.\d ms$", text, re.M), text[:2000])
    profile = os.path.join(running.folder, "threads.pb.gz")
    done = tool.run("pprof", "-o", profile, running.pid)
    expect("pprof works on a pid", done.returncode == 0 and os.path.getsize(profile) > 100, done)
    expect("nobody stands still afterwards", "t" not in states(running.pid).values(), states(running.pid))
    one = sorted(tids(running.pid) - {running.pid})[0]
    expect("a thread's number leads to its process", tool.report(one)["target"]["pid"] == running.pid)


def without_stopping(tool, running):
    stopped = tool.run("stacks", "--debug", "2", running.pid).stdout
    moving = tool.run("stacks", "--debug", "2", "--no-stop", running.pid).stdout
    expect("--no-stop shows the same stacks as a stop", stopped == moving, f"{stopped}\n----\n{moving}")
    report = tool.report("--no-stop", running.pid)
    expect("--no-stop tells of no pause", "pause_ms" not in report["target"], report["target"])
    expect("--no-stop: stacks are what the program says", not follows_account(report, running.account))
    text = tool.run("report", "--no-stop", running.pid).stdout
    expect("the report says so", "looked at without stopping it" in text, text[:1000])


def main_thread_gone(tool, fixtures):
    with patient(os.path.join(fixtures, "leaderless")) as running:
        for how in ([], ["--no-stop"]):
            report = tool.report(*how, running.pid)
            living = {tid for tid, state in states(running.pid).items() if state != "Z"}
            expect("the living threads of a process without its main thread", {int(task["number"]) for task in report["tasks"]} == living,
                   report["tasks"])
            expect("their stacks", not follows_account(report, running.account), follows_account(report, running.account))
            expect("its program", report["target"]["executable"].endswith("leaderless"), report["target"])


def uninterruptible(tool, fixtures):
    """A thread that waits for its vfork child cannot be stopped; nobody waits for it."""
    with patient(os.path.join(fixtures, "blocked_times"), "0.5") as running:
        waiting = {tid for tid, state in states(running.pid).items() if state == "D"}
        if not waiting:
            SKIPPED.append("no thread in uninterruptible sleep")
            return
        before = tids(running.pid)
        report = tool.report(running.pid)
        shown = {int(task["number"]) for task in report["tasks"]}
        # One of them ends sooner or later.
        expect("all threads are there, those that cannot be stopped too", tids(running.pid) <= shown <= before, (before, shown))
        stacks = functions_by_tid(report)
        for tid in waiting:
            expect("a thread in uninterruptible sleep has its stack from /proc", any("vfork" in name for name in stacks[str(tid)]), stacks[str(tid)])
        expect("the pause is not held up", report["target"]["pause_ms"] < 1500, report["target"])
        expect("it is noted", any("could not be stopped" in note["text"] for note in report.get("notes", [])), report.get("notes"))
        expect("it still waits", all(states(running.pid)[tid] == "D" for tid in waiting), states(running.pid))


def traced(tool, running):
    PTRACE_SEIZE = 0x4206
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    tracer = os.fork()  # a process of its own, so that its end lets go
    if tracer == 0:
        ready = libc.ptrace(PTRACE_SEIZE, running.pid, None, None) == 0
        os.write(1, b"")
        os.kill(os.getpid(), signal.SIGSTOP if ready else signal.SIGKILL)
        os._exit(0)
    _, status = os.waitpid(tracer, os.WUNTRACED)
    if not os.WIFSTOPPED(status):
        SKIPPED.append("this process may not trace")
        return
    tool.refused(running.pid, words=(f"traced by process {tracer}", "--no-stop"))
    report = tool.report("--no-stop", running.pid)
    expect("a traced process is looked at without stopping it", not follows_account(report, running.account))
    os.kill(tracer, signal.SIGKILL)
    os.waitpid(tracer, 0)
    expect("and with stopping, when the tracer is gone", not follows_account(tool.report(running.pid), running.account))


def not_permitted(tool, running):
    if not IS_ROOT:
        tool.refused(1, words=("not permitted", "sudo"))
        return
    if shutil.which("setpriv") is None:
        SKIPPED.append("no setpriv")
        return
    folder = os.path.join(running.folder, "bin")
    os.chmod(running.folder, 0o755)
    os.mkdir(folder)
    copy = shutil.copy(tool.path, folder)  # where nobody may start it
    as_nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all"]
    Tool(copy, folder).refused(running.pid, words=("not permitted", "runs as root", "sudo standstill"), before=as_nobody)
    without_capability = ["setpriv", "--inh-caps=-sys_ptrace", "--bounding-set=-sys_ptrace"]
    mine = Tool(copy, folder).run("stacks", running.pid, before=without_capability)
    # Root without the capability may still trace processes that have no more rights than it has.
    expect("root without CAP_SYS_PTRACE is told what to do, or succeeds", mine.returncode == 0 or "CAP_SYS_PTRACE" in mine.stderr, mine)
    os.chmod(running.folder, 0o700)


def no_such(tool):
    tool.refused(4194303, words=("there is no process 4194303",))
    tool.refused("99999999999999999999", words=("no process",))
    if os.path.exists("/proc/2/comm"):
        tool.refused(2, words=("thread of the kernel",))
    child = subprocess.Popen(["true"])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    tool.refused(child.pid, words=("zombie",))
    child.wait()
    # One that ends just then: a line or an answer, never anything else.
    for _ in range(10):
        child = subprocess.Popen(["true"])
        done = tool.run("stacks", child.pid)
        expect("a process that ends meanwhile", done.returncode == 0 or (done.stdout == "" and done.stderr.count("\n") == 1), done)
        child.wait()


def narrow(tool, folder):
    """A program of the 32-bit i386, as small as one can be: pause() in a loop."""
    source, program = os.path.join(folder, "narrow.s"), os.path.join(folder, "narrow")
    with open(source, "w") as file:
        file.write(".globl _start\n_start: mov $29, %eax\n int $0x80\n jmp _start\n")
    try:
        subprocess.run(["as", "--32", "-o", program + ".o", source], check=True, capture_output=True)
        subprocess.run(["ld", "-m", "elf_i386", "-o", program, program + ".o"], check=True, capture_output=True)
        running = subprocess.Popen([program])
    except (OSError, subprocess.CalledProcessError) as reason:
        SKIPPED.append(f"no 32-bit program can be made or run here: {reason}")
        return
    try:
        for how in ([], ["--no-stop"]):
            tool.refused(*how, running.pid, words=("32-bit", str(running.pid)))
        done = tool.run("capture", running.pid, "-o", program + ".capture")
        expect("nor is there a capture of it", done.returncode == 1 and "32-bit" in done.stderr and not os.path.exists(program + ".capture"), done)
        expect("a 32-bit process goes on", running.poll() is None and "t" not in states(running.pid).values())
    finally:
        running.kill()
        running.wait()


def other_namespace(tool, fixtures):
    """Owners in lock words are numbers of the target's own PID namespace."""
    program = os.path.join(fixtures, "deadlocks", "mutex_ring")
    if not os.path.exists(program):
        SKIPPED.append("deadlocks/mutex_ring is not built")
        return
    try:
        with patient(shutil.which("unshare") or "unshare", "--pid", "--mount-proc", "--fork", "--kill-child", program, "robust", "3") as outside:
            with open(f"/proc/{outside.process.pid}/task/{outside.process.pid}/children") as file:
                children = file.read().split()
            inside = Patient(outside.process, outside.folder, {}, [])
            inside.pid = int(children[0])
            inside.until_asleep()
            report = tool.report(inside.pid)
    except (AssertionError, OSError) as reason:
        SKIPPED.append(f"no PID namespace can be made here: {reason}")
        return
    found = report.get("findings", [])
    expect("a deadlock in another PID namespace is found with certainty",
           len(found) == 1 and found[0]["kind"] == "DEADLOCK" and found[0]["confidence"] == "CERTAIN" and len(found[0]["tasks"]) == 3, found)


def other_root(tool, fixtures, folder):
    if not IS_ROOT:
        SKIPPED.append("chroot needs root")
        return
    root = os.path.join(folder, "root")
    os.makedirs(os.path.join(root, "proc"))
    shutil.copy(os.path.join(fixtures, "workers_static"), os.path.join(root, "program"))
    mounted = subprocess.run(["mount", "-t", "proc", "proc", os.path.join(root, "proc")], capture_output=True).returncode == 0
    if not mounted:
        SKIPPED.append("proc cannot be mounted")
        return
    try:
        with patient(shutil.which("chroot"), root, "/program") as running:
            report = tool.report(running.pid)
            expect("a program in another root directory has its names", not follows_account(report, running.account),
                   follows_account(report, running.account))
            expect("its program is known", report["target"]["executable"].endswith("/program"), report["target"])
    finally:
        subprocess.run(["umount", os.path.join(root, "proc")], check=True)


def main(standstill, fixtures):
    fixtures = os.path.abspath(fixtures)
    for name in ("workers_pie", "hung_orders"):
        with patient(os.path.join(fixtures, name)) as running:
            tool = Tool(os.path.abspath(standstill), running.folder)
            running.until_asleep()
            every_command(tool, running)
            without_stopping(tool, running)
            if name == "workers_pie":
                traced(tool, running)
                not_permitted(tool, running)
                no_such(tool)
                main_thread_gone(tool, fixtures)
                uninterruptible(tool, fixtures)
                narrow(tool, running.folder)
                other_namespace(tool, fixtures)
                other_root(tool, fixtures, running.folder)
    print("\n".join(FAILED) or "all as expected")
    for reason in SKIPPED:
        print("not tried:", reason)
    return 1 if FAILED else 0


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except Skip as skipped:
        print(skipped)
        sys.exit(77)

"""Starts a fixture, waits until it says "ready", takes its cores, and ends it. Nothing here sleeps."""
import contextlib
import json
import os
import resource
import shutil
import signal
import subprocess
import tempfile
import threading
import time

GDB_QUIETLY = ["gdb", "-nx", "-q", "-batch", "-iex", "set auto-load no", "-iex", "set debuginfod enabled off"]

# Options for a standstill that no cache and no server helps.
QUIETLY = ("--quiet", "--no-cache", "--debuginfod", "off")


class Skip(Exception):
    """This machine cannot do it; the text says why."""


def run(*command, **more):
    """What a program prints; it must end well."""
    done = subprocess.run(command, capture_output=True, text=True, **more)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(command)}\nended with {done.returncode}: {done.stderr}")
    return done.stdout


def run_or_skip(program, *arguments, **more):
    """The same of a program that need not be installed."""
    if shutil.which(program) is None:
        raise Skip(f"{program} is not here")
    return run(program, *arguments, **more)


def check(what, got, expected):
    """Says that both are equal, or where two lists begin to differ."""
    if got != expected:
        shown = (got, expected)
        if isinstance(got, list) and isinstance(expected, list) and expected:
            shown = [pair for pair in zip(got, expected) if pair[0] != pair[1]][:3] or shown
        raise AssertionError(f"{what}: got other than expected: {shown}")
    short = str(got)
    print(f"{what}: {short if len(short) < 100 else 'as expected'}")


def read_until_ready(process):
    """The lines up to "ready", as lists of words."""
    lines = []
    for line in process.stdout:
        lines.append(line.split())
        if lines[-1][:1] == ["ready"]:
            return lines
        if lines[-1][:1] == ["skip:"]:
            raise Skip(line.strip())
    raise AssertionError(f"{process.args[0]} ended before it was ready, with status {process.wait()}")


class Patient:
    """A running fixture: `pid` (its own, or that of the child it names with "target PID"), its `account` {tid: [function, ...]} innermost
    first, all `lines` that it printed, as lists of words, and a `folder` that is deleted with it."""

    def __init__(self, process, folder, account, lines):
        self.process, self.folder, self.account, self.lines = process, folder, account, lines
        targets = [int(words[1]) for words in lines if words[:1] == ["target"]]
        self.pid = targets[0] if targets else process.pid

    def until_asleep(self, tids=None):
        """Returns when the kernel says of every thread, or of those named, that it sleeps."""
        def states():
            for tid in tids or os.listdir(f"/proc/{self.pid}/task"):
                with contextlib.suppress(FileNotFoundError), open(f"/proc/{self.pid}/task/{tid}/stat") as file:
                    yield file.read().rpartition(")")[2].split()[0]
        deadline = time.monotonic() + 30
        while set(states()) != {"S"}:
            os.sched_yield()
            if time.monotonic() > deadline:
                raise AssertionError(f"process {self.pid} does not come to rest")

    def go_on(self):
        """Lets the program go on to its next "ready"; the lines that it printed on the way."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return read_until_ready(self.process)

    def gcore(self):
        """The path of a core that gdb wrote; the process goes on."""
        return self.gcore_and_ask([])[0]

    def gcore_and_ask(self, expressions):
        """The same, and what gdb says of each expression (text; None where it cannot be evaluated) while the process stands."""
        path = os.path.join(self.folder, "gcore.core")
        questions = [word for number, text in enumerate(expressions)
                     for word in ("-ex", f"python\ntry: print('answer', {number}, gdb.parse_and_eval({text!r}))\nexcept gdb.error: pass\nend")]
        done = subprocess.run([*GDB_QUIETLY, "-p", str(self.pid), "-ex", f"gcore {path}", *questions], capture_output=True, text=True)
        if not os.path.exists(path):
            raise AssertionError(f"gdb wrote no core of process {self.pid}:\n{done.stdout}{done.stderr}")
        answers = [None] * len(expressions)
        for line in done.stdout.splitlines():
            if line.startswith("answer "):
                _, number, text = line.split(None, 2)
                answers[int(number)] = text
        return path, answers

    def kernel_core(self):
        """The path of a core that the kernel wrote when a signal ended the process."""
        with open("/proc/sys/kernel/core_pattern") as file:
            pattern = file.read().strip()
        if pattern != "core":
            raise Skip(f"no kernel core: /proc/sys/kernel/core_pattern is {pattern!r}, not 'core'")
        if resource.getrlimit(resource.RLIMIT_CORE)[1] != resource.RLIM_INFINITY:
            raise Skip("no kernel core: the hard limit of core files is not unlimited")
        os.kill(self.pid, signal.SIGQUIT)
        self.process.wait(timeout=120)  # a parent ends with its child
        for name in ("core", f"core.{self.pid}"):
            path = os.path.join(self.folder, name)
            if os.path.exists(path) and os.path.getsize(path) > 0:
                return path
        raise Skip("the kernel wrote no core")


def _unlimited_cores():
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


@contextlib.contextmanager
def patient(program, *arguments):
    with tempfile.TemporaryDirectory(prefix="standstill-") as folder:
        process = subprocess.Popen([program, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=folder,
                                   preexec_fn=_unlimited_cores)
        watchdog = threading.Timer(60, process.kill)
        watchdog.start()
        try:
            lines = read_until_ready(process)
            account = {words[1]: words[2:] for words in lines if words[:1] == ["stack"]}
            watchdog.cancel()
            yield Patient(process, folder, account, lines)
        finally:
            watchdog.cancel()
            process.kill()
            process.wait()
            process.stdin.close()
            process.stdout.close()


def frames_by_gdb(program, core, debug_dirs=()):
    """gdb's frames of all threads of a core: see frames_by_gdb.py."""
    here = os.path.dirname(os.path.abspath(__file__))
    out = core + ".gdb.json"
    command = [*GDB_QUIETLY, "-iex", "set debug-file-directory " + ":".join([*debug_dirs, "/usr/lib/debug"]), "-iex", "set backtrace past-main on",
               "-ex", f"file {program}", "-ex", f"core-file {core}", "-x", os.path.join(here, "frames_by_gdb.py")]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "FRAMES_OUT": out})
    if not os.path.exists(out):
        raise AssertionError(f"gdb did not finish:\n{done.stdout}{done.stderr}")
    with open(out) as file:
        return json.load(file)

#!/usr/bin/env python3
"""What is behind the descriptors that threads wait on, as lsof and ss say it of the same process.

  open_files.py STANDSTILL FIXTURE_DIR
"""
import json
import os
import re
import shutil
import subprocess
import sys

from patient import Skip, patient

FAILED = []

# Waits for a byte on its own connection; the other end is its own, too.
TALKS_TO_ITSELF = """
import socket
server = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(server.getsockname())
accepted, _ = server.accept()
print("ready", flush=True)
client.recv(1)
"""


def expect(what, holds, shown=""):
    if not holds:
        FAILED.append(f"{what}\n  {shown}")


def waits_of(standstill, pid):
    """[(descriptor, what is said of it)]"""
    done = subprocess.run([standstill, "report", "--format", "json", "--quiet", pid], capture_output=True, text=True)
    details = [task.get("wait", {}).get("detail", "") for task in json.loads(done.stdout)["tasks"]]
    return [(match[1], match[2]) for match in (re.search(r"; fd (\d+): (.*)", detail) for detail in details) if match]


def by_lsof(pid):
    """{descriptor: {"inode": ..., "name": ...}}; with -E the name ends with who has the other end: "4711,name,5w"."""
    done = subprocess.run(["lsof", "-nP", "-E", "-p", pid, "-F", "fin"], capture_output=True, text=True)
    files, last = {}, {}
    for line in done.stdout.splitlines():
        if line[0] == "f":
            last = files[line[1:]] = {}
        elif line[0] in "in":
            last["inode" if line[0] == "i" else "name"] = line[1:]
    return files


def both_ends(standstill, program):
    for mode in ("pipes", "unix"):
        with patient(program, mode) as running:
            for pid in next(words[1:] for words in running.lines if words[:1] == ["processes"]):
                said = waits_of(standstill, pid)
                expect(f"{mode}: process {pid} waits on one descriptor", len(said) == 1, str(said))
                for fd, text in said:
                    known = by_lsof(pid).get(fd, {})
                    ends = re.findall(r"(\d+),[^,]*,\d+[rwu]", known.get("name", ""))
                    peer = re.search(r"(?:written by|connected to) pid (\d+)", text)
                    expect(f"{mode}: lsof knows the other end of fd {fd} as well", peer and peer[1] in ends, f"{text}\n  {known}")
                    if mode == "pipes":
                        expect("the pipe is lsof's", f"pipe:[{known.get('inode')}]" in text, f"{text}\n  {known}")


def connection(standstill):
    with patient(sys.executable, "-c", TALKS_TO_ITSELF) as running:
        running.until_asleep()
        said = waits_of(standstill, str(running.pid))
        expect("it waits on one descriptor", len(said) == 1, str(said))
        done = subprocess.run(["ss", "-tnpHO"], capture_output=True, text=True)
        for fd, text in said:
            line = next((line for line in done.stdout.splitlines() if f"pid={running.pid},fd={fd})" in line), "")
            words = line.split()
            expect("ss has the same state and the same two addresses",
                   len(words) > 4 and "ESTABLISHED" in text and words[0] == "ESTAB" and words[3] in text and words[4] in text, f"{text}\n  {line}")


def main(standstill, fixtures):
    missing = [name for name in ("lsof", "ss") if shutil.which(name) is None]
    if missing:
        raise Skip(f"{' and '.join(missing)} is not installed")
    both_ends(standstill, os.path.join(os.path.abspath(fixtures), "two_processes"))
    connection(standstill)
    for text in FAILED:
        print("FAILED:", text)
    return 1 if FAILED else 0


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except Skip as reason:
        print(f"skipped: {reason}")
        sys.exit(77)

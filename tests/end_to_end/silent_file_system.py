#!/usr/bin/env python3
"""A deadlocked program lies on a file system that answers nothing any more, as when its file server is gone: the report comes all the same,
from the process, from its capture, and from a core. Who opens a file there waits for ever, so the answer must come from elsewhere.

  silent_file_system.py STANDSTILL PROGRAM [ARGUMENT...]

The file system is a FUSE one of our own (linux/fuse.h, protocol 7.31). Needs root and /dev/fuse, or is skipped.
"""
import contextlib
import ctypes
import errno
import json
import mmap
import os
import signal
import stat
import struct
import subprocess
import sys
import tempfile

from patient import QUIETLY, Skip, check, patient

SKIPPED = 77
LOOKUP, FORGET, GETATTR, OPEN, READ, RELEASE, FLUSH, INIT, OPENDIR = 1, 2, 3, 14, 15, 18, 25, 26, 27
ROOT, FILE = 1, 2
PATIENCE = 120  # seconds, for a machine under load: without mends the answer never comes


class SilentFileSystem:
    """One folder with one program in it, which can be read until fall_silent() is called."""

    def __init__(self, folder, program):
        with open(program, "rb") as file:
            self.contents = file.read()
        try:
            self.device = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
        except OSError as error:
            raise Skip(f"/dev/fuse: {error.strerror}") from None
        libc = ctypes.CDLL(None, use_errno=True)
        options = f"fd={self.device},rootmode=40000,user_id=0,group_id=0,allow_other"
        if libc.mount(b"standstill-test", folder.encode(), b"fuse", 0, options.encode()) != 0:
            raise Skip(f"cannot mount: {os.strerror(ctypes.get_errno())}")
        self.libc, self.folder, self.is_silent = libc, folder, mmap.mmap(-1, 1)
        self.path = os.path.join(folder, "program")
        # A process of its own: who starts the program waits for it with the interpreter's lock held.
        self.server = os.fork()
        if self.server == 0:
            try:
                self.serve()
            finally:
                os._exit(0)
        os.close(self.device)

    def fall_silent(self):
        self.is_silent[0] = 1

    def end(self):
        """Whoever waits for an answer gets an error."""
        os.kill(self.server, signal.SIGKILL)
        os.waitpid(self.server, 0)
        self.libc.umount2(self.folder.encode(), 2)  # MNT_DETACH

    def attributes(self, node):
        mode, size = (stat.S_IFDIR | 0o755, 0) if node == ROOT else (stat.S_IFREG | 0o755, len(self.contents))
        return struct.pack("<6Q10I", node, size, 0, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, 4096, 0)

    def answer(self, operation, node, body):
        """(contents, error); nothing where none is wanted."""
        if operation == INIT:
            return struct.pack("<4I2H2I2H8I", 7, 31, 0, 0, 12, 10, 65536, 1, 32, 0, *[0] * 8)[:64], 0
        if operation == LOOKUP:
            if body.rstrip(b"\0") != b"program":
                return b"", errno.ENOENT
            return struct.pack("<4Q2I", FILE, 0, 0, 0, 0, 0) + self.attributes(FILE), 0
        if operation == GETATTR:
            return struct.pack("<Q2I", 0, 0, 0) + self.attributes(node), 0
        if operation in (OPEN, OPENDIR):
            return struct.pack("<Q2I", 1, 0, 0), 0
        if operation == READ:
            _, offset, size = struct.unpack_from("<2QI", body)
            return self.contents[offset:offset + size], 0
        return (None if operation == FORGET else b""), 0 if operation in (RELEASE, FLUSH) else errno.ENOSYS

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                request = os.read(self.device, 1 << 17)
                _, operation, number, node = struct.unpack_from("<2I2Q", request)
                if self.is_silent[0]:
                    continue
                contents, error = self.answer(operation, node, request[40:])
                if contents is not None:
                    os.write(self.device, struct.pack("<IiQ", 16 + len(contents), -error, number) + contents)


def ask(standstill, *words):
    done = subprocess.run([standstill, *words, *QUIETLY], capture_output=True, text=True, timeout=PATIENCE)
    if done.returncode not in (0, 10):
        raise AssertionError(f"{words}: ended with {done.returncode}: {done.stderr}")
    return done.stdout


def look(standstill, target, options=()):
    told = json.loads(ask(standstill, "report", "--format", "json", *options, target))
    check(f"findings of {target}", [(finding["kind"], finding["confidence"]) for finding in told["findings"]], [("DEADLOCK", "CERTAIN")])
    silent = [note["text"] for note in told["notes"] if "does not answer" in note["text"]]
    check(f"notes on files that do not answer, of {target}", len(silent), 1)


def main():
    standstill, program, *arguments = sys.argv[1:]
    folder = tempfile.mkdtemp(prefix="standstill-silent-")
    try:
        files = SilentFileSystem(folder, program)
        try:
            with patient(files.path, *arguments) as running:
                running.until_asleep()
                core = running.gcore()
                files.fall_silent()
                look(standstill, str(running.pid))
                look(standstill, str(running.pid), ["--no-stop"])
                look(standstill, core)
                capture = os.path.join(running.folder, "capture")
                ask(standstill, "capture", "-o", capture, str(running.pid))
                look(standstill, capture)
        finally:
            files.end()
    finally:
        os.rmdir(folder)


if __name__ == "__main__":
    try:
        main()
    except Skip as reason:
        print(reason)
        sys.exit(SKIPPED)

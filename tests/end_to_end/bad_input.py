#!/usr/bin/env python3
"""What people give to a tool when things are bad already: cut, compressed, foreign and mismatched files, end to end.

  bad_input.py STANDSTILL FIXTURE_DIR

A file that cannot be used ends with status 1, nothing on standard output and one line on standard error that names it. A file of which a
part is missing ends with status 0 and says what is missing. Nothing ever ends by a signal or a sanitizer.
"""
import os
import shutil
import struct
import subprocess
import sys

from patient import patient

FAILED = []


class Result:
    def __init__(self, command, done):
        self.command, self.status = command, done.returncode
        self.out, self.err = done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")

    def expect(self, what, holds):
        if not holds:
            FAILED.append(f"{what}\n  {' '.join(self.command)}\n  status {self.status}\n  stdout: {self.out[:600]!r}\n  stderr: {self.err[:1200]!r}")
        return self

    def expect_alive(self):
        return self.expect("ends by itself, with a status of the contract", self.status in (0, 1) and "Sanitizer" not in self.err)

    def expect_refused(self, *words):
        self.expect("is refused with status 1", self.status == 1)
        self.expect("prints nothing on standard output", self.out == "")
        self.expect("says why in one line", self.err.count("\n") == 1 and len(self.err) > 10)
        for word in words:
            self.expect(f"says {word!r}", word.lower() in self.err.lower())
        return self


def make_runner(standstill, folder):
    def run(*arguments, stdin=None):
        command = [standstill, *arguments]
        environment = {**os.environ, "XDG_CACHE_HOME": folder, "DEBUGINFOD_URLS": ""}
        done = subprocess.run(command, stdin=stdin or subprocess.DEVNULL, capture_output=True, env=environment, timeout=100)
        return Result(command, done)

    return run


def write(folder, name, data):
    path = os.path.join(folder, name)
    with open(path, "wb") as file:
        file.write(data)
    return path


def unusable_files(run, folder, fixtures, core):
    with open(core, "rb") as file:
        head = file.read(65536)
    missing = os.path.join(folder, "not-there.core")
    run("stacks", missing).expect_refused(missing, "no such file")
    run("stacks", folder).expect_refused(folder, "directory")
    empty = write(folder, "empty.core", b"")
    run("stacks", empty).expect_refused(empty, "empty")
    text = write(folder, "letter.core", b"Dear Sir or Madam,\n" * 100)
    run("stacks", text).expect_refused(text)
    program = os.path.join(fixtures, "workers_pie")
    run("stacks", program).expect_refused(program)
    # e_ident[EI_CLASS] = ELFCLASS32; e_ident[EI_DATA] = big endian; e_machine = EM_AARCH64
    run("stacks", write(folder, "narrow.core", head[:4] + b"\x01" + head[5:])).expect_refused("narrow.core", "32-bit")
    run("stacks", write(folder, "big-endian.core", head[:5] + b"\x02" + head[6:])).expect_refused("big-endian.core")
    run("stacks", write(folder, "arm.core", head[:18] + struct.pack("<H", 183) + head[20:])).expect_refused("arm.core", "aarch64")
    if os.geteuid() != 0:
        secret = write(folder, "secret.core", head)
        os.chmod(secret, 0)
        run("stacks", secret).expect_refused(secret, "permission")


def wrong_usage(run, core):
    run("--no-such-option", core).expect("is wrong usage: status 2", True).expect("status 2", run("--no-such-option", core).status == 2)
    run("stacks").expect("a missing target is wrong usage: status 2", run("stacks").status == 2)
    run("stacks", "--debug", "7", core).expect("an unknown level is wrong usage: status 2", run("stacks", "--debug", "7", core).status == 2)


def boundaries(core):
    """Places to cut at: inside and just behind the file header, the program headers, the notes, and segments. And the end of the last
    segment: what gcore writes behind it, section headers, nobody misses."""
    with open(core, "rb") as file:
        header = file.read(64)
        phoff, = struct.unpack_from("<Q", header, 32)
        phnum, = struct.unpack_from("<H", header, 56)
        file.seek(phoff)
        table = file.read(56 * phnum)
    cuts = {1, 4, 16, 63, 64, phoff + 20, phoff + 56, phoff + 56 * (phnum // 2), phoff + 56 * phnum - 1, phoff + 56 * phnum}
    loads, end = [], 0
    for at in range(0, len(table), 56):
        kind, _, offset, _, _, size = struct.unpack_from("<IIQQQQ", table, at)
        end = max(end, offset + size)
        if kind == 4:  # PT_NOTE
            cuts |= {offset, offset + 5, offset + 12, offset + 200, offset + size // 2, offset + size - 1, offset + size}
        elif kind == 1 and size:
            loads.append((offset, size))
    for offset, size in (loads[0], loads[len(loads) // 2], loads[-1]):
        cuts |= {offset, offset + 1, offset + size // 2, offset + size - 1}
    return sorted(cuts), end


def truncated(run, folder, core):
    cuts, whole = boundaries(core)
    cut_file = os.path.join(folder, "cut.core")
    subprocess.run(["cp", "--sparse=always", core, cut_file], check=True)
    for size in reversed(cuts):
        if size >= whole:
            continue
        os.truncate(cut_file, size)
        for command in ("report", "stacks"):
            result = run(command, cut_file).expect_alive()
            if result.status == 0 or "no thread can be shown" in result.err:
                first_lines = "\n".join(result.out.splitlines()[:10] if command == "report" else result.err.splitlines()[:10])
                result.expect(f"cut at {size} of {whole} bytes: the first lines say so", "truncated" in first_lines.lower())
            else:
                result.expect_refused("cut.core")


def endless(run, core):
    """A core of a glibc program of which one program header claims 2^62 bytes, and a block that malloc counts among those with a mapping of
    their own is not there: the search for it must not go through all that memory, page by page."""
    with open(core, "r+b") as file:
        header = file.read(64)
        phoff, = struct.unpack_from("<Q", header, 32)
        phnum, = struct.unpack_from("<H", header, 56)
        writable = []
        for at in range(phoff, phoff + 56 * phnum, 56):
            file.seek(at)
            kind, flags, offset, address, _, size = struct.unpack("<IIQQQQ", file.read(40))
            if kind == 1 and flags & 2 and size >= 16 and address < 1 << 47:
                file.seek(offset + 8)
                writable.append((at, struct.unpack("<Q", file.read(8))[0]))
        is_mapped = [at for at, word in writable if word & 7 == 2 and word >= 128 << 10]
        for at in is_mapped:
            file.seek(at + 32)
            file.write(struct.pack("<QQ", 0, 0))
        file.seek(writable[-1][0] + 40)
        file.write(struct.pack("<Q", 1 << 62))
    result = run("heap", core).expect_alive()
    result.expect("had blocks to take away", is_mapped)
    result.expect("says that blocks are missing", "malloc says it has" in result.out)


def threads_in(result):
    first = result.out.splitlines()[0] if result.out else ""
    return first


def compressed(run, folder, core):
    plain = run("stacks", core)
    plain.expect("the core itself is read", plain.status == 0 and threads_in(plain) == "thread profile: total 16")
    with open(core, "rb") as file:
        result = run("stacks", "-", stdin=file)
    result.expect("standard input gives the same answer", result.status == 0 and result.out == plain.out)
    tools = {"zst": ["zstd", "-q", "-1", "-c"], "lz4": ["lz4", "-q", "-1", "-c"], "gz": ["gzip", "-1", "-c"], "xz": ["xz", "-0", "-c"]}
    for ending, command in tools.items():
        if shutil.which(command[0]) is None:
            print(f"{command[0]} is not here: its format is not tried")
            continue
        packed = core + "." + ending
        with open(packed, "wb") as out:
            subprocess.run([*command, core], stdout=out, check=True)
        result = run("stacks", packed)
        result.expect(f".{ending} gives the same answer", result.status == 0 and result.out == plain.out)
        with open(packed, "rb") as file:
            result = run("stacks", "-", stdin=file)
        result.expect(f".{ending} on standard input gives the same answer", result.status == 0 and result.out == plain.out)
        with open(packed, "rb") as file:
            data = file.read()
        middle = len(data) // 2
        run("stacks", write(folder, f"cut.{ending}", data[:middle])).expect_alive()
        run("stacks", write(folder, f"tiny.{ending}", data[:20])).expect_refused(f"tiny.{ending}")
        run("stacks", write(folder, f"broken.{ending}", data[:64] + bytes(255 - byte for byte in data[64:4096]) + data[4096:])).expect_alive()
        os.remove(packed)


def other_build(run, fixtures, core):
    """An executable with another build ID is refused with both IDs, and never used."""
    other = os.path.join(fixtures, "workers_unoptimised")

    def build_id(path):
        text = subprocess.run(["readelf", "-n", path], capture_output=True, text=True, check=True).stdout
        return text.split("Build ID: ")[1].split()[0]

    result = run("report", "--exe", other, core).expect_alive()
    said = result.out + result.err
    right = os.path.join(fixtures, "workers_pie")
    result.expect("names both build IDs", build_id(other)[:12] in said and build_id(right)[:12] in said)


def main(standstill, fixtures):
    with patient(os.path.join(fixtures, "workers_pie")) as running:
        run = make_runner(standstill, running.folder)
        core = running.gcore()
        unusable_files(run, running.folder, fixtures, core)
        wrong_usage(run, core)
        other_build(run, fixtures, core)
        # A small core is enough for the rest: gcore writes 15 stacks of 8 MB.
        truncated(run, running.folder, core)
    with patient(os.path.join(fixtures, "workers_musl" if os.path.exists(os.path.join(fixtures, "workers_musl")) else "workers_pie")) as running:
        compressed(make_runner(standstill, running.folder), running.folder, running.gcore())
    with patient(os.path.join(fixtures, "heaps", "glibc_blocks")) as running:
        endless(make_runner(standstill, running.folder), running.gcore())
    print("\n".join(FAILED) or "all as expected")
    return 1 if FAILED else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

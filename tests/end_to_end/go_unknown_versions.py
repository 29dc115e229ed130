#!/usr/bin/env python3
"""A Go that came after standstill: its layouts are not known. A program with debug information says them itself. Of one without, either
everything that is read by the nearest known layout fits together, and the goroutines are the program's own, or it is said that there are
threads only. Nothing is guessed.

  go_unknown_versions.py STANDSTILL [VERSION...]

Programs of the versions given (of all that are here without any) are given the name of a later one, wherever they keep theirs.
"""
import os
import re
import subprocess
import sys
import tempfile

import go_programs
import go_texts
from go_profiles import QUIETLY
from go_says_the_same import dumped_core
from patient import Skip

SKIPPED = 77
FITS_NOT = {19, 21, 22, 23, 24, 25}  # versions whose struct g differs from the newest known one's


def rename(program):
    """Makes "go1.2x" out of "go1.x": digits alone change. Returns the new name."""
    with open(program, "rb") as file:
        data = file.read()
    version = re.search(rb"go1\.(\d\d)[.\d]*", data[data.find(b"\xff Go buildinf:"):])[0]
    later = version.replace(b"go1.1", b"go1.3").replace(b"go1.2", b"go1.4")
    assert data.count(version) >= 2, "the version stands in the build information and in a variable"
    with open(program, "wb") as file:
        file.write(data.replace(version, later))
    return later.decode()


def look_at(standstill, version, go):
    with tempfile.TemporaryDirectory(prefix="standstill-") as folder:
        program = os.path.join(folder, "waits")
        go_programs.build(go, "static_stripped", "waits", program)
        name = rename(program)
        with dumped_core(program) as (_, core, before, _):
            def ask(*more):
                return subprocess.run([standstill, "stacks", "--debug", "2", *more, "--no-cache", "--debuginfod", "off", core], capture_output=True, text=True)

            goroutines = ask("--tasks", "goroutines")
            if goroutines.returncode == 0:
                assert int(version[2:]) not in FITS_NOT, f"{version} passed for {name}"
                found = go_texts.differences(standstill, core, before)["goroutine?debug=2"]
                assert not found, f"{version}, called {name}, was not refused, and is told wrongly:\n" + "\n".join(found[:3])
                print(f"Go {version}, called {name}: the nearest layout fits, and all goroutines are the program's own")
                return
            reason = f"{name}: layout not known; threads only"
            assert reason in goroutines.stderr, goroutines.stderr
            threads = ask()
            assert threads.returncode == 0 and reason in threads.stderr, threads.stderr
            assert "thread " in threads.stdout and "goroutine " not in threads.stdout, threads.stdout[:300]
            print(f"Go {version}, called {name}: {reason}")


def functions(block):
    """Those of package main: how much of the runtime's own a traceback shows depends on the version."""
    return re.findall(r"^main\.[^(]*", block, re.MULTILINE)


def are_equal(own, ours):
    """As far as the program shows its stack: of a deep one it leaves out a part."""
    before, _, behind = own.partition("frames elided...\n")
    inner, outer, all_of_ours = functions(before), functions(behind), functions(ours)
    if not behind and not go_texts.is_cut_silently(own):
        return inner == all_of_ours
    return len(all_of_ours) >= len(inner) + len(outer) and all_of_ours[:len(inner)] == inner and all_of_ours[len(all_of_ours) - len(outer):] == outer


def look_at_one_with_debug_information(standstill, version, go):
    with tempfile.TemporaryDirectory(prefix="standstill-") as folder:
        program = os.path.join(folder, "waits")
        go_programs.build(go, "static", "waits", program)
        name = rename(program)
        with dumped_core(program) as (_, core, before, _):
            command = [standstill, "stacks", "--debug", "2", "--tasks", "goroutines", "--no-cache", "--debuginfod", "off", core]
            done = subprocess.run(command, capture_output=True, text=True)
            assert done.returncode == 0, f"{version}, called {name}: its own debug information is not enough: {done.stderr}"
            with open(os.path.join(before, "goroutine.2"), encoding="utf-8", errors="surrogateescape") as file:
                own, ours = dict(go_texts.goroutines(file.read())), dict(go_texts.goroutines(done.stdout))
            wrong = [f"{number}: {own.get(number)}\n  told {ours.get(number)}" for number in sorted((own.keys() | ours.keys()) - {1})
                     if number not in own or number not in ours or not are_equal(own[number], ours[number])]
            assert own and not wrong, f"{version}, called {name}: " + "\n".join(wrong)[:3000]
            print(f"Go {version}, called {name}: its debug information tells the layout, and all goroutines are the program's own")


def main(standstill, versions):
    compilers = go_programs.toolchains(versions)
    if not compilers:
        raise Skip("no Go is here")
    for version, go in compilers:
        look_at(standstill, version, go)
        look_at_one_with_debug_information(standstill, version, go)


if __name__ == "__main__":
    try:
        main(sys.argv[1], sys.argv[2:])
    except Skip as reason:
        print(reason)
        sys.exit(SKIPPED)

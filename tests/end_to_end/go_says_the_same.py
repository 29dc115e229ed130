#!/usr/bin/env python3
"""standstill says of the core of a Go program what the program says of itself.

  go_says_the_same.py STANDSTILL [--versions 1.19,1.26 | --all] [--variants static,cgo_stripped] [--keep FOLDER]

The program (fixtures/go/waits) stands in every kind of wait. It writes its own profiles, its core is taken while it stands still, and it
writes them again. Without --versions every Go is tried that scripts/go-toolchains has fetched; --all fetches all first.
"""
import argparse
import contextlib
import os
import subprocess
import sys
import tempfile

import go_programs
import go_profiles
from patient import Skip, patient

SKIPPED = 77


def command(running, line):
    running.process.stdin.write(line + "\n")
    running.process.stdin.flush()
    answer = running.process.stdout.readline().strip()
    if answer != "done":
        raise AssertionError(f"the program answers {line!r} with {answer!r}")


@contextlib.contextmanager
def dumped_core(program, *arguments):
    """(running program, its core, folder of its profiles before the core, folder of those after)."""
    with patient(program, *arguments) as running:
        folders = [os.path.join(running.folder, when) for when in ("before", "after")]
        for folder in folders:
            os.mkdir(folder)
        command(running, f"dump {folders[0]}")
        running.until_asleep()
        core = running.gcore()
        command(running, f"dump {folders[1]}")
        yield running, core, *folders


def look_at(standstill, version, go, variant, keep):
    """[(what, [difference, ...])] of one program."""
    with tempfile.TemporaryDirectory(prefix="standstill-") as folder:
        program = os.path.join(folder, "waits")
        go_programs.build(go, variant, "waits", program)
        results = []
        with dumped_core(program) as (running, core, before, after):
            results += go_profiles.differences(standstill, core, before, after).items()
            if keep:
                place = os.path.join(keep, f"{version}-{variant}")
                os.makedirs(place, exist_ok=True)
                for path in (program, core, before, after):
                    subprocess.run(["cp", "-r", "--sparse=always", path, place], check=True)
        return results


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("standstill")
    parser.add_argument("--versions", default="")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--variants", default=",".join(go_programs.VARIANTS))
    parser.add_argument("--keep", metavar="FOLDER")
    arguments = parser.parse_args()
    if arguments.all:
        subprocess.run([go_programs.TOOLCHAINS, "all"], check=True, stdout=subprocess.DEVNULL)
    wanted = [version for version in arguments.versions.split(",") if version]
    compilers = go_programs.toolchains(wanted)
    for version in sorted(set(wanted) - {version for version, _ in compilers}):
        print(f"Go {version} is not here: scripts/go-toolchains {version}")
    if not compilers:
        raise Skip("no Go is here")
    failed = skipped = passed = 0
    for version, go in compilers:
        for variant in arguments.variants.split(","):
            try:
                results = look_at(arguments.standstill, version, go, variant, arguments.keep)
            except Skip as reason:
                print(f"Go {version} {variant}: skipped: {reason}")
                skipped += 1
                continue
            bad = [(what, lines) for what, lines in results if lines]
            print(f"Go {version} {variant}: {len(results) - len(bad)} of {len(results)} as the program says")
            for what, lines in bad:
                print(f"  {what}: {len(lines)} differences")
                for line in lines[:3]:
                    print("    " + line.replace("\n", "\n    "))
            failed += bool(bad)
            passed += not bad
    if failed:
        raise AssertionError(f"{failed} programs say something else")
    if not passed and skipped:
        raise Skip("nothing could be looked at")


if __name__ == "__main__":
    try:
        main()
    except Skip as reason:
        print(reason)
        sys.exit(SKIPPED)

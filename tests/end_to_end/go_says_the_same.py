#!/usr/bin/env python3
"""standstill says of the core of a Go program what the program says of itself.

  go_says_the_same.py STANDSTILL [--versions 1.19,1.26 | --all] [--variants static,cgo_stripped] [--keep FOLDER]

The program (fixtures/go/waits) stands in every kind of wait. It writes its own profiles, its core is taken while it stands still, and it
writes them again. Without --versions every Go is tried that scripts/go-toolchains has fetched; --all fetches all first.
"""
import argparse
import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile

import go_programs
import go_profiles
import go_texts
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


def young_heap(standstill, program, kept):
    """Before the first collection nothing is published yet, and the runtime adds up all that it has. Our profile is `kept` as a file."""
    with patient(program, "-collect=false") as running:
        running.until_asleep()
        core = running.gcore()
        folder = os.path.join(running.folder, "after")
        os.mkdir(folder)
        command(running, f"dump {folder}")
        own = go_profiles.read_profile(os.path.join(folder, "allocs.0"))  # the first that the program writes
        profile = os.path.join(folder, "ours")
        go_profiles.ask(standstill, "pprof", "--profile", "allocs", *go_profiles.QUIETLY, "-o", profile, core)
        ours = go_profiles.read_profile(profile)
        shutil.copy(profile, kept)
        # What the program allocated since, to write its dump, comes in samples of its own.
        expected = own.counter()
        missing = [line for line in (ours.counter() - expected).elements() if line[0] and not is_of_dump(line[0])]
        lost = [line for line in (expected - ours.counter()).elements() if not is_of_dump(line[0])]
        return [("allocs before the first collection", [str(line)[:300] for line in missing + lost])]


def is_of_dump(stack):
    """Whether a sample may have grown between the core and the dump: all that main does after it is ready, and what runs beside it."""
    names = {frame[0] for _, frames in stack for frame in frames}
    return "main.main" not in names or bool(names & {"main.obey", "main.dump", "main.settle"})


def readers(standstill, core, folder, young):
    """What other programs make of our output: `go tool pprof` of every profile, the difference from the `young` process's, and panicparse."""
    found = []
    profiles = {}
    for kind in ("goroutine", *go_profiles.KINDS):
        profiles[kind] = os.path.join(folder, kind + ".pb.gz")
        go_profiles.ask(standstill, "pprof", "--profile", kind, *go_profiles.QUIETLY, "-o", profiles[kind], core)
        found += run_reader(folder, "go", "tool", "pprof", "-symbolize=none", "-top", profiles[kind])
    grown = os.path.join(folder, "grown.pb.gz")
    found += run_reader(folder, "go", "tool", "pprof", "-symbolize=none", "-base", young, "-proto", "-output", grown, profiles["allocs"])
    if os.path.exists(grown):
        before, after, difference = (totals(path) for path in (young, profiles["allocs"], grown))
        if difference != [new - old for old, new in zip(before, after)]:
            found.append(f"-base of two cores: {difference}, but the totals are {before} and {after}")
    results = [("go tool pprof", found)]
    text = go_profiles.ask(standstill, "stacks", "--debug", "2", "--tasks", "goroutines", *go_profiles.QUIETLY, core)
    # It does not know the labels behind the state that Go 1.27 writes.
    if shutil.which("panicparse") and not re.search(rb"^goroutine .*\] \{", text, re.MULTILINE):
        done = subprocess.run(["panicparse", "-aggressive", "-no-color"], input=text, capture_output=True)
        counted = sum(int(number) for number in re.findall(rb"^(\d+): ", done.stdout, re.MULTILINE))
        expected = len(go_texts.goroutines(text.decode("utf-8", "surrogateescape")))
        results.append(("panicparse", [] if counted == expected else [f"it counts {counted} goroutines of {expected}: {done.stderr.decode()[:300]}"]))
    return results


def totals(path):
    """The sum of all samples, by type."""
    return [sum(column) for column in zip(*(values for _, values, _ in go_profiles.read_profile(path).samples))]


def run_reader(folder, *words):
    if shutil.which(words[0]) is None:
        return []
    done = subprocess.run(words, capture_output=True, text=True, env={**os.environ, "PPROF_TMPDIR": folder, "HOME": folder, "GOFLAGS": ""})
    return [] if done.returncode == 0 else [f"{' '.join(words)} ended with {done.returncode}: {done.stderr}"]


def look_at(standstill, version, go, variant, keep):
    """[(what, [difference, ...])] of one program."""
    with tempfile.TemporaryDirectory(prefix="standstill-") as folder:
        program = os.path.join(folder, "waits")
        go_programs.build(go, variant, "waits", program)
        results = []
        with dumped_core(program) as (running, core, before, after):
            results += go_texts.differences(standstill, core, before).items()
            results += go_profiles.differences(standstill, core, before, after).items()
            young = os.path.join(folder, "young.pb.gz")
            results += young_heap(standstill, program, young)
            results += readers(standstill, core, running.folder, young)
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
    # Since 1.26 headers of tracebacks have labels where this is set; earlier versions do not know it.
    os.environ["GODEBUG"] = "tracebacklabels=1"
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

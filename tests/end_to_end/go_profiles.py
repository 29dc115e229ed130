"""What standstill makes of a Go program's core against what the program wrote itself: the profiles of runtime/pprof."""
import collections
import os
import re
import subprocess

from profile_proto import read_profile

QUIETLY = ("--quiet", "--no-cache", "--debuginfod", "off")
KINDS = ("heap", "allocs", "block", "mutex", "threadcreate")


def ask(standstill, *command):
    done = subprocess.run([standstill, *command], capture_output=True)
    if done.returncode != 0:
        raise AssertionError(f"standstill {' '.join(command)}\nended with {done.returncode}: {done.stderr.decode(errors='replace')}")
    return done.stdout


def is_zero(values):
    return all(value == 0 for value in values)


def heading(profile):
    """All that a profile says beside samples and times. The runtime leaves the default type out where it is the last."""
    default = profile.default_type
    return {"types": profile.types, "period type": profile.period_type, "period": profile.period,
            "default type": "" if default == profile.types[-1][0] else default, "drop": profile.drop_frames, "keep": profile.keep_frames}


def binary_differences(own, ours):
    """Lines that say how two profiles differ. Samples without any count may be there beside those of the program: the process went on
    and allocated something new before its core was taken."""
    lines = [f"{key}: {value!r}, but the program says {heading(own)[key]!r}" for key, value in heading(ours).items() if value != heading(own)[key]]
    expected, found = own.counter(), ours.counter()
    for stack, values, labels in expected - found:
        lines.append(f"missing: {values} {labels} {brief(stack)}")
    for stack, values, labels in found - expected:
        if not is_zero(values):
            lines.append(f"not the program's: {values} {labels} {brief(stack)}")
    own_order = [sample for sample in map(key_of, own.samples) if not is_zero(sample[1])]
    our_order = [sample for sample in map(key_of, ours.samples) if not is_zero(sample[1])]
    if not lines and own_order != our_order and not only_equals_moved(own_order, our_order):
        lines.append("the samples are the program's, but in another order")
    return lines


def key_of(sample):
    stack, values, labels = sample
    return stack, values, tuple(sorted(labels.items(), key=str))


def only_equals_moved(left, right):
    """The runtime sorts with an algorithm that may exchange equals."""
    return [sample[1] for sample in left] == [sample[1] for sample in right]


def brief(stack):
    names = [" = ".join(frame[0] for frame in frames) or "?" for _, frames in stack]
    return " < ".join(names[:6]) + (f" ... ({len(names)})" if len(names) > 6 else "")


def records(text):
    """The records of a profile's text: [(first line, all lines)], and the lines before the first and after the last one."""
    body, _, tail = text.partition("\n# runtime.MemStats\n")
    first = re.search(r"^-?\d+(: -?\d+ \[\d+: \d+\]| \d+)? @", body, re.MULTILINE)
    at = first.start() if first else len(body)
    return body[:at], [block for block in body[at:].split("\n\n") if block.strip()], tail


def text_differences(own, ours):
    own_head, own_records, _ = records(own)
    our_head, our_records, _ = records(ours)
    lines = []
    if own_head != our_head:
        lines.append(f"heading {our_head!r}, but the program says {own_head!r}")
    def counted(blocks):
        return [block.strip("\n") for block in blocks if not re.match(r"0: 0 \[0: 0\] @", block.strip("\n"))]
    own_list, our_list = counted(own_records), counted(our_records)
    for block in (collections.Counter(own_list) - collections.Counter(our_list)).elements():
        lines.append("missing:\n" + block[:1000])
    for block in (collections.Counter(our_list) - collections.Counter(own_list)).elements():
        lines.append("not the program's:\n" + block[:1000])
    figures = lambda blocks: [re.match(r"-?\d+:? (-?\d+)?", block)[0].split()[-1] for block in blocks]  # what they are sorted by
    if not lines and figures(own_list) != figures(our_list):
        lines.append("the records are the program's, but in another order")
    return lines


# Figures of "# runtime.MemStats" that stay while the program stands, and those that only grow (what a processor has in hand is not yet
# counted in memory, and the program's own dump lies between).
STEADY = ("Lookups", "LastGC", "PauseNs", "PauseEnd", "NumGC", "NumForcedGC", "GCCPUFraction", "DebugGC")
GROWING = ("TotalAlloc", "Mallocs", "HeapSys", "BuckHashSys")


def figure_differences(before, after, ours):
    def figures(text):
        return dict(line[2:].split(" = ") for line in records(text)[2].splitlines() if " = " in line)
    before, after, ours = figures(before), figures(after), figures(ours)
    lines = [f"{name} = {ours.get(name)}, but the program says {before[name]}" for name in STEADY if ours.get(name) != before[name]]
    lines += [f"{name} = {ours.get(name)}, but the program says {before[name]} before and {after[name]} after" for name in GROWING
              if name not in ours or not int(before[name]) * 0.99 <= int(ours[name]) <= int(after[name]) * 1.01]
    return lines


def differences(standstill, core, before, after, more=()):
    """{"heap": [line, ...]}: how our profiles of `core` differ from those that the program wrote into `before` and `after`. A new thread,
    and the time that a dump itself waits, are in the later one only: either will do for the profiles that these get into."""
    found = {}
    for kind in KINDS:
        for form in ("0", "1"):
            out = ask(standstill, "pprof", "--profile", kind, "--debug", form, *QUIETLY, *more, "-o", os.path.join(before, "ours"), core)
            assert out == b""
            tries = []
            for folder in (before, after):
                own = os.path.join(folder, f"{kind}.{form}")
                if form == "0":
                    tries.append(binary_differences(read_profile(own), read_profile(os.path.join(before, "ours"))))
                else:
                    with open(own, encoding="utf-8") as mine, open(os.path.join(before, "ours"), encoding="utf-8") as theirs:
                        tries.append(text_differences(mine.read(), theirs.read()))
            if kind == "heap" and form == "1":
                texts = []
                for path in (os.path.join(before, "heap.1"), os.path.join(after, "heap.1"), os.path.join(before, "ours")):
                    with open(path, encoding="utf-8") as file:
                        texts.append(file.read())
                found["runtime.MemStats"] = figure_differences(*texts)
            found[f"{kind}?debug={form}"] = tries[0] if kind in ("heap", "allocs") else min(tries, key=len)
    return found

"""What standstill makes of a Go program's core against the program's own goroutine?debug=2, debug=1 and debug=0."""
import difflib
import os
import re

from go_profiles import QUIETLY, ask, binary_differences
from profile_proto import read_profile


def goroutines(text):
    """[(number, block)] of a traceback."""
    blocks = [block.strip("\n") for block in text.split("\n\n")]
    return [(int(re.match(r"goroutine (\d+)", block)[1]), block) for block in blocks if block.startswith("goroutine ")]


def without_minutes(block):
    return re.sub(r"^(goroutine \d+ \[[^\n]*?), \d+ minutes", r"\1", block)


ELIDED = re.compile(r"^\.\.\.(\d+|additional) frames elided\.\.\.$")


def is_frame(line):
    """A frame has two lines; the second begins with a tab."""
    return not line.startswith(("\t", "created by", "goroutine ", "[originating"))


def is_cut_silently(own):
    """Up to 1.20 the frames of the runtime itself count, too, which are not shown, and then it is not said that there are more. (These versions
    do not say who created a goroutine.)"""
    frames = [line for line in own.split("\n")[1:] if is_frame(line)]
    return len(frames) >= 90 and " in goroutine " not in own and not any(ELIDED.match(line) for line in frames)


def as_long_as(own, ours):
    """Our block with the frames left out that the program's own leaves out; unchanged where it does not say which, or another number of them.

    The runtime shows 100 frames of a stack: 50 from either end with the number of those between since 1.21, the innermost before. We show all.
    """
    own_lines, our_lines = own.split("\n"), ours.split("\n")
    if is_cut_silently(own):
        creator = next((i for i, line in enumerate(own_lines) if line.startswith("created by")), len(own_lines))
        tail = own_lines[creator:]
        is_creator = not tail or our_lines[len(our_lines) - len(tail):] == tail
        return "\n".join(our_lines[:creator] + tail) if is_creator and len(our_lines) >= len(own_lines) else ours
    places = [i for i, line in enumerate(own_lines) if ELIDED.match(line)]
    if len(places) != 1 or any(ELIDED.match(line) for line in our_lines):
        return ours
    at, behind = places[0], len(own_lines) - places[0] - 1
    left_out = our_lines[at:len(our_lines) - behind]
    frames = sum(map(is_frame, left_out))
    number = ELIDED.match(own_lines[at])[1]
    if len(left_out) != 2 * frames or frames == 0 or number not in ("additional", str(frames)):
        return ours
    return "\n".join(our_lines[:at] + [own_lines[at]] + our_lines[len(our_lines) - behind:])


def traceback_differences(own, ours, dumper=1):
    """Every goroutine but the one that wrote the program's text must be there in the same words and the same order."""
    own_blocks = [(number, block) for number, block in goroutines(own) if number != dumper]
    our_blocks = [(number, block) for number, block in goroutines(ours) if number != dumper]
    lines = []
    found = dict(our_blocks)
    for number, block in own_blocks:
        if number not in found:
            lines.append(f"goroutine {number} is missing:\n{block[:600]}")
        elif as_long_as(block, found[number]) != block:
            lines.append("\n".join(difflib.unified_diff(block.split("\n"), found[number].split("\n"), "the program", "standstill", lineterm="", n=1)))
    expected = dict(own_blocks)
    lines += [f"goroutine {number} is not the program's:\n{block[:600]}" for number, block in our_blocks if number not in expected]
    if not lines and [number for number, _ in own_blocks] != [number for number, _ in our_blocks]:
        lines.append("the goroutines are the program's, but in another order")
    if dumper not in found_numbers(ours):
        lines.append(f"goroutine {dumper} is missing")
    return lines


def found_numbers(text):
    return {number for number, _ in goroutines(text)}


def grouped(text):
    """First line and groups of goroutine?debug=1, without the lines that standstill adds."""
    lines = [line for line in text.split("\n") if not line.startswith("# wait:")]
    blocks = "\n".join(lines).split("\n\n")
    head, _, first = blocks[0].partition("\n")
    return head, [block for block in [first, *blocks[1:]] if block.strip()]


def is_of_main(block):
    """The group of the goroutine that wrote the dump: it stood in main.dump then, and reads the next command now."""
    return re.search(r"\tmain\.(obey|dump)\+", block) is not None


def grouped_differences(own, ours):
    own_head, own_groups = grouped(own)
    our_head, our_groups = grouped(ours)
    lines = []
    if own_head != our_head:
        lines.append(f"{our_head!r}, but the program says {own_head!r}")
    expected = [block for block in own_groups if not is_of_main(block)]
    found = [block for block in our_groups if not is_of_main(block)]
    if len(found) != len(our_groups) - 1:
        lines.append(f"{len(our_groups) - len(found)} groups of the goroutine that wrote the dump")
    if expected != found:
        lines += [line for line in difflib.unified_diff("\n\n".join(expected).split("\n"), "\n\n".join(found).split("\n"), "the program", "standstill",
                                                        lineterm="", n=0)][:30]
    return lines


def without_main(profile):
    profile.samples = [sample for sample in profile.samples
                       if not any(frame[0] in ("main.obey", "main.dump") for _, frames in sample[0] for frame in frames)]
    return profile


def differences(standstill, core, before, more=()):
    def text(level):
        return ask(standstill, "stacks", "--debug", str(level), "--tasks", "goroutines", *QUIETLY, *more, core).decode("utf-8", "surrogateescape")

    def own(level):
        with open(os.path.join(before, f"goroutine.{level}"), encoding="utf-8", errors="surrogateescape") as file:
            return file.read()

    profile = os.path.join(before, "goroutine.ours")
    ask(standstill, "pprof", "--profile", "goroutine", *QUIETLY, *more, "-o", profile, core)
    return {
        "goroutine?debug=2": traceback_differences(own(2), text(2)),
        "goroutine?debug=1": grouped_differences(own(1), text(1)),
        "goroutine?debug=0": binary_differences(without_main(read_profile(os.path.join(before, "goroutine.0"))), without_main(read_profile(profile))),
    }

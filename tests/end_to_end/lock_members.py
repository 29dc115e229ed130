#!/usr/bin/env python3
"""Locks that are members of objects are named as the program names them itself, and none is named wrongly.

  lock_members.py STANDSTILL PROGRAM

The other sources: the program's account of its locks (fixtures/lock_members.cc), and gdb, which says where the member of that name lies.
"""
import json
import subprocess
import sys

from patient import Skip, patient

SKIPPED = 77  # CTest: SKIP_RETURN_CODE


def expected_symbol(lock, name, of):
    if name == "-":
        return ""
    return name if lock == of else f"{name} of the {name.rpartition('::')[0]} at {of}"


def main(standstill, program):
    with patient(program) as hung:
        locks = [words[1:4] for words in hung.lines if words[0] == "name"]
        named = [lock for lock in locks if lock[1] != "-"]
        questions = [f"(unsigned long) &(({name.rpartition('::')[0]} *) {of})->{name.rpartition('::')[2]}" for _, name, of in named]
        core, answers = hung.gcore_and_ask(questions)
        wrong = [f"gdb: {name} of {of} lies at {answer}, not at {lock}" for (lock, name, of), answer in zip(named, answers)
                 if answer is not None and int(answer) != int(lock, 16)]
        if all(answer is None for answer in answers):
            wrong.append("gdb says nothing of any member")
        done = subprocess.run([standstill, "deadlocks", "--format", "json", core], capture_output=True, text=True)
        symbols = {resource.get("address"): resource.get("symbol", "") for resource in json.loads(done.stdout)["resources"]}
        for lock, name, of in locks:
            if symbols.get(lock) != expected_symbol(lock, name, of):
                wrong.append(f"{lock} is called {symbols.get(lock)!r}, not {expected_symbol(lock, name, of)!r}")
    print("\n".join(wrong) or f"{len(locks)} locks as expected")
    return bool(wrong)


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except (Skip, FileNotFoundError) as reason:
        print("skipped:", reason)
        sys.exit(SKIPPED)

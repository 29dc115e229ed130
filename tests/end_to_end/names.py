"""When do two tools mean the same function? gdb names a frame by DWARF or by one of several symbols at an address; so do we, and not
always by the same one. Each rule below folds one difference that says nothing about who is right:

  linkage    where gdb knows the mangled name, that is demangled (c++filt, without parameters) and compared first, because DWARF and ELF
             name a third of all C++ functions differently
  aliases    glibc gives many functions several names at one address (__GI___poll, __poll, poll): names are equal if some module's symbol
             table holds both at one address
  clones     .constprop.0, .isra.0, .part.0, .cold, .lto_priv.0 after a name tell what the compiler did to it
  lambdas    GCC's DWARF calls every lambda of main "main()::<lambda()>", the mangled name calls it main::{lambda()#1}: all are <lambda>
  arguments  where gdb has no mangled name it prints template arguments as DWARF spells them (no default ones, 2 and not 2ul): they are left out
  spelling   white space, [abi:cxx11], Rust's hashes and turbofish (take::<u32> is take<u32>) and (dyn A + B) in brackets or not
  vDSO       the kernel's names there have the prefix __vdso_
"""
import functools
import os
import re
import subprocess

CLONE = re.compile(r"(\.(constprop|isra|part|cold|lto_priv|llvm)(\.\d+)?)+$")


def without_parameters(name):
    """Cuts the parameter list off a demangled name: "f(int) const" is "f"; "(anonymous namespace)::f" and "operator()" stay."""
    depth, start = 0, None
    for at, char in enumerate(name):
        if char == "<" and not re.search(r"operator<?$", name[:at]):
            depth += 1
        elif char == ">" and depth > 0 and name[at - 1] != "-":
            depth -= 1
        elif char == "(" and depth == 0:
            if name.startswith("(anonymous namespace)", at) or name[:at].endswith("operator"):
                continue
            if re.match(r"\([^()]*(\([^()]*\)[^()]*)*\)( const)?::", name[at:]):
                continue  # "f(int)::{lambda()#1}::operator()": a function that holds another
            start = at
            break
    return name[:start] if start else name


def spelling(name):
    name = re.sub(r"( \[clone [^\]]*\])+$", "", name)
    name = CLONE.sub("", name)
    name = re.sub(r"\[[0-9a-f]{16}\]", "", name)
    name = re.sub(r"\((dyn [^()]*(\([^()]*\)[^()]*)*)\)", r"\1", name)
    name = re.sub(r"\{lambda\(.*?\)#\d+\}|<lambda\([^()]*(\([^()]*\)[^()]*)*\)>", "<lambda>", name)
    name = re.sub(r"\([^()]*\)( const)?::<lambda>", "::<lambda>", name)
    name = re.sub(r"\[abi:\w+\]", "", name)
    name = re.sub(r"::h[0-9a-f]{16}$", "", name)
    name = re.sub(r"::h[0-9a-f]{16}::", "::", name)
    name = name.replace("::<", "<").removeprefix("__vdso_")
    return re.sub(r"\s+", "", name)


@functools.lru_cache(maxsize=None)
def demangled(linkage):
    if not linkage.startswith(("_Z", "_R")):
        return linkage
    done = subprocess.run(["c++filt", "-p", CLONE.sub("", linkage)], capture_output=True, text=True)
    return done.stdout.strip()


@functools.lru_cache(maxsize=None)
def symbols_by_address(path):
    """{address: {names}} of .symtab and .dynsym of a file and of its debug file in /usr/lib/debug."""
    files = [path]
    notes = subprocess.run(["readelf", "-n", path], capture_output=True, text=True).stdout
    build_id = re.search(r"Build ID: ([0-9a-f]+)", notes)
    if build_id:
        files.append(f"/usr/lib/debug/.build-id/{build_id[1][:2]}/{build_id[1][2:]}.debug")
    found = {}
    for file in files:
        if not os.path.exists(file):
            continue
        for line in subprocess.run(["readelf", "-Ws", file], capture_output=True, text=True).stdout.splitlines():
            words = line.split()
            if len(words) >= 8 and words[0].endswith(":") and words[3] in ("FUNC", "IFUNC", "NOTYPE") and words[6] != "UND":
                found.setdefault(words[1], set()).add(spelling(words[7].split("@")[0]))
    return found


@functools.lru_cache(maxsize=None)
def aliases(path, name):
    return {name}.union(*(names for names in symbols_by_address(path).values() if name in names))


def same_function(ours, gdb_frame):
    """Is the name that we print (or None) the function that gdb means?"""
    if gdb_frame["name"] is None:
        return not ours
    if not ours:
        return False
    mine = spelling(ours)
    linkage = gdb_frame["linkage"] or ""
    full = demangled(linkage)
    theirs = {spelling(gdb_frame["name"]), spelling(full)}
    if not linkage.startswith("_R") and not re.search(r"17h[0-9a-f]{16}E$", linkage):  # Rust's names have no parameter lists
        theirs |= {without_parameters(spelling(gdb_frame["name"])), without_parameters(spelling(full))}
    if mine in theirs or (not linkage.startswith(("_Z", "_R")) and without_arguments(mine) in map(without_arguments, theirs)):
        return True
    module = gdb_frame["module"]
    if module and os.path.exists(module):
        return mine in aliases(module, spelling(linkage or gdb_frame["name"])) or any(mine in aliases(module, name) for name in theirs)
    return False


def without_arguments(name):
    """Leaves out template arguments: "Tower<3>::climb" is "Tower::climb", "operator<<<int>" is "operator<<"."""
    kept, depth, at = [], 0, 0
    while at < len(name):
        operator = re.match(r"operator(<<=?|>>=?|<=>|->\*?|[<>]=?)", name[at:])
        if operator and depth == 0:
            kept.append(operator[0])
            at += operator.end()
            continue
        if name[at] == "<":
            depth += 1
        elif name[at] == ">" and name[at - 1] != "-":
            depth -= 1
        elif depth == 0:
            kept.append(name[at])
        at += 1
    return "".join(kept)


def last_part(name):
    """The bare name of a function: "shop::Tower<3>::climb" is "climb", "<a::B as c::D>::run" is "run"."""
    name = spelling(name)
    return without_arguments(name if name.startswith("<") else without_parameters(name)).split("::")[-1]

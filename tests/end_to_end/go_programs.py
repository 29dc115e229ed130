"""Go programs of fixtures/go, built by the Go versions that are at hand, in the shapes that programs are shipped in."""
import os
import shutil
import struct
import subprocess

from patient import Skip

HERE = os.path.dirname(os.path.abspath(__file__))
FIXTURES = os.path.join(HERE, "..", "..", "fixtures", "go")
TOOLCHAINS = os.path.join(HERE, "..", "..", "scripts", "go-toolchains")

# name: (CGO_ENABLED, options of `go build`, what is done to the finished file)
VARIANTS = {
    "static": (0, [], []),
    "static_stripped": (0, ["-ldflags=-s -w"], []),
    "pie": (0, ["-buildmode=pie"], []),
    "pie_stripped": (0, ["-buildmode=pie", "-ldflags=-s -w", "-trimpath"], []),
    "cgo": (1, [], []),
    "cgo_stripped": (1, ["-trimpath"], ["strip"]),
    "cgo_pie": (1, ["-buildmode=pie"], ["strip"]),
    # Neither section headers nor build information: what packers and some container builds leave.
    "bare": (0, ["-ldflags=-s -w", "-buildvcs=false"], ["no sections", "no build information"]),
}


def toolchains(versions=()):
    """[(version, path of go)] of those of `versions` that are here; of all that are here without any."""
    done = subprocess.run([TOOLCHAINS, "--here", *versions], capture_output=True, text=True)
    return [tuple(line.split()) for line in done.stdout.splitlines()]


def build(go, variant, package, out):
    """Builds fixtures/go/`package` into the file `out`."""
    cgo, options, treatments = VARIANTS[variant]
    if cgo and shutil.which("gcc") is None:
        raise Skip("cgo needs gcc")
    environment = {**os.environ, "CGO_ENABLED": str(cgo), "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=mod", "GOPROXY": "off", "GOWORK": "off",
                   "GO111MODULE": "on"}
    for name in ("GOROOT", "GOOS", "GOARCH", "GOEXPERIMENT", "GODEBUG"):
        environment.pop(name, None)
    environment.setdefault("HOME", "/tmp")
    done = subprocess.run([go, "build", "-o", out, *options, "./" + package], cwd=FIXTURES, env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        raise AssertionError(f"{go} build {options} ./{package} failed:\n{done.stderr}")
    for treatment in treatments:
        if treatment == "strip":
            subprocess.run(["strip", "--strip-all", out], check=True)
        else:
            with open(out, "r+b") as file:
                data = bytearray(file.read())
                (drop_sections if treatment == "no sections" else drop_build_information)(data)
                file.seek(0)
                file.write(data)


def drop_sections(data):
    struct.pack_into("<Q", data, 40, 0)  # Elf64_Ehdr: e_shoff
    struct.pack_into("<HHH", data, 58, 0, 0, 0)  # e_shentsize, e_shnum, e_shstrndx


def drop_build_information(data):
    at = data.find(b"\xff Go buildinf:")
    if at < 0:
        raise AssertionError("this program has no build information to drop")
    data[at:at + 80] = bytes(80)

#!/usr/bin/env python3
"""Makes every hostile input and shows it to rehost: each must be refused (or, where the catalogue says so, taken) with
the right message, exit status 4, in under 1 s and 256 MiB.

usage: run.py REHOST FOLDER [NAME…]
"""
import collections
import json
import os
import re
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree

MAKER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "make.py")
Row = collections.namedtuple("Row", "name argv pattern status")

SECONDS = 1.0
MEMORY_KIB = 256 * 1024
HANG = 30
TRIES = 4


class Result:
    """What one run came to; rusage covers the helper process as well."""

    def __init__(self, argv, folder):
        began = time.monotonic()
        with open(os.path.join(folder, ".out"), "wb") as out, open(os.path.join(folder, ".err"), "wb") as err:
            child = subprocess.Popen(argv, cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                                     start_new_session=True)
            signal.signal(signal.SIGALRM, lambda *_: os.killpg(child.pid, signal.SIGKILL))
            signal.alarm(HANG)
            _, status, usage = os.wait4(child.pid, 0)
            signal.alarm(0)
            child.returncode = 0
        self.seconds = time.monotonic() - began
        self.cpu = usage.ru_utime + usage.ru_stime
        self.memory = usage.ru_maxrss
        self.status = os.waitstatus_to_exitcode(status)
        self.out = self.read(folder, ".out")
        self.err = self.read(folder, ".err")

    @staticmethod
    def read(folder, name):
        with open(os.path.join(folder, name), "rb") as f:
            return f.read(1 << 22).decode(errors="replace")


def snapshot(folder):
    """Names, sizes and times of what was made: a hostile input is never changed."""
    found = {}
    for path, _, files in os.walk(folder):
        for name in files:
            if not name.startswith(".") and not name.startswith("out."):
                st = os.lstat(os.path.join(path, name))
                found[os.path.join(path, name)] = (st.st_size, st.st_mtime_ns, st.st_ino)
    return found


def complaints(row, r):
    text = r.out if row.status == 0 else r.err
    if "--check" in row.argv:
        text = r.out + r.err
    if r.status not in ((0, 4) if row.status is None else (row.status,)):
        yield f"exit status {r.status}, expected {'0 or 4' if row.status is None else row.status}"
    if not re.search(row.pattern, text):
        yield f"no /{row.pattern}/"
    if row.status == 4 and len(re.findall(r"^rehost: ", r.err, re.M)) != 1:
        yield "not one error"
    if re.search(r"[\x00-\x08\x0b-\x1f\x7f]", r.err + r.out):
        yield "control characters in what is printed"
    if r.memory > MEMORY_KIB:
        yield f"{r.memory // 1024} MiB, expected at most 256"
    if "--print-xml" in row.argv and r.status == 0:
        try:
            ElementTree.fromstring(r.out)
        except ElementTree.ParseError as e:
            yield f"what was printed is no XML: {e}"


def judge(rehost, row, folder):
    before = snapshot(folder)
    for _ in range(TRIES):
        for name in os.listdir(folder):
            if name.startswith("out."):
                os.remove(os.path.join(folder, name))
        r = Result([rehost, *row.argv], folder)
        found = list(complaints(row, r))
        # A loaded machine may stretch the time: then the processor's counts, after some tries.
        if r.seconds < SECONDS or found:
            break
    if min(r.seconds, r.cpu) >= SECONDS:
        found.append(f"{r.seconds:.2f} s ({r.cpu:.2f} s of processor), expected under {SECONDS:.0f} s")
    if snapshot(folder) != before:
        found.append("the input was changed, or something was left beside it")
    return r, found


def make(top, names):
    """In a process of its own: what a child is charged with begins with the size of its parent."""
    subprocess.run([sys.executable, MAKER, top, *names], check=True)
    with open(os.path.join(top, "rows.json"), encoding="utf-8") as f:
        return [Row(*r) for r in json.load(f)]


def main():
    rehost, top, *names = sys.argv[1:]
    made = make(top, names)
    failed, slowest, largest = 0, (0.0, ""), (0, "")
    # What info refuses, --check looks at all the same.
    made += [Row(r.name, ["info", "--check", *r.argv[1:]], "", None) for r in made
             if r.argv[0] == "info" and "--check" not in r.argv]
    for row in made:
        r, found = judge(rehost, row, os.path.join(top, row.name))
        slowest = max(slowest, (r.cpu, row.name))
        largest = max(largest, (r.memory, row.name))
        if names or "VERBOSE" in os.environ:
            print(f"{row.name}: {r.status}, {r.seconds:.2f} s, {r.memory // 1024} MiB: {(r.err or r.out).strip()[-300:]}")
        if found:
            failed += 1
            print(f"FAIL: {row.name}: {'; '.join(found)}: rehost {' '.join(row.argv)}: {(r.err or r.out).strip()[-400:]}")
    print(f"slowest: {slowest[1]} {slowest[0]:.2f} s of processor; largest: {largest[1]} {largest[0] // 1024} MiB")
    if failed:
        sys.exit(f"{failed} of {len(made)} hostile inputs are not met as they must be")
    print(f"{len(made)} hostile inputs: each with its message, under 1 s and 256 MiB")


if __name__ == "__main__":
    main()

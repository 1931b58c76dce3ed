"""What all hostile rows share: a folder for each, the command that meets it, and what must come of it."""
import os
import struct
import subprocess

ROWS = []


class Row:
    """name: the folder; argv: rehost's arguments, run inside it; status and pattern: what must come of it; accepted
    rows end with 0 and their pattern is looked for in what is printed."""

    def __init__(self, name, argv, pattern, status):
        self.name, self.argv, self.pattern, self.status = name, argv, pattern, status


def row(pattern, argv=None, status=4):
    """Decorates a function that makes the row's files in the current folder; the function's name is the row's."""

    def add(make):
        ROWS.append((make, Row(make.__name__, argv or ["info", "x.img"], pattern, status)))
        return make

    return add


def add(name, make, pattern, argv=None, status=4):
    """The same for rows made in a loop."""
    ROWS.append((make, Row(name, argv or ["info", "x.img"], pattern, status)))


def make_all(top):
    rows = []
    for make, r in ROWS:
        folder = os.path.join(top, r.name)
        os.mkdir(folder)
        back = os.getcwd()
        os.chdir(folder)
        try:
            make()
        finally:
            os.chdir(back)
        rows.append(r)
    return rows


def qemu_img(*args):
    subprocess.run(["qemu-img", *args], check=True, stdout=subprocess.DEVNULL)


def put(path, at, fmt, *values):
    with open(path, "r+b") as f:
        f.seek(at)
        f.write(struct.pack(fmt, *values))


def get(path, at, fmt):
    with open(path, "rb") as f:
        f.seek(at)
        return struct.unpack(fmt, f.read(struct.calcsize(fmt)))[0]


def write(path, data):
    with open(path, "wb") as f:
        f.write(data if isinstance(data, bytes) else data.encode())


def sparse(path, size, *parts):
    """A file of that size with (offset, bytes) in it."""
    with open(path, "wb") as f:
        f.truncate(size)
        for at, data in parts:
            f.seek(at)
            f.write(data)


def mbr(size=1 << 20):
    """A raw disk with a partition table."""
    disk = bytearray(size)
    disk[446:462] = struct.pack("<B3sB3sII", 0, b"\0\2\0", 0x83, b"\0\2\0", 64, size // 512 - 64)
    disk[510:512] = b"\x55\xaa"
    return bytes(disk)

"""Empty registry hives and .reg text for phony Windows guests; hivexregedit writes the keys."""
import struct
import subprocess
import tempfile

ROOT_AT, SK_AT = 0x20, 0x80  # cells, from the first bin on


def _cell(data, room):
    return struct.pack("<i", -room) + data.ljust(room - 4, b"\0")


def empty_hive(name, minor):
    """A hive (regf 1.minor) with nothing but its root, owned by SYSTEM."""
    descriptor = struct.pack("<BBHIIII", 1, 0, 0x8000, 20, 32, 0, 0)
    descriptor += bytes.fromhex("010100000000000512000000") * 2  # S-1-5-18, as owner and as group
    sk = b"sk" + struct.pack("<HIIII", 0, SK_AT, SK_AT, 1, len(descriptor)) + descriptor
    root = b"nk" + struct.pack("<HQIIIIIIIIIIIIIIIHH", 0x2C, 0x01D5000000000000, 0, 0xFFFFFFFF, 0, 0, 0xFFFFFFFF,
                               0xFFFFFFFF, 0, 0xFFFFFFFF, SK_AT, 0xFFFFFFFF, 0, 0, 0, 0, 0, 4, 0) + b"ROOT"
    bin_ = b"hbin" + struct.pack("<IIQQI", 0, 0x1000, 0, 0x01D5000000000000, 0)
    bin_ += _cell(root, SK_AT - ROOT_AT) + _cell(sk, 0x60)
    bin_ += struct.pack("<i", 0x1000 - len(bin_))
    head = b"regf" + struct.pack("<IIQIIIIIII", 1, 1, 0x01D5000000000000, 1, minor, 0, 1, ROOT_AT, 0x1000, 1)
    head += name.encode("utf-16-le").ljust(64, b"\0")[:64]
    head = head.ljust(0x1FC, b"\0")
    checksum = 0
    for (word,) in struct.iter_unpack("<I", head):
        checksum ^= word
    head += struct.pack("<I", checksum)
    return head.ljust(0x1000, b"\0") + bin_.ljust(0x1000, b"\0")


class Expand(str):
    """REG_EXPAND_SZ"""


class Number64(int):
    """REG_QWORD"""


def _hex(kind, data):
    return f"hex({kind:x}):" + ",".join(f"{b:02x}" for b in data)


def _text(value):
    return (value + "\0").encode("utf-16-le")


def _value(value):
    if isinstance(value, Expand):
        return _hex(2, _text(value))
    if isinstance(value, str):
        return _hex(1, _text(value))
    if isinstance(value, Number64):
        return _hex(11, struct.pack("<Q", value))
    if isinstance(value, int):
        return f"dword:{value:08x}"
    if isinstance(value, bytes):
        return _hex(3, value)
    return _hex(7, "".join(v + "\0" for v in value).encode("utf-16-le") + b"\0\0")  # a list


def write_hive(path, name, minor, keys):
    """keys: key path -> value name ("" the default) -> str, Expand, int, bytes or list of str."""
    lines = ["Windows Registry Editor Version 5.00", ""]
    seen = set()
    for key, values in keys.items():
        parts = key.split("\\")
        for depth in range(1, len(parts)):  # hivexregedit makes no parents
            parent = "\\".join(parts[:depth])
            if parent not in seen and parent not in keys:
                lines += [f"[HKLM\\X\\{parent}]", ""]
            seen.add(parent)
        lines.append(f"[HKLM\\X\\{key}]")
        for value_name, value in values.items():
            escaped = value_name.replace("\\", "\\\\").replace('"', '\\"')
            lines.append(("@" if value_name == "" else f'"{escaped}"') + "=" + _value(value))
        lines.append("")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(empty_hive(name, minor))
    with tempfile.NamedTemporaryFile("w", suffix=".reg", encoding="utf-8") as reg:
        reg.write("\n".join(lines) + "\n")
        reg.flush()
        subprocess.run(["hivexregedit", "--merge", "--prefix", "HKLM\\X", str(path), reg.name], check=True)

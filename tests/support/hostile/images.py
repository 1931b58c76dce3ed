"""Hostile disk images: every row of the catalogue that concerns them."""
import os
import re
import struct
import zlib

from rows import add, get, mbr, put, qemu_img, row, sparse, write

SECRET = "/etc/passwd"
OUTSIDE = [SECRET, "../secret.img", "a/../../secret.img", "nbd:localhost:10809", "nbd+unix:///?socket=/tmp/s",
           'json:{"driver":"file","filename":"/etc/passwd"}', "/dev/sda", "/proc/self/mem", "http://localhost/x",
           "file:///etc/passwd"]
# Absolute or leading up: refused as such. The others are names of files that aren't there.
REFUSED = r"outside the image's folder"
MISSING = r"No such file|is missing: there is no '.*' beside the image"


def outside_pattern(name):
    return REFUSED if name.startswith("/") or ".." in name else MISSING


# ------------------------------------------------------------------------------------------------------------- qcow2

def qcow2(path="x.img", size=1 << 20, bits=16, backing=None, fmt=None, version=3, incompatible=0, extensions=b"",
          l1_size=1, l1=0x30000, snapshots=0, snapshots_at=0, order=4, entries=(), length=0x60000):
    """A small qcow2: header, refcount table and block at clusters 1 and 2, L1 at 0x30000, L2 at 0x40000."""
    if fmt is not None:
        name = fmt.encode()
        extensions += struct.pack(">II", 0xE2792ACA, len(name)) + name + bytes(-len(name) % 8)
    head_len = 112 if version == 3 else 72
    extensions += bytes(8)
    name = (backing or "").encode() if not isinstance(backing, bytes) else backing
    at = head_len + len(extensions) if backing else 0
    head = struct.pack(">IIQIIQIIQQIIQ", 0x514649FB, version, at, len(name), bits, size, 0, l1_size, l1, 0x10000, 1,
                       snapshots, snapshots_at)
    if version == 3:
        head += struct.pack(">QQQII", incompatible, 0, 0, order, 112) + bytes(8)
    parts = [(0, head + extensions + name), (0x10000, struct.pack(">Q", 0x20000)),
             (0x20000, struct.pack(">6H", 1, 1, 1, 1, 1, 1))]
    if entries:
        parts += [(0x30000, struct.pack(">Q", 1 << 63 | 0x40000)), (0x40000, struct.pack(f">{len(entries)}Q", *entries))]
    sparse(path, length, *parts)


for number, name in enumerate(OUTSIDE):
    add(f"qcow2_backing_{number}", lambda name=name: qcow2(backing=name, fmt="raw"), outside_pattern(name))
    add(f"qcow2_data_file_{number}",
        lambda name=name: qcow2(incompatible=4, extensions=struct.pack(">II", 0x44415441, len(name)) + name.encode() +
                                bytes(-len(name) % 8)),
        r"data file .*(" + outside_pattern(name) + ")")


@row(r"'below.img' leads outside")
def qcow2_backing_symlink():
    os.symlink(SECRET, "below.img")
    qcow2(backing="below.img", fmt="raw")


@row(r"'below.img' is not a regular file")
def qcow2_backing_fifo():
    os.mkfifo("below.img")
    qcow2(backing="below.img", fmt="raw")


@row(r"'below.img' is not a regular file")
def qcow2_backing_folder():
    os.mkdir("below.img")
    qcow2(backing="below.img", fmt="raw")


@row(r"no disk image that we know")
def qcow2_backing_undeclared_never_raw():
    write("below.img", b"root:x:0:0:root:/root:/bin/bash\n" * 64)
    qcow2(backing="below.img")


@row(r"NUL")
def qcow2_backing_nul():
    qcow2(backing=b"below.img\0/etc/passwd", fmt="raw")


@row(r"format '.*' is not read")
def qcow2_backing_format_unknown():
    write("below.img", mbr())
    qcow2(backing="below.img", fmt="ssh")


@row(r'"format": "raw"', ["info", "--json", "-f", "raw", "x.img"], 0)
def raw_declared_stays_raw():
    qcow2(backing=SECRET, fmt="raw")


@row(r'"data_runs"', ["info", "--json", "x.img"], 0)
def qcow2_raw_backing_is_not_probed():
    qcow2("below.img", backing=SECRET, fmt="raw")
    qcow2(backing="below.img", fmt="raw")


@row(r"loop")
def qcow2_loop():
    qcow2("x.img", backing="b.img", fmt="qcow2")
    qcow2("b.img", backing="x.img", fmt="qcow2")


@row(r"loop")
def qcow2_own_parent():
    qcow2("x.img", backing="x.img", fmt="qcow2")


@row(r"the chain is longer than 64 images")
def qcow2_chain_100000():
    """Only as many as a reader could want are there; the depth is the same for it."""
    for i in range(100):
        qcow2("x.img" if i == 0 else f"{i}.img", backing=f"{i + 1}.img", fmt="qcow2", length=0x20000, size=0,
              l1_size=0, l1=0)


for what, fields, pattern in [
        ("size_2_63", {"size": 1 << 63}, r"64 TiB"), ("size_2_47", {"size": 1 << 47}, r"64 TiB"),
        ("l1_4_gib", {"l1_size": 0xFFFFFFFF}, r"L1 table of \d+ bytes, 32 MiB"),
        ("l1_outside", {"l1": 1 << 40}, r"L1 table .*file ends"), ("l1_in_header", {"l1": 0}, r"L1 table at 0x0"),
        ("l1_unaligned", {"l1": 0x30200}, r"L1 table at 0x30200"),
        ("l1_short", {"size": 1 << 40}, r"needs \d+"),
        ("cluster_bits_0", {"bits": 0}, r"cluster bits 0"), ("cluster_bits_63", {"bits": 63}, r"cluster bits 63"),
        ("cluster_bits_31", {"bits": 31}, r"cluster bits 31"),
        ("snapshots_65536", {"snapshots": 65536, "snapshots_at": 0x50000}, r"snapshots"),
        ("snapshots_2_32", {"snapshots": 0xFFFFFFFF, "snapshots_at": 0x50000}, r"snapshots"),
        ("unknown_feature", {"incompatible": 1 << 40}, r"features that are not read: bit 40"),
        ("version_4", {"version": 4}, r"version 4"),
        ("extension_too_long", {"extensions": struct.pack(">II", 0x12345678, 0xFFFFFFF0)}, r"extension 0x12345678"),
        ("l2_outside", {"entries": (1 << 63 | 1 << 41,)}, r"L2 table 0 entry 0.*file ends"),
        ("l2_to_header", {"entries": (1 << 63 | 1 << 9,)}, r"entry 0 is"),
        ("compressed_outside", {"entries": (1 << 62 | 1 << 50,)}, r"compressed cluster at .*file ends")]:
    add("qcow2_" + what, lambda fields=fields: qcow2(**fields), pattern)


def packed(data, bits=21, count=1):
    """count clusters of 2 MiB, all of them the same stream."""
    stream = zlib.compressobj(9, zlib.DEFLATED, -12)
    text = stream.compress(data) + stream.flush()
    per_table = (1 << bits) // 8
    tables = -(-count // per_table)
    sectors = (len(text) - 1) // 512
    entry = 1 << 62 | sectors << (62 - (bits - 8)) | 5 << bits
    head = struct.pack(">IIQIIQIIQQIIQ", 0x514649FB, 3, 0, 0, bits, count << bits, 0, tables, 3 << bits, 1 << bits, 1, 0,
                       0) + struct.pack(">QQQII", 0, 0, 0, 4, 104)
    l1 = struct.pack(f">{tables}Q", *([4 << bits] * tables))
    sparse("x.img", 6 << bits, (0, head), (3 << bits, l1),
           (4 << bits, struct.pack(">Q", entry) * min(count, per_table)), (5 << bits, text))


@row(r'"allocated": 419430400000', ["info", "--json", "x.img"], 0)
def qcow2_bomb_200000_clusters():
    """400 GB of zeros from one stream: described without inflating anything."""
    packed(bytes(2 << 20), count=200000)


@row(r'"snapshots": 65536', ["info", "--json", "x.img"], 0)
def qcow2_snapshots_65536_there():
    """As many as the format allows: counted, not described."""
    qcow2(snapshots=65536, snapshots_at=0x50000, length=0x50000 + 65536 * 40)


@row(r"compressed cluster.*(zstd|window|inflate)", ["copy", "-q", "x.img", "out.raw", "-O", "raw"])
def qcow2_zstd_window_2_gib():
    packed(b"x")
    put("x.img", 72, ">Q", 1 << 3)
    put("x.img", 100, ">I", 112)
    put("x.img", 104, "B", 1)
    put("x.img", 5 << 21, "<IBB", 0xFD2FB528, 0, 0xA8)
    put("x.img", (5 << 21) + 6, "3s10s", struct.pack("<I", 10 << 3 | 1)[:3], b"x" * 10)


@row(r"compressed cluster", ["copy", "-q", "x.img", "out.raw", "-O", "raw"])
def qcow2_cluster_inflates_to_less():
    packed(b"x" * 1000)


@row(r"compressed cluster", ["copy", "-q", "x.img", "out.raw", "-O", "raw"])
def qcow2_cluster_is_no_stream():
    packed(b"x" * 1000)
    put("x.img", 5 << 21, ">Q", 0xFFFFFFFFFFFFFFFF)


# ------------------------------------------------------------------------------------------------- other QEMU formats

def qcow1(cluster_bits=12, l2_bits=9, size=1 << 20, l1=48, backing=b""):
    head = struct.pack(">IIQIIQBBHIQ", 0x514649FB, 1, 0x800 if backing else 0, len(backing), 0, size, cluster_bits,
                       l2_bits, 0, 0, l1)
    sparse("x.img", 0x4000, (0, head), (0x800, backing))


def qed(cluster=65536, table=4, header=1, features=0, l1=65536, size=1 << 20, backing=b""):
    head = struct.pack("<4sIIIQQQQQII", b"QED\0", cluster, table, header, features | bool(backing), 0, 0, l1, size, 0x800,
                       len(backing))
    sparse("x.img", 0x60000, (0, head), (0x800, backing))


for what, fields, pattern in [
        ("cluster_bits_0", {"cluster_bits": 0}, r"cluster bits 0"), ("l2_bits_0", {"l2_bits": 0}, r"L2 bits 0"),
        ("l2_bits_63", {"l2_bits": 63}, r"L2 bits 63"), ("size_2_63", {"size": 1 << 63}, r"64 TiB"),
        ("l1_outside", {"l1": 1 << 62}, r"L1 table: .*file ends"), ("l1_huge", {"size": 1 << 46}, r"L1 table: \d+ bytes"),
        ("backing", {"backing": SECRET.encode()}, REFUSED), ("backing_up", {"backing": b"../x"}, REFUSED)]:
    add("qcow1_" + what, lambda fields=fields: qcow1(**fields), pattern)

for what, fields, pattern in [
        ("cluster_0", {"cluster": 0}, r"clusters of 0 bytes"), ("table_0", {"table": 0}, r"tables of 0"),
        ("cluster_2_31", {"cluster": 1 << 31}, r"clusters of 2147483648"), ("size_2_63", {"size": 1 << 63}, r"64 TiB"),
        ("l1_outside", {"l1": 1 << 40}, r"L1 table.*file"), ("feature", {"features": 1 << 40}, r"unknown features"),
        ("backing", {"backing": SECRET.encode()}, REFUSED), ("backing_json", {"backing": b'json:{"driver":"nbd"}'}, MISSING)]:
    add("qed_" + what, lambda fields=fields: qed(**fields), pattern)


# -------------------------------------------------------------------------------------------------------------- VMDK

def descriptor(extents, create_type="monolithicFlat", parent="ffffffff", more=""):
    return (f'# Disk DescriptorFile\nversion=1\nCID=fffffffe\nparentCID={parent}\ncreateType="{create_type}"\n{more}\n' +
            "\n".join(extents) + "\n")


for number, name in enumerate(OUTSIDE + ["/etc/shadow"]):
    if '"' not in name:
        add(f"vmdk_extent_{number}", lambda name=name: write("x.img", descriptor([f'RW 2048 FLAT "{name}" 0'])),
            outside_pattern(name))
    # A path of another host means its last part, beside the image; that isn't there either.
    add(f"vmdk_parent_{number}",
        lambda name=name: sparse_vmdk(text=descriptor(['RW 2048 SPARSE "x.img"'], "monolithicSparse", "12345678",
                                                      f'parentFileNameHint="{name}"')),
        REFUSED if ".." in name else r"parent '.*': cannot open '" + re.escape(name.rsplit("/", 1)[-1]))


for what, text, pattern in [
        ("size_2_63", descriptor(['RW 9223372036854775807 FLAT "y" 0']), r"line 7: the disk gets larger than 64 TiB"),
        ("sum_overflows", descriptor(['RW 18446744073709551615 ZERO', 'RW 2 ZERO']), r"larger than 64 TiB"),
        ("offset_overflows", descriptor(['RW 2048 FLAT "y" 18446744073709551615']), r"extent truncated"),
        ("no_extent", descriptor([]), r"names no extent"),
        ("device", descriptor(['RW 2048 FLAT "/dev/sda" 0'], "fullDevice"), r"physical disk"),
        ("rdm", descriptor(['RW 2048 VMFSRDM "y-rdm.vmdk"'], "vmfsRDM"), r"physical disk"),
        ("unknown_line", descriptor(['RW 2048 FLAT "y" 0', "exec /bin/sh"]), r"line 8: 'exec /bin/sh' is neither"),
        ("doubled_key", descriptor(['RW 2048 FLAT "y" 0']) + "parentCID=12345678\n", r"parentCID is there twice"),
        ("format_string", descriptor(['RW 2048 FLAT "%n%n%s%s" 0']), r"extent 1 '%n%n%s%s': cannot open"),
        ("control", descriptor(['RW 2048 FLAT "\x1b[2Ja" 0']), r"extent 1 '\?\[2Ja'"),
        ("long_name", descriptor([f'RW 2048 FLAT "{"a" * 10240}" 0']), r"extent 1 'a{200}'.*(names a file with a name of 10240 bytes|too long)")]:
    add("vmdk_text_" + what, lambda text=text: (write("x.img", text), write("y", mbr())), pattern)


@row(r"descriptor: \d+ bytes, the limit is 4194304")
def vmdk_text_million_extents():
    write("x.img", descriptor(["RW 1 ZERO"] * 1000000))


@row(r'"size": 1048576', ["info", "--json", "x.img"], 0)
def vmdk_flat_content_is_not_probed():
    qcow2("y", backing=SECRET, fmt="raw")
    with open("y", "ab") as f:
        f.truncate(1 << 20)
    write("x.img", descriptor(['RW 2048 FLAT "y" 0']))


def sparse_vmdk(capacity=2048, grain=128, gtes=512, desc_at=1, desc_size=20, gd=26, flags=1, compression=0, text=None,
                table=(), magic=b"KDMV", footer=None, overhead=128, gd_entry=27, length=0x20000):
    def head(gd_at):
        return struct.pack("<4sIIQQQQIQQQB4sH", magic, 1, flags, capacity, grain, desc_at, desc_size, gtes, 0, gd_at,
                           overhead, 0, b"\n \r\n", compression)

    text = text if text is not None else descriptor([f'RW {capacity} SPARSE "x.img"'], "monolithicSparse")
    parts = [(0, head(gd)), (26 * 512, struct.pack("<I", gd_entry)),
             (27 * 512, struct.pack(f"<{len(table)}I", *table))]
    if 0 < desc_at < length // 512:
        parts.append((desc_at * 512, text.encode()))
    if footer:
        end = length - 3 * 512
        parts += [(end, struct.pack("<QII", 1, 0, 3)), (end + 512, footer(head))]
    sparse("x.img", length, *parts)


for what, fields, pattern in [
        ("capacity_0", {"capacity": 0}, r"capacity of 0"), ("capacity_2_48", {"capacity": 1 << 48}, r"64 TiB"),
        ("capacity_2_63", {"capacity": 1 << 63}, r"64 TiB"), ("grain_0", {"grain": 0}, r"grain of 0"),
        ("grain_3", {"grain": 3}, r"grain of 3"), ("grain_2_63", {"grain": 1 << 63}, r"grain of"),
        ("gtes_0", {"gtes": 0}, r"0 entries a grain table"), ("gtes_2_31", {"gtes": 1 << 31}, r"entries a grain table"),
        ("descriptor_outside", {"desc_at": 1 << 50}, r"descriptor"),
        ("descriptor_overflows", {"desc_at": 1 << 62}, r"descriptor"),
        ("descriptor_huge", {"desc_size": 1 << 40}, r"descriptor"),
        ("gd_outside", {"gd": 1 << 30}, r"grain directory"), ("gd_0", {"gd": 0}, r"grain directory"),
        ("gd_overflows", {"gd": 1 << 60}, r"grain directory"),
        ("table_outside", {"gd_entry": 1 << 30}, r"grain table"),
        ("grain_outside", {"table": [1 << 30]}, r"entry 0 points to 0x8000000000, the file ends"),
        ("capacity_0_flat", {"capacity": 0, "text": descriptor(['RW 2048 FLAT "/etc/shadow" 0'])}, r"capacity of 0"),
        ("stream_not_ended", {"gd": (1 << 64) - 1, "flags": 0x30001, "compression": 1}, r"truncated: no footer at the end"),
        ("footer_differs", {"gd": (1 << 64) - 1, "flags": 0x30001, "compression": 1,
                            "footer": lambda head: head(26)[:12] + struct.pack("<Q", 1 << 20) + head(26)[20:]},
         r"footer at 0x[0-9a-f]+: describes another disk than the header")]:
    add("vmdk_" + what, lambda fields=fields: sparse_vmdk(**fields), pattern)

# The file holds the disk; what its descriptor names besides is never opened.
add("vmdk_names_other_files", lambda: sparse_vmdk(text=descriptor(['RW 2048 FLAT "/etc/shadow" 0'])),
    r'(?s)\A(?!.*shadow).*"size": 1048576', ["info", "--json", "x.img"], 0)


def stream_grain(size, data):
    sparse_vmdk(flags=0x30001, compression=1, table=[100])
    put("x.img", 100 * 512, "<QI", 0, size)
    put("x.img", 100 * 512 + 12, f"{len(data)}s", data)


for what, size, data in [("claims_4_gib", 0xFFFFFFFF, b""), ("too_long", 300, zlib.compress(bytes(1 << 24))),
                         ("too_short", 20, zlib.compress(b"x"))]:
    add("vmdk_grain_" + what, lambda size=size, data=data: stream_grain(size, data[:60000]), r"grain",
        ["copy", "-q", "x.img", "out.raw", "-O", "raw"])


def cowd(grain=1, capacity=2048, gd=4, entries=1):
    head = struct.pack("<4sIIIIII", b"COWD", 1, 3, capacity, grain, gd, entries)
    sparse("y.vmdk", 0x10000, (0, head))
    write("x.img", descriptor([f'RW {capacity} VMFSSPARSE "y.vmdk"'], "vmfsSparse"))


for what, fields, pattern in [("grain_0", {"grain": 0}, r"grain of 0"), ("gd_outside", {"gd": 1 << 31}, r"grain directory"),
                              ("gd_short", {"capacity": 1 << 31, "entries": 0}, r"grain directory of 0")]:
    add("cowd_" + what, lambda fields=fields: cowd(**fields), pattern)


def sesparse(capacity=2048, grain=8, table=64, flags=0, gd=8, replay=0, gd_size=1, gd_entry=0, volatile=1):
    head = bytearray(512)
    head[0:48] = struct.pack("<QQQQQQ", 0xCAFEBABE, 0x200000001, capacity, grain, table, flags)
    head[80:88] = struct.pack("<Q", volatile)
    head[128:160] = struct.pack("<QQQQ", gd, gd_size, 16, 64)
    head[192:200] = struct.pack("<Q", 128)
    sparse("y.vmdk", 0x20000, (0, bytes(head)), (512, struct.pack("<QQQQ", 0xCAFECAFE, 0, 0, replay)),
           (8 * 512, struct.pack("<Q", gd_entry)))
    write("x.img", descriptor([f'RW {capacity} SESPARSE "y.vmdk"'], "seSparse"))


for what, fields, pattern in [
        ("grain_0", {"grain": 0}, r"grains of 0"), ("table_0", {"table": 0}, r"tables of 0"),
        ("flags", {"flags": 1}, r"flags 0x1"), ("journal", {"replay": 1}, r"journal was not replayed"),
        ("gd_outside", {"gd": 1 << 60}, r"grain directory: 8 bytes at sector"), ("gd_short", {"gd_size": 0}, r"grain directory of 0"),
        ("gd_entry", {"gd_entry": 1 << 60 | 77}, r"table 77 of 1"), ("gd_nonsense", {"gd_entry": 5}, r"is no table"),
        ("volatile_outside", {"volatile": 1 << 60}, r"volatile header at sector"),
        ("capacity_2_60", {"capacity": 1 << 60}, r"64 TiB")]:
    add("sesparse_" + what, lambda fields=fields: sesparse(**fields), pattern)


@row(r"loop")
def vmdk_loop():
    for name, parent in (("x.img", "b.vmdk"), ("b.vmdk", "x.img")):
        sparse_vmdk(text=descriptor(['RW 2048 SPARSE "x.img"'], "monolithicSparse", "fffffffe", f'parentFileNameHint="{parent}"'))
        os.rename("x.img", name + ".tmp")
    for name in ("x.img", "b.vmdk"):
        os.rename(name + ".tmp", name)


# --------------------------------------------------------------------------------------------------------------- VHD

def ones(data):
    return ~sum(data) & 0xFFFFFFFF


def vhd_footer(size=1 << 20, kind=3, offset=512, creator=b"win "):
    foot = bytearray(struct.pack(">8sIIQI4sIIQQHBBI", b"conectix", 2, 0x10000, offset, 0, creator, 0xA0000, 0x5769326B,
                                 size, size, 30, 4, 17, kind).ljust(512, b"\0"))
    foot[64:68] = struct.pack(">I", ones(foot))
    return bytes(foot)


def vhd(block=2 << 20, entries=1, table=1536, locator=None, table_entry=0xFFFFFFFF, length=0x2000, **footer):
    head = bytearray(struct.pack(">8sQQIII", b"cxsparse", 0xFFFFFFFFFFFFFFFF, table, 0x10000, entries, block).ljust(1024, b"\0"))
    text = b""
    if locator is not None:
        text = locator.encode("utf-16-le")
        head[576:600] = struct.pack(">4sIIIQ", b"W2ku", 512, len(text), 0, 0x1000)
        footer["kind"] = 4
    head[36:40] = struct.pack(">I", ones(head))
    foot = vhd_footer(**footer)
    sparse("x.img", length + 512, (0, foot), (512, bytes(head)), (1536, struct.pack(">I", table_entry)), (0x1000, text),
           (length, foot))


for what, fields, pattern in [
        ("block_0", {"block": 0}, r"blocks of 0"), ("block_3", {"block": 3}, r"blocks of 3"),
        ("block_2_31", {"block": 1 << 31}, r"blocks of 2147483648"),
        ("entries_2_32", {"entries": 0xFFFFFFFF}, r"table of 4294967295|block table"),
        ("entries_0", {"entries": 0}, r"block table has 0 blocks"),
        ("table_outside", {"table": 1 << 62}, r"block table at"), ("header_outside", {"offset": 1 << 62}, r"dynamic header at"),
        ("size_0", {"size": 0}, r"0 bytes"), ("size_2_63", {"size": 1 << 63}, r"64 TiB"),
        ("block_outside", {"table_entry": 1 << 20}, r"block table entry 0"),
        ("block_on_header", {"table_entry": 0, "length": 0x300000}, r"lies on the headers"),
        ("type_9", {"kind": 9}, r"type 9"),
        ("parent_absolute", {"locator": "C:\\Windows\\secret.vhd"}, MISSING),
        ("parent_unix", {"locator": SECRET}, MISSING), ("parent_up", {"locator": "..\\..\\etc\\passwd"}, MISSING + "|outside"),
        ("parent_share", {"locator": "\\\\server\\share\\x.vhd"}, MISSING),
        ("parent_itself", {"locator": "x.img"}, r"loop")]:
    add("vhd_" + what, lambda fields=fields: vhd(**fields), pattern)


@row(r"footer.*checksum|checksum")
def vhd_wrong_checksum():
    vhd()
    put("x.img", 48, ">Q", 1 << 30)
    put("x.img", 0x2000 + 48, ">Q", 1 << 30)


@row(r"share a place")
def vhd_blocks_overlap():
    vhd(entries=2, size=4 << 20, length=0x800000)
    put("x.img", 1536, ">II", 0x1000, 0x1001)


# -------------------------------------------------------------------------------------------------------------- VHDX

def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def guid(text):
    a, b, c, d, e = text.split("-")
    return struct.pack("<IHH", int(a, 16), int(b, 16), int(c, 16)) + bytes.fromhex(d + e)


ITEMS = {"parameters": guid("caa16737-fa36-4d43-b3b6-33f0aa44e76b"), "size": guid("2fa54224-cd1b-4876-b211-5dbed83bf4b8"),
         "logical": guid("8141bf1d-a96f-4709-ba47-f233a8faab5f"), "physical": guid("cda348c7-445d-4471-9cc9-e9885251c556"),
         "parent": guid("a8d35f2d-b30b-454d-abf7-d3d84834ab0c")}
MIB = 1 << 20


def summed(data):
    return data[:4] + struct.pack("<I", crc32c(data)) + data[8:]


def locator(values):
    strings, entries, at = b"", b"", 20 + 12 * len(values)
    for key, value in values.items():
        k, v = key.encode("utf-16-le"), value.encode("utf-16-le")
        entries += struct.pack("<IIHH", at + len(strings), at + len(strings) + len(k), len(k), len(v))
        strings += k + v
    return guid("b04aefb7-d19e-4a81-b789-25b8e9445913") + struct.pack("<HH", 0, len(values)) + entries + strings


def vhdx(block=32 * MIB, size=64 * MIB, lss=512, pss=4096, bat=(), parent=None, log=b"", log_at=MIB, log_len=MIB,
         bat_at=3 * MIB, bat_len=MIB, meta_at=2 * MIB, length=40 * MIB, more_regions=b"", regions=2):
    log_id = b"\x11" * 16 if log else bytes(16)
    head = struct.pack("<4sIQ16s16s16sHHIQ", b"head", 0, 1, b"\1" * 16, b"\2" * 16, log_id, 0, 1, log_len, log_at)
    table = struct.pack("<4sIII", b"regi", 0, regions, 0)
    table += guid("2dc27766-f623-4200-9d64-115e9bfd4a08") + struct.pack("<QII", bat_at, bat_len, 1)
    table += guid("8b7ca206-4790-4b9a-b8fe-575f050f886e") + struct.pack("<QII", meta_at, MIB, 1) + more_regions
    values = {"parameters": struct.pack("<II", block, 2 if parent else 0), "size": struct.pack("<Q", size),
              "logical": struct.pack("<I", lss), "physical": struct.pack("<I", pss)}
    if parent:
        values["parent"] = locator(parent)
    meta, data = struct.pack("<8sHH", b"metadata", 0, len(values)).ljust(32, b"\0"), b""
    for key, value in values.items():
        meta += ITEMS[key] + struct.pack("<IIII", 65536 + len(data), len(value), 4, 0)
        data += value
    parts = [(0, b"vhdxfile"), (65536, summed(head.ljust(4096, b"\0"))), (3 * 65536, summed(table.ljust(65536, b"\0"))),
             (bat_at if bat_at < length else 0, struct.pack(f"<{len(bat)}Q", *bat)), (log_at if log else 0, log)]
    parts += [(2 * MIB, meta), (2 * MIB + 65536, data)]
    sparse("x.img", length, *parts)


def log_entry(count, length=4096, signature=b"loge", tail=0):
    return summed(struct.pack("<4sIIIQII16sQQ", signature, 0, length, tail, 1, count, 0, b"\x11" * 16, 40 * MIB,
                              40 * MIB).ljust(4096, b"\0"))


for what, fields, pattern in [
        ("block_0", {"block": 0}, r"blocks of 0"), ("block_2_31", {"block": 1 << 31}, r"blocks of 2147483648"),
        ("block_3_mib", {"block": 3 * MIB}, r"blocks of 3145728"), ("sector_0", {"lss": 0}, r"logical sectors of 0"),
        ("sector_513", {"lss": 513}, r"logical sectors of 513"), ("physical_0", {"pss": 0}, r"physical sectors of 0"),
        ("size_0", {"size": 0}, r"disk of 0 bytes"), ("size_2_63", {"size": 1 << 63}, r"64 TiB"),
        ("table_too_small", {"size": 1 << 45, "block": MIB}, r"entries in the block table"),
        ("table_outside", {"bat_at": 1 << 50}, r"block table at .*file ends"), ("table_unaligned", {"bat_at": 3 * MIB + 4096}, r"whole MiB"),
        ("regions_overlap", {"bat_at": 2 * MIB}, r"overlap"), ("log_on_table", {"log_at": 3 * MIB}, r"overlap"),
        ("regions_2048", {"regions": 2048}, r"2048|2047"), ("regions_2_32", {"regions": 0xFFFFFFFF}, r"2047"),
        ("region_unknown", {"regions": 3, "more_regions": b"\7" * 16 + struct.pack("<QII", 4 * MIB, MIB, 1)}, r"needs region"),
        ("block_outside", {"bat": [6 | 1 << 40]}, r"block table entry 0.*file ends"),
        ("block_on_table", {"bat": [6 | 3 * MIB]}, r"block table entry 0.*lies on"),
        ("block_on_log", {"bat": [6 | MIB]}, r"lies on"), ("block_on_header", {"bat": [6]}, r"lies on"),
        ("blocks_same", {"bat": [6 | 4 * MIB, 6 | 4 * MIB], "size": 64 * MIB}, r"entry 1.*another block"),
        ("blocks_overlap", {"bat": [6 | 4 * MIB, 6 | 5 * MIB]}, r"another block"),
        ("state_5", {"bat": [5 | 4 * MIB]}, r"state 5"), ("partial_alone", {"bat": [7 | 4 * MIB]}, r"partially present"),
        ("parent_win32", {"parent": {"parent_linkage": "{0}", "absolute_win32_path": "C:\\secret.vhdx"}}, MISSING),
        ("parent_unix", {"parent": {"parent_linkage": "{0}", "absolute_win32_path": SECRET}}, MISSING),
        ("parent_share", {"parent": {"parent_linkage": "{0}", "absolute_win32_path": "\\\\s\\c\\x.vhdx"}}, MISSING),
        ("parent_up", {"parent": {"parent_linkage": "{0}", "relative_path": "..\\..\\etc\\passwd"}}, MISSING + "|outside"),
        ("parent_itself", {"parent": {"parent_linkage": "{0}", "relative_path": ".\\x.img"}}, r"loop"),
        ("no_parent_name", {"parent": {"parent_linkage": "{0}"}}, r"names no parent"),
        ("log_count_overflows", {"log": log_entry(0x08000000)}, r"no whole sequence of entries"),
        ("log_count_2_32", {"log": log_entry(0xFFFFFFFF)}, r"no whole sequence of entries"),
        ("log_length_2_31", {"log": log_entry(1, 1 << 31)}, r"no whole sequence of entries"), ("log_tail", {"log": log_entry(1, 4096, tail=1 << 31)}, r"no whole sequence of entries"),
        ("log_outside", {"log": log_entry(0), "log_len": 0x7FF00000}, r"log at 0x100000 with 0x7ff00000 bytes")]:
    add("vhdx_" + what, lambda fields=fields: vhdx(**fields), pattern)


# ------------------------------------------------------------------------------------------------ VDI and Parallels

def vdi(block=MIB, size=2 * MIB, blocks=2, map_at=512, data_at=1024, kind=1, sector=512, table=(0, 1), extra=0):
    head = bytearray(0x200)
    head[:4] = b"<<< "
    head[0x40:0x50] = struct.pack("<IIII", 0xBEDA107F, 0x10001, 0x190, kind)
    head[0x154:0x15C] = struct.pack("<II", map_at, data_at)
    head[0x168:0x16C] = struct.pack("<I", sector)
    head[0x170:0x188] = struct.pack("<QIIII", size, block, extra, blocks, blocks)
    sparse("x.img", 1024 + 2 * MIB, (0, bytes(head)), (512, struct.pack(f"<{len(table)}I", *table)))


for what, fields, pattern in [
        ("block_0", {"block": 0}, r"blocks of 0"), ("block_2_31", {"block": 1 << 31}, r"blocks of 2147483648"),
        ("size_0", {"size": 0}, r"disk of 0 bytes"), ("size_2_63", {"size": 1 << 63}, r"64 TiB"),
        ("sector_0", {"sector": 0}, r"sectors of 0"), ("blocks_0", {"blocks": 0}, r"0 blocks"),
        ("map_outside", {"blocks": 0x3FFFFFFF, "data_at": 0xFFFFFE00, "size": 1 << 45}, r"header: data at 0xfffffe00"),
        ("map_in_header", {"map_at": 64}, r"block map at 0x40"), ("data_in_map", {"data_at": 512}, r"data at"),
        ("entry_outside", {"table": (0, 0x7FFFFFFF)}, r"block map: entry 1: block 2147483647 of 2"),
        ("undo", {"kind": 3}, r"undo"), ("type_99", {"kind": 99}, r"type 99"), ("parent_null", {"kind": 4}, r"names no parent")]:
    add("vdi_" + what, lambda fields=fields: vdi(**fields), pattern)


@row(r"loop", ["info", "x.vdi"])
def vdi_own_parent():
    vdi(kind=4)
    put("x.img", 0x188, "16s", b"\1" * 16)
    put("x.img", 0x1A8, "16s", b"\1" * 16)
    os.rename("x.img", "x.vdi")


def hds(cluster=2048, entries=2, sectors=4096, version=2, table=(1, 2)):
    head = struct.pack("<16sIIIIIQIIIQ", b"WithouFreSpacExt", version, 16, 1, cluster, entries, sectors, 0, 0, 0, 0)
    sparse("x.img", 3 * MIB, (0, head), (64, struct.pack(f"<{len(table)}I", *table)))


for what, fields, pattern in [
        ("cluster_0", {"cluster": 0}, r"clusters of 0 sectors"), ("cluster_2_31", {"cluster": 1 << 31}, r"clusters of 2147483648"),
        ("size_0", {"sectors": 0}, r"disk of 0 sectors"), ("size_2_63", {"sectors": 1 << 63}, r"64 TiB"),
        ("entries_0", {"entries": 0}, r"0 clusters"), ("entries_2_32", {"entries": 0xFFFFFFFF}, r"inside the table"),
        ("entry_outside", {"table": (1, 1 << 30)}, r"file ends"), ("version_3", {"version": 3}, r"version 3")]:
    add("parallels_" + what, lambda fields=fields: hds(**fields), pattern)


def bundle(file, doctype=""):
    write("DiskDescriptor.xml", f"""<?xml version="1.0"?>{doctype}
<Parallels_disk_image Version="1.0"><Disk_Parameters><Disk_size>2048</Disk_size></Disk_Parameters>
<StorageData><Storage><Start>0</Start><End>2048</End><Blocksize>2048</Blocksize>
<Image><GUID>{{5fbaabe3-6958-40ff-92a7-860e329aab41}}</GUID><Type>Plain</Type><File>{file}</File></Image></Storage></StorageData>
<Snapshots><Shot><GUID>{{5fbaabe3-6958-40ff-92a7-860e329aab41}}</GUID></Shot></Snapshots></Parallels_disk_image>""")


for number, name in enumerate([SECRET, "../secret.img", "/dev/sda", "nbd:localhost:1"]):
    add(f"parallels_bundle_{number}", lambda name=name: bundle(name), outside_pattern(name), ["info", "DiskDescriptor.xml"])
add("parallels_bundle_doctype",
    lambda: bundle("&e;", '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>'), r"DOCTYPE|DTD", ["info", "DiskDescriptor.xml"])


# ---------------------------------------------------------------------------------------------------------- polyglots

@row(r"looks like qcow2 and like raw")
def polyglot_qcow2_mbr():
    qcow2()
    put("x.img", 510, "2s", b"\x55\xaa")
    put("x.img", 446, "<B3sB3sII", 0x80, b"\0\2\0", 0x83, b"\0\2\0", 64, 128)


@row(r"looks like qcow2 and like vhd")
def polyglot_qcow2_vhd():
    qcow2()
    with open("x.img", "ab") as f:
        f.write(vhd_footer(size=0x60000, kind=2, offset=0xFFFFFFFFFFFFFFFF))


@row(r"looks like qcow2 and like vdi")
def polyglot_vdi_qcow2():
    vdi()
    put("x.img", 0, ">II", 0x514649FB, 3)


@row(r"looks like vhdx and like raw")
def polyglot_vhdx_iso():
    """An ISO 9660 volume has its descriptor at 32 KiB, where a VHDX says nothing."""
    vhdx()
    put("x.img", 32768, "B5sB", 1, b"CD001", 1)


@row(r'"format": "vhd"', ["info", "--json", "x.img"], 0)
def fixed_vhd_with_mbr_is_normal():
    write("x.img", mbr() + vhd_footer(kind=2, offset=0xFFFFFFFFFFFFFFFF))


# ---------------------------------------------------------------------------------------------- nothing to read at all

for what, data, pattern in [("empty", b"", r"empty"), ("one_byte", b"Q", r"no disk image"),
                            ("qcow2_magic_only", b"QFI\xfb\0\0\0\3", r"header"), ("kdmv_only", b"KDMV", r"header"),
                            ("cowd_only", b"COWD", r"extent"), ("vhdx_only", b"vhdxfile", r"header"),
                            ("asif", b"shdw" + bytes(508), r"ASIF"), ("text", b"hello\n" * 1000, r"no disk image")]:
    add("bare_" + what, lambda data=data: write("x.img", data), pattern)

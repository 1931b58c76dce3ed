"""Hostile appliances: OVA and tar, OVF and XML, VMX, and names that want to be more than names."""
import gzip
import os
import struct
import zlib

from images import SECRET, qcow2
from rows import add, mbr, row, write

CONVERT = ["convert", "--no-convert", "--dry-run", "-q"]
XML = ["convert", "--no-convert", "--print-xml", "-q"]


def disk(path="disk.raw"):
    write(path, mbr())


def ovf(href="disk.raw", size=1 << 20, prologue="", name="bad", capacity=1 << 20, extra="", system="bad", nic=""):
    return f"""<?xml version="1.0"?>{prologue}
<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1" xmlns:rasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData">
<References><File ovf:href="{href}" ovf:id="file1" ovf:size="{size}"/></References>{extra}
<DiskSection><Info/><Disk ovf:capacity="{capacity}" ovf:diskId="d1" ovf:fileRef="file1"/></DiskSection>
<VirtualSystem ovf:id="{system}"><Info/><Name>{name}</Name><VirtualHardwareSection><Info/>
<Item><rasd:InstanceID>3</rasd:InstanceID><rasd:ResourceSubType>lsilogic</rasd:ResourceSubType><rasd:ResourceType>6</rasd:ResourceType></Item>
<Item><rasd:AddressOnParent>0</rasd:AddressOnParent><rasd:HostResource>ovf:/disk/d1</rasd:HostResource><rasd:InstanceID>8</rasd:InstanceID><rasd:Parent>3</rasd:Parent><rasd:ResourceType>17</rasd:ResourceType></Item>
{nic}</VirtualHardwareSection></VirtualSystem></Envelope>
"""


def member(name, data=b"", kind=b"0", link="", size=None, size_field=None):
    """One tar member by hand: tarfile refuses to make most of these."""
    name = name.encode() if isinstance(name, str) else name
    size = len(data) if size is None else size
    field = size_field or b"%011o\0" % size
    head = struct.pack("100s8s8s8s12s12s8sc100s6s2s", name, b"0000644\0", b"0000000\0", b"0000000\0", field,
                       b"00000000000\0", b" " * 8, kind, link.encode(), b"ustar\0", b"00").ljust(512, b"\0")
    head = head[:148] + b"%06o\0 " % sum(head) + head[156:]
    return head + data + bytes(-len(data) % 512)


def ova(*members, path="x.ova", text=None):
    write(path, member("bad.ovf", (text or ovf()).encode()) + b"".join(members) + bytes(1024))


def record(key, value):
    body = b" " + key + b"=" + value + b"\n"
    n = len(body) + 1
    while len(b"%d" % n) + len(body) != n:
        n = len(b"%d" % n) + len(body)
    return b"%d" % n + body


def pax(**values):
    return member("PaxHeader", b"".join(record(k.encode().replace(b"__", b"."), v) for k, v in values.items()), b"x")


RAW = mbr()
OVA = CONVERT + ["x.ova", "-if", "raw"]

for what, members, pattern in [
        ("traversal", [member("../../home/x/.ssh/authorized_keys", b"key"), member("disk.raw", RAW)], r"\.\./.*outside"),
        ("absolute", [member("/etc/cron.d/x", b"x"), member("disk.raw", RAW)], r"absolute"),
        ("symlink", [member("disk.raw", kind=b"2", link="/etc/shadow")], r"symbolic link to '/etc/shadow'"),
        ("hardlink", [member("disk.raw", kind=b"1", link="/etc/shadow")], r"hard link to '/etc/shadow'"),
        ("device", [member("disk.raw", kind=b"4")], r"device"), ("fifo", [member("disk.raw", kind=b"6")], r"FIFO"),
        ("gnu_sparse", [member("disk.raw", RAW, b"S")], r"sparse"),
        ("pax_sparse", [pax(GNU__sparse__major=b"1") + member("disk.raw", RAW)], r"sparse"),
        ("negative_size", [member("disk.raw", size_field=b"\xff" * 12)], r"size is not a number"),
        ("minus_sign", [member("disk.raw", size_field=b"-0000000010\0")], r"size is not a number"),
        ("base256_2_63", [member("disk.raw", size_field=b"\x80\0\0\0" + struct.pack(">Q", 1 << 63))], r"truncated|bytes"),
        ("base256_2_88", [member("disk.raw", size_field=b"\x80" + b"\xff" * 11)], r"size is not a number"),
        ("size_8_gib", [member("disk.raw", size=8 << 30)], r"truncated"),
        ("pax_size", [pax(size=b"9223372036854775807") + member("disk.raw", RAW)], r"truncated|bytes"),
        ("pax_size_negative", [pax(size=b"-1") + member("disk.raw", RAW)], r"not a number"),
        ("pax_path_up", [pax(path=b"../x") + member("disk.raw", RAW)], r"outside"),
        ("pax_path_nul", [pax(path=b"disk.raw\0x") + member("y", RAW)], r"NUL"),
        ("pax_link", [pax(linkpath=b"/etc/shadow") + member("disk.raw", kind=b"2", link="y")], r"'/etc/shadow'"),
        ("pax_damaged", [member("p", b"99999999999999999999 path=x\n", b"x") + member("disk.raw", RAW)], r"damaged"),
        ("pax_64_mib", [member("p", bytes(64 << 20), b"x") + member("disk.raw", RAW)], r"extended header"),
        ("duplicate", [member("disk.raw", RAW), member("disk.raw", b"evil" * 128)], r"there twice"),
        ("duplicate_dot", [member("disk.raw", RAW), member("./disk.raw", b"evil" * 128)], r"there twice"),
        ("second_ovf", [member("other.ovf", b"<x/>"), member("disk.raw", RAW)], r"2 \.ovf"),
        ("no_disk", [], r"disk\.raw"),
        ("wrong_checksum", [member("disk.raw", RAW)[:150] + b"9" + member("disk.raw", RAW)[151:]], r"checksum"),
        ("members_100000", [member(f"{i}") for i in range(100000)], r"more than 4096 members")]:
    add("ova_" + what, lambda members=members: ova(*members), pattern, OVA)


@row(r"manifest 'bad.mf': line 1 .* is not of the form", OVA)
def ova_manifest_nonsense():
    ova(member("bad.mf", b"SHA256(disk.raw)= zz\n" * 100), member("disk.raw", RAW))


@row(r"manifest 'bad.mf': it is 104857600 bytes, over the limit", OVA)
def ova_manifest_100_mib():
    write("x.ova", b"")
    with open("x.ova", "wb") as f:
        f.write(member("bad.ovf", ovf().encode()) + member("bad.mf", size=100 << 20))
        f.truncate(f.tell() + (100 << 20))
        f.seek(0, 2)
        f.write(member("disk.raw", RAW) + bytes(1024))


def gz_bomb():
    """1 GiB of zeros, where 1 MiB is stated."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    data = b"".join(packer.compress(bytes(1 << 20)) for _ in range(1024)) + packer.flush()
    text = ovf("disk.raw.gz", len(data)).replace('ovf:id="file1"', 'ovf:id="file1" ovf:compression="gzip"')
    ova(member("disk.raw.gz", data), text=text)


add("ova_gzip_bomb", gz_bomb, r"gzip data inflate to more than \d+ bytes", OVA)

# -------------------------------------------------------------------------------------------------------- OVF and XML

LAUGHS = "<!DOCTYPE x [" + '<!ENTITY a "ha">' + "".join(
    f'<!ENTITY {b} "&{a};&{a};&{a};&{a};&{a};&{a};&{a};&{a};&{a};&{a};">' for a, b in zip("abcdefghi", "bcdefghij")) + "]>"
OVF = CONVERT + ["x.ovf", "-if", "raw"]

for what, text, pattern in [
        ("laughs", ovf(prologue=LAUGHS, name="&j;"), r"has a DOCTYPE"),
        ("xxe", ovf(prologue='<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>', name="&e;"), r"has a DOCTYPE"),
        ("external_dtd", ovf(prologue='<!DOCTYPE x SYSTEM "http://localhost/x.dtd">'), r"has a DOCTYPE"),
        ("parameter_entity", ovf(prologue='<!DOCTYPE x [<!ENTITY % p SYSTEM "file:///etc/passwd">%p;]>'), r"has a DOCTYPE"),
        ("empty_doctype", ovf(prologue="<!DOCTYPE x>"), r"has a DOCTYPE"),
        ("undefined_entity", ovf(name="&nothing;"), r"Entity 'nothing' not defined"),
        ("depth_10000", ovf(extra="<a>" * 10000 + "</a>" * 10000), r"deeper than 256"),
        ("elements_million", ovf(extra="<a/>" * 1000000), r"more than \d+ elements"),
        ("attributes_million", ovf(extra="<a " + " ".join(f'a{i}="1"' for i in range(100000)) + "/>"), r"attributes"),
        ("not_closed", ovf()[:-20], r"not well-formed XML: line 8"), ("not_xml", "hello", r"not well-formed XML: line 1"),
        ("href_absolute", ovf(SECRET), r"the name leads outside the package"), ("href_up", ovf("../secret.img"), r"the name leads outside the package"),
        ("href_url", ovf("http://localhost/x"), r"it is not in the package"),
        ("href_file_url", ovf("file:///etc/passwd"), r"it is not in the package"),
        ("href_percent_nul", ovf("disk%00.raw"), r"'disk%00.raw': it is missing"),
        ("href_percent_up", ovf("%2e%2e%2fsecret.img"), r"the name leads outside the package"),
        ("href_dev", ovf("/dev/sda"), r"the name leads outside the package"),
        ("capacity_2_64", ovf(capacity="18446744073709551616"), r"capacity '18446744073709551616' is not a size"),
        ("capacity_negative", ovf(capacity="-1"), r"capacity '-1' is not a size")]:
    add("ovf_" + what, lambda text=text: (write("x.ovf", text), disk()), pattern, OVF)


add("ovf_size_differs", lambda: (write("x.ovf", ovf(size=5)), disk()), r"is 1048576 bytes, the OVF says 5", OVF, 0)


@row(r"it is \d+ bytes, over the limit of 16777216", OVF)
def ovf_text_100_mb():
    write("x.ovf", ovf(name="a" * 100000000))
    disk()


@row(r"it is \d+ bytes, over the limit of 16777216", OVA)
def ova_ovf_100_mb():
    write("x.ova", member("bad.ovf", ovf(name="a" * 100000000).encode()) + member("disk.raw", RAW) + bytes(1024))


# Names of machines, in what libvirt gets: only harmless characters, and still XML.
for number, name in enumerate(["a&lt;b&gt;&amp;\"'", "../../../tmp/x", "/etc/passwd", "%n%n%s", "a&#10;b", "n" * 10240,
                               "-rf", "..", ".", "&#x202e;gpj"]):
    add(f"ovf_name_{number}", lambda name=name: (write("x.ovf", ovf(name=name)), disk()),
        r"<name>[A-Za-z0-9_][A-Za-z0-9._-]{0,254}</name>", XML + ["x.ovf", "-if", "raw"], 0)

NIC = """<Item><rasd:Address>{}</rasd:Address><rasd:Connection>{}</rasd:Connection><rasd:InstanceID>9</rasd:InstanceID>
<rasd:ResourceSubType>{}</rasd:ResourceSubType><rasd:ResourceType>10</rasd:ResourceType></Item>"""
for number, values in enumerate([("&apos;/&gt;&lt;x a=&apos;", "&lt;/source&gt;", "E1000"), ("zz:zz", "%n", "%s%n"),
                                 ("00:11:22:33:44:55", "../../x", "&lt;!DOCTYPE x&gt;")]):
    add(f"ovf_nic_{number}", lambda values=values: (write("x.ovf", ovf(nic=NIC.format(*values))), disk()),
        r"</domain>", XML + ["x.ovf", "-if", "raw"], 0)

# ---------------------------------------------------------------------------------------------------------------- VMX

VMX = CONVERT + ["x.vmx"]


def vmx(file, more=""):
    return (f'displayName = "bad"\nmemSize = "256"\nscsi0.present = "TRUE"\nscsi0:0.present = "TRUE"\n'
            f'scsi0:0.fileName = "{file}"\n{more}')


for number, name in enumerate(["/etc/shadow", SECRET, "/dev/sda", "../secret.vmdk", "nbd:localhost:1", "json:{}",
                               "file:///etc/passwd", "C:\\secret.vmdk", "%n%n%s.vmdk"]):
    add(f"vmx_file_{number}", lambda name=name: write("x.vmx", vmx(name)),
        r"leads outside the (machine|image)'s folder" if number < 4 or ":\\" in name else r"cannot open '.*': No such file", VMX)

for what, text, pattern in [
        ("encrypted", vmx("x.vmdk", 'encryption.keySafe = "vmware:key/list"\n'), r"the machine is encrypted"),
        ("memory_2_64", vmx("x.vmdk").replace('"256"', '"18446744073709551615"'), r"memsize '18446744073709551615' is more than"),
        ("nul", vmx("x\0.vmdk"), r"NUL bytes"),
        ("no_text", "\0\1\2\3" * 1000, r"NUL bytes")]:
    add("vmx_" + what, lambda text=text: write("x.vmx", text), pattern, VMX)


@row(r"over the limit of 1048576 bytes", VMX)
def vmx_100_mb():
    write("x.vmx", vmx("x.vmdk", "#" + "a" * 100000000 + "\n"))


@row(r"over the limit of 1048576 bytes", VMX)
def vmx_million_keys():
    write("x.vmx", vmx("x.vmdk", "".join(f'scsi0:{i}.fileName = "{i}"\n' for i in range(1000000))))


# Images inside an archive may name nothing at all.
@row(r"an image inside an archive may name no file", OVA[:-2])
def ova_image_names_parent():
    qcow2("d", backing="disk.raw", fmt="raw")
    with open("d", "rb") as f:
        data = f.read()
    ova(member("disk.raw", data), text=ovf(size=len(data)))
    os.remove("d")
    disk()


# ----------------------------------------------------------------------------------------------------- wrapped images

def wrapped_gzip():
    with gzip.open("x.img", "wb", 9) as f:
        for _ in range(256):
            f.write(bytes(1 << 20))


add("wrapped_gzip_zeros", wrapped_gzip, r"gzip|inflate|no disk image|zeros|raw")
add("wrapped_zstd_window_2_gib", lambda: write("x.img", b"\x28\xb5\x2f\xfd\x00\xa8" + bytes(64)), r"zstd|window")
add("wrapped_xz_dictionary_4_gib", lambda: write("x.img", b"\xfd7zXZ\0" + b"\0\4\xe6\xd6\xb4\x46" + b"\2\0\x21\1\x28\0\0\0" +
                                                 struct.pack("<I", zlib.crc32(b"\2\0\x21\1\x28\0\0\0")) + bytes(64)),
    r"xz|memory|dictionary")


@row(r"may name no")
def wrapped_image_names_parent():
    write("below.img", mbr())
    qcow2("d", backing="below.img", fmt="raw")
    with open("d", "rb") as f, gzip.open("x.img", "wb") as out:
        out.write(f.read())
    os.remove("d")


@row(r"looks like qcow2 and like raw")
def wrapped_polyglot():
    qcow2("d")
    with open("d", "rb") as f, gzip.open("x.img", "wb") as out:
        data = f.read()
        out.write(data[:446] + mbr()[446:512] + data[512:])
    os.remove("d")


for what, data, pattern in [("zip", b"PK\3\4" + bytes(600), r"packed with zip"),
                            ("7z", b"7z\xbc\xaf\x27\x1c" + bytes(600), r"the header at 0x0 is damaged"),
                            ("rar", b"Rar!\x1a\7\1\0" + bytes(600), r"the header at 0x0 is damaged")]:
    add("archive_" + what, lambda data=data: write("x.ova", data), pattern, CONVERT + ["x.ova"])

# What a guest wrote into its own disk isn't looked at again: libvirt and qemu get the format that was asked for.
add("guest_made_its_raw_disk_a_qcow2", lambda: qcow2("disk.raw", backing=SECRET, fmt="raw"),
    r'<driver name="qemu" type="raw"', XML + ["disk.raw", "-if", "raw", "-of", "raw"], 0)

#!/bin/bash
# The sixteen inputs on which qemu-img 7.2 fails or silently goes wrong (the field study's first table): what rehost does
# with each. One function a row; real files of other products from $REHOST_SHARED/samples where the row names some.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/common.sh
scratch
rehost=$PWD/rehost
samples=$(realpath -m "${REHOST_SHARED:-../shared}/samples")
cd "$work"
skipped=0

# A Python program on stdin makes files; pack, checksums and patterns come from here.
make_files() {
	cat > prelude.py << 'P'
import os, struct, sys
def put(name, data): open(name, "wb").write(data)
def pattern(n, seed): return bytes((i * 7 + i // 512 * 13 + seed) & 255 for i in range(n))
def sector_file(name, sectors, seed): put(name, pattern(512 * sectors, seed))
def ones_complement(block, at):
    return ~(sum(block) - sum(block[at:at + 4])) & 0xffffffff
def vhd_footer(kind, size, uuid, data_offset=0xffffffffffffffff, creator=b"win "):
    f = bytearray(struct.pack(">8sIIQI4sIIQQHBBII16sB427x", b"conectix", 2, 0x10000, data_offset, 0, creator, 0xa0000,
        0x5769326b, size, size, 0, 0, 0, kind, 0, uuid, 0))
    f[64:68] = struct.pack(">I", ones_complement(f, 64))
    return bytes(f)
P
	cat prelude.py - > make.py
	python3 make.py || fail "$row: making its files"
}

# want STATUS PATTERN COMMAND…: it ends so, and says so.
want() {
	local status=$1 pattern=$2 got=0
	shift 2
	"$@" > said 2>&1 || got=$?
	[ "$got" = "$status" ] || fail "$row: $*: exit status $got, expected $status: $(tail -n 3 said)"
	grep -qE -- "$pattern" said || fail "$row: $*: no '$pattern' in: $(tail -n 3 said)"
}

# content IMAGE RAW [ARGUMENTS…]: the image's disk is exactly the file's bytes.
content() {
	local image=$1 raw=$2
	shift 2
	rm -f got.raw
	"$rehost" copy -q "$image" got.raw -O raw "$@" 2> said || fail "$row: copy $image: $(cat said)"
	cmp -s got.raw "$raw" || fail "$row: $image: its content is not that of $raw"
	rm got.raw
}

sample() { # PATH: of a sample, unpacked; 1 when there is none
	[ -e "$samples/$1" ] || return 1
	case $1 in
		*.gz) gunzip -c "$samples/$1" > "${1##*/}.unpacked" && mv "${1##*/}.unpacked" "$(basename "$1" .gz)" ;;
		*) cp "$samples/$1" . ;;
	esac
}

row_01_differencing_vhd() {
	sample vhd/dfvfs/fat-differential.vhd || return 77
	want 4 "parent '.\\\\fat-parent.vhd' is missing" "$rehost" info fat-differential.vhd
	make_files << 'P'
child = open("fat-differential.vhd", "rb").read()
size = struct.unpack_from(">Q", child, 48)[0]
header = struct.unpack_from(">Q", child, 16)[0]
bat, = struct.unpack_from(">Q", child, header + 16)
block, = struct.unpack_from(">I", child, header + 32)
base = pattern(size, 3)
disk = bytearray(base)
for b in range(-(-size // block)):
    at, = struct.unpack_from(">I", child, bat + 4 * b)
    if at == 0xffffffff: continue
    bitmap = -(-(block // 512 // 8) // 512) * 512
    for s in range(block // 512):
        if child[at * 512 + s // 8] & 0x80 >> s % 8:
            off = b * block + s * 512
            disk[off:off + 512] = child[at * 512 + bitmap + s * 512:][:512]
assert disk != base
put("fat-parent.vhd", base + vhd_footer(2, size, child[header + 40:header + 56]))
put("want.raw", bytes(disk))
P
	content fat-differential.vhd want.raw
}

row_02_fixed_vhd_without_being_told() {
	make_files << 'P'
disk = bytearray(pattern(10485760, 5))
disk[446:512] = b"\0\x20\x21\0\x83\xfe\xff\xff" + struct.pack("<II", 2048, 8192) + bytes(48) + b"\x55\xaa"
put("want.raw", disk)
put("fixed.vhd", bytes(disk) + vhd_footer(2, len(disk), bytes(range(16))))
put("old.vhd", bytes(disk) + vhd_footer(2, len(disk), bytes(range(16)))[:511])
P
	for image in fixed.vhd old.vhd; do
		"$rehost" info --json $image | jq -e '.format == "vhd" and .size == 10485760' > /dev/null || fail "$row: $image"
		content $image want.raw
	done
}

row_03_containers_that_probe_as_raw() {
	make_files << 'P'
put("lone-sesparse.vmdk", struct.pack("<QQ", 0xcafebabe, 0x200000001) + bytes(8192))
put("x.asif", b"shdw" + struct.pack(">I", 1) + bytes(8192))
sector_file("bom-flat.vmdk", 8, 1)
put("bom.vmdk", b'\xef\xbb\xbf# Disk DescriptorFile\nversion=1\nCID=fffffffe\nparentCID=ffffffff\ncreateType="monolithicFlat"\n'
    b'RW 8 FLAT "bom-flat.vmdk" 0\n')
put("noise", bytes(range(256)) * 64)
P
	want 4 "a seSparse extent: it has no descriptor inside" "$rehost" info lone-sesparse.vmdk
	want 4 "is an ASIF image" "$rehost" info x.asif
	want 4 "is no disk image that we know.*raw must be asked for" "$rehost" info noise
	content bom.vmdk bom-flat.vmdk
}

row_04_rdonly_and_noaccess_extents() {
	make_files << 'P'
sector_file("a.vmdk", 8, 1)
sector_file("b.vmdk", 8, 2)
put("want.raw", pattern(4096, 1) + pattern(4096, 2))
head = b'# Disk DescriptorFile\nversion=1\nCID=fffffffe\nparentCID=ffffffff\ncreateType="custom"\n'
put("d.vmdk", head + b'RDONLY 8 FLAT "a.vmdk" 0\nRW 8 FLAT "b.vmdk" 0\n')
put("n.vmdk", head + b'NOACCESS 8 FLAT "a.vmdk" 0\nRW 8 FLAT "b.vmdk" 0\n')
put("zeros.raw", bytes(4096) + pattern(4096, 2))
P
	content d.vmdk want.raw
	want 4 "NOACCESS: the disk has a part that can't be read; --allow-truncated makes it zeros" "$rehost" info n.vmdk
	content n.vmdk zeros.raw --allow-truncated
	want 0 "8 sectors are NOACCESS: they read as zeros" "$rehost" info n.vmdk --allow-truncated
}

row_05_only_rdonly_zero_or_lower_case_extents() {
	make_files << 'P'
sector_file("flat.vmdk", 8, 1)
put("zeros.raw", bytes(4096))
head = b'# Disk DescriptorFile\nversion=1\nCID=fffffffe\nparentCID=ffffffff\ncreateType="monolithicFlat"\n'
put("rdonly.vmdk", head + b'RDONLY 8 FLAT "flat.vmdk" 0\n')
put("zero.vmdk", head + b'RW 8 ZERO\n')
put("lower.vmdk", head + b'rw 8 flat "flat.vmdk" 0\n')
put("none.vmdk", head)
put("odd.vmdk", head + b'RX 8 FLAT "flat.vmdk" 0\n')
P
	content rdonly.vmdk flat.vmdk
	content lower.vmdk flat.vmdk
	content zero.vmdk zeros.raw
	want 4 "the descriptor names no extent" "$rehost" info none.vmdk
	want 4 "line 6: 'RX 8 FLAT .* is neither a comment, key = value nor an extent" "$rehost" info odd.vmdk
}

row_06_flat_extent_cut_short() {
	make_files << 'P'
put("short-flat.vmdk", pattern(3000, 1))
put("short.vmdk", b'# Disk DescriptorFile\nversion=1\nCID=fffffffe\nparentCID=ffffffff\ncreateType="monolithicFlat"\n'
    b'RW 16 FLAT "short-flat.vmdk" 0\n')
put("want.raw", pattern(3000, 1) + bytes(8192 - 3000))
P
	want 4 "extent truncated: 16 sectors from sector 0 are stated, the file has 3000 bytes" "$rehost" info short.vmdk
	want 4 "extent truncated" "$rehost" copy -q short.vmdk got.raw -O raw
	content short.vmdk want.raw --allow-truncated
	want 0 "'short-flat.vmdk' is cut off: it ends at 0xbb8" "$rehost" map short.vmdk --allow-truncated
}

row_07_vmfs_extent_with_an_offset() {
	sample vmdk/vmdkrs/4.vmdk || return 77
	make_files << 'P'
sectors = [l.split()[1] for l in open("4.vmdk") if l.startswith("RW")][0]
sector_file("4-flat.vmdk", int(sectors), 9)
P
	content 4.vmdk 4-flat.vmdk
}

row_08_padding_behind_the_footer() {
	sample ova/cot/ubuntu.2.0-disk1.vmdk || return 77
	want 0 "8.0 GiB" "$rehost" info ubuntu.2.0-disk1.vmdk
	truncate -s 2M disk.raw
	printf data | dd of=disk.raw seek=100000 bs=1 conv=notrunc status=none
	qemu-img convert -O vmdk -o subformat=streamOptimized disk.raw stream.vmdk
	for padding in 512 1000 10240 60000; do
		cp stream.vmdk padded.vmdk && truncate -s +$padding padded.vmdk
		content padded.vmdk disk.raw
	done
}

row_09_truncated_stream_in_an_ova() {
	local ova=ttylinux-pc_i486-16.1.ova
	sample ova/govmomi/$ova || return 77
	want 4 "it is 1048576 bytes, the OVF says 10595840: truncated \(--allow-truncated reads what is there\)" \
		"$rehost" convert -q $ova -os out --no-convert
	want 0 "stream breaks off at .* after 35 grains, the rest of the disk reads as zeros" \
		"$rehost" convert $ova -os out --no-convert --allow-truncated
	# Alone, without an OVF that tells.
	sample ova/govmomi/ttylinux-pc_i486-16.1-disk1.vmdk
	want 4 "truncated: no footer at the end" "$rehost" info ttylinux-pc_i486-16.1-disk1.vmdk
	"$rehost" copy -q ttylinux-pc_i486-16.1-disk1.vmdk salvaged.raw -O raw --allow-truncated 2> said
	make_files << 'P'
import zlib
data = open("ttylinux-pc_i486-16.1-disk1.vmdk", "rb").read()
disk = bytearray(struct.unpack_from("<Q", data, 12)[0] * 512)
at, n = struct.unpack_from("<Q", data, 64)[0] * 512, 0
while at + 12 < len(data):
    lba, size = struct.unpack_from("<QI", data, at)
    if not size or at + 12 + size > len(data): break
    grain = zlib.decompress(data[at + 12:at + 12 + size])
    disk[lba * 512:lba * 512 + len(grain)] = grain
    at, n = at + -(-(12 + size) // 512) * 512, n + 1
assert n == 35 and any(disk)
put("want.raw", bytes(disk))
P
	cmp -s salvaged.raw want.raw || fail "$row: what was salvaged is not what the markers hold"
}

row_10_vhdx_log_in_memory() {
	sample vhdx/discutils/vhdx-log-replay.vhdx.gz || return 77
	chmod a-w vhdx-log-replay.vhdx
	cp vhdx-log-replay.vhdx replayed.vhdx && chmod u+w replayed.vhdx
	sha256sum vhdx-log-replay.vhdx > before
	"$rehost" copy -q vhdx-log-replay.vhdx ours.raw -O raw || fail "$row: copy"
	sha256sum --quiet -c before || fail "$row: the source was written"
	qemu-img check -q -r all replayed.vhdx > /dev/null 2>&1 || true
	"$rehost" compare ours.raw -f raw replayed.vhdx -F vhdx > /dev/null || fail "$row: not what qemu-img replays"
	[ "$(qemu-img convert -f vhdx -O raw replayed.vhdx theirs.raw && sha256sum < theirs.raw)" = "$(sha256sum < ours.raw)" ] ||
		fail "$row: not what qemu-img reads after its replay"
	rm -f ours.raw theirs.raw
}

row_11_differencing_vhdx() {
	make_differencing_vhdx
	want 4 "parent '.*base.vhdx' is missing" "$rehost" info child.avhdx
	mv hidden base.vhdx
	content child.avhdx want.raw
}

# A VHDX of qemu-img and a child of it, made by hand: block 0 partly present, block 1 the parent's, block 2 the child's.
make_differencing_vhdx() {
	truncate -s 6M base.raw
	make_files << 'P'
put("base.raw", pattern(6 << 20, 1))
P
	qemu-img convert -f raw -O vhdx -o block_size=1M,subformat=dynamic base.raw hidden
	qemu-img create -q -f vhdx -o block_size=1M,subformat=dynamic child.avhdx 6M
	make_files << 'P'
MIB = 1 << 20
def regions(image):
    found = {}
    for i in range(struct.unpack_from("<I", image, 0x30008)[0]):
        at = 0x30010 + 32 * i
        found[bytes(image[at:at + 16])] = struct.unpack_from("<QI", image, at + 16)
    return found
BAT = bytes.fromhex("6677c22d23f600429d64115e9bfd4a08")
METADATA = bytes.fromhex("06a27c8b90479a4bb8fe575f050f886e")
FILE_PARAMETERS = bytes.fromhex("3767a1ca36fa434db3b633f0aa44e76b")
LOCATOR = bytes.fromhex("2d5fd3a80bb34d45abf7d3d84834ab0c")
LOCATOR_TYPE = bytes.fromhex("b7ef4ab09ed1814ab78925b8e9445913")
base = open("hidden", "rb").read()
header = max((0x10000, 0x20000), key=lambda h: struct.unpack_from("<Q", base, h + 8)[0])
guid = base[header + 32:header + 48]
a, b, c = struct.unpack_from("<IHH", guid)
text = "{%08x-%04x-%04x-%s-%s}" % (a, b, c, guid[8:10].hex(), guid[10:].hex())
image = bytearray(open("child.avhdx", "rb").read())
areas = regions(image)
meta = areas[METADATA][0]
count, = struct.unpack_from("<H", image, meta + 10)
for i in range(count):
    at = meta + 32 + 32 * i
    if image[at:at + 16] == FILE_PARAMETERS:
        offset, = struct.unpack_from("<I", image, at + 16)
        struct.pack_into("<I", image, meta + offset + 4, 2)
pairs = [("parent_linkage", text), ("relative_path", ".\\base.vhdx"), ("absolute_win32_path", "C:\\vm\\base.vhdx")]
table, strings = b"", b""
start = 20 + 12 * len(pairs)
for key, value in pairs:
    k, v = key.encode("utf-16-le"), value.encode("utf-16-le")
    table += struct.pack("<IIHH", start + len(strings), start + len(strings) + len(k), len(k), len(v))
    strings += k + v
locator = LOCATOR_TYPE + struct.pack("<HH", 0, len(pairs)) + table + strings
at = meta + 32 + 32 * count
image[at:at + 32] = LOCATOR + struct.pack("<IIII", 0x18000, len(locator), 4, 0)
struct.pack_into("<H", image, meta + 10, count + 1)
image[meta + 0x18000:meta + 0x18000 + len(locator)] = locator
bat = areas[BAT][0]
end = -(-len(image) // MIB) * MIB
image += bytes(end - len(image)) + bytes(3 * MIB)
new = pattern(6 * MIB, 77)
want = bytearray(open("base.raw", "rb").read())
image[end:end + MIB] = new[:MIB]
image[end + MIB:end + 2 * MIB] = new[2 * MIB:3 * MIB]
for sector in list(range(3, 7)) + [100, 2047]:
    image[end + 2 * MIB + sector // 8] |= 1 << sector % 8
    want[sector * 512:sector * 512 + 512] = new[sector * 512:sector * 512 + 512]
want[2 * MIB:3 * MIB] = new[2 * MIB:3 * MIB]
for i in range(6): struct.pack_into("<Q", image, bat + 8 * i, 0)
struct.pack_into("<Q", image, bat, end | 7)
struct.pack_into("<Q", image, bat + 16, end + MIB | 6)
struct.pack_into("<Q", image, bat + 8 * 4096, end + 2 * MIB | 6)
put("child.avhdx", image)
put("want.raw", want)
P
}

row_12_vhdx_map_is_as_long_as_what_is_allocated() {
	qemu-img create -q -f vhdx -o block_size=1M big.vhdx 10G
	qemu-io -f vhdx -c 'write -P 7 5G 64k' big.vhdx > /dev/null
	"$rehost" map --json big.vhdx > map.json
	jq -e '[.[] | select(.kind == "data") | .length] | add <= 1048576' map.json > /dev/null || fail "$row: $(cat map.json)"
	jq -e '[.[] | .length] | add == 10737418240' map.json > /dev/null || fail "$row: $(cat map.json)"
	strace -f -e trace=pread64,read -o reads "$rehost" map big.vhdx > /dev/null 2>&1 || return 0
	[ "$(grep -c pread64 reads)" -lt 200 ] || fail "$row: $(grep -c pread64 reads) reads for a map of one block"
}

row_13_names_that_lead_outside() {
	mkdir -p inner
	make_files << 'P'
sector_file("secret", 8, 1)
def descriptor(name):
    return b'# Disk DescriptorFile\nversion=1\nCID=fffffffe\nparentCID=ffffffff\ncreateType="monolithicFlat"\nRW 8 FLAT "%s" 0\n' % name
put("inner/absolute.vmdk", descriptor(os.path.abspath("secret").encode()))
put("inner/up.vmdk", descriptor(b"../secret"))
P
	qemu-img create -q -f qcow2 -b "$work/secret" -F raw inner/backing.qcow2
	for image in inner/absolute.vmdk inner/up.vmdk inner/backing.qcow2; do
		want 4 "outside the image's folder, and no --allow-parent allows it" "$rehost" copy -q $image got.raw -O raw
		[ ! -e got.raw ] || fail "$row: $image: a copy was made"
		content $image secret --allow-parent .
	done
}

row_14_data_file_beside_the_image() {
	mkdir -p elsewhere images
	(cd images && qemu-img create -q -f qcow2 -o data_file=data.raw,data_file_raw=on x.qcow2 1M && qemu-io -c 'write -P 5 0 1M' x.qcow2 > /dev/null)
	printf '\1' > elsewhere/data.raw
	(cd elsewhere && "$rehost" copy -q ../images/x.qcow2 ../got.raw -O raw 2> ../said) || fail "$row: $(cat said)"
	cmp -s got.raw images/data.raw || fail "$row: not the data file's content"
	rm got.raw && mv images/data.raw data.raw
	(cd images && want 4 "data.raw" "$rehost" info x.qcow2)
}

row_15_create_types() {
	make_files << 'P'
sector_file("flat.vmdk", 8, 1)
def descriptor(name, kind, extent):
    put(name, b'# Disk DescriptorFile\nversion = 1\nCID = fffffffe\nparentCID = ffffffff\n' + kind + b'\n' + extent + b'\n')
descriptor("spaces.vmdk", b'createType = "monolithicFlat"', b'RW 8 FLAT "flat.vmdk" 0')
descriptor("custom.vmdk", b'createType="custom"', b'RW 8 FLAT "flat.vmdk" 0')
descriptor("full.vmdk", b'createType="fullDevice"', b'RW 8 FLAT "/dev/sda" 0')
descriptor("part.vmdk", b'createType="partitionedDevice"', b'RW 8 FLAT "/dev/sda" 0 partitionUUID /dev/sda')
descriptor("rdm.vmdk", b'createType="vmfsRawDeviceMap"', b'RW 8 VMFSRDM "flat.vmdk" 0')
P
	content spaces.vmdk flat.vmdk
	content custom.vmdk flat.vmdk
	for image in full.vmdk part.vmdk rdm.vmdk; do
		want 4 "its data is on a physical disk or LUN: convert that device itself" "$rehost" info $image
	done
}

row_16_65536_snapshots() {
	sample qcow2/cdi/invalid-qcow-large-json.img || return 77
	want 4 "65536 snapshots" "$rehost" info invalid-qcow-large-json.img
	[ "$(stat -c %s said)" -lt 1000 ] || fail "$row: $(stat -c %s said) bytes of text"
}

for row in $(declare -F | sed -n 's/^declare -f \(row_[0-9]*_.*\)/\1/p'); do
	mkdir "$row"
	got=0
	(cd "$row" && work=$PWD && "$row") || got=$?
	case $got in
		0) echo "ok    $row" ;;
		77) echo "skip  $row: no sample" && skipped=$((skipped + 1)) ;;
		*) exit 1 ;;
	esac
	rm -rf "$row"
done
echo "16 rows of the field study, $skipped skipped"

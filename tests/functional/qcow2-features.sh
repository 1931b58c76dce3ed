#!/bin/bash
# qcow2 with all it can have: what qemu-img and qemu-io make is read, what we make is clean and equal to them.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/common.sh
scratch
rehost=$PWD/rehost
cd "$work"

# 24 MiB and a bit with data at odd places and zeros written.
truncate -s $((24 * 1048576 + 512)) disk.raw
qemu-io -f raw -c 'write -P 1 0 512' -c 'write -P 2 3145728 1M' -c 'write -P 3 14000128 70000' -c 'write -z 9M 1M' \
	-c 'write -P 4 25165824 512' disk.raw > /dev/null

# ---- what we write
written() { # OPTIONS: copied with them, the image is clean and equal
	"$rehost" copy -q -f raw disk.raw written.qcow2 --force -o "$1" || fail "copy -o $1"
	qemu-img check -q written.qcow2 || fail "qemu-img check: $1"
	qemu-img compare -q -f raw -F qcow2 disk.raw written.qcow2 || fail "qemu-img compare: $1"
	"$rehost" compare -f raw disk.raw written.qcow2 > /dev/null || fail "compare: $1"
}
for options in cluster_size=4096 cluster_size=2M preallocation={off,metadata,falloc,full} extended_l2=on \
	extended_l2=on,cluster_size=128k,preallocation=metadata lazy_refcounts=off; do
	written "$options"
done
written extended_l2=on,preallocation=off
qemu-img info --output=json written.qcow2 | jq -e '."format-specific".data."extended-l2"' > /dev/null ||
	fail "extended L2 entries are not there"
written preallocation=full,cluster_size=1M
[ "$(stat -c %b written.qcow2)" -gt $((24 * 2048)) ] || fail "preallocation=full leaves holes"
qemu-img info --output=json written.qcow2 | jq -e '."cluster-size" == 1048576' > /dev/null || fail "cluster size"
says 2 "option 'size': format 'qcow2' takes only" "$rehost" copy -q -f raw disk.raw new.qcow2 -o size=1G
says 4 "compressed clusters can't be preallocated" \
	"$rehost" copy -q -f raw disk.raw new.qcow2 -c zlib -o preallocation=full
[ ! -e new.qcow2 ] || fail "a refused copy left a file"

# ---- what we read
read_back() { # IMAGE: the same for us and for qemu-img, and copied from it
	qemu-img convert -f qcow2 -O raw "$1" expected.raw
	"$rehost" compare "$1" -F raw expected.raw > /dev/null || fail "compare: $1"
	"$rehost" copy -q "$1" copied.qcow2 --force || fail "copy: $1"
	qemu-img compare -q -f qcow2 -F raw copied.qcow2 expected.raw || fail "qemu-img compare: the copy of $1"
	"$rehost" map "$1" > /dev/null || fail "map: $1"
}
for options in extended_l2=on data_file=data.1 data_file=data.2,data_file_raw=on data_file=data.3,extended_l2=on; do
	qemu-img create -q -f qcow2 -o "$options" made.qcow2 10M
	qemu-io -c 'write -P 1 0 3k' -c 'write -P 2 1M 1000k' -c 'write -z 65k 7k' -c 'write -z 1500k 300k' \
		made.qcow2 > /dev/null
	read_back made.qcow2
	if [ -e data.1 ]; then mv data.1 "$work/elsewhere"; fi
	[ ! -e elsewhere ] || says 4 "data file 'data.1': cannot open 'data.1'" "$rehost" map made.qcow2
	rm -f elsewhere
done
qemu-img create -q -f qcow2 -o extended_l2=on -b disk.raw -F raw overlay.qcow2
qemu-io -c 'write -P 7 3M 2k' -c 'write -z 14M 2k' overlay.qcow2 > /dev/null
read_back overlay.qcow2

# ---- snapshots inside
qemu-img create -q -f qcow2 states.qcow2 16M
qemu-io -c 'write -P 1 1M 2M' states.qcow2 > /dev/null
qemu-img snapshot -c 'clean install' states.qcow2
qemu-io -c 'write -P 2 2M 4M' states.qcow2 > /dev/null
qemu-img snapshot -c patched states.qcow2
qemu-io -c 'write -P 3 0 16M' states.qcow2 > /dev/null
for state in 'clean install' patched 2; do
	qemu-img convert -f qcow2 -O raw -l "$state" states.qcow2 state.raw
	"$rehost" compare --snapshot "$state" states.qcow2 -F raw state.raw > /dev/null || fail "compare --snapshot $state"
	"$rehost" copy -q --snapshot "$state" states.qcow2 state.qcow2 --force || fail "copy --snapshot $state"
	qemu-img compare -q -f raw -F qcow2 state.raw state.qcow2 || fail "qemu-img compare: --snapshot $state"
done
"$rehost" compare states.qcow2 --snapshot patched --second-snapshot 2 states.qcow2 > /dev/null || fail "two snapshots"
"$rehost" map --json --snapshot 1 states.qcow2 | jq -e '[.[] | select(.kind == "data") | .length] == [2097152]' \
	> /dev/null || fail "map --snapshot"
"$rehost" info --json states.qcow2 | jq -e '.chain[0] | .snapshots == 2 and [.snapshot_list[].name] ==
	["clean install", "patched"]' > /dev/null || fail "info: snapshots"
"$rehost" info states.qcow2 | grep -q '1 *clean install' || fail "info: snapshots as text"
says 2 "none of its 2 snapshots has the ID or name 'other'" "$rehost" map --snapshot other states.qcow2
says 2 "format 'raw' has no snapshots inside" "$rehost" map --snapshot 1 -f raw disk.raw
"$rehost" nbd --snapshot patched states.qcow2 -s nbd.sock > ready &
server=$!
for _ in $(seq 600); do [ -s ready ] && break; sleep 0.1; done
nbdcopy "$(cat ready)" nbd.raw || fail "nbdcopy"
kill $server
wait $server || fail "nbd ended with $?"
cmp nbd.raw state.raw || fail "nbd --snapshot"

# 65536 of them (field/formats.md section 0, row 16): a hundred are told, the rest counted.
python3 - << 'EOP'
import struct
snapshots = []
for i in range(65536):
    number = str(i).encode()
    entry = struct.pack(">QIHHIIQII", 0x10000, 1, len(number), 4, 0, 0, 0, 0, 16) + struct.pack(">QQ", 0, 1 << 20)
    entry += number + b"name"
    snapshots.append(entry + bytes(-len(entry) % 8))
head = struct.pack(">4sIQIIQIIQQIIQQQQII", b"QFI\xfb", 3, 0, 0, 16, 1 << 20, 0, 1, 0x10000, 0, 0, 65536, 0x20000, 0, 0, 0, 4, 104)
with open("many.qcow2", "wb") as f:
    f.write(head + bytes(0x20000 - len(head)) + b"".join(snapshots))
EOP
"$rehost" info --json many.qcow2 > many.json || fail "info of 65536 snapshots"
jq -e '.chain[0] | .snapshots == 65536 and (.snapshot_list | length) == 100' many.json > /dev/null || fail "100 of 65536"
[ "$(stat -c %s many.json)" -lt 30000 ] || fail "info of 65536 snapshots: $(stat -c %s many.json) bytes"
"$rehost" info many.qcow2 | grep -q 'and 65436 more' || fail "info of 65536 snapshots as text"

# ---- encryption; the passphrase comes from a file or a descriptor
printf 'open sesame' > secret
for format in luks,encrypt.iter-time=10 aes; do
	patiently qemu-img create -q --object secret,id=s,file=secret -f qcow2 -o "encrypt.key-secret=s,encrypt.format=$format" \
		locked.qcow2 4M
	opts=driver=qcow2,file.filename=locked.qcow2,encrypt.key-secret=s
	qemu-io --object secret,id=s,file=secret --image-opts -c 'write -P 1 1M 1M' -c 'write -P 2 3000k 5k' $opts > /dev/null
	qemu-img convert --object secret,id=s,file=secret --image-opts -O raw $opts open.raw
	"$rehost" compare --key all:file:secret locked.qcow2 -F raw open.raw > /dev/null || fail "compare: $format"
	"$rehost" copy -q --key all:fd:3 locked.qcow2 open.qcow2 --force 3< secret || fail "copy: $format"
	qemu-img compare -q -f raw -F qcow2 open.raw open.qcow2 || fail "qemu-img compare: the copy of $format"
	{ echo wrong-in-luks-only; cat secret; } | sed "$([[ $format == luks* ]] || echo 1d)" |
		"$rehost" compare --keys-from-stdin locked.qcow2 -F raw open.raw > /dev/null || fail "keys from standard input: $format"
	says 3 'the image is encrypted (.*--key all:file:FILE names its passphrase' "$rehost" copy -q locked.qcow2 no.qcow2
	"$rehost" map locked.qcow2 | grep -q '1048576 *1048576 *data' || fail "map needs no key: $format"
	"$rehost" info locked.qcow2 | grep -qi 'encryption: *[a-z]' || fail "info needs no key: $format"
done
patiently qemu-img create -q --object secret,id=s,file=secret -f qcow2 \
	-o encrypt.key-secret=s,encrypt.format=luks,encrypt.iter-time=10 locked.qcow2 4M
says 3 "the key given for it doesn't open it" "$rehost" copy -q --key locked.qcow2:key:wrong locked.qcow2 no.qcow2
[ ! -e no.qcow2 ] || fail "a copy without a key left a file"
# The older AES can't tell a wrong key: whoever gives one is told, and may give one only.
qemu-img create -q --object secret,id=s,file=secret -f qcow2 -o encrypt.key-secret=s,encrypt.format=aes old.qcow2 4M
"$rehost" copy -q --key all:file:secret old.qcow2 old.raw -O raw 2> said || fail "copy of AES: $(cat said)"
grep -q "^warning: qcow2 'old.qcow2' is encrypted (AES): its key can't be verified" said || fail "AES: no warning: $(cat said)"
says 2 "more than one key is given for it, and AES can't tell which" "$rehost" copy -q --key old.qcow2:file:secret \
	--key all:key:wrong old.qcow2 no.qcow2
[ ! -e no.qcow2 ] || fail "a copy with two keys left a file"

# A data file is looked up in the image's folder, wherever we are (qemu-img 7.2 looks in its current one).
mkdir folder
(cd folder && qemu-img create -q -f qcow2 -o data_file=beside.raw image.qcow2 1M &&
	qemu-io -c 'write -P 5 64k 64k' image.qcow2 > /dev/null && qemu-img convert -O raw image.qcow2 ../beside)
"$rehost" compare folder/image.qcow2 -F raw beside > /dev/null || fail "a data file in the image's folder"

echo "qcow2: qemu-img agrees with what is read and written"

#!/bin/bash
# A machine without a network: rehost-p2v writes images of its disks and the inventory to a folder, which rehost convert
# takes. Cut off and gone on with, cancelled by a full target, refused where it would destroy something.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/common.sh
. tests/lib/machine-tree.sh
command -v python3 > /dev/null || skip "python3 is missing"
build=${BUILD:-build}
make -s "$build/rehost-p2v"
home=$PWD agent=$PWD/$build/rehost-p2v rehost=$PWD/rehost
scratch
cd "$work"

machine_begin "$work/machine"
machine_disk sda 8:0 256 'E:ID_BUS=ata\nE:ID_SERIAL_SHORT=S1\nE:ID_PART_TABLE_TYPE=dos\n'
machine_disk sdb 8:16 32 'E:ID_BUS=ata\nE:ID_SERIAL_SHORT=S2\n'
machine_disk sdc 8:32 4 'E:ID_BUS=usb\nE:ID_FS_LABEL=REHOST_P2V\n'
machine_disk sdd 8:48 64 'E:ID_BUS=usb\nE:ID_SERIAL_SHORT=U1\nE:ID_FS_TYPE=vfat\n'
machine_nic eno1 1 52:54:00:aa:00:01 link
for at in 1 40 100 200; do dd if=/dev/urandom of=machine/dev/sda bs=1M seek=$at count=12 conv=notrunc status=none; done
dd if=/dev/urandom of=machine/dev/sdb bs=1M seek=2 count=4 conv=notrunc status=none
sha256sum machine/dev/sd? > before

save() { # of $disks (sda and sdb) as web01 to $to (usb), with $more words
	"$agent" --to "${to:-$work/usb}" --root "$work/machine" --words "rehost.name=web01 rehost.disks=${disks:-sda,sdb} ${more:-}" > said 2>&1
}

# ---- whole ----
save || fail "$(cat said)"
grep -q "Written: $work/usb/web01" said || fail "$(cat said)"
[ "$(cd usb/web01 && echo *)" = 'disk1.qcow2 disk2.qcow2 machine.json' ] || fail "the folder has $(ls -A usb/web01)"
[ "$(ls -A usb)" = web01 ] || fail "left beside: $(ls -A usb)"
sha256sum -c --quiet before || fail "a disk was written to"
[ "$(stat -c %b usb/web01/disk1.qcow2)" -lt $((60 << 11)) ] || fail "zeros take room: $(du -h usb/web01/*)"
"$rehost" convert -q --no-convert -of raw -os out usb/web01 > convert.log 2>&1 || fail "$(cat convert.log)"
cmp machine/dev/sda out/web01/web01-sda.raw || fail "sda differs"
cmp machine/dev/sdb out/web01/web01-sdb.raw || fail "sdb differs"
grep -q '52:54:00:aa:00:01' out/web01/web01.xml || fail "no card: $(cat out/web01/web01.xml)"

# ---- nothing is replaced; another name is another folder ----
says_it() { # STATUS WORDS COMMAND…
	local want=$1 words=$2 got=0
	shift 2
	"$@" || got=$?
	[ $got = "$want" ] || fail "exit status $got, expected $want: $(cat said)"
	grep -q -- "$words" said || fail "expected '$words': $(cat said)"
}
says_it 3 "rehost.name=web01: target .* exists already" save
to=sdd says_it 2 "is a disk: only the live ISO mounts one" save
to=/dev/sdb says_it 2 "rehost.disks: images can't go to 'sdb', which is to be imaged" save
to=sdx says_it 2 "there is no disk or partition 'sdx'" save
to=/dev/sdc says_it 2 "only the live ISO mounts one" save
rm -rf usb

# ---- killed in the middle, then gone on with ----
cat > slow.c << 'C'
/* The copy's reads take a while, so that a kill comes in the middle. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <time.h>
#include <unistd.h>
ssize_t pread64(int fd, void *buf, size_t len, off64_t off)
{
	ssize_t (*real)(int, void *, size_t, off64_t) = dlsym(RTLD_NEXT, "pread64");

	if (len > 256 << 10)
		nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL);
	return real(fd, buf, len, off);
}
C
cc -shared -fPIC -o slow.so slow.c
begin_slowly() { # until some of it is journalled
	LD_PRELOAD=$work/slow.so "$agent" --to "$work/usb" --root "$work/machine" \
		--words "rehost.name=web01 rehost.disks=sda,sdb ${more:-}" > said 2>&1 &
	agent_pid=$!
	until [ "$(grep -c '"off"' usb/.web01.partial/journal.ndjson 2> /dev/null)" -gt 0 ] 2> /dev/null; do
		kill -0 $agent_pid 2> /dev/null || fail "it ended: $(cat said)"
		sleep 0.05
	done
}
begin_slowly
kill -9 $agent_pid
wait $agent_pid 2> /dev/null || true
[ ! -e usb/web01 ] || fail "half of it has the final name"
cp -a usb cut
save || fail "$(cat said)"
grep -q 'An earlier run was not finished' said || fail "$(cat said)"
rm -rf out
"$rehost" convert -q --no-convert -of raw -os out usb/web01 > convert.log 2>&1 || fail "$(cat convert.log)"
cmp machine/dev/sda out/web01/web01-sda.raw || fail "sda differs after a kill"
cmp machine/dev/sdb out/web01/web01-sdb.raw || fail "sdb differs after a kill"
# what was left is of a disk that has changed since
rm -rf usb
mv cut usb
dd if=/dev/urandom of=machine/dev/sda bs=64K count=1 conv=notrunc status=none
save || fail "$(cat said)"
grep -q 'of other disks: it is begun anew' said || fail "$(cat said)"
rm -rf out usb.json
"$rehost" convert -q --no-convert -of raw -os out usb/web01 > convert.log 2>&1 || fail "$(cat convert.log)"
cmp machine/dev/sda out/web01/web01-sda.raw || fail "sda differs after it was begun anew"

# ---- or changed where no sample sees it, as a system does that runs from an encrypted disk ----
rm -rf usb out
begin_slowly
kill -9 $agent_pid
wait $agent_pid 2> /dev/null || true
grep -q '"disk":0,"off":2097152,' usb/.web01.partial/journal.ndjson || fail "$(cat usb/.web01.partial/journal.ndjson)"
dd if=/dev/urandom of=machine/dev/sda bs=512 seek=6789 count=1 conv=notrunc status=none
save || fail "$(cat said)"
grep -q 'The disks have changed since what was left there: it is begun anew' said || fail "$(cat said)"
"$rehost" convert -q --no-convert -of raw -os out usb/web01 > convert.log 2>&1 || fail "$(cat convert.log)"
cmp machine/dev/sda out/web01/web01-sda.raw || fail "two moments of sda are mixed"

# ---- or the journal is of these disks, but the target has lost what it vouches for ----
rm -rf usb out
begin_slowly
kill -9 $agent_pid
wait $agent_pid 2> /dev/null || true
sed -i 's/"note":"q2 16 /"note":"q2 16 p1/' usb/.web01.partial/journal.ndjson
save || fail "$(cat said)"
grep -q 'is damaged: it is begun anew' said || fail "$(cat said)"
"$rehost" convert -q --no-convert -of raw -os out usb/web01 > convert.log 2>&1 || fail "$(cat convert.log)"
cmp machine/dev/sda out/web01/web01-sda.raw || fail "sda differs after a journal that was of no use"
cmp machine/dev/sdb out/web01/web01-sdb.raw || fail "sdb differs after a journal that was of no use"

# ---- a disk that drops off its bus is none with bad sectors: no zeros are written, and it goes on when it is back ----
rm -rf usb out
cp --sparse=always machine/dev/sda kept
more=rehost.on-read-error=zero begin_slowly
truncate -s 0 machine/dev/sda
got=0
wait $agent_pid || got=$?
[ $got = 75 ] || fail "exit status $got, expected 75: $(cat said)"
grep -q "the disk 'sda' is gone" said || fail "$(cat said)"
! grep -q "can't be read" said || fail "bad sectors of a disk that is gone: $(cat said)"
[ -d usb/.web01.partial ] || fail "nothing was kept"
[ ! -e usb/web01 ] || fail "half of it was published"
cat kept > machine/dev/sda
more=rehost.on-read-error=zero save || fail "$(cat said)"
grep -q 'An earlier run was not finished' said || fail "$(cat said)"
"$rehost" convert -q --no-convert -of raw -os out usb/web01 > convert.log 2>&1 || fail "$(cat convert.log)"
cmp kept out/web01/web01-sda.raw || fail "sda differs after it was gone for a while"

# ---- bad sectors are zeros if that is asked for, and who converts the images is told ----
cc -O1 -D_GNU_SOURCE -shared -fPIC -o bad_sectors.so "$home/tests/support/bad_sectors.c"
rm -rf usb out
export BAD_INODE BAD_RANGES=$(((3 << 20) + 512))+1024,$((4 << 20))+512
BAD_INODE=$(stat -c %i machine/dev/sdb)
LD_PRELOAD=$work/bad_sectors.so more=rehost.on-read-error=zero disks=sdb save || fail "$(cat said)"
"$rehost" convert -q --no-convert -of raw -os out usb/web01 > convert.log 2>&1 || fail "$(cat convert.log)"
grep -q 'disk 1: 1536 bytes in 2 places could not be read at the machine and are zeros, the first at 0x300200' out/web01/report.txt ||
	fail "no note: $(cat out/web01/report.txt usb/web01/machine.json)"

# ---- an inventory names what it may ----
sed 's/"qcow2"/"vmdk"/' usb/web01/machine.json > changed && mv changed usb/web01/machine.json
"$rehost" convert -q --no-convert -os out usb/web01 > said 2>&1 && fail "a format that isn't there"
grep -q "its format is 'vmdk': raw or qcow2 is expected" said || fail "$(cat said)"

# ---- too little room: refused before, or tried as far as it goes ----
if [ "$(id -u)" = 0 ] && mkdir small && mount -t tmpfs -o size=20M none small 2> /dev/null; then
	trap 'umount "$work/small"; rm -rf "$work"' EXIT
	to=$work/small says_it 75 'the target has room for' save
	more=rehost.tight to=$work/small says_it 75 "No space left on device" save
	[ -d small/.web01.partial ] || fail "nothing was kept"
	[ ! -e small/web01 ] || fail "half of it has the final name"
	more=rehost.tight to=$work/small disks=sdb says_it 0 'Written' save
fi
echo "images and inventory in a folder: written, gone on with after a kill, begun anew for other disks, converted"

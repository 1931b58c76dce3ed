#!/bin/bash
# A batch of twelve machines with -j 2: real guests that are converted and booted, and broken ones of the kinds that hurt in practice. Each
# has the right end; then the same job is killed KILLS times (10), the runner or a unit, at random moments, and resumed: same ends, same
# content, nothing done twice, nothing left. LONGEST: seconds between kills at most (40).
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/common.sh
. tests/lib/batch.sh
need_root
for tool in mkntfs ntfscp guestfish; do
	command -v $tool > /dev/null || skip "no $tool"
done
# Processes of other conversions on this machine are not ours to count.
if [ -z "${REHOST_OWN_PIDS:-}" ] && unshare -p -f --mount-proc true 2> /dev/null; then
	REHOST_OWN_PIDS=1 exec unshare -p -f --mount-proc --kill-child tests/batch/batch.sh
fi
scratch
rehost=$PWD/rehost
kills=${KILLS:-10} longest=${LONGEST:-40}
for guest in web01 app02; do samples/build --out build/samples $guest > "$work/build" || fail "$guest: $(tail -n 5 "$work/build")"; done
ova=$PWD/build/samples/web01.ova uefi=$PWD/build/samples/app02.ova
source_sum=$(cat "$ova" "$uefi" | sha256sum)
make_image=$PWD/tests/windows/make-image
cd "$work"

# ---- the broken ones ----

# A data disk: nothing on it that could boot.
truncate -s 64M data.raw
printf 'label: dos\nstart=2048,type=83\n' | sfdisk -q data.raw
mkdir tree && head -c 20000000 /dev/urandom > tree/data
mkfs.ext4 -q -F -E offset=1048576 -d tree data.raw 60M

# Its loader gives up.
cp --sparse=always data.raw noboot.raw
printf '\xfc\x31\xc0\x8e\xd8\xbe\x16\x7c\xba\xf8\x03\xac\x84\xc0\x74\x03\xee\xeb\xf8\xf4\xeb\xfdMissing operating system\r\n\0' |
	dd of=noboot.raw conv=notrunc status=none

head -c $(($(stat -c %s "$ova") * 2 / 3)) "$ova" > cut.ova

# One byte of its disk isn't what its manifest says.
cp "$ova" damaged.ova
printf X | dd of=damaged.ova bs=1 seek=$(($(stat -c %s "$ova") / 2)) conv=notrunc status=none

qemu-img create -u -q -f qcow2 -b "$work/gone.qcow2" -F qcow2 snapshot.qcow2 1G

# Another program holds it.
mkdir vm && qemu-img convert -f raw -O vmdk data.raw vm/held.vmdk && mkdir vm/held.vmdk.lck && echo host > vm/held.vmdk.lck/M12345.lck
cat > vm/held.vmx << 'V'
config.version = "8"
virtualHW.version = "14"
displayName = "held"
memsize = "512"
sata0.present = "TRUE"
sata0:0.present = "TRUE"
sata0:0.fileName = "held.vmdk"
V

# Windows that only sleeps.
"$make_image" 2012r2 windows.img > windows.log 2>&1 || fail "no phony Windows: $(tail -n 3 windows.log)"
start=$(sfdisk --json windows.img | jq '.partitiontable.partitions[-1].start')
size=$(sfdisk --json windows.img | jq '.partitiontable.partitions[-1].size')
dd if=windows.img of=volume bs=512 skip="$start" count="$size" status=none
{ printf hibr; head -c 65532 /dev/zero; } > hiberfil.sys
ntfscp -f volume hiberfil.sys /hiberfil.sys > /dev/null
dd if=volume of=windows.img bs=512 seek="$start" conv=notrunc,sparse status=none
rm volume

# ---- the job ----

# what_job JOB
what_job() {
	new_job "$1"
	unit "$1" web01 ".source = \"$ova\" | .arguments = [] | .proof = \"login\" | .resources.memory_mib = 3072"
	unit "$1" app02 ".source = \"$uefi\" | .arguments = [] | .proof = \"kernel\" | .resources.memory_mib = 3072"
	unit "$1" web02 ".source = \"$ova\" | .arguments = [\"--compress\", \"zstd\"] | .resources.memory_mib = 2048"
	unit "$1" data ".source = \"$work/data.raw\" | .arguments = [\"--no-convert\", \"--bwlimit\", \"2M\"]"
	unit "$1" noboot ".source = \"$work/noboot.raw\" | .proof = \"login\""
	unit "$1" nosystem ".source = \"$work/data.raw\" | .arguments = [] | .resources.memory_mib = 2048"
	unit "$1" asleep ".source = \"$work/windows.img\" | .arguments = [\"-if\", \"raw\"] | .resources.memory_mib = 2048"
	unit "$1" cut ".source = \"$work/cut.ova\""
	unit "$1" damaged ".source = \"$work/damaged.ova\""
	unit "$1" snapshot ".source = \"$work/snapshot.qcow2\""
	unit "$1" held ".source = \"$work/vm/held.vmx\""
	unit "$1" refused ".source = \"$work/data.raw\" | .blocked = {finding: null, text: \"the operator said no\"}"
	seal_job "$1"
}
cat > expected << 'X'
app02 done 0
asleep blocked 3
cut blocked 4
damaged blocked 4
data done 0
held blocked 3
noboot failed 7
nosystem blocked 3
refused blocked 3
snapshot blocked 4
web01 done 0
web02 done 0
X

# files_of IMAGE: every file of web01's root with its SHA-256; the file system's own headers hold times.
files_of() {
	qemu-img convert -f qcow2 -O raw "$1" image.raw
	mkdir files.d
	debugfs -R "rdump / $work/files.d" 'image.raw?offset=1048576' > debugfs.log 2>&1
	(cd files.d && find . -type f -exec sha256sum {} + | sort -k 2) > files
	[ "$(wc -l < files)" -gt 5000 ] || fail "$1: only $(wc -l < files) files: $(tail -n 3 debugfs.log)"
	sha256sum < files
	rm -rf files.d image.raw
}
contents_of() { # JOB
	local name
	for name in web01 web02; do echo "$name $(files_of "$1/out/$name/$name-sda.qcow2")"; done
	qemu-img convert -f qcow2 -O raw "$1/out/data/data-sda.qcow2" image.raw
	echo "data $(sha256sum < image.raw)"
	rm image.raw
}

echo "undisturbed"
what_job undisturbed
began=$SECONDS
says 9 "4 of 12 machines are done, 1 failed, 7 blocked, 0 waiting" "$rehost" batch run "$work/undisturbed" -j 2
echo "$((SECONDS - began)) s"
diff expected <(states undisturbed) || fail "not the right ends: $(cat log)"
no_leftovers undisturbed
[ "$(jq -r .finding undisturbed/state/000006/blocked.json)" = B-WINDOWS-HIBERNATED ] || fail "finding: $(cat undisturbed/state/000006/blocked.json)"
[ "$(jq -r .proof.level undisturbed/state/000000/done.json)" = login ] || fail "proof: $(jq .proof undisturbed/state/000000/done.json)"
[ -s "undisturbed/$(jq -r '.proof.screenshots[-1]' undisturbed/state/000000/done.json)" ] || fail "no screenshot"
"$rehost" batch report undisturbed || fail "report"
xmllint --noout undisturbed/junit.xml || fail "junit.xml"
contents_of undisturbed > undisturbed.sums
rm -r undisturbed/out

# ---- kills ----

helpers() { pgrep -f '^rehost io --control|qemu-system' | sort || :; }
no_helpers() { # WHEN
	local end=$((SECONDS + 5))
	while [ -n "$(helpers)" ]; do
		[ $SECONDS -lt $end ] || fail "$1: after 5 s there still run: $(helpers | xargs ps -f -p)"
		sleep 0.2
	done
}
random_up_to() { awk -v max="$1" -v seed="$RANDOM$RANDOM" 'BEGIN { srand(seed); printf "%.2f", rand() * max }'; }
remember_done() { # and what is done stays so
	local f
	for f in killed/state/*/{done,failed,blocked}.json killed/out/*/report.json; do
		[ -e "$f" ] || continue
		grep -qF " $f" seen || sha256sum "$f" >> seen
	done
	[ ! -s seen ] || sha256sum --quiet -c seen || fail "done twice"
}
: > seen
what_job killed
done_kills=0
for ((k = 0; k < kills; k++)); do
	"$rehost" batch resume "$work/killed" -j 2 --pause 2 2> log &
	runner=$!
	moment=$(random_up_to "$longest")
	sleep "$moment"
	victim=$runner
	[ $((k % 2)) = 0 ] || victim=$(pgrep -P $runner | shuf -n 1 || :)
	echo "kill of the $([ "$victim" = $runner ] && echo runner || echo "unit ${victim:-(none runs)}") after $moment s"
	if [ -n "$victim" ] && kill -9 "$victim" 2> /dev/null; then done_kills=$((done_kills + 1)); fi
	sleep 1
	kill -9 $runner 2> /dev/null || :
	{ wait $runner || :; } 2> /dev/null
	no_workers "$work/killed" "kill $k"
	no_helpers "kill $k"
	remember_done
done
[ $done_kills -gt $((kills / 2)) ] || fail "only $done_kills of $kills kills met a process"
says 9 "4 of 12 machines are done, 1 failed, 7 blocked, 0 waiting" "$rehost" batch resume "$work/killed" -j 2
remember_done
diff expected <(states killed) || fail "other ends than undisturbed: $(cat log)"
no_leftovers killed
contents_of killed | diff undisturbed.sums - || fail "other content than undisturbed"
[ "$(cat "$ova" "$uefi" | sha256sum)" = "$source_sum" ] || fail "a source changed"
# Folders of sockets: of those who were killed, the next run removes what is a minute old.
sleep 61
"$rehost" convert data.raw --no-convert -os last -q || fail "a conversion after all"
while read -r left; do
	! flock -n "$left" true || fail "left of a kill: $left"
done < <(find /tmp "${XDG_RUNTIME_DIR:-/tmp}" -maxdepth 1 -name 'rehost-??????' -newer expected -not -newermt '-61 seconds')
echo "12 machines, $done_kills kills, the same ends and content, nothing twice, nothing left"

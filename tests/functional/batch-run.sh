#!/bin/bash
# A batch on one host: twelve machines, good ones and broken ones, each with the right end; kills of the runner and of units at random
# moments, then a resume: the same results, nothing done twice, nothing left. Its page is walked through in Chromium, where that is.
# KILLS: how many (6).
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/common.sh
. tests/lib/batch.sh
scratch
top=$PWD
rehost=$top/rehost
kills=${KILLS:-6}
cd "$work"

# ---- machines ----

# disk FILE KIB-OF-DATA: with a partition table, so that it is known as a disk.
disk() {
	head -c $((1 << 20)) /dev/zero > "$1"
	head -c $(($2 * 1024)) /dev/urandom >> "$1"
	truncate -s $((((($2 + 1023) / 1024) + 8) * 1048576)) "$1"
	printf 'label: dos\nstart=2048,type=83\n' | sfdisk -q "$1"
}
# loader FILE TEXT: a disk whose first sector writes that to the serial port and halts.
loader() {
	disk "$1" 64
	printf '\xfc\x31\xc0\x8e\xd8\xbe\x16\x7c\xba\xf8\x03\xac\x84\xc0\x74\x03\xee\xeb\xf8\xf4\xeb\xfd%b\0' "$2" | dd of="$1" conv=notrunc status=none
}
disk plain.raw 700
qemu-img convert -f raw -O qcow2 plain.raw plain.qcow2
qemu-img convert -f raw -O vmdk -o subformat=streamOptimized plain.raw plain.vmdk
loader speaks.raw 'web login: \r\n'
loader silent.raw 'Missing operating system\r\n'
head -c 200000 plain.vmdk > cut.vmdk
head -c 65536 /dev/urandom > noise.img
qemu-img create -u -q -f qcow2 -b "$work/gone.qcow2" -F qcow2 orphan.qcow2 16M

new_job job
unit job good-raw ".source = \"$work/plain.raw\""
unit job good-qcow2 ".source = \"$work/plain.qcow2\""
unit job two-disks ".source = \"$work/plain.raw\" | .further_sources = [\"$work/plain.vmdk\"]"
unit job boots ".source = \"$work/speaks.raw\" | .proof = \"login\""
unit job no-system ".source = \"$work/silent.raw\" | .proof = \"login\""
unit job cut ".source = \"$work/cut.vmdk\""
unit job missing ".source = \"$work/missing.ova\""
unit job noise ".source = \"$work/noise.img\""
unit job orphan ".source = \"$work/orphan.qcow2\""
unit job taken ".source = \"$work/plain.raw\""
unit job odd-option ".source = \"$work/plain.raw\" | .arguments = [\"--no-such-option\"]"
unit job planned-out ".source = \"$work/plain.raw\" | .blocked = {finding: \"B-NTFS-DIRTY\", text: \"its NTFS is not clean\"}"
seal_job job
mkdir -p job/out/taken
echo "somebody's" > job/out/taken/file

cat > expected <<'X'
boots done 0
cut blocked 4
good-qcow2 done 0
good-raw done 0
missing blocked 4
no-system failed 7
noise blocked 4
odd-option blocked 2
orphan blocked 4
planned-out blocked 3
taken blocked 3
two-disks done 0
X

echo "twelve machines, and a page that follows"
(for _ in {1..600}; do
	! grep -qs 'data-running="true"' job/report.html || exit 0
	sleep 0.1
done; exit 1) &
page=$!
says 9 "4 of 12 machines are done, 1 failed, 7 blocked, 0 waiting" "$rehost" batch run "$work/job" -j 2 --pause 1
wait $page || fail "no page of a job that runs"
grep -q 'data-running="false"' job/report.html || fail "the page says that the job still runs"
[ "$(grep -c '<tbody id=' job/report.html)" = 12 ] || fail "not all machines are in the page"
diff expected <(states job) || fail "not the right ends: $(cat log)"
no_leftovers job
[ "$(cat job/out/taken/file)" = "somebody's" ] || fail "a folder in the way was changed"
[ "$(find job/out -mindepth 1 -maxdepth 1 | wc -l)" = 5 ] || fail "out/ holds $(ls job/out)"
grep -q "source file=\"$work/job/out/two-disks/two-disks-sdb.qcow2\"" job/out/two-disks/two-disks.xml || fail "the domain names another place"
[ "$(jq -r .finding job/state/000011/blocked.json)" = B-NTFS-DIRTY ] || fail "the plan's finding is lost"
[ "$(jq -r '.proof | "\(.wanted) \(.level)"' job/state/000003/done.json)" = "login login" ] || fail "proof: $(jq .proof job/state/000003/done.json)"
[ -s "job/$(jq -r '.proof.screenshots[0]' job/state/000003/done.json)" ] || fail "no screenshot: $(jq .proof job/state/000003/done.json)"
[ "$(jq -r '.proof.failure' job/state/000004/failed.json)" = "serial console: 'Missing operating system'" ] || fail "proof: $(jq .proof job/state/000004/failed.json)"
[ "$(find job/state/000004 -name 'attempt-*' | wc -l)" = 2 ] || fail "one retry was allowed: $(ls job/state/000004)"
[ -d job/state/000004/work/no-system ] || fail "what didn't boot was thrown away"
! grep -q '"copying"' job/state/000004/attempt-1/events.ndjson || fail "converted twice for the sake of a proof"

echo "status, report, nothing left to do"
"$rehost" batch status job --json > status.json 2> log && fail "status 0 of a job that isn't done"
[ "$(jq -c .counts status.json)" = '{"done":4,"failed":1,"blocked":7,"running":0,"waiting":0}' ] || fail "counts: $(jq -c .counts status.json)"
touch -d '1 hour ago' job/.0123456789abcdef.new
touch job/.fedcba9876543210.new
"$rehost" batch report job > /dev/null || fail "report"
[ "$(find job -name '*.new')" = job/.fedcba9876543210.new ] || fail "what another writer left: $(find job -name '*.new')"
rm job/.fedcba9876543210.new
[ "$(jq '.machines | length' job/report.json)" = 12 ] || fail "report.json: $(jq -c .counts job/report.json)"
xmllint --noout job/junit.xml || fail "junit.xml"
if command -v chromedriver > /dev/null; then
	python3 "$top/tests/batch/browser.py" --walk job || fail "the page in a browser"
fi
find job -type f -name '*.json' -path '*/state/*' -exec sha256sum {} + | sort > before
sed -i 's/data-running="false"/data-running="true"/' job/report.html # as a run leaves it that was killed
says 9 "4 of 12" "$rehost" batch resume job -j 2
grep -q 'data-running="false"' job/report.html || fail "nothing was left to do, and the page says that the job still runs"
find job -type f -name '*.json' -path '*/state/*' -exec sha256sum {} + | sort | diff before - || fail "a resume changed what was over"
says 0 "already done" "$rehost" batch unit --job job --index 0
says 4 "missing: already blocked: " "$rehost" batch unit --job job --index 6

echo "what failed and what was blocked, once more"
mv silent.raw away.raw
says 9 "4 of 12 machines are done, 0 failed, 8 blocked" "$rehost" batch resume job --failed --pause 1
[ -d job/state/000004/work/no-system ] || fail "a result is given up, though there is no source to convert in its place"
mv away.raw silent.raw
loader silent.raw 'web login: \r\n'
cp plain.qcow2 gone.qcow2
mv plain.vmdk cut.vmdk
rm -r job/out/taken
says 9 "9 of 12 machines are done, 0 failed, 3 blocked" "$rehost" batch resume job --failed --blocked --pause 1
states job | grep -E '(cut|orphan|taken|planned-out|no-system) ' > ends # the last one is converted anew: its source may have changed, and has
[ "$(grep -c 'done 0' ends)" = 5 ] || fail "$(cat ends)"

# ---- a kill between the rename and the outcome ----

echo "published, but not said so"
for i in 0 1; do
	state=job/state/00000$i
	name=$(jq -r .name $state/done.json)
	cp $state/done.json "$work/done-$i.json"
	mv $state/done.json "$state/attempt-$(jq .attempt $state/done.json)/publish.json"
	inode[i]=$(stat -c %i "job/out/$name/$name-sda.qcow2")
done
mkdir job/state/000001/work && mv job/out/good-qcow2 job/state/000001/work/
for i in 0 1; do
	name=$(jq -r .name "$work/done-$i.json")
	"$rehost" batch unit --job job --index $i > log 2>&1 || fail "unit $i: $(cat log)"
	cmp "$work/done-$i.json" job/state/00000$i/done.json || fail "unit $i: another outcome"
	[ "$(stat -c %i "job/out/$name/$name-sda.qcow2")" = "${inode[i]}" ] || fail "unit $i was converted again"
done
no_leftovers job
# A result that isn't the unit's own is left alone.
mv job/state/000000/done.json .
says 3 "'out/good-raw' exists already and isn't this unit's" "$rehost" batch unit --job job --index 0

# ---- kills and refusals ----

# big_job JOB [OPTION…]: four of 24 MiB.
big_job() {
	local i
	new_job "$1"
	for i in 0 1 2 3; do unit "$1" "big$i" ".source = \"$work/big$i.raw\" | .arguments = ([\"--no-convert\"] + \$ARGS.positional)" "${@:2}"; done
	seal_job "$1"
}
for i in 0 1 2 3; do disk "big$i.raw" 24576; done
slow=(--bwlimit 8M) # three seconds each: there is time to be killed in
big_job reference
big_job killed "${slow[@]}"
echo "undisturbed run"
"$rehost" batch run "$work/reference" -j 2 -q || fail "the reference: $("$rehost" batch status reference)"
contents reference > reference.sums
[ "$(wc -l < reference.sums)" = 4 ] || fail "reference: $(cat reference.sums)"

random_up_to() { awk -v max="$1" -v seed="$RANDOM$RANDOM" 'BEGIN { srand(seed); printf "%.2f", rand() * max }'; }
seen_done() { # what is done stays so: not a byte of an outcome or a report changes
	local f
	for f in killed/state/*/done.json killed/out/*/report.json; do
		[ -e "$f" ] || continue
		grep -qF " $f" seen 2> /dev/null || sha256sum "$f" >> seen
	done
	[ ! -s seen ] || sha256sum --quiet -c seen || fail "done twice"
}
: > seen
for ((k = 0; k < kills; k++)); do
	"$rehost" batch resume "$work/killed" -j 2 --pause 1 2> log &
	runner=$!
	sleep "$(random_up_to 3)"
	if [ $((k % 2)) = 0 ]; then
		echo "kill of the runner"
		kill -9 $runner 2> /dev/null || :
	else
		unit=$(pgrep -P $runner | shuf -n 1 || :)
		echo "kill of unit process ${unit:-(none)}"
		[ -z "$unit" ] || kill -9 "$unit" 2> /dev/null || :
		sleep 0.3
		kill -TERM $runner 2> /dev/null || :
	fi
	status=0
	wait $runner 2> /dev/null || status=$?
	[[ $status = @(0|137|143) ]] || fail "the runner ended with $status: $(cat log)"
	no_workers "$work/killed" "kill $k"
	seen_done
done
"$rehost" batch resume "$work/killed" -j 2 --pause 1 -q || fail "the last resume: $("$rehost" batch status killed)"
seen_done
no_leftovers killed
contents killed > killed.sums
diff reference.sums killed.sums || fail "other contents than undisturbed"

# ---- refused, and nothing lost ----

# Killed amid its copy, then the source is out of reach; then somebody else makes a folder of the result's name.
echo "blocked with work behind it"
new_job lost
unit lost big0 ".source = \"$work/big0.raw\" | .arguments = \$ARGS.positional" --no-convert "${slow[@]}"
seal_job lost
state=lost/state/000000
"$rehost" batch unit --job lost --index 0 2> log &
unit=$!
until [ -s $state/work/.big0.partial/big0-sda.qcow2 ]; do sleep 0.05; done
sleep 0.5
kill -9 $unit
{ wait $unit || :; } 2> /dev/null
no_workers "$work/lost" "a kill"
mv big0.raw away.raw
says 4 "big0: blocked: " "$rehost" batch unit --job lost --index 0
[ -s $state/work/.big0.partial/big0-sda.qcow2 ] || fail "a source out of reach costs what was copied"
mv away.raw big0.raw
"$rehost" batch resume lost --blocked 2> log &
runner=$!
until [ -s $state/attempt-2/events.ndjson ]; do sleep 0.05; done
mkdir -p lost/out/big0 && touch lost/out/big0/somebodys
wait $runner && fail "published into somebody's folder"
[ "$(states lost)" = "big0 blocked 3" ] || fail "$(states lost)"
[ -e $state/work/big0/big0.xml ] || fail "a folder in the way costs the result"
was=$(stat -c %i $state/work/big0/big0-sda.qcow2)
rm -r lost/out/big0
"$rehost" batch resume lost --blocked -q || fail "the last resume: $("$rehost" batch status lost)"
[ "$(stat -c %i lost/out/big0/big0-sda.qcow2)" = "$was" ] || fail "converted again, when only publishing was left"
no_leftovers lost

# ---- asked to end ----

echo "cancelled"
big_job ended "${slow[@]}"
"$rehost" batch run "$work/ended" 2> log.run &
runner=$!
until grep -q 'big0: running' log.run; do sleep 0.05; done
says 75 "process $runner on this host runs the job already" "$rehost" batch run "$work/ended"
"$rehost" batch status ended > seen.status 2> /dev/null && fail "status 0 of a job that runs"
grep -q '^big0 *running' seen.status || fail "status while it runs: $(cat seen.status)"
"$rehost" batch cancel ended > log.cancel || fail "cancel: $(cat log.cancel)"
status=0
wait $runner || status=$?
[ $status = 143 ] || fail "the runner ended with $status after a cancel"
no_workers "$work/ended" cancel
says 3 "the job was cancelled" "$rehost" batch run "$work/ended"
says 130 "big1: the job was cancelled" "$rehost" batch unit --job ended --index 1
"$rehost" batch resume ended -j 4 -q || fail "resume after cancel: $("$rehost" batch status ended)"
contents ended | diff reference.sums - || fail "other contents after cancel and resume"

# More than the host has, or than it may take, is not begun.
new_job large
unit large big0 ".source = \"$work/big0.raw\" | .resources.memory_mib = 64000000 | .retries = 0"
unit large big1 ".source = \"$work/big1.raw\" | .retries = 0"
seal_job large
says 9 "1 of 2 machines are done, 0 failed, 0 blocked, 1 waiting" "$rehost" batch run large -j 2 --pause 1
grep -q "big0: given up: it takes 64000000 MiB of memory" log || fail "$(cat log)"

echo "12 machines with the right ends, $kills kills without a trace, $(wc -l < reference.sums) disks the same"

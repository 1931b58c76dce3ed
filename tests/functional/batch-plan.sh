#!/bin/bash
# rehost batch plan: a manifest in three languages becomes a job folder; what a check finds blocks its machine and no other;
# what is wrong in a manifest is told with its place, and nothing is written then.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/lib/common.sh
. tests/lib/common.sh
rehost=$PWD/rehost
samples=$PWD/samples/batch

for tool in qemu-img qemu-io jq; do
	command -v $tool > /dev/null || skip "no $tool"
done
scratch
cd "$work"

# NAME MIB: a qcow2 disk with so much in it.
disk() {
	mkdir -p "$(dirname "$1")"
	qemu-img create -q -f qcow2 "$1" 1G
	qemu-io -f qcow2 -c "write 0 $2M" "$1" > /dev/null
}
disk ova/web01.qcow2 3
disk disks/db01-1.qcow2 2
disk disks/db01-2.qcow2 7
disk files01/files01.qcow2 5
disk broken.qcow2 1
truncate -s 100000 broken.qcow2

# The samples, with sources that are here: the job is the same whatever the language.
for language in yaml json csv; do
	sed 's/\.\(ova\|vmx\|vmdk\)/.qcow2/g' "$samples/wave.$language" > wave.$language
	"$rehost" batch plan --no-check --json wave.$language job.$language > plan.$language 2> log || fail "$language: $(cat log)"
	cmp -s wave.$language job.$language/manifest.$language || fail "$language: the job has another manifest"
	jq -S 'del(.group)' job.$language/units/*.json > units.$language
	[ "$(jq -r '.units, (.sha256 | length), .proof' job.$language/job.json | xargs)" = "3 3 login" ] || fail "$language: job.json"
done
diff units.yaml units.json || fail "YAML and JSON make different units"
diff units.yaml units.csv || fail "YAML and CSV make different units"
[ "$(jq -r .name job.yaml/units/*.json | xargs)" = "web01 db01 files01" ] || fail "not by priority, then by size"
[ "$(jq -r .name job.yaml/job.json)" = "wave 1" ] || fail "the job's name"
jq -r .sha256[] job.yaml/job.json | paste -d ' ' - <(ls job.yaml/units/*) | sha256sum -c --quiet || fail "hashes in job.json"
jq -e --arg at "$PWD" '.source == $at + "/disks/db01-1.qcow2" and .further_sources == [$at + "/disks/db01-2.qcow2"]
	and .arguments == ["--key", "all:file:/etc/rehost/keys/db01", "--network", "VM Network:lan",
		"--mac", "00:50:56:9a:00:11:ip:10.0.3.11,10.0.3.1,24"]
	and .estimate.bytes >= 9 * 1048576 and .source_group == "esx1" and .proof == "login" and .blocked == null' \
	job.yaml/units/000001.json > /dev/null || fail "unit 1: $(cat job.yaml/units/000001.json)"
[ -z "$(find . -name '.*.partial')" ] || fail "leftovers"

# Checked: without a look inside one machine has nothing that speaks against it, the other can't be read.
cat > checked.yaml << 'YAML'
defaults: { no-convert: true }
machines:
  - source: broken.qcow2
  - source: files01/files01.qcow2
YAML
"$rehost" batch plan -j 2 checked.yaml checked > table 2> log || fail "checked: $(cat log)"
grep -q '^ *1  broken .*BLOCKED disk 1 .*L1 table of 16 bytes at 0x30000: the file ends at 0x186a0$' table || fail "no reason: $(cat table)"
grep -q '^2 machines, 1 blocked; ' table || fail "no sum: $(cat table)"
jq -e '.blocked.finding == null and (.blocked.text | contains("the file ends at 0x186a0"))' checked/units/000001.json > /dev/null ||
	fail "the plan doesn't block it: $(cat checked/units/000001.json)"
jq -e '.blocked == null and .name == "files01" and .estimate.bytes == 5242880 and .estimate.seconds > 0' \
	checked/units/000000.json > /dev/null || fail "the good one: $(cat checked/units/000000.json)"

# What is in use when it is planned need not be when it is converted.
python3 -c 'import fcntl, sys, time
f = open("files01/files01.qcow2", "r+b")
fcntl.lockf(f, fcntl.LOCK_EX)
print("locked", flush=True)
time.sleep(60)' > locked &
holder=$!
for ((i = 0; i < 100; i++)); do
	[ ! -s locked ] || break
	sleep 0.1
done
"$rehost" batch plan --json checked.yaml busy > busy.json 2> log || fail "busy: $(cat log)"
kill $holder
jq -e '.blocked == 1 and (.machines[] | select(.name == "files01") | .blocked == null and (.note | startswith("exit status 3: ")))' \
	busy.json > /dev/null || fail "a source in use: $(cat busy.json)"

# Options that don't go together are the manifest's error.
printf 'machines:\n  - source: files01/files01.qcow2\n    no-convert: true\n    compress: zstd\n    of: raw\n' > clash.yaml
says 2 "clash.yaml:2:5: machine 'files01': --compress needs -of qcow2" "$rehost" batch plan clash.yaml clash
[ ! -e clash ] || fail "a job was written in spite of it"

printf 'machines:\n  - source: a\n    netwrok: b\n' > bad.yaml
says 4 "bad.yaml:3:5: unknown key 'netwrok': did you mean 'network'?" "$rehost" batch plan bad.yaml none
says 3 "job folder 'job.yaml' exists already" "$rehost" batch plan wave.yaml job.yaml
says 2 "a manifest and the path of a new job folder are expected" "$rehost" batch plan wave.yaml
says 2 "unknown command 'pan'" "$rehost" batch pan
[ ! -e none ] || fail "a job was written for a bad manifest"
"$rehost" batch --help | grep -q '^  plan ' || fail "no help"
echo "3 languages, 1 blocked machine"

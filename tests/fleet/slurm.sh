#!/bin/bash
# A fleet under Slurm: three nodes on loopback, 60 machines, half of them behind a source that bears two at once. A unit is
# requeued, a node's power is cut, the controller is stopped and started again: each machine is done, published once, with
# the disks that one host alone makes. Then what the scheduler costs: FLEET_EMPTY (5000) units without work.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/common.sh
. tests/lib/batch.sh
. tests/lib/slurm-cluster.sh
export PATH=$PATH:/usr/sbin:/sbin LC_ALL=C
rehost=$PWD/rehost
[ -x "$rehost" ] || fail "rehost isn't built"
for tool in jq ss; do
	command -v $tool > /dev/null || skip "$tool is missing"
done
need_slurm
scratch
sampler=
trap '[ -z "$sampler" ] || kill "$sampler"; cluster_stop; rm -rf "$work"' EXIT
cd "$work"
MACHINES=60 LIMIT=2 EMPTY=${FLEET_EMPTY:-5000}

say() { printf '%5d s  %s\n' "$SECONDS" "$*"; }

# ---- the job: sources read at 1 MiB/s, so that there is a middle to be cut in; the first takes longest ----

mkdir src
make_job() { # JOB
	local i group
	new_job "$1"
	for ((i = 0; i < MACHINES; i++)); do
		group=null
		[ $((i % 2)) = 0 ] || group='"esx1"'
		unit "$1" "m$i" ".source = \"$work/src/$i.raw\" | .source_group = $group | .arguments = \$ARGS.positional" \
			--no-convert -if raw --bwlimit 1M
	done
	seal_job "$1"
}
for ((i = 0; i < MACHINES; i++)); do
	head -c $((i ? 2 : 12))M /dev/urandom > "src/$i.raw"
	truncate -s 16M "src/$i.raw"
done
make_job fleet
make_job alone

outcomes() { # JOB STATE
	find "$1/state" -maxdepth 2 -name "$2.json" | wc -l
}
have_done() { # JOB NUMBER
	[ "$(outcomes "$1" "done")" -ge "$2" ]
}
running() { # TASK-PATTERN
	squeue -h -t R -o %i | grep -qx "$1"
}
controller_answers() { scontrol ping > /dev/null; }
queue_is_empty() { [ -z "$(squeue -h -o %i)" ]; }
on_node() { [ -n "$(squeue -h -t R -w "$1" -o %i)" ]; }

# ---- the fleet ----

cluster_start "esx1:$LIMIT"
say "three nodes are idle"
"$rehost" batch submit --engine slurm --dry-run fleet > plan
sed '/^# is/d; /^sbatch/d' plan | bash -n || fail "the script that --dry-run shows: $(cat plan)"
grep -q -- '--licenses=esx1:1 --array=1,3,' plan || fail "no licence in $(grep sbatch plan)"
[ ! -e fleet/state/engine.json ] || fail "--dry-run changed the job"
"$rehost" batch submit --engine slurm fleet > submitted || fail "submit: $(cat submitted)"
cat submitted
plain=$(jq -r '.submissions[0].arrays[] | select(.source_group == null).id' fleet/state/engine.json)
limited=$(jq -r '.submissions[0].arrays[] | select(.source_group == "esx1").id' fleet/state/engine.json)
report=$(jq -r '.submissions[0].report' fleet/state/engine.json)
if "$rehost" batch submit --engine slurm fleet > again 2>&1; then fail "submitted twice: $(cat again)"; fi
grep -q 'is still at work' again || fail "submitted again: $(cat again)"

# How many of the limited source run, again and again; a node that was cut counts until the controller knows.
while :; do
	squeue -h -t R -o %F 2> /dev/null | grep -c "^$limited$" || :
	sleep 0.3
done > at-once &
sampler=$!

await 60 "running task ${plain}_0" running "${plain}_0"
sleep 6
scontrol requeue "${plain}_0"
say "unit 0 is requeued"

await 120 "12 machines" have_done fleet 12
await 60 "task on conv2" on_node conv2
lost=$(squeue -h -t R -w conv2 -o %i | sort | tr '\n' ' ')
node_cut conv2
say "conv2 is cut off, with $lost"

await 120 "20 machines" have_done fleet 20
controller_stop
say "the controller is stopped"
sleep 5 # tasks go on, and end
controller_start
await 60 "answer of the controller" controller_answers
say "and started again"

await 600 "end of the job" queue_is_empty
kill "$sampler" && sampler=
say "the queue is empty"

# ---- evidence ----

[ "$(outcomes fleet "done")" = $MACHINES ] || fail "$(outcomes fleet "done") of $MACHINES are done: $(states fleet | grep -v " done ")"
[ "$(find fleet/out -mindepth 1 -maxdepth 1 | wc -l)" = $MACHINES ] || fail "results: $(ls fleet/out)"
for ((i = 0; i < MACHINES; i++)); do
	state=fleet/state/$(printf %06d "$i")
	mapfile -t publishers < <(grep -l '"publishing"' "$state"/attempt-*/events.ndjson)
	[ ${#publishers[@]} = 1 ] || fail "unit $i was published by ${#publishers[@]} attempts: ${publishers[*]}"
	[ "${publishers[0]}" = "$state/attempt-$(jq .attempt "$state/done.json")/events.ndjson" ] ||
		fail "unit $i: ${publishers[0]} published what $(cat "$state/done.json") tells"
done
no_leftovers fleet
say "$MACHINES of $MACHINES done, each published by one attempt; attempts: $(find fleet/state -name 'attempt-*' | wc -l)"

[ "$(jq .exit fleet/state/000000/attempt-0/end.json)" = 143 ] || fail "unit 0, requeued: $(cat fleet/state/000000/attempt-0/end.json)"
reused=$(jq .copy.reused fleet/out/m0/report.json)
[ "$reused" -ge $((2 << 20)) ] || fail "unit 0 was begun anew: $(jq 'del(.copy.throughput) | .copy' fleet/out/m0/report.json)"
say "unit 0 went on: its second attempt found $reused of $((12 << 20)) bytes copied"

for task in $lost; do
	unit=${task#*_}
	state=fleet/state/$(printf %06d "$unit")
	[ "$(jq .attempt "$state/done.json")" -ge 1 ] || fail "unit $unit was on the lost node, and one attempt did it"
done
say "what was on the lost node was done by later attempts, on $(for task in $lost; do jq -r .engine_id "fleet/state/$(printf %06d "${task#*_}")/done.json"; done | tr '\n' ' ')"

most=$(sort -n at-once | tail -n 1)
[ "$most" = $LIMIT ] || fail "esx1 bears $LIMIT at once, $most were seen"
# Slurm's own list of starts and ends, by the second: an end counts before a start.
most=$(sed -n "s/.* StartTime=\([^ ]*\) EndTime=\([^ ]*\) .* ArrayJobId=$limited .*/\1 1\n\2 0/p" cluster/log/jobcomp.txt |
	sort | awk '{ n += $2 ? 1 : -1; if (n > most) most = n } END { print most + 0 }')
[ "$most" = $LIMIT ] || fail "esx1 bears $LIMIT at once, by Slurm's own list it had $most: $(cat cluster/log/jobcomp.txt)"
say "esx1: at most $LIMIT at once, $(wc -l < at-once) samples; by Slurm's own list $most"

await 30 "the report job's log" test -e "fleet/state/engine/slurm-$report-report.log"
[ -s fleet/report.json ] || fail "the report job made no report: $(cat "fleet/state/engine/slurm-$report-report.log")"

# Meanwhile a unit that takes longer than it may: 128 s, and it is told to end one to two minutes before 3 are over. What
# goes on reads up to 8 MiB anew, to see that the source is the same.
new_job long
unit long long ".source = \"$work/src/long.raw\" | .arguments = \$ARGS.positional" --no-convert -if raw --bwlimit 256k
seal_job long
head -c 32M /dev/urandom > src/long.raw
"$rehost" batch submit --engine slurm --time 3 long

"$rehost" batch run -j 2 --quiet alone || fail "batch run: exit status $?"
contents alone > alone.hashes
contents fleet > fleet.hashes
[ "$(wc -l < alone.hashes)" = $MACHINES ] || fail "$(wc -l < alone.hashes) disks of one host's run"
cmp alone.hashes fleet.hashes || fail "the disks differ: $(diff alone.hashes fleet.hashes)"
say "$MACHINES disks are those of a run on one host"
[ "$("$rehost" batch submit --engine slurm fleet)" = "test: nothing is left to do" ] || fail "submit once more"

await 600 "end of the long unit" queue_is_empty
[ "$(states long)" = "long done 0" ] || fail "the long unit: $(states long)"
[ "$(jq .exit long/state/000000/attempt-0/end.json)" = 143 ] || fail "the long unit was not told to end: $(cat long/state/000000/attempt-0/end.json)"
grep -q '^unit 0: exit status 143, requeued$' long/state/engine/slurm-*_0.log || fail "its task wasn't requeued: $(cat long/state/engine/*.log)"
say "a unit that is told to end, its time being over, is requeued and goes on: attempts $(find long/state -name 'attempt-*' | wc -l)"

# ---- cancelled, and taken up again ----

make_job later
"$rehost" batch submit --engine slurm --quiet later
await 120 "2 machines" have_done later 2
"$rehost" batch cancel later > said || fail "cancel: $(cat said)"
grep -q '^cancelled: what was submitted to a batch engine' said || fail "cancel: $(cat said)"
await 120 "end of what was cancelled" queue_is_empty
cancelled=$(outcomes later "done")
[ "$cancelled" -lt $MACHINES ] || fail "cancelled, and all are done"
"$rehost" batch submit --engine slurm --quiet later
await 120 "2 machines more" have_done later $((cancelled + 2))
"$rehost" batch cancel later > said || fail "cancel: $(cat said)"
await 120 "end of what was cancelled again" queue_is_empty
say "cancelled with $cancelled done, taken up again, cancelled with $(outcomes later "done") done"

# ---- what the scheduler costs: units that the plan refused, so that a unit is its claim and its outcome alone ----

new_empty_job() { # JOB NUMBER
	mkdir -p "$1/units"
	python3 - "$1" "$2" << 'PY'
import hashlib, json, sys
job, n = sys.argv[1], int(sys.argv[2])
hashes = []
for i in range(n):
    text = json.dumps({"schema": "rehost-unit-1", "index": i, "name": f"e{i}", "source": "/none", "arguments": [], "group": None,
        "source_group": None, "priority": 0, "proof": "none", "retries": 0, "estimate": {"bytes": 0, "seconds": 0},
        "resources": {"cpus": 1, "memory_mib": 64, "tmp_mib": 0}, "blocked": {"finding": None, "text": "nothing to do"}}).encode()
    with open(f"{job}/units/{i:06}.json", "wb") as f:
        f.write(text)
    hashes.append(hashlib.sha256(text).hexdigest())
with open(f"{job}/job.json", "w") as f:
    json.dump({"schema": "rehost-job-1", "rehost": "test", "name": "empty", "created": "2026-01-01T00:00:00Z", "units": n,
        "proof": "none", "source_groups": [], "sha256": hashes}, f)
PY
}

milliseconds() { echo $((${EPOCHREALTIME/./} / 1000)); }

[ "$EMPTY" -gt 0 ] || exit 0
node_start conv2
await 60 "three idle nodes" nodes_are idle 3
new_empty_job sample 50
began=$(milliseconds)
for ((i = 0; i < 50; i++)); do "$rehost" batch unit --quiet --job sample --index $i 2> /dev/null || :; done
by_itself=$((($(milliseconds) - began) / 50))
new_empty_job empty "$EMPTY"
began=$(milliseconds)
"$rehost" batch submit --engine slurm empty
submitted=$(($(milliseconds) - began))
await 3000 "end of the empty units" queue_is_empty
took=$(($(milliseconds) - began))
[ "$(outcomes empty blocked)" = "$EMPTY" ] || fail "$(outcomes empty blocked) of $EMPTY empty units have an outcome"
say "$EMPTY empty units in $((took / 1000)) s, $submitted ms of it for submitting: $((took / EMPTY)) ms a unit; a unit by itself: $by_itself ms"

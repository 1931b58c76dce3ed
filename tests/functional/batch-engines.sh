#!/bin/bash
# The engines that need no cluster: GNU parallel works through a job on this host, also beneath a folder whose name has all
# that shells take for something else, and the Kubernetes manifest against the parts of its API that it uses.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/common.sh
. tests/lib/batch.sh
top=$PWD
rehost=$top/rehost
[ -x "$rehost" ] || fail "rehost isn't built"
for tool in jq python3; do
	command -v $tool > /dev/null || skip "$tool is missing"
done
scratch
cd "$work"

make_job() { # JOB
	new_job "$1"
	unit "$1" one ".source = \"$work/disk.raw\" | .arguments = \$ARGS.positional" --no-convert -if raw
	unit "$1" two ".source = \"$work/disk.raw\" | .arguments = \$ARGS.positional" --no-convert -if raw
	unit "$1" missing ".source = \"$work/missing.raw\""
	seal_job "$1"
}
head -c 1M /dev/urandom > disk.raw
truncate -s 4M disk.raw
nasty="it's {} {.} \$(touch owned) \"x\" %A \\ *"
mkdir "$nasty"
make_job "$nasty/job"

# ---- GNU parallel ----

"$rehost" batch submit --engine parallel --dry-run "$nasty/job" > plan
[ ! -e "$nasty/job/state" ] || fail "--dry-run changed the job"
grep -q '^parallel --jobs 100% --joblog ' plan || fail "plan: $(cat plan)"
status=0
"$rehost" batch submit --engine parallel "$nasty/job" > said 2>&1 || status=$?
if command -v parallel > /dev/null; then
	[ "$status" = 9 ] || fail "one of three is blocked: exit status $status: $(cat said)"
	[ "$(states "$nasty/job")" = $'missing blocked 4\none done 0\ntwo done 0' ] || fail "states: $(states "$nasty/job"): $(cat said)"
	[ "$(awk 'NR > 1 { print $7 }' "$nasty/job/state/engine/parallel-0.log" | sort | tr '\n' ' ')" = "0 0 4 " ] ||
		fail "joblog: $(cat "$nasty/job/state/engine/parallel-0.log")"
	"$nasty/job/state/engine/parallel-0.sh" > said 2>&1 || true # only what failed is run again, and answers at once
	[ "$(find "$nasty/job/state/000000" -name 'attempt-*' | wc -l)" = 1 ] || fail "done, and run again: $(cat said)"
	[ "$("$rehost" batch submit --engine parallel "$nasty/job")" = "test: nothing is left to do" ] || fail "submit again"
	how="parallel ran 3 units"
else
	[ "$status" = 8 ] || fail "without parallel: exit status $status: $(cat said)"
	grep -q "this host has no GNU parallel" said || fail "without parallel: $(cat said)"
	how="parallel isn't there, and that is said"
fi
[ ! -e owned ] || fail "a name was run as a command"

# ---- Kubernetes ----

make_job job
says 2 '^rehost: kubernetes: --image is missing' "$rehost" batch submit --engine kubernetes job
"$rehost" batch submit --engine kubernetes --image registry.example/rehost:1 --mount images:/images --storage-class cephfs --throttle 8 job > said
manifest=$(cat said)
[ -s "$manifest" ] || fail "no manifest: $(cat said)"
if python3 -c 'import jsonschema, yaml' 2> /dev/null; then
	schema=$top/tests/support/kubernetes.schema.json
	for file in "$manifest" "$top"/samples/k8s/*.yaml; do
		python3 - "$schema" "$file" << 'PY' || fail "$file isn't as the API has it"
import json, sys
import jsonschema, yaml
with open(sys.argv[1]) as f:
    schema = json.load(f)
with open(sys.argv[2]) as f:
    documents = list(yaml.safe_load_all(f))
for document in documents:
    jsonschema.Draft7Validator(schema).validate(document)
job = [d for d in documents if d["kind"] == "Job"][0]["spec"]
claims = {d["metadata"]["name"] for d in documents if d["kind"] == "PersistentVolumeClaim"}
pod = job["template"]["spec"]
volumes = {v["name"]: v["persistentVolumeClaim"] for v in pod["volumes"]}
container = pod["containers"][0]
assert {m["name"] for m in container["volumeMounts"]} == set(volumes), "each volume is mounted, and each mount is a volume"
assert claims <= {v["claimName"] for v in volumes.values()}, "the claim that is written is used"
assert job["parallelism"] <= job["completions"] == job["maxFailedIndexes"]
assert all(r.get("onExitCodes", {}).get("containerName", container["name"]) == container["name"] for r in job["podFailurePolicy"]["rules"])
codes = [c for r in job["podFailurePolicy"]["rules"] for c in r.get("onExitCodes", {}).get("values", [])]
assert len(codes) == len(set(codes)), "an exit status stands in two rules"
PY
	done
	how="$how; the Kubernetes manifests are as the API's schema has them"
else
	how="$how; python3-jsonschema or python3-yaml is missing: the manifests are not looked at"
fi
echo "$how"

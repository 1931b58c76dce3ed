#!/bin/bash
# A job folder in odd states: what others wrote into it moves no cursor and holds nothing up, an earlier attempt's words are not taken for a later one's, and what was about to be published is published, once.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/common.sh
. tests/lib/batch.sh
scratch
rehost=$PWD/rehost
cd "$work"

new_job job
for name in told held waits; do unit job $name '.source = "/nowhere"'; done
seal_job job
jq '.name = "wave\u001b[2J3"' job/job.json > new && mv new job/job.json
mkdir -p job/state/00000{0,1,2}
jq -n '{schema: "rehost-outcome-1", index: 0, name: "told", state: "done", attempt: 0, exit: 0, seconds: 1, host: "far\u001b[31m\u009bm"}' > job/state/000000/done.json
mkfifo job/state/000001/lease
mkdir job/state/000002/attempt-0
mkfifo job/state/000002/attempt-0/{end.json,events.ndjson}

echo "status"
timeout 20 "$rehost" batch status job > log 2>&1 && fail "status 0 of a job that isn't done"
! grep -qP '\x1b|\xc2\x9b' log || fail "control characters reach the terminal: $(cat -v log)"
grep -q '^told  *done .* far?\[31m??m' log || fail "the outcome isn't told: $(cat -v log)"
grep -q '^held  *waiting' log || fail "a FIFO is no lease: $(cat -v log)"
grep -q '^wave?\[2J3: 3 machines: 1 done, 0 failed, 0 blocked, 0 running, 2 waiting$' log || fail "the sums: $(cat -v log)"

echo "report"
timeout 20 "$rehost" batch report job > log 2>&1 || fail "report: $(cat -v log)"
xmllint --noout job/junit.xml || fail "junit.xml"
! grep -qP '\x1b' job/report.html || fail "a control character in the page"

echo "FIFOs"
mkfifo job/state/engine.json
says 4 "'state/engine.json' is not a regular file" timeout 20 "$rehost" batch cancel job
mv job/units/000002.json . && mkfifo job/units/000002.json
says 4 "'units/000002.json' is not a regular file" timeout 20 "$rehost" batch status job
mv job/job.json . && mkfifo job/job.json
says 4 "'job.json' is not a regular file" timeout 20 "$rehost" batch status job

echo "what an earlier attempt was about to publish"
head -c 1M /dev/urandom > disk.raw
truncate -s 4M disk.raw
new_job twin
unit twin one ".source = \"$work/disk.raw\" | .arguments = [\"--no-convert\", \"-if\", \"raw\"]"
seal_job twin
# Of a result that there isn't, and of another attempt's number: neither may become the outcome.
for i in 0 1; do
	mkdir -p twin/state/000000/attempt-$i
	jq -n '{schema: "rehost-outcome-1", index: 0, name: "one", state: "done", attempt: 0, exit: 0, host: "stale",
		result: {work: "work", report: ("0" * 64)}}' > twin/state/000000/attempt-$i/publish.json
done
"$rehost" batch unit --quiet --job twin --index 0 > log 2>&1 || fail "unit: $(cat -v log)"
[ "$(jq -r '"\(.attempt) \(.host)"' twin/state/000000/done.json)" = "2 $(hostname)" ] || fail "another attempt's outcome: $(cat twin/state/000000/done.json)"
[ "$(jq -r .result.report twin/state/000000/done.json)" = "$(sha256sum < twin/out/one/report.json | cut -d' ' -f1)" ] || fail "not the result's report"
no_leftovers twin
# A kill behind the rename, and then a later attempt's folder: its own words stand in the folder of the one that was killed.
mv twin/state/000000/done.json twin/state/000000/attempt-2/publish.json
mkdir twin/state/000000/attempt-3
"$rehost" batch unit --quiet --job twin --index 0 > log 2>&1 || fail "not finished: $(cat -v log)"
[ "$(jq .attempt twin/state/000000/done.json)" = 2 ] || fail "done by another attempt: $(cat twin/state/000000/done.json)"
no_leftovers twin

echo "an outcome that can't be written"
rm -r twin/state/000000 twin/out/one
mkdir -p twin/state/000000/done.json
says 75 "one: published, but its outcome isn't written: cannot rename 'attempt-0/publish.json' to 'done.json': Is a directory" "$rehost" batch unit --job twin --index 0
says 75 "published, but its outcome isn't written: " "$rehost" batch unit --job twin --index 0
[ ! -e twin/state/000000/failed.json ] || fail "published, and failed"
rmdir twin/state/000000/done.json
"$rehost" batch unit --quiet --job twin --index 0 > log 2>&1 || fail "not finished: $(cat -v log)"
[ "$(jq .attempt twin/state/000000/done.json)" = 0 ] || fail "done by another attempt: $(cat twin/state/000000/done.json)"
no_leftovers twin

echo "a kill before the rename"
mkdir -p twin/state/000000/work
mv twin/out/one twin/state/000000/work/one
mv twin/state/000000/done.json twin/state/000000/attempt-0/publish.json
inode=$(stat -c %i twin/state/000000/work/one)
"$rehost" batch unit --quiet --job twin --index 0 > log 2>&1 || fail "not finished: $(cat -v log)"
[ "$(stat -c %i twin/out/one)" = "$inode" ] || fail "converted again"
[ "$(jq .attempt twin/state/000000/done.json)" = 0 ] || fail "done by another attempt: $(cat twin/state/000000/done.json)"
no_leftovers twin
jq '.name = "tw\u001b[2Jin"' twin/job.json > new && mv new twin/job.json
[ "$("$rehost" batch submit --engine parallel twin)" = "tw?[2Jin: nothing is left to do" ] || fail "the job's name reaches the terminal as it is"

echo "a machine with very many findings"
jq '.inspection.findings = [range(150) | {id: "I-MANY", severity: "info", text: "number \(.)"}]' twin/out/one/report.json > new && mv new twin/out/one/report.json
"$rehost" batch report twin > log 2>&1 || fail "report: $(cat log)"
[ "$(jq -c '.machines[0] | [(.findings | length), .findings[99].text, .findings_left_out]' twin/report.json)" = '[100,"number 99",50]' ] ||
	fail "findings: $(jq -c '.machines[0].findings_left_out' twin/report.json)"
grep -q "and 50 more, in its own report" twin/report.html || fail "the page doesn't say that there are more"

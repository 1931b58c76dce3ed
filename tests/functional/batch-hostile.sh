#!/bin/bash
# A job folder that somebody else has written into: what `rehost batch` prints of it moves no cursor, and nothing in it holds it up.
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

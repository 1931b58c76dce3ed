#!/bin/bash
# rehost report: both kinds of report.json as text, page and JUnit's XML; a boot proof joined to a machine's; what is refused.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/common.sh
scratch
rehost=$PWD/rehost
cd "$work"

# A real report.json: a bare disk, taken as it is.
truncate -s 8M disk.raw
printf 'something' | dd of=disk.raw bs=1M seek=2 conv=notrunc status=none
"$rehost" convert --no-convert --quiet -os . -on web01 -if raw disk.raw 2> log || fail "$(cat log)"
"$rehost" report web01 > text
cmp text web01/report.txt || fail "not the text of the conversion"
"$rehost" report web01/report.json --html page.html
cmp page.html web01/report.html || fail "not the page of the conversion"
grep -q '<p class="verdict unknown">NOT INSPECTED</p>' page.html || fail "no verdict: $(head -c 3000 page.html)"
for left in *.new; do [ ! -e "$left" ] || fail "left: $left"; done

# The proof's pictures are beside what `rehost boot --json` printed.
mkdir -p proof/shots
printf '\211PNG\r\n\032\n\0\0\0\rIHDR\0\0\0\002\0\0\0\001\010\002\0\0\0' > proof/shots/login.png
jq -n '{name: "web01", level: "login", wanted: "login", evidence: "serial console", failure: null, seconds: 9,
	screenshots: ["proof/shots/login.png", "/etc/passwd"], warnings: []}' > proof/boot.json
"$rehost" report web01 --proof proof/boot.json --html - --junit proof.xml > proof.html
grep -q 'alt="Screen of disk: login"' proof.html || fail "no picture: $(grep -a Picture proof.html)"
grep -q "Picture not shown: &#39;/etc/passwd&#39;" proof.html || fail "not refused: $(grep -a Picture proof.html)"
grep -q '<testcase classname="disk" name="boots to login" time="9.000"/>' proof.xml || fail "$(cat proof.xml)"
xmllint --noout proof.xml

# A batch.
mkdir job
jq -n '{schema: "rehost-batch-report-1", job: {name: "friday"}, written: "2026-11-20T22:00:00Z", counts: {done: 1, failed: 1},
	bytes_read: 1048576, seconds: 60, machines: [{name: "a", state: "done", seconds: 2},
	{name: "b", state: "failed", exit: 5, error: "no <kernel>"}]}' > job/report.json
"$rehost" report job --text --html job/report.html --junit job/junit.xml > text
grep -q '^  b  *failed .* no <kernel>$' text || fail "$(cat text)"
grep -q 'no &#60;kernel&#62;' job/report.html || fail "not escaped"
[ "$(xmllint --xpath 'string(//failure/@message)' job/junit.xml)" = 'no <kernel>' ] || fail "$(cat job/junit.xml)"

echo '{"schema": "x"}' > other.json
says 4 "'other.json': its schema is 'x', 'rehost-report-1' or 'rehost-batch-report-1' expected" "$rehost" report other.json
echo '{' > other.json
says 4 "'other.json': JSON line " "$rehost" report other.json
says 4 "'nothing/report.json'\|cannot open 'nothing'" "$rehost" report nothing
says 2 "report: one result's folder, job folder or report.json expected, 0 given" "$rehost" report
says 2 "proof 'proof/boot.json': a batch has a proof for each machine already" "$rehost" report job --proof proof/boot.json
echo '{}' > proof/other.json
says 4 "'proof/other.json': no 'level': it is no boot proof" "$rehost" report web01 --proof proof/other.json
says 4 "missing/x.html\|'missing'" "$rehost" report web01 --html missing/x.html
mkfifo pipe
says 2 "'pipe' is no regular file; - is standard output" "$rehost" report web01 --junit pipe
[ -p pipe ] || fail "the pipe was replaced"
ln -s linked.html link.html
touch linked.html
says 2 "'link.html' is no regular file; - is standard output" "$rehost" report web01 --html link.html
[ -L link.html ] || fail "the link was replaced"
ln -s web01 latest
"$rehost" report latest > latest.txt || fail "a link to a result is no result"
"$rehost" report web01 | cmp - latest.txt
says 75 "No space left on device" "$rehost" report web01 --html - > /dev/full
echo "text, pages and JUnit's XML of a machine and a batch"

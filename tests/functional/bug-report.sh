#!/bin/bash
# rehost bug-report: what it takes, what it leaves out, and no secret in it, wherever a run might have left one.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/common.sh
scratch
rehost=$PWD/rehost
cd "$work"
mkdir -p job/out/web01/undo job/state/000000/work/.web01.partial

# Logs as rehost itself writes them: a conversion that fails, with a key, and a host's token.
pass='correct horse battery'
head -c 300000 /dev/urandom > secret-disk.raw
"$rehost" convert -v -i disk -if raw secret-disk.raw --key "all:key:$pass" -os "$work/none" -o null > job/state/000000/convert.log 2>&1 || :
"$rehost" serve -os "$work/served" --listen 127.0.0.1:0 > job/serve.log 2>&1 &
server=$!
trap 'kill $server 2> /dev/null || :; rm -rf "$work"' EXIT
for ((i = 0; i < 100; i++)); do
	token=$(grep -oE '\b([a-z]{5}-){8}[a-z]{5}\b' job/serve.log 2> log | head -n 1) && break
	sleep 0.1
done
kill $server
[ -n "$token" ] || fail "serve showed no token: $(cat job/serve.log)"

# And as nobody should have: in a unit's arguments, in a journal, in an edit of the guest, over several lines.
cat > job/state/000000/unit.json << J
{"schema": "rehost-unit-1", "arguments": ["--key", "/dev/sda2:key:$pass", "--network", "lan:br0"], "password": "hunter2"}
J
printf '%s\n' '{"event":"changed","diff":"@@ -1 +1 @@\n-wpa-psk hunter2\n+psk=correct horse battery\n"}' > job/state/000000/work/.web01.partial/journal.ndjson
# shellcheck disable=SC2016  # a hash, no variable
printf 'key is: -----BEGIN PRIVATE KEY-----\nMIIEvgIBADANBgkq\n-----END PRIVATE KEY-----\nroot:$6$salt$hashhashhash:1:\nmounted nbd://joe:hunter2@host/\n' \
	> job/state/000000/boot.txt
echo '<domain><name>web01</name></domain>' > job/out/web01/web01.xml
{ for ((i = 0; i < 60000; i++)); do echo "line $i of a long log, which is cut in its middle"; done; } > job/out/web01/long.log
{ printf '[%.0s' {1..1900} && printf '0,%.0s' {1..100000} && printf 0 && printf ']%.0s' {1..1900}; } > job/out/web01/deep.json
cp secret-disk.raw job/out/web01/web01-sda.qcow2
cp secret-disk.raw job/out/web01/named-like.log
echo 'root:x:0:0' > job/out/web01/undo/1.txt
ln -s /etc/passwd job/out/web01/link.txt

"$rehost" bug-report job --list > list
[ ! -e rehost-bug-report.tar.gz ] || fail "--list wrote an archive"
"$rehost" bug-report job -o bug.tar.zst > said
diff list <(head -n -1 said) || fail "what is listed isn't what is written"
[ "$(stat -c %a bug.tar.zst)" = 600 ] || fail "others may read it"
mkdir x && zstd -dcq bug.tar.zst | tar -x -C x
diff <(cd x/rehost-bug-report && find . -type f -printf '%P\n' | sort) <(awk '$1 != "left" { print $3 }' list | sort) || fail "the list (>) and the archive (<)"

# shellcheck disable=SC2016  # not a variable
for secret in "$pass" correct horse "$token" "${token%%-*}-" hunter2 MIIEvgIBADANBgkq '$6$' hashhash root:x; do
	! grep -rqaF -- "$secret" x || fail "'$secret' is in $(grep -rlaF -- "$secret" x)"
done
for file in versions.txt doctor.txt folder/serve.log folder/out/web01/web01.xml folder/state/000000/work/.web01.partial/journal.ndjson; do
	[ -s "x/rehost-bug-report/$file" ] || fail "$file is missing"
done
[ "$(jq -r '.arguments[3]' x/rehost-bug-report/folder/state/000000/unit.json)" = lan:br0 ] || fail "the unit is no JSON any more"
jq -e .event x/rehost-bug-report/folder/state/000000/work/.web01.partial/journal.ndjson > /dev/null || fail "the journal is no JSON any more"
grep -qx 'left out: 4 files .*' list || fail "disks are taken: $(tail -n 1 list)"
long=x/rehost-bug-report/folder/out/web01/long.log
grep -q '^… over [0-9]* bytes left out …$' "$long" || fail "a long log is whole"
[ "$(head -n 1 "$long") $(tail -n 1 "$long" | cut -d' ' -f 2)" = "$(head -n 1 job/out/web01/long.log) 59999" ] || fail "a long log's ends"

[ "$(cat x/rehost-bug-report/folder/out/web01/deep.json)" = "left out: over 32 MiB when it was masked" ] || fail "deep.json: $(head -c 200 x/rehost-bug-report/folder/out/web01/deep.json)"

# Nothing is replaced unless it is asked for.
: > one.tgz
"$rehost" bug-report --force -o one.tgz > said
tar -tzf one.tgz > said
grep -qx rehost-bug-report/versions.txt said || fail "without a folder: $(cat said)"
says 3 "'one.tgz' exists; --force replaces it" "$rehost" bug-report -o one.tgz
says 2 "ends in neither .tar.gz, .tgz nor .tar.zst" "$rehost" bug-report -o report.zip
[ ! -e report.zip ] || fail "an archive without a format stays"
says 4 "'none'" "$rehost" bug-report none
echo "$(wc -l < list) lines listed, no secret of $(find job -type f | wc -l) files"

#!/bin/bash
# Every real image of other products: those with a hash of their content in manifest.csv give it; the rest is read or
# refused with one error. rehost copy reads, so all of reader, copy engine and raw writer stand behind a hash.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/common.sh
samples=$(realpath -m "${REHOST_SHARED:-../shared}/samples")
[ -e "$samples/manifest.csv" ] || skip "no samples in $samples"
scratch
rehost=$PWD/rehost
cd "$work"

# Path, format to ask for, hash; "-" where the manifest has none to trust.
python3 - "$samples" > list << 'P'
import csv, os, re, sys
for r in csv.DictReader(open(os.path.join(sys.argv[1], "manifest.csv"))):
    if not os.path.exists(os.path.join(sys.argv[1], r["file"])) or r["file"].endswith((".ovf", ".mf", ".ova")):
        continue
    trusted = re.fullmatch("[0-9a-f]{64}", r["raw_sha256"]) and "WRONG" not in r["note"]
    print(r["file"], "raw" if r["sub_format"].startswith("raw/") else "-", r["raw_sha256"] if trusted else "-")
P
right=0 refused=0 read=0
while read -r file format hash; do
	image=$samples/$file
	if [[ $file == *.gz ]]; then
		image=$work/$(basename "$file" .gz)
		gunzip -c "$samples/$file" > "$image"
	fi
	options=()
	[ "$format" = - ] || options=(-f "$format")
	if [ "$hash" != - ]; then
		"$rehost" copy -q "${options[@]}" "$image" out.raw -O raw 2> said || fail "$file: $(cat said)"
		[ "$(sha256sum < out.raw | cut -d' ' -f1)" = "$hash" ] || fail "$file: its content has another hash than the manifest says"
		rm out.raw
		right=$((right + 1))
	else
		got=0
		"$rehost" map "${options[@]}" "$image" > extents 2> said || got=$?
		case $got in
			0) read=$((read + 1)) ;;
			4) [ "$(grep -c '^rehost: ' said)" = 1 ] || fail "$file: not one error: $(cat said)"
				refused=$((refused + 1)) ;;
			*) fail "$file: exit status $got: $(cat said)" ;;
		esac
	fi
	[[ $file != *.gz ]] || rm "$image"
done < list
[ "$right" -gt 0 ] || fail "the manifest has no hash"
echo "$right samples give their hash; of the others $read are read, $refused refused"

# shellcheck shell=bash
# shellcheck disable=SC2154 # work is set by scratch
# A sample guest, converted and booted on virtio hardware. Source it behind common.sh, from the repository's root.

# rehost_convert OVA OUT: converts with progress as NDJSON; the source stays as it was and nothing half-made is left.
rehost_convert() {
	local before
	before=$(sha256sum < "$1")
	./rehost convert "$1" -os "$2" --progress json 2> "$work/progress" || fail "convert: $(tail -n 5 "$work/progress")"
	grep -q '"event":"phase"' "$work/progress" || fail "no NDJSON progress"
	[ "$(sha256sum < "$1")" = "$before" ] || fail "the source changed"
	[ -z "$(find "$2" -name '.*.partial')" ] || fail "a partial folder is left in $(ls -A "$2")"
}

# check_result FOLDER NAME: everything a result holds, valid by its own checkers.
check_result() {
	local file
	for file in "$2.xml" "$2-sda.qcow2" report.json report.txt rehost.log; do
		[ -s "$1/$file" ] || fail "$file is missing from the result"
	done
	qemu-img check -q "$1/$2-sda.qcow2" || fail "qemu-img check"
	virt-xml-validate "$1/$2.xml" > "$work/xml" || fail "$(cat "$work/xml")"
	[ "$(jq -r .inspection.verdict "$1/report.json")" = BOOTS ] || fail "verdict: $(jq .inspection.verdict "$1/report.json")"
}

mounts_of() { sed -n 's/^mount: [^ ]* //p' "$1" | sort; }

# convert_and_boot NAME KIND FLAGS SOURCE-FLAGS: fails on virtio before; after: running, same mounts as on its own
# hardware, ens192 with its address, data intact, login proven by rehost boot with screenshots.
convert_and_boot() {
	local name=$1 kind=$2 flags source_flags result status=0 mac line
	read -ra flags <<< "${3:-}"
	read -ra source_flags <<< "${4:-}"
	samples/build --out build/samples "$kind"
	tests/lib/boot-guest "${flags[@]}" virtio "build/samples/$name.ova" > "$work/before" || status=$?
	[ "$status" = 1 ] || fail "the sample should fail on virtio before, boot-guest said $status: $(cat "$work/before")"

	rehost_convert "build/samples/$name.ova" "$work/out"
	result=$work/out/$name
	check_result "$result" "$name"

	mac=$(jq -r '.machine.nics[0].mac' "$result/report.json")
	tests/lib/boot-guest "${flags[@]}" --mac "$mac" virtio "$result/$name-sda.qcow2" > "$work/after" ||
		fail "the result does not boot: $(cat "$work/after")"
	for line in 'state: running' "nic: ens192 virtio_net $mac" 'address: ens192 10.0.2.50/24' 'tcp: OK' 'data: OK'; do
		grep -qF "$line" "$work/after" || fail "'$line' is missing: $(cat "$work/after")"
	done
	tests/lib/boot-guest "${source_flags[@]}" "build/samples/$name.ova" > "$work/own" ||
		fail "the sample does not boot on its own hardware: $(cat "$work/own")"
	[ "$(mounts_of "$work/own")" = "$(mounts_of "$work/after")" ] ||
		fail "mounts: $(mounts_of "$work/own") before, $(mounts_of "$work/after") after"

	./rehost boot "$result/$name.xml" --level login --shots "$work/shots" > "$work/proof" 2>&1 || fail "rehost boot: $(cat "$work/proof")"
	[ -n "$(find "$work/shots" -name '*.png' -size +0)" ] || fail "no screenshot"
	echo "$name: fails on virtio before; after: running, same mounts, ens192 with its address, login proven"
}

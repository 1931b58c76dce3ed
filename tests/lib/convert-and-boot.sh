# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # work is set by scratch, the guest's facts by samples/build --show
# A sample guest, converted and booted on virtio hardware. Source it behind common.sh, from the repository's root.

# rehost_convert OUT [OPTION…]: converts with progress as NDJSON; the source stays as it was and nothing half-made is left.
rehost_convert() {
	local before
	before=$(cat "${files[@]}" | sha256sum)
	./rehost convert "${inputs[@]}" -os "$1" "${@:2}" --progress json 2> "$work/progress" || fail "convert: $(tail -n 5 "$work/progress")"
	grep -q '"event":"phase"' "$work/progress" || fail "no NDJSON progress"
	[ "$(cat "${files[@]}" | sha256sum)" = "$before" ] || fail "the source changed"
	[ -z "$(find "$1" -name '.*.partial')" ] || fail "a partial folder is left in $(ls -A "$1")"
}

# result_disks FOLDER: the disks of a result in their order.
result_disks() { find "$1" -name '*-sd?.qcow2' | sort; }

# check_result FOLDER: everything a result holds, valid by its own checkers.
check_result() {
	local file
	for file in "$name.xml" report.json report.txt report.html rehost.log; do
		[ -s "$1/$file" ] || fail "$file is missing from the result"
	done
	[ "$(result_disks "$1" | wc -l)" = "$(jq '.machine.disks | length' "$1/report.json")" ] || fail "disks: $(ls "$1")"
	for file in $(result_disks "$1"); do
		qemu-img check -q "$file" || fail "qemu-img check $file"
	done
	virt-xml-validate "$1/$name.xml" > "$work/xml" || fail "$(cat "$work/xml")"
	[ "$(jq -r .inspection.verdict "$1/report.json")" = BOOTS ] || fail "verdict: $(jq .inspection.verdict "$1/report.json")"
}

# as_its_source FOLDER: sealed, accepted by libvirt, and the source's content but for what the conversion did.
as_its_source() {
	local sources=("${files[0]}") how=() from=() source
	if [ "${inputs[0]}" = -i ]; then
		sources=("${images[@]}") how=(-i disk -if raw)
	fi
	for source in "${sources[@]}"; do from+=(-s "$source"); done
	./rehost verify --json --xml "${how[@]}" "${from[@]}" "$1" > "$work/verified" 2> "$work/verify.log" ||
		fail "verify: $(cat "$work/verify.log")"
	[ "$(jq '[.source.disks[].written] | add > 0' "$work/verified")" = true ] || fail "verify: $(jq .source "$work/verified")"
}

# What must be the same on the hardware it comes from and on virtio: all but devices' names and drivers.
same_facts() {
	sed -nE 's/^(mount): [^ ]* /\1 /p; s/^(swap): [^ ]* /\1 /p; s/^nic: ([^ ]*) [^ ]* /nic \1 /p; /^(host|state|runlevel|failed|member|address|route|data|tcp|selinux):/p' \
		"$1" | sort
}

# boots FILE ARGUMENT…: boot-guest, whose words go to the file.
boots() {
	local to=$1
	shift
	tests/lib/boot-guest "$@" > "$to"
}

expect_lines() { # FILE
	local line
	for line in "${expect[@]}"; do
		grep -qF -- "$line" "$1" || fail "'$line' is missing: $(cat "$1")"
	done
}

# same_as_own: for convert_and_boot.
same_as_own() {
	boots "$work/own" --timeout 1500 "${macs[@]}" "${own[@]}" "${images[@]}" || fail "the sample does not boot on its own hardware: $(cat "$work/own")"
	expect_lines "$work/own"
	diff <(same_facts "$work/own") <(same_facts "$work/after") > "$work/diff" || fail "before and after differ: $(cat "$work/diff")"
}

# convert_and_boot GUEST [OPTION…]: converted with those options. It does not boot on virtio before; after it does, and has what it had on its own hardware: state,
# mounts, swap, names of cards, addresses, routes, content; or, when there is no such hardware, what expect says. What both boots said stays in $work/own and $work/after.
convert_and_boot() {
	local name files inputs images disks own virtio expect proof status=0 macs=() mac boot
	samples/build --out build/samples "$1"
	eval "$(samples/build --out build/samples --show "$1")"
	boots "$work/before" "${virtio[@]}" "${images[@]}" || status=$?
	[[ $status = [12] ]] || fail "the sample should fail on virtio before, boot-guest said $status: $(cat "$work/before")"

	rehost_convert "$work/out" "${@:2}"
	result=$work/out/$name
	check_result "$result"
	as_its_source "$result"

	for mac in $(jq -r '.machine.nics[].mac' "$result/report.json"); do macs+=(--mac "$mac"); done
	mapfile -t disks < <(result_disks "$result")
	boot=$(jq '[.machine.disks[].boot_order] | index(1) // 0' "$result/report.json")
	boots "$work/after" --timeout 1500 --boot "$boot" "${macs[@]}" "${virtio[@]}" "${disks[@]}" || fail "the result does not boot: $(cat "$work/after")"
	expect_lines "$work/after"
	[ ${#own[@]} -eq 0 ] || same_as_own
	grep -q ' virtio_net ' "$work/after" || fail "no card on virtio: $(cat "$work/after")"

	if [ "$proof" ]; then
		./rehost boot "$result/$name.xml" --level "$proof" --timeout 1500 --shots "$work/shots" > "$work/proof" 2>&1 || fail "rehost boot: $(cat "$work/proof")"
		[ -n "$(find "$work/shots" -name '*.png' -size +0)" ] || fail "no screenshot"
	fi
	[ ${#own[@]} -gt 0 ] || echo "$name: its own hardware can't be had here: compared with what the recipe says"
	echo "$name: fails on virtio before; after: $(sed -n '/^state: none/d; s/^state: //p; s/^runlevel/&/p' "$work/after"), same mounts, names and addresses${proof:+, $proof proven}"
}

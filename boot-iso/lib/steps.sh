# shellcheck shell=bash disable=SC2154,SC2034
# Progress, failure and the working folder of a build.
# (SC2154, SC2034: variables come from boot-iso/build and go to the other files.)

say() { printf '[%3d s] iso: %s\n' "$SECONDS" "$*"; }
die() {
	printf 'boot-iso/build: %s\n' "$*" >&2
	exit 1
}

# step WORDS COMMAND...: runs the command with its output in the log, which is shown when it fails.
step() {
	local words=$1 before
	shift
	say "$words"
	before=$(stat -c %s "$log")
	# A function that is tested for success runs without -e: a shell of its own keeps it.
	set +e
	(set -e && "$@") >>"$log" 2>&1 </dev/null
	local status=$?
	set -e
	((status)) || return 0
	tail -c "+$((before + 1))" "$log" | tail -n 15 >&2
	die "'$words' failed with status $status"
}

begin_work() {
	mkdir -p "$out"
	out=$(cd "$out" && pwd)
	if [[ ! $installed ]]; then
		mkdir -p "$cache"
		cache=$(cd "$cache" && pwd)
	fi
	work=$(mktemp -d "$out/.work.XXXXXX")
	trap 'rm -rf "$work"' EXIT
	log=$out/build.log
	: >"$log"
	epoch=${SOURCE_DATE_EPOCH:-$(git -C "$here" log -1 --format=%ct 2>/dev/null || echo 1700000000)}
	export SOURCE_DATE_EPOCH=$epoch TZ=UTC LC_ALL=C PATH=$PATH:/sbin:/usr/sbin
	packages=$work/packages root=$work/root tree=$work/tree
	umask 022
	mkdir -p "$packages" "$root" "$tree"
}

# All files of a tree get the build's time: nothing on the ISO tells when or where it was built.
date_tree() { find "$1" -exec touch -h -d "@$epoch" {} +; }

# Whole files only appear under their names.
publish() {
	local file

	for file in vmlinuz initrd rehost.cpio packages.txt; do mv "$tree/boot/$file" "$out/"; done
	mv "$work/rehost-p2v.iso" "$out/"
	say "$out/rehost-p2v.iso: $(($(stat -c %s "$out/rehost-p2v.iso") / 1048576)) MiB, $(grep -c . "$out/packages.txt") packages"
}

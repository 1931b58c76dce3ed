# shellcheck shell=bash disable=SC2154,SC2034
# Progress, failure and the working folder of a build.
# (SC2154, SC2034: variables come from samples/build and go to the other files.)

say() { printf '[%3d s] %s: %s\n' "$SECONDS" "${name:-samples}" "$*"; }
die() {
	printf 'samples/build: %s: %s\n' "${name:-samples}" "$*" >&2
	exit 1
}

# The last thing that the running command said, if anything; before is the log's size when it started.
last_line() {
	tail -c "+$(($1 + 1))" "$log" | tail -c 400 | tr '\r' '\n' | tr -cd '[:print:]\n' | sed -n '/[^ ]/h; $ { x; s/^ *//p; }' |
		cut -c1-90
}

# step WORDS COMMAND...: runs the command with its output in the log and says every few seconds that it is alive.
step() {
	local words=$1 status=0 shown=$SECONDS before now
	shift
	before=$(stat -c %s "$log")
	say "$words"
	# Job control gives the command a process group of its own, so that an interrupt ends its children too.
	set -m
	"$@" >>"$log" 2>&1 </dev/null &
	job=$!
	set +m
	while kill -0 "$job" 2>/dev/null; do
		sleep 0.2
		if ((SECONDS - shown >= 4)); then
			shown=$SECONDS
			now=$(last_line "$before")
			say "  … ${now:-working}"
		fi
	done
	wait "$job" || status=$?
	job=
	((status == 0)) && return
	tail -n 15 "$log" >&2
	keep_log=1
	die "'$words' failed with status $status; the log is $log"
}

# The guest's root is many small files that dpkg syncs one by one: minutes on a disk, seconds in memory.
begin_work() {
	local available i
	job='' keep_log=''
	log=$out/$name.log
	work=$out/.$name.work
	: >"$log"
	rm -rf "$work"
	mkdir -p "$work"
	trap end_work EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	available=$(awk '/^MemAvailable:/ { print int($2 / 1024) }' /proc/meminfo)
	if ((available >= 4096)); then
		mkdir "$work/root"
		mount -t tmpfs -o size=3G,mode=755 rehost-sample "$work/root"
	else
		say "$available MiB of memory are free: working on the disk, which is slower"
		mkdir "$work/root"
	fi
	root=$work/root/guest
	disks=()
	for i in "${!disk_mib[@]}"; do disks+=("$work/disk$((i + 1)).raw"); done
	disk=${disks[0]} esp=$work/esp.d
	export REHOST_DEBS=$cache/debs
}

end_work() {
	local status=$? loop
	trap - EXIT
	if [[ $job ]]; then
		kill -- "-$job" 2>/dev/null || :
		wait "$job" 2>/dev/null || :
	fi
	umount -R "$work/root" 2>/dev/null || :
	end_emulation
	# Of a packing that failed halfway; a device that was given back since may be another build's.
	if [[ -e $work/loops ]]; then
		while read -r loop; do
			[[ $(losetup --noheadings --output BACK-FILE "$loop" 2>/dev/null) != "$work"/* ]] || losetup --detach "$loop"
		done <"$work/loops"
	fi
	# Whatever is still mounted below must not be emptied: one file system only.
	rm -rf --one-file-system "$work"
	[[ $keep_log ]] || rm -f "$log"
	exit "$status"
}

# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # work is set by scratch; tests read host, port, token
# A conversion host, and a machine that boots the live ISO. Source it behind common.sh, from the repository's root.

# p2v_needs TOOL…: or the test is skipped; those of the ISO and of QEMU go without saying.
p2v_needs() {
	local tool
	PATH=$PATH:/sbin:/usr/sbin
	for tool in xorriso grub-mkimage mcopy cpio zstd udevadm qemu-system-x86_64 qemu-img jq python3 "$@"; do
		command -v "$tool" > /dev/null || skip "'$tool' is not installed"
	done
}

# What a test starts ends with it. bash waits for children before it runs a trap: none may be left that waits for us.
host='' machine='' port=''
p2v_scratch() {
	scratch
	trap 'kill ${host:-} ${machine:-} ${others[@]} 2> /dev/null || :; wait; rm -rf "$work"' EXIT
	others=()
	mkfifo "$work/monitor"
	exec {monitor}<> "$work/monitor"
}

# live_iso: $work/iso/rehost-p2v.iso, with the agent as it is.
live_iso() {
	local build=${BUILD:-build}
	make -s "$build/rehost-p2v"
	boot-iso/build --agent "$build/rehost-p2v" --out "$work/iso" --no-firmware > "$work/iso.log" || fail "$(cat "$work/iso.log")"
}

# start_host [OPTION…]: `rehost serve` for $work/out, in the end on the port that it had before; sets host, port, token.
start_host() {
	: > "$work/host.out"
	./rehost serve --listen "127.0.0.1:${port:-0}" -os "$work/out" "$@" > "$work/host.out" 2>> "$work/host.log" &
	host=$!
	until grep -q '^for ' "$work/host.out"; do
		kill -0 "$host" 2> /dev/null || fail "serve: $(cat "$work/host.out" "$work/host.log")"
		sleep 0.1
	done
	port=$(sed -n 's/^listening on .*:\([0-9]*\)$/\1/p' "$work/host.out")
	token=$(sed -n 's/^token: //p' "$work/host.out")
}

# kill_host: as the kernel would when memory is out; all that it started goes with it.
kill_host() {
	local of_it end=$((SECONDS + 30))
	mapfile -t of_it < <(descendants "$host")
	kill -9 "$host"
	wait "$host" 2> /dev/null || :
	host=
	while kill -0 "${of_it[@]}" 2> /dev/null; do
		[ $SECONDS -lt $end ] || fail "30 s after serve was killed there still run: $(ps -f -p "${of_it[*]}")"
		sleep 0.2
	done
}

descendants() { # PID
	local child
	for child in $(ps -o pid= --ppid "$1"); do
		echo "$child"
		descendants "$child"
	done
}

machine_has() { ./rehost machines -os "$work/out" --json | jq -r ".[0].$1"; }

# power_on OPTION…: a machine of QEMU with 512 MB, whose serial console is $work/serial.log and whose monitor reads what goes to
# $monitor. It reads $medium as a CD, and reaches the host as 10.0.2.2 on the user network "net", unless netdev says otherwise.
# shellcheck disable=SC2054  # the comma is qemu's
netdev=(-netdev user,id=net)
power_on() {
	timeout "${limit:-2400}" setpriv --pdeathsig KILL qemu-system-x86_64 -machine q35 -accel tcg,thread=multi -cpu max \
		-smp 2 -m 512 -nodefaults -vga none -display none -monitor stdio -serial "file:$work/serial.log" "${netdev[@]}" \
		-drive "if=none,id=cd,media=cdrom,readonly=on,file=$medium" -device ide-cd,bus=ide.5,drive=cd,bootindex=0 \
		-smbios type=1,manufacturer=Acme,product=Box,serial=XYZ1,uuid=11111111-2222-3333-4444-555555555555 "$@" \
		< "$work/monitor" > "$work/monitor.log" 2>&1 &
	machine=$!
}

serial_said() { tr '\r' '\n' < "$work/serial.log" | grep -a . | tail -n 12; }

# await_off: until the machine has been converted and has switched itself off.
await_off() {
	local status=0
	wait "$machine" || status=$?
	machine=
	[ "$status" = 0 ] || fail "qemu ended with $status: $(cat "$work/monitor.log"): $(serial_said): $(cat "$work/host.log")"
	grep -qa 'This machine is converted.' "$work/serial.log" || fail "not converted: $(serial_said): $(cat "$work/host.log")"
	# The list is written right behind.
	for _ in $(seq 100); do
		[ "$(machine_has state)" != "done" ] || return 0
		sleep 0.1
	done
	fail "machines: $(./rehost machines -os "$work/out" --json)"
}

# check_bytes DISK…: what came over the network is what its file systems use, and hardly more; zeros needn't travel.
check_bytes() {
	local sent used full
	sent=$(machine_has sent)
	read -r used full < <(tests/support/used-blocks "$@")
	echo "sent $((sent >> 20)) MiB; the file systems use $((used >> 20)) MiB, $((full >> 20)) MiB without their zeros ($((sent * 100 / used)) %)"
	[ "$sent" -ge "$full" ] || fail "$sent bytes were sent, $full are used and no zeros"
	[ $((sent * 100)) -le $((used * 115)) ] || fail "$sent bytes were sent, only $used are used"
}

#!/bin/bash
# The live ISO's network: two cards in a bond, a VLAN over it with a fixed address, and nothing else on the wire. During the copy the
# cable of one card is pulled. The disk arrives as it is.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/common.sh
. tests/lib/p2v-machine.sh
p2v_needs cmp
p2v_scratch
live_iso
head -c 96M /dev/urandom > "$work/disk.raw"

start_host --no-convert -of raw --bwlimit 4M
# The switch has the VLAN 30 only; behind it is QEMU's user network, in a process of its own.
mapfile -t udp < <(python3 -c 'import socket
all = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(4)]
for s in all: s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
tests/support/vlan-switch 30 "${udp[@]}" &
others+=($!)
qemu-system-x86_64 -machine none -nodefaults -display none -monitor none -serial none -netdev user,id=user \
	-netdev hubport,id=port0,hubid=0,netdev=user \
	-netdev "socket,id=wire,udp=127.0.0.1:${udp[2]},localaddr=127.0.0.1:${udp[3]}" -netdev hubport,id=port1,hubid=0,netdev=wire &
others+=($!)
medium=$work/p2v.iso
./rehost iso --server "10.0.2.2:$port" --token "$token" --name bonded --post poweroff --vlan bond0.30:bond0 \
	--bond bond0:52-54-00-aa-00-01,52-54-00-aa-00-02:mode=active-backup,miimon=100 \
	--ip 10.0.2.15::10.0.2.2:255.255.255.0::bond0.30:none "$work/iso/rehost-p2v.iso" "$medium"
# shellcheck disable=SC2054  # the commas are qemu's
netdev=(-netdev "socket,id=wire,udp=127.0.0.1:${udp[0]},localaddr=127.0.0.1:${udp[1]}"
	-netdev hubport,id=trunk,hubid=0,netdev=wire -netdev hubport,id=net0,hubid=0 -netdev hubport,id=net1,hubid=0)
echo "[$SECONDS s] the machine is switched on"
power_on -no-reboot -device e1000e,id=card0,netdev=net0,romfile=,mac=52:54:00:aa:00:01 \
	-device e1000e,id=card1,netdev=net1,romfile=,mac=52:54:00:aa:00:02 \
	-drive "if=none,id=disk,format=raw,readonly=off,file=$work/disk.raw" -device ide-hd,bus=ide.0,drive=disk,serial=SN001
until [ "$(machine_has 'done')" -gt $((10 << 20)) ] 2> /dev/null; do
	kill -0 "$machine" 2> /dev/null || await_off
	sleep 0.5
done
echo "[$SECONDS s] a cable is pulled at $(($(machine_has 'done') >> 20)) MiB"
echo set_link card0 off >&"$monitor"
await_off
cmp "$work/disk.raw" "$work/out/bonded/bonded-sda.raw" || fail "the disk arrived otherwise"
echo "imaged over a VLAN on a bond, one of whose cards lost its link: the disk is the same"

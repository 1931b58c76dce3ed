#!/bin/bash
# The live ISO in a virtual machine, its serial console in tmux: a person answers its screens there; the terminal's size
# is found out, a fixed address is set up, the shell opens where it was asked for, and the disk's copy is the disk.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/common.sh
. tests/lib/at-the-screen.sh
. tests/lib/p2v-host.sh
for tool in tmux xorriso grub-mkimage mcopy cpio zstd udevadm qemu-system-x86_64; do
	PATH=$PATH:/sbin:/usr/sbin command -v "$tool" > /dev/null || skip "'$tool' is not installed"
done
apt-cache show linux-image-amd64 > /dev/null 2>&1 || skip "apt has no package lists"
build=${BUILD:-build}
make -s "$build/rehost-p2v"
rehost=$PWD/rehost
PATIENCE=300 # a virtual machine without KVM
scratch
trap leave_the_screen EXIT
boot-iso/build --agent "$build/rehost-p2v" --out "$work/iso" --no-firmware > "$work/build.log"
cd "$work"
truncate -s 64M disk.raw
dd if=/dev/urandom of=disk.raw bs=1M seek=5 count=20 conv=notrunc status=none
before=$(sha256sum < disk.raw)
start_host --wait 600

machine="qemu-system-x86_64 -machine q35 -accel tcg,thread=multi -cpu max -smp 2 -m 512 -nodefaults -vga none -display none
	-monitor none -no-reboot -serial stdio -kernel iso/vmlinuz -initrd iso/initrd
	-append 'console=tty0 console=ttyS0,115200 quiet loglevel=4'
	-drive if=none,id=disk,format=raw,file=disk.raw -device ide-hd,drive=disk,serial=SN001
	-netdev user,id=net -device e1000e,netdev=net,mac=52:54:00:11:22:33
	-smbios type=1,manufacturer=Acme,product=Box,serial=XYZ1,uuid=11111111-2222-3333-4444-555555555555"
tmux -S tmux -f /dev/null new-session -d -x 80 -y 25 -s p "timeout --foreground 1200 ${machine//$'\n'/ }; echo ended with \$?; sleep 600"

shows ' The conversion host ' 'This machine: Acme Box, bios, 2 processors, 512.0 MiB of memory.' '<Network>' '<Shell>'
press Tab Tab Tab Enter
shows ' Network ' '52:54:00:11:22:33  e1000e, has a link' '<Set up>'
card=$(screen | sed -n 's/.* \(en[a-z0-9]*\) *52:54:00:11:22:33.*/\1/p')
fill 'ip=10.0.2.300::10.0.2.2:24::eno1:none'
press Enter
shows "! ip: '10.0.2.300' is no IP address"
fill "ip=10.0.2.77::10.0.2.2:24::$card:none"
press Enter
shows ' The conversion host ' '<Shell>'
# a look at what it did, in the shell
press Tab Tab Tab Tab Tab Enter
shows "Type 'exit' to go back to the imager."
press 'ip -o -4 address show' Enter
shows 'inet 10.0.2.77/24'
press 'exit' Enter
shows ' The conversion host ' '<Shell>'
fill "10.0.2.2:$port"
fill "$token"
press Enter
shows ' Disks to image ' '[*] sda        64.0 MiB  QEMU HARDDISK  SN001'
press Tab Enter
shows ' Network cards of the guest ' '52:54:00:11:22:33  e1000e, has a link'
press Tab Enter
shows ' Name of the guest ' 'Name Box-XYZ1'
fill web01
press Enter
shows ' Begin? ' "Guest 'web01' on 10.0.2.2:$port" '[ ] Switch this machine off when it is done'
press Space Tab Enter
shows 'ended with 0'
cmp disk.raw out/web01/web01-sda.raw || fail "the copy differs from the disk"
[ "$(sha256sum < disk.raw)" = "$before" ] || fail "the disk was written to"
echo "the ISO's screens on a serial console: network, shell, host and token, disks, cards, name; imaged and switched off"

#!/bin/bash
# Phony guests of other distributions go through inspection and all steps; what is found and changed is compared with
# what is kept in tests/families/golden, a second run must change nothing, and the programs that read the edited files
# must accept them.
# usage: tests/functional/families.sh [--update] [NAME…]
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/common.sh
export PATH=$PATH:/usr/sbin:/sbin LC_ALL=C
for tool in cpio gzip xz zstd python3 modprobe; do
	command -v $tool >/dev/null || skip "$tool is missing"
done
make -s build/tests/support/convert_folder
. tests/lib/phony-guests.sh
if [ $# = 0 ]; then
	for recipe in tests/families/*.sh; do
		[ "$recipe" = tests/families/lib.sh ] || set -- "$@" "$(basename "$recipe" .sh)"
	done
fi
scratch
missing=''
closures=0 aliases=0

# Compressed parts have other sizes with other versions of the compressors.
comparable() {
	sed -E '/^ *appends /s/[0-9]+ bytes/# bytes/g; /^ *appends /s/0x[0-9a-f]+/#/; /^ *appends /s/(was|is now) [0-9]+/\1 #/g'
}

has() { # PROGRAM: is there; a missing one is told at the end
	command -v "$1" >/dev/null || { [[ " $missing " == *" $1 "* ]] || missing+=" $1"; return 1; }
}

check_grub() {
	local f
	has grub-script-check || return 0
	for f in "$root"/boot/grub/grub.cfg "$root"/boot/grub2/grub.cfg "$root"/boot/efi/EFI/*/grub.cfg; do
		[ ! -f "$f" ] || grub-script-check "$f" || fail "$name: grub-script-check refuses ${f#"$root"}"
	done
	has grub-editenv || return 0
	for f in "$root"/boot/grub/grubenv "$root"/boot/grub2/grubenv; do
		[ ! -f "$f" ] && continue
		[ "$(stat -L -c %s "$f")" = 1024 ] || fail "$name: ${f#"$root"} isn't 1024 bytes long"
		grub-editenv "$f" list >/dev/null || fail "$name: grub-editenv refuses ${f#"$root"}"
	done
}

check_fstab() {
	local out
	[ -f "$root/etc/fstab" ] || return 0
	if has findmnt; then # the file systems aren't here: only what it says of the text counts
		out=$(findmnt --verify --tab-file "$root/etc/fstab" 2>&1) || true
		grep -q '0 parse errors' <<<"$out" || fail "$name: findmnt refuses /etc/fstab: $out"
	fi
	run_generator fstab SYSTEMD_FSTAB /etc/fstab
}

check_crypttab() {
	[ ! -f "$root/etc/crypttab" ] || run_generator cryptsetup SYSTEMD_CRYPTTAB /etc/crypttab
}

# WHICH VARIABLE FILE: systemd's generator for it; what it can't read it tells and passes over, with status 0
run_generator() {
	local generator=/usr/lib/systemd/system-generators/systemd-$1-generator
	[ -x "$generator" ] || { [[ " $missing " == *" systemd-$1-generator "* ]] || missing+=" systemd-$1-generator"; return 0; }
	mkdir -p "$work/units"
	env "$2=$root$3" SYSTEMD_LOG_TARGET=console "$generator" "$work/units" "$work/units" "$work/units" >"$work/out" 2>&1 ||
		fail "$name: systemd-$1-generator: $(cat "$work/out")"
	rm -rf "$work/units"
	! grep -E 'Failed to|not a valid|Invalid' "$work/out" || fail "$name: systemd-$1-generator refuses $3"
}

check_units() {
	local f
	has systemd-analyze || return 0
	for f in "$root"/etc/systemd/system/*.mount "$root"/etc/systemd/system/*.swap; do
		[ ! -f "$f" ] || [ -L "$f" ] || systemd-analyze verify --man=no "$f" >"$work/out" 2>&1 ||
			fail "$name: systemd-analyze verify ${f#"$root"}: $(cat "$work/out")"
	done
}

check_network() {
	local f
	if [ -d "$root/etc/netplan" ] && has netplan; then
		netplan generate --root-dir "$root" || fail "$name: netplan generate"
		rm -rf "$root/run"
	fi
	if [ -f "$root/etc/network/interfaces" ] && has ifquery; then
		ifquery -i "$root/etc/network/interfaces" --list >/dev/null || fail "$name: ifquery --list"
	fi
	for f in "$root"/etc/sysconfig/network-scripts/ifcfg-* "$root"/etc/sysconfig/network/ifcfg-*; do
		[ ! -f "$f" ] || sh -n "$f" || fail "$name: a shell can't read ${f#"$root"}"
	done
}

# What shells read.
check_settings() {
	local f
	for f in "$root"/etc/default/grub "$root"/etc/dracut.conf.d/*.conf "$root"/etc/mkinitcpio.conf \
		"$root"/etc/mkinitfs/mkinitfs.conf "$root"/etc/sysconfig/{kernel,bootloader,grub}; do
		[ ! -f "$f" ] || bash -n "$f" || fail "$name: a shell can't read ${f#"$root"}"
	done
	if [ -f "$root/etc/lvm/lvm.conf" ] && has lvmconfig; then
		LVM_SYSTEM_DIR=$root/etc/lvm lvmconfig --validate >"$work/out" 2>&1 || fail "$name: lvmconfig: $(cat "$work/out")"
	fi
	if [ -f "$root/etc/modprobe.conf" ] && has modprobe; then
		modprobe -n -c -C "$root/etc/modprobe.conf" 2>"$work/out" >/dev/null || fail "$name: modprobe refuses /etc/modprobe.conf"
		! grep 'ignoring bad line' "$work/out" || fail "$name: modprobe refuses a line of /etc/modprobe.conf"
	fi
}

# The disks of the new hardware are within reach of every kernel that can be booted: its initramfs, unpacked as the kernel
# does, loads their drivers and all that these need. Kernels without virtio beside one that has it don't count.
check_initramfs() {
	local bus version initrd rest said
	bus=$(sed -n 's/^disks \([^,]*\),.*/\1/p' "$work/$name.out")
	while IFS=' ' read -r version _ initrd rest; do
		version=${version%:}
		[ "$initrd" != - ] || continue
		case $bus in
		virtio-blk) set -- virtio_pci virtio_blk ;;
		sata) set -- ahci sd_mod ;;
		*) set -- ata_piix sd_mod ;;
		esac
		case $rest in *'in no menu') set -- ;; esac
		grep -q "/${1:-}\.ko" "$root/lib/modules/$version/modules.dep" "$root/lib/modules/$version/modules.builtin" || set --
		[ $# -gt 0 ] || grep -q "^binary $initrd: the kernel must drive" "$work/$name.raw" || continue
		said=$(tests/support/check-initramfs "$root$initrd" "$root" "$version" "$@") || fail "$name: $initrd"
		closures=$((closures + 1))
		said=${said#* modules, } aliases=$((aliases + ${said%% *}))
	done < <(sed -n '/^== kernels/,/^== boot/p' "$work/$name.out" | grep '^[^=]')
}

# Every card gets a fixed address (--mac …:ip:…): which files that takes, and that their readers accept them.
check_addresses() {
	local mac n=0
	root=$work/$name.addresses
	cp -a "$work/$name.before" "$root"
	cp "$facts" "$facts.ip"
	while read -r mac; do
		n=$((n + 1))
		echo "ip $mac:ip:10.99.0.$n,10.99.0.254,20,10.99.0.253" >>"$facts.ip"
	done < <(sed -n 's/^nic \([^ ]*\).*/\1/p' "$facts")
	[ $n -gt 0 ] || return 0
	build/tests/support/convert_folder "$root" "$facts.ip" >"$work/out" || fail "$name: with addresses"
	{
		grep -E '^W-NET-ADDRESS|--mac gives' "$work/out" || true
		(cd "$root" && grep -rlF 10.99.0. etc | sort | xargs -r grep -HF 10.99.0.) || true
	} >"$work/$name.addresses.out"
	as_kept "$work/$name.addresses.out" "tests/families/golden/$name.addresses.txt"
	convert_again "$facts.ip"
	check_network
}

# CHECK PROGRAM PATH <<content: the check must refuse this file, when its program is there
broken() {
	root=$work/broken name=broken
	mkdir -p "$root$(dirname "$3")"
	cat >"$root$3"
	if command -v "$2" >/dev/null && ("$1") >/dev/null 2>&1; then
		fail "$1 accepts a broken $3"
	fi
	rm -rf "$root"
}

# A check that can't fail proves nothing.
check_checks() {
	local generators=/usr/lib/systemd/system-generators
	broken check_grub grub-script-check /boot/grub/grub.cfg <<<'menuentry x {'
	broken check_grub grub-editenv /boot/grub2/grubenv <<<'# GRUB Environment Block'
	broken check_fstab findmnt /etc/fstab <<<'/dev/vda1'
	broken check_fstab $generators/systemd-fstab-generator /etc/fstab <<<'/dev/vda1 data ext4'
	broken check_crypttab $generators/systemd-cryptsetup-generator /etc/crypttab <<<'name'
	broken check_units systemd-analyze /etc/systemd/system/dev-vda2.swap <<<$'[Swap]\nWhat=/dev/vda3'
	broken check_network netplan /etc/netplan/a.yaml <<<$'network:\n  ethernets:\n    eth0: {dhcp4: maybe}'
	broken check_network ifquery /etc/network/interfaces <<<'iface eth0 inet nothing'
	broken check_network sh /etc/sysconfig/network-scripts/ifcfg-eth0 <<<'DEVICE="eth0'
	broken check_network sh /etc/sysconfig/network/ifcfg-eth0 <<<'IPADDR="1'
	broken check_settings bash /etc/default/grub <<<"GRUB_CMDLINE_LINUX='x"
	broken check_settings lvmconfig /etc/lvm/lvm.conf <<<'devices { filter = ['
	broken check_settings modprobe /etc/modprobe.conf <<<'options'
}

run_family() {
	name=$1 root=$work/$1 facts=$work/$1.facts
	mkdir "$root"
	: >"$facts"
	root=$root facts=$facts tree=$work/$1.tree bash -euo pipefail -c '. tests/families/lib.sh; . "$1"' - \
		"tests/families/$name.sh" || fail "$name: recipe"
	convert_first "$facts" "tests/families/golden/$name.txt"
	# again, on the hardware that the result has
	sed -E 's/^disk [a-z-]+ [0-9]+ ([0-9]+) .*/disk virtio-blk 0 \1 -/' "$facts" >"$facts.again"
	convert_again "$facts.again"
	check_grub
	check_fstab
	check_crypttab
	check_units
	check_network
	check_settings
	check_initramfs
	check_undo
	check_addresses
	echo "$name: $(grep -c '^W-\|^B-' "$work/$name.out" || true) warnings, $(sed -n 's/^verdict: //p' "$work/$name.out")"
}

check_checks
for name; do
	run_family "$name"
done
echo "$# phony guests as expected, twice; $closures initramfs load what they must, by $aliases aliases too${missing:+; not checked by:$missing}"

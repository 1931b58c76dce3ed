# shellcheck shell=bash disable=SC2154
# The live system's files: busybox, udev, the agent, their libraries, firmware.

# udev names cards and disks; no rule that assembles md, LVM, multipath or btrfs is among these.
udev_rules=(50-udev-default 60-block 60-cdrom_id 60-persistent-storage 75-net-description 80-drivers 80-net-setup-link)
applets=(sh cat ls mkdir mount sleep ip udhcpc hostname reboot poweroff setsid cttyhack dmesg vi less grep ps kill
	hexdump date nslookup ping ln rm cp mv uname free tail head wc env clear loadkmap dd blockdev ifconfig)

# PROGRAM NAME: a program of this system, with the libraries that it loads.
add_program() {
	local library

	cp "$1" "$root/usr/bin/$2"
	ldd "$1" | sed -n 's/.*=> \(\/[^ ]*\) .*/\1/p; s/^\s*\(\/[^ ]*ld-linux[^ ]*\) .*/\1/p' | while read -r library; do
		cp -L "$library" "$root/usr/lib/$(basename "$library")"
	done
}

add_busybox() {
	local applet

	cp "$work/debs/bin/busybox" "$root/usr/bin/busybox"
	for applet in "${applets[@]}"; do ln -s busybox "$root/usr/bin/$applet"; done
}

add_udev() {
	local rule

	add_program "$(command -v udevadm)" udevadm
	ln -s udevadm "$root/usr/bin/udevd"
	mkdir -p "$root/usr/lib/udev/rules.d" "$root/usr/lib/systemd/network" "$root/etc/udev"
	for rule in "${udev_rules[@]}"; do cp "/lib/udev/rules.d/$rule.rules" "$root/usr/lib/udev/rules.d/"; done
	cp "$here/files/90-read-only.rules" "$root/usr/lib/udev/rules.d/"
	for rule in ata_id cdrom_id scsi_id; do
		add_program "/lib/udev/$rule" "$rule"
		mv "$root/usr/bin/$rule" "$root/usr/lib/udev/$rule"
	done
	cp /lib/systemd/network/{73-usb-net-by-mac,99-default}.link "$root/usr/lib/systemd/network/"
	: >"$root/etc/udev/udev.conf"
}

# What terminals can do: the kernel's own and those on serial ports.
add_terminals() {
	local name

	for name in linux vt100 vt220; do
		mkdir -p "$root/usr/lib/terminfo/${name:0:1}"
		cp -L "/lib/terminfo/${name:0:1}/$name" "$root/usr/lib/terminfo/${name:0:1}/"
	done
}

# Only the firmware that one of the modules asks for.
add_firmware() {
	local name

	[[ -d $work/debs/lib/firmware ]] || return 0
	find "$root/usr/lib/modules" -name '*.ko' -exec modinfo -F firmware {} + | sort -u >"$work/firmware.list"
	while read -r name; do
		[[ -e $work/debs/lib/firmware/$name ]] || continue
		mkdir -p "$root/usr/lib/firmware/$(dirname "$name")"
		cp -L "$work/debs/lib/firmware/$name" "$root/usr/lib/firmware/$name"
	done <"$work/firmware.list"
}

stage_root() {
	mkdir -p "$root"/{dev,proc,sys,run,tmp,etc,usr/bin,usr/lib}
	ln -s usr/bin "$root/bin"
	ln -s usr/bin "$root/sbin"
	ln -s usr/lib "$root/lib64"
	add_busybox
	add_udev
	add_program "$(command -v modprobe)" modprobe
	add_program "$(command -v mke2fs)" mke2fs
	cp /etc/mke2fs.conf "$root/etc/"
	add_program "$agent" rehost-p2v
	strip "$root/usr/bin/rehost-p2v"
	add_terminals
	add_firmware
	cp "$here/files/init" "$root/init"
	cp "$here/files/udhcpc" "$root/etc/udhcpc"
	chmod 755 "$root/init" "$root/etc/udhcpc"
	printf 'root:x:0:0:root:/:/bin/sh\n' >"$root/etc/passwd"
	# Groups that udev's rules name.
	printf '%s:x:%d:\n' root 0 tty 5 disk 6 lp 7 dialout 20 kmem 15 input 104 kvm 105 render 106 cdrom 24 tape 26 audio 29 \
		video 44 floppy 25 sgx 107 >"$root/etc/group"
	printf '127.0.0.1 localhost\n::1 localhost\n' >"$root/etc/hosts"
	printf 'hosts: files dns\n' >"$root/etc/nsswitch.conf"
	printf '%s\n' "$(sed -n 's/.*REHOST_VERSION "\(.*\)"/\1/p' "$here/../core/model/version.h")" >"$root/etc/rehost-version"
}

# A device node needs root: the kernel's own /dev/console is in its built-in initramfs, and devtmpfs makes the others.
pack_initramfs() {
	date_tree "$root"
	(cd "$root" && find . -mindepth 1 -printf '%P\0' | sort -z |
		cpio --quiet --null -o -H newc --reproducible -R 0:0) >"$work/initrd.cpio"
	zstd -q -T0 "-$level" -o "$work/initrd" "$work/initrd.cpio"
	# A cpio archive that follows must begin at a multiple of 4; the kernel skips zeros.
	truncate -s %4 "$work/initrd"
	rm "$work/initrd.cpio"
}

# shellcheck shell=bash disable=SC2154
# What the recipes of phony guests share: files, kernels with modules, initramfs images, the facts about the machine.
# $root is the guest's folder, $facts the file of facts; both are set by tests/functional/families.sh.
# A kernel's modules are a few bytes each with real names, places, dependencies and aliases; no program of a guest runs.

facts() { # <<facts: what convert_folder.c reads
	cat >>"$facts"
}

file() { # PATH <<content
	mkdir -p "$root$(dirname "$1")"
	cat >"$root$1"
}

touch_file() { # PATH…
	local path
	for path; do
		mkdir -p "$root$(dirname "$path")"
		: >"$root$path"
	done
}

link() { # TARGET PATH
	mkdir -p "$root$(dirname "$2")"
	ln -s "$1" "$root$2"
}

# /lib, /bin and /sbin are links into /usr.
merge_usr() {
	mkdir -p "$root"/usr/{bin,sbin,lib,lib64}
	link usr/lib /lib
	link usr/bin /bin
	link usr/sbin /sbin
}

# Arch's root: all programs in one folder, systemd.
arch_root() {
	mkdir -p "$root"/usr/{bin,lib}
	link usr/lib /lib
	link usr/bin /bin
	link usr/bin /sbin
	link bin /usr/sbin
	systemd ""
}

# Gentoo's: OpenRC, udev.
gentoo_root() {
	mkdir -p "$root"/{bin,sbin,usr/bin,lib64}
	link openrc-init /sbin/init
	file /sbin/openrc-init <<<ELF
	file /sbin/openrc <<<ELF
	touch_file /lib/udev/rules.d/80-net-setup-link.rules
	file /etc/os-release <<<'PRETTY_NAME="Gentoo Linux"'
}

# An initramfs folder as mkinitcpio makes it.
mkinitcpio_tree() {
	mkdir -p "$tree"/usr/{bin,lib}
	ln -s usr/lib "$tree/lib"
	: >"$tree/init_functions"
	: >"$tree/config"
	: >"$tree/usr/bin/udevadm"
}

systemd() { # [OLD]: systemd with .link files, or before 209
	link ../lib/systemd/systemd /sbin/init
	touch_file /usr/lib/systemd/systemd
	[ "${1:-}" = old ] || touch_file /usr/lib/udev/rules.d/80-net-setup-link.rules
}

grubenv() { # PATH LINE…: exactly 1024 bytes, filled with '#'
	local path=$1 text='# GRUB Environment Block
'
	shift
	[ $# -eq 0 ] || text+=$(printf '%s\n' "$@")$'\n'
	mkdir -p "$root$(dirname "$path")"
	printf '%s%s' "$text" "$(head -c $((1024 - ${#text})) /dev/zero | tr '\0' '#')" >"$root$path"
}

# name | folder in kernel/ | what it needs | an alias
module_table='
virtio|drivers/virtio||
virtio_ring|drivers/virtio||
virtio_pci|drivers/virtio|virtio virtio_ring|pci:v00001AF4d*sv*sd*bc*sc*i*
virtio_balloon|drivers/virtio|virtio virtio_ring|virtio:d00000005v*
virtio_blk|drivers/block|virtio virtio_ring|virtio:d00000002v*
virtio_net|drivers/net|virtio virtio_ring|virtio:d00000001v*
virtio_rng|drivers/char/hw_random|virtio virtio_ring|virtio:d00000004v*
virtio_console|drivers/char|virtio virtio_ring|virtio:d00000003v*
virtio_scsi|drivers/scsi|virtio virtio_ring scsi_mod|virtio:d00000008v*
scsi_mod|drivers/scsi||
sd_mod|drivers/scsi|scsi_mod|scsi:t-0x00*
libata|drivers/ata|scsi_mod|
libahci|drivers/ata|libata scsi_mod|
ahci|drivers/ata|libahci libata scsi_mod|pci:v*d*sv*sd*bc01sc06i01*
ata_piix|drivers/ata|libata scsi_mod|pci:v00008086d00007010sv*sd*bc*sc*i*
vmw_pvscsi|drivers/scsi|scsi_mod|pci:v000015ADd000007C0sv*sd*bc*sc*i*
mptbase|drivers/message/fusion||
mptspi|drivers/message/fusion|mptbase scsi_mod|pci:v00001000d00000030sv*sd*bc*sc*i*
e1000|drivers/net/ethernet/intel/e1000||pci:v00008086d0000100Fsv*sd*bc*sc*i*
e1000e|drivers/net/ethernet/intel/e1000e||pci:v00008086d000010D3sv*sd*bc*sc*i*
8139cp|drivers/net/ethernet/realtek||pci:v000010ECd00008139sv*sd*bc*sc*i*
vmxnet3|drivers/net/vmxnet3||pci:v000015ADd000007B0sv*sd*bc*sc*i*
xen-blkfront|drivers/block||xen:vbd
xen-netfront|drivers/net||xen:vif
ext4|fs/ext4||
xfs|fs/xfs||
btrfs|fs/btrfs||
nvme|drivers/nvme/host||pci:v*d*sv*sd*bc01sc08i02*
ena|drivers/net/ethernet/amazon/ena||pci:v00001D0Fd0000EC20sv*sd*bc*sc*i*
'

row() { # MODULE: its row of the table
	grep "^$1|" <<<"$module_table"
}

# VERSION SUFFIX MODULE…: /lib/modules/VERSION with those modules and their indexes. A name with '=y' is built in.
kernel() {
	local version=$1 suffix=$2 dir=$root/lib/modules/$1 name path needs alias word
	shift 2
	mkdir -p "$dir"
	: >"$dir/modules.builtin"
	: >"$dir/modules.dep"
	: >"$dir/modules.alias"
	: >"$dir/modules.symbols"
	for word; do
		name=${word%=y}
		IFS='|' read -r name path needs alias < <(row "$name")
		if [ "$word" != "$name" ]; then
			echo "kernel/$path/$name.ko" >>"$dir/modules.builtin"
			continue
		fi
		mkdir -p "$dir/kernel/$path"
		# force_legacy: virtio_pci of the kernels that speak virtio 1.0
		printf '\177ELF phony %s force_legacy\n' "$name" | squeeze "$suffix" >"$dir/kernel/$path/$name.ko$suffix"
		# shellcheck disable=SC2129
		printf 'kernel/%s/%s.ko%s:' "$path" "$name" "$suffix" >>"$dir/modules.dep"
		for needs in $needs; do
			# what is built in stands in no modules.dep
			[[ " $* " != *" $needs "* ]] || printf ' kernel/%s/%s.ko%s' "$(row "$needs" | cut -d'|' -f2)" "$needs" "$suffix"
		done >>"$dir/modules.dep"
		echo >>"$dir/modules.dep"
		[ -z "$alias" ] || echo "alias $alias ${name//-/_}" >>"$dir/modules.alias"
	done
}

squeeze() { # SUFFIX
	case $1 in
	'') cat ;;
	.gz) gzip -n ;;
	.xz) xz --check=crc32 ;;
	.zst) zstd -q -c ;;
	esac
}

# PATH COMPRESSION VERSION MODULE…: packs $tree with those modules of the kernel, and removes it.
initramfs() {
	local path=$1 compression=$2 version=$3 name from
	local to=$tree/lib/modules/$version
	shift 3
	[ ! -L "$tree/lib" ] || to=$tree/usr/lib/modules/$version
	mkdir -p "$to" "$root$(dirname "$path")"
	: >"$to/modules.dep"
	: >"$to/modules.alias"
	for name; do
		from=$(grep -m1 "/$name\.ko[^:]*:" "$root/lib/modules/$version/modules.dep" | cut -d: -f1)
		[ -n "$from" ] || continue
		mkdir -p "$to/$(dirname "$from")"
		cp "$root/lib/modules/$version/$from" "$to/$from"
		grep "^$from:" "$root/lib/modules/$version/modules.dep" >>"$to/modules.dep"
		grep " ${name//-/_}\$" "$root/lib/modules/$version/modules.alias" >>"$to/modules.alias" || true
	done
	tests/support/pack-initramfs "$tree" "$compression" >"$root$path"
	rm -rf "$tree"
}

# The trees of the generators, as far as they tell who made the image and what loads modules in it.
dracut_tree() { # [OLD]: with usr-merge, or dracut 004 as in RHEL 6
	mkdir -p "$tree"/{etc,dev,proc,sys}
	if [ "${1:-}" = old ]; then
		mkdir -p "$tree/lib" "$tree/sbin"
		: >"$tree/lib/dracut-lib.sh"
		: >"$tree/sbin/udevd"
	else
		mkdir -p "$tree/usr/lib/dracut" "$tree/usr/lib/systemd"
		ln -s usr/lib "$tree/lib"
		: >"$tree/usr/lib/systemd/systemd-udevd"
		: >"$tree/usr/lib/dracut/build-parameter.txt"
	fi
	: >"$tree/init"
}

le32() { # NUMBER: its four bytes
	local n=$1 k
	for k in 0 8 16 24; do
		printf '%b' "\\x$(printf %02x $((n >> k & 255)))"
	done
}

# PATH VERSION INITRAMFS CMDLINE: a unified kernel image, as far as it is read: PE headers and three sections.
uki() {
	local out=$root$1 part at=512 name
	mkdir -p "$(dirname "$out")"
	printf '%s\n' "$2" >"$tree.uname"
	printf '%s' "$4" >"$tree.cmdline"
	cp "$3" "$tree.initrd"
	{
		printf 'MZ'
		head -c 58 /dev/zero
		le32 128
		head -c 64 /dev/zero
		printf 'PE\0\0\x64\x86\x03\0'
		head -c 16 /dev/zero
	} >"$out"
	for part in uname cmdline initrd; do
		name=.$part
		# shellcheck disable=SC2129
		printf '%s' "$name" >>"$out"
		head -c $((8 - ${#name})) /dev/zero >>"$out"
		le32 "$(stat -c %s "$tree.$part")" >>"$out"
		le32 0 >>"$out"
		le32 "$(stat -c %s "$tree.$part")" >>"$out"
		le32 $at >>"$out"
		head -c 16 /dev/zero >>"$out"
		at=$((at + $(stat -c %s "$tree.$part")))
	done
	truncate -s 512 "$out"
	cat "$tree.uname" "$tree.cmdline" "$tree.initrd" >>"$out"
	rm "$tree.uname" "$tree.cmdline" "$tree.initrd"
}

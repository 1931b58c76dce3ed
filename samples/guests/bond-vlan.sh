# shellcheck shell=bash disable=SC2034,SC2154
# bond-vlan: BIOS, two cards ens192 and ens224 in a bond, and a VLAN over it, by ifupdown with ifenslave and vlan.
# (SC2034, SC2154: variables go to and come from samples/build.)

packages=(grub-pc ifupdown ifenslave vlan open-vm-tools)
nics=(vmxnet3 vmxnet3)
both=(--hub)
drivers=(vmw_pvscsi ahci sd_mod ext4)
annotation='two cards in a bond, a VLAN over it'
root_mib=1000 disk_mib=(1002)
expect+=('member: ens192 bond0' 'member: ens224 bond0' 'address: bond0 10.0.2.50/24' 'address: bond0.30@bond0 192.168.30.5/24'
	'tcp: OK')
root_uuid=5b0bd7a1-7d1c-4c77-9d0f-3c6a9a1f0e81

guest_configure() {
	configure_common
	echo '/dev/sda1 / ext4 errors=remount-ro 0 1' >"$root/etc/fstab"
	cat >"$root/etc/network/interfaces" <<'N'
auto lo
iface lo inet loopback

auto bond0
iface bond0 inet static
	address 10.0.2.50/24
	gateway 10.0.2.2
	bond-slaves ens192 ens224
	bond-mode active-backup
	bond-miimon 100
	bond-primary ens192

auto bond0.30
iface bond0.30 inet static
	address 192.168.30.5/24
	vlan-raw-device bond0
N
	configure_initramfs
	make_content
}

guest_loader() {
	make_disks
	sfdisk "$disk" <<-T
		label: dos
		label-id: 0x2a5e1008
		start=1MiB, size=${root_mib}MiB, type=83, bootable
	T
	grub_config device=/dev/sda1 fs_uuid=$root_uuid partmap=msdos "drive='(hd0,msdos1)'" \
		"hints='--hint-bios=hd0,msdos1 --hint-efi=hd0,msdos1 --hint-baremetal=ahci0,msdos1'"
	grub_bios '(,msdos1)/boot/grub'
}

guest_pack() {
	clean_root
	pack_ext4 1 $root_mib $root_uuid bond-root
}

# shellcheck shell=bash disable=SC2034,SC2154
# arm64: another architecture. UEFI and GPT, shim and GRUB in \EFI\debian only, ext4 root on NVMe by name, systemd-networkd.
# (SC2034, SC2154: variables go to and come from samples/build.)

arch=arm64
packages=(grub-efi-arm64 grub-efi-arm64-signed shim-signed)
firmware=efi
controller=nvme
nics=(e1000e)
consoles='console=tty0 console=ttyAMA0'
own=(--nvram nvme)
drivers=(nvme ext4)
annotation='arm64'
esp_mib=48 root_mib=1000 swap_mib=64 disk_mib=(1114)
expect+=('nic: ens192 ' 'address: ens192 10.0.2.50/24' 'tcp: OK')
root_uuid=5b0bd7a1-7d1c-4c77-9d0f-3c6a9a1f0e91
swap_uuid=5b0bd7a1-7d1c-4c77-9d0f-3c6a9a1f0e92

guest_configure() {
	configure_common
	printf '%s\n' '# <file system> <mount point> <type> <options> <dump> <pass>' \
		'/dev/nvme0n1p2 / ext4 errors=remount-ro 0 1' \
		'/dev/nvme0n1p1 /boot/efi vfat umask=0077 0 1' \
		'/dev/nvme0n1p3 none swap sw 0 0' >"$root/etc/fstab"
	printf '[Match]\nName=ens192\n\n[Network]\nAddress=10.0.2.50/24\nGateway=10.0.2.2\n' \
		>"$root/etc/systemd/network/20-lan.network"
	in_root systemctl enable systemd-networkd
	configure_initramfs
	echo 'RESUME=/dev/nvme0n1p3' >"$root/etc/initramfs-tools/conf.d/resume"
	make_content
}

guest_loader() {
	make_disks
	sfdisk "$disk" <<-T
		label: gpt
		label-id: 5B0BD7A1-7D1C-4C77-9D0F-3C6A9A1F0E90
		start=1MiB, size=${esp_mib}MiB, type=U
		size=${root_mib}MiB, type=B921B045-1DF0-41C3-AF44-4C6F280D3FAE
		size=${swap_mib}MiB, type=S
	T
	grub_config device=/dev/nvme0n1p2 fs_uuid=$root_uuid partmap=gpt "drive='(hd0,gpt2)'" \
		"hints='--hint-bios=hd0,gpt2 --hint-efi=hd0,gpt2 --hint-baremetal=ahci0,gpt2'"
	grub_esp $root_uuid hd0,gpt2 /boot/grub
}

guest_pack() {
	clean_root
	pack_esp 1 $esp_mib A1B2C3D9 "$esp"
	pack_ext4 $((1 + esp_mib)) $root_mib $root_uuid arm64-root
	pack_swap $((1 + esp_mib + root_mib)) $swap_mib $swap_uuid
}

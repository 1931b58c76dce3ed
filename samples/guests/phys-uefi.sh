# shellcheck shell=bash disable=SC2034,SC2154
# phys-uefi: a physical machine: UEFI, system on NVMe, a second disk on AHCI, a volume group across both with root, swap and
# data; one card on board, eno1.
# (SC2034, SC2154: variables go to and come from samples/build.)

packages=(grub-efi-amd64 grub-efi-amd64-signed shim-signed efibootmgr ifupdown lvm2)
source=disk
firmware=efi
controllers=(nvme sata)
nics=(e1000e)
drivers=(nvme ahci sd_mod ext4 dm_mod)
annotation='physical server, LVM over two disks'
own=(--nvram physical)
tools=(pvcreate)
# Extents of 4 MiB begin 1 MiB into each partition; root and swap lie on the first disk, data begins there.
esp_mib=48 boot_mib=160 root_mib=1200 swap_mib=64 data_mib=160 first_mib=64
deleted_mib=300
pv1_mib=$((root_mib + swap_mib + first_mib + 4)) pv2_mib=$((data_mib - first_mib + 4))
disk_mib=($((2 + esp_mib + boot_mib + pv1_mib)) $((2 + pv2_mib)))
expect+=('address: eno1 10.0.2.50/24' 'tcp: OK' ' /boot ext4' ' /srv/data ext4')
boot_uuid=5b0bd7a1-7d1c-4c77-9d0f-3c6a9a1f0e91
root_uuid=5b0bd7a1-7d1c-4c77-9d0f-3c6a9a1f0e92
swap_uuid=5b0bd7a1-7d1c-4c77-9d0f-3c6a9a1f0e93
data_uuid=5b0bd7a1-7d1c-4c77-9d0f-3c6a9a1f0e94

guest_configure() {
	configure_common
	printf '%s\n' '# <file system> <mount point> <type> <options> <dump> <pass>' \
		'/dev/mapper/vg0-root / ext4 errors=remount-ro 0 1' \
		'/dev/nvme0n1p2 /boot ext4 defaults 0 2' \
		'/dev/nvme0n1p1 /boot/efi vfat umask=0077 0 1' \
		'/dev/mapper/vg0-data /srv/data ext4 defaults 0 2' \
		'/dev/mapper/vg0-swap none swap sw 0 0' >"$root/etc/fstab"
	configure_ifupdown eno1
	configure_initramfs
	echo 'RESUME=/dev/mapper/vg0-swap' >"$root/etc/initramfs-tools/conf.d/resume"
	make_content
	# Longer than what the first disk has of the volume.
	head -c $((first_mib + 20))M /dev/urandom >"$root/srv/data/dump"
	(cd "$root/srv/data" && sha256sum dump >>../data.sha256)
}

guest_loader() {
	make_disks
	sfdisk "${disks[0]}" <<-T
		label: gpt
		label-id: 5B0BD7A1-7D1C-4C77-9D0F-3C6A9A1F0E90
		start=1MiB, size=${esp_mib}MiB, type=U
		size=${boot_mib}MiB, type=L
		size=${pv1_mib}MiB, type=V
	T
	sfdisk "${disks[1]}" <<-T
		label: gpt
		label-id: 5B0BD7A1-7D1C-4C77-9D0F-3C6A9A1F0E9F
		start=1MiB, size=${pv2_mib}MiB, type=V
	T
	grub_config device=/dev/mapper/vg0-root fs_uuid=$root_uuid abstraction=lvm boot_device=/dev/nvme0n1p2 \
		boot_uuid=$boot_uuid partmap=gpt "drive='(hd0,gpt2)'" "hints='--hint-bios=hd0,gpt2 --hint-efi=hd0,gpt2'"
	grub_esp $boot_uuid hd0,gpt2 /grub
}

guest_pack() {
	local boot data from=$((1 + esp_mib + boot_mib))
	clean_root
	boot=$(split_off boot)
	data=$(split_off srv/data)
	pack_esp 1 $esp_mib A1B2C3D9 "$esp"
	pack_ext4 $((1 + esp_mib)) $boot_mib $boot_uuid boot "$boot"
	make_group "$from"
	pack_ext4 $((from + 1)) $root_mib $root_uuid phys-root
	pack_swap $((from + 1 + root_mib)) $swap_mib $swap_uuid
	pack_data $((from + 1 + root_mib + swap_mib)) "$data"
}

make_group() { # OFFSET_MIB of the first disk's partition
	local pv1 pv2
	pv1=$(loop_at "${disks[0]}" "$1" $pv1_mib)
	pv2=$(loop_at "${disks[1]}" 1 $pv2_mib)
	lvm_offline pvcreate -y "$pv1" "$pv2"
	lvm_offline vgcreate vg0 "$pv1" "$pv2"
	lvm_offline lvcreate -an -Zn -Wn -y -n root -L ${root_mib}M vg0 "$pv1"
	lvm_offline lvcreate -an -Zn -Wn -y -n swap -L ${swap_mib}M vg0 "$pv1"
	lvm_offline lvcreate -an -Zn -Wn -y -n data -L ${first_mib}M vg0 "$pv1"
	lvm_offline lvextend -L ${data_mib}M vg0/data "$pv2"
	losetup --detach "$pv1"
	losetup --detach "$pv2"
}

# pack_data OFFSET_MIB FOLDER: made in a file and cut where the volume goes on on the second disk.
pack_data() {
	local volume=$work/volume
	pack_ext4 0 $data_mib $data_uuid phys-data "$2" "$volume"
	dd if="$volume" of="${disks[0]}" bs=1M count=$first_mib seek="$1" conv=notrunc,sparse status=none
	dd if="$volume" of="${disks[1]}" bs=1M skip=$first_mib seek=2 conv=notrunc,sparse status=none
}

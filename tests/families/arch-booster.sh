# shellcheck shell=bash disable=SC2154
# Arch with booster, whose init loads only what its own lists name: an image made for the source's SCSI adapter, systemd-boot,
# the kernel's package name in file names.
facts <<'X'
os archlinux 0 x86_64
firmware uefi
root /dev/sda2
disk pvscsi 0 0 -
fs /dev/sda1 vfat AB05-0001 ab050000-0000-4000-8000-000000000001 0 1
fs /dev/sda2 ext4 abaa0002-1c5c-4d36-9d4d-0a2f0c2b1e02 ab050000-0000-4000-8000-000000000002 0 2
nic 00:50:56:ab:00:01 192
X
arch_root
file /etc/os-release <<<'PRETTY_NAME="Arch Linux"'
file /etc/fstab <<'X'
UUID=abaa0002-1c5c-4d36-9d4d-0a2f0c2b1e02	/	ext4	rw,relatime	0 1
UUID=AB05-0001	/boot	vfat	umask=0077	0 2
X
v=6.9.1-arch1-1
kernel $v .zst virtio virtio_ring virtio_pci virtio_blk virtio_net virtio_scsi virtio_rng virtio_balloon virtio_console \
	scsi_mod sd_mod libata libahci ahci ata_piix vmw_pvscsi e1000 e1000e 8139cp vmxnet3 ext4
file /lib/modules/$v/pkgbase <<<linux
touch_file /boot/vmlinuz-linux
# what the generator makes: links of old paths, flat modules, its two lists
mkdir -p "$tree"/usr/{bin,lib/modules,local} "$tree"/{etc,run,var}
ln -s usr/lib "$tree/lib"
ln -s usr/lib "$tree/lib64"
ln -s lib "$tree/usr/lib64"
ln -s bin "$tree/usr/sbin"
ln -s usr/bin "$tree/bin"
ln -s usr/bin "$tree/sbin"
: >"$tree/etc/initrd-release"
printf '\177ELF one program' >"$tree/init"
for m in scsi_mod sd_mod vmw_pvscsi ext4; do
	find "$root/lib/modules/$v" -name "$m.ko.zst" -exec zstd -dqc {} \; >"$tree/usr/lib/modules/$m.ko"
done
cat >"$tree/usr/lib/modules/booster.alias" <<'X'
fs-ext4 ext4
pci:v000015ADd000007C0sv*sd*bc*sc*i* vmw_pvscsi
scsi:t-0x00* sd_mod
X
cat >"$tree/etc/booster.init.yaml" <<X
moduledependencies:
    sd_mod:
        - scsi_mod
    vmw_pvscsi:
        - scsi_mod
builtinmodules:
    "8250": true
    autofs4: true
    efivarfs: true
kernel: $v
mounttimeout: 180
X
tests/support/pack-initramfs "$tree" zstd >"$root/boot/booster-linux.img"
rm -rf "$tree"
file /etc/booster.yaml <<'X'
universal: false
modules: -*,hid_apple # for the keyboard
X
file /boot/loader/loader.conf <<<'default arch.conf'
file /boot/loader/entries/arch.conf <<'X'
title Arch Linux with booster
linux /vmlinuz-linux
initrd /booster-linux.img
options root=UUID=abaa0002-1c5c-4d36-9d4d-0a2f0c2b1e02 rw quiet
X
file /boot/EFI/systemd/systemd-bootx64.efi <<<'systemd-boot'
file /boot/EFI/BOOT/BOOTX64.EFI <<<'systemd-boot'

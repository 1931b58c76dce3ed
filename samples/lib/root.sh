# shellcheck shell=bash disable=SC2154,SC2016
# The guest's root folder: packages from the cache, commands run inside it, configuration that every guest has.
# (SC2154: samples/build sets the variables; SC2016: quoted code is for another shell.)

unpack_base() {
	mkdir "$root"
	tar --zstd --extract --file "$(base_file)" --directory "$root" --xattrs --xattrs-include='*' --numeric-owner
}

# Runs a command inside the guest's root. /dev holds only the harmless nodes: no program in there, such as a boot
# loader's installer, can find a disk of this machine.
in_root() {
	unshare --mount --propagation private bash -euc '
		root=$1
		shift
		mount --bind /proc "$root/proc"
		mount -t tmpfs tmpfs "$root/dev"
		for n in null zero full random urandom tty; do
			: >"$root/dev/$n"
			mount --bind "/dev/$n" "$root/dev/$n"
		done
		ln -s /proc/self/fd "$root/dev/fd"
		mount -t tmpfs tmpfs "$root/run"
		mount --bind "$REHOST_DEBS" "$root/var/cache/apt/archives"
		for s in "$root"/.stub/*; do
			[ ! -e "$s" ] || mount --bind "$s" "$root/usr/sbin/${s##*/}" 2>/dev/null ||
				mount --bind "$s" "$root/usr/bin/${s##*/}"
		done
		exec chroot "$root" "$@"' in_root "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C \
		DEBIAN_FRONTEND=noninteractive ${http_proxy:+http_proxy="$http_proxy"} "$@"
}

install_packages() {
	local options=(-y -q --no-install-recommends -o Dpkg::Use-Pty=0 -o APT::Keep-Downloaded-Packages=true) proxy

	mkdir -p "$REHOST_DEBS/partial"
	proxy=$(proxy_option)
	[[ ! $proxy ]] || echo "$proxy" >"$root/etc/apt/apt.conf.d/99sample-build"
	cp --remove-destination /etc/resolv.conf "$root/etc/resolv.conf"
	# No daemon starts in a chroot.
	printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
	chmod 755 "$root/usr/sbin/policy-rc.d"
	# grub-pc would ask for a disk to install itself on; there is none yet.
	in_root debconf-set-selections <<<'grub-pc grub-pc/install_devices_empty boolean true'
	# The initramfs is made once, when all is configured: INITRD=No spares one now.
	if ! in_root INITRD=No apt-get "${options[@]}" install "${packages[@]}"; then
		# The cached lists may name packages that the mirror has replaced since.
		in_root apt-get -q update
		in_root INITRD=No apt-get "${options[@]}" install "${packages[@]}"
	fi
	rm -f "$root/usr/sbin/policy-rc.d" "$root/etc/apt/apt.conf.d/99sample-build" "$REHOST_DEBS/lock"
}

# The serial console is the last of the kernel's.
serial() {
	local last=${consoles##*console=}
	echo "${last%%,*}"
}

# What every guest has: name, root password "lab", a getty and the boot marker on the serial console.
configure_common() {
	echo "$name" >"$root/etc/hostname"
	printf '127.0.0.1 localhost\n127.0.1.1 %s\n' "$name" >"$root/etc/hosts"
	echo 'nameserver 10.0.2.3' >"$root/etc/resolv.conf"
	# Like every system that has run before.
	echo "$name" | md5sum | cut -c1-32 >"$root/etc/machine-id"
	in_root chpasswd <<<'root:lab'
	install -m 755 "$here/files/boot-marker" "$root/usr/local/sbin/boot-marker"
	if [[ -e $root/lib/systemd/systemd ]]; then configure_systemd; else configure_sysvinit; fi
}

configure_systemd() {
	local units=$root/etc/systemd/system

	install -m 644 "$here/files/boot-marker.service" "$units/boot-marker.service"
	# On an emulated processor of a busy host nothing is late.
	mkdir -p "$root/etc/systemd/system.conf.d"
	printf '[Manager]\nDefaultTimeoutStartSec=900\nDefaultDeviceTimeoutSec=900\n' >"$root/etc/systemd/system.conf.d/emulated.conf"
	mkdir -p "$units/multi-user.target.wants" "$units/getty.target.wants"
	ln -s ../boot-marker.service "$units/multi-user.target.wants/boot-marker.service"
	ln -s /lib/systemd/system/serial-getty@.service "$units/getty.target.wants/serial-getty@$(serial).service"
}

configure_sysvinit() {
	echo "T0:23:respawn:/sbin/getty -L $(serial) 115200 vt100" >>"$root/etc/inittab"
	install -m 755 "$here/files/boot-marker.init" "$root/etc/init.d/boot-marker"
	in_root update-rc.d boot-marker defaults
}

# configure_ifupdown CARD: the static address that web01 and its kin have.
configure_ifupdown() {
	cat >"$root/etc/network/interfaces" <<-N
		# The loopback network interface
		auto lo
		iface lo inet loopback

		# The primary network interface
		auto $1
		iface $1 inet static
			address 10.0.2.50/24
			gateway 10.0.2.2
	N
}

# An initramfs with the recipe's drivers and no others, as MODULES=dep or a careful administrator leaves it: such a guest
# does not find its disk on virtio.
configure_initramfs() {
	sed -i 's/^MODULES=.*/MODULES=list/' "$root/etc/initramfs-tools/initramfs.conf"
	printf '%s\n' "${drivers[@]}" >>"$root/etc/initramfs-tools/modules"
}

make_initramfs() {
	rm -f "$root"/boot/initrd.img-*
	in_root update-initramfs -c -k all
	check_initramfs lsinitramfs
}

# check_initramfs LISTER: the drivers are there, virtio is not.
check_initramfs() {
	local d
	in_root sh -c "$1 /boot/initrd.img-*" >"$work/initramfs"
	for d in "${drivers[@]}"; do
		grep -q "/${d//_/[-_]}\.ko" "$work/initramfs" || { echo "no $d in the initramfs" && return 1; }
	done
	if grep -E 'virtio[-_](blk|scsi|pci|net)' "$work/initramfs"; then return 1; fi
}

# Live content that a test can compare after a conversion, and churn: small files, every second of which is deleted
# later, so that free space lies in many small holes between live blocks.
make_content() {
	local i size files=400
	if ((deleted_mib)); then files=3000; fi
	mkdir -p "$root/srv/data" "$root/var/tmp/deleted"
	for ((i = 0; i < files; i++)); do
		size=$((RANDOM % 12000 + 1))
		if ((i % 2)); then printf -v f '%s/var/tmp/deleted/small-%04d' "$root" "$i"; else
			printf -v f '%s/srv/data/small-%04d' "$root" "$i"
		fi
		head -c "$size" /dev/urandom >"$f"
	done
	# More than promised: check_disk() counts metadata that was never written as in use.
	for ((i = 0; deleted_mib && i < deleted_mib / 20 + 2; i++)); do
		head -c 20M /dev/urandom >"$root/var/tmp/deleted/large-$i"
	done
	(cd "$root/srv/data" && sha256sum -- * >../data.sha256)
}

clean_root() {
	rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/*.bin "$root"/var/log/{*.log,apt} "$root"/tmp/*
	rm -f "$root"/var/cache/debconf/*-old "$root"/var/lib/dpkg/*-old
	mkdir -p "$root/var/lib/apt/lists/partial"
}

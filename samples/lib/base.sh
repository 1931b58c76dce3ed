# shellcheck shell=bash disable=SC2154,SC2016
# The base system that all guests share, made once with the machine's own Debian source and kept in the cache.
# (SC2154: samples/build sets the variables; SC2016: quoted code is for another shell.)

suite=bookworm

# Documentation, and drivers of hardware that no virtual machine has, double the size of the root. Every storage,
# network and virtio driver stays: what the initramfs leaves out must be the recipe's choice.
excluded_modules=(
	drivers/{gpu,media,infiniband,isdn,staging,iio,hwmon,comedi,platform,leds,bluetooth,mtd,edac}
	drivers/net/{wireless,can} drivers/net/ethernet/{mellanox,chelsio,qlogic,broadcom}
	drivers/scsi/{lpfc,qla2xxx,bfa} drivers/usb/gadget drivers/input/touchscreen
	sound net/{bluetooth,mac80211,wireless,can} fs/{ocfs2,gfs2,ceph,nfsd,nfs,smb,afs,reiserfs,jfs,ubifs}
)
base_packages=systemd,systemd-sysv,udev,dbus,kmod,initramfs-tools,zstd,e2fsprogs,iproute2,procps
base_packages+=,netbase,login,passwd,util-linux,busybox

# The archive that this machine installs from, so that its mirror and proxy serve us too.
mirror() {
	local uri=''
	if [[ ${REHOST_MIRROR-} ]]; then
		echo "$REHOST_MIRROR"
		return
	fi
	# shellcheck disable=SC2016  # apt's own variables
	uri=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 'Label: Debian' \
		"Codename: $suite" 'Component: main' 2>/dev/null | head -n 1) || :
	echo "${uri:-http://deb.debian.org/debian}"
}

proxy_option() {
	local proxy=''
	eval "$(apt-config shell proxy Acquire::http::Proxy)"
	[[ ! $proxy ]] || echo "Acquire::http::Proxy \"$proxy\";"
}

# The base system is the same for every guest of an architecture and changes only with this file.
make_base() {
	local base m options=() proxy

	base=$(base_file)
	[[ ! -e $base ]] || return 0
	for m in "${excluded_modules[@]}"; do options+=(--dpkgopt="path-exclude=/usr/lib/modules/*/kernel/$m/*"); done
	for m in "${excluded_modules[@]}"; do options+=(--dpkgopt="path-exclude=/lib/modules/*/kernel/$m/*"); done
	for m in doc man locale info; do options+=(--dpkgopt="path-exclude=/usr/share/$m/*"); done
	options+=(--dpkgopt='path-include=/usr/share/doc/*/copyright')
	proxy=$(proxy_option)
	[[ ! $proxy ]] || options+=(--aptopt="$proxy")
	# Packages come from and go to the cache; the lists stay, so that the guests' packages need no second look.
	# Each guest makes its own initramfs; INITRD=No keeps the kernel's installation from spending 40 s on one.
	INITRD=No TMPDIR=$work/root mmdebstrap --verbose --mode=root --variant=minbase --architectures="$arch" \
		--include="$base_packages,linux-image-$arch" "${options[@]}" --skip=check/qemu \
		--aptopt='APT::Install-Recommends "false"' --dpkgopt=force-unsafe-io \
		--skip=essential/unlink,download/empty,cleanup/apt/lists \
		--setup-hook='mkdir -p "$1/var/cache/apt/archives/partial"' \
		--setup-hook="sync-in $cache/debs /var/cache/apt/archives" \
		--customize-hook="sync-out /var/cache/apt/archives $cache/debs" \
		"$suite" "$cache/partial.tar.zst" "deb $(mirror) $suite main"
	rm -rf "$cache"/debs/partial "$cache"/debs/lock
	rm -f "$cache/base-$arch"-*.tar.zst
	mv "$cache/partial.tar.zst" "$base"
}

base_file() { echo "$cache/base-$arch-$(sha256sum "$here/lib/base.sh" | cut -c1-12).tar.zst"; }

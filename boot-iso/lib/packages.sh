# shellcheck shell=bash disable=SC2154
# Debian's packages: fetched once by apt, unpacked into a folder, never installed.

# The kernel's package has its version in its name: the metapackage depends on the newest.
kernel_package() {
	local name

	name=$(apt-cache depends --important linux-image-amd64 | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1)
	[[ $name ]] || die "apt offers no linux-image-amd64; run apt-get update"
	echo "$name"
}

# Firmware for wired cards and storage adapters; most of it is in non-free-firmware, which many systems don't have.
firmware_packages=(firmware-linux-free firmware-bnx2 firmware-bnx2x firmware-misc-nonfree firmware-myricom
	firmware-netronome firmware-netxen firmware-qlogic firmware-realtek)

# NAME VERSION: fetches the package unless the cache has that version; its file is linked into the work.
fetch_package() {
	local name=$1 version=$2 file=$cache/$1_${2//:/%3a}.deb

	if [[ ! -e $file ]]; then
		(cd "$work" && apt-get -q download "$name=$version" && mv "${name}"_*.deb "$file")
	fi
	ln -s "$file" "$packages/$name.deb"
	echo "$name $version" >>"$work/packages.txt"
}

# Those of the names that apt offers, with the version it would install.
offered_versions() {
	apt-cache show --no-all-versions "$@" 2>/dev/null |
		awk '/^Package: / { name = $2 } /^Version: / { version = $2 } /^Filename: / { print name, version }'
}

fetch_packages() {
	local name version needed

	needed=("$(kernel_package)" busybox-static shim-signed grub-efi-amd64-signed)
	[[ $firmware ]] || firmware_packages=()
	offered_versions "${needed[@]}" "${firmware_packages[@]}" >"$work/offered"
	while read -r name version; do fetch_package "$name" "$version"; done <"$work/offered"
	for name in "${needed[@]}"; do
		[[ -e $packages/$name.deb ]] || die "apt offers no package '$name'; run apt-get update"
	done
	# What is taken from this system: the agent's libraries and udev's.
	dpkg-query -W -f='${Package} ${Version}\n' udev kmod grub-pc-bin e2fsprogs libc6 libnewt0.52 libslang2 ncurses-base >>"$work/packages.txt"
	sort -u -o "$work/packages.txt" "$work/packages.txt"
}

unpack_packages() {
	local deb

	for deb in "$packages"/*.deb; do dpkg-deb -x "$deb" "$work/debs"; done
}

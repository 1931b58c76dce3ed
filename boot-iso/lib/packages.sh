# shellcheck shell=bash disable=SC2154
# Debian's packages: fetched once by apt and unpacked into a folder, never installed; with --installed this system's own
# files of them are taken instead.

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

# What is taken from this system anyway: the agent's libraries and udev's.
note_own_packages() {
	dpkg-query -W -f='${Package} ${Version}\n' udev kmod grub-pc-bin e2fsprogs libc6 libnewt0.52 libslang2 ncurses-base >>"$work/packages.txt"
	sort -u -o "$work/packages.txt" "$work/packages.txt"
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
	note_own_packages
}

unpack_packages() {
	local deb

	for deb in "$packages"/*.deb; do dpkg-deb -x "$deb" "$work/debs"; done
}

# The newest of those that linux-image-amd64 depends on.
installed_kernel_package() {
	# shellcheck disable=SC2016  # dpkg's own variable
	dpkg-query -W -f='${Depends}' linux-image-amd64 2>/dev/null | grep -o 'linux-image-[0-9][^ ,]*' | head -n 1
}

# NAME: its files, from where they are installed.
copy_installed() {
	local file

	# shellcheck disable=SC2016  # dpkg's own variables
	dpkg-query -W -f='${db:Status-Abbrev}${Package} ${Version}\n' "$1" 2>/dev/null | sed -n 's/^ii //p' >"$work/installed"
	[[ -s $work/installed ]] || return 1
	cat "$work/installed" >>"$work/packages.txt"
	dpkg -L "$1" | while read -r file; do [[ ! -f $file ]] || printf '%s\0' ".$file"; done >"$work/files"
	(cd / && cpio --quiet --null -pdmL "$work/debs" <"$work/files")
}

copy_packages() {
	local name

	mkdir -p "$work/debs"
	for name in "$(installed_kernel_package)" busybox-static shim-signed grub-efi-amd64-signed; do
		copy_installed "${name:-linux-image-amd64}" || die "package '${name:-linux-image-amd64}' is not installed; --installed needs it"
	done
	for name in ${firmware:+"${firmware_packages[@]}"}; do copy_installed "$name" || :; done
	note_own_packages
}

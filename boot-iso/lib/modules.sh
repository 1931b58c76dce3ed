# shellcheck shell=bash disable=SC2154
# The kernel's modules: the folders of boot-iso/modules and what those modules depend on.

# Paths of the wanted modules, relative to the kernel's folder: the list's folders less the lines with "!".
wanted_modules() {
	local line wanted=() dropped=()

	while read -r line; do
		case $line in
		'' | '#'*) ;;
		'!'*) dropped+=(-e "^kernel/${line#!}\(/\|\.ko\)") ;;
		*) wanted+=(-e "^kernel/$line\(/\|\.ko\)") ;;
		esac
	done <"$here/modules"
	sed 's/:.*//' "$from/modules.dep" | grep "${wanted[@]}" | grep -v "${dropped[@]}"
}

# The modules of standard input and, of each, what modules.dep names: that list is closed already.
with_dependencies() {
	awk -v dep="$from/modules.dep" '
		BEGIN { while ((getline line < dep) > 0) { split(line, a, ":"); needs[a[1]] = a[2] } }
		{ print; n = split(needs[$1], d, " "); for (i = 1; i <= n; i++) print d[i] }' | sort -u
}

stage_modules() {
	local version from to

	version=$(ls "$work/debs/lib/modules")
	from=$work/debs/lib/modules/$version to=$root/usr/lib/modules/$version
	# The package has no modules.dep: it is made where it's installed.
	depmod -b "$work/debs" "$version"
	mkdir -p "$to"
	wanted_modules | with_dependencies >"$work/modules.list"
	(cd "$from" && cpio --quiet -pdm "$to" <"$work/modules.list")
	cp "$from"/modules.{builtin,builtin.modinfo,order} "$to/"
	ln -s usr/lib "$root/lib"
	depmod -b "$root" "$version"
	echo "$(wc -l <"$work/modules.list") modules"
	cp "$work/debs/boot/vmlinuz-$version" "$work/vmlinuz"
}

# shellcheck shell=bash disable=SC2154
# What a build leaves, when it is up to date, and what a test is told of it.
# (SC2154: samples/build and the guest's recipe set the variables.)

raw_name() { if (($1)); then echo "$name-$(($1 + 1)).raw"; else echo "$name.raw"; fi; }
disk_name() { echo "$name/$name-disk$(($1 + 1))$2"; }

# products: every file of the result, the one to convert first, each below $out.
products() {
	local i
	case $source in
	ova) echo "$name.ova" ;;
	vmx) echo "$name/$name.vmx" ;;
	esac
	for i in "${!disk_mib[@]}"; do
		case $source in
		ova) if [[ $keep_raw ]]; then raw_name "$i"; fi ;;
		vmx) disk_name "$i" -flat.vmdk ;;
		disk) disk_name "$i" .raw ;;
		esac
	done
}

# What the result depends on: every file of the recipe; and whether it is still the one that was built, wherever $out is now.
recipe_hash() { cat "$here/build" "$here"/lib/* "$here"/files/* "$here/guests/$name.sh" | sha256sum | cut -c1-16; }
stamp() {
	local p
	recipe_hash
	while read -r p; do stat -c "$p %s %y" "$out/$p" || return; done < <(products)
}
up_to_date() {
	local now
	[[ ! $force && -e $out/.$name.built ]] && now=$(stamp 2>/dev/null) &&
		[[ $now == "$(head -n "$(wc -l <<<"$now")" "$out/.$name.built")" ]]
}

make_disk() {
	local i
	mkdir "$work/$name"
	for i in "${!disks[@]}"; do mv "${disks[i]}" "$work/$(disk_name "$i" .raw)"; done
}

publish() {
	local i
	# The stamp of the last build goes first: no moment shows it beside files that it does not belong to.
	rm -rf "$out/.$name.built" "${out:?}/$name" "$out/$name.ova" "$out/$name.raw" "$out/$name"-[0-9].raw
	case $source in
	ova)
		mv "$work/$name.ova" "$out/"
		for i in "${!disks[@]}"; do [[ ! $keep_raw ]] || mv "${disks[i]}" "$out/$(raw_name "$i")"; done
		;;
	*) mv "$work/$name" "$out/" ;;
	esac
	stamp >"$out/.$name.built"
	say "done: $out/$(products | head -n 1), $(products | sed "s,^,$out/," | xargs du -cm | tail -n 1 | cut -f1) MiB"
}

# show_guest: bash declarations: name, files (of the result), inputs (arguments of rehost convert), images (what boots on its own hardware), own (empty when that can't be had) and
# virtio (boot-guest's arguments before the image), expect (lines of the boot marker), proof.
show_guest() {
	local i files inputs=() images=() flags=("${both[@]}")

	mapfile -t files < <(products | sed "s,^,$out/,")
	[[ $firmware != efi ]] || flags+=(--uefi)
	[[ $arch == amd64 ]] || flags+=(--arch "$arch")
	((${#nics[@]} == 1)) || flags+=(--nics "${#nics[@]}")
	for i in "${!disk_mib[@]}"; do
		case $source in
		ova) images=("$out/$name.ova") ;;
		vmx) images+=("$out/$(disk_name "$i" .vmdk)") ;;
		disk) images+=("$out/$(disk_name "$i" .raw)") ;;
		esac
	done
	case $source in
	disk) inputs=(-i disk -if raw -on "$name" "${convert[@]}" "${images[@]}") ;;
	*) inputs=("${convert[@]}" "${files[0]}") ;;
	esac
	((!${#own[@]})) || own=("${flags[@]}" "${own[@]}")
	virtio=("${flags[@]}" "${virtio[@]}" virtio)
	declare -p name files inputs images own virtio expect proof
}

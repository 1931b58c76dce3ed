# shellcheck shell=bash disable=SC2154
# The guest as a folder of VMware: a VMX, and for each disk a descriptor beside its flat bytes.
# (SC2154: samples/build and the guest's recipe set the variables.)

make_vmx() {
	local i file
	mkdir "$work/$name"
	for i in "${!disks[@]}"; do
		file=$(disk_name "$i" -flat.vmdk)
		mv "${disks[i]}" "$work/$file"
		vmdk_descriptor "$((disk_mib[i] * 2048))" "${file##*/}" >"$work/$(disk_name "$i" .vmdk)"
	done
	vmx_text >"$work/$name/$name.vmx"
}

vmdk_descriptor() { # SECTORS FILE
	cat <<-D
		# Disk DescriptorFile
		version=1
		encoding="UTF-8"
		CID=fffffffe
		parentCID=ffffffff
		createType="monolithicFlat"

		# Extent description
		RW $1 FLAT "$2" 0

		# The Disk Data Base
		#DDB

		ddb.virtualHWVersion = "19"
		ddb.geometry.cylinders = "$(($1 / 16065))"
		ddb.geometry.heads = "255"
		ddb.geometry.sectors = "63"
		ddb.adapterType = "lsilogic"
	D
}

# vmx_disk INDEX CONTROLLER: each kind of controller is there once, its disks counted in their order.
vmx_disk() {
	local bus unit before i
	case $2 in
	pvscsi | lsilogic) bus=scsi0 ;;
	sata) bus=sata0 ;;
	ide) bus=ide0 ;;
	nvme) bus=nvme0 ;;
	esac
	unit=0
	for ((i = 0; i < $1; i++)); do
		before=$(controller_of "$i")
		[[ $before != "$2" ]] || unit=$((unit + 1))
	done
	if ((unit == 0)); then
		echo "$bus.present = \"TRUE\""
		[[ $bus != scsi0 ]] || echo "$bus.virtualDev = \"$2\""
	fi
	printf '%s.present = "TRUE"\n%s.fileName = "%s"\n' "$bus:$unit" "$bus:$unit" "$name-disk$(($1 + 1)).vmdk"
}

vmx_nic() { # INDEX
	printf 'ethernet%d.present = "TRUE"\nethernet%d.virtualDev = "%s"\nethernet%d.networkName = "VM Network"\n' \
		"$1" "$1" "${nics[$1]}" "$1"
	printf 'ethernet%d.addressType = "static"\nethernet%d.address = "52:54:00:aa:00:%02x"\n' "$1" "$1" $(($1 + 1))
	[[ ! $pci_slots ]] || printf 'ethernet%d.pciSlotNumber = "%d"\n' "$1" $((192 + 32 * $1))
}

vmx_text() {
	local i os=debian12-64
	# As Fusion calls it on Apple's processors.
	[[ $arch != arm64 ]] || os=arm-$os
	cat <<-V
		.encoding = "UTF-8"
		config.version = "8"
		virtualHW.version = "19"
		displayName = "$name"
		annotation = "Sample guest of rehost: $annotation"
		guestOS = "$os"
		memSize = "1024"
		numvcpus = "2"
		firmware = "$firmware"
		uuid.bios = "56 4d $(echo "$name" | md5sum | cut -c1-28 | sed 's/\(..\)\(..\)/\1 \2 /g; s/ $//; s/ /-/6')"
	V
	for i in "${!disk_mib[@]}"; do vmx_disk "$i" "$(controller_of "$i")"; done
	for i in "${!nics[@]}"; do vmx_nic "$i"; done
}

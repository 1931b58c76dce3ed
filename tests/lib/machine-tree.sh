# shellcheck shell=bash
# A made-up machine for the live ISO's agent: a folder with what it reads of /sys, /proc and /run, its disks being files.

machine=

machine_file() { # PATH TEXT
	mkdir -p "$machine/$(dirname "$1")"
	# shellcheck disable=SC2059  # escapes are meant
	printf "$2" > "$machine/$1"
}

machine_link() { # PATH TARGET
	mkdir -p "$machine/$(dirname "$1")"
	ln -sfn "$2" "$machine/$1"
}

machine_pci() { # DEVICE ADDRESS DRIVER
	machine_link "$1/subsystem" ../../../bus/pci
	machine_link "$1/driver" "../../../bus/pci/drivers/$3"
	machine_file "$1/uevent" "PCI_SLOT_NAME=$2\n"
}

machine_begin() { # FOLDER
	machine=$1
	machine_file sys/class/dmi/id/sys_vendor 'Acme\n'
	machine_file sys/class/dmi/id/product_name 'Box 9\n'
	machine_file sys/class/dmi/id/product_serial 'XYZ1\n'
	machine_file sys/class/dmi/id/product_uuid '11111111-2222-3333-4444-555555555555\n'
	machine_file proc/meminfo 'MemTotal: 524288 kB\n'
	for cpu in 0 1; do machine_file sys/devices/system/cpu/cpu$cpu/topology/core_id "$cpu\n"; done
	machine_pci sys/devices/pci0000:00/0000:00:1f.2 0000:00:1f.2 ahci
	mkdir -p "$machine/dev"
}

machine_disk() { # NAME NUMBER MIB UDEV [removable]
	local device=sys/devices/pci0000:00/0000:00:1f.2/host0/$1-dev
	local block=$device/block/$1

	machine_file "$block/dev" "$2\n"
	machine_file "$block/size" "$(($3 * 2048))\n"
	machine_file "$block/removable" "$([ "${5:-}" ] && echo 1 || echo 0)\n"
	machine_file "$block/ro" '1\n'
	machine_link "$block/device" ../..
	machine_link "sys/class/block/$1" "../../../$block"
	machine_file "run/udev/data/b$2" "E:ID_PATH=pci-0000:00:1f.2-$1\n$4"
	truncate -s "$3M" "$machine/dev/$1"
}

machine_nic() { # NAME INDEX MAC [link]
	local device=sys/devices/pci0000:00/0000:0$2:00.0
	local net=$device/net/$1

	machine_pci "$device" "0000:0$2:00.0" igb
	machine_file "$net/address" "$3\n"
	machine_file "$net/type" '1\n'
	machine_file "$net/carrier" "$([ "${4:-}" ] && echo 1 || echo 0)\n"
	machine_file "$net/speed" '1000\n'
	machine_file "$net/ifindex" "$2\n"
	machine_link "$net/device" ../..
	machine_link "sys/class/net/$1" "../../../$net"
	machine_file "run/udev/data/n$2" "E:ID_NET_NAME_ONBOARD=$1\n"
}

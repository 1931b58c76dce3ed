#!/bin/bash
# End to end by UEFI: a machine with its system on NVMe, a second disk on AHCI, a volume group across both and a card on board
# boots the live ISO, dials `rehost serve` and switches itself off. The guest boots on virtio with empty UEFI variables and has the
# state, mounts, swap, content, names and addresses that the machine has; what travelled is what its file systems use.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/common.sh
. tests/lib/p2v-machine.sh
. tests/lib/convert-and-boot.sh
p2v_needs dumpe2fs sfdisk virt-xml-validate
need_root
p2v_scratch
live_iso
samples/build --out build/samples phys-uefi
eval "$(samples/build --out build/samples --show phys-uefi)"
for i in 0 1; do cp --sparse=always "${images[i]}" "$work/disk$i.raw"; done
before=$(sha256sum "$work"/disk?.raw)

start_host --jobs 1
medium=$work/p2v.iso
./rehost iso --server "10.0.2.2:$port" --token "$token" --name "$name" --post poweroff "$work/iso/rehost-p2v.iso" "$medium"
cp /usr/share/OVMF/OVMF_VARS_4M.fd "$work/vars.fd"
echo "[$SECONDS s] the machine is switched on"
# SMBIOS says that its card is the first one on board: udev calls it eno1.
power_on -no-reboot -drive if=pflash,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd \
	-drive "if=pflash,format=raw,file=$work/vars.fd" \
	-device e1000e,id=card,bus=pcie.0,addr=0x19,netdev=net,romfile=,mac=52:54:00:aa:00:01 \
	-smbios type=41,designation=LAN,instance=1,kind=ethernet,pcidev=card \
	-drive "if=none,id=disk0,format=raw,file=$work/disk0.raw" -device nvme,drive=disk0,serial=NV001 \
	-drive "if=none,id=disk1,format=raw,file=$work/disk1.raw" -device ide-hd,bus=ide.0,drive=disk1,serial=SN001
await_off
[ "$(sha256sum "$work"/disk?.raw)" = "$before" ] || fail "the machine's disks were written to"
check_bytes "$work/disk0.raw" "$work/disk1.raw"

result=$work/out/$name
check_result "$result"
jq -e '.machine | .firmware == "uefi" and ([.disks[] | .controller] | sort == ["nvme", "sata"]) and
	[.nics[] | [.mac, .model]] == [["52:54:00:aa:00:01", "e1000e"]]' "$result/report.json" > /dev/null ||
	fail "another machine: $(jq -c .machine "$result/report.json")"
mapfile -t disks < <(result_disks "$result")
boot=$(jq '[.machine.disks[].boot_order] | index(1) // 0' "$result/report.json")
macs=(--timeout 900 --mac 52:54:00:aa:00:01)
echo "[$SECONDS s] the guest boots, then the machine itself"
boots "$work/after" --boot "$boot" "${macs[@]}" "${virtio[@]}" "${disks[@]}" || fail "the result does not boot: $(cat "$work/after")"
expect_lines "$work/after"
same_as_own
grep -q '^nic: eno1 virtio_net ' "$work/after" || fail "no card eno1 on virtio: $(cat "$work/after")"
echo "booted on virtio by UEFI: $(grep -F 'address: eno1' "$work/after"), same state, mounts and content as the machine"

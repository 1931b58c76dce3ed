# shellcheck shell=bash disable=SC2154
# The export: streamOptimized VMDK, an OVF as ESXi writes it, a SHA-256 manifest, all in a ustar archive.
# (SC2154: samples/build and the guest's recipe set the variables.)

# One disk and one card: guests with more are exported as VMX.
make_ova() {
	local f
	((${#disks[@]} == 1 && ${#nics[@]} == 1)) || { echo "an OVA here has one disk and one card" && return 1; }
	mkdir "$work/ova"
	cd "$work/ova" || return
	qemu-img convert -p -f raw -O vmdk -o subformat=streamOptimized,adapter_type=lsilogic,hwversion=13 \
		"$disk" "$name-disk1.vmdk"
	make_ovf >"$name.ovf"
	for f in "$name.ovf" "$name-disk1.vmdk"; do
		echo "SHA256($f)= $(sha256sum "$f" | cut -d' ' -f1)"
	done >"$name.mf"
	tar --format=ustar --owner=root --group=root --numeric-owner -cf "$work/$name.ova" \
		"$name.ovf" "$name.mf" "$name-disk1.vmdk"
}

# item ELEMENT=VALUE...: a hardware item; elements stand in alphabetical order, as OVF asks, vmw:Config after them.
item() {
	local e optional=''
	if [[ $1 == optional ]]; then optional=' ovf:required="false"' && shift; fi
	echo "      <Item$optional>"
	for e in "$@"; do
		[[ $e ]] || continue
		case $e in
		config:*) config "  " "${e#config:}" ;;
		*) echo "        <rasd:${e%%=*}>${e#*=}</rasd:${e%%=*}>" ;;
		esac
	done
	echo "      </Item>"
}

config() { echo "$1      <vmw:Config ovf:required=\"false\" vmw:key=\"${2%%=*}\" vmw:value=\"${2#*=}\"/>"; }

# Some exports carry the PCI slots and some don't; the guest's recipe says which, in pci_slots.
slot() { if [[ $pci_slots ]]; then echo "config:slotInfo.pciSlotNumber=$1"; fi; }

make_ovf() {
	local c
	cat <<O
<?xml version="1.0" encoding="UTF-8"?>
<Envelope vmw:buildId="build-18485185" xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:cim="http://schemas.dmtf.org/wbem/wscim/1/common" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1" xmlns:rasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData" xmlns:vmw="http://www.vmware.com/schema/ovf" xmlns:vssd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
  <References>
    <File ovf:href="$name-disk1.vmdk" ovf:id="file1" ovf:size="$(stat -c %s "$name-disk1.vmdk")"/>
  </References>
  <DiskSection>
    <Info>Virtual disk information</Info>
    <Disk ovf:capacity="${disk_mib[0]}" ovf:capacityAllocationUnits="byte * 2^20" ovf:diskId="vmdisk1" ovf:fileRef="file1" ovf:format="http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized" ovf:populatedSize="$(($(stat -c '%b * %B' "$disk")))"/>
  </DiskSection>
  <NetworkSection>
    <Info>The list of logical networks</Info>
    <Network ovf:name="VM Network">
      <Description>The VM Network network</Description>
    </Network>
  </NetworkSection>
  <VirtualSystem ovf:id="$name">
    <Info>A virtual machine</Info>
    <Name>$name</Name>
    <OperatingSystemSection ovf:id="96" vmw:osType="debian12_64Guest">
      <Info>The kind of installed guest operating system</Info>
      <Description>Debian GNU/Linux 12 (64-bit)</Description>
    </OperatingSystemSection>
    <VirtualHardwareSection>
      <Info>Virtual hardware requirements</Info>
      <System>
        <vssd:ElementName>Virtual Hardware Family</vssd:ElementName>
        <vssd:InstanceID>0</vssd:InstanceID>
        <vssd:VirtualSystemIdentifier>$name</vssd:VirtualSystemIdentifier>
        <vssd:VirtualSystemType>vmx-19</vssd:VirtualSystemType>
      </System>
O
	item 'AllocationUnits=hertz * 10^6' 'Description=Number of Virtual CPUs' 'ElementName=2 virtual CPU(s)' \
		InstanceID=1 ResourceType=3 VirtualQuantity=2
	item 'AllocationUnits=byte * 2^20' 'Description=Memory Size' 'ElementName=1024MB of memory' \
		InstanceID=2 ResourceType=4 VirtualQuantity=1024
	case $controller in
	pvscsi)
		item Address=0 'Description=SCSI Controller' 'ElementName=SCSI controller 0' \
			InstanceID=3 ResourceSubType=VirtualSCSI ResourceType=6 "$(slot 160)"
		;;
	sata)
		item Address=0 'Description=SATA Controller' 'ElementName=SATA controller 0' \
			InstanceID=3 ResourceSubType=vmware.sata.ahci ResourceType=20 "$(slot 33)"
		;;
	esac
	item Address=1 'Description=IDE Controller' 'ElementName=IDE 1' InstanceID=4 ResourceType=5
	item Address=0 'Description=IDE Controller' 'ElementName=IDE 0' InstanceID=5 ResourceType=5
	item optional AutomaticAllocation=false 'ElementName=Video card' InstanceID=6 ResourceType=24 \
		config:useAutoDetect=false config:videoRamSizeInKB=4096
	item optional AutomaticAllocation=false 'ElementName=VMCI device' InstanceID=7 ResourceSubType=vmware.vmci \
		ResourceType=1 "$(slot 32)" config:allowUnrestrictedCommunication=false
	item optional AddressOnParent=0 AutomaticAllocation=false 'ElementName=CD/DVD drive 1' InstanceID=8 Parent=4 \
		ResourceSubType=vmware.cdrom.remotepassthrough ResourceType=15 config:backing.exclusive=false
	item AddressOnParent=0 'ElementName=Hard disk 1' HostResource=ovf:/disk/vmdisk1 InstanceID=9 Parent=3 \
		ResourceType=17 config:backing.writeThrough=false
	item AddressOnParent=7 AutomaticAllocation=true 'Connection=VM Network' \
		'Description=VmxNet3 ethernet adapter on &quot;VM Network&quot;' 'ElementName=Network adapter 1' \
		InstanceID=10 ResourceSubType=VmxNet3 ResourceType=10 "$(slot 192)" config:wakeOnLanEnabled=true \
		config:connectable.allowGuestControl=true
	for c in cpuHotAddEnabled=false cpuHotRemoveEnabled=false memoryHotAddEnabled=false firmware="$firmware" \
		cpuAllocation.shares.shares=2000 cpuAllocation.shares.level=normal tools.syncTimeWithHost=false \
		tools.toolsUpgradePolicy=manual powerOpInfo.powerOffType=soft powerOpInfo.resetType=soft \
		nestedHVEnabled=false virtualICH7MPresent=false bootOptions.efiSecureBootEnabled=false; do
		config "" "$c"
	done
	if [[ $pci_slots ]]; then
		echo '      <vmw:ExtraConfig ovf:required="false" vmw:key="pciBridge0.pciSlotNumber" vmw:value="17"/>'
		echo '      <vmw:ExtraConfig ovf:required="false" vmw:key="ethernet0.pciSlotNumber" vmw:value="192"/>'
	fi
	cat <<O
    </VirtualHardwareSection>
    <AnnotationSection ovf:required="false">
      <Info>A human-readable annotation</Info>
      <Annotation>Sample guest of rehost: $annotation</Annotation>
    </AnnotationSection>
  </VirtualSystem>
</Envelope>
O
}

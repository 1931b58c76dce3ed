#!/bin/bash
# Descriptions with images beside them: a .vbox with a snapshot, and the XML that a conversion itself wrote, give the disk
# that they name; the folder of each stands for it.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/common.sh
scratch
rehost=$PWD/rehost
cd "$work"
mkdir -p vm/Snapshots

# A disk with a partition and something in it; the snapshot's delta has newer content at 3 MiB.
truncate -s 8M base.raw
printf 'label: dos\nstart=2048,type=83\n' | /sbin/sfdisk -q base.raw
qemu-io -f raw -c 'write -P 1 2M 64k' base.raw > /dev/null
cp base.raw want.raw
qemu-io -f raw -c 'write -P 2 3M 64k' want.raw > /dev/null
qemu-img convert -f raw -O vdi base.raw vm/web.vdi
qemu-img convert -f raw -O vdi want.raw vm/Snapshots/delta.vdi
uuid() { python3 -c 'import sys, uuid; d = open(sys.argv[1], "rb").read(0x198); print(uuid.UUID(bytes_le=d[0x188:0x198]))' "$1"; }
# The second image becomes a difference to the first: type 4, the parent's two UUIDs.
python3 - vm/web.vdi vm/Snapshots/delta.vdi << 'PY'
import struct, sys
base = open(sys.argv[1], 'rb').read(512)
with open(sys.argv[2], 'r+b') as f:
    f.seek(0x4c); f.write(struct.pack('<I', 4))
    f.seek(0x1a8); f.write(base[0x188:0x1a8])
PY
cat > vm/web.vbox << XML
<?xml version="1.0"?>
<VirtualBox xmlns="http://www.virtualbox.org/" version="1.19-linux">
<Machine uuid="{564d1122-3344-5566-7788-99aabbccddee}" name="web" OSType="Debian_64" snapshotFolder="Snapshots">
<MediaRegistry><HardDisks><HardDisk uuid="{$(uuid vm/web.vdi)}" location="web.vdi" format="VDI" type="Normal">
<HardDisk uuid="{$(uuid vm/Snapshots/delta.vdi)}" location="Snapshots/delta.vdi" format="VDI"/></HardDisk></HardDisks></MediaRegistry>
<Hardware><CPU count="2"/><Memory RAMSize="512"/><Network>
<Adapter slot="0" enabled="true" MACAddress="080027AABB01" type="82540EM"><NAT/></Adapter></Network>
<StorageControllers><StorageController name="SATA" type="AHCI"><AttachedDevice type="HardDisk" port="0" device="0">
<Image uuid="{$(uuid vm/Snapshots/delta.vdi)}"/></AttachedDevice></StorageController></StorageControllers>
</Hardware></Machine></VirtualBox>
XML
"$rehost" convert -q vm -os out --no-convert --network NAT:default || fail "the .vbox's folder"
qemu-img compare -q -f raw -F qcow2 want.raw out/web/web-sda.qcow2 || fail "the disk of the .vbox differs"
for text in '<name>web</name>' 08:00:27:aa:bb:01 564d1122-3344-5566-7788-99aabbccddee 524288; do
	grep -q -- "$text" out/web/web.xml || fail "no $text in $(cat out/web/web.xml)"
done

# What libvirt was given goes in again: beside the XML, and elsewhere with the user's word.
"$rehost" convert -q out/web/web.xml -os again --no-convert || fail "the XML beside its disk"
qemu-img compare -q -f raw -F qcow2 want.raw again/web/web-sda.qcow2 || fail "the disk of the XML differs"
mkdir far && cp out/web/web.xml far/
says 4 'no --allow-parent allows it, and there is no .web-sda.qcow2. beside the XML' "$rehost" convert -q far/web.xml -os elsewhere --no-convert
"$rehost" convert -q far/web.xml -os elsewhere --no-convert --allow-parent "$work/out/web" || fail "with --allow-parent"
qemu-img compare -q -f raw -F qcow2 want.raw elsewhere/web/web-sda.qcow2 || fail "the disk from elsewhere differs"
for key in '<name>' '<uuid>' '<mac '; do
	[ "$(grep -c -- "$key" out/web/web.xml)" = "$(grep -c -- "$key" elsewhere/web/web.xml)" ] || fail "$key is not as before"
done
# A target that holds the source is none, with --force neither.
mkdir parent && cp -a vm parent/web
cd parent
says 3 'exists already' "$rehost" convert -q web --no-convert
says 3 'is no result of a conversion' "$rehost" convert -q web --no-convert --force
echo '{}' > web/report.json # a result's disks are a source, too
says 3 'holds the source .web.' "$rehost" convert -q web --no-convert --force
rm web/report.json
cd ..
diff -r vm parent/web > changed || fail "the source has changed: $(cat changed)"
[ "$(ls -A parent)" = "$(printf 'log\nweb')" ] || fail "left: $(ls -A parent)"
echo "machines of VirtualBox and libvirt are read with the disks that they name"

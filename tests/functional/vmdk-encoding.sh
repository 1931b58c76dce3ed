#!/bin/bash
# Names in VMDK descriptors of hosts whose encoding isn't UTF-8: extents and parents are found, from the confined processes.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/common.sh
scratch
rehost=$PWD/rehost
cd "$work"
n=0

# descriptor FILE ENCODING BYTES-OF-THE-EXTENT [LINE]
descriptor() {
	printf '# Disk DescriptorFile\nversion=1\nencoding="%s"\nCID=12345678\nparentCID=ffffffff\n%screateType="monolithicFlat"\nRW 2048 FLAT "%b" 0\n' \
		"$2" "${4:-}" "$3" > "$1"
}

# The descriptor inside an image names its parent in windows-1252.
restate() {
	python3 - "$1" << 'END'
import sys
image = open(sys.argv[1], 'r+b')
text = image.seek(512) and image.read(20 * 512).rstrip(b'\0')
new = text.replace('Müller'.encode(), b'M\xfcller').replace(b'version=1\n', b'version=1\nencoding="windows-1252"\n')
assert new.count(b'\xfc') == 1 and b'encoding' in new
image.seek(512)
image.write(new.ljust(20 * 512, b'\0'))
END
}

head -c 1M /dev/urandom > want
while read -r encoding bytes name; do
	mkdir "$encoding"
	cp want "$encoding/$name-flat.vmdk"
	descriptor "$encoding/a.vmdk" "$encoding" "$bytes-flat.vmdk"
	"$rehost" copy -q -O raw "$encoding/a.vmdk" "$encoding/out" || fail "$encoding: copy"
	cmp want "$encoding/out" || fail "$encoding: another disk"
	"$rehost" info --check "$encoding/a.vmdk" > log || fail "$encoding: check: $(cat log)"
	n=$((n + 1))
done << 'END'
windows-1252 M\xfcller Müller
windows-1251 \xc4\xe8\xf1\xea Диск
GBK \xb4\xc5\xc5\xcc 磁盘
Shift_JIS \x83\x5c\x83\x74\x83\x67 ソフト
Big5 \xba\xcf\xba\xd0 磁碟
EUC-KR \xb5\xf0\xbd\xba\xc5\xa9 디스크
END

# A file that is called by these very bytes is the one that is meant (copied from Windows by a tool that kept them).
mkdir bytes
raw=$(printf 'M\xfcller')
cp want "bytes/$raw-flat.vmdk"
head -c 1M /dev/zero > bytes/Müller-flat.vmdk
descriptor bytes/a.vmdk windows-1252 'M\xfcller-flat.vmdk'
"$rehost" copy -q -O raw bytes/a.vmdk bytes/out || fail "the name's bytes"
cmp want bytes/out || fail "the name's bytes: another disk"

# Without a set that we know, names are bytes; a name leads nowhere else by being translated.
descriptor bytes/b.vmdk klingon 'M\xfcller-flat.vmdk'
"$rehost" compare bytes/a.vmdk bytes/b.vmdk > log || fail "an unknown encoding: $(cat log)"
descriptor bytes/c.vmdk 'GBK//TRANSLIT' 'M\xfcller-flat.vmdk'
"$rehost" compare bytes/a.vmdk bytes/c.vmdk > log || fail "an encoding with options: $(cat log)"
descriptor bytes/d.vmdk windows-1252 '../windows-1252/M\xfcller-flat.vmdk'
says 4 "outside the image's folder" "$rehost" info bytes/d.vmdk > /dev/null

# The parent's name, and a descriptor inside an image (in the process of a conversion).
if command -v qemu-img > /dev/null; then
	mkdir chain
	qemu-img convert -f raw -O vmdk want chain/Müller.vmdk
	(cd chain && qemu-img create -q -f vmdk -b Müller.vmdk -F vmdk top.vmdk)
	restate chain/top.vmdk
	"$rehost" copy -q -O raw chain/top.vmdk chain/out || fail "parent"
	cmp want chain/out || fail "parent: another disk"
fi

# In the process of a conversion, too.
"$rehost" convert -q --no-convert --no-trim -of raw -os . -on whole GBK/a.vmdk > log 2>&1 || fail "convert: $(cat log)"
cmp want whole/whole-sda.raw || fail "convert: another disk"
echo "$n encodings, bytes, a parent, a conversion"

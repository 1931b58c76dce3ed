#!/bin/bash
# Builds the Debian packages, twice: the same bytes. In a clean Debian 12 they install, run, and leave nothing when purged.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/common.sh
need_root
for tool in dpkg-buildpackage dh lintian mmdebstrap; do command -v $tool > /dev/null || skip "$tool isn't installed (tools/setup --for=deb)"; done
scratch
# Where Debian's packages come from: the mirror and proxy of this machine, as sample guests have them.
suite=bookworm arch=amd64
# shellcheck source=samples/lib/base.sh
. samples/lib/base.sh

# What tools/setup installs to build is what the source package asks for.
while read -r library; do
	grep -qE "^ $library( |,|\$)" debian/control || fail "debian/control: Build-Depends lacks $library"
done < <(tools/setup --list | awk '$1 ~ /-dev$/ && / build / { print $1 }')

echo "building the packages"
tools/deb "$work/deb" > "$work/build.log" 2>&1 || fail "make deb: $(tail -n 30 "$work/build.log")"
! grep -E '^[EW]: ' "$work/build.log" || fail "lintian"
rehost=$(ls "$work"/deb/rehost_*.deb) iso=$(ls "$work"/deb/rehost-p2v-iso_*.deb)
dpkg-deb -c "$iso" > "$work/list"
grep -q ' ./usr/share/rehost/p2v/rehost-p2v.iso$' "$work/list" || fail "rehost-p2v-iso has no ISO"
dpkg-deb -f "$iso" Built-Using > "$work/list"
grep -q 'linux-signed-amd64 (= ' "$work/list" || fail "rehost-p2v-iso doesn't name its kernel's source: $(cat "$work/list")"

echo "building once more"
tools/deb --no-iso --no-lintian "$work/again" > "$work/build.log" 2>&1 || fail "make deb: $(tail -n 30 "$work/build.log")"
cmp "$rehost" "$work/again/${rehost##*/}" || fail "two builds differ"

cat > "$work/try.sh" << 'S'
set -eu
export DEBIAN_FRONTEND=noninteractive
apt-get -qq -y --no-install-recommends install /root/rehost_*.deb /root/rehost-p2v-iso_*.deb man-db > /root/apt.log 2>&1 || { tail -n 20 /root/apt.log; exit 1; }
rehost --version | grep -x 'rehost [0-9.]*'
rehost doctor > /root/doctor.txt || [ $? = 8 ]
grep '^ok .* libguestfs' /root/doctor.txt
cd /root
truncate -s 4M tiny.raw
printf 'some data' | dd of=tiny.raw conv=notrunc status=none
rehost convert -q -i disk -if raw --no-convert --no-trim -os out -on tiny tiny.raw
rehost compare -f raw tiny.raw out/tiny/tiny-sda.qcow2
rehost iso --server 192.0.2.1 /usr/share/rehost/p2v/rehost-p2v.iso site.iso
[ -s site.iso ]
for page in $(dpkg -L rehost | sed -n 's|^/usr/share/man/man\(.\)/\(.*\)\.[0-9]\.gz$|\1:\2|p'); do
	man -w "${page%:*}" "${page#*:}" > /dev/null || { echo "man doesn't find $page"; exit 1; }
done
man -P cat rehost-convert | grep -q -- --undo-log
for file in /usr/share/bash-completion/completions/rehost /usr/share/zsh/vendor-completions/_rehost /usr/share/fish/vendor_completions.d/rehost.fish \
	/lib/systemd/system/rehost-serve.service /usr/share/rehost/schema/report.schema.json; do
	[ -s "$file" ] || { echo "no $file"; exit 1; }
done
grep -q '^ExecStart=/usr/bin/rehost ' /lib/systemd/system/rehost-serve.service
dpkg -V rehost rehost-p2v-iso
mkdir -p /var/cache/rehost/x /var/lib/rehost/web01
apt-get -qq -y purge rehost rehost-p2v-iso > /root/apt.log 2>&1 || { tail -n 20 /root/apt.log; exit 1; }
[ ! -e /var/cache/rehost ] && [ -d /var/lib/rehost/web01 ]
rm -r /var/lib/rehost
left=$(find / -xdev -name '*rehost*' ! -path '/root/*' ! -path '/proc/*' ! -path '/sys/*' ! -path '/var/cache/apt/*' ! -path '/var/cache/man/*')
[ -z "$left" ] || { echo "purge leaves $left"; exit 1; }
echo "all of it worked"
S

echo "installing in a clean Debian 12"
options=()
proxy=$(proxy_option)
[[ ! $proxy ]] || options+=(--aptopt="$proxy")
# shellcheck disable=SC2016  # mmdebstrap's own variable
TMPDIR=$work mmdebstrap --quiet --mode=root --variant=minbase --format=null "${options[@]}" --dpkgopt=force-unsafe-io \
	--customize-hook="copy-in $rehost $iso $work/try.sh /root" --customize-hook='chroot "$1" sh /root/try.sh' \
	"$suite" /dev/null "deb $(mirror) $suite main" > "$work/root.log" 2>&1 || fail "in a clean Debian 12: $(tail -n 30 "$work/root.log")"
grep -qx 'all of it worked' "$work/root.log" || fail "in a clean Debian 12: $(tail -n 30 "$work/root.log")"
echo "$(du -k "$rehost" | cut -f 1) KiB and an ISO of $(($(du -k "$iso" | cut -f 1) / 1024)) MiB: built alike, installed, run, purged"

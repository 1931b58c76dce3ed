#!/bin/bash
# --agent: qemu-guest-agent from package files, put into guests without running anything of theirs; dpkg and rpm are the
# judges of what they find.
# usage: tests/functional/guest-agent.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/common.sh
export PATH=$PATH:/usr/sbin:/sbin LC_ALL=C
command -v dpkg-deb >/dev/null || skip "dpkg-deb is missing"
make -s build/tests/support/convert_folder
scratch

# NAME VERSION DEPENDS EXTRA-FIELD: a .deb of the files in $work/tree, with a script that leaves a trace
make_deb() {
	local dir=$work/tree
	mkdir -p "$dir/DEBIAN"
	{
		printf 'Package: %s\nVersion: %s\nArchitecture: amd64\nMaintainer: Nobody <nobody@example.org>\n' "$1" "$2"
		[ -z "$3" ] || echo "Depends: $3"
		[ -z "$4" ] || echo "$4"
		printf 'Description: test package\n with a second line\n'
	} >"$dir/DEBIAN/control"
	(cd "$dir" && find . -type f ! -path './DEBIAN/*' -printf '%P\0' | xargs -r0 md5sum) >"$dir/DEBIAN/md5sums"
	dpkg-deb -Zxz --root-owner-group -b "$dir" "$work/$5/$1_$2_amd64.deb" >/dev/null
	rm -rf "$dir"
}

agent_files() {
	mkdir -p "$work"/tree/{usr/sbin,lib/systemd/system,etc/init.d,DEBIAN}
	echo program >"$work/tree/usr/sbin/qemu-ga"
	chmod 755 "$work/tree/usr/sbin/qemu-ga"
	ln -s qemu-ga "$work/tree/usr/sbin/qemu-agent"
	printf '[Service]\nExecStart=/usr/sbin/qemu-ga\n[Install]\nWantedBy=multi-user.target\n' \
		>"$work/tree/lib/systemd/system/qemu-guest-agent.service"
	echo '#!/bin/sh' >"$work/tree/etc/init.d/qemu-guest-agent"
	chmod 755 "$work/tree/etc/init.d/qemu-guest-agent"
}

agent_deb() { # DEPENDS FOLDER
	agent_files
	echo /etc/init.d/qemu-guest-agent >"$work/tree/DEBIAN/conffiles"
	# shellcheck disable=SC2016
	printf '#!/bin/sh\n[ "$1" = configure ] && echo "$1" >>"$DPKG_ROOT/configured"\n' >"$work/tree/DEBIAN/postinst"
	chmod 755 "$work/tree/DEBIAN/postinst"
	make_deb qemu-guest-agent 1:7.2+dfsg-7 "$1" 'Multi-Arch: foreign' "$2"
}

guest() { # a small Debian with systemd and /usr merged
	root=$work/$1
	mkdir -p "$root"/{etc,usr/lib/systemd/system,sbin,var/lib/dpkg/info,var/lib/dpkg/updates,var/log}
	ln -s usr/lib "$root/lib"
	: >"$root/usr/lib/systemd/systemd"
	ln -s /usr/lib/systemd/systemd "$root/sbin/init"
	echo 1 >"$root/var/lib/dpkg/info/format"
	printf 'Package: libc6\nStatus: install ok installed\nPriority: optional\nSection: libs\nMaintainer: x <x@y>\nArchitecture: amd64\nMulti-Arch: same\nVersion: 2.36-9\nDescription: libc\n' \
		>"$root/var/lib/dpkg/status"
	printf '/.\n' >"$root/var/lib/dpkg/info/libc6:amd64.list"
	: >"$root/var/lib/dpkg/info/libc6:amd64.md5sums"
	printf 'Package: qemu-guest-agent\nStatus: deinstall ok config-files\nMaintainer: x <x@y>\nArchitecture: amd64\nVersion: 0.1\nDescription: old\n' |
		{ echo && cat; } >>"$root/var/lib/dpkg/status"
	printf 'os debian 12 x86_64\nroot /dev/sda1\ndisk pvscsi 0 0 -\nagent %s\n' "$work/$2" >"$work/$1.facts"
}

convert() { # NAME
	build/tests/support/convert_folder "$work/$1" "$work/$1.facts" >"$work/out" || fail "$1: conversion"
}

says() { # TEXT
	grep -qF "$1" "$work/out" || fail "'$1' isn't in: $(cat "$work/out")"
}

as_dpkg() {
	dpkg --root="$root" --force-not-root --force-script-chrootless "$@"
}

status_of() {
	dpkg-query --root="$root" -W -f '${Status} ${Version}' "$1" 2>&1
}

mkdir "$work"/{whole,alone,foreign,triggers,odd,rpm}

# --- all it needs is there or in the folder
mkdir -p "$work/tree/usr/lib/x86_64-linux-gnu" "$work/tree/DEBIAN"
echo library >"$work/tree/usr/lib/x86_64-linux-gnu/liburing.so.2.3"
ln -s liburing.so.2.3 "$work/tree/usr/lib/x86_64-linux-gnu/liburing.so.2"
printf 'activate-noawait ldconfig\ninterest-noawait /usr/lib/modules.d\n' >"$work/tree/DEBIAN/triggers"
mkdir -m 700 "$work/tree/usr/lib/liburing"
make_deb liburing2 2.3-3 'libc6 (>= 2.4)' 'Multi-Arch: same' whole
agent_deb 'libc6 (>= 2.34), liburing2 (>= 2.3)' whole
guest whole whole
cp -a "$root" "$work/before"
build/tests/support/convert_folder "$root" "$work/whole.facts" "$work/originals" >"$work/out" || fail "conversion"
[ "$(cat "$root/usr/sbin/qemu-ga")" = program ] || fail "the program isn't there"
[ "$(stat -c %a "$root/usr/sbin/qemu-ga")" = 755 ] || fail "the program's mode"
[ "$(stat -c %a "$root/usr/lib/liburing")" = 700 ] || fail "a folder's mode"
[ -L "$root/lib" ] || fail "/lib is a link no more"
[ -f "$root/usr/lib/systemd/system/qemu-guest-agent.service" ] || fail "the unit isn't there"
[ "$(readlink "$root/usr/sbin/qemu-agent")" = qemu-ga ] || fail "the link isn't there"
[ "$(status_of qemu-guest-agent)" = 'install ok unpacked 1:7.2+dfsg-7' ] || fail "dpkg says: $(status_of qemu-guest-agent)"
[ "$(status_of liburing2:amd64)" = 'install ok unpacked 2.3-3' ] || fail "dpkg says: $(status_of liburing2)"
[ "$(readlink "$root/etc/systemd/system/multi-user.target.wants/rehost-first-boot.service")" = \
	/etc/systemd/system/rehost-first-boot.service ] || fail "the first boot's unit isn't enabled"
grep -qxF '/usr/lib/modules.d liburing2:amd64/noawait' "$root/var/lib/dpkg/triggers/File" || fail "dpkg's list of triggers"
grep -qF 'dpkg --configure --pending' "$root/var/lib/rehost/first-boot.sh" || fail "the first boot's script"
sh -n "$root/var/lib/rehost/first-boot.sh" || fail "a shell can't read the first boot's script"
as_dpkg --configure --pending >"$work/dpkg" 2>&1 || fail "dpkg --configure: $(cat "$work/dpkg")"
[ "$(status_of qemu-guest-agent)" = 'install ok installed 1:7.2+dfsg-7' ] || fail "dpkg says: $(status_of qemu-guest-agent)"
[ -x "$root/etc/init.d/qemu-guest-agent" ] || fail "dpkg did not put the configuration in its place"
[ "$(cat "$root/configured")" = configure ] || fail "the package's script did not run"
[ -z "$(as_dpkg --audit)" ] || fail "dpkg --audit: $(as_dpkg --audit)"
(cd "$root" && md5sum --quiet -c var/lib/dpkg/info/qemu-guest-agent.md5sums) || fail "the files' sums"
build/tests/support/convert_folder "$root" "$work/whole.facts" >"$work/out" || fail "second conversion"
[ -z "$(sed '1,/^== changes$/d' "$work/out")" ] || fail "the second conversion changes: $(cat "$work/out")"

# --- undone: as it was
guest undone whole
rm -rf "$root" && cp -a "$work/before" "$root"
build/tests/support/convert_folder "$root" "$work/whole.facts" "$work/originals" >/dev/null || fail "conversion"
build/tests/support/convert_folder --undo "$root" "$work/originals" || fail "undo"
find "$root" "$work/before" -type d -empty -delete
diff -r --no-dereference "$work/before" "$root" || fail "undone, something is left"

# --- something is missing: the guest's own tools at its first boot
agent_deb 'libc6 (>= 2.34), libnuma1 (>= 2.0.11)' alone
guest alone alone
convert alone
says 'I-AGENT-FIRST-BOOT'
says "neither the guest nor the folder has 'libnuma1 (>= 2.0.11)'"
cmp "$work"/alone/*.deb "$root/var/lib/rehost/packages/qemu-guest-agent.deb" || fail "the package wasn't copied"
[ ! -e "$root/usr/sbin/qemu-ga" ] || fail "files were unpacked"
sh -n "$root/var/lib/rehost/first-boot.sh" || fail "a shell can't read the first boot's script"

# --- apt may mend what is unmet by removing the package: that is no success
mkdir "$work/stubs"
printf '#!/bin/sh\nexit 1\n' >"$work/stubs/dpkg"
printf '#!/bin/sh\nexit 0\n' >"$work/stubs/apt-get"
# shellcheck disable=SC2016 # for the stub to expand
printf '#!/bin/sh\necho "%s" | tr -d "\\n"\n' '$STATUS' >"$work/stubs/dpkg-query"
chmod 755 "$work"/stubs/*
command=$(sed -n 's/^until \(.*\); do$/\1/p' "$root/var/lib/rehost/first-boot.sh")
[ -n "$command" ] || fail "no command in the first boot's script"
PATH=$work/stubs:$PATH STATUS='install ok installed' sh -c "$command" || fail "an installed agent is no success"
for status in 'deinstall ok config-files' 'install ok unpacked' ''; do
	! PATH=$work/stubs:$PATH STATUS=$status sh -c "$command" || fail "'$status' is a success"
done

# --- what the guest's own programs run with isn't replaced; conflicts and files in the way are dpkg's to judge
left_to_dpkg() { # NAME TEXT
	convert "$1"
	says I-AGENT-FIRST-BOOT
	says "$2"
	[ ! -e "$root/usr/sbin/qemu-ga" ] || fail "$1: files were unpacked"
	[ -f "$root/var/lib/rehost/packages/qemu-guest-agent.deb" ] || fail "$1: the package wasn't copied"
}
guest older whole
printf '\nPackage: liburing2\nStatus: install ok installed\nArchitecture: amd64\nMulti-Arch: same\nVersion: 2.1-2\n' >>"$root/var/lib/dpkg/status"
mkdir -p "$root/usr/lib/x86_64-linux-gnu"
echo older >"$root/usr/lib/x86_64-linux-gnu/liburing.so.2.3"
left_to_dpkg older "needs 'liburing2 (>= 2.3)', and the guest has another version of liburing2"
[ "$(cat "$root/usr/lib/x86_64-linux-gnu/liburing.so.2.3")" = older ] || fail "an installed library was replaced"
[ ! -e "$root/var/lib/rehost/packages/liburing2.deb" ] || fail "the library is installed over the guest's"
guest unowned whole
mkdir -p "$root/usr/lib/x86_64-linux-gnu"
echo own >"$root/usr/lib/x86_64-linux-gnu/liburing.so.2.3"
left_to_dpkg unowned 'the guest has /usr/lib/x86_64-linux-gnu/liburing.so.2.3 of package liburing2_2.3-3_amd64.deb already'
guest merged whole
echo own >"$root/usr/lib/systemd/system/qemu-guest-agent.service"
left_to_dpkg merged '/lib/systemd/system/qemu-guest-agent.service of package'
guest breaks whole
printf '\nPackage: kvm-tools\nStatus: install ok installed\nVersion: 1\nBreaks: x, liburing2 (<< 2.4)\n' >>"$root/var/lib/dpkg/status"
left_to_dpkg breaks "package liburing2_2.3-3_amd64.deb is in conflict with the guest's kvm-tools"
mkdir "$work/conflicts"
agent_files
make_deb qemu-guest-agent 2 '' 'Conflicts: nothing, libc6 (<< 2.37)' conflicts
guest conflicts conflicts
left_to_dpkg conflicts "in conflict with the guest's libc6 (<< 2.37)"
guest half whole
printf '\nPackage: qemu-guest-agent\nStatus: install reinstreq half-installed\nArchitecture: amd64\nVersion: 1\n' >>"$root/var/lib/dpkg/status"
left_to_dpkg half 'the guest has files of package qemu-guest-agent already'

# --- packages with more than plain files, or that wait for others
agent_files
chmod 4755 "$work/tree/usr/sbin/qemu-ga"
make_deb qemu-guest-agent 2 '' '' odd
guest odd odd
convert odd
says '/usr/sbin/qemu-ga is more than a plain file'
agent_files
echo 'interest some-name' >"$work/tree/DEBIAN/triggers"
make_deb qemu-guest-agent 2 '' '' triggers
guest triggers triggers
convert triggers
says 'waits for triggers'

# --- another processor, no init, another package manager, the agent is there already
guest arm whole
sed -i s/x86_64/aarch64/ "$work/arm.facts"
convert arm
says 'W-AGENT-NOT-INSTALLED'
says 'no deb package qemu-guest-agent for aarch64'
guest bare whole
rm "$root/sbin/init"
convert bare
says "its init can't be told"
guest other whole
rm -r "$root/var/lib/dpkg"
convert other
says 'it has neither dpkg nor RPM'
guest has whole
mkdir -p "$root/usr/sbin"
echo mine >"$root/usr/sbin/qemu-ga"
convert has
! grep -q AGENT "$work/out" || fail "an agent was there"
[ "$(cat "$root/usr/sbin/qemu-ga")" = mine ] || fail "the agent was replaced"

# --- sysvinit
guest sysv whole
rm "$root/sbin/init" "$root/usr/lib/systemd/systemd"
mkdir -p "$root"/etc/{init.d,rc2.d,rc3.d,rc4.d,rc5.d}
: >"$root/sbin/init"
: >"$root/etc/inittab"
convert sysv
[ "$(readlink "$root/etc/rc3.d/S99rehost-first-boot")" = /etc/init.d/rehost-first-boot ] || fail "no link in rc3.d"
[ -x "$root/etc/init.d/rehost-first-boot" ] || fail "the init script's mode"
sh -n "$root/etc/init.d/rehost-first-boot" || fail "a shell can't read the init script"

# --- SUSE's layout: run levels below init.d, rc.d is a link; with insserv's list links alone start nothing
sysv_suse() { # NAME
	guest "$1" whole
	rm "$root/sbin/init" "$root/usr/lib/systemd/systemd"
	mkdir -p "$root"/etc/init.d/rc{2,3,4,5}.d
	ln -s init.d "$root/etc/rc.d"
	: >"$root/sbin/init"
	: >"$root/etc/inittab"
}
sysv_suse suse
convert suse
[ "$(readlink "$root/etc/init.d/rc3.d/S99rehost-first-boot")" = /etc/init.d/rehost-first-boot ] || fail "no link in init.d/rc3.d"
sysv_suse insserv
: >"$root/etc/init.d/.depend.start"
convert insserv
says "its init can't be told"
[ ! -e "$root/usr/sbin/qemu-ga" ] || fail "files were put where nothing finishes them"

# --- hostile: a path that leads out, a cut file, something else
mkdir -p "$work/tree/DEBIAN" "$work/hostile/x"
printf 'Package: qemu-guest-agent\nVersion: 1\nArchitecture: amd64\n' >"$work/tree/control"
tar -C "$work/tree" -cf "$work/hostile/x/control.tar" ./control
echo evil >"$work/evil"
tar -C "$work/hostile/x" -P --transform 's,.*,../../evil,' -cf "$work/hostile/x/data.tar" "$work/evil"
echo 2.0 >"$work/hostile/x/debian-binary"
(cd "$work/hostile/x" && ar rc ../qemu-guest-agent.deb debian-binary control.tar data.tar) 2>/dev/null ||
	fail "ar can't make the package"
guest hostile hostile
convert hostile 2>"$work/err"
grep -qF "'../../evil' is no path in it" "$work/err" || fail "a path that leads out is taken: $(cat "$work/err")"
head -c 200 "$work"/alone/*.deb >"$work/hostile/qemu-guest-agent.deb"
convert hostile 2>"$work/err"
grep -qF "package 'qemu-guest-agent.deb': " "$work/err" || fail "a cut package: $(cat "$work/err")"
echo text >"$work/hostile/qemu-guest-agent.deb"
convert hostile 2>"$work/err"
grep -qF 'begins like neither a .deb nor an .rpm' "$work/err" || fail "no package: $(cat "$work/err")"

# --- RPM
if ! command -v rpmbuild >/dev/null; then
	echo "guest-agent: deb as expected; rpm not tested: rpmbuild is missing"
	exit 0
fi
make_rpm() { # DIST REQUIRES FOLDER
	rm -rf "$work/top"
	mkdir -p "$work/top" "$work/$3"
	cat >"$work/top/agent.spec" <<S
Name: qemu-guest-agent
Version: 8.2.0
Release: 11$1
Summary: test
License: none
$2
AutoReq: no
%description
test
%install
mkdir -p %{buildroot}/usr/bin %{buildroot}/usr/lib/systemd/system %{buildroot}/etc/sysconfig
echo program >%{buildroot}/usr/bin/qemu-ga
printf '[Service]\nExecStart=/usr/bin/qemu-ga\n[Install]\nWantedBy=dev-virtio.device\n' >%{buildroot}/usr/lib/systemd/system/qemu-guest-agent.service
echo X=1 >%{buildroot}/etc/sysconfig/qemu-ga
%files
%attr(0755, root, root) /usr/bin/qemu-ga
/usr/lib/systemd/system/qemu-guest-agent.service
%config(noreplace) /etc/sysconfig/qemu-ga
S
	rpmbuild --quiet --define "_topdir $work/top" --define "_build_id_links none" --target x86_64 -bb "$work/top/agent.spec" \
		>"$work/rpmbuild" 2>&1 || fail "rpmbuild: $(cat "$work/rpmbuild")"
	cp "$work"/top/RPMS/*/*.rpm "$work/$3"
}

rpm_guest() { # NAME FOLDER
	root=$work/$1
	mkdir -p "$root"/{etc,usr/lib/systemd/system,usr/lib64,usr/bin,sbin,var/lib/rpm}
	: >"$root/usr/lib/systemd/systemd"
	: >"$root/usr/bin/sh"
	ln -s /usr/lib/systemd/systemd "$root/sbin/init"
	ln -s usr/lib64 "$root/lib64"
	echo 'Rocky Linux release 9.4 (Blue Onyx)' >"$root/etc/redhat-release"
	printf 'GLIBC_2.2.5\0GLIBC_2.34\0' >"$root/usr/lib64/libc.so.6"
	printf 'os rocky 9 x86_64\nroot /dev/sda1\ndisk pvscsi 0 0 -\nagent %s\n' "$work/$2" >"$work/$1.facts"
}

make_rpm .el9_4 'Requires: libc.so.6(GLIBC_2.34)(64bit) /usr/bin/sh' rpm
rpm_guest el9 rpm
convert el9
[ "$(cat "$root/usr/bin/qemu-ga")" = program ] || fail "rpm: the program isn't there: $(cat "$work/out")"
[ "$(readlink "$root/etc/systemd/system/dev-virtio.device.wants/qemu-guest-agent.service")" = \
	/usr/lib/systemd/system/qemu-guest-agent.service ] || fail "rpm: the unit isn't enabled"
grep -qF 'rpm -U' "$root/var/lib/rehost/first-boot.sh" || fail "rpm: the first boot's script"
if [ "$(id -u)" = 0 ]; then # rpm changes its root
	rpm --root "$root" --initdb
	rpm --root "$root" -U --nodeps "$root"/var/lib/rehost/packages/*.rpm >"$work/rpm.out" 2>&1 || fail "rpm -U: $(cat "$work/rpm.out")"
	rpm --root "$root" -V --nodeps qemu-guest-agent >"$work/rpm.out" 2>&1 || fail "rpm -V: $(cat "$work/rpm.out")"
fi
mkdir -p "$work/rpm2" "$work/rpm3"
make_rpm .el9_4 'Requires: libc.so.6(GLIBC_2.38)(64bit)' rpm2
rpm_guest old rpm2
convert old
says "neither the guest nor the folder has 'libc.so.6(GLIBC_2.38)(64bit)'"
make_rpm .el8 '' rpm3
rpm_guest el8 rpm3
convert el8
says 'is for Enterprise Linux 8'
[ ! -e "$root/usr/bin/qemu-ga" ] || fail "rpm: another system's package was put in"
echo "guest-agent: deb and rpm as expected, twice; dpkg and rpm go on with what they find"

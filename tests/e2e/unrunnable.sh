#!/bin/bash
# No program of the guest is run: a copy whose executables and libraries can't run any more gets the same plan as the guest.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/common.sh
need_root
losetup -f > /dev/null 2>&1 || skip "no loop devices"
scratch
guest=two-disks
samples/build --out build/samples $guest

# break_programs ROOT: each ELF file but kernels' modules keeps its first 20 bytes, which say what it is, and is zeros behind
# them; no script may be executed. Prints how many there were.
break_programs() {
	python3 - "$1" <<'P'
import os, stat, sys
elf = scripts = 0
for folder, _, names in os.walk(sys.argv[1]):
    if folder[len(sys.argv[1]):].startswith(("/boot", "/lib/modules", "/usr/lib/modules")):
        continue
    for name in names:
        path = os.path.join(folder, name)
        st = os.lstat(path)
        if not stat.S_ISREG(st.st_mode):
            continue
        with open(path, "r+b") as f:
            magic = f.read(4)
            if magic == b"\x7fELF":
                elf += 1
                f.seek(20)
                f.write(bytes(st.st_size - 20))
            elif magic[:2] == b"#!":
                scripts += 1
        os.chmod(path, st.st_mode & ~0o111)
print(elf, "programs and libraries,", scripts, "scripts")
P
}

cp -r --sparse=always build/samples/$guest "$work/$guest"
mkdir "$work/mnt"
export -f break_programs fail
# Status 126 of chroot: the program is there and could not be started.
# shellcheck disable=SC2016 # the inner shell's variables
unshare --mount --propagation private bash -euo pipefail -c '
	mount -o loop,offset=1048576 "$1" "$2"
	chroot "$2" /bin/true || fail "the intact guest has no runnable /bin/true"
	break_programs "$2"
	for program in /bin/true /bin/sh /usr/bin/dpkg /usr/sbin/update-initramfs /lib64/ld-linux-x86-64.so.2; do
		status=0
		chroot "$2" "$program" < /dev/null 2> /dev/null || status=$?
		[ $status = 126 ] || fail "$program can be started: status $status"
	done
	umount "$2"' break "$work/$guest/$guest-disk1-flat.vmdk" "$work/mnt" > "$work/broken"

# plan FOLDER: what it says, without what tells one file from its copy: identities, times, free space.
plan() {
	./rehost plan "$1/$guest/$guest.vmx" > "$work/said" 2> "$work/log" || fail "plan of $1: $(tail -n 5 "$work/log")"
	sed -e '/^Source$/,$d' -e "s,$1/,," -e 's/\(free space of .*\): .*/\1/' "$work/said"
}
plan build/samples > "$work/intact.plan"
plan "$work" > "$work/broken.plan"
grep -q '^ *[0-9]*\. edit /etc/fstab' "$work/intact.plan" || fail "no plan: $(cat "$work/intact.plan")"
diff "$work/intact.plan" "$work/broken.plan" > "$work/diff" || fail "the plans differ: $(cat "$work/diff")"
echo "$(cat "$work/broken") can't run; the plan is the same, $(grep -cE '^ *[0-9]+\. ' "$work/broken.plan") changes"

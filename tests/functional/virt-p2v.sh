#!/bin/bash
# A link named virt-v2v answers virt-p2v: its questions, an NBD server with one connection only, and Debian's own client,
# which reaches it through a real sshd on the loopback, forwards the disk and has a real guest converted, which boots.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/common.sh
. tests/lib/convert-and-boot.sh
need_root
client=$(ls /usr/lib/*/virt-p2v/virt-p2v.xz 2> /dev/null || true)
[ -n "$client" ] || skip "virt-p2v is missing"
command -v /usr/sbin/sshd > /dev/null || skip "openssh-server is missing"
root=$PWD
scratch
trap 'kill ${nbd:-} ${sshd:-} 2> /dev/null || true; rm -rf "$work" ${folders[@]+"${folders[@]}"}' EXIT
mkdir "$work/bin"
ln -s "$root/rehost" "$work/bin/virt-v2v"
v2v=$work/bin/virt-v2v
cd "$work"

# ---- what the client asks first ----
"$v2v" --version > out
grep -qE '^virt-v2v 1\.(2[89]|[3-9][0-9])\.[0-9]+ ' out || fail "the version is none for virt-p2v: $(cat out)"
"$v2v" --machine-readable > out
for line in virt-v2v libguestfs-rewrite colours-option input:libvirtxml output:local output:null; do
	grep -qx "$line" out || fail "no '$line' in $(cat out)"
done

# ---- every option stands in the manual, under what becomes of it, and no other ----
"$v2v" --help | awk '/^(Taken|Refused).*:$/ { part = $0 } / *-/ && /^  -/ { sub(/^  (-., )?/, ""); print part, $1 }' | sort > of-help
awk '/^## / { part = substr($0, 4) ":" } /^\| `-/ { gsub(/[`|]/, ""); print part, $1 }' "$root/docs/virt-v2v.md" | sort > of-manual
diff of-help of-manual > out || fail "--help (<) and docs/virt-v2v.md (>) differ: $(cat out)"
[ "$(wc -l < of-help)" -gt 80 ] || fail "--help is short: $(cat of-help)"

# ---- refusals: status 1, a line as virt-v2v's, nothing written ----
says 1 '^virt-v2v: error: option --hostname: .*virt-customize' "$v2v" -i disk -o null --hostname web x
says 1 '^virt-v2v: error: -o libvirt' "$v2v" -i libvirtxml physical.xml
says 1 "^virt-v2v: error: .*physical.xml" "$v2v" -q -i libvirtxml -o local -os . physical.xml

# ---- the disk of a real guest; a server that takes one connection at a time ----
cd "$root"
samples/build --out build/samples web01
eval "$(samples/build --out build/samples --show web01)"
tar xOf "${files[0]}" web01-disk1.vmdk > "$work/disk.vmdk"
./rehost copy -q "$work/disk.vmdk" "$work/sda.img" -O raw
rm "$work/disk.vmdk"
before=$(sha256sum < "$work/sda.img")
cd "$work"

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

wait_for_port() { # PORT
	for _ in $(seq 600); do
		! (: < /dev/tcp/127.0.0.1/"$1") 2> /dev/null || return 0
		sleep 0.1
	done
	fail "nothing listens on port $1"
}

port=$(free_port)
cat > physical.xml << XML
<domain type='physical'><name>web01</name><memory unit='KiB'>1048576</memory><vcpu>2</vcpu><devices>
<disk type='network' device='disk'><source protocol='nbd'><host name='localhost' port='$port'/></source><target dev='sda'/></disk>
</devices></domain>
XML
says 1 "cannot connect to 'localhost' port $port" "$v2v" -q -i libvirtxml -o local -os . physical.xml
qemu-nbd --read-only --persistent -f raw --bind 127.0.0.1 --port "$port" sda.img 2> nbd.log &
nbd=$!
# a look at its port would be taken for its one client
until grep -q ":$(printf %04X "$port") 00000000:0000 0A" /proc/net/tcp; do
	kill -0 $nbd || fail "qemu-nbd: $(cat nbd.log)"
	sleep 0.1
done
"$v2v" -v -x -i libvirtxml -o null --root first physical.xml > out 2> log < /dev/null || fail "one connection: $(tail -n 20 log)"
grep -q '] finished$' out || fail "not finished: $(cat out)"
grep -q "^virt-v2v: option 'x' is ignored" log || fail "-x: $(head log)"
kill $nbd
nbd=

# ---- Debian's client ----
xz -dc "$client" > virt-p2v
chmod +x virt-p2v
ssh-keygen -q -t ed25519 -N '' -f host
ssh-keygen -q -t ed25519 -N '' -f identity
mkdir -p client out.d /run/sshd
for program in ssh scp; do # known hosts stay here
	printf '#!/bin/sh\nexec /usr/bin/%s -o UserKnownHostsFile=%s "$@"\n' $program "$work/known" > client/$program
done
cat > shell << SHELL
#!/bin/bash
export PATH=$work/bin:\$PATH
[ -z "\$SSH_ORIGINAL_COMMAND" ] || exec bash -c "\$SSH_ORIGINAL_COMMAND"
exec bash --noprofile --norc
SHELL
chmod +x client/* shell
port=$(free_port)
cat > sshd.conf << CONF
Port $port
ListenAddress 127.0.0.1
HostKey $work/host
AuthorizedKeysFile $work/identity.pub
StrictModes no
PermitRootLogin yes
UsePAM no
PidFile none
Subsystem sftp /usr/lib/openssh/sftp-server
ForceCommand $work/shell
CONF
/usr/sbin/sshd -D -f sshd.conf -E sshd.log &
sshd=$!
wait_for_port "$port"

run_client() { # OPTION…: as the machine's kernel would be told; $status, client.log
	local cmdline="p2v.server=127.0.0.1 p2v.port=$port p2v.username=root p2v.identity=file://$work/identity p2v.name=web01"
	status=0
	PATH=$work/client:$PATH ./virt-p2v --test-disk="$work/sda.img" --cmdline="$cmdline p2v.o=local p2v.os=$work/out.d $*" \
		> client.log 2>&1 || status=$?
	mapfile -t -O "${#folders[@]}" folders < <(grep -aoE '/tmp/virt-p2v-[0-9]+-[a-z0-9]+' client.log | sort -u)
}

said() { grep -av '^DEBUG' client.log | tail -n 40; }

folders=()
run_client p2v.memory=1024M p2v.of=qcow2
[ $status = 0 ] || fail "virt-p2v: $(said) $(tail sshd.log)"
grep -aq 'Conversion finished successfully' client.log || fail "virt-p2v: $(said)"
for line in '\[ *[0-9.]*] inspecting the guest' '\[ *[0-9.]*] copying' '\[ *[0-9.]*] finished'; do
	grep -aq "^$line" client.log || fail "the client's user sees no '$line': $(said)"
done
[ "$(sha256sum < sda.img)" = "$before" ] || fail "the machine's disk was written to"

cd "$root"
result=$work/out.d/web01
check_result "$result" > /dev/null
mapfile -t disks < <(result_disks "$result")
boots "$work/after" "${virtio[@]}" "${disks[@]}" || fail "the result does not boot: $(cat "$work/after")"
grep -qF 'data: OK' "$work/after" || fail "its data are damaged: $(cat "$work/after")"

# ---- what went wrong reaches the client's user, with its status ----
cd "$work"
run_client
[ $status != 0 ] || fail "a name that is taken was no error"
grep -aq 'virt-v2v: error: .*web01' client.log || fail "the client's user isn't told: $(said)"
grep -aq 'virt-v2v exited with status 1' client.log || fail "the status: $(said)"
echo "$(./virt-p2v --version): a guest converted, which boots on virtio; a refusal is shown"

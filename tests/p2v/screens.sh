#!/bin/bash
# The live ISO's screens: the agent runs in tmux as on the ISO, for a made-up machine whose disks are files, and dials a
# real `rehost serve`. Every screen is walked through, back and forth, with mistakes; then the same as plain text.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/lib/common.sh
. tests/lib/machine-tree.sh
. tests/lib/at-the-screen.sh
. tests/lib/p2v-host.sh
command -v tmux > /dev/null || skip "tmux is not installed"
command -v python3 > /dev/null || skip "python3 is missing"
build=${BUILD:-build}
make -s "$build/rehost-p2v"
agent=$PWD/$build/rehost-p2v rehost=$PWD/rehost support=$PWD/tests/support
scratch
trap leave_the_screen EXIT
cd "$work"

# sda with data, sdb of an LVM group, sdc the live medium, sdd a USB disk; two cards, one without a link.
machine_begin "$work/machine"
machine_disk sda 8:0 64 'E:ID_BUS=ata\nE:ID_MODEL_ENC=WDC\\x20WD10EZEX\nE:ID_SERIAL_SHORT=WD-WCC3F7\nE:ID_PART_TABLE_TYPE=dos\n'
machine_disk sdb 8:16 32 'E:ID_BUS=ata\nE:ID_MODEL_ENC=ST500\nE:ID_SERIAL_SHORT=Z2A1\nE:ID_FS_TYPE=LVM2_member\n'
machine_disk sdc 8:32 4 'E:ID_BUS=usb\nE:ID_MODEL_ENC=Stick\nE:ID_FS_LABEL=REHOST_P2V\n'
machine_disk sdd 8:48 4 'E:ID_BUS=usb\nE:ID_MODEL_ENC=Backup\nE:ID_SERIAL_SHORT=U1\n' removable
machine_nic eno1 1 52:54:00:aa:00:01 link
machine_nic eno2 2 52:54:00:aa:00:02
for at in 1 20 50; do dd if=/dev/urandom of=machine/dev/sda bs=1M seek=$at count=8 conv=notrunc status=none; done
dd if=/dev/urandom of=machine/dev/sdb bs=1M seek=2 count=4 conv=notrunc status=none

start_agent() { # WORDS [TERM]
	tmux -S tmux -f /dev/null new-session -d -x 80 -y 25 -s p \
		"TERM=${2:-screen} $agent --live --root $work/machine --words '$1'; echo ended with \$?; sleep 600"
}
# ---- full screens ----

start_host --bwlimit 2M
used=$token
start_agent ''
shows '┤ The conversion host ├' 'This machine: Acme Box 9, bios, 2 processors, 512.0 MiB of memory.' 'Host' 'Token' '<Next>'
# nothing, half a token, a host that isn't there
press Tab Tab Enter
shows '! The host needs a name or an address.'
fill 127.0.0.1:1
fill "${token%-*}"
press Enter
shows '! That is no token: a word is missing or wrong.'
press Tab
fill "$token"
press Enter
shows "! cannot connect to '127.0.0.1' port 1: Connection refused"
fill "127.0.0.1:$port"
press Tab Enter

shows '┤ Disks to image ├' '[*] sda        64.0 MiB  WDC WD10EZEX  WD-WCC3F7' '[*] sdb        32.0 MiB  ST500  Z2A1, part of an LVM volume group' \
	'    sdc         4.0 MiB  Stick  no serial number, the live medium' '[ ] sdd         4.0 MiB  Backup  U1, a removable USB disk'
shows_not '] sdc'
# none at all
press Space Tab Space Tab Tab Enter
shows '! Choose a disk at least.' '[*] sda' '[*] sdb'
machine_disk sde 8:64 4 'E:ID_BUS=ata\nE:ID_SERIAL_SHORT=NEW\n'
press Tab Tab Tab Tab Tab Enter # look again
shows '[*] sde'
press Tab Tab Tab Space Tab Enter # not sde, nor sdd

shows '┤ Network cards of the guest ├' '[*] eno1     52:54:00:aa:00:01  igb, has a link, 1000 Mbit/s' '[*] eno2     52:54:00:aa:00:02  igb, no link'
press Tab Space Tab Enter
shows '┤ Name of the guest ├' 'Name Box 9-XYZ1'
press Tab Tab Enter # back
shows '┤ Network cards of the guest ├' '[*] eno1' '[ ] eno2'
press Tab Tab Enter
shows '┤ Name of the guest ├'
fill web01
press Enter
shows '┤ Begin? ├' "Guest 'web01' on 127.0.0.1:$port, from the disks" 'sda        64.0 MiB' 'sdb        32.0 MiB' 'Network cards: eno1' '<Begin>'
shows_not sdd
shows_not sde
press Enter

shows '┤ Imaging this machine ├' 'The host is converting: copying.' 'sda 64.0 MiB' 'sdb 32.0 MiB' '<Cancel>'
shows '%' ' of ' '/s, still' # the host has told how much it is
cp seen progress.txt
# the host goes and comes back
stop_host
shows 'The host is connecting'
start_host --bwlimit 2M
shows 'The host is converting: copying.'
# cancelled, but not meant
press Enter
shows '┤ Cancel? ├' '<Go on>'
press Enter
shows '┤ Imaging this machine ├'
press Enter
shows '┤ Cancel? ├'
press Tab Enter
shows '┤ Cancelled ├' '<Retry>' '<Change>' '<Power off>'
[ -d out/.web01.partial ] || fail "nothing was kept"
# what was chosen is offered again
press Tab Enter
shows '┤ The conversion host ├' "127.0.0.1:$port" "$used"
press Tab Tab Enter
shows '┤ Disks to image ├' '[*] sda' '[*] sdb' '[ ] sdd' '[ ] sde'
press Tab Tab Tab Tab Enter
shows '┤ Network cards' '[ ] eno2'
press Tab Tab Enter
shows 'Name web01'
fill web02
press Enter
shows '┤ Begin? ├' "Guest 'web02' on"
press Enter
shows '┤ Imaging this machine ├'
shows '┤ Converted ├' 'Switch this machine off before the guest starts' '<Power off>' '<Reboot>' '<Shell>'
press Tab Enter
shows 'ended with 11'
cmp machine/dev/sda out/web02/web02-sda.raw || fail "sda differs"
cmp machine/dev/sdb out/web02/web02-sdb.raw || fail "sdb differs"
[ ! -e out/web02/web02-sdc.raw ] || fail "a disk that wasn't chosen was imaged"
grep -q "web01: is called web02 from now on" host.log || fail "$(cat host.log)"
[ ! -e out/.web01.partial ] || fail "what the old name had is left"
# the terminal is as it was
tmux -S tmux kill-session -t p

# ---- it is refused: the token is used ----
start_agent "rehost.ui=screen rehost.server=127.0.0.1:$port rehost.token=$used"
shows '┤ It didn' 'the host refuses: ' '<Retry>'
press Tab Tab Enter
shows 'ended with 10'
tmux -S tmux kill-session -t p

# ---- a word that isn't known: nothing begins by itself; a disk that isn't there: another one can be chosen ----
start_agent "rehost.ui=screen rehost.server=127.0.0.1:$port rehost.token=$used rehost.dsks=sda"
shows '┤ The settings are wrong ├' 'rehost.dsks' '<Change>' '<Power off>'
shows_not '<Retry>'
press Enter
shows '┤ The conversion host ├' "127.0.0.1:$port" "$used"
tmux -S tmux kill-session -t p
start_agent "rehost.ui=screen rehost.server=127.0.0.1:$port rehost.token=$used rehost.disks=sdz"
shows '┤ It didn' "there is no disk 'sdz'" '<Retry>' '<Change>'
press Tab Enter
shows '┤ The conversion host ├' "! rehost.disks: there is no disk 'sdz'" "127.0.0.1:$port"
press Tab Tab Enter
shows '┤ Disks to image ├' '[*] sda' '[*] sdb' '[ ] sdd'
tmux -S tmux kill-session -t p

# ---- plain text: on a dumb terminal, and where it is asked for ----
token=$(sed -n 's/^token: //p' host.out | tail -n 1)
sed -i s/11111111/22222222/ machine/sys/class/dmi/id/product_uuid
start_agent '' dumb
shows 'The conversion host' 'Host:'
press "127.0.0.1:$port" Enter
shows 'Token:'
press "$token" Enter
shows 'Disks to image' 'Names, all or none [sda,sdb,sde]:'
press 'sdb' Enter
shows 'Network cards of the guest' '[eno1,eno2]:'
press back Enter
shows 'Names, all or none [sdb]:'
press Enter
shows '[eno1,eno2]:'
press Enter
shows 'Name [Box 9-XYZ1]:'
press db7 Enter
shows 'Begin or Back? [Begin]:'
press Enter
shows 'Imaging this machine' 'converting: copying'
shows 'Converted' 'Power off, Reboot or Shell? [Power off]:'
press shell Enter
shows 'ended with 12'
cmp machine/dev/sdb out/db7/db7-sda.raw || fail "sdb differs"
tmux -S tmux kill-session -t p

# ---- without a host: images in a folder, and back ----
start_agent ''
shows '┤ The conversion host ├' '<To a disk>'
press Tab Tab Tab Enter
shows '┤ Images on a disk ├' 'sdb        32.0 MiB' '[ ] Make a new file system there' '<Back>'
fill sda
press Tab Tab Enter
shows "! 'sda' is on no USB disk"
fill "$work/usb"
press Tab Tab Enter
shows '┤ Disks to image ├' '[*] sda' '[*] sdb'
press Space Tab Tab Tab Space Tab Enter # sdb only
shows '┤ Network cards of the guest ├'
press Tab Tab Enter
shows '┤ Name of the guest ├'
fill db8
press Enter
shows '┤ Begin? ├' "Folder 'db8' on $work/usb, with images of the disks" 'Nothing is written to these disks.'
press Enter
shows '┤ Written ├' "The images are in $work/usb/db8." '<Power off>'
press Enter
shows 'ended with 10'
"$rehost" convert -q --no-convert -of raw -os from-usb usb/db8 > convert.log 2>&1 || fail "$(cat convert.log)"
cmp machine/dev/sdb from-usb/db8/db8-sda.raw || fail "sdb differs"
tmux -S tmux kill-session -t p
start_agent 'rehost.ui=text'
shows 'Host:'
shows_not '┤'
tmux -S tmux kill-session -t p

# ---- a serial port's terminal tells its size; more disks than rows scroll; only ASCII; nobody at the other end ----
tmux -S tmux -f /dev/null new-session -d -x 90 -y 30 -s p "$support/serial-screen $agent; sleep 600"
shows ' Disks to image ' 'Choose "some" - now.  [2J' '[*] sd00  0 GiB' '    sd03  3 GiB'
shows_not 'sd39'
press Space End # the first isn't taken
for _ in $(seq 39); do press Down; done
shows '[ ] sd39  39 GiB'
press Tab Enter
shows 'taken: sd02 sd04 sd06 sd08' 'status 0'
tmux -S tmux kill-session -t p
tmux -S tmux -f /dev/null new-session -d -x 90 -y 30 -s p "$support/serial-screen $agent silent; sleep 600"
shows 'status 1'
echo "all screens: host and token, disks, cards, name, confirmation, progress, cancel, retry, result; the same as text"
sed 's/^/  /' progress.txt | grep -v '^ *$'

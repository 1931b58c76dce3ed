# shellcheck shell=bash disable=SC2034
# What a recipe says, with the values that hold when it says nothing. samples/README.md explains each.
# (SC2034: the other files read them.)

# The machine.
arch=amd64                # or arm64
firmware=bios             # or efi
controller=pvscsi         # or sata, lsilogic, ide, nvme: of every disk; controllers names one a disk
controllers=()
nics=(vmxnet3)            # models: vmxnet3, e1000 or e1000e; the cards get 52:54:00:aa:00:01 and so on
disk_mib=(1024)           # size of each disk
pci_slots=yes             # are they in the description, as newer exports have them?
annotation=''
source=vmx                # or ova, disk: what the guest is exported as
consoles='console=tty0 console=ttyS0,115200' # for the kernel; the last one gets a login and the marker

# Its content.
packages=()
drivers=()                # all that the initramfs may have
deleted_mib=0 swap_mib=0  # how much of the disk holds deleted data at least, and junk in swap
ext4_options=()           # of mkfs.ext4
tools=()                  # of this machine, which the recipe needs beyond the usual

# What a test does with it.
own=(vmware)              # boot-guest's profile for the hardware it comes from, and options
virtio=()                 # boot-guest's options for the result
both=()                   # boot-guest's options for both
convert=()                # rehost convert's options
expect=('state: running' 'data: OK')
proof=''                  # level that rehost boot proves as well: login

# guest_configure, guest_loader and guest_pack are each recipe's own.
guest_initramfs() { make_initramfs; }

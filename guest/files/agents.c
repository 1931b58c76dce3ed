/* The table of hypervisors' guest tools.
 *
 * Packages are Debian's names; the databases of other package managers are no text, so there what the packages install
 * is looked for.
 */
#include "guest/files/agents.h"

#include <stddef.h>

const struct agent_kind agent_kinds[] = {
    {
	.id = "open-vm-tools",
	.foreign = true,
	.packages = {"open-vm-tools", "open-vm-tools-desktop"},
	.paths = {"/usr/bin/vmtoolsd"},
	.services = {"open-vm-tools", "open-vm-tools-vmhgfs", "open-vm-tools-guestinfo", "open-vm-tools-vmblock-fuse",
		     "vgauth", "vgauthd", "vmtoolsd", "vmblock-fuse", "vmware-vmblock-fuse",
		     "run-vmblock\\x2dfuse.mount", "vmware-tools" /* Gentoo's OpenRC script */},
    },
    {
	.id = "vmware-tools",
	.foreign = true,
	.packages = {"vmware-tools-esx", "vmware-tools-core"},
	.paths = {"/etc/vmware-tools/locations", "/usr/bin/vmware-uninstall-tools.pl", "/usr/sbin/vmware-guestd"},
	.services = {"vmware-tools", "vmware-tools-thinprint", "vmware-tools-services", "vmware-tools-vgauth"},
    },
    {
	.id = "virtualbox",
	.foreign = true,
	.packages = {"virtualbox-guest-utils", "virtualbox-guest-x11", "virtualbox-guest-dkms"},
	.paths = {"/var/lib/VBoxGuestAdditions/config", "/usr/sbin/VBoxService", "/usr/bin/VBoxService"},
	.services = {"virtualbox-guest-utils", "virtualbox-guest-x11", "vboxadd", "vboxadd-service", "vboxadd-x11",
		     "vboxservice", "vboxclient", "virtualbox-guest-additions"},
    },
    {
	.id = "hyperv",
	.foreign = true,
	.packages = {"hyperv-daemons", "linux-cloud-tools-virtual", "linux-cloud-tools-common"},
	.paths = {"/usr/sbin/hypervkvpd", "/usr/sbin/hv_kvp_daemon", "/usr/lib/hyper-v/bin/hv_kvp_daemon",
		  "/usr/bin/hv_kvp_daemon"},
	.services = {"hv-kvp-daemon", "hv-vss-daemon", "hv-fcopy-daemon", "hyperv-daemons.hv-kvp-daemon",
		     "hyperv-daemons.hv-vss-daemon", "hyperv-daemons.hv-fcopy-daemon", "hypervkvpd", "hypervvssd",
		     "hypervfcopyd", "hv_kvp_daemon", "hv_vss_daemon", "hv_fcopy_daemon", "hv_fcopy_uio_daemon"},
    },
    {
	.id = "xen",
	.foreign = true,
	.packages = {"xe-guest-utilities", "xen-guest-agent", "xenstore-utils"},
	.paths = {"/usr/sbin/xe-daemon", "/usr/sbin/xe-linux-distribution", "/usr/sbin/xen-guest-agent"},
	.services = {"xe-linux-distribution", "xe-daemon", "xen-guest-agent", "xe-guest-utilities"},
    },
    {
	.id = "parallels",
	.foreign = true,
	.paths = {"/usr/lib/parallels-tools"},
	.services = {"prltoolsd", "prltools_updater", "prltools_sga", "prl-x11"},
    },
    {
	.id = "nutanix",
	.foreign = true,
	.paths = {"/usr/local/nutanix/ngt"},
	.services = {"ngt_guest_agent", "ngt_self_service_restore"},
    },
    {
	.id = "azure",
	.foreign = true,
	.packages = {"waagent", "walinuxagent"},
	.paths = {"/usr/sbin/waagent"},
	.services = {"walinuxagent", "waagent"},
    },
    {
	.id = "qemu-guest-agent",
	.packages = {"qemu-guest-agent"},
	.paths = {"/usr/bin/qemu-ga", "/usr/sbin/qemu-ga"},
    },
    {.id = NULL},
};

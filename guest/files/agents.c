/* The table of hypervisors' guest tools. */
#include "guest/files/agents.h"

#include <stddef.h>

const struct agent_kind agent_kinds[] = {
    {
	.id = "open-vm-tools",
	.foreign = true,
	.packages = {"open-vm-tools", "open-vm-tools-desktop"},
	.services = {"open-vm-tools", "vgauth", "vmtoolsd", "run-vmblock\\x2dfuse.mount"},
    },
    {
	.id = "vmware-tools",
	.foreign = true,
	.packages = {"vmware-tools-esx", "vmware-tools-core"},
	.paths = {"/etc/vmware-tools/locations", "/usr/bin/vmware-uninstall-tools.pl"},
	.services = {"vmware-tools", "vmware-tools-thinprint", "vmware-tools-services"},
    },
    {
	.id = "virtualbox",
	.foreign = true,
	.packages = {"virtualbox-guest-utils", "virtualbox-guest-x11", "virtualbox-guest-dkms"},
	.paths = {"/var/lib/VBoxGuestAdditions/config"},
	.services = {"virtualbox-guest-utils", "virtualbox-guest-x11", "vboxadd", "vboxadd-service", "vboxadd-x11"},
    },
    {
	.id = "hyperv",
	.foreign = true,
	.packages = {"hyperv-daemons", "linux-cloud-tools-virtual", "linux-cloud-tools-common"},
	.services = {"hv-kvp-daemon", "hv-vss-daemon", "hv-fcopy-daemon", "hyperv-daemons.hv-kvp-daemon",
		     "hyperv-daemons.hv-vss-daemon", "hyperv-daemons.hv-fcopy-daemon"},
    },
    {
	.id = "xen",
	.foreign = true,
	.packages = {"xe-guest-utilities", "xen-guest-agent", "xenstore-utils"},
	.paths = {"/usr/sbin/xe-daemon", "/usr/sbin/xe-linux-distribution"},
	.services = {"xe-linux-distribution", "xe-daemon", "xen-guest-agent"},
    },
    {
	.id = "parallels",
	.foreign = true,
	.paths = {"/usr/lib/parallels-tools"},
	.services = {"prltoolsd", "prltools_updater"},
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
	.services = {"walinuxagent", "waagent"},
    },
    {
	.id = "qemu-guest-agent",
	.packages = {"qemu-guest-agent"},
    },
    {.id = NULL},
};

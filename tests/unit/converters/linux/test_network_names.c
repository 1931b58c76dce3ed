/* Tests of the inspector network and the step network-names together. */
#include "tests/unit/converters/linux/linux_fixture.h"

#include "guest/files/netnames.h"
#include "inspectors/registry.h"

#define MAC1 "52:54:00:aa:00:01"
#define MAC2 "52:54:00:aa:00:02"
#define LINK "/etc/systemd/network/10-rehost-"

static void modern(struct linux_fixture *f)
{
	plant(&f->files, "/usr/lib/udev/rules.d/80-net-setup-link.rules", "");
}

static void convert(struct linux_fixture *f)
{
	if (inspector_network.run(f->files.g, f->machine, f->inspection, &f->files.err) < 0)
		fail_msg("%s", f->files.err.text);
	run_twice(f, &step_network_names);
}

static const struct nic_name *name_of(struct linux_fixture *f, unsigned nic)
{
	VEC_FOR (n, &f->inspection->nic_names)
		if (n->nic == nic)
			return n;
	return NULL;
}

static const char ifupdown[] = "auto lo\n"
			       "iface lo inet loopback\n"
			       "# primary\n"
			       "auto ens192\n"
			       "iface ens192 inet static\n"
			       "    address 10.0.2.50/24\n"
			       "    gateway 10.0.2.2\n"
			       "# storage network, named by the .link file\n"
			       "auto store0\n"
			       "iface store0 inet static\n"
			       "    address 10.9.0.50\n"
			       "    netmask 255.255.255.0\n";

static void test_vmx_with_slots_and_driver_link(void **state)
{
	struct linux_fixture *f = *state;

	modern(f);
	add_nic(f, MAC1, 192);
	add_nic(f, MAC2, 224);
	plant(&f->files, "/etc/network/interfaces", ifupdown);
	plant(&f->files, "/etc/systemd/network/10-store0.link",
	      "[Match]\nMACAddress=" MAC2 "\nDriver=vmxnet3\n[Link]\nName=store0\n");
	convert(f);
	assert_string_equal(text_of(&f->files, LINK "ens192.link"),
			    "# Written by rehost: this network card had this name on the source.\n"
			    "[Match]\nMACAddress=" MAC1 "\nPath=*\n\n[Link]\nName=ens192\n");
	assert_string_equal(change_of(f, LINK "ens192.link")->reason,
			    "ens192 keeps its name: VMware's pciSlotNumber 192 is ens192 in Linux");
	assert_string_equal(text_of(&f->files, "/etc/systemd/network/10-store0.link"),
			    "[Match]\nMACAddress=" MAC2 "\n[Link]\nName=store0\n");
	assert_string_equal(text_of(&f->files, "/etc/network/interfaces"), ifupdown);
	assert_false(guest_exists(f->files.g, LINK "store0.link"));
	assert_int_equal(f->inspection->findings.n, 0);
	assert_int_equal(f->inspection->networks.n, 4);
	assert_string_equal(f->inspection->networks.v[1].interface, "ens192");
	assert_string_equal(f->inspection->networks.v[1].method, "static");
	assert_string_equal(f->inspection->networks.v[1].address, "10.0.2.50/24");
	assert_int_equal(f->inspection->networks.v[1].line, 5);
	assert_string_equal(f->inspection->networks.v[2].address, "10.9.0.50/24");
}

/* An OVA states no MACs: the made-up ones replace what the guest's files tie names to. */
static void test_ova_without_macs(void **state)
{
	struct linux_fixture *f = *state;

	modern(f);
	add_nic(f, "52:54:00:11:22:33", -1)->mac_generated = true;
	add_nic(f, "52:54:00:44:55:66", -1)->mac_generated = true;
	plant(&f->files, "/etc/network/interfaces", ifupdown);
	plant(&f->files, "/etc/systemd/network/10-store0.link",
	      "[Match]\nMACAddress=" MAC2 "\nDriver=vmxnet3\n[Link]\nName=store0\n");
	convert(f);
	assert_string_equal(name_of(f, 0)->name, "ens192");
	assert_string_equal(name_of(f, 0)->reason, "VMware gives network card 1 the slot that is ens192 in Linux");
	assert_string_equal(name_of(f, 1)->name, "store0");
	assert_string_equal(text_of(&f->files, "/etc/systemd/network/10-store0.link"),
			    "[Match]\nMACAddress=52:54:00:44:55:66\n[Link]\nName=store0\n");
	assert_true(guest_exists(f->files.g, LINK "ens192.link"));
}

static void test_slot_order_of_many_cards(void **state)
{
	struct linux_fixture *f = *state;
	const char *macs[] = {"00:50:56:00:00:00", "00:50:56:00:00:01", "00:50:56:00:00:02", "00:50:56:00:00:03",
			      "00:50:56:00:00:04"};

	modern(f);
	for (unsigned n = 0; n < 5; n++)
		add_nic(f, macs[n], -1);
	plant(&f->files, "/etc/network/interfaces",
	      "iface ens161 inet dhcp\niface ens192 inet dhcp\niface ens224 inet dhcp\niface ens256 inet dhcp\n"
	      "iface ens193 inet dhcp\n");
	convert(f);
	assert_string_equal(name_of(f, 0)->name, "ens192");
	assert_string_equal(name_of(f, 1)->name, "ens224");
	assert_string_equal(name_of(f, 2)->name, "ens256");
	assert_string_equal(name_of(f, 3)->name, "ens161");
	assert_string_equal(name_of(f, 4)->name, "ens193");
	assert_null(finding_of(f, "W-NET-NAME-GUESSED"));
}

static void test_slot_numbers(void **state)
{
	assert_int_equal(vmware_slot_number(192), 192);
	assert_int_equal(vmware_slot_number(1184), 161);
	assert_int_equal(vmware_slot_number(1216), 193);
	assert_int_equal(vmware_slot_number(2208), 162);
	assert_int_equal(vmware_slot_number(33), 33);
	assert_int_equal(vmware_slot_of(0), 160);
	assert_int_equal(vmware_slot_of(3), 256);
	assert_int_equal(vmware_slot_of(4), 161);
	assert_int_equal(vmware_slot_of(5), 193);
}

static void test_ubuntu_netplan(void **state)
{
	struct linux_fixture *f = *state;
	const char *plan = "# This file is generated from information provided by the datasource.\n"
			   "network:\n"
			   "    version: 2\n"
			   "    ethernets:\n"
			   "        ens160:\n"
			   "            addresses: [192.168.7.20/24]\n"
			   "            nameservers:\n"
			   "                addresses: [192.168.7.1]\n"
			   "            routes:\n"
			   "            -   to: default\n"
			   "                via: 192.168.7.1\n"
			   "        lan1:\n"
			   "            match:\n"
			   "                macaddress: \"" MAC2 "\"\n"
			   "                driver: vmxnet3   # as VMware has it\n"
			   "            set-name: lan1\n"
			   "            dhcp4: true\n"
			   "    bonds:\n"
			   "        bond0: {interfaces: [ens160]}\n";

	modern(f);
	add_nic(f, MAC1, 160);
	add_nic(f, MAC2, 192);
	plant(&f->files, "/etc/netplan/50-cloud-init.yaml", plan);
	convert(f);
	assert_string_equal(text_of(&f->files, "/etc/netplan/50-cloud-init.yaml"),
			    "# This file is generated from information provided by the datasource.\n"
			    "network:\n"
			    "    version: 2\n"
			    "    ethernets:\n"
			    "        ens160:\n"
			    "            addresses: [192.168.7.20/24]\n"
			    "            nameservers:\n"
			    "                addresses: [192.168.7.1]\n"
			    "            routes:\n"
			    "            -   to: default\n"
			    "                via: 192.168.7.1\n"
			    "        lan1:\n"
			    "            match:\n"
			    "                macaddress: \"" MAC2 "\"\n"
			    "            set-name: lan1\n"
			    "            dhcp4: true\n"
			    "    bonds:\n"
			    "        bond0: {interfaces: [ens160]}\n");
	assert_true(guest_exists(f->files.g, LINK "ens160.link"));
	assert_false(guest_exists(f->files.g, LINK "lan1.link"));
	assert_string_equal(f->inspection->networks.v[0].address, "192.168.7.20/24");
	assert_string_equal(f->inspection->networks.v[0].method, "static");
	assert_string_equal(f->inspection->networks.v[1].method, "dhcp");
	assert_true(f->inspection->networks.v[2].is_virtual);
}

static void test_netplan_flow_and_driver_only(void **state)
{
	struct linux_fixture *f = *state;

	modern(f);
	add_nic(f, MAC1, -1);
	plant(&f->files, "/etc/netplan/a.yaml",
	      "network: {version: 2, ethernets: {all: {match: {driver: vmxnet3}, dhcp4: yes}}}\n");
	convert(f);
	assert_string_equal(text_of(&f->files, "/etc/netplan/a.yaml"),
			    "network: {version: 2, ethernets: {all: {match: {macaddress: \"" MAC1
			    "\"}, dhcp4: yes}}}\n");
}

static void test_netplan_driver_for_several_cards(void **state)
{
	struct linux_fixture *f = *state;

	modern(f);
	add_nic(f, MAC1, -1);
	add_nic(f, MAC2, -1);
	plant(
	    &f->files, "/etc/netplan/a.yaml",
	    "network:\n  ethernets:\n    all:\n      match:\n        driver: [\"vmxnet3\", e1000]\n      dhcp4: yes\n");
	convert(f);
	assert_string_equal(
	    text_of(&f->files, "/etc/netplan/a.yaml"),
	    "network:\n  ethernets:\n    all:\n      match:\n        driver: [\"vmxnet3\", virtio_net]\n"
	    "      dhcp4: yes\n");
}

static void test_networkd(void **state)
{
	struct linux_fixture *f = *state;

	modern(f);
	add_nic(f, MAC1, 192);
	plant(&f->files, "/etc/systemd/network/lan.network",
	      "[Match]\r\nDriver=vmxnet3\r\nPath=pci-0000:0b:00.0\r\n\r\n[Network]\r\nAddress=10.1.1.1/24\r\n");
	convert(f);
	assert_string_equal(text_of(&f->files, "/etc/systemd/network/lan.network"),
			    "[Match]\r\nMACAddress=" MAC1 "\r\n\r\n[Network]\r\nAddress=10.1.1.1/24\r\n");
}

static void test_network_manager(void **state)
{
	struct linux_fixture *f = *state;
	const char *keyfile = "[connection]\nid=Wired\ntype=ethernet\ninterface-name=ens224\n\n"
			      "[ethernet]\nmac-address=52:54:00:AA:00:02\n\n[ipv4]\naddress1=10.2.2.2/24,10.2.2.1\n"
			      "method=manual\n";

	modern(f);
	add_nic(f, MAC1, -1);
	add_nic(f, MAC2, -1);
	plant(&f->files, "/etc/NetworkManager/system-connections/Wired.nmconnection", keyfile);
	convert(f);
	assert_string_equal(text_of(&f->files, "/etc/NetworkManager/system-connections/Wired.nmconnection"), keyfile);
	assert_true(guest_exists(f->files.g, LINK "ens224.link"));
	assert_int_equal(name_of(f, 1)->nic, 1);
	assert_string_equal(name_of(f, 1)->name, "ens224");
	assert_string_equal(f->inspection->networks.v[0].address, "10.2.2.2/24");
}

static void test_old_udev_gets_a_rule(void **state)
{
	struct linux_fixture *f = *state;
	const char *rules =
	    "# PCI device 0x15ad:0x07b0 (vmxnet3)\n"
	    "SUBSYSTEM==\"net\", ACTION==\"add\", DRIVERS==\"?*\", ATTR{address}==\"00:50:56:99:99:99\", "
	    "ATTR{dev_id}==\"0x0\", ATTR{type}==\"1\", KERNEL==\"eth*\", NAME=\"eth0\"\n";

	add_nic(f, MAC1, 192);
	plant(&f->files, "/lib/udev/rules.d/75-persistent-net-generator.rules", "");
	plant(&f->files, "/etc/network/interfaces", "iface eth0 inet dhcp\n");
	plant(&f->files, "/etc/udev/rules.d/70-persistent-net.rules", rules);
	convert(f);
	assert_string_equal(text_of(&f->files, "/etc/udev/rules.d/70-persistent-net.rules"),
			    arena_printf(&f->files.arena,
					 "%sSUBSYSTEM==\"net\", ACTION==\"add\", DRIVERS==\"?*\", "
					 "ATTR{address}==\"" MAC1 "\", ATTR{type}==\"1\", KERNEL==\"eth*\", "
					 "NAME=\"eth0\"\n",
					 rules));
}

static const char card_rule[] = "SUBSYSTEM==\"net\", ACTION==\"add\", DRIVERS==\"?*\", ATTR{address}==\"" MAC1
				"\", ATTR{type}==\"1\", KERNEL==\"eth*\", NAME=\"eth0\"\n";

static void plant_old_udev(struct linux_fixture *f)
{
	add_nic(f, MAC1, 192);
	plant(&f->files, "/lib/udev/rules.d/75-persistent-net-generator.rules", "");
	plant(&f->files, "/etc/network/interfaces", "iface eth0 inet dhcp\n");
}

/* Vagrant's templates: the generator can't write into a folder. */
static void test_rules_file_is_a_folder(void **state)
{
	struct linux_fixture *f = *state;

	plant_old_udev(f);
	plant(&f->files, "/etc/udev/rules.d/70-persistent-net.rules/kept", "");
	convert(f);
	assert_string_equal(text_of(&f->files, "/etc/udev/rules.d/70-rehost-net.rules"), card_rule);
	assert_int_equal(f->files.log.changes.n, 1);
}

/* A masked file, with and without the device node on the disk. */
static void test_rules_file_is_masked(void **state)
{
	struct linux_fixture *f = *state;

	plant_old_udev(f);
	plant(&f->files, "/etc/udev/rules.d/empty", "");
	assert_int_equal(symlink("/dev/null", on_host(&f->files, "/etc/udev/rules.d/70-persistent-net.rules")), 0);
	convert(f);
	assert_string_equal(text_of(&f->files, "/etc/udev/rules.d/70-rehost-net.rules"), card_rule);
	assert_false(guest_exists(f->files.g, "/dev/null"));
}

/* udev 095 of RHEL 5 only logs keys that it doesn't know, and the rule would be for every card; the first card is named
 * by the HWADDR in its file. */
static void test_udev_before_attr(void **state)
{
	struct linux_fixture *f = *state;

	add_nic(f, MAC1, -1);
	add_nic(f, MAC2, -1);
	plant(&f->files, "/etc/udev/rules.d/60-net.rules", "");
	plant(&f->files, "/etc/sysconfig/network-scripts/ifcfg-eth0", "DEVICE=eth0\nHWADDR=" MAC1 "\n");
	plant(&f->files, "/etc/sysconfig/network-scripts/ifcfg-eth1", "DEVICE=eth1\n");
	convert(f);
	assert_string_equal(text_of(&f->files, "/etc/udev/rules.d/70-persistent-net.rules"),
			    "SUBSYSTEM==\"net\", ACTION==\"add\", SYSFS{address}==\"" MAC2
			    "\", KERNEL==\"eth?|eth??\", NAME=\"eth1\"\n");
}

/* A profile's name is no interface's. */
static void test_profile_without_device(void **state)
{
	struct linux_fixture *f = *state;

	modern(f);
	add_nic(f, MAC1, 192);
	plant(&f->files, "/etc/sysconfig/network-scripts/ifcfg-Auto_eth0", "HWADDR=" MAC1 "\nBOOTPROTO=dhcp\n");
	convert(f);
	assert_int_equal(f->inspection->nic_names.n, 1);
	assert_string_equal(name_of(f, 0)->name, "ens192");
	assert_null(finding_of(f, "W-NET-MAC-UNKNOWN"));
}

/* An OVA has no MACs: the one in the name of SUSE's file follows the new card. */
static void test_suse_file_by_mac(void **state)
{
	struct linux_fixture *f = *state;

	add_nic(f, MAC1, -1)->mac_generated = true;
	plant(&f->files, "/etc/udev/rules.d/50-udev-default.rules", "");
	plant(&f->files, "/etc/sysconfig/network/ifcfg-eth-id-00:0c:29:aa:bb:cc", "BOOTPROTO='dhcp'\n");
	convert(f);
	assert_string_equal(text_of(&f->files, "/etc/sysconfig/network/ifcfg-eth-id-" MAC1), "BOOTPROTO='dhcp'\n");
	assert_false(guest_exists(f->files.g, "/etc/sysconfig/network/ifcfg-eth-id-00:0c:29:aa:bb:cc"));
	assert_false(guest_exists(f->files.g, "/etc/udev/rules.d/70-persistent-net.rules"));
}

static void test_suse_file_by_place(void **state)
{
	struct linux_fixture *f = *state;

	add_nic(f, MAC1, -1);
	plant(&f->files, "/etc/udev/rules.d/50-udev-default.rules", "");
	plant(&f->files, "/etc/sysconfig/network/ifcfg-eth-bus-pci-0000:02:00.0", "BOOTPROTO='dhcp'\n");
	convert(f);
	assert_int_equal(f->files.log.changes.n, 0);
	assert_string_equal(finding_of(f, "W-NET-PATH-MATCH")->evidence,
			    "/etc/sysconfig/network/ifcfg-eth-bus-pci-0000:02:00.0:1");
}

static void test_rule_by_place_becomes_one_by_mac(void **state)
{
	struct linux_fixture *f = *state;

	modern(f);
	add_nic(f, MAC1, 192);
	plant(&f->files, "/etc/network/interfaces", "iface lan0 inet dhcp\n");
	plant(&f->files, "/etc/udev/rules.d/10-net.rules",
	      "SUBSYSTEM==\"net\", KERNELS==\"0000:0b:00.0\", NAME=\"lan0\"\n");
	convert(f);
	assert_string_equal(text_of(&f->files, "/etc/udev/rules.d/10-net.rules"),
			    "SUBSYSTEM==\"net\", ATTR{address}==\"" MAC1 "\", NAME=\"lan0\"\n");
}

static void test_settings_of_a_shadowed_link_file(void **state)
{
	struct linux_fixture *f = *state;

	modern(f);
	add_nic(f, MAC1, 192);
	plant(&f->files, "/etc/network/interfaces", "iface ens192 inet dhcp\n");
	plant(&f->files, "/etc/systemd/network/20-mtu.link",
	      "[Match]\nDriver=vmxnet3\n[Link]\nNamePolicy=slot path\nMTUBytes=9000\n");
	convert(f);
	assert_string_equal(text_of(&f->files, LINK "ens192.link"),
			    "# Written by rehost: this network card had this name on the source.\n"
			    "[Match]\nMACAddress=" MAC1 "\nPath=*\n\n[Link]\nName=ens192\nMTUBytes=9000\n");
}

static void test_guesses_are_findings(void **state)
{
	struct linux_fixture *f = *state;

	modern(f);
	add_nic(f, MAC1, -1);
	add_nic(f, MAC2, -1);
	plant(&f->files, "/etc/network/interfaces",
	      "iface enp11s0 inet static\n address 10.0.0.1/24\niface enp3s0 inet dhcp\n");
	convert(f);
	assert_string_equal(name_of(f, 0)->name, "enp3s0");
	assert_string_equal(name_of(f, 1)->name, "enp11s0");
	assert_true(name_of(f, 0)->guessed);
	assert_string_equal(finding_of(f, "W-NET-NAME-GUESSED")->text,
			    "network card 1 (" MAC1 ", network '') keeps the name enp3s0 by the order of the network "
			    "cards");
}

static void test_eth_names_by_kernel_order(void **state)
{
	struct linux_fixture *f = *state;

	modern(f);
	add_nic(f, "00:50:56:00:00:00", 192);
	add_nic(f, "00:50:56:00:00:01", 1184); /* slot 161: the kernel finds it first */
	plant(&f->files, "/etc/network/interfaces", "iface eth0 inet dhcp\niface eth1 inet dhcp\n");
	convert(f);
	assert_string_equal(name_of(f, 1)->name, "eth0");
	assert_string_equal(name_of(f, 0)->name, "eth1");
	assert_non_null(finding_of(f, "W-NET-ETH-ORDER"));
}

/* A name is part of a path and of a rule. */
static void test_hostile_names(void **state)
{
	struct linux_fixture *f = *state;

	modern(f);
	add_nic(f, MAC1, -1);
	plant(&f->files, "/etc/network/interfaces",
	      "iface ../../../tmp/x inet dhcp\niface a\"b inet dhcp\niface ens19200000000000000 inet dhcp\n");
	convert(f);
	assert_int_equal(f->inspection->nic_names.n, 0);
	assert_int_equal(f->files.log.changes.n, 0);
}

static void test_more_names_than_cards(void **state)
{
	struct linux_fixture *f = *state;

	modern(f);
	add_nic(f, MAC1, 192);
	plant(&f->files, "/etc/network/interfaces", "iface ens192 inet dhcp\niface ens224 inet dhcp\n");
	convert(f);
	assert_string_equal(name_of(f, 0)->name, "ens192");
	assert_string_equal(finding_of(f, "I-NET-NO-CARD")->text,
			    "ens224 is configured, but the machine has no network card for it");
	assert_null(finding_of(f, "W-NET-NAME-GUESSED"));
}

/* netplan matches the name that the card had and gives another. */
static void test_name_for_name(void **state)
{
	struct linux_fixture *f = *state;

	modern(f);
	add_nic(f, MAC1, 192);
	plant(&f->files, "/etc/netplan/a.yaml",
	      "network:\n  ethernets:\n    x:\n      match: {name: ens192}\n      set-name: lan0\n      dhcp4: yes\n");
	convert(f);
	assert_int_equal(f->inspection->nic_names.n, 1);
	assert_string_equal(name_of(f, 0)->name, "ens192");
	assert_true(guest_exists(f->files.g, LINK "ens192.link"));
}

static void test_name_made_of_the_mac(void **state)
{
	struct linux_fixture *f = *state;

	modern(f);
	add_nic(f, MAC1, -1);
	add_nic(f, MAC2, -1);
	plant(&f->files, "/etc/network/interfaces", "iface enx525400aa0002 inet dhcp\n");
	convert(f);
	assert_string_equal(name_of(f, 1)->name, "enx525400aa0002");
	assert_string_equal(name_of(f, 1)->reason, "the name is made of its MAC");
	assert_null(finding_of(f, "W-NET-NAME-GUESSED"));
}

static void test_nothing_configured_keeps_the_source_name(void **state)
{
	struct linux_fixture *f = *state;

	modern(f);
	add_nic(f, MAC1, 192);
	convert(f);
	assert_true(guest_exists(f->files.g, LINK "ens192.link"));
	assert_string_equal(name_of(f, 0)->reason, "its name on the source, by VMware's pciSlotNumber");
}

static void test_stale_mac_is_a_finding(void **state)
{
	struct linux_fixture *f = *state;

	modern(f);
	add_nic(f, MAC1, -1);
	plant(&f->files, "/etc/netplan/a.yaml",
	      "network:\n  ethernets:\n    x:\n      match: {macaddress: 00:50:56:01:02:03}\n      dhcp4: true\n");
	convert(f);
	assert_string_equal(finding_of(f, "W-NET-MAC-UNKNOWN")->evidence, "/etc/netplan/a.yaml:4");
	assert_int_equal(f->files.log.changes.n, 0);
}

/* mdev names nothing: the kernel's names are all there is. */
static void test_without_udev(void **state)
{
	struct linux_fixture *f = *state;

	add_nic(f, MAC1, 192);
	plant(&f->files, "/etc/network/interfaces", "iface eth0 inet dhcp\n");
	convert(f);
	assert_string_equal(name_of(f, 0)->name, "eth0");
	assert_int_equal(f->files.log.changes.n, 0);
}

static void test_made_up_mac_for_a_lone_match(void **state)
{
	struct linux_fixture *f = *state;

	modern(f);
	add_nic(f, "52:54:00:11:22:33", -1)->mac_generated = true;
	plant(&f->files, "/etc/netplan/a.yaml",
	      "network:\n  ethernets:\n    x:\n      match: {macaddress: 00:50:56:01:02:03}\n      dhcp4: true\n");
	convert(f);
	assert_null(finding_of(f, "W-NET-MAC-UNKNOWN"));
	assert_string_equal(
	    text_of(&f->files, "/etc/netplan/a.yaml"),
	    "network:\n  ethernets:\n    x:\n      match: {macaddress: 52:54:00:11:22:33}\n      dhcp4: "
	    "true\n");
}

static void test_bridge_and_vlan_parts(void **state)
{
	struct linux_fixture *f = *state;

	modern(f);
	add_nic(f, MAC1, -1);
	add_nic(f, MAC2, -1);
	plant(&f->files, "/etc/network/interfaces",
	      "source interfaces.d/*\nauto br0\niface br0 inet static\n\taddress 10.0.0.1/24\n\tbridge_ports ens192\n");
	plant(&f->files, "/etc/network/interfaces.d/vlan", "iface ens224.100 inet dhcp\n");
	convert(f);
	assert_true(guest_exists(f->files.g, LINK "ens192.link"));
	assert_true(guest_exists(f->files.g, LINK "ens224.link"));
	assert_int_equal(f->inspection->nic_names.n, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    LINUX_TEST(test_vmx_with_slots_and_driver_link),
	    LINUX_TEST(test_ova_without_macs),
	    LINUX_TEST(test_slot_order_of_many_cards),
	    LINUX_TEST(test_slot_numbers),
	    LINUX_TEST(test_ubuntu_netplan),
	    LINUX_TEST(test_netplan_flow_and_driver_only),
	    LINUX_TEST(test_netplan_driver_for_several_cards),
	    LINUX_TEST(test_networkd),
	    LINUX_TEST(test_network_manager),
	    LINUX_TEST(test_old_udev_gets_a_rule),
	    LINUX_TEST(test_rules_file_is_a_folder),
	    LINUX_TEST(test_rules_file_is_masked),
	    LINUX_TEST(test_udev_before_attr),
	    LINUX_TEST(test_profile_without_device),
	    LINUX_TEST(test_suse_file_by_mac),
	    LINUX_TEST(test_suse_file_by_place),
	    LINUX_TEST(test_rule_by_place_becomes_one_by_mac),
	    LINUX_TEST(test_settings_of_a_shadowed_link_file),
	    LINUX_TEST(test_guesses_are_findings),
	    LINUX_TEST(test_eth_names_by_kernel_order),
	    LINUX_TEST(test_hostile_names),
	    LINUX_TEST(test_more_names_than_cards),
	    LINUX_TEST(test_name_for_name),
	    LINUX_TEST(test_name_made_of_the_mac),
	    LINUX_TEST(test_nothing_configured_keeps_the_source_name),
	    LINUX_TEST(test_stale_mac_is_a_finding),
	    LINUX_TEST(test_without_udev),
	    LINUX_TEST(test_made_up_mac_for_a_lone_match),
	    LINUX_TEST(test_bridge_and_vlan_parts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Tests of the network file parsers and their edits: yaml.c, netplan.c, ifupdown.c, networkd.c, nmkeyfile.c,
 * udevrules.c, ifcfg.c, netfiles.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/cleanup.h"
#include "guest/files/netfiles.h"
#include "guest/files/yaml.h"

static const char *const key_names[] = {"?",	"name",	  "gives",   "mac",	"driver",
					"path", "method", "address", "virtual", "link"};

/* "section:line:key=value " of everything that a parser finds. */
static const char *found(struct arena *a, net_parser *parse, const char *text)
{
	struct net_items items = {.arena = a};
	struct lines l;
	char *ret = arena_strdup(a, "");

	lines_split(&l, a, text);
	parse(&l, &items);
	VEC_FOR (i, &items.v)
		ret = arena_printf(a, "%s%u:%zu:%s=%s ", ret, i->section, i->line + 1, key_names[i->key], i->value);
	return ret;
}

/* The text after one edit of the item with this value. */
static const char *edited(struct arena *a, net_parser *parse, const char *text, const char *value, const char *edit)
{
	struct net_items items = {.arena = a};
	struct lines l;

	lines_split(&l, a, text);
	parse(&l, &items);
	VEC_FOR (i, &items.v) {
		bool ok = true;

		if (strcmp(i->value, value) != 0)
			continue;
		if (strcmp(edit, "drop") == 0)
			ok = net_item_drop(&l, i);
		else if (strcmp(edit, "mac") == 0)
			ok = net_item_to_mac(&l, i, "00:11:22:33:44:55");
		else
			net_item_set(&l, i, edit);
		return ok ? lines_join(&l) : "refused";
	}
	return "not found";
}

static void test_yaml_places(void **state)
{
	AUTO(arena_done) struct arena a = {0};
	struct lines l;
	struct yaml y;
	const char *text =
	    "%YAML 1.1\n---\n# c\na: 1 # x\n\"b c\": 'two # not'\nd:\n- e: f\n  g: [h, \"i j\", {k: l}]\n"
	    "- m\nn: {o: p,\n    q: r}\ns: \"open\nt: u:v\n";
	char *seen = arena_strdup(&a, "");

	lines_split(&l, &a, text);
	yaml_scan(&l, &y);
	VEC_FOR (n, &y.nodes) {
		if (!n->value)
			continue;
		for (unsigned d = 0; d < n->depth; d++)
			seen = arena_printf(&a, "%s%s/", seen, n->path[d]);
		seen = arena_printf(&a, "%s=%s@%zu,%zu ", seen, n->value, n->line + 1, n->value_at.at);
		assert_int_equal(strlen(n->value), n->value_at.len);
	}
	assert_string_equal(seen, "a/=1@4,3 b c/=two # not@5,8 d/e/=f@7,5 d/g/=h@8,6 d/g/=i j@8,10 d/g/k/=l@8,20 "
				  "d/=m@9,2 n/o/=p@10,7 n/q/=r@11,7 t/=u:v@13,3 ");
}

static void test_yaml_nonsense(void **state)
{
	static const char *const texts[] = {
	    "{",
	    "[",
	    "{a: [}]",
	    "a: {b: c",
	    "- - - -",
	    ": :",
	    "a:\n\t- b",
	    "]\n}\n",
	    "{{{{{{{{{{{{{{{{{{{{{{{{",
	    "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
	    "a:\n b:\n  c:\n   d:\n    e:\n     f:\n      g:\n       h:\n        i:\n"
	    "         j:\n          k:\n           l:\n            m:\n             n:\n"
	    "              o:\n               p:\n                q:\n                 r: s\n"};
	AUTO(arena_done) struct arena a = {0};

	for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) {
		struct lines l;
		struct yaml y;

		lines_split(&l, &a, texts[k]);
		yaml_scan(&l, &y);
		VEC_FOR (n, &y.nodes)
			assert_true(n->depth <= YAML_DEPTH);
	}
}

static void test_netplan(void **state)
{
	AUTO(arena_done) struct arena a = {0};

	assert_string_equal(
	    found(&a, netplan_parse,
		  "network:\n  version: 2\n  ethernets:\n    ens3:\n      dhcp4: true\n      dhcp6: no\n"
		  "    lan:\n      match:\n        macaddress: 'AA:bb:cc:00:11:22'\n        name: ens*\n"
		  "      set-name: lan0\n      addresses:\n        - 10.0.0.2/24\n        - \"fe80::1/64\"\n"
		  "  vlans:\n    v9: {id: 9, link: lan}\n"),
	    "0:4:name=ens3 0:5:method=dhcp 1:9:mac=AA:bb:cc:00:11:22 1:10:name=ens* 1:11:gives=lan0 "
	    "1:13:address=10.0.0.2/24 1:14:address=fe80::1/64 2:16:virtual=v9 ");
	/* Ubuntu's cloud images write it as JSON at times. */
	assert_string_equal(found(&a, netplan_parse,
				  "{\"network\": {\"ethernets\": {\"e\": {\"match\": {\"driver\": \"vmxnet3\"}, "
				  "\"dhcp4\":\ntrue}}}}"),
			    "0:1:driver=vmxnet3 0:2:method=dhcp ");
	assert_string_equal(found(&a, netplan_parse, "other:\n  ethernets:\n    e:\n      dhcp4: true\n"), "");
}

static void test_netplan_edits(void **state)
{
	AUTO(arena_done) struct arena a = {0};
	const char *flow = "network: {ethernets: {e: {match: {driver: vmxnet3, macaddress: 'x'}}}} # end\n",
		   *block = "network:\n  ethernets:\n    e:\n      match:\n        driver: [vmxnet3, e1000]  # why\n",
		   *items = "network:\n  ethernets:\n    e:\n      match:\n        driver:\n          - vmxnet3\n";

	assert_string_equal(edited(&a, netplan_parse, flow, "vmxnet3", "drop"),
			    "network: {ethernets: {e: {match: {macaddress: 'x'}}}} # end\n");
	assert_string_equal(edited(&a, netplan_parse, flow, "x", "drop"),
			    "network: {ethernets: {e: {match: {driver: vmxnet3}}}} # end\n");
	assert_string_equal(edited(&a, netplan_parse, flow, "x", "00:00"),
			    "network: {ethernets: {e: {match: {driver: vmxnet3, macaddress: '00:00'}}}} # end\n");
	assert_string_equal(
	    edited(&a, netplan_parse, block, "e1000", "mac"),
	    "network:\n  ethernets:\n    e:\n      match:\n        macaddress: \"00:11:22:33:44:55\"  # "
	    "why\n");
	assert_string_equal(edited(&a, netplan_parse, items, "vmxnet3", "mac"), "refused");
	assert_string_equal(edited(&a, netplan_parse, items, "vmxnet3", "drop"), "refused");
	assert_string_equal(edited(&a, netplan_parse, items, "vmxnet3", "virtio_net"),
			    "network:\n  ethernets:\n    e:\n      match:\n        driver:\n          - virtio_net\n");
}

static void test_ifupdown(void **state)
{
	AUTO(arena_done) struct arena a = {0};

	assert_string_equal(
	    found(&a, ifupdown_parse,
		  "auto lo\niface lo inet loopback\n# iface x inet dhcp\n"
		  "iface eth0 inet static\n\taddress 10.0.0.1\n\tnetmask 255.255.240.0\n\tgateway 10.0.0.254\n"
		  "auto br0\niface br0 inet dhcp\n\tbridge_ports eth1 none\n"
		  "iface bond0 inet manual\n\tbond-mode 1\n\tbond-slaves eth2 eth3\n"
		  "source /etc/network/interfaces.d/*\n\taddress 1.2.3.4\niface\niface eth9\n"),
	    "0:2:name=lo 0:2:method=loopback 1:4:name=eth0 1:4:method=static 1:5:address=10.0.0.1/20 "
	    "2:9:name=br0 2:9:method=dhcp 2:9:virtual=br0 3:10:name=eth1 4:11:name=bond0 "
	    "4:11:method=manual 4:11:virtual=bond0 5:13:name=eth2 6:13:name=eth3 4:11:virtual=bond0 "
	    "7:17:name=eth9 ");
	/* A slave may have the bond's options in its stanza. */
	assert_string_equal(
	    found(&a, ifupdown_parse,
		  "iface ens192 inet manual\n\tbond-master bond0\n\tbond-primary ens192 ens224\n"
		  "iface ens224 inet manual\n\tbond-mode 1\n\tbond-master bond0\n"
		  "iface bond0 inet dhcp\n\tbond-primary ens192\n\tbond-mode 1\n"),
	    "0:1:name=ens192 0:1:method=manual 1:4:name=ens224 1:4:method=manual 2:7:name=bond0 2:7:method=dhcp "
	    "2:7:virtual=bond0 ");
	assert_string_equal(found(&a, ifupdown_parse,
				  "iface ens192 inet manual\n\tovs_bridge vmbr0\n\tovs_type OVSPort\n"
				  "iface v9 inet dhcp\n\tovs_type OVSIntPort\n\tovs_bridge vmbr0\n"
				  "iface vmbr0 inet dhcp\n\tovs_type OVSBridge\n\tovs_ports ens192 v9\n"),
			    "0:1:name=ens192 0:1:method=manual 1:4:name=v9 1:4:method=dhcp 1:4:virtual=v9 "
			    "2:7:name=vmbr0 2:7:method=dhcp 2:7:virtual=vmbr0 2:7:virtual=vmbr0 3:9:name=ens192 "
			    "4:9:name=v9 ");
}

static void test_networkd(void **state)
{
	AUTO(arena_done) struct arena a = {0};
	const char *text =
	    "[Match]\nName=en* eth0\nMACAddress=AA:00:00:00:00:01\n[Network]\nDHCP=ipv4\nAddress=10.0.0.1/8\n";

	assert_string_equal(found(&a, networkd_parse, text),
			    "0:2:name=en* 0:2:name=eth0 0:3:mac=AA:00:00:00:00:01 0:5:method=dhcp "
			    "0:6:address=10.0.0.1/8 ");
	assert_string_equal(found(&a, networkd_parse, "[Match]\nOriginalName=*\n[Link]\nName=lan\nMTUBytes=9000\n"),
			    "0:2:name=* 0:4:gives=lan 0:5:link=MTUBytes=9000 ");
	assert_string_equal(found(&a, networkd_parse, "[NetDev]\nName=br0\nKind=bridge\n[Network]\nDHCP=no\n"),
			    "0:2:virtual=br0 ");
	assert_string_equal(edited(&a, networkd_parse, text, "AA:00:00:00:00:01", "drop"),
			    "[Match]\nName=en* eth0\n[Network]\nDHCP=ipv4\nAddress=10.0.0.1/8\n");
	assert_string_equal(edited(&a, networkd_parse, "[Match]\n  Driver = vmxnet3 e1000 \n", "e1000", "mac"),
			    "[Match]\n  MACAddress=00:11:22:33:44:55 \n");
}

static void test_network_manager(void **state)
{
	AUTO(arena_done) struct arena a = {0};

	assert_string_equal(found(&a, nmkeyfile_parse,
				  "[connection]\nid=a b\ntype=802-3-ethernet\ninterface-name=ens192\n"
				  "[802-3-ethernet]\nmac-address=00:50:56:AA:BB:CC\n[match]\ndriver=vmxnet3;\n"
				  "[ipv4]\nmethod=auto\n"),
			    "0:4:name=ens192 0:6:mac=00:50:56:AA:BB:CC 0:8:driver=vmxnet3 0:10:method=dhcp ");
	assert_string_equal(found(&a, nmkeyfile_parse,
				  "[connection]\ntype=vlan\ninterface-name=v5\n[vlan]\nparent=ens224\n[ipv4]\n"
				  "address1=10.0.0.3/24,10.0.0.1\nmethod=manual\n"),
			    "0:3:virtual=v5 1:5:name=ens224 0:7:address=10.0.0.3/24 0:8:method=static ");
	assert_string_equal(found(&a, nmkeyfile_parse, "[connection]\ntype=ovs-interface\ninterface-name=br-ex\n"),
			    "0:3:virtual=br-ex ");
	assert_string_equal(found(&a, nmkeyfile_parse, "[connection]\ntype=ovs-port\ninterface-name=ens192\n"), "");
}

static void test_udev_rules(void **state)
{
	AUTO(arena_done) struct arena a = {0};
	const char *rule =
	    "SUBSYSTEM==\"net\", ACTION==\"add\", DRIVERS==\"?*\", ATTR{address}==\"00:50:56:aa:bb:cc\", "
	    "ATTR{type}==\"1\", KERNEL==\"eth*\", NAME=\"eth0\"\n";

	assert_string_equal(found(&a, udevrules_parse, rule), "0:1:mac=00:50:56:aa:bb:cc 0:1:gives=eth0 ");
	assert_string_equal(found(&a, udevrules_parse,
				  "# SUBSYSTEM==\"net\", NAME=\"x\"\nSUBSYSTEM==\"block\", NAME=\"y\"\n"
				  "SUBSYSTEM==\"net\", DRIVERS==\"vmxnet3\", KERNELS==\"0000:0b:00.0\", NAME:=\"lan\"\n"
				  "SUBSYSTEM==\"net\", ATTR{address}==\"open\n"),
			    "0:3:driver=vmxnet3 0:3:path=0000:0b:00.0 0:3:gives=lan ");
	assert_string_equal(edited(&a, udevrules_parse,
				   "SUBSYSTEM==\"net\", DRIVERS==\"vmxnet3\", ATTR{address}==\"x\", NAME=\"lan\"\n",
				   "vmxnet3", "drop"),
			    "SUBSYSTEM==\"net\", ATTR{address}==\"x\", NAME=\"lan\"\n");
	assert_string_equal(edited(&a, udevrules_parse,
				   "SUBSYSTEM==\"net\", BUS==\"pci\", ID==\"0000:02:00.0\", NAME=\"lan\"\n",
				   "0000:02:00.0", "mac"),
			    "SUBSYSTEM==\"net\", BUS==\"pci\", SYSFS{address}==\"00:11:22:33:44:55\", NAME=\"lan\"\n");
	assert_string_equal(
	    edited(&a, udevrules_parse, rule, "00:50:56:aa:bb:cc", "52:54:00:00:00:01"),
	    "SUBSYSTEM==\"net\", ACTION==\"add\", DRIVERS==\"?*\", ATTR{address}==\"52:54:00:00:00:01\", "
	    "ATTR{type}==\"1\", KERNEL==\"eth*\", NAME=\"eth0\"\n");
}

static const char *found_at(struct arena *a, const char *path, const char *text)
{
	struct net_items items = {.arena = a, .path = path};
	struct lines l;
	char *ret = arena_strdup(a, "");

	lines_split(&l, a, text);
	ifcfg_parse(&l, &items);
	VEC_FOR (i, &items.v)
		ret = arena_printf(a, "%s%u:%zu:%s=%s ", ret, i->section, i->line + 1, key_names[i->key], i->value);
	return ret;
}

#define REDHAT "/etc/sysconfig/network-scripts/ifcfg-"
#define SUSE   "/etc/sysconfig/network/ifcfg-"

static void test_ifcfg_of_red_hat(void **state)
{
	AUTO(arena_done) struct arena a = {0};

	assert_string_equal(found_at(&a, REDHAT "Wired",
				     "# c\nDEVICE=\"eth0\"\nHWADDR=00:0C:29:AA:BB:CC\nNAME=System\nBOOTPROTO=none\n"
				     "IPADDR=10.0.0.5\nNETMASK=255.255.240.0\n"),
			    "0:2:name=eth0 0:3:mac=00:0C:29:AA:BB:CC 0:5:method=static 0:6:address=10.0.0.5/20 ");
	assert_string_equal(found_at(&a, REDHAT "bond0", "DEVICE=bond0\nBONDING_OPTS=\"mode=1\"\nBOOTPROTO=dhcp\n"),
			    "0:1:virtual=bond0 0:3:method=dhcp ");
	assert_string_equal(found_at(&a, REDHAT "eth0.7", "DEVICE=eth0.7\nVLAN=yes\n"),
			    "0:1:virtual=eth0.7 1:1:name=eth0 ");
	assert_string_equal(found_at(&a, REDHAT "v7", "TYPE=Vlan\nPHYSDEV=ens192\nDEVICE=v7\n"),
			    "0:3:virtual=v7 1:2:name=ens192 ");
	assert_string_equal(
	    found_at(&a, REDHAT "ens192",
		     "DEVICE=ens192\nDEVICETYPE=TeamPort\nTEAM_MASTER=team0\nHWADDR=00:0C:29:AA:BB:CC\n"),
	    "0:1:name=ens192 0:4:mac=00:0C:29:AA:BB:CC ");
	assert_string_equal(
	    found_at(&a, REDHAT "ens192", "DEVICE=ens192\nTYPE=OVSPort\nDEVICETYPE=ovs\nOVS_BRIDGE=ovsbr0\n"),
	    "0:1:name=ens192 ");
	assert_string_equal(found_at(&a, REDHAT "b0", "DEVICE=b0\nTYPE=OVSBond\nBOND_IFACES=\"ens192 ens224\"\n"),
			    "0:1:virtual=b0 1:3:name=ens192 2:3:name=ens224 ");
	assert_string_equal(found_at(&a, REDHAT "eth0.bak", "DEVICE=eth0\n"), "");
	assert_string_equal(found_at(&a, REDHAT "eth0~", "DEVICE=eth0\n"), "");
	assert_string_equal(found_at(&a, REDHAT "eth0", ""), "");
}

/* Red Hat: the file's name is that of a profile; only DEVICE names an interface. */
static void test_ifcfg_profiles(void **state)
{
	AUTO(arena_done) struct arena a = {0};

	assert_string_equal(
	    found_at(&a, REDHAT "Auto_eth0", "TYPE=Ethernet\nBOOTPROTO=dhcp\nHWADDR=00:0C:29:AA:BB:CC\n"),
	    "0:2:method=dhcp 0:3:mac=00:0C:29:AA:BB:CC ");
	assert_string_equal(found_at(&a, REDHAT "eth1", "HWADDR=\n"), "");
	assert_string_equal(found_at(&a, REDHAT "eth-id-x", "ONBOOT=yes\n"), "");
	assert_string_equal(found_at(&a, REDHAT "Vlan_7", "TYPE=Vlan\nHWADDR=00:0C:29:AA:BB:CC\nPHYSDEV=ens192\n"),
			    "1:3:name=ens192 ");
	assert_string_equal(found_at(&a, REDHAT "eth0-range0", "DEVICE=eth9\nIPADDR_START=10.0.0.7\n"), "");
	assert_string_equal(found_at(&a, REDHAT "long-ranges", "DEVICE=eth0\n"), "0:1:name=eth0 ");
}

static void test_ifcfg_of_suse(void **state)
{
	AUTO(arena_done) struct arena a = {0};

	assert_string_equal(
	    found_at(&a, SUSE "eth0", "BOOTPROTO='static'\nIPADDR='192.168.1.5/24'\nSTARTMODE='auto'\n"),
	    "0:1:name=eth0 0:1:method=static 0:2:address=192.168.1.5/24 ");
	assert_string_equal(
	    found_at(&a, SUSE "bond0", "BONDING_MASTER='yes'\nBONDING_SLAVE0='eth1'\nBONDING_SLAVE1='eth2'\n"),
	    "0:1:virtual=bond0 1:2:name=eth1 2:3:name=eth2 ");
	assert_string_equal(found_at(&a, SUSE "br0", "BRIDGE='yes'\nBRIDGE_PORTS='eth0 eth1'\n"),
			    "0:1:virtual=br0 1:2:name=eth0 2:2:name=eth1 ");
	assert_string_equal(found_at(&a, SUSE "vlan9", "ETHERDEVICE='eth0'\nVLAN_ID='9'\n"),
			    "0:1:virtual=vlan9 1:1:name=eth0 ");
	assert_string_equal(found_at(&a, SUSE "eth-id-00:0c:29:aa:bb:cc", "BOOTPROTO='dhcp'\n"),
			    "0:1:mac=00:0c:29:aa:bb:cc 0:1:method=dhcp ");
	assert_string_equal(found_at(&a, SUSE "eth-bus-pci-0000:02:00.0", "BOOTPROTO='dhcp'\n"),
			    "0:1:path=pci-0000:02:00.0 0:1:method=dhcp ");
}

static void test_profiles(void **state)
{
	AUTO(arena_done) struct arena a = {0};
	struct net_items items = {.arena = &a, .path = "/etc/net/ifaces/br0/options"};
	struct lines l;

	assert_string_equal(
	    found(&a, netctl_parse,
		  "Interface=enp0s3\nConnection=ethernet\nIP=static\nAddress=('10.0.0.1/24' '10.0.0.2/24')\n"),
	    "0:1:name=enp0s3 0:3:method=static 0:4:address=10.0.0.1/24 ");
	assert_string_equal(
	    found(&a, netctl_parse, "Interface=bond0\nConnection=bond\nBindsToInterfaces=('eth0' \"eth1\")\nIP=dhcp\n"),
	    "0:1:virtual=bond0 1:3:name=eth0 2:3:name=eth1 0:4:method=dhcp ");
	assert_string_equal(found(&a, conf_d_net_parse,
				  "# c\nconfig_eth0=\"192.168.0.7/24\"\nroutes_eth0=\"default via 192.168.0.1\"\n"
				  "slaves_bond0=\"eth1 eth2\"\nconfig_bond0=\"dhcp\"\n"),
			    "0:2:name=eth0 0:2:address=192.168.0.7/24 1:4:name=eth1 2:4:name=eth2 3:5:virtual=bond0 "
			    "3:5:method=dhcp ");
	assert_string_equal(
	    found(&a, dhcpcd_parse,
		  "hostname\nstatic ip_address=1.2.3.4/5\ninterface eth0\nstatic ip_address=10.0.0.4/24\n"),
	    "0:3:name=eth0 0:4:address=10.0.0.4/24 ");
	lines_split(&l, &a, "TYPE=bri\nHOST='eth0 eth1'\nBOOTPROTO=static\n");
	etcnet_parse(&l, &items);
	assert_int_equal(items.v.n, 4);
	assert_int_equal(items.v.v[0].key, NET_VIRTUAL);
	assert_string_equal(items.v.v[0].value, "br0");
	assert_string_equal(items.v.v[3].value, "eth1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_yaml_places),	     cmocka_unit_test(test_yaml_nonsense),
	    cmocka_unit_test(test_netplan),	     cmocka_unit_test(test_netplan_edits),
	    cmocka_unit_test(test_ifupdown),	     cmocka_unit_test(test_networkd),
	    cmocka_unit_test(test_network_manager),  cmocka_unit_test(test_udev_rules),
	    cmocka_unit_test(test_ifcfg_of_red_hat), cmocka_unit_test(test_ifcfg_of_suse),
	    cmocka_unit_test(test_profiles),	     cmocka_unit_test(test_ifcfg_profiles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Tests of the writers of a fixed address: netaddress_*.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "core/base/buf.h"
#include "core/base/cleanup.h"
#include "guest/files/netaddress.h"
#include "guest/files/netmask.h"

static char *const one_server[] = {(char *)"10.9.0.2"};
static char *const two_servers[] = {(char *)"10.9.0.2", (char *)"10.9.0.3"};
static char *const v6_server[] = {(char *)"2001:db8::53"};

static const struct static_ip plain = {.address = (char *)"10.9.0.7", .prefix = 20},
			      routed = {.address = (char *)"10.9.0.7",
					.prefix = 20,
					.gateway = (char *)"10.9.0.1",
					.dns = {(char **)two_servers, 2, 2}},
			      v6 = {.address = (char *)"2001:db8::7",
				    .prefix = 64,
				    .gateway = (char *)"2001:db8::1",
				    .v6 = true,
				    .dns = {(char **)v6_server, 1, 1}};

/* The text with the address of ens192 in it, twice: the second time nothing may change. */
static const char *written(struct arena *a, net_address_writer *write, const char *text, const struct static_ip *ip)
{
	const struct net_address address = {"ens192", "ens192", "00:50:56:00:00:01", ip};
	const char *once, *twice;
	struct lines l;

	lines_split(&l, a, text);
	if (!write(&l, &address))
		return "refused";
	once = lines_join(&l);
	lines_split(&l, a, once);
	assert_true(write(&l, &address));
	twice = lines_join(&l);
	assert_string_equal(twice, once);
	return once;
}

static void check(net_address_writer *write, const char *text, const struct static_ip *ip, const char *expected)
{
	struct arena a = {0};

	assert_string_equal(written(&a, write, text, ip), expected);
	arena_done(&a);
}

static void test_ifupdown(void **state)
{
	check(ifupdown_set_address,
	      "auto lo ens192\niface lo inet loopback\n# the card\niface ens192 inet dhcp\n\thostname web\n\tmtu 9000\n"
	      "iface ens192 inet6 auto\n",
	      &routed,
	      "auto lo ens192\niface lo inet loopback\n# the card\niface ens192 inet static\n\taddress 10.9.0.7\n"
	      "\tnetmask 255.255.240.0\n\tgateway 10.9.0.1\n\tdns-nameservers 10.9.0.2 10.9.0.3\n\tmtu 9000\n"
	      "iface ens192 inet6 auto\n");
	check(
	    ifupdown_set_address,
	    "iface ens192 inet static\n  address 192.168.0.5/24\n  gateway 192.168.0.1\n  dns-nameservers 192.168.0.2\n"
	    "iface ens192 inet static\n  address 192.168.0.6/24\nallow-hotplug ens192\n",
	    &plain,
	    "iface ens192 inet static\n  address 10.9.0.7\n  netmask 255.255.240.0\n  dns-nameservers 192.168.0.2\n"
	    "allow-hotplug ens192\n");
	check(ifupdown_set_address, "source /etc/network/interfaces.d/*\n", &v6,
	      "source /etc/network/interfaces.d/*\n\nauto ens192\niface ens192 inet6 static\n    address 2001:db8::7\n"
	      "    netmask 64\n    gateway 2001:db8::1\n    dns-nameservers 2001:db8::53\n");
}

static void test_ifupdown_stanzas(void **state)
{
	struct net_address address = {"ens192", "ens192", "00:50:56:00:00:01", &plain};
	struct arena a = {0};
	struct lines l;

	lines_split(&l, &a, "iface vlan7 inet dhcp\n  vlan-raw-device ens192\n");
	assert_int_equal(ifupdown_stanza_in(&l, &address), IFUPDOWN_NONE);
	lines_split(&l, &a, "iface ens192 inet6 auto\niface ens192 inet dhcp\n  mtu 9000\nauto ens192\n");
	assert_int_equal(ifupdown_stanza_in(&l, &address), IFUPDOWN_FAMILY);
	assert_true(ifupdown_starts(&l, "ens192"));
	assert_true(ifupdown_drop_address(&l, &address));
	assert_string_equal(lines_join(&l), "iface ens192 inet6 auto\nauto ens192\n");
	assert_int_equal(ifupdown_stanza_in(&l, &address), IFUPDOWN_OTHER_FAMILY);
	lines_split(&l, &a, "iface ens192 inet6 auto\n");
	address.started = true;
	assert_true(ifupdown_set_address(&l, &address));
	assert_string_equal(
	    lines_join(&l),
	    "iface ens192 inet6 auto\n\niface ens192 inet static\n    address 10.9.0.7\n    netmask 255.255.240.0\n");
	arena_done(&a);
}

static void test_ifcfg(void **state)
{
	check(ifcfg_set_address,
	      "DEVICE=ens192\nBOOTPROTO=\"dhcp\"\nONBOOT=no\nIPADDR0=1.2.3.4\nPREFIX0=8\nDNS1=1.1.1.1\nMTU=9000\n",
	      &routed,
	      "DEVICE=ens192\nBOOTPROTO=\"none\"\nONBOOT=yes\nDNS1=10.9.0.2\nMTU=9000\nIPADDR=10.9.0.7\n"
	      "NETMASK=255.255.240.0\nGATEWAY=10.9.0.1\nDNS2=10.9.0.3\n");
	check(ifcfg_set_address, "DEVICE=ens192\nBOOTPROTO=dhcp\nDHCPV6C=yes\nDNS1=1.1.1.1\n",
	      &(struct static_ip){.address = (char *)"2001:db8::7", .prefix = 64, .v6 = true},
	      "DEVICE=ens192\nBOOTPROTO=dhcp\nDNS1=1.1.1.1\nIPV6INIT=yes\nIPV6_AUTOCONF=no\nIPV6ADDR=2001:db8::7/64\n"
	      "ONBOOT=yes\n");
	check(ifcfg_set_address, "", &plain,
	      "DEVICE=ens192\nTYPE=Ethernet\nHWADDR=00:50:56:00:00:01\nBOOTPROTO=none\nIPADDR=10.9.0.7\n"
	      "NETMASK=255.255.240.0\nONBOOT=yes\n");
}

static void test_suse(void **state)
{
	check(suse_ifcfg_set_address,
	      "BOOTPROTO='static'\nIPADDR='192.168.1.9'\nNETMASK='255.255.255.0'\nIPADDR_2='2001:db8::2/64'\n"
	      "LABEL_2='x'\nSTARTMODE='auto'\n",
	      &routed,
	      "BOOTPROTO='static'\nIPADDR='10.9.0.7/20'\nIPADDR_2='2001:db8::2/64'\nLABEL_2='x'\nSTARTMODE='auto'\n");
	check(suse_ifcfg_set_address, "IPADDR='2001:db8::2/64'\n", &plain,
	      "IPADDR='2001:db8::2/64'\nBOOTPROTO=static\nSTARTMODE=auto\nIPADDR_4=10.9.0.7/20\n");
	check(suse_ifroute_set, "default 192.168.1.1 - ens192\n10.0.0.0/8 192.168.1.3 - ens192\n", &routed,
	      "10.0.0.0/8 192.168.1.3 - ens192\ndefault 10.9.0.1 - ens192\n");
	check(suse_routes_drop, "default 192.168.1.1 - -\ndefault 2001:db8::1 - -\n", &routed,
	      "default 2001:db8::1 - -\n");
	check(suse_routes_drop, "default 192.168.1.1 - -\n", &plain, "default 192.168.1.1 - -\n");
	check(suse_config_set, "NETCONFIG_DNS_STATIC_SERVERS=\"\"\n", &routed,
	      "NETCONFIG_DNS_STATIC_SERVERS=\"10.9.0.2 10.9.0.3\"\n");
}

/* BOOTPROTO is about both families. */
static void test_suse_other_family(void **state)
{
	static const struct {
		const char *before;
		const struct static_ip *ip;
		const char *after;
	} rows[] = {
	    {"dhcp", &v6, "dhcp4"},
	    {"dhcp", &plain, "dhcp6"},
	    {"dhcp4", &v6, "dhcp4"},
	    {"dhcp4", &plain, "static"},
	    {"dhcp6", &v6, "static"},
	    {"dhcp6", &plain, "dhcp6"},
	    {"dhcp+autoip", &v6, "dhcp4+autoip"},
	    {"dhcp+autoip", &plain, "dhcp6"},
	    {"dhcp4+auto6", &v6, "dhcp4"},
	    {"dhcp4+auto6", &plain, "auto6"},
	    {"none", &v6, "static"},
	    {"", &plain, "static"},
	};
	struct arena a = {0};

	for (size_t k = 0; k < sizeof rows / sizeof *rows; k++)
		check(suse_ifcfg_set_address, arena_printf(&a, "BOOTPROTO='%s'\nSTARTMODE='auto'\n", rows[k].before),
		      rows[k].ip,
		      arena_printf(&a, "BOOTPROTO='%s'\nSTARTMODE='auto'\nIPADDR=%s/%u\n", rows[k].after,
				   rows[k].ip->address, rows[k].ip->prefix));
	arena_done(&a);
}

/* A file that matches the card by its MAC doesn't need its name. */
static void test_suse_route_without_name(void **state)
{
	const struct net_address address = {NULL, "card1", "00:50:56:00:00:01", &routed};
	struct arena a = {0};
	struct lines l;

	lines_split(&l, &a, "default 192.168.1.1 - -\n");
	assert_true(suse_ifroute_set(&l, &address));
	assert_string_equal(lines_join(&l), "default 10.9.0.1 - -\n");
	arena_done(&a);
}

static void test_red_hat_routes(void **state)
{
	check(ifcfg_global_drop, "NETWORKING=yes\nGATEWAY=1.0.0.1\nIPV6_DEFAULTGW=2001:db8::2\n", &routed,
	      "NETWORKING=yes\nIPV6_DEFAULTGW=2001:db8::2\n");
	check(ifcfg_global_drop, "NETWORKING=yes\nGATEWAY=1.0.0.1\nIPV6_DEFAULTGW=2001:db8::2\n", &v6,
	      "NETWORKING=yes\nGATEWAY=1.0.0.1\n");
	check(ifcfg_global_drop, "GATEWAY=1.0.0.1\n", &plain, "GATEWAY=1.0.0.1\n");
	check(ifcfg_routes_drop,
	      "# mine\n9.0.0.0/8 via 1.0.0.3\ndefault via 1.0.0.1 dev ens192\n0.0.0.0/0 via 1.0.0.1\n", &routed,
	      "# mine\n9.0.0.0/8 via 1.0.0.3\n");
	check(ifcfg_routes_drop, "::/0 via 2001:db8::9\n2001:db8:1::/48 via 2001:db8::3\n", &v6,
	      "2001:db8:1::/48 via 2001:db8::3\n");
	check(ifcfg_routes_drop,
	      "ADDRESS0=9.0.0.0\nNETMASK0=255.0.0.0\nGATEWAY0=1.0.0.3\nADDRESS1=0.0.0.0\nNETMASK1=0.0.0.0\n"
	      "GATEWAY1=1.0.0.1\n",
	      &routed,
	      "ADDRESS0=9.0.0.0\nNETMASK0=255.0.0.0\nGATEWAY0=1.0.0.3\nADDRESS1=0.0.0.0\nNETMASK1=0.0.0.0\n"
	      "GATEWAY1=10.9.0.1\n");
}

static void test_nmkeyfile(void **state)
{
	check(nmkeyfile_set_address,
	      "[connection]\nid=x\n\n[ipv4]\naddress1=1.2.3.4/8,1.0.0.1\naddress2=1.2.3.5/"
	      "8\ndns=9.9.9.9;\nmay-fail=false\n"
	      "method=auto\n\n[ipv6]\nmethod=auto\n",
	      &routed,
	      "[connection]\nid=x\n\n[ipv4]\naddress1=10.9.0.7/20,10.9.0.1\ndns=10.9.0.2;10.9.0.3;\nmethod=manual\n"
	      "may-fail=false\n\n[ipv6]\nmethod=auto\n");
	check(nmkeyfile_set_address, "", &plain,
	      "[connection]\nid=ens192\ntype=ethernet\nautoconnect-priority=100\ninterface-name=ens192\n\n[ethernet]\n"
	      "mac-address=00:50:56:00:00:01\n\n[ipv4]\naddress1=10.9.0.7/20\nmethod=manual\n");
}

static void test_networkd(void **state)
{
	check(networkd_set_address,
	      "[Match]\nName=ens192\n\n[Network]\nDHCP=yes\nDNS=1.1.1.1\nVLAN=v7\nAddress=2001:db8::9/64\n\n[Address]\n"
	      "Address=1.2.3.4/8\n\n[Route]\nGateway=1.0.0.1\n\n[Route]\nGateway=1.0.0.2\nDestination=9.0.0.0/8\n",
	      &routed,
	      "[Match]\nName=ens192\n\n[Network]\nDHCP=ipv6\nAddress=10.9.0.7/20\nGateway=10.9.0.1\nDNS=10.9.0.2\n"
	      "DNS=10.9.0.3\nVLAN=v7\nAddress=2001:db8::9/64\n\n[Route]\nGateway=1.0.0.2\nDestination=9.0.0.0/8\n");
	check(networkd_set_address, "", &plain, "[Match]\nName=ens192\n\n[Network]\nAddress=10.9.0.7/20\n");
}

static void test_netplan(void **state)
{
	check(
	    netplan_set_address,
	    "network:\n  version: 2\n  ethernets:\n    ens192:\n      dhcp4: true\n      dhcp6: true\n      mtu: 9000\n"
	    "    ens224: {}\n",
	    &routed,
	    "network:\n  version: 2\n  ethernets:\n    ens192:\n      addresses:\n      - \"10.9.0.7/20\"\n"
	    "      routes:\n      - {to: \"0.0.0.0/0\", via: \"10.9.0.1\"}\n      nameservers:\n"
	    "        addresses: [\"10.9.0.2\", \"10.9.0.3\"]\n      dhcp6: true\n      mtu: 9000\n    ens224: {}\n");
	check(netplan_set_address,
	      "network:\n  ethernets:\n    lan:\n      match: {macaddress: \"00:50:56:00:00:01\"}\n"
	      "      addresses: [192.168.0.5/24, \"2001:db8::5/64\"]\n      gateway4: 192.168.0.1\n"
	      "      nameservers: {search: [a.example], addresses: [1.1.1.1]}\n"
	      "      routes:\n      - to: default\n        via: 192.168.0.1\n      - to: 9.0.0.0/8\n        via: "
	      "192.168.0.3\n",
	      &routed,
	      "network:\n  ethernets:\n    lan:\n      match: {macaddress: \"00:50:56:00:00:01\"}\n"
	      "      addresses: \n        - \"10.9.0.7/20\"\n        - \"2001:db8::5/64\"\n"
	      "      nameservers: \n        addresses: [\"10.9.0.2\", \"10.9.0.3\"]\n        search: [a.example]\n"
	      "      routes:\n      - {to: \"0.0.0.0/0\", via: \"10.9.0.1\"}\n      - to: 9.0.0.0/8\n"
	      "        via: 192.168.0.3\n");
	check(netplan_set_address, "network: {version: 2, ethernets: {ens192: {dhcp4: yes}}}\n", &plain,
	      "network: \n  version: 2\n  ethernets: \n    ens192: \n      addresses:\n      - \"10.9.0.7/20\"\n");
	check(netplan_set_address, "network:\n  ethernets:\n    ens192: {dhcp4: yes,\n      mtu: 1400}\n", &plain,
	      "refused");
	check(netplan_set_address, "", &v6,
	      "# Written by rehost.\nnetwork:\n  version: 2\n  ethernets:\n    0-rehost-ens192:\n      addresses:\n"
	      "      - \"2001:db8::7/64\"\n      routes:\n      - {to: \"::/0\", via: \"2001:db8::1\"}\n"
	      "      nameservers:\n        addresses: [\"2001:db8::53\"]\n      match:\n"
	      "        macaddress: \"00:50:56:00:00:01\"\n");
}

/* What is new stands at the column of what is there, whatever comments and empty lines lie between. */
static void test_netplan_columns(void **state)
{
	check(netplan_set_address,
	      "network:\n  ethernets:\n    # the card\n\n    ens192:\n\n      # old\n      addresses:\n        # "
	      "first\n\n"
	      "        - 192.168.0.5/24\n        - 2001:db8::5/64\n      routes:\n      # net nine\n"
	      "          - to: 9.0.0.0/8\n            via: 192.168.0.3\n      nameservers:\n   # theirs\n\n"
	      "          search: [a.example]\n",
	      &routed,
	      "network:\n  ethernets:\n    # the card\n\n    ens192:\n\n      # old\n      addresses:\n"
	      "        - \"10.9.0.7/20\"\n        # first\n\n        - 2001:db8::5/64\n      routes:\n"
	      "          - {to: \"0.0.0.0/0\", via: \"10.9.0.1\"}\n      # net nine\n          - to: 9.0.0.0/8\n"
	      "            via: 192.168.0.3\n      nameservers:\n          addresses: [\"10.9.0.2\", \"10.9.0.3\"]\n"
	      "   # theirs\n\n          search: [a.example]\n");
	check(netplan_set_address,
	      "network:\n  ethernets:\n    ens192:\n      nameservers:\n        # theirs\n"
	      "          addresses:\n          # one\n          - 1.1.1.1\n          search: [a.example]\n",
	      &routed,
	      "network:\n  ethernets:\n    ens192:\n      addresses:\n      - \"10.9.0.7/20\"\n      routes:\n"
	      "      - {to: \"0.0.0.0/0\", via: \"10.9.0.1\"}\n      nameservers:\n"
	      "          addresses: [\"10.9.0.2\", \"10.9.0.3\"]\n        # theirs\n          search: [a.example]\n");
	check(netplan_set_address, "network:\n  ethernets:\n    ens192:\n      nameservers:\n      # nothing\n", &v6,
	      "network:\n  ethernets:\n    ens192:\n      addresses:\n      - \"2001:db8::7/64\"\n      routes:\n"
	      "      - {to: \"::/0\", via: \"2001:db8::1\"}\n      nameservers:\n"
	      "        addresses: [\"2001:db8::53\"]\n      # nothing\n");
	/* YAML already that nobody reads */
	check(
	    netplan_set_address,
	    "network:\n  ethernets:\n    ens192:\n      addresses:\n      - 2001:db8::5/64\n        - 2001:db8::6/64\n",
	    &plain, "refused");
}

static void test_profiles(void **state)
{
	check(netctl_set_address, "Interface=ens192\nConnection=ethernet\nIP=dhcp\nDNS=('1.1.1.1')\nIP6=stateless\n",
	      &routed,
	      "Interface=ens192\nConnection=ethernet\nIP6=stateless\nIP=static\nAddress=('10.9.0.7/20')\n"
	      "Gateway='10.9.0.1'\nDNS=('10.9.0.2' '10.9.0.3')\n");
	check(netctl_set_address, "Interface=ens192\nAddress=('1.2.3.4/8'\n '1.2.3.5/8')\n", &plain, "refused");
	check(netifrc_set_address, "config_ens192=\"dhcp\"\nroutes_ens192=\"default via 1.0.0.1\"\n", &routed,
	      "config_ens192=\"10.9.0.7/20\"\nroutes_ens192=\"default via 10.9.0.1\"\n"
	      "dns_servers_ens192=\"10.9.0.2 10.9.0.3\"\n");
	check(netifrc_set_address, "config_ens192=\"10.0.0.5/24 2001:db8::5/64 10.0.0.6/24 2001:db8::6/64\"\n", &plain,
	      "config_ens192=\"10.9.0.7/20 2001:db8::5/64 2001:db8::6/64\"\n");
	check(netifrc_set_address, "config_ens192=\"10.0.0.5/24\n2001:db8::5/64\"\n", &plain, "refused");
	check(netifrc_set_address, "routes_ens192=\"default via 10.0.0.1\ndefault via fe80::1\"\n", &routed, "refused");
	check(netifrc_set_address, "config_ens192=\"10.0.0.5/24\n", &plain, "refused");
	check(netifrc_set_address, "routes_ens192=\"10.9.0.0/16 via 10.0.0.3\"\n", &routed, "refused");
	check(netifrc_set_address, "routes_ens192=\"default via 10.0.0.1\n10.9.0.0/16 via 10.0.0.3\"\n", &routed,
	      "refused");
	check(netifrc_set_address, "routes_ens192=\"\ndefault via 10.0.0.1\n\"\n", &plain, "refused");
	check(netifrc_set_address, "routes_ens192=( \"default via 10.0.0.1\" )\n", &plain, "refused");
	check(netifrc_set_address,
	      "routes_ens192=\"0.0.0.0/0 via 10.0.0.1\"\nroutes_ens224=\"9.0.0.0/8 via 10.0.0.3\"\n", &plain,
	      "routes_ens224=\"9.0.0.0/8 via 10.0.0.3\"\nconfig_ens192=10.9.0.7/20\n");
	check(dhcpcd_set_address, "hostname\ninterface ens192\nstatic ip_address=1.2.3.4/8\nstatic routers=1.0.0.1\n",
	      &plain, "hostname\ninterface ens192\nstatic ip_address=10.9.0.7/20\n");
	check(resolv_conf_set, "search example\nnameserver 1.1.1.1\n",
	      &(struct static_ip){.address = (char *)"10.9.0.7", .prefix = 8, .dns = {(char **)one_server, 1, 1}},
	      "search example\nnameserver 10.9.0.2\n");
	check(etcnet_address_set, "1.2.3.4/8\n1.2.3.5/8\n", &plain, "10.9.0.7/20\n");
	check(etcnet_route_set, "default via 1.0.0.1\n9.0.0.0/8 via 1.0.0.3\n", &routed,
	      "9.0.0.0/8 via 1.0.0.3\ndefault via 10.9.0.1\n");
}

static void check_port(const char *system, const char *text, bool own, bool expected)
{
	struct arena a = {0};
	struct lines l;

	lines_split(&l, &a, text);
	assert_int_equal(net_is_port(system, &l, "ens192", own), expected);
	arena_done(&a);
}

static void test_ports(void **state)
{
	check_port("ifupdown", "iface br0 inet static\n bridge_ports ens192 ens224\n", false, true);
	check_port("ifupdown", "iface ens192 inet manual\n bond-master bond0\n", true, true);
	check_port("ifupdown", "iface vmbr0 inet static\n ovs_ports ens192 v9\n", false, true);
	check_port("ifupdown", "iface ens192 inet manual\n ovs_bridge vmbr0\n", true, true);
	check_port("ifupdown", "iface v9 inet static\n ovs_bridge vmbr0\n", false, false);
	check_port("ifupdown", "iface v7 inet static\n vlan-raw-device ens192\n", false, false);
	check_port("netplan", "network:\n  bonds:\n    b:\n      interfaces: [ens192]\n", false, true);
	check_port("netplan", "network:\n  vlans:\n    v:\n      link: ens192\n", false, false);
	check_port("networkmanager", "[connection]\nmaster=bond0\n", true, true);
	check_port("networkmanager", "[connection]\nmaster=bond0\n", false, false);
	check_port("networkd", "[Network]\nBridge=br0\n", true, true);
	check_port("ifcfg", "DEVICE=ens192\nMASTER=bond0\n", true, true);
	check_port("ifcfg", "BONDING_SLAVE_0='ens192'\n", false, true);
	check_port("ifcfg", "TYPE=OVSBond\nBOND_IFACES=\"ens192 ens224\"\n", false, true);
	check_port("ifcfg", "ETHERDEVICE='ens192'\n", false, false);
	check_port("netctl", "BindsToInterfaces=('ens224' 'ens192')\n", false, true);
	check_port("netctl", "BindsToInterfaces=(ens1921)\n", false, false);
	check_port("netifrc", "slaves_bond0=\"ens224 ens192\"\n", false, true);
}

static void test_netmask(void **state)
{
	char text[NETMASK_TEXT];

	assert_string_equal(netmask_text(0, text), "0.0.0.0");
	assert_string_equal(netmask_text(20, text), "255.255.240.0");
	assert_string_equal(netmask_text(32, text), "255.255.255.255");
	assert_string_equal(netmask_text(99, text), "255.255.255.255");
}

/* --- hostile files: as long as the step lets them be --- */

enum { HOSTILE_LINES = 20000, HOSTILE_SECONDS = 10 /* of CPU; each takes under one without sanitizers */ };

/* Whether the writer takes it or not, it is soon done: the head, then the line again and again. */
static void check_soon_done(net_address_writer *write, const char *head, const char *line)
{
	const struct net_address address = {"ens192", "ens192", "00:50:56:00:00:01", &routed};
	AUTO(buf_done) struct buf text = BUF_INIT(4 << 20);
	struct arena a = {0};
	struct lines l;
	clock_t begin;

	buf_adds(&text, head);
	for (unsigned i = 0; i < HOSTILE_LINES && text.len + strlen(line) < text.max; i++)
		buf_adds(&text, line);
	assert_false(text.failed);
	lines_split(&l, &a, buf_str(&text));
	begin = clock();
	write(&l, &address);
	assert_true(clock() - begin < (clock_t)HOSTILE_SECONDS * CLOCKS_PER_SEC);
	arena_done(&a);
}

static void test_hostile_netplan(void **state)
{
	static const char head[] = "network:\n  ethernets:\n    ens192:\n";

	check_soon_done(netplan_set_address, "network:\n  ethernets:\n    ens192:\n      routes:\n",
			"      - {to: default, via: 10.0.0.1}\n");
	check_soon_done(netplan_set_address,
			"network:\n  ethernets:\n    ens192:\n      routes:\n      - to: default\n",
			"        metric: 1\n");
	check_soon_done(netplan_set_address, "network:\n  ethernets:\n    ens192:\n      addresses:\n",
			"      - 10.0.0.1/8\n");
	check_soon_done(netplan_set_address, head, "      addresses: [10.0.0.1/8, 10.0.0.2/8]\n");
}

/* One line of 4 MiB with items in brackets. */
static void test_hostile_netplan_line(void **state)
{
	AUTO(buf_done) struct buf line = BUF_INIT(4 << 20);

	buf_adds(&line, "network:\n  ethernets:\n    ens192:\n      addresses: [");
	while (line.len < line.max - 16)
		buf_adds(&line, "1,");
	buf_adds(&line, "1]\n");
	assert_false(line.failed);
	check_soon_done(netplan_set_address, buf_str(&line), "");
}

static void test_hostile_ini(void **state)
{
	check_soon_done(networkd_set_address, "[Match]\nName=ens192\n", "[Address]\n");
	check_soon_done(networkd_set_address, "[Match]\nName=ens192\n", "[Route]\nGateway=10.0.0.1\n");
	check_soon_done(networkd_set_address, "[Network]\n", "Address=10.0.0.1/8\n");
	check_soon_done(nmkeyfile_set_address, "[ipv4]\n", "address1=10.0.0.1/8\n");
}

static void test_hostile_shell(void **state)
{
	check_soon_done(ifcfg_set_address, "DEVICE=ens192\n", "IPADDR1=10.0.0.1\n");
	check_soon_done(suse_ifcfg_set_address, "IPADDR=10.0.0.1\n", "IPADDR_1=10.0.0.1\n");
	check_soon_done(suse_ifroute_set, "", "default 10.0.0.1 - -\n");
	check_soon_done(netctl_set_address, "Interface=ens192\n", "Address=10.0.0.1\n");
	check_soon_done(netifrc_set_address, "", "config_ens192=\"10.0.0.1\n");
	check_soon_done(etcnet_route_set, "", "default via 10.0.0.1\n");
}

static void test_hostile_words(void **state)
{
	check_soon_done(ifupdown_set_address, "iface ens192 inet static\n", "address 10.0.0.1\n");
	check_soon_done(ifupdown_set_address, "", "iface ens192 inet static\n");
	check_soon_done(dhcpcd_set_address, "interface ens192\n", "static ip_address=10.0.0.1/8\n");
	check_soon_done(resolv_conf_set, "", "nameserver 10.0.0.1\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_ifupdown),
	    cmocka_unit_test(test_ifupdown_stanzas),
	    cmocka_unit_test(test_ifcfg),
	    cmocka_unit_test(test_suse),
	    cmocka_unit_test(test_suse_other_family),
	    cmocka_unit_test(test_suse_route_without_name),
	    cmocka_unit_test(test_red_hat_routes),
	    cmocka_unit_test(test_nmkeyfile),
	    cmocka_unit_test(test_networkd),
	    cmocka_unit_test(test_netplan),
	    cmocka_unit_test(test_netplan_columns),
	    cmocka_unit_test(test_profiles),
	    cmocka_unit_test(test_ports),
	    cmocka_unit_test(test_netmask),
	    cmocka_unit_test(test_hostile_netplan),
	    cmocka_unit_test(test_hostile_netplan_line),
	    cmocka_unit_test(test_hostile_ini),
	    cmocka_unit_test(test_hostile_shell),
	    cmocka_unit_test(test_hostile_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

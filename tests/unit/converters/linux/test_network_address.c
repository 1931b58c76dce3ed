/* Tests of the step network-address: which files hold what belongs to the address. */
#include "core/base/buf.h"
#include "tests/unit/converters/linux/linux_fixture.h"

#define MAC	"00:50:56:00:00:01"
#define RED_HAT "/etc/sysconfig/network-scripts/"
#define SUSE	"/etc/sysconfig/network/"

static struct static_ip ip = {.address = (char *)"10.9.0.7", .prefix = 20, .gateway = (char *)"10.9.0.1"};

/* A card that gets the address; name may be NULL. */
static void add_card(struct linux_fixture *f, const char *name)
{
	struct nic *nic = add_nic(f, MAC, -1);

	nic->ip = &ip;
	if (name)
		*vec_push(&f->inspection->arena, &f->inspection->nic_names) =
		    (struct nic_name){.nic = 0, .name = arena_strdup(&f->inspection->arena, name)};
}

static void test_red_hat_default_routes(void **state)
{
	struct linux_fixture *f = *state;

	plant(&f->files, RED_HAT "ifcfg-eth0", "DEVICE=eth0\nHWADDR=" MAC "\nBOOTPROTO=dhcp\n");
	plant(&f->files, RED_HAT "route-eth0", "9.0.0.0/8 via 192.168.0.3\ndefault via 192.168.0.1 dev eth0\n");
	plant(&f->files, RED_HAT "route6-eth0", "default via fe80::1 dev eth0\n");
	plant(&f->files, "/etc/sysconfig/network", "NETWORKING=yes\nGATEWAY=192.168.0.1\n");
	add_card(f, "eth0");
	run_twice(f, &step_network_address);
	assert_string_equal(text_of(&f->files, RED_HAT "route-eth0"), "9.0.0.0/8 via 192.168.0.3\n");
	assert_string_equal(text_of(&f->files, RED_HAT "route6-eth0"), "default via fe80::1 dev eth0\n");
	assert_string_equal(text_of(&f->files, "/etc/sysconfig/network"), "NETWORKING=yes\n");
	assert_non_null(strstr(text_of(&f->files, RED_HAT "ifcfg-eth0"), "GATEWAY=10.9.0.1\n"));
}

/* Plants an ifcfg file that makes the card a part of something else; it stays as it is, and no other is written. */
static void check_port(struct linux_fixture *f, const char *text)
{
	plant(&f->files, RED_HAT "ifcfg-eth0", text);
	plant(&f->files, "/usr/sbin/NetworkManager", "");
	add_card(f, "eth0");
	run_twice(f, &step_network_address);
	assert_string_equal(text_of(&f->files, RED_HAT "ifcfg-eth0"), text);
	assert_false(guest_exists(f->files.g, "/etc/NetworkManager/system-connections/rehost-eth0.nmconnection"));
	assert_non_null(strstr(finding_of(f, "W-NET-ADDRESS")->text, "it is a part of a bond, bridge or team"));
}

static void test_port_of_a_team(void **state)
{
	check_port(*state, "DEVICE=eth0\nDEVICETYPE=TeamPort\nTEAM_MASTER=team0\nHWADDR=" MAC "\n");
}

static void test_port_of_open_vswitch(void **state)
{
	check_port(*state, "DEVICE=eth0\nTYPE=OVSPort\nDEVICETYPE=ovs\nOVS_BRIDGE=ovsbr0\n");
}

static void test_suse_card_without_name(void **state)
{
	struct linux_fixture *f = *state;

	plant(&f->files, SUSE "config", "NETCONFIG_DNS_STATIC_SERVERS=\"\"\n");
	plant(&f->files, SUSE "ifcfg-eth-id-" MAC, "BOOTPROTO='dhcp'\nSTARTMODE='auto'\n");
	add_card(f, NULL);
	run_twice(f, &step_network_address);
	assert_null(finding_of(f, "W-NET-ADDRESS"));
	assert_string_equal(text_of(&f->files, SUSE "ifcfg-eth-id-" MAC),
			    "BOOTPROTO='dhcp6'\nSTARTMODE='auto'\nIPADDR=10.9.0.7/20\n");
	assert_string_equal(text_of(&f->files, SUSE "ifroute-eth-id-" MAC), "default 10.9.0.1 - -\n");
}

/* A pattern that fits the card, too, must not come first in the order of the IDs. */
static void test_netplan_beside_a_pattern(void **state)
{
	static const char pattern[] =
	    "network:\n  ethernets:\n    all-en:\n      match: {name: \"en*\"}\n      dhcp4: true\n";
	struct linux_fixture *f = *state;

	plant(&f->files, "/etc/netplan/50-cloud-init.yaml", pattern);
	plant(&f->files, "/usr/sbin/netplan", "");
	add_card(f, "ens192");
	run_twice(f, &step_network_address);
	assert_null(finding_of(f, "W-NET-ADDRESS"));
	assert_string_equal(text_of(&f->files, "/etc/netplan/50-cloud-init.yaml"), pattern);
	assert_non_null(strstr(text_of(&f->files, "/etc/netplan/90-rehost-ens192.yaml"), "    0-rehost-ens192:\n"));
}

#define INTERFACES   "/etc/network/interfaces"
#define INTERFACES_D "/etc/network/interfaces.d/"

static const char interfaces[] = "source interfaces.d/*\nauto lo eth0\niface lo inet loopback\n",
		  vlan[] = "auto eth0.7\niface eth0.7 inet dhcp\n\tvlan-raw-device eth0\n",
		  v6_only[] = "iface eth0 inet6 auto\n",
		  stanza[] = "iface eth0 inet static\n    address 10.9.0.7\n    netmask 255.255.240.0\n"
			     "    gateway 10.9.0.1\n";

/* The stanza is edited, not every file that has the card's name. */
static void test_ifupdown_files(void **state)
{
	struct linux_fixture *f = *state;

	plant(&f->files, INTERFACES, interfaces);
	plant(&f->files, INTERFACES_D "a-vlan", vlan);
	plant(&f->files, INTERFACES_D "eth0", "iface eth0 inet dhcp\n");
	plant(&f->files, INTERFACES_D "eth0-again", "iface eth0 inet dhcp\n# end\n");
	plant(&f->files, INTERFACES_D "eth0-v6", v6_only);
	add_card(f, "eth0");
	run_twice(f, &step_network_address);
	assert_string_equal(text_of(&f->files, INTERFACES), interfaces);
	assert_string_equal(text_of(&f->files, INTERFACES_D "a-vlan"), vlan);
	assert_string_equal(text_of(&f->files, INTERFACES_D "eth0"), stanza);
	assert_string_equal(text_of(&f->files, INTERFACES_D "eth0-again"), "");
	assert_string_equal(text_of(&f->files, INTERFACES_D "eth0-v6"), v6_only);
}

/* The other family's stanza tells where the new one goes; an "auto" anywhere is enough. */
static void test_ifupdown_without_stanza(void **state)
{
	struct linux_fixture *f = *state;

	plant(&f->files, INTERFACES, interfaces);
	plant(&f->files, INTERFACES_D "a-vlan", vlan);
	plant(&f->files, INTERFACES_D "eth0-v6", v6_only);
	add_card(f, "eth0");
	run_twice(f, &step_network_address);
	assert_string_equal(text_of(&f->files, INTERFACES), interfaces);
	assert_string_equal(text_of(&f->files, INTERFACES_D "a-vlan"), vlan);
	assert_string_equal(text_of(&f->files, INTERFACES_D "eth0-v6"),
			    arena_printf(&f->inspection->arena, "%s\n%s", v6_only, stanza));
}

#define KEYFILE "/etc/NetworkManager/system-connections/rehost-eth1.nmconnection"

static void add_network(struct linux_fixture *f, const char *system, const char *file, const char *interface)
{
	struct arena *a = &f->inspection->arena;

	*vec_push(a, &f->inspection->networks) = (struct net_config){
	    .system = arena_strdup(a, system), .file = arena_strdup(a, file), .interface = arena_strdup(a, interface)};
}

/* CentOS 7 with network.service: NetworkManager is there, and off. */
static void test_new_file_without_network_manager(void **state)
{
	struct linux_fixture *f = *state;

	plant(&f->files, "/usr/sbin/NetworkManager", "");
	plant(&f->files, "/etc/systemd/system/multi-user.target.wants/sshd.service", "");
	plant(&f->files, RED_HAT "ifcfg-lo", "DEVICE=lo\n");
	add_card(f, "eth1");
	run_twice(f, &step_network_address);
	assert_false(guest_exists(f->files.g, KEYFILE));
	assert_non_null(strstr(text_of(&f->files, RED_HAT "ifcfg-eth1"), "IPADDR=10.9.0.7\n"));
}

/* What configures another card is in use; what has "lo" only needn't be. */
static void test_new_file_beside_another_card(void **state)
{
	struct linux_fixture *f = *state;

	plant(&f->files, "/etc/systemd/system/multi-user.target.wants/NetworkManager.service", "");
	plant(&f->files, INTERFACES, "");
	add_network(f, "ifupdown", INTERFACES, "lo");
	add_network(f, "ifcfg", RED_HAT "ifcfg-eth0", "eth0");
	add_card(f, "eth1");
	run_twice(f, &step_network_address);
	assert_false(guest_exists(f->files.g, KEYFILE));
	assert_string_equal(text_of(&f->files, INTERFACES), "");
	assert_non_null(strstr(text_of(&f->files, RED_HAT "ifcfg-eth1"), "IPADDR=10.9.0.7\n"));
}

static void test_new_file_of_network_manager(void **state)
{
	struct linux_fixture *f = *state;

	plant(&f->files, "/etc/systemd/system/multi-user.target.wants/NetworkManager.service", "");
	plant(&f->files, INTERFACES, "");
	add_network(f, "ifupdown", INTERFACES, "lo");
	add_card(f, "eth1");
	run_twice(f, &step_network_address);
	assert_string_equal(text_of(&f->files, INTERFACES), "");
	assert_true(guest_exists(f->files.g, KEYFILE));
}

/* Longer than any such file is: it stays as it is, and that is told. */
static void test_too_long(void **state)
{
	AUTO(buf_done) struct buf text = BUF_INIT(4 << 20);
	struct linux_fixture *f = *state;

	buf_adds(&text, "DEVICE=eth0\nHWADDR=" MAC "\nBOOTPROTO=dhcp\n");
	while (text.len < text.max - 32)
		buf_addf(&text, "IPADDR%zu=10.0.0.1\n", text.len);
	assert_false(text.failed);
	plant(&f->files, RED_HAT "ifcfg-eth0", buf_str(&text));
	add_card(f, "eth0");
	run_twice(f, &step_network_address);
	assert_string_equal(text_of(&f->files, RED_HAT "ifcfg-eth0"), buf_str(&text));
	assert_non_null(strstr(finding_of(f, "W-NET-ADDRESS")->text, "the file has over 20000 lines"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    LINUX_TEST(test_red_hat_default_routes),
	    LINUX_TEST(test_port_of_a_team),
	    LINUX_TEST(test_port_of_open_vswitch),
	    LINUX_TEST(test_suse_card_without_name),
	    LINUX_TEST(test_netplan_beside_a_pattern),
	    LINUX_TEST(test_ifupdown_files),
	    LINUX_TEST(test_ifupdown_without_stanza),
	    LINUX_TEST(test_new_file_without_network_manager),
	    LINUX_TEST(test_new_file_beside_another_card),
	    LINUX_TEST(test_new_file_of_network_manager),
	    LINUX_TEST(test_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

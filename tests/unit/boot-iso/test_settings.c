/* Tests of boot-iso/agent/settings.c and network.c: words of the kernel's command line, and what they do to the
 * network. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "boot-iso/agent/network.h"
#include "core/base/buf.h"
#include "core/base/cleanup.h"

static void takes_our_words(void **state)
{
	AUTO(settings_done) struct settings s = {0};
	struct err err = ERR_INIT;

	assert_int_equal(
	    settings_add(&s,
			 "BOOT_IMAGE=/boot/vmlinuz quiet console=ttyS0,115200 rehost.server=10.0.2.2:10899 "
			 "rehost.token=rokof-babad rehost.name=\"web server 1\" rehost.disks=sda,SN-7 "
			 "rehost.nics=eno1,52:54:00:aa:00:01 rehost.post=poweroff rehost.ui=text rehost.to=sdb1 "
			 "rehost.tight rehost.on-read-error=zero",
			 &err),
	    0);
	assert_string_equal(s.server, "10.0.2.2:10899");
	assert_string_equal(s.token, "rokof-babad");
	assert_string_equal(s.name, "web server 1");
	assert_int_equal(s.disks.n, 2);
	assert_string_equal(s.disks.v[1], "SN-7");
	assert_int_equal(s.nics.n, 2);
	assert_string_equal(s.nics.v[1], "52:54:00:aa:00:01");
	assert_int_equal(s.post, POST_POWEROFF);
	assert_int_equal(s.ui, UI_WISH_TEXT);
	assert_string_equal(s.to, "sdb1");
	assert_true(s.tight && s.zero_read_errors && !s.force);
	assert_false(s.show_inventory);
}

static void later_words_win(void **state)
{
	AUTO(settings_done) struct settings s = {0};

	assert_int_equal(settings_add(&s, "rehost.server=a rehost.disks=sda,sdb rehost.post=shell", NULL), 0);
	assert_int_equal(settings_add(&s, "rehost.server=b rehost.disks=sdc rehost.inventory rehost.shell", NULL), 0);
	assert_string_equal(s.server, "b");
	assert_int_equal(s.disks.n, 1);
	assert_string_equal(s.disks.v[0], "sdc");
	assert_int_equal(s.post, POST_SHELL);
	assert_true(s.show_inventory);
}

static void the_network_is_forgotten(void **state)
{
	AUTO(settings_done) struct settings s = {0};

	assert_int_equal(
	    settings_add(&s, "rehost.server=a ip=dhcp vlan=v5:eno1 bond=b0:eno1,eno2 nameserver=10.0.0.1", NULL), 0);
	settings_forget_network(&s);
	assert_int_equal(s.addresses.n + s.vlans.n + s.bonds.n + s.nameservers.n, 0);
	assert_string_equal(s.server, "a");
}

static void refuses_wrong_words(void **state)
{
	static const struct {
		const char *text, *error;
	} cases[] = {
	    {"rehost.sever=a", "unknown word 'rehost.sever' on the kernel's command line"},
	    {"rehost.output=/srv", "unknown word 'rehost.output' on the kernel's command line"},
	    {"rehost.server", "the word 'rehost.server' on the kernel's command line is unknown or lacks its value"},
	    {"rehost.server=", "rehost.server= has no value"},
	    {"rehost.ui=gtk", "rehost.ui=gtk: expected auto, text or screen"},
	    {"rehost.post=halt", "rehost.post=halt: expected poweroff, reboot, shell or ask"},
	    {"ip=10.0.0.5", "ip=10.0.0.5: expected ip=ADDRESS::GATEWAY:MASK:NAME:CARD:none"},
	    {"ip=10.0.0.5::10.0.0.1:255.0.255.0::eth0:none",
	     "ip=10.0.0.5::10.0.0.1:255.0.255.0::eth0:none: '255.0.255.0' is no network mask"},
	    {"ip=10.0.0.5:::33::eth0:none", "ip=10.0.0.5:::33::eth0:none: '33' is no network mask"},
	    {"ip=10.0.0.500:::24::eth0:none", "ip: '10.0.0.500' is no IP address"},
	    {"ip=10.0.0.5:::24::../x:none", "ip: '../x' is no name of a network card"},
	    {"ip=10.0.0.5:::24::eth0:dhcp",
	     "ip=10.0.0.5:::24::eth0:dhcp: the method is 'dhcp', expected 'none' with an address"},
	    {"ip=[fd00::5", "'[fd00::5': '[' without ']'"},
	    {"ip=1:2:3:4:5:6:7:8:9:10:11", "'1:2:3:4:5:6:7:8:9:10:11': more than 10 fields"},
	    {"vlan=vlan:eth0", "vlan=vlan:eth0: the name ends in no number from 1 to 4094"},
	    {"vlan=vlan4095:eth0", "vlan=vlan4095:eth0: the name ends in no number from 1 to 4094"},
	    {"bond=bond0", "bond=bond0: expected bond=NAME:CARD,CARD[:OPTION=VALUE,…]"},
	    {"bond=bond0:eth0,eth1:../../x=1", "bond=bond0:eth0,eth1:../../x=1: '../../x=1' is no option=value"},
	    {"nameserver=dns", "nameserver: 'dns' is no IP address"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		AUTO(settings_done) struct settings s = {0};
		struct err err = ERR_INIT;

		assert_int_equal(settings_add(&s, cases[i].text, &err), -1);
		assert_string_equal(err.text, cases[i].error);
		assert_int_equal(err.code, ERR_USAGE);
	}
}

/* The plan as lines: commands, FILE < TEXT; ? before those that may fail. */
static void plan_text(const char *words, struct buf *ret)
{
	static struct hw_nic cards[] = {{.name = "eno1", .mac = "52:54:00:aa:00:01", .link = true},
					{.name = "eno2", .mac = "52:54:00:aa:00:02"},
					{.name = "eno3", .mac = "52:54:00:aa:00:03", .link = true}};
	struct hardware h = {.nics = {cards, 3, 3}};
	AUTO(settings_done) struct settings s = {0};
	AUTO(net_plan_done) struct net_plan p = {0};
	struct err err = ERR_INIT;

	assert_int_equal(settings_add(&s, words, &err), 0);
	if (network_plan(&s, &h, &p, &err) < 0) {
		buf_adds(ret, err.text);
		return;
	}
	VEC_FOR (step, &p.steps) {
		buf_adds(ret, step->may_fail ? "?" : "");
		for (const char *const *a = step->argv; *a; a++)
			buf_addf(ret, "%s%s", a == step->argv ? "" : " ", *a);
		if (step->file)
			buf_addf(ret, "%s < %s", step->file, step->text);
		buf_adds(ret, "\n");
	}
}

#define BEGIN                                                                                                          \
	"ip link set lo up\n?sh -c for f in /run/udhcpc.*; do kill $(cat \"$f\") && "                                  \
	"ip address flush dev \"${f#*.}\" scope global; done 2> /dev/null\n"
#define UDHCPC(card)                                                                                                   \
	"ip link set " card " up\n"                                                                                    \
	"sh -c exec udhcpc -i \"$0\" -p \"/run/udhcpc.$0\" -s /etc/udhcpc -b -t 5 -T 2 -A 10 > /dev/null 2>&1 " card   \
	"\n"

static void plans_the_network(void **state)
{
	static const struct {
		const char *words, *plan;
	} cases[] = {
	    {"", BEGIN UDHCPC("eno1") UDHCPC("eno3")},
	    {"ip=dhcp", BEGIN UDHCPC("eno1") UDHCPC("eno3")},
	    {"ip=eno2:dhcp", BEGIN UDHCPC("eno2")},
	    {"ip=52-54-00-AA-00-03:auto6", BEGIN "ip link set eno3 up\n"},
	    {"ip=10.1.0.5::10.1.0.1:255.255.255.0:web:eno1:none:10.1.0.2",
	     BEGIN "/etc/resolv.conf < nameserver 10.1.0.2\n\nip link set eno1 up\n"
		   "ip address replace 10.1.0.5/24 dev eno1\nip route replace default via 10.1.0.1 dev eno1\n"},
	    {"ip=[fd00::5]::[fd00::1]:64::eno1:none nameserver=[fd00::2]",
	     BEGIN "/etc/resolv.conf < nameserver fd00::2\n\nip link set eno1 up\n"
		   "ip address replace fd00::5/64 dev eno1\nip route replace default via fd00::1 dev eno1\n"},
	    {"vlan=eno1.0012:eno1 ip=eno1.0012:dhcp",
	     BEGIN "modprobe 8021q\nip link set eno1 up\n?ip link delete eno1.0012\n"
		   "ip link add link eno1 name eno1.0012 type vlan id 12\n"
		   "ip link set eno1.0012 up\n" UDHCPC("eno1.0012")},
	    {"bond=bond0:eno1,eno2:mode=802.3ad,miimon=100 ip=10.0.0.5:::16::bond0:none", BEGIN
	     "modprobe bonding max_bonds=0\n?ip link delete bond0\nip link add bond0 type bond\n"
	     "/sys/class/net/bond0/bonding/mode < 802.3ad\n/sys/class/net/bond0/bonding/miimon < 100\n"
	     "ip link set eno1 down\nip link set eno1 master bond0\nip link set eno2 down\nip link set eno2 master "
	     "bond0\n"
	     "ip link set bond0 up\nip link set bond0 up\nip address replace 10.0.0.5/16 dev bond0\n"},
	    {"ip=eth7:dhcp", "there is no network card 'eth7'"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		AUTO(buf_done) struct buf got = BUF_INIT(4096);

		plan_text(cases[i].words, &got);
		assert_string_equal(buf_str(&got), cases[i].plan);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(takes_our_words),		cmocka_unit_test(later_words_win),
	    cmocka_unit_test(the_network_is_forgotten), cmocka_unit_test(refuses_wrong_words),
	    cmocka_unit_test(plans_the_network),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

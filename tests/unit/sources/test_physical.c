/* Inventories: what becomes of each part, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "sources/physical.h"

static const char whole[] =
    "{'schema':'rehost-machine-1','name':'web01','smbios':{'uuid':'4C4C4544-0042-3510-8051-B4C04F4B3132'},"
    "'firmware':'uefi','secure_boot':true,'tpm':true,'clock':'localtime','memory':17179869184,"
    "'cpu':{'sockets':2,'cores':16,'threads':32},"
    "'disks':[{'name':'sda','size':1048576,'serial':'S1','bus':'ata','driver':'ahci'},"
    "{'name':'nvme0n1','size':4096,'logical_sector':4096,'bus':'nvme','driver':'nvme'}],"
    "'nics':[{'name':'eno1','mac':'00:1A:2b:3C:4d:5E','driver':'igb','link':false,"
    "'names':{'onboard':'eno1','slot':'no such/name','path':'enp1s0'}}]}";

/* With ' for ", and one text replaced by another. */
static int parse(const char *from, const char *to, struct machine *m, struct err *err)
{
	const char *at = from ? strstr(whole, from) : NULL;
	char text[4096];
	struct json *j;
	int ret;

	assert_true(!from || at);
	if (from)
		snprintf(text, sizeof text, "%.*s%s%s", (int)(at - whole), whole, to, at + strlen(from));
	else
		snprintf(text, sizeof text, "%s", whole);
	for (char *c = text; *c; c++)
		if (*c == '\'')
			*c = '"';
	j = js_parse(text, strlen(text), NULL);
	assert_non_null(j);
	ret = physical_parse(j, m, err);
	js_free(j);
	return ret;
}

static void test_whole(void **state)
{
	struct machine *m = machine_new();

	assert_int_equal(parse(NULL, NULL, m, NULL), 0);
	assert_string_equal(m->name, "web01");
	assert_string_equal(m->uuid, "4c4c4544-0042-3510-8051-b4c04f4b3132");
	assert_int_equal(m->firmware, FIRMWARE_UEFI);
	assert_int_equal(m->secure_boot, TRI_YES);
	assert_true(m->tpm);
	assert_int_equal(m->clock, CLOCK_LOCALTIME);
	assert_int_equal(m->memory, UINT64_C(17179869184));
	assert_int_equal(m->vcpus, 32);
	assert_int_equal(m->sockets, 2);
	assert_int_equal(m->cores, 8);
	assert_int_equal(m->threads, 2);
	assert_int_equal(m->disks.n, 2);
	assert_int_equal(m->disks.v[0].controller, CONTROLLER_SATA);
	assert_int_equal(m->disks.v[0].capacity, 1 << 20);
	assert_string_equal(m->disks.v[0].serial, "S1");
	assert_int_equal(m->disks.v[1].controller, CONTROLLER_NVME);
	assert_int_equal(m->disks.v[1].logical_sector, 4096);
	assert_int_equal(m->nics.n, 1);
	assert_string_equal(m->nics.v[0].mac, "00:1a:2b:3c:4d:5e");
	assert_int_equal(m->nics.v[0].model, NIC_E1000E);
	assert_false(m->nics.v[0].connected);
	assert_string_equal(m->nics.v[0].names[0], "eno1");
	assert_null(m->nics.v[0].names[1]);
	assert_string_equal(m->nics.v[0].names[2], "enp1s0");
	machine_free(m);
}

/* What some machines don't know of themselves. */
static void test_unknown(void **state)
{
	struct machine *m = machine_new();

	assert_int_equal(parse("4C4C4544-0042", "Not Settable", m, NULL), 0);
	assert_string_equal(m->uuid, "");
	machine_free(m);
	m = machine_new();
	assert_int_equal(parse("'secure_boot':true,", "", m, NULL), 0);
	assert_int_equal(m->secure_boot, TRI_UNKNOWN);
	machine_free(m);
	m = machine_new();
	assert_int_equal(parse("'cores':16", "'cores':15", m, NULL), 0);
	assert_int_equal(m->vcpus, 32);
	assert_int_equal(m->sockets, 0);
	machine_free(m);
}

static void refused(const char *from, const char *to, const char *text)
{
	struct machine *m = machine_new();
	struct err err = ERR_INIT;

	assert_int_equal(parse(from, to, m, &err), -1);
	assert_int_equal(err.code, ERR_CORRUPT);
	assert_non_null(strstr(err.text, text));
	machine_free(m);
}

static void test_refused(void **state)
{
	char many[1024] = "'nics':[", text[300];

	refused("rehost-machine-1", "other", "rehost-machine-1 is expected");
	refused("'size':1048576", "'size':0", "disk 1: a size of 0 bytes is no number of sectors");
	refused("'size':1048576", "'size':1000", "disk 1: a size of 1000 bytes");
	refused("'size':1048576", "'size':9223372036854775296", "disk 1: a size of 9223372036854775296 bytes");
	refused("'logical_sector':4096", "'logical_sector':1", "disk 2: sectors of 1 bytes");
	refused("'serial':'S1'", "'serial':'S\\n1'", "disk 1: 'serial' has a control character");
	refused("00:1A:2b:3C:4d:5E", "00:1A:2b:3C:4d", "network card 1: its address is none");
	refused("00:1A:2b:3C:4d:5E", "00:1A:2b:3C:4d:5/", "network card 1: its address is none");
	refused("'threads':32", "'threads':100000", "more than 8192 CPUs");
	refused("'disks'", "'disk'", "0 disks: 1 to 64 are expected");
	memset(text, 'a', sizeof text);
	text[299] = '\0';
	refused("web01", text, "'name' has 299 bytes: 256 are the most");
	for (unsigned i = 0; i < 100; i++)
		strcat(many, "{},");
	refused("'nics':[", many, "101 network cards: 64 are the most");
}

/* What the machine's clock shows against the host's. */
static void test_clock(void **state)
{
	static const struct {
		const char *text;
		enum clock_offset clock;
		int adjustment;
		long long error;
	} cases[] = {
	    {"'battery_clock':1700000100,'host_clock':1700000000", CLOCK_UTC, 0, 0},
	    {"'battery_clock':1700000121,'host_clock':1700000000", CLOCK_UNKNOWN, 0, 121},
	    {"'battery_clock':1700007110,'host_clock':1700000000", CLOCK_VARIABLE, 7200, 0},
	    {"'battery_clock':1699982090,'host_clock':1700000000", CLOCK_VARIABLE, -18000, 0},
	    {"'battery_clock':1700020700,'host_clock':1700000000", CLOCK_VARIABLE, 20700, 0}, /* Nepal */
	    {"'battery_clock':1700000900,'host_clock':1700000000", CLOCK_UNKNOWN, 0, 900},    /* a quarter is none */
	    {"'battery_clock':1700054000,'host_clock':1700000000", CLOCK_UNKNOWN, 0, 54000},  /* 15 hours */
	    {"'battery_clock':946684800,'host_clock':1700000000", CLOCK_UNKNOWN, 0, -753315200},
	    {"'battery_clock':946684800", CLOCK_UNKNOWN, 0, 0},
	    {"'battery_clock':9223372036854775807,'host_clock':1", CLOCK_UNKNOWN, 0, 0},
	    {"'clock':'localtime','battery_clock':946684800,'host_clock':1700000000", CLOCK_LOCALTIME, 0, 0},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct machine *m = machine_new();

		assert_int_equal(parse("'clock':'localtime'", cases[i].text, m, NULL), 0);
		assert_int_equal(m->clock, cases[i].clock);
		assert_int_equal(m->clock_adjustment, cases[i].adjustment);
		assert_true(m->clock_error == cases[i].error);
		machine_free(m);
	}
}

/* What was read with errors before. */
static void test_unreadable(void **state)
{
	struct machine *m = machine_new();

	assert_int_equal(parse("'serial':'S1',",
			       "'unreadable':{'bytes':1536,'count':2,'places':[{'offset':4096,'bytes':512},{'offset':"
			       "8192,'bytes':1024}]},",
			       m, NULL),
			 0);
	assert_int_equal(m->notes.n, 1);
	assert_string_equal(
	    m->notes.v[0],
	    "disk 1: 1536 bytes in 2 places could not be read at the machine and are zeros, the first at 0x1000");
	machine_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_clock),      cmocka_unit_test(test_whole),   cmocka_unit_test(test_unknown),
	    cmocka_unit_test(test_unreadable), cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

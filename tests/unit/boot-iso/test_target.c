/* Tests of boot-iso/agent/target.c and inventory.c: where images may go, and which disks are then none of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "boot-iso/agent/inventory.h"
#include "boot-iso/agent/target.h"

static struct hw_disk *add_disk(struct hardware *h, const char *name, const char *serial, const char *content)
{
	struct hw_disk *d = vec_push(&h->arena, &h->disks);

	d->name = arena_strdup(&h->arena, name);
	d->serial = arena_strdup(&h->arena, serial);
	d->content = arena_strdup(&h->arena, content);
	d->size = 1 << 30;
	d->bus = arena_strdup(&h->arena, *serial == 'U' ? "usb" : "ata");
	return d;
}

static void add_part(struct hardware *h, struct hw_disk *d, const char *name, const char *content)
{
	struct hw_part *p = vec_push(&h->arena, &d->parts);

	d->table = arena_strdup(&h->arena, "gpt");
	p->name = arena_strdup(&h->arena, name);
	p->content = arena_strdup(&h->arena, content);
}

/* sda the machine's; sdb with an ext4 and LVM; sdc blank; sdd the live medium; sde part of a firmware RAID. */
static struct hardware *machine(void)
{
	struct hardware *h = calloc(1, sizeof *h);
	struct hw_disk *d;

	assert_non_null(h);
	add_disk(h, "sda", "S1", NULL);
	d = add_disk(h, "sdb", "U1", NULL);
	add_part(h, d, "sdb1", "ext4");
	add_part(h, d, "sdb2", "LVM2_member");
	add_disk(h, "sdc", "U2", NULL);
	add_disk(h, "sdd", "U3", "iso9660")->left_out = HW_LIVE_MEDIUM;
	add_disk(h, "sde", "S5", NULL)->member_of = arena_strdup(&h->arena, "a firmware RAID (isw)");
	return h;
}

struct place_case {
	const char *words, *place, *error; /* NULL: it can take images */
	bool makes;
};

static void places(void **state)
{
	static const struct place_case cases[] = {
	    {"rehost.to=sdb1", "sdb", NULL, false},
	    {"rehost.to=/dev/sdb1", "sdb", NULL, false},
	    {"rehost.to=U2", "sdc", NULL, true},
	    {"rehost.to=sdb", "sdb", "'sdb' holds a partition table", false},
	    {"rehost.to=sdb rehost.force", "sdb", NULL, true},
	    {"rehost.to=sdb2", "sdb", "'sdb2' holds LVM2_member, which is no ext4", false},
	    {"rehost.to=sdb2 rehost.force", "sdb", NULL, true},
	    {"rehost.to=sdd rehost.force", "sdd", "'sdd' is the live medium", false},
	    {"rehost.to=U1-part1", "sdb", NULL, false},
	    {"rehost.to=S5", "sde", "'sde' holds a firmware RAID (isw)", false},
	    {"rehost.to=S5 rehost.force", "sde", NULL, true},
	    {"rehost.to=sde rehost.force", "sde",
	     "'sde' is on no USB disk, and names change from boot to boot: name it by its disk's serial number (S5)",
	     false},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		AUTO(hardware_freep) struct hardware *h = machine();
		AUTO(settings_done) struct settings s = {0};
		struct err err = ERR_INIT;
		struct target_place p;
		bool make = false;

		assert_int_equal(settings_add(&s, cases[i].words, &err), 0);
		assert_int_equal(inventory_choose(h, &s, &err), 0);
		assert_int_equal(target_find(h, s.to, &p, &err), 0);
		assert_string_equal(p.disk->name, cases[i].place);
		assert_int_equal(target_check(&p, s.force, &make, &err), cases[i].error ? -1 : 0);
		if (cases[i].error)
			assert_non_null(strstr(err.text, cases[i].error));
		else
			assert_int_equal(make, cases[i].makes);
		assert_string_equal(h->disks.v[1].left_out ? h->disks.v[1].left_out : "",
				    !strcmp(cases[i].place, "sdb") ? HW_TARGET : "");
		assert_null(h->disks.v[0].left_out);
	}
}

static void folders_and_mistakes(void **state)
{
	AUTO(hardware_freep) struct hardware *h = machine();
	AUTO(settings_done) struct settings s = {0};
	struct err err = ERR_INIT;
	struct target_place p;
	bool make;

	assert_int_equal(target_find(h, "/mnt/usb", &p, &err), 0);
	assert_null(p.disk);
	assert_int_equal(target_find(h, "sdx", &p, &err), -1);
	assert_non_null(strstr(err.text, "there is no disk or partition 'sdx'"));
	assert_int_equal(target_find(h, "U1-part3", &p, &err), -1);
	assert_null(p.disk);
	/* two sticks of one make may have one serial */
	h->disks.v[2].serial = "U1";
	assert_int_equal(target_find(h, "U1", &p, &err), -1);
	assert_non_null(strstr(err.text, "'U1' is 'sdb' and 'sdc': name it otherwise"));
	assert_null(p.disk);
	assert_int_equal(target_find(h, "sdb1", &p, &err), 0);
	/* what is to be imaged is no target, whatever is forced */
	assert_int_equal(target_find(h, "sda", &p, &err), 0);
	assert_int_equal(target_check(&p, true, &make, &err), -1);
	assert_non_null(strstr(err.text, "'sda' is on a disk that is to be imaged"));
	assert_int_equal(settings_add(&s, "rehost.to=sdb1 rehost.disks=sda,U1 rehost.force", &err), 0);
	assert_int_equal(inventory_choose(h, &s, &err), -1);
	assert_non_null(strstr(err.text, "rehost.disks: images can't go to 'sdb', which is to be imaged"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(places), cmocka_unit_test(folders_and_mistakes)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* OVA and OVF packages: the three shapes, the real ones, and the hostile ones; nothing is left open or written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/checked.h"
#include "core/base/cleanup.h"
#include "core/base/hash.h"
#include "sources/source.h"
#include "tests/unit/sources/tarball.h"

static const struct source_options none;

/* An OVF with one disk called so, that says it has so many bytes ("" nothing). */
static const char *descriptor(const char *href, const char *size)
{
	static char text[2000];

	snprintf(
	    text, sizeof text,
	    "<Envelope xmlns='http://schemas.dmtf.org/ovf/envelope/1' xmlns:ovf='o' xmlns:r='r'>"
	    "<References><File ovf:id='f1' ovf:href='%s' %s%s%s/></References>"
	    "<DiskSection><Disk ovf:diskId='d1' ovf:fileRef='f1' ovf:capacity='1048576' "
	    "ovf:format='http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized'/></DiskSection>"
	    "<VirtualSystem ovf:id='web01'><VirtualHardwareSection>"
	    "<Item><r:ResourceType>17</r:ResourceType><r:HostResource>ovf:/disk/d1</r:HostResource></Item>"
	    "</VirtualHardwareSection></VirtualSystem></Envelope>",
	    href, *size ? "ovf:size='" : "", size, *size ? "'" : "");
	return text;
}

static const char *sha256(const char *text)
{
	static char hex[DIGEST_HEX_MAX];
	struct digest *d = digest_new(DIGEST_SHA256);

	digest_add(d, text, strlen(text));
	digest_end(d, hex);
	return hex;
}

static struct machine *good(const char *path, const struct source_options *options)
{
	struct machine *m = NULL;
	struct err err = ERR_INIT;

	if (source_open(&path, 1, options, &m, &err) < 0)
		fail_msg("%s", err.text);
	return m;
}

/* The error without the folder's name, which is different every time. */
static void bad(const struct scratch *s, const char *path, enum err_code code, const char *says)
{
	struct machine *m = NULL;
	struct err err = ERR_INIT;
	char *at;

	assert_int_equal(source_open(&path, 1, &none, &m, &err), -1);
	assert_null(m);
	while ((at = strstr(err.text, s->path)))
		memmove(at, at + strlen(s->path), strlen(at + strlen(s->path)) + 1);
	assert_string_equal(err.text, says);
	assert_int_equal(err.code, code);
}

static void verified(const struct machine *m, unsigned files)
{
	struct err err = ERR_INIT;
	unsigned checked = 99;

	if (source_verify(m, &checked, NULL, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(checked, files);
}

static const char *write_tar(const struct scratch *s, struct buf *b)
{
	tarball_end(b);
	return scratch_write(s, "web.ova", b->data, b->len);
}

static void the_same_machine_as_tar_folder_and_descriptor(void **state)
{
	AUTO(scratch_done) struct scratch s = scratch_new();
	AUTO(buf_done) struct buf b = BUF_INIT(1 << 20);
	const char *ovf = descriptor("d1.vmdk", "5"), *shapes[3];
	char mf[300];

	snprintf(mf, sizeof mf, "SHA256(x.ovf)= %s\r\n", sha256(ovf));
	snprintf(mf + strlen(mf), sizeof mf - strlen(mf), "SHA256 (d1.vmdk) = %s", sha256("KDMV!"));
	tarball_file(&b, "x.ovf", ovf);
	tarball_file(&b, "x.mf", mf);
	tarball_file(&b, "d1.vmdk", "KDMV!");
	tarball_file(&b, "._x.ovf", "AppleDouble");
	shapes[0] = strdup(write_tar(&s, &b));
	assert_int_equal(mkdir(scratch_path(&s, "folder"), 0755), 0);
	scratch_text(&s, "folder/x.ovf", ovf);
	scratch_text(&s, "folder/x.mf", mf);
	scratch_text(&s, "folder/d1.vmdk", "KDMV!");
	scratch_text(&s, "folder/._x.ovf", "AppleDouble");
	shapes[1] = strdup(scratch_path(&s, "folder"));
	shapes[2] = strdup(scratch_path(&s, "folder/x.ovf"));
	for (int i = 0; i < 3; i++) {
		AUTO(machine_freep) struct machine *m = good(shapes[i], &none);
		const struct disk *d = &m->disks.v[0];

		assert_string_equal(m->source, shapes[i]);
		assert_string_equal(m->source_kind, "ova");
		assert_string_equal(m->name, "web01");
		assert_string_equal(d->file, i ? "d1.vmdk" : "web.ova");
		assert_string_equal(d->format, "vmdk");
		assert_int_equal(d->window_len, i ? 0 : 5);
		if (!i)
			assert_memory_equal(b.data + d->window_off, "KDMV!", 5);
		assert_string_equal(strrchr(d->folder, '/'), i ? "/folder" : strrchr(s.path, '/'));
		assert_int_equal(m->notes.n, 0);
		verified(m, 2);
		free((char *)shapes[i]);
	}
}

static void a_wrong_digest_names_file_found_and_expected(void **state)
{
	AUTO(scratch_done) struct scratch s = scratch_new();
	AUTO(buf_done) struct buf b = BUF_INIT(1 << 20);
	AUTO(machine_freep) struct machine *m = NULL;
	struct err err = ERR_INIT;
	unsigned checked;
	char expected[600];

	tarball_file(&b, "x.ovf", descriptor("d1.vmdk", ""));
	tarball_file(&b, "x.mf",
		     "SHA1(gone.txt)= da39a3ee5e6b4b0d3255bfef95601890afd80709\n"
		     "SHA1(d1.vmdk)= da39a3ee5e6b4b0d3255bfef95601890afd80709\n");
	tarball_file(&b, "d1.vmdk", "KDMV!");
	m = good(write_tar(&s, &b), &none);
	assert_int_equal(m->notes.n, 1);
	assert_string_equal(m->notes.v[0], "manifest 'x.mf' lists 'gone.txt', which is not in the package");
	assert_int_equal(source_verify(m, &checked, NULL, &err), -1);
	snprintf(
	    expected, sizeof expected,
	    "'%s/web.ova': manifest 'x.mf' line 2: 'd1.vmdk' has the sha1 becbb47803c77788031ded431134918efd8e45b8, "
	    "expected da39a3ee5e6b4b0d3255bfef95601890afd80709: it was changed or damaged",
	    s.path);
	assert_string_equal(err.text, expected);
	assert_int_equal(err.code, ERR_CORRUPT);
}

static void a_file_of_several_names_is_read_once(void **state)
{
#define RIGHT "becbb47803c77788031ded431134918efd8e45b8\n"
	static const char names[] = "SHA1(d1.vmdk)= " RIGHT "SHA1(d1%2Evmdk)= " RIGHT "SHA1(%641.vmdk)= " RIGHT;
	AUTO(scratch_done) struct scratch s = scratch_new();
	AUTO(buf_done) struct buf b = BUF_INIT(1 << 20);
	AUTO(machine_freep) struct machine *m = NULL;
	AUTO(machine_freep) struct machine *folder = NULL;
	AUTO(machine_freep) struct machine *wrong = NULL;
	struct err err = ERR_INIT;
	unsigned checked;

	tarball_file(&b, "x.ovf", descriptor("d1.vmdk", ""));
	tarball_file(&b, "x.mf", names);
	tarball_file(&b, "d1.vmdk", "KDMV!");
	m = good(write_tar(&s, &b), &none);
	verified(m, 1);
	assert_int_equal(mkdir(scratch_path(&s, "folder"), 0755), 0);
	scratch_text(&s, "folder/x.ovf", descriptor("d1.vmdk", ""));
	scratch_text(&s, "folder/d1.vmdk", "KDMV!");
	scratch_text(&s, "folder/x.mf", "SHA1(d1.vmdk)= " RIGHT "SHA1(././/d1.vmdk)= " RIGHT);
	folder = good(scratch_path(&s, "folder"), &none);
	verified(folder, 1);
	scratch_text(&s, "folder/x.mf",
		     "SHA1(d1.vmdk)= " RIGHT "SHA1(d1%2Evmdk)= da39a3ee5e6b4b0d3255bfef95601890afd80709\n");
	wrong = good(scratch_path(&s, "folder"), &none);
	assert_int_equal(source_verify(wrong, &checked, NULL, &err), -1);
	assert_non_null(strstr(err.text, "manifest 'x.mf' line 2: 'd1%2Evmdk' has the sha1 becbb478"));
#undef RIGHT
}

static void a_manifest_that_cannot_be_read_does_not_pass(void **state)
{
	AUTO(scratch_done) struct scratch s = scratch_new();
	AUTO(buf_done) struct buf b = BUF_INIT(1 << 20);

	tarball_file(&b, "x.ovf", descriptor("d1.vmdk", ""));
	tarball_file(&b, "x.mf", "SHA1 d1.vmdk 1234\n");
	tarball_file(&b, "d1.vmdk", "KDMV!");
	bad(&s, write_tar(&s, &b), ERR_CORRUPT,
	    "'/web.ova': manifest 'x.mf': line 1 'SHA1 d1.vmdk 1234' is not of the form 'SHA256(name)= digest'");
}

static void a_manifest_by_another_name_and_a_signature(void **state)
{
	AUTO(scratch_done) struct scratch s = scratch_new();
	AUTO(buf_done) struct buf b = BUF_INIT(1 << 20);
	AUTO(machine_freep) struct machine *m = NULL;
	char mf[200];

	snprintf(mf, sizeof mf, "SHA256(d1.vmdk)= %s\nSHA384(d1.vmdk)= abcd\n", sha256("KDMV!"));
	tarball_file(&b, "x.ovf", descriptor("d1.vmdk", ""));
	tarball_file(&b, "other.mf", mf);
	tarball_file(&b, "x.cert", "-----BEGIN");
	tarball_file(&b, "d1.vmdk", "KDMV!");
	m = good(write_tar(&s, &b), &none);
	assert_int_equal(m->notes.n, 2);
	assert_string_equal(m->notes.v[0], "manifest 'other.mf' line 2: a digest of this kind is not checked");
	assert_string_equal(m->notes.v[1], "the signature in 'x.cert' is not checked");
	verified(m, 1);
}

static void a_folder_inside_the_tar_and_encoded_names(void **state)
{
	AUTO(scratch_done) struct scratch s = scratch_new();
	AUTO(buf_done) struct buf b = BUF_INIT(1 << 20);
	AUTO(machine_freep) struct machine *m = NULL;

	tarball_add(&b, "export/", '5', NULL, 0);
	tarball_file(&b, "export/x.ovf", descriptor("disk%201.vmdk", ""));
	tarball_file(&b, "export/disk 1.vmdk", "KDMV!");
	m = good(write_tar(&s, &b), &none);
	assert_memory_equal(b.data + m->disks.v[0].window_off, "KDMV!", 5);
	verified(m, 0);
}

static void sizes_that_disagree(void **state)
{
	AUTO(scratch_done) struct scratch s = scratch_new();
	AUTO(buf_done) struct buf b = BUF_INIT(1 << 20);
	AUTO(machine_freep) struct machine *forced = NULL;
	AUTO(machine_freep) struct machine *longer = NULL;
	AUTO(machine_freep) struct machine *vhd_of_xen = NULL;
	const struct source_options force = {.force = true};
	static const char cookie[] = "conectix";
	const char *path;
	char vhd[1537] = "";

	tarball_file(&b, "x.ovf", descriptor("d1.vmdk", "1000"));
	tarball_file(&b, "d1.vmdk", "KDMV!");
	path = write_tar(&s, &b);
	bad(&s, path, ERR_CORRUPT,
	    "'/web.ova': disk 1 'd1.vmdk': it is 5 bytes, the OVF says 1000: truncated (--allow-truncated reads what "
	    "is there)");
	forced = good(path, &force);
	assert_string_equal(forced->notes.v[0], "'d1.vmdk' is 5 bytes, the OVF says 1000");
	buf_clear(&b);
	tarball_file(&b, "x.ovf", descriptor("d1.vmdk", "4"));
	tarball_file(&b, "d1.vmdk", "KDMV!");
	longer = good(write_tar(&s, &b), &none);
	assert_string_equal(longer->notes.v[0], "'d1.vmdk' is 5 bytes, the OVF says 4");
	memset(vhd, 'x', sizeof vhd - 1);
	for (int whole = 0; whole < 2; whole++) {
		buf_clear(&b);
		for (size_t i = 0; whole && i < strlen(cookie); i++)
			vhd[1024 + i] = cookie[i];
		tarball_file(&b, "x.ovf", descriptor("d1.VHD", "9999"));
		tarball_file(&b, "d1.VHD", vhd);
		path = write_tar(&s, &b);
		if (!whole)
			bad(&s, path, ERR_CORRUPT,
			    "'/web.ova': disk 1 'd1.VHD': it is 1536 bytes, the OVF says 9999: truncated "
			    "(--allow-truncated reads what is there)");
	}
	vhd_of_xen = good(path, &none);
	assert_string_equal(vhd_of_xen->notes.v[0], "'d1.VHD' is 1536 bytes, the OVF says 9999");
	buf_clear(&b);
	tarball_file(&b, "x.ovf", descriptor("d1.vmdk", ""));
	tarball_file(&b, "d1.vmdk", "");
	bad(&s, write_tar(&s, &b), ERR_CORRUPT, "'/web.ova': disk 1 'd1.vmdk': it is empty (0 bytes)");
}

static void gzip_is_sniffed(void **state)
{
	AUTO(scratch_done) struct scratch s = scratch_new();
	AUTO(buf_done) struct buf b = BUF_INIT(1 << 20);
	AUTO(machine_freep) struct machine *m = NULL;

	tarball_file(&b, "x.ovf", descriptor("d1.vmdk.gz", ""));
	tarball_file(&b, "d1.vmdk.gz", "\x1f\x8b\x08");
	m = good(write_tar(&s, &b), &none);
	assert_true(m->disks.v[0].packed);
}

/* The user knows better than an OVF; what a raw disk holds is the guest's, whatever it looks like. */
static void a_stated_format_is_that_of_every_disk(void **state)
{
	AUTO(scratch_done) struct scratch s = scratch_new();
	AUTO(buf_done) struct buf b = BUF_INIT(1 << 20);
	AUTO(machine_freep) struct machine *told = NULL, *stated = NULL, *named = NULL;
	const struct source_options raw = {.format = "raw"};
	const char *path;

	tarball_file(&b, "x.ovf", descriptor("d1.img", ""));
	tarball_file(&b, "d1.img", "\x1f\x8b\x08");
	path = write_tar(&s, &b);
	told = good(path, &none);
	assert_string_equal(told->disks.v[0].format, "vmdk");
	assert_true(told->disks.v[0].packed);
	stated = good(path, &raw);
	assert_string_equal(stated->disks.v[0].format, "raw");
	assert_false(stated->disks.v[0].packed);
	buf_clear(&b);
	tarball_file(&b, "x.ovf", descriptor("d1.img.gz", ""));
	tarball_file(&b, "d1.img.gz", "\x1f\x8b\x08");
	named = good(write_tar(&s, &b), &raw);
	assert_string_equal(named->disks.v[0].format, "raw");
	assert_true(named->disks.v[0].packed);
}

static void no_descriptor_or_two(void **state)
{
	AUTO(scratch_done) struct scratch s = scratch_new();
	AUTO(buf_done) struct buf b = BUF_INIT(1 << 20);

	tarball_file(&b, "d1.vmdk", "KDMV!");
	bad(&s, write_tar(&s, &b), ERR_CORRUPT, "'/web.ova': there is no .ovf in it");
	buf_clear(&b);
	tarball_file(&b, "b.ovf", descriptor("d1.vmdk", ""));
	tarball_file(&b, "a.OVF", descriptor("d1.vmdk", ""));
	bad(&s, write_tar(&s, &b), ERR_CORRUPT,
	    "'/web.ova': there are 2 .ovf files in it, 'a.OVF' and 'b.ovf': exactly one must be there");
	scratch_text(&s, "a.ovf", "x");
	scratch_text(&s, "b.ovf", "x");
	bad(&s, s.path, ERR_CORRUPT,
	    "'': there are 2 .ovf files in it, 'a.ovf' and 'b.ovf': exactly one must be there");
}

static void hostile_members(void **state)
{
	AUTO(scratch_done) struct scratch s = scratch_new();
	AUTO(buf_done) struct buf b = BUF_INIT(1 << 20);

	tarball_file(&b, "x.ovf", descriptor("d1.vmdk", ""));
	tarball_file(&b, "../d1.vmdk", "KDMV!");
	bad(&s, write_tar(&s, &b), ERR_POLICY, "'/web.ova': member '../d1.vmdk' leads outside its folder");
	buf_clear(&b);
	tarball_file(&b, "x.ovf", descriptor("d1.vmdk", ""));
	tarball_link(&b, "d1.vmdk", '2', "/etc/shadow");
	bad(&s, write_tar(&s, &b), ERR_POLICY,
	    "'/web.ova': member 'd1.vmdk' is a symbolic link to '/etc/shadow': an OVA holds plain files only");
	buf_clear(&b);
	tarball_file(&b, "x.ovf", descriptor("d1.vmdk", ""));
	tarball_file(&b, "d1.vmdk", "KDMV!");
	tarball_file(&b, "d1.vmdk", "evil!");
	bad(&s, write_tar(&s, &b), ERR_CORRUPT, "'/web.ova': member 'd1.vmdk' is there twice, at 0x800 and 0xc00");
}

static void hostile_descriptors(void **state)
{
	AUTO(scratch_done) struct scratch s = scratch_new();
	AUTO(buf_done) struct buf b = BUF_INIT(1 << 20);

	tarball_file(&b, "x.ovf",
		     "<!DOCTYPE Envelope [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><Envelope>&e;</Envelope>");
	bad(&s, write_tar(&s, &b), ERR_POLICY,
	    "'/web.ova': 'x.ovf' has a DOCTYPE: document type definitions are not read; remove it if you trust the "
	    "file");
	buf_clear(&b);
	tarball_file(&b, "x.ovf", descriptor("d2.vmdk", ""));
	bad(&s, write_tar(&s, &b), ERR_UNREADABLE, "'/web.ova': disk 1 'd2.vmdk': it is missing from the package");
	buf_clear(&b);
	tarball_file(&b, "x.ovf", descriptor("http://example.org/d.vmdk", ""));
	bad(&s, write_tar(&s, &b), ERR_UNSUPPORTED,
	    "'/web.ova': disk 1 'http://example.org/d.vmdk': it is not in the package: fetch it and put it beside "
	    "the .ovf");
}

static void names_that_lead_out_of_a_folder(void **state)
{
	static const char *const names[] = {"/etc/passwd", "../secret", "a/../../secret", "%2e%2e/secret"};
	AUTO(scratch_done) struct scratch s = scratch_new();
	char says[300];

	assert_int_equal(mkdir(scratch_path(&s, "in"), 0755), 0);
	scratch_text(&s, "secret", "KDMV!");
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		scratch_text(&s, "in/x.ovf", descriptor(names[i], ""));
		snprintf(says, sizeof says, "'/in': disk 1 '%s': the name leads outside the package", names[i]);
		bad(&s, scratch_path(&s, "in"), ERR_POLICY, says);
	}
	assert_int_equal(symlink("../secret", scratch_path(&s, "in/d1.vmdk")), 0);
	scratch_text(&s, "in/x.ovf", descriptor("d1.vmdk", ""));
	bad(&s, scratch_path(&s, "in"), ERR_POLICY,
	    "'/in': disk 1 'd1.vmdk': 'd1.vmdk' leads outside the image's folder");
}

static void truncated_and_wrapped(void **state)
{
	AUTO(scratch_done) struct scratch s = scratch_new();
	AUTO(buf_done) struct buf b = BUF_INIT(1 << 20);

	tarball_file(&b, "x.ovf", descriptor("d1.vmdk", ""));
	tarball_add(&b, "d1.vmdk", '0', "0123456789", 10);
	b.len -= 505; /* 7 of 10 bytes are left */
	bad(&s, scratch_write(&s, "web.ova", b.data, b.len), ERR_CORRUPT,
	    "'/web.ova': member at 0x800 is 10 bytes, the file ends at 0x807: truncated");
	bad(&s, scratch_text(&s, "web.ova", "\x1f\x8b\x08 and so on"), ERR_UNSUPPORTED,
	    "'/web.ova' is packed with gzip: unpack it first");
	bad(&s, scratch_text(&s, "web.ova", "PK\x03\x04 and so on"), ERR_UNSUPPORTED,
	    "'/web.ova' is packed with zip: unpack it first");
	bad(&s, scratch_text(&s, "web.ova", ""), ERR_CORRUPT, "'/web.ova': the file is empty");
}

static void a_disk_in_use_beside_a_descriptor(void **state)
{
	AUTO(scratch_done) struct scratch s = scratch_new();
	AUTO(machine_freep) struct machine *m = NULL;
	const struct source_options force = {.force = true};

	scratch_text(&s, "x.ovf", descriptor("d1.vmdk", ""));
	scratch_text(&s, "d1.vmdk", "KDMV!");
	scratch_text(&s, "d1.vmdk.lck", "");
	bad(&s, s.path, ERR_BLOCKED,
	    "'': disk 1 'd1.vmdk': 'd1.vmdk' is in use: a VMware lock (.lck) lies beside it; shut the machine down "
	    "first, "
	    "or take it as after a power cut with --force");
	m = good(s.path, &force);
	assert_string_equal(m->notes.v[0],
			    "'d1.vmdk' was in use (a VMware lock (.lck) lies beside it) and was taken as "
			    "after a power cut (--force)");
}

static void the_pass_can_be_stopped(void **state)
{
	AUTO(scratch_done) struct scratch s = scratch_new();
	AUTO(buf_done) struct buf b = BUF_INIT(1 << 20);
	AUTO(machine_freep) struct machine *m = NULL;
	struct err err = ERR_INIT;
	const volatile bool stop = true;
	unsigned checked;

	tarball_file(&b, "x.ovf", descriptor("d1.vmdk", ""));
	tarball_file(&b, "x.mf", "SHA1(d1.vmdk)= da39a3ee5e6b4b0d3255bfef95601890afd80709\n");
	tarball_file(&b, "d1.vmdk", "KDMV!");
	m = good(write_tar(&s, &b), &none);
	assert_int_equal(source_verify(m, &checked, &stop, &err), -1);
	assert_int_equal(err.code, ERR_INTERRUPTED);
	assert_int_equal(checked, 0);
}

static void real_packages(void **state)
{
	static const struct {
		const char *name, *error;
		unsigned files;
	} cases[] = {
	    {"ova/cot/input.ovf", NULL, 3},
	    {"ova/cot/ubuntu.2.0.ovf", NULL, 2},
	    {"ova/govmomi/ttylinux-pc_i486-16.1.ova",
	     "disk 1 'ttylinux-pc_i486-16.1-disk1.vmdk': it is 1048576 bytes, the OVF says 10595840: truncated "
	     "(--allow-truncated reads what is there)",
	     2},
	    {"ova/cdi/fake.ova",
	     "disk 1 'disk1.vmdk': it is 65536 bytes, the OVF says 7804077568: truncated (--allow-truncated reads what "
	     "is there)",
	     0},
	};
	const struct source_options force = {.force = true};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		AUTO(machine_freep) struct machine *m = NULL;
		const char *path = shared_sample(cases[i].name);
		struct err err = ERR_INIT;

		if (!path) {
			print_message("SKIP: the shared samples are not here\n");
			skip();
		}
		if (cases[i].error) {
			assert_int_equal(source_open(&path, 1, &none, &m, &err), -1);
			assert_string_equal(strstr(err.text, "disk 1"), cases[i].error);
		}
		m = good(path, &force);
		if (cases[i].files)
			verified(m, cases[i].files);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_same_machine_as_tar_folder_and_descriptor),
	    cmocka_unit_test(a_wrong_digest_names_file_found_and_expected),
	    cmocka_unit_test(a_file_of_several_names_is_read_once),
	    cmocka_unit_test(a_manifest_that_cannot_be_read_does_not_pass),
	    cmocka_unit_test(a_manifest_by_another_name_and_a_signature),
	    cmocka_unit_test(a_folder_inside_the_tar_and_encoded_names),
	    cmocka_unit_test(sizes_that_disagree),
	    cmocka_unit_test(gzip_is_sniffed),
	    cmocka_unit_test(a_stated_format_is_that_of_every_disk),
	    cmocka_unit_test(no_descriptor_or_two),
	    cmocka_unit_test(hostile_members),
	    cmocka_unit_test(hostile_descriptors),
	    cmocka_unit_test(names_that_lead_out_of_a_folder),
	    cmocka_unit_test(truncated_and_wrapped),
	    cmocka_unit_test(a_disk_in_use_beside_a_descriptor),
	    cmocka_unit_test(the_pass_can_be_stopped),
	    cmocka_unit_test(real_packages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

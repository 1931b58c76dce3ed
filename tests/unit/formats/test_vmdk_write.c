/* The VMDK writer: streamOptimized disks that our reader and qemu-img find equal, written in order in one pass, with
 * the structures of the specification; and inside an OVA.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>

#include "core/base/bytes.h"
#include "core/base/compress.h"
#include "core/base/hash.h"
#include "core/base/zeros.h"
#include "formats/vmdk_layout.h"
#include "sources/source.h"
#include "tests/unit/formats/writing.h"
#include "tests/unit/sources/tarball.h"

enum { GRAIN = 64 << 10 };

static void test_round_trips(void **state)
{
	static const uint64_t sizes[] = {512,	   GRAIN - 512,	   GRAIN,	  GRAIN + 512,
					 32 * MIB, 32 * MIB + 512, 67 * MIB - 512};
	struct image_folder *f = *state;

	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		put_random_disk(f, "raw", sizes[i], i + 1);
		write_image(f, &format_vmdk, "x.vmdk", "", 512, 1 + i % 2 * 3);
		assert_written(f, "x.vmdk", "vmdk");
	}
}

/* What a walk over the markers finds; every number in sectors. */
struct walk {
	const unsigned char *file;
	uint64_t sectors, at, capacity;
	uint64_t grains, tables, last_lba, directory;
	uint32_t entries[512]; /* of the grains since the last table */
	uint32_t table_at[8];
};

static void walk_grain(struct walk *w, uint64_t lba, uint32_t size)
{
	static unsigned char out[GRAIN];
	AUTO(decoder_freep) struct decoder *d = decoder_new();
	const unsigned char *p = w->file + w->at * 512;
	uint64_t padded = div_round_up(12 + size, 512);
	struct err err;

	assert_true(!w->grains || lba > w->last_lba);
	assert_int_equal(lba % 128, 0);
	assert_true(lba < w->capacity);
	assert_int_equal(decoder_run(d, CODEC_ZLIB, p + 12, size, out, sizeof out, &err), 0);
	assert_false(all_zeros(out, sizeof out));
	assert_true(all_zeros(p + 12 + size, padded * 512 - 12 - size));
	w->entries[lba / 128 % 512] = (uint32_t)w->at;
	w->last_lba = lba;
	w->grains++;
	w->at += padded;
}

static void walk_table(struct walk *w)
{
	const unsigned char *p = w->file + (w->at + 1) * 512;

	for (unsigned i = 0; i < 512; i++)
		assert_int_equal(get_le32(p + i * 4), w->entries[i]);
	memset(w->entries, 0, sizeof w->entries);
	w->table_at[w->last_lba / 128 / 512] = (uint32_t)w->at + 1;
	w->tables++;
}

static void walk_directory(struct walk *w, uint64_t sectors)
{
	const unsigned char *p = w->file + (w->at + 1) * 512;

	w->directory = w->at + 1;
	assert_int_equal(sectors, div_round_up(div_round_up(w->capacity, 65536) * 4, 512));
	for (unsigned i = 0; i < 8 && i < sectors * 128; i++)
		assert_int_equal(get_le32(p + i * 4), w->table_at[i]);
}

/* Grains in rising order, each table behind its grains, directory, footer, end, and nothing behind it. */
static void walk_file(struct walk *w)
{
	unsigned char header[512];
	bool footer = false;

	assert_int_equal(get_le64(w->file + VMDK_H_GD), UINT64_MAX);
	w->capacity = get_le64(w->file + VMDK_H_CAPACITY);
	for (w->at = get_le64(w->file + VMDK_H_OVERHEAD);;) {
		const unsigned char *p = w->file + w->at * 512;
		uint64_t value = get_le64(p);
		uint32_t size = get_le32(p + 8), type = get_le32(p + 12);

		assert_true(w->at < w->sectors);
		if (size) {
			walk_grain(w, value, size);
			continue;
		}
		assert_true(all_zeros(p + 16, 496));
		if (type == VMDK_MARKER_END)
			break;
		if (type == VMDK_MARKER_TABLE)
			walk_table(w);
		else if (type == VMDK_MARKER_DIRECTORY)
			walk_directory(w, value);
		else if (type == VMDK_MARKER_FOOTER)
			footer = true;
		w->at += 1 + value;
	}
	assert_true(footer);
	assert_int_equal(w->at, w->sectors - 1);
	memcpy(header, w->file, sizeof header);
	put_le64(header + VMDK_H_GD, w->directory);
	assert_memory_equal(w->file + (w->at - 1) * 512, header, sizeof header);
}

/* Eight threads on a disk of three tables, one of them empty. */
static void test_structures(void **state)
{
	struct image_folder *f = *state;
	AUTO_FD int fd = -1;
	struct walk w = {0};
	unsigned char *p;
	uint64_t len;

	put_random_disk(f, "raw", 30 * MIB, 11);
	fd = openat(f->folder.dirfd, "raw", O_RDWR);
	assert_int_equal(ftruncate(fd, 70 * MIB), 0);
	assert_int_equal(file_pwrite(fd, "end", 3, 70 * MIB - 3, &f->err), 0);
	write_image(f, &format_vmdk, "x.vmdk", "subformat=streamOptimized", 512, 8);
	p = whole_file(f, "x.vmdk", &len);
	w.file = p;
	w.sectors = len / 512;
	walk_file(&w);
	assert_int_equal(w.tables, 2);
	assert_int_equal(get_le32(p + VMDK_H_VERSION), 3);
	assert_int_equal(get_le32(p + VMDK_H_FLAGS), 0x30001);
	assert_int_equal(get_le64(p + VMDK_H_GRAIN), 128);
	assert_int_equal(get_le64(p + VMDK_H_DESC_OFFSET), 1);
	assert_int_equal(get_le64(p + VMDK_H_DESC_SIZE), 20);
	assert_int_equal(get_le32(p + VMDK_H_GTES), 512);
	assert_int_equal(get_le16(p + VMDK_H_COMPRESSION), 1);
	assert_memory_equal(p + VMDK_H_NEWLINES, "\n \r\n", 4);
	free(p);
}

/* The descriptor, with the two random numbers taken out. */
static void descriptor_is(struct image_folder *f, const char *name, const char *options, uint64_t size,
			  const char *want)
{
	char text[2048], *cid, *id;
	unsigned char *p;
	uint64_t len;

	finish_image(f, create_image(f, &format_vmdk, name, options, size, 512));
	p = whole_file(f, name, &len);
	snprintf(text, sizeof text, "%s", (const char *)p + 512);
	free(p);
	cid = strstr(text, "\nCID=") + 5;
	id = strstr(text, "longContentID = \"") + 17;
	assert_memory_equal(cid, id + 24, 8); /* VMware compares them */
	assert_true(strncmp(cid, "fffffff", 7) != 0);
	assert_int_equal(strspn(id, "0123456789abcdef"), 32);
	memset(cid, 'x', 8);
	memset(id, 'x', 32);
	assert_string_equal(text, want);
}

static void test_descriptor(void **state)
{
	struct image_folder *f = *state;

	descriptor_is(
	    f, "web-disk1.vmdk", "", 20 * GIB,
	    "# Disk DescriptorFile\nversion=1\nencoding=\"UTF-8\"\nCID=xxxxxxxx\nparentCID=ffffffff\n"
	    "createType=\"streamOptimized\"\n\n# Extent description\n"
	    "RDONLY 41943040 SPARSE \"web-disk1.vmdk\"\n\n# The Disk Data Base\n#DDB\n\n"
	    "ddb.adapterType = \"lsilogic\"\nddb.geometry.cylinders = \"2611\"\nddb.geometry.heads = \"255\"\n"
	    "ddb.geometry.sectors = \"63\"\nddb.longContentID = \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"\n"
	    "ddb.toolsVersion = \"2147483647\"\nddb.virtualHWVersion = \"10\"\n");
	descriptor_is(f, "a\"b", "adapter_type=ide", 20 * GIB,
		      "# Disk DescriptorFile\nversion=1\nencoding=\"UTF-8\"\nCID=xxxxxxxx\nparentCID=ffffffff\n"
		      "createType=\"streamOptimized\"\n\n# Extent description\n"
		      "RDONLY 41943040 SPARSE \"disk.vmdk\"\n\n# The Disk Data Base\n#DDB\n\n"
		      "ddb.adapterType = \"ide\"\nddb.geometry.cylinders = \"16383\"\nddb.geometry.heads = \"16\"\n"
		      "ddb.geometry.sectors = \"63\"\nddb.longContentID = \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"\n"
		      "ddb.toolsVersion = \"2147483647\"\nddb.virtualHWVersion = \"10\"\n");
}

static off_t size_of(struct image_folder *f, const char *name)
{
	struct stat st;

	assert_int_equal(fstatat(f->folder.dirfd, name, &st, 0), 0);
	return st.st_size;
}

/* Nothing goes into the file before the mark allows it; then in order, whatever the order of writes. */
static void test_writes_wait_for_the_mark(void **state)
{
	struct image_folder *f = *state;
	struct block *b = create_image(f, &format_vmdk, "x.vmdk", "", 100 * MIB, 512);
	struct walk w = {0};
	unsigned char *p;
	off_t begun = size_of(f, "x.vmdk");
	uint64_t len;

	put_bytes(f, b, 90 * MIB, GRAIN, 1);
	put_bytes(f, b, 33 * MIB, 3 * MIB, 2);
	assert_int_equal(size_of(f, "x.vmdk"), begun);
	put_bytes(f, b, 0, GRAIN, 3);
	assert_int_equal(block_settled(b, 2 * MIB, &f->err), 0);
	assert_true(size_of(f, "x.vmdk") > begun && size_of(f, "x.vmdk") < begun + 2 * GRAIN);
	assert_int_equal(block_settled(b, 4096, &f->err), 0); /* an older mark, told late */
	assert_int_equal(block_settled(b, 40 * MIB, &f->err), 0);
	put_bytes(f, b, 64 * MIB, GRAIN, 4);
	finish_image(f, b);
	p = whole_file(f, "x.vmdk", &len);
	w.file = p;
	w.sectors = len / 512;
	walk_file(&w);
	assert_int_equal(w.grains, 1 + 48 + 1 + 1);
	assert_int_equal(w.tables, 3);
	free(p);
}

struct far_write {
	struct block *b;
	_Atomic unsigned written; /* of 20 */
};

static void *write_far(void *opaque)
{
	struct far_write *far = opaque;
	AUTO_FREE unsigned char *data = malloc(4 * MIB);
	uint64_t seed = 3;

	test_fill(data, 4 * MIB, &seed);
	for (uint64_t at = 100 * MIB; at < 180 * MIB; at += 4 * MIB, far->written++)
		block_pwrite(far->b, data, 4 * MIB, at, NULL);
	return NULL;
}

/* 80 MiB that can't be compressed, far ahead: the writer waits until the mark comes, so memory stays bounded. */
static void test_memory_is_bounded(void **state)
{
	struct image_folder *f = *state;
	struct far_write far = {.b = create_image(f, &format_vmdk, "x.vmdk", "", 200 * MIB, 512)};
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, write_far, &far), 0);
	for (unsigned n = ~0u, still = 0; still < 2; usleep(1500000)) { /* until it stands still */
		still = n == far.written ? still + 1 : 0;
		n = far.written;
	}
	assert_true(far.written < 20);
	put_bytes(f, far.b, 0, 4 * MIB, 5); /* what the mark waits for goes on */
	assert_int_equal(block_settled(far.b, 4 * MIB, &f->err), 0);
	assert_int_equal(block_settled(far.b, 200 * MIB, &f->err), 0);
	pthread_join(thread, NULL);
	assert_int_equal(far.written, 20);
	finish_image(f, far.b);
}

/* The disk is full: every thread ends, with the reason. */
static void test_full_file_system(void **state)
{
	struct image_folder *f = *state;
	struct rlimit was, small;
	struct copy_result result;
	struct copy_job job = {.threads = 4, .writeback_fd = -1};

	put_random_disk(f, "raw", 60 * MIB, 3);
	assert_int_equal(image_open(&f->folder, "raw", &format_raw, NULL, &job.source, &f->err), 0);
	job.target = create_image(f, &format_vmdk, "x.vmdk", "", 60 * MIB, 512);
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &was);
	small = (struct rlimit){5 * MIB, was.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_int_equal(copy_run(&job, &result, &f->err), -1);
	assert_non_null(strstr(f->err.text, "File too large"));
	assert_int_equal(block_finish(job.target, &f->err), -1);
	setrlimit(RLIMIT_FSIZE, &was);
	copy_result_done(&result);
	block_close(job.source);
	block_close(job.target);
}

static void test_what_is_refused(void **state)
{
	struct image_folder *f = *state;
	struct block *b;

	create_fails(f, &format_vmdk, "subformat=fixed", MIB, ERR_USAGE,
		     "vmdk 'x': subformat: streamOptimized is expected");
	create_fails(f, &format_vmdk, "", 62 * TIB + 512, ERR_UNSUPPORTED,
		     "vmdk 'x': a disk of 68169720922624 bytes: 62 TiB is the most");
	b = create_image(f, &format_vmdk, "x.vmdk", "", MIB + 512, 4096 / 8);
	assert_int_equal(block_pwrite(b, "abc", 3, 0, &f->err), -1);
	assert_string_equal(f->err.text, "vmdk 'x.vmdk': write of 3 bytes at 0x0: not in whole grains of 65536 bytes");
	put_bytes(f, b, MIB, 512, 1); /* the rest of the disk is a grain */
	block_close(b);
	assert_int_equal(image_open(&f->folder, "x.vmdk", NULL, NULL, &b, &f->err), -1);
	assert_int_equal(f->err.code, ERR_CORRUPT); /* an unfinished one is truncated */
	assert_non_null(strstr(f->err.text, "truncated"));
}

static void test_largest(void **state)
{
	struct image_folder *f = *state;
	struct block *b = create_image(f, &format_vmdk, "x.vmdk", "", 62 * TIB, 512);
	unsigned char back[512], want[512];
	uint64_t seed = 9;

	put_bytes(f, b, 62 * TIB - GRAIN, GRAIN, 9);
	finish_image(f, b);
	b = open_ok(f, "x.vmdk");
	test_fill(want, sizeof want, &seed);
	assert_int_equal(b->size, 62 * TIB);
	assert_int_equal(block_pread(b, back, 512, 62 * TIB - GRAIN, &f->err), 0);
	assert_memory_equal(back, want, 512);
	block_close(b);
	if (have_qemu_img())
		assert_int_equal(run_program("qemu-img", "info", path_of(f, "x.vmdk"), NULL), 0);
}

static void sha256_of(const void *data, size_t len, char hex[DIGEST_HEX_MAX])
{
	struct digest *d = digest_new(DIGEST_SHA256);

	digest_add(d, data, len);
	digest_end(d, hex);
}

/* An OVA as ovftool packs it: descriptor, manifest, disk. Returns where the disk's bytes begin. */
static size_t pack_ova(struct image_folder *f, const unsigned char *disk, size_t len, uint64_t capacity)
{
	AUTO(buf_done) struct buf tar = BUF_INIT(64 * MIB);
	char ovf[1500], manifest[400], digest[DIGEST_HEX_MAX];
	size_t at, n;

	snprintf(ovf, sizeof ovf,
		 "<Envelope xmlns='http://schemas.dmtf.org/ovf/envelope/1' xmlns:ovf='o' xmlns:r='r'>"
		 "<References><File ovf:id='f1' ovf:href='web-disk1.vmdk' ovf:size='%zu'/></References>"
		 "<DiskSection><Disk ovf:diskId='d1' ovf:fileRef='f1' ovf:capacity='%" PRIu64 "' ovf:format='"
		 "http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized'/></DiskSection>"
		 "<VirtualSystem ovf:id='web'><VirtualHardwareSection><Item><r:ResourceType>17</r:ResourceType>"
		 "<r:HostResource>ovf:/disk/d1</r:HostResource></Item></VirtualHardwareSection></VirtualSystem>"
		 "</Envelope>",
		 len, capacity);
	sha256_of(ovf, strlen(ovf), digest);
	n = (size_t)snprintf(manifest, sizeof manifest, "SHA256(web.ovf)= %s\n", digest);
	sha256_of(disk, len, digest);
	snprintf(manifest + n, sizeof manifest - n, "SHA256(web-disk1.vmdk)= %s\n", digest);
	tarball_file(&tar, "web.ovf", ovf);
	tarball_file(&tar, "web.mf", manifest);
	at = tar.len + 512;
	tarball_add(&tar, "web-disk1.vmdk", '0', disk, len);
	put_file(f, "web.ova", tar.data, tar.len);
	return at;
}

/* The way back: our OVA source verifies the manifest and finds the disk, which holds what was written; so does qemu. */
static void test_in_an_ova(void **state)
{
	struct image_folder *f = *state;
	const struct source_options none = {0};
	const char *path = path_of(f, "web.ova");
	const struct disk *d;
	struct machine *m = NULL;
	struct block *b = NULL;
	unsigned checked = 0;
	unsigned char *p;
	char spec[400];
	uint64_t len;
	size_t at;

	put_random_disk(f, "raw", 35 * MIB + 512, 12);
	write_image(f, &format_vmdk, "web-disk1.vmdk", "", 512, 2);
	p = whole_file(f, "web-disk1.vmdk", &len);
	at = pack_ova(f, p, len, 35 * MIB + 512);
	free(p);
	if (source_open(&path, 1, &none, &m, &f->err) < 0 || source_verify(m, &checked, NULL, &f->err) < 0)
		fail_msg("%s", f->err.text);
	assert_int_equal(checked, 2);
	assert_int_equal(m->disks.n, 1);
	d = &m->disks.v[0];
	assert_int_equal(d->capacity, 35 * MIB + 512);
	assert_int_equal(d->window_off, at);
	assert_int_equal(d->window_len, len);
	if (image_open_window(&f->folder, "web.ova", d->window_off, d->window_len, NULL, &b, &f->err) < 0)
		fail_msg("%s", f->err.text);
	assert_holds_file(f, b, "raw");
	block_close(b);
	machine_free(m);
	if (!have_qemu_img())
		return;
	snprintf(spec, sizeof spec,
		 "json:{\"driver\":\"vmdk\",\"file\":{\"driver\":\"raw\",\"offset\":%zu,\"size\":%" PRIu64
		 ",\"file\":{\"driver\":\"file\",\"filename\":\"%s\"}}}",
		 at, len, path);
	assert_int_equal(run_program("qemu-img", "compare", "-q", "-f", "raw", path_of(f, "raw"), spec, NULL), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, image_folder_setup, image_folder_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    TEST(test_round_trips),	  TEST(test_structures),
	    TEST(test_descriptor),	  TEST(test_writes_wait_for_the_mark),
	    TEST(test_memory_is_bounded), TEST(test_full_file_system),
	    TEST(test_what_is_refused),	  TEST(test_largest),
	    TEST(test_in_an_ova),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

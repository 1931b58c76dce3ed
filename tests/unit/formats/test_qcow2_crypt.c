/* Encrypted qcow2 images: made by qemu-img, opened with right, wrong and no keys; headers that lie. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <sys/stat.h>

#include "core/base/keys.h"
#include "formats/registry.h"
#include "tests/unit/formats/referee.h"
#include "tests/unit/formats/qcow2_fixture.h"

static void run(int status)
{
	assert_int_equal(status, 0);
}

static const char *secret_object(struct image_folder *f)
{
	static char text[300];

	put_text(f, "secret", "open sesame");
	snprintf(text, sizeof text, "secret,id=s,file=%s", path_of(f, "secret"));
	return text;
}

static const char *image_options(struct image_folder *f, const char *name)
{
	static char text[300];

	snprintf(text, sizeof text, "driver=qcow2,file.filename=%s,encrypt.key-secret=s", path_of(f, name));
	return text;
}

/* qemu-img measures how fast keys are derived here and gives up on a busy machine: then it is asked again. */
static void create(struct image_folder *f, const char *name, const char *encryption)
{
	char options[300];
	int status = -1;

	snprintf(options, sizeof options, "encrypt.key-secret=s,%s", encryption);
	for (int i = 0; status && i < 20; i++)
		status = run_program("qemu-img", "create", "-q", "--object", secret_object(f), "-f", "qcow2", "-o",
				     options, path_of(f, name), "4M", NULL);
	run(status);
}

static void io(struct image_folder *f, const char *name, const char *command)
{
	run(run_program("qemu-io", "--object", secret_object(f), "--image-opts", "-c", command, image_options(f, name),
			NULL));
}

/* What qemu reads, as the file `expected`. */
static void to_raw(struct image_folder *f, const char *name)
{
	run(run_program("qemu-img", "convert", "--object", secret_object(f), "--image-opts", "-O", "raw",
			image_options(f, name), path_of(f, "expected"), NULL));
}

static int open_with_key(struct image_folder *f, const char *name, const char *key, struct open_options options,
			 struct block **ret)
{
	AUTO(keys_done) struct keys keys = {0};
	struct folder folder = f->folder;

	if (key)
		run(keys_add(&keys, key, &f->err));
	options.keys = &keys;
	folder.options = &options;
	err_clear(&f->err);
	return image_open(&folder, name, NULL, NULL, ret, &f->err);
}

static struct block *open_key(struct image_folder *f, const char *name, const char *key)
{
	struct block *b = NULL;

	if (open_with_key(f, name, key, (struct open_options){.nallowed = 0}, &b) < 0)
		fail_msg("%s", f->err.text);
	return b;
}

static void refused(struct image_folder *f, const char *name, const char *key, enum err_code code, const char *text)
{
	struct block *b = NULL;

	assert_int_equal(open_with_key(f, name, key, (struct open_options){.nallowed = 0}, &b), -1);
	assert_non_null(strstr(f->err.text, text));
	assert_int_equal(f->err.code, code);
}

static void agrees_with_qemu(struct image_folder *f, const char *name)
{
	struct block *b = open_key(f, name, "all:key:open sesame");
	struct file_place place;

	/* What the kernel would copy is cipher text. */
	run(block_place(b, MIB, MIB, &place, &f->err));
	assert_int_equal(place.len, 0);
	to_raw(f, name);
	assert_holds_file(f, b, "expected");
	block_close(b);
}

static void write_some(struct image_folder *f, const char *name)
{
	io(f, name, "write -P 1 1M 100k");
	io(f, name, "write -P 2 2001k 3k");
	io(f, name, "write -z 3M 64k");
	io(f, name, "write -P 3 4193792 512");
}

/* iter-time is in ms; a second of benchmark goes before it, so few images are made and much is tried with each. */
static void test_luks_with_other_ciphers(void **state)
{
	static const char *const kinds[] = {
	    "encrypt.cipher-alg=aes-128,encrypt.cipher-mode=cbc,encrypt.ivgen-alg=essiv,"
	    "encrypt.ivgen-hash-alg=sha256,encrypt.hash-alg=sha512",
	    "encrypt.cipher-alg=aes-256,encrypt.cipher-mode=cbc,encrypt.ivgen-alg=plain64,encrypt.hash-alg=sha1",
	};
	struct image_folder *f = *state;
	char options[400];

	if (!have_qemu_img())
		skip();
	for (unsigned i = 0; i < 2; i++) {
		snprintf(options, sizeof options, "encrypt.format=luks,encrypt.iter-time=10,%s", kinds[i]);
		create(f, "x", options);
		write_some(f, "x");
		agrees_with_qemu(f, "x");
	}
}

static void test_tables_of_an_image_without_its_key(struct image_folder *f, const char *name)
{
	struct block *b = NULL;
	unsigned char data[512];
	struct extent e;

	run(open_with_key(f, name, NULL, (struct open_options){.tables_only = true}, &b));
	run(block_extent(b, MIB, 3 * MIB, &e, &f->err));
	assert_int_equal(e.kind, EXTENT_DATA);
	assert_int_equal(e.len, 128 * KIB);
	run(block_pread(b, data, sizeof data, 0, &f->err));
	assert_int_equal(block_pread(b, data, sizeof data, MIB, &f->err), -1);
	assert_string_equal(f->err.text, "qcow2 'x': disk offset 0x100000: the image is encrypted, and was opened "
					 "without a key");
	block_close(b);
}

/* The UUID stands at byte 168 of the LUKS header, which qemu puts at 0x40000. */
static void test_selectors(struct image_folder *f, const unsigned char *image, uint64_t luks)
{
	char key[128], text[256];

	snprintf(key, sizeof key, "%.36s:key:open sesame", (const char *)image + luks + 168);
	block_close(open_key(f, "x", key));
	block_close(open_key(f, "x", "x:key:open sesame"));
	snprintf(text, sizeof text,
		 "qcow2 'x': the image is encrypted (LUKS %.36s): --key all:file:FILE names its passphrase",
		 (const char *)image + luks + 168);
	refused(f, "x", "y:key:open sesame", ERR_BLOCKED, text);
	refused(f, "x", NULL, ERR_BLOCKED, text);
	refused(f, "x", "all:key:open sesam", ERR_BLOCKED, "the key given for it doesn't open it");
}

struct bend {
	unsigned at, bits;
	uint64_t value;
	enum err_code code;
	const char *text;
};

static void test_headers_that_lie(struct image_folder *f, unsigned char *image, size_t size, uint64_t luks)
{
	static const struct bend bends[] = {
	    {0, 32, 0, ERR_CORRUPT, "LUKS header: there is none at 0x40000"},
	    {6, 16, 2, ERR_UNSUPPORTED, "LUKS header: version 2, 1 is read"},
	    {8, 32, 0x74776f66, ERR_UNSUPPORTED,
	     "LUKS header: cipher 'twof-xts-plain64': aes-xts-plain64, aes-cbc-plain64 and aes-cbc-essiv:sha256 are "
	     "read"},
	    {40, 32, 0x6563620a, ERR_UNSUPPORTED, "LUKS header: cipher 'aes-ecb?plain64'"},
	    {72, 32, 0x6d643500, ERR_UNSUPPORTED, "LUKS header: hash 'md5': sha1, sha256 and sha512 are read"},
	    {108, 32, 0xffffffff, ERR_CORRUPT, "LUKS header: a key of 4294967295 bytes for cipher 'aes-xts-plain64'"},
	    {108, 32, 0, ERR_CORRUPT, "LUKS header: a key of 0 bytes for cipher 'aes-xts-plain64'"},
	    {164, 32, 0xffffffff, ERR_CORRUPT,
	     "LUKS header: the key's digest takes 4294967295 iterations, 1 to 100000000 are possible"},
	    {208, 32, 1, ERR_CORRUPT, "LUKS header: key slot 0 has the state 0x00000001"},
	    {212, 32, 0, ERR_CORRUPT, "LUKS header: key slot 0 takes 0 iterations, 1 to 100000000 are possible"},
	    {248, 32, 0xffffffff, ERR_CORRUPT, "LUKS header: key slot 0 has its key material at 0x1fffffffe00"},
	    {252, 32, 0xffffffff, ERR_CORRUPT, "LUKS header: key slot 0 has 4294967295 stripes, 4000 are possible"},
	    /* No slot, no way. */
	    {208, 32, 0xdead, ERR_BLOCKED, "the key given for it doesn't open it"},
	};

	for (unsigned i = 0; i < sizeof bends / sizeof *bends; i++) {
		unsigned char kept[4], *at = image + luks + bends[i].at;

		memcpy(kept, at, sizeof kept);
		if (bends[i].bits == 16)
			put_be16(at, (uint16_t)bends[i].value);
		else
			put_be32(at, (uint32_t)bends[i].value);
		put_file(f, "x", image, size);
		refused(f, "x", "all:key:open sesame", bends[i].code, bends[i].text);
		memcpy(at, kept, sizeof kept);
	}
	put_file(f, "x", image, size);
}

static void test_luks(void **state)
{
	struct image_folder *f = *state;
	AUTO_FREE unsigned char *image = NULL;
	struct block *b = NULL;
	struct stat st;

	if (!have_qemu_img())
		skip();
	create(f, "x", "encrypt.format=luks,encrypt.iter-time=10");
	write_some(f, "x");
	agrees_with_qemu(f, "x");
	test_tables_of_an_image_without_its_key(f, "x");
	run(fstatat(f->folder.dirfd, "x", &st, 0));
	image = slurp(f, "x", (uint64_t)st.st_size);
	test_selectors(f, image, 0x40000);
	test_headers_that_lie(f, image, (size_t)st.st_size, 0x40000);
	/* An internal snapshot is encrypted by the same key. */
	to_raw(f, "x");
	run(run_program("qemu-img", "snapshot", "--object", secret_object(f), "--image-opts", "-c", "s",
			image_options(f, "x"), NULL));
	io(f, "x", "write -P 9 0 4M");
	run(open_with_key(f, "x", "all:key:open sesame", (struct open_options){.snapshot = "s"}, &b));
	assert_holds_file(f, b, "expected");
	block_close(b);
	agrees_with_qemu(f, "x");
}

static int open_with_two(struct image_folder *f, const char *name, const char *first, const char *second,
			 bool tables_only, struct block **ret)
{
	AUTO(keys_done) struct keys keys = {0};
	struct open_options options = {.keys = &keys, .tables_only = tables_only};
	struct folder folder = f->folder;

	run(keys_add(&keys, first, &f->err));
	run(keys_add(&keys, second, &f->err));
	folder.options = &options;
	err_clear(&f->err);
	return image_open(&folder, name, NULL, NULL, ret, &f->err);
}

/* A wrong key opens the image, too: the user is told, and has to say which. */
static void test_keys_that_aes_cannot_check(struct image_folder *f, const char *name)
{
	static const char refusal[] =
	    "qcow2 'x': the image is encrypted (AES): more than one key is given for it, and AES "
	    "can't tell which is right";
	static const char warning[] =
	    "qcow2 'x' is encrypted (AES): its key can't be verified, with a wrong one what is read is noise\n";
	struct block *b = NULL;

	f->log[0] = '\0';
	assert_int_equal(open_with_two(f, name, "all:key:wrong", "x:key:open sesame", false, &b), -1);
	assert_int_equal(f->err.code, ERR_USAGE);
	assert_string_equal(f->err.text, refusal);
	assert_int_equal(open_with_two(f, name, "all:key:open sesame", "all:key:open sesam", false, &b), -1);
	assert_string_equal(f->log, "");
	run(open_with_two(f, name, "y:key:wrong", "x:key:open sesame", false, &b));
	assert_string_equal(f->log, warning);
	assert_holds_file(f, b, "expected");
	block_close(b);
	run(open_with_two(f, name, "all:key:open sesame", "x:key:open sesame", false, &b));
	block_close(b);
	/* Nothing will be decrypted. */
	f->log[0] = '\0';
	run(open_with_two(f, name, "all:key:wrong", "x:key:open sesame", true, &b));
	assert_string_equal(f->log, "");
	block_close(b);
}

static void test_aes(void **state)
{
	struct image_folder *f = *state;

	if (!have_qemu_img())
		skip();
	create(f, "x", "encrypt.format=aes");
	write_some(f, "x");
	agrees_with_qemu(f, "x");
	refused(f, "x", NULL, ERR_BLOCKED,
		"qcow2 'x': the image is encrypted (AES): --key all:file:FILE names its passphrase");
	test_keys_that_aes_cannot_check(f, "x");
	test_tables_of_an_image_without_its_key(f, "x");
}

static void test_what_encryption_excludes(void **state)
{
	struct image_folder *f = *state;
	unsigned char *image = make_image(0);
	struct block *b;

	put_be32(image + QCOW2_H_CRYPT_METHOD, QCOW2_CRYPT_LUKS);
	put_file(f, "x", image, FILE_END);
	open_fails(f, "x", ERR_CORRUPT, "qcow2 'x': header: encrypted by LUKS, without a LUKS header");
	put_be32(image + EXT_AT, QCOW2_EXT_LUKS_HEADER);
	put_be32(image + EXT_AT + 4, 16);
	put_be64(image + EXT_AT + 8, DATA_AT);
	put_be64(image + EXT_AT + 16, 0x20000);
	put_file(f, "x", image, FILE_END);
	open_fails(f, "x", ERR_CORRUPT, "qcow2 'x': LUKS header: 131072 bytes at 0x30000: the file ends at 0x40000");
	put_be32(image + QCOW2_H_CRYPT_METHOD, QCOW2_CRYPT_AES);
	put_be64(image + QCOW2_H_SIZE, MIB - 1);
	put_file(f, "x", image, FILE_END);
	open_fails(f, "x", ERR_CORRUPT, "qcow2 'x': header: an encrypted disk of 1048575 bytes, not of whole sectors");
	put_be64(image + QCOW2_H_SIZE, MIB);
	put_be64(image + L2_AT, qcow2_compressed_entry(16, DATA_AT, 100));
	put_file(f, "x", image, FILE_END);
	b = open_key(f, "x", "all:key:1");
	assert_int_equal(block_pread(b, image, 512, 0, &f->err), -1);
	assert_non_null(strstr(f->err.text, "compressed, in an encrypted image"));
	block_close(b);
	free(image);
}

#define IN_A_FOLDER(test) cmocka_unit_test_setup_teardown(test, image_folder_setup, image_folder_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    IN_A_FOLDER(test_luks),
	    IN_A_FOLDER(test_luks_with_other_ciphers),
	    IN_A_FOLDER(test_aes),
	    IN_A_FOLDER(test_what_encryption_excludes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

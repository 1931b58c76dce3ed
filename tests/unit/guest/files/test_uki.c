/* Tests of guest/files/uki.c on a PE image of two sections. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "guest/files/uki.h"

enum { PE = 0x80, TABLE = PE + 24 + 16, SIZE = 0x400 };

static void put32(uint8_t *at, uint32_t v)
{
	for (unsigned k = 0; k < 4; k++)
		at[k] = (uint8_t)(v >> 8 * k);
}

static void section(uint8_t *row, const char *name, uint32_t size, uint32_t raw, uint32_t offset)
{
	memcpy(row, name, strlen(name));
	put32(row + 8, size);
	put32(row + 16, raw);
	put32(row + 20, offset);
}

static void image(uint8_t data[SIZE])
{
	memset(data, 0, SIZE);
	memcpy(data, "MZ", 2);
	put32(data + 0x3c, PE);
	memcpy(data + PE, "PE", 2);
	data[PE + 6] = 2;
	data[PE + 20] = 16;
	section(data + TABLE, ".uname", 6, 0x100, 0x200);
	section(data + TABLE + 40, ".initrd", 0x80, 0x80, 0x300);
	memcpy(data + 0x200, "6.1.0\n", 6);
}

static void test_sections(void **state)
{
	struct err err = ERR_INIT;
	struct uki_section s;
	uint8_t data[SIZE];

	image(data);
	assert_int_equal(uki_section(data, SIZE, ".uname", &s, &err), 0);
	assert_int_equal(s.offset, 0x200);
	assert_int_equal(s.length, 6);
	assert_int_equal(uki_section(data, SIZE, ".initrd", &s, &err), 0);
	assert_int_equal(s.offset, 0x300);
	assert_int_equal(s.length, 0x80);
	assert_int_equal(uki_section(data, SIZE, ".init", &s, &err), 0);
	assert_int_equal(s.length, 0);
}

static void fails(const uint8_t *data, size_t len, const char *message)
{
	struct err err = ERR_INIT;
	struct uki_section s;

	assert_int_equal(uki_section(data, len, ".initrd", &s, &err), -1);
	assert_string_equal(err.text, message);
}

static void test_damage(void **state)
{
	uint8_t data[SIZE];

	image(data);
	fails(data, 3, "is no PE image: begins without 'MZ'");
	fails(data, PE + 23, "PE header at 0x80: missing or outside of 151 bytes");
	fails(data, TABLE + 79, "section table at 0xa8: 2 sections don't fit 247 bytes");
	fails(data, 0x37f, "section '.initrd' at 0x300: 128 bytes, but the file ends at 0x37f");
	put32(data + TABLE + 40 + 20, 0xffffffff);
	fails(data, SIZE, "section '.initrd' at 0xffffffff: 128 bytes, but the file ends at 0x400");
	put32(data + 0x3c, 0xfffffff0);
	fails(data, SIZE, "PE header at 0xfffffff0: missing or outside of 1024 bytes");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_sections),
	    cmocka_unit_test(test_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

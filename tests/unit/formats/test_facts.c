/* What `rehost info` tells of an image from its headers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/bytes.h"
#include "formats/facts.h"
#include "formats/registry.h"
#include "formats/vdi_header.h"
#include "tests/fuzz/memory_block.h"

/* The creator's line is the first of the file; the header's numbers begin behind its 64 bytes. */
static void the_creator_of_a_vdi_ends_with_its_line_or_at_64_bytes(void **state)
{
	unsigned char d[VDI_HEADER_BYTES + 512];
	struct block *file = memory_block_new(d, sizeof d);
	struct open_args args = {.file = file, .name = "x"};
	struct image_facts f;

	memset(d, 0xff, sizeof d);
	memset(d, 'c', 64);
	format_facts(&format_vdi, &args, &f, NULL);
	assert_string_equal(f.creator, "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc");
	memcpy(d, "<<< maker >>>\nmore", 18);
	format_facts(&format_vdi, &args, &f, NULL);
	assert_string_equal(f.creator, "<<< maker >>>");
	block_close(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_creator_of_a_vdi_ends_with_its_line_or_at_64_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

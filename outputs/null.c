/* -o null: the whole conversion is done and thrown away, to try it or to measure. */
#include "outputs/null.h"

/* The description is made all the same, so that what would fail there fails here. */
static int write_nothing(const struct output_job *job, struct err *err)
{
	AUTO(buf_done) struct buf xml = BUF_INIT(4 << 20);

	return libvirt_xml(job, &xml, err);
}

const struct output output_null = {
    .name = "null",
    .description = "convert and copy, keep nothing",
    .write = write_nothing,
};

/* -o local: NAME.xml beside the disks. */
#include "outputs/local.h"

#include <stdio.h>

#include "core/base/file.h"

enum { XML_MAX = 4 << 20 /* a disk takes 600 bytes, and there are at most 256 */ };

static int write_xml(const struct output_job *job, struct err *err)
{
	AUTO(buf_done) struct buf xml = BUF_INIT(XML_MAX);
	char name[128];

	snprintf(name, sizeof name, "%.100s.xml", job->name);
	if (libvirt_xml(job, &xml, err) < 0)
		return err_wrap(err, "'%s'", name);
	return file_replace(job->dirfd, name, buf_str(&xml), xml.len, 0644, err);
}

const struct output output_local = {
    .name = "local",
    .description = "a folder with the disks and NAME.xml for libvirt (virsh define)",
    .write = write_xml,
};

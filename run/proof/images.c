/* A domain's disk images, before qemu opens them. */
#include "run/proof/images.h"

#include <string.h>

#include "core/model/machine.h"
#include "run/io_client.h"

static void add_image(struct machine *m, const struct domain_disk *from)
{
	const char *slash = strrchr(from->source, '/'); /* the source is an absolute path */
	struct disk *d = vec_push(&m->arena, &m->disks);

	d->folder = slash > from->source ? arena_strndup(&m->arena, from->source, (size_t)(slash - from->source))
					 : arena_strdup(&m->arena, "/");
	d->file = arena_strdup(&m->arena, slash + 1);
	d->format = arena_strdup(&m->arena, from->format);
}

int proof_open_images(const struct domain *d, const char *const *allow_parent, struct err *err)
{
	AUTO(machine_freep) struct machine *m = machine_new();
	AUTO(io_stopp) struct io_client *io = NULL;
	struct io_options options = {.machine = m, .rules = {.allow_parent = allow_parent, .tables_only = true}};

	if (!m)
		return err_nomem(err);
	VEC_FOR (disk, &d->disks)
		if (disk->source && !disk->cdrom && strcmp(disk->format, "raw") != 0)
			add_image(m, disk);
	return m->disks.n ? io_start(&options, &io, err) : 0;
}

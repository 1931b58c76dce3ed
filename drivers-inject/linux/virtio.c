/* Which virtio a kernel speaks. */
#include "drivers-inject/linux/virtio.h"

#include <stdlib.h>
#include <string.h>

/* The parameter "force_legacy" makes a driver that knows virtio 1.0 behave as before; distributions that took 1.0 into
 * older kernels took it along. */
static const char evidence[] = "force_legacy";

int virtio_is_modern(struct graft_plan *p, bool *ret, struct err *err)
{
	const struct module *module = modules_find(p->modules, "virtio_pci");
	AUTO(buf_done) struct buf content = {0};
	unsigned long major, minor;
	char *end;

	major = strtoul(p->kernel->version, &end, 10);
	minor = *end == '.' ? strtoul(end + 1, NULL, 10) : 0;
	*ret = major > 4 || (major == 4 && minor >= 1);
	if (*ret || !module)
		return 0;
	if (graft_read_module(p, module->path, &content, err) < 0)
		return -1;
	*ret = memmem(buf_str(&content), content.len, evidence, sizeof evidence - 1) != NULL;
	return 0;
}

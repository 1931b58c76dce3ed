/* The source's manifest, verified in a thread of its own while the appliance works. */
#include "run/manifest_check.h"

#include <pthread.h>

#include "sources/source.h"

struct manifest_check {
	pthread_t thread;
	const struct machine *machine;
	volatile bool stop;
	unsigned checked;
	int ret;
	struct err err;
};

static void *verify(void *opaque)
{
	struct manifest_check *c = opaque;

	c->ret = source_verify(c->machine, &c->checked, &c->stop, &c->err);
	return NULL;
}

struct manifest_check *manifest_check_start(const struct machine *m, struct err *err)
{
	struct manifest_check *c = calloc(1, sizeof *c);

	if (!c) {
		err_nomem(err);
		return NULL;
	}
	c->machine = m;
	if (pthread_create(&c->thread, NULL, verify, c) == 0)
		return c;
	free(c);
	return err_null(err, ERR_INTERNAL, "cannot start a thread");
}

int manifest_check_join(struct manifest_check *c, unsigned *ret_checked, struct err *err)
{
	int ret;

	pthread_join(c->thread, NULL);
	ret = c->ret;
	*ret_checked = c->checked;
	if (ret < 0 && err)
		*err = c->err;
	free(c);
	return ret;
}

void manifest_check_cancel(struct manifest_check *c)
{
	unsigned checked;

	if (!c)
		return;
	c->stop = true;
	manifest_check_join(c, &checked, NULL);
}

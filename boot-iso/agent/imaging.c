/* The machine's disks shown to the conversion host. */
#include "boot-iso/agent/imaging.h"

#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

#include "boot-iso/agent/inventory.h"
#include "boot-iso/agent/rate.h"
#include "core/base/cleanup.h"
#include "core/base/units.h"
#include "formats/open.h"
#include "net/dial.h"

struct imaging {
	struct console *console;
	struct block *disks[DIAL_DISKS_MAX];
	size_t ndisks;
	struct rate rate;
	enum dial_state shown;
	char text[256]; /* the host's last sentence */
	atomic_bool cancel;
};

/* The kernel refuses writes to it from now on, whoever asks. */
static int open_disk(const char *name, struct block **ret, struct err *err)
{
	char path[64];
	int fd, read_only = 1;

	snprintf(path, sizeof path, "/dev/%.50s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, ERR_UNREADABLE, "cannot open the disk '%s'", path);
	if (ioctl(fd, BLKROSET, &read_only) < 0 || file_block_open(fd, name, ret, err) < 0) {
		close(fd);
		return err->code ? -1 : err_sys(err, ERR_HOST, "cannot make the disk '%s' read-only", path);
	}
	return 0;
}

static int open_disks(struct imaging *im, const struct hardware *h, struct err *err)
{
	VEC_FOR (d, &h->disks) {
		if (d->left_out)
			continue;
		if (im->ndisks == DIAL_DISKS_MAX)
			return err_set(err, ERR_UNSUPPORTED, "more than %d disks", DIAL_DISKS_MAX);
		if (open_disk(d->name, &im->disks[im->ndisks], err) < 0)
			return -1;
		im->ndisks++;
	}
	return 0;
}

static void imaging_done(struct imaging *im)
{
	for (size_t i = 0; i < im->ndisks; i++)
		block_close(im->disks[i]);
}

static void show_copy(struct imaging *im, const struct dial_progress *p)
{
	char done[SIZE_WORDS_MAX], total[SIZE_WORDS_MAX], speed[SIZE_WORDS_MAX], left[32];
	double rate = rate_now(&im->rate);

	rate_left(rate, p->total - p->done, left, sizeof left);
	console_status(im->console, "%3" PRIu64 " %%  %s of %s, %s/s%s%s", p->done * 100 / p->total,
		       size_in_words(p->done, done), size_in_words(p->total, total),
		       size_in_words((uint64_t)rate, speed), *left ? ", still " : "", left);
}

static void show_reading(struct imaging *im, const struct dial_progress *p)
{
	char read[SIZE_WORDS_MAX];

	console_status(im->console, "%s, %s sent", dial_state_name(p->state), size_in_words(p->read, read));
}

static void progress(const struct dial_progress *p, void *opaque)
{
	struct imaging *im = opaque;
	char answer[ANSWER_MAX];
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	rate_add(&im->rate, (double)now.tv_sec + (double)now.tv_nsec / 1e9, p->read);
	if (p->state != im->shown || strncmp(p->text, im->text, sizeof im->text - 1) != 0) {
		console_say(im->console, "%s%s%s", dial_state_name(p->state), *p->text ? ": " : "", p->text);
		im->shown = p->state;
		snprintf(im->text, sizeof im->text, "%s", p->text);
	}
	if (p->state == DIAL_CONVERTING && p->total && p->done <= p->total)
		show_copy(im, p);
	else if (p->state == DIAL_CONVERTING)
		show_reading(im, p);
	if (console_typed(im->console, answer) && !strcmp(answer, "c"))
		atomic_store(&im->cancel, true);
}

int imaging_run(const struct settings *s, const struct hardware *h, struct console *c, struct err *err)
{
	AUTO(imaging_done) struct imaging im = {.console = c};
	AUTO(js_freep) struct json *inventory = inventory_json(h, s->name);
	struct dial_options o = {.server = s->server,
				 .token = s->token,
				 .inventory = inventory,
				 .disks = im.disks,
				 .progress = progress,
				 .opaque = &im,
				 .cancel = &im.cancel};

	if (open_disks(&im, h, err) < 0)
		return -1;
	o.ndisks = im.ndisks;
	console_say(c, "Dialling %s; c and Enter cancel.", s->server);
	return dial_run(&o, err);
}

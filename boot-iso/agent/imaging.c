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
#include <unistd.h>

#include "boot-iso/agent/inventory.h"
#include "boot-iso/agent/rate.h"
#include "boot-iso/agent/watched.h"
#include "core/base/checked.h"
#include "core/base/cleanup.h"
#include "core/base/units.h"
#include "formats/open.h"
#include "net/dial.h"

struct shown_disk {
	const char *name;
	struct block *block;
	struct rate read, place;
};

struct imaging {
	struct uis *uis;
	struct screen screen, question;
	struct shown_disk disks[DIAL_DISKS_MAX];
	size_t ndisks;
	struct rate rate; /* of the copy on the host */
	enum dial_state shown;
	char text[256];	 /* the host's last sentence */
	bool copying;	 /* the host has begun to */
	bool cancelling; /* the user is asked whether he means it */
	atomic_bool cancel;
};

/* ---- disks ---- */

/* The kernel refuses writes to it from now on, whoever asks. */
static int open_disk(const char *root, const char *name, bool live, struct block **ret, struct err *err)
{
	AUTO(block_closep) struct block *disk = NULL;
	char path[4096];
	int fd, read_only = 1;

	snprintf(path, sizeof path, "%s/dev/%.50s", root, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, ERR_UNREADABLE, "cannot open the disk '%s'", path);
	if ((live && ioctl(fd, BLKROSET, &read_only) < 0) || file_block_open(fd, name, &disk, err) < 0) {
		close(fd);
		return err->code ? -1 : err_sys(err, ERR_HOST, "cannot make the disk '%s' read-only", path);
	}
	*ret = watched_new(take_ptr(&disk));
	return *ret ? 0 : err_nomem(err);
}

static int open_disks(struct imaging *im, const struct hardware *h, const char *root, bool live, struct err *err)
{
	VEC_FOR (d, &h->disks) {
		struct shown_disk *next = &im->disks[im->ndisks];

		if (d->left_out)
			continue;
		if (im->ndisks == DIAL_DISKS_MAX)
			return err_set(err, ERR_UNSUPPORTED, "more than %d disks", DIAL_DISKS_MAX);
		if (open_disk(root, d->name, live, &next->block, err) < 0)
			return -1;
		next->name = d->name;
		im->ndisks++;
	}
	return 0;
}

static void imaging_done(struct imaging *im)
{
	for (size_t i = 0; i < im->ndisks; i++)
		block_close(im->disks[i].block);
	screen_done(&im->screen);
	screen_done(&im->question);
}

/* ---- what is shown ---- */

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static unsigned thousandths(uint64_t part, uint64_t whole)
{
	return whole ? (unsigned)((double)min_u64(part, whole) * 1000 / (double)whole) : 0;
}

/* ", 12.0 MiB/s, still 3 min", as far as it is known; left: what there is still to do at the rate of done, 0 unknown.
 */
static void pace(const struct rate *sent, const struct rate *done, uint64_t left, char *ret, size_t size)
{
	char speed[SIZE_WORDS_MAX], time[32] = "";

	*ret = '\0';
	if (rate_now(sent) < 1)
		return;
	if (left)
		rate_left(rate_now(done), left, time, sizeof time);
	snprintf(ret, size, ", %s/s%s%s", size_in_words((uint64_t)rate_now(sent), speed), *time ? ", still " : "",
		 time);
}

/* All of it: the host knows how much it copies. */
static void add_copy(struct imaging *im, const struct dial_progress *p)
{
	char done[SIZE_WORDS_MAX], total[SIZE_WORDS_MAX], rest[80], words[160];

	if (!p->total || p->done > p->total) {
		snprintf(words, sizeof words, "%s, %s sent", dial_state_name(p->state), size_in_words(p->read, done));
	} else {
		pace(&im->rate, &im->rate, p->total - p->done, rest, sizeof rest);
		snprintf(words, sizeof words, "%s of %s%s", size_in_words(p->done, done),
			 size_in_words(p->total, total), rest);
	}
	screen_add_bar(&im->screen, "Copy", thousandths(p->done, p->total), words);
}

/* One disk: its bar is where the copy reads, which skips what isn't used. */
static void add_disk(struct imaging *im, const struct shown_disk *d)
{
	char label[48], words[128], size[SIZE_WORDS_MAX], read[SIZE_WORDS_MAX], rest[80];
	uint64_t place = im->copying ? min_u64(watched_place(d->block), d->block->size) : 0;

	snprintf(label, sizeof label, "%.20s %s", d->name, size_in_words(d->block->size, size));
	pace(&d->read, &d->place, im->copying ? d->block->size - place : 0, rest, sizeof rest);
	snprintf(words, sizeof words, "%s read%s", size_in_words(watched_read(d->block), read), rest);
	screen_add_bar(&im->screen, label, thousandths(place, d->block->size), words);
}

static void make_screen(struct imaging *im, const struct dial_progress *p)
{
	char text[512];

	snprintf(text, sizeof text, "The host is %s%s%s.\nA lost connection is dialled again until the host is back.",
		 dial_state_name(p->state), *p->text ? ": " : "", p->text);
	screen_begin(&im->screen, "Imaging this machine", text);
	add_copy(im, p);
	for (size_t i = 0; i < im->ndisks; i++)
		add_disk(im, &im->disks[i]);
	screen_add_button(&im->screen, "Cancel");
}

/* What was read until now wasn't in order. */
static void begin_copy(struct imaging *im)
{
	im->rate = (struct rate){0};
	for (size_t i = 0; i < im->ndisks; i++) {
		watched_rewind(im->disks[i].block);
		im->disks[i].place = (struct rate){0};
	}
}

static void measure(struct imaging *im, const struct dial_progress *p)
{
	double now = seconds();

	if (p->total && !im->copying)
		begin_copy(im);
	im->copying = p->total > 0;
	rate_add(&im->rate, now, p->total ? p->done : p->read);
	for (size_t i = 0; i < im->ndisks; i++) {
		rate_add(&im->disks[i].read, now, watched_read(im->disks[i].block));
		rate_add(&im->disks[i].place, now, watched_place(im->disks[i].block));
	}
}

/* What the log of a console should have; the screen shows it anyway. */
static void say_state(struct imaging *im, const struct dial_progress *p)
{
	if (p->state == im->shown && !strncmp(p->text, im->text, sizeof im->text - 1))
		return;
	uis_say(im->uis, "%s%s%s", dial_state_name(p->state), *p->text ? ": " : "", p->text);
	im->shown = p->state;
	snprintf(im->text, sizeof im->text, "%s", p->text);
}

/* Cancel was pressed: the copy goes on while the user is asked. */
static void ask_cancel(struct imaging *im)
{
	screen_begin(
	    &im->question, "Cancel?",
	    "The conversion on the host ends. What is copied is kept: it goes on when this machine dials again.");
	screen_add_button(&im->question, "Go on");
	screen_add_button(&im->question, "Cancel it");
	uis_show(im->uis, &im->question);
	im->cancelling = true;
}

static void progress(const struct dial_progress *p, void *opaque)
{
	struct imaging *im = opaque;
	int button;

	measure(im, p);
	say_state(im, p);
	if (!im->cancelling) {
		make_screen(im, p);
		uis_show(im->uis, &im->screen);
	}
	button = uis_wait(im->uis, im->cancelling ? &im->question : &im->screen, 0);
	if (button < 0)
		return;
	if (im->cancelling && button == 1)
		atomic_store(&im->cancel, true);
	if (im->cancelling)
		im->cancelling = false;
	else
		ask_cancel(im);
}

int imaging_run(const struct settings *s, const struct hardware *h, const char *root, bool live, struct uis *u,
		struct err *err)
{
	AUTO(imaging_done) struct imaging im = {.uis = u};
	AUTO(js_freep) struct json *inventory = inventory_json(h, s->name);
	struct block *blocks[DIAL_DISKS_MAX];
	struct dial_options o = {.server = s->server,
				 .token = s->token,
				 .inventory = inventory,
				 .disks = blocks,
				 .progress = progress,
				 .opaque = &im,
				 .cancel = &im.cancel};
	int ret;

	if (open_disks(&im, h, root, live, err) < 0)
		return -1;
	for (size_t i = 0; i < im.ndisks; i++)
		blocks[i] = im.disks[i].block;
	o.ndisks = im.ndisks;
	uis_say(u, "Dialling %s.", s->server);
	ret = dial_run(&o, err);
	uis_show(u, NULL);
	return ret;
}

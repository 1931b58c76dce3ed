/* Disks that are read, and the screen that shows how far they are. */
#include "boot-iso/agent/shown.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "boot-iso/agent/watched.h"
#include "core/base/checked.h"
#include "core/base/cleanup.h"
#include "core/base/clock.h"
#include "core/base/units.h"
#include "formats/open.h"

/* ---- disks ---- */

static int open_device(const char *path, enum shown_machine machine, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | (machine == SHOWN_RUNNING ? O_EXCL : 0)), read_only = 1;

	if (fd < 0 && errno == EBUSY)
		return err_set(
		    err, ERR_BLOCKED,
		    "the disk '%s' is in use (mounted, swap, part of LVM or RAID): an image of it would not be "
		    "of one moment; boot the live ISO",
		    path);
	if (fd < 0)
		return err_sys(err, ERR_UNREADABLE, "cannot open the disk '%s'", path);
	if (machine != SHOWN_OURS || ioctl(fd, BLKROSET, &read_only) == 0)
		return fd;
	close(fd);
	return err_sys(err, ERR_HOST, "cannot make the disk '%s' read-only", path);
}

static int open_disk(const char *root, const char *name, enum shown_machine machine, struct block **ret,
		     struct err *err)
{
	AUTO(block_closep) struct block *disk = NULL;
	char path[4096];
	AUTO_FD int fd = -1;
	int size_fd;

	snprintf(path, sizeof path, "%s/dev/%.50s", root, name);
	fd = open_device(path, machine, err);
	if (fd < 0 || file_block_open(fd, name, &disk, err) < 0)
		return -1;
	size_fd = fcntl(take_fd(&fd), F_DUPFD_CLOEXEC, 0);
	if (size_fd < 0)
		return err_sys(err, ERR_INTERNAL, "cannot duplicate a descriptor");
	*ret = watched_new(take_ptr(&disk), size_fd, open(path, O_RDONLY | O_DIRECT | O_CLOEXEC));
	return *ret ? 0 : err_nomem(err);
}

int shown_open(struct shown *s, const struct hardware *h, const char *root, enum shown_machine machine, struct err *err)
{
	VEC_FOR (d, &h->disks) {
		struct shown_disk *next = &s->disks[s->ndisks];

		if (d->left_out)
			continue;
		if (s->ndisks == DIAL_DISKS_MAX)
			return err_set(err, ERR_UNSUPPORTED, "more than %d disks", DIAL_DISKS_MAX);
		if (open_disk(root, d->name, machine, &next->block, err) < 0)
			return -1;
		next->name = d->name;
		s->ndisks++;
	}
	return 0;
}

void shown_done(struct shown *s)
{
	for (size_t i = 0; i < s->ndisks; i++)
		block_close(s->disks[i].block);
	screen_done(&s->screen);
	screen_done(&s->question);
}

/* ---- what is shown ---- */

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

/* All of it. */
static void add_copy(struct shown *s, uint64_t done, uint64_t total, const char *instead)
{
	char done_words[SIZE_WORDS_MAX], total_words[SIZE_WORDS_MAX], rest[80], words[160];

	if (!total || done > total) {
		screen_add_bar(&s->screen, "Copy", 0, instead);
		return;
	}
	pace(&s->rate, &s->rate, total - done, rest, sizeof rest);
	snprintf(words, sizeof words, "%s of %s%s", size_in_words(done, done_words), size_in_words(total, total_words),
		 rest);
	screen_add_bar(&s->screen, "Copy", thousandths(done, total), words);
}

/* One disk: its bar is where the copy reads, which skips what isn't used. */
static void add_disk(struct shown *s, const struct shown_disk *d)
{
	char label[48], words[128], size[SIZE_WORDS_MAX], read[SIZE_WORDS_MAX], rest[80];
	uint64_t place = s->copying ? min_u64(watched_place(d->block), d->block->size) : 0;

	snprintf(label, sizeof label, "%.20s %s", d->name, size_in_words(d->block->size, size));
	pace(&d->read, &d->place, s->copying ? d->block->size - place : 0, rest, sizeof rest);
	snprintf(words, sizeof words, "%s read%s", size_in_words(watched_read(d->block), read), rest);
	screen_add_bar(&s->screen, label, thousandths(place, d->block->size), words);
}

void shown_add_bars(struct shown *s, uint64_t done, uint64_t total, const char *words)
{
	add_copy(s, done, total, words);
	for (size_t i = 0; i < s->ndisks; i++)
		add_disk(s, &s->disks[i]);
}

/* What was read until now wasn't in order. */
static void begin_copy(struct shown *s)
{
	s->rate = (struct rate){0};
	for (size_t i = 0; i < s->ndisks; i++) {
		watched_rewind(s->disks[i].block);
		s->disks[i].place = (struct rate){0};
	}
}

void shown_measure(struct shown *s, uint64_t done, uint64_t total, uint64_t read)
{
	double now = clock_seconds();

	if (total && !s->copying)
		begin_copy(s);
	s->copying = total > 0;
	rate_add(&s->rate, now, total ? done : read);
	for (size_t i = 0; i < s->ndisks; i++) {
		rate_add(&s->disks[i].read, now, watched_read(s->disks[i].block));
		rate_add(&s->disks[i].place, now, watched_place(s->disks[i].block));
	}
}

/* Cancel was pressed. */
static void ask_cancel(struct shown *s)
{
	screen_begin(&s->question, "Cancel?", s->warning);
	screen_add_button(&s->question, "Go on");
	screen_add_button(&s->question, "Cancel it");
	uis_show(s->uis, &s->question);
	s->asking = true;
}

void shown_hear(struct shown *s)
{
	int button;

	if (!s->asking)
		uis_show(s->uis, &s->screen);
	button = uis_wait(s->uis, s->asking ? &s->question : &s->screen, 0);
	if (button < 0)
		return;
	if (!s->asking) {
		ask_cancel(s);
		return;
	}
	s->asking = false;
	if (button == 1)
		atomic_store(&s->cancel, true);
}

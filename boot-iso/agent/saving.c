/* The machine's disks written as images, by the copy engine and the journal that conversions have. */
#include "boot-iso/agent/saving.h"

#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "boot-iso/agent/inventory.h"
#include "boot-iso/agent/target.h"
#include "boot-iso/agent/watched.h"
#include "core/base/checked.h"
#include "core/base/cleanup.h"
#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/base/hash.h"
#include "core/base/units.h"
#include "formats/qcow2.h"
#include "formats/sample.h"
#include "run/copy.h"
#include "run/journal.h"
#include "run/partial.h"
#include "sources/physical.h"

#define FAT_FILE_MAX ((UINT64_C(4) << 30) - 1)

enum {
	IMAGE_NAME_MAX = 16, /* "disk64.qcow2" */
	SHOW_MS = 100,
	PLACES_TOLD = 128, /* unreadable ones of a disk that the inventory lists: 64 disks' are under half a MiB */
};

struct saving {
	struct shown shown;
	const struct settings *settings;
	struct partial *partial;
	struct journal *journal;
	uint64_t before, total; /* bytes of the disks that are done; of all */
	struct copy_result results[DIAL_DISKS_MAX];
	bool resumed;
	uint64_t shown_at; /* ms */
};

static void forget_results(struct saving *s)
{
	s->before = 0;
	for (size_t i = 0; i < s->shown.ndisks; i++)
		copy_result_done(&s->results[i]);
}

static void saving_done(struct saving *s)
{
	forget_results(s);
	journal_close(s->journal);
	partial_close(s->partial);
	shown_done(&s->shown);
}

static void image_name(size_t disk, char name[IMAGE_NAME_MAX])
{
	snprintf(name, IMAGE_NAME_MAX, "disk%zu.qcow2", disk + 1);
}

/* ---- what the screen shows ---- */

static void show(struct saving *s, uint64_t done, uint64_t total, const char *title, const char *text)
{
	shown_measure(&s->shown, done, total, done);
	if (!s->shown.asking) {
		screen_begin(&s->shown.screen, title, text);
		shown_add_bars(&s->shown, done, total, "");
		screen_add_button(&s->shown.screen, "Cancel");
	}
	shown_hear(&s->shown);
}

static void show_comparing(struct saving *s, uint64_t done, uint64_t total)
{
	if (clock_ms() - s->shown_at < SHOW_MS)
		return;
	s->shown_at = clock_ms();
	show(s, done, total, "Comparing what is written with this machine",
	     "Where the machine ran from its disks since then, images of two moments would be mixed.");
}

/* ---- is there room? ---- */

static int count_bytes(struct saving *s, struct err *err)
{
	for (size_t i = 0; i < s->shown.ndisks; i++) {
		uint64_t bytes;

		if (block_allocated(s->shown.disks[i].block, &bytes, err) < 0)
			return -1;
		s->total += bytes;
	}
	return 0;
}

/* Each disk is a file. */
static int check_file_sizes(const struct saving *s, int dirfd, struct err *err)
{
	char size[SIZE_WORDS_MAX];
	struct statfs fs;

	if (fstatfs(dirfd, &fs) < 0 || fs.f_type != MSDOS_SUPER_MAGIC)
		return 0;
	for (size_t i = 0; i < s->shown.ndisks; i++)
		if (s->shown.disks[i].block->size > FAT_FILE_MAX)
			return err_set(
			    err, ERR_BLOCKED,
			    "the target's file system is FAT, which has no file above 4 GiB, and '%s' has %s: "
			    "take one with ext4 or exFAT",
			    s->shown.disks[i].name, size_in_words(s->shown.disks[i].block->size, size));
	return 0;
}

/* How much is zeros, and takes no room, is known when all is read. */
static int check_room(const struct saving *s, int dirfd, struct err *err)
{
	char need[SIZE_WORDS_MAX], have[SIZE_WORDS_MAX];
	uint64_t room;

	if (check_file_sizes(s, dirfd, err) < 0 || file_space_free(dirfd, &room, err) < 0)
		return -1;
	if (room >= s->total || s->settings->tight)
		return 0;
	return err_set(
	    err, ERR_TEMPFAIL,
	    "the disks have %s, the target has room for %s: take a larger one, or try it (rehost.tight), as what "
	    "is zeros takes no room",
	    size_in_words(s->total, need), size_in_words(room, have));
}

/* ---- what an earlier run has left ---- */

/* Who wrote what is there, and of which disks. NULL: err. */
static struct json *describe_run(const struct saving *s, struct err *err)
{
	AUTO(js_freep) struct json *run = js_object();
	struct json *disks = js_set(run, "disks", js_array());

	js_set_str(run, "schema", "rehost-images-1");
	for (size_t i = 0; i < s->shown.ndisks; i++) {
		struct json *one = js_add(disks, js_object());
		uint64_t hash = 0;
		char identity[17];

		if (sample_block(s->shown.disks[i].block, &hash, err) < 0)
			return NULL;
		snprintf(identity, sizeof identity, "%016" PRIx64, hash);
		js_set_u64(one, "size", s->shown.disks[i].block->size);
		js_set_str(one, "identity", identity);
	}
	return take_ptr(&run);
}

/* Whether the disk still has what was copied. What it no longer gives was read once, and is kept. */
static int compare_extent(const struct saving *s, const struct journal_extent *e, char *buf, bool *ret_same,
			  struct err *err)
{
	struct block *source = e->disk < s->shown.ndisks ? s->shown.disks[e->disk].block : NULL;
	struct err why = ERR_INIT;

	*ret_same = true;
	if (!source || e->len > COPY_CHUNK || !range_inside(e->off, e->len, source->size))
		return 0;
	if (block_pread(source, buf, e->len, e->off, &why) == 0)
		*ret_same = hash_xxh3(buf, e->len) == e->hash;
	else if (why.code != ERR_UNREADABLE)
		return err_set(err, why.code, "%s", why.text);
	return 0;
}

/* All that the journal vouches for: samples see a file system that was mounted since, but not inside of LUKS or
 * BitLocker. */
static int compare_all(struct saving *s, bool *ret_same, struct err *err)
{
	AUTO_FREE char *buf = malloc(COPY_CHUNK);
	const struct journal_extent *e;
	size_t n = journal_extents(s->journal, &e);
	uint64_t done = 0, total = 0;

	if (!buf)
		return err_nomem(err);
	for (size_t i = 0; i < n; i++)
		total += e[i].len;
	*ret_same = true;
	for (size_t i = 0; i < n && *ret_same; done += e[i].len, i++) {
		show_comparing(s, done, total);
		if (compare_extent(s, &e[i], buf, ret_same, err) < 0)
			return -1;
	}
	s->shown.copying = false; /* what is shown of the copy begins at its own begin */
	return 0;
}

static int begin_anew(struct saving *s, struct json *run, struct err *err)
{
	AUTO(js_freep) struct json *own = run;

	s->resumed = false;
	journal_close(take_ptr(&s->journal));
	if (partial_empty(s->partial, err) < 0 || journal_open(partial_dirfd(s->partial), &s->journal, err) < 0)
		return -1;
	if (check_room(s, partial_dirfd(s->partial), err) < 0)
		return -1;
	return journal_begin(s->journal, take_ptr(&own), err) < 0 ? -1
								  : journal_reach(s->journal, PHASE_MAPPED, NULL, err);
}

/* Goes on with what is there, or empties the folder. */
static int begin_or_resume(struct saving *s, struct err *err)
{
	AUTO(js_freep) struct json *run = describe_run(s, err);

	if (!run || journal_open(partial_dirfd(s->partial), &s->journal, err) < 0)
		return -1;
	if (js_equal(journal_run(s->journal), run)) {
		if (compare_all(s, &s->resumed, err) < 0)
			return -1;
		uis_say(s->shown.uis, s->resumed ? "An earlier run was not finished: it is gone on with."
						 : "The disks have changed since what was left there: it is begun "
						   "anew.");
	} else if (partial_was_there(s->partial)) {
		uis_say(s->shown.uis, "What was left there is of other disks: it is begun anew.");
	}
	return s->resumed ? 0 : begin_anew(s, take_ptr(&run), err);
}

/* Another machine's folder, or an older one of this. */
static int open_partial(struct saving *s, const char *folder, const char *name, struct err *err)
{
	if (partial_open(folder, name, false, &s->partial, err) == 0)
		return 0;
	return err->code == ERR_BLOCKED ? err_wrap(err, "rehost.name=%s", name) : -1;
}

/* ---- the copy ---- */

static void progress(uint64_t done, void *opaque)
{
	struct saving *s = opaque;

	show(s, done + s->before, s->total, "Writing images of this machine",
	     "What is written is kept when this is cancelled, and gone on with another time.");
}

static int create_image(const struct saving *s, size_t disk, struct block **ret, int *ret_fd, struct err *err)
{
	const struct block *source = s->shown.disks[disk].block;
	bool resume = journal_has(s->journal, (unsigned)disk);
	struct create_options o = {.resume = resume, .logical_sector = source->logical_sector};
	char name[IMAGE_NAME_MAX];
	AUTO_FD int fd = -1;

	image_name(disk, name);
	fd = openat(partial_dirfd(s->partial), name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | (resume ? 0 : O_TRUNC),
		    0644);
	if (fd < 0)
		return err_sys(err, ERR_BLOCKED, "cannot create '%s/%s'", partial_path(s->partial), name);
	*ret_fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (*ret_fd < 0)
		return err_sys(err, ERR_INTERNAL, "cannot duplicate a descriptor");
	if (qcow2_create(fd, name, source->size, &o, ret, err) < 0)
		return -1;
	take_fd(&fd);
	return 0;
}

static int copy_disk(struct saving *s, size_t disk, struct err *err)
{
	AUTO(block_closep) struct block *image = NULL;
	struct copy_result *result = &s->results[disk];
	AUTO_FD int fd = -1;
	struct copy_job job = {.source = s->shown.disks[disk].block,
			       .journal = s->journal,
			       .disk = (unsigned)disk,
			       .on_read_error = s->settings->zero_read_errors ? READ_ERROR_ZERO : READ_ERROR_STOP,
			       .progress = progress,
			       .opaque = s};
	uint64_t bytes;

	if (block_allocated(job.source, &bytes, err) < 0 || create_image(s, disk, &image, &fd, err) < 0)
		return -1;
	job.target = image;
	job.writeback_fd = fd;
	if (copy_run(&job, result, err) < 0 || block_finish(image, err) < 0)
		return -1;
	for (size_t i = 0; i < result->nbad; i++)
		uis_say(s->shown.uis,
			"WARNING: %s: %" PRIu64 " bytes at 0x%" PRIx64 " can't be read: zeros in the image",
			s->shown.disks[disk].name, result->bad[i].len, result->bad[i].off);
	s->before += bytes;
	return 0;
}

static int copy_disks(struct saving *s, struct err *err)
{
	for (size_t i = 0; i < s->shown.ndisks; i++) {
		uis_say(s->shown.uis, "Writing %s.", s->shown.disks[i].name);
		if (copy_disk(s, i, err) < 0)
			return err_wrap(err, "%s", s->shown.disks[i].name);
	}
	return 0;
}

/* The journal is of these disks, but the target hasn't what it says: a stick that lost what it had taken. */
static bool is_useless(const struct saving *s, const struct err *why)
{
	return s->resumed && (why->code == ERR_VERIFY || why->code == ERR_CORRUPT);
}

static int copy_once_more(struct saving *s, struct err *err)
{
	AUTO(js_freep) struct json *run = js_copy(journal_run(s->journal));

	forget_results(s);
	return begin_anew(s, take_ptr(&run), err) < 0 ? -1 : copy_disks(s, err);
}

static int copy_all(struct saving *s, struct err *err)
{
	struct err why = ERR_INIT;

	if (copy_disks(s, &why) == 0)
		return 0;
	if (!is_useless(s, &why)) {
		if (err)
			*err = why;
		return -1;
	}
	uis_say(s->shown.uis, "What was left there is damaged: it is begun anew.");
	return copy_once_more(s, err);
}

/* ---- the inventory ---- */

/* What is zeros in the image for that reason, for who converts it. */
static void add_unreadable(struct json *disk, const struct copy_result *result)
{
	struct json *unreadable, *places;
	uint64_t bytes = 0;

	if (!result->nbad)
		return;
	for (size_t i = 0; i < result->nbad; i++)
		bytes += result->bad[i].len;
	unreadable = js_set(disk, "unreadable", js_object());
	js_set_u64(unreadable, "bytes", bytes);
	js_set_u64(unreadable, "count", result->nbad);
	places = js_set(unreadable, "places", js_array());
	for (size_t i = 0; i < result->nbad && i < PLACES_TOLD; i++) {
		struct json *one = js_add(places, js_object());

		js_set_u64(one, "offset", result->bad[i].off);
		js_set_u64(one, "bytes", result->bad[i].len);
	}
}

static int write_inventory(const struct saving *s, const struct hardware *h, struct err *err)
{
	AUTO(js_freep) struct json *j = inventory_json(h, s->settings->name), *old = js_copy(js_get(j, "disks"));
	AUTO(buf_done) struct buf text = BUF_INIT(PHYSICAL_FILE_MAX);
	struct json *disks = js_set(j, "disks", js_array());

	for (size_t i = 0; i < s->shown.ndisks; i++) {
		struct json *one = js_add(disks, js_copy(js_at(old, i)));
		char name[IMAGE_NAME_MAX];

		image_name(i, name);
		js_set_u64(one, "size", s->shown.disks[i].block->size);
		js_set_str(one, "file", name);
		js_set_str(one, "format", "qcow2");
		add_unreadable(one, &s->results[i]);
	}
	if (js_print(j, true, &text) < 0)
		return err_nomem(err);
	return file_replace(partial_dirfd(s->partial), PHYSICAL_INVENTORY, buf_str(&text), text.len, 0644, err);
}

/* What the kernel had in its cache may have hidden that a disk is gone. A place that can't be read any more is no
 * reason. */
static int check_disks(const struct saving *s, struct err *err)
{
	uint64_t hash = 0;

	for (size_t i = 0; i < s->shown.ndisks; i++)
		if (sample_block(s->shown.disks[i].block, &hash, err) < 0 ||
		    watched_check(s->shown.disks[i].block, err) < 0)
			return -1;
	return 0;
}

static int publish(struct saving *s, struct err *err)
{
	if (partial_prepare(s->partial, err) < 0)
		return -1;
	journal_close(take_ptr(&s->journal));
	return partial_remove_scaffold(s->partial, err) < 0 ? -1 : partial_publish(s->partial, err);
}

static int save_to(struct saving *s, const struct hardware *h, const char *folder, const char *name, struct err *err)
{
	if (count_bytes(s, err) < 0 || open_partial(s, folder, name, err) < 0 || begin_or_resume(s, err) < 0 ||
	    copy_all(s, err) < 0 || check_disks(s, err) < 0)
		return -1;
	return write_inventory(s, h, err) < 0 ? -1 : publish(s, err);
}

int saving_run(const struct settings *settings, const struct hardware *h, const char *root, enum shown_machine machine,
	       struct uis *u, struct arena *a, char **ret, struct err *err)
{
	AUTO(target_done) struct target target = {0};
	AUTO(saving_done)
	struct saving s = {
	    .shown = {.uis = u, .warning = "What is written is kept, and gone on with when you begin again."},
	    .settings = settings};
	const char *name = machine_safe_name(a, settings->name ? settings->name : inventory_name(h, a));
	int status;

	if (shown_open(&s.shown, h, root, machine, err) < 0)
		return -1;
	for (size_t i = 0; i < s.shown.ndisks; i++)
		watched_stop(s.shown.disks[i].block, &s.shown.cancel);
	uis_say(u, "Making %s ready.", settings->to);
	if (target_open(&target, h, settings, machine == SHOWN_OURS, err) < 0)
		return -1;
	status = save_to(&s, h, target.folder, name, err);
	uis_show(u, NULL);
	*ret = target.device ? arena_printf(a, "the folder '%s' on %s", name, target.device)
			     : arena_printf(a, "%s/%s", target.folder, name);
	/* Its file system can't go while a file there is open. */
	journal_close(take_ptr(&s.journal));
	partial_close(take_ptr(&s.partial));
	return status < 0 ? -1 : target_close(&target, err);
}

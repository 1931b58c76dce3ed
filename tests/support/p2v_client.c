/* A machine without hardware: dials a conversion host and offers raw files as its disks.
 * usage: p2v_client HOST:PORT TOKEN INVENTORY.json RETRY_SECONDS FILE…
 * The inventory needs no disks: one a file is added. Prints each change of state. Ends with the status of rehost. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/checked.h"
#include "core/base/file.h"
#include "formats/open.h"
#include "net/dial.h"

static atomic_bool cancelled;

static void on_signal(int number)
{
	cancelled = true;
}

static void on_progress(const struct dial_progress *p, void *opaque)
{
	struct dial_progress *last = opaque;

	if (p->state != last->state || p->done != last->done || p->read != last->read)
		printf("%s %llu %llu %llu %s\n", dial_state_name(p->state), (unsigned long long)p->done,
		       (unsigned long long)p->total, (unsigned long long)p->read, p->text);
	fflush(stdout);
	*last = *p;
}

static int read_inventory(const char *path, struct json **ret, struct err *err)
{
	AUTO(buf_done) struct buf text = BUF_INIT(MIB);

	if (file_slurp(AT_FDCWD, path, &text, err) < 0)
		return -1;
	*ret = js_parse(buf_str(&text), text.len, err);
	return *ret ? 0 : -1;
}

static int open_disk(const char *path, struct json *disks, struct block **ret, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct json *j = js_add(disks, js_object());
	const char *slash = strrchr(path, '/');

	js_set_str(j, "name", slash ? slash + 1 : path);
	js_set_str(j, "serial", slash ? slash + 1 : path);
	js_set_str(j, "driver", "ahci");
	if (fd < 0)
		return err_sys(err, ERR_UNREADABLE, "cannot open '%s'", path);
	return file_block_open(fd, path, ret, err);
}

static int run(char **argv, int nfiles, struct err *err)
{
	AUTO(js_freep) struct json *inventory = NULL;
	struct block *disks[DIAL_DISKS_MAX];
	struct dial_progress last = {.state = DIAL_UNKNOWN};
	struct dial_options o = {.server = argv[1],
				 .token = argv[2],
				 .disks = disks,
				 .retry_seconds = (unsigned)atoi(argv[4]),
				 .progress = on_progress,
				 .opaque = &last,
				 .cancel = &cancelled};
	struct json *list;

	if (read_inventory(argv[3], &inventory, err) < 0)
		return -1;
	list = js_set(inventory, "disks", js_array());
	for (o.ndisks = 0; o.ndisks < (size_t)nfiles; o.ndisks++)
		if (open_disk(argv[5 + o.ndisks], list, &disks[o.ndisks], err) < 0)
			return -1;
	o.inventory = inventory;
	return dial_run(&o, err);
}

int main(int argc, char **argv)
{
	struct err err = ERR_INIT;

	if (argc < 6 || argc - 5 > DIAL_DISKS_MAX) {
		fprintf(stderr, "usage: %s HOST:PORT TOKEN INVENTORY.json RETRY_SECONDS FILE...\n", argv[0]);
		return 2;
	}
	signal(SIGTERM, on_signal);
	signal(SIGPIPE, SIG_IGN);
	if (run(argv, argc - 5, &err) == 0)
		return 0;
	fprintf(stderr, "p2v_client: %s\n", err.text);
	return err_exit_status(err.code);
}

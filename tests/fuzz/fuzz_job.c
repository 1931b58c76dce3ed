/* Fuzz: any JSON as a unit's file or as a job folder's job.json. A unit that is taken has a name that stays in its
 * folder, and is the same when it is written and read again. */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/file.h"
#include "run/batch/job.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void as_unit(const char *text, size_t len)
{
	AUTO(js_freep) struct json *j = js_parse(text, len, NULL), *written = NULL, *again = NULL;
	struct arena a = {0};
	struct err err = ERR_INIT;
	struct unit u;

	if (!j)
		return;
	if (unit_from_json(j, &a, &u, &err) < 0) {
		if (err.code != ERR_CORRUPT || !*err.text)
			abort();
	} else {
		if (strchr(u.name, '/') || *u.name == '.' || !u.sources.n)
			abort();
		written = unit_json(&u);
		if (unit_from_json(written, &a, &u, &err) < 0)
			abort();
		again = unit_json(&u);
		if (!js_equal(written, again))
			abort();
	}
	arena_done(&a);
}

static void as_job(const char *text, size_t len)
{
	char path[] = "/dev/shm/rehost-fuzz-XXXXXX";
	AUTO(job_closep) struct job *job = NULL;
	struct arena a = {0};
	struct err err = ERR_INIT;
	struct unit u;
	int dirfd;

	if (!mkdtemp(path))
		abort();
	dirfd = open(path, O_RDONLY | O_DIRECTORY);
	if (file_replace(dirfd, "job.json", text, len, 0600, NULL) < 0)
		abort();
	if (job_open(path, &job, &err) < 0 ? err.code != ERR_CORRUPT : job_unit(job, 0, &a, &u, &err) == 0)
		abort(); /* no unit's file is there */
	arena_done(&a);
	unlinkat(dirfd, "job.json", 0);
	close(dirfd);
	rmdir(path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	(*data % 2 ? as_job : as_unit)((const char *)data + 1, size - 1);
	return 0;
}

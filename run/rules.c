/* The folders and exceptions that the user allows images. */
#include "run/rules.h"

#include <unistd.h>

#include "core/base/charset.h"
#include "core/base/cleanup.h"
#include "core/base/file.h"
#include "formats/throttle.h"
#include "formats/vmdk_descriptor.h"

void image_ready_charset(struct image_ready *ready, int dirfd, const char *name)
{
	enum { HEAD = 64 << 10 /* VMware puts a descriptor into the second sector */ };
	AUTO_FD int fd = file_open_beneath(dirfd, name, true, NULL);
	AUTO_FREE char *head = malloc(HEAD);
	char encoding[VMDK_ENCODING_MAX];
	ssize_t n = fd < 0 || !head ? -1 : pread(fd, head, HEAD, 0);

	if (n > 0 && vmdk_descriptor_encoding(head, (size_t)n, encoding))
		ready->charset = charset_open(encoding);
}

void image_ready_done(struct image_ready *ready)
{
	if (ready->unpack_fd >= 0)
		close(ready->unpack_fd);
	charset_close(ready->charset);
	*ready = (struct image_ready){.unpack_fd = -1};
}

int rules_limit(uint64_t bwlimit, struct throttle **ret, struct err *err)
{
	*ret = NULL;
	return bwlimit ? throttle_new(bwlimit, ret, err) : 0;
}

void rules_limit_drop(struct throttle *limit)
{
	throttle_drop(limit);
}

int rules_open(const struct image_rules *rules, struct open_rules *ret, struct err *err)
{
	*ret = (struct open_rules){.options = {.allowed = ret->folders}};
	if (!rules)
		return 0;
	ret->options.allow_truncated = rules->allow_truncated;
	ret->options.ignore_checksum = rules->ignore_checksum;
	ret->options.keys = rules->keys;
	ret->options.tables_only = rules->tables_only;
	ret->options.snapshot = rules->snapshot;
	ret->options.charset = rules->ready ? rules->ready->charset : NULL;
	if (rules->limit)
		ret->options.throttle = throttle_hold(rules->limit);
	else if (rules_limit(rules->bwlimit, &ret->options.throttle, err) < 0)
		return -1;
	for (const char *const *path = rules->allow_parent; path && *path; path++) {
		struct allowed_folder *f = &ret->folders[ret->options.nallowed];

		if (ret->options.nallowed == RULES_FOLDERS_MAX)
			return err_set(err, ERR_USAGE, "--allow-parent: %d folders are the most", RULES_FOLDERS_MAX);
		*f = (struct allowed_folder){.dirfd = file_open_dir(*path, err), .path = *path};
		if (f->dirfd < 0)
			return err_wrap(err, "--allow-parent");
		ret->options.nallowed++;
	}
	return 0;
}

void rules_done(struct open_rules *rules)
{
	for (size_t i = 0; i < rules->options.nallowed; i++)
		close(rules->folders[i].dirfd);
	rules->options.nallowed = 0;
	throttle_drop(take_ptr(&rules->options.throttle));
}

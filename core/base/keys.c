/* Passphrases for encrypted disks. */
#include "core/base/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "core/base/file.h"

static int add(struct keys *k, const char *selector, size_t selector_len, const char *secret, size_t len,
	       struct err *err)
{
	struct key *key = &k->v[k->n];
	bool all = selector_len == 3 && !strncmp(selector, "all", 3);

	if (k->n == KEYS_MAX)
		return err_set(err, ERR_USAGE, "more than %d keys", KEYS_MAX);
	*key = (struct key){.selector = all ? NULL : strndup(selector, selector_len), .secret = malloc(len + 1)};
	if (!key->secret || (!all && !key->selector)) {
		free(key->selector);
		free(key->secret);
		return err_nomem(err);
	}
	memcpy(key->secret, secret, len);
	key->secret[len] = '\0';
	key->len = len;
	k->n++;
	return 0;
}

/* ---- lines ---- */

/* 1: a line without its end; 0: nothing was left; -1: error. Byte by byte: what follows belongs to the next key. */
static int read_line(int fd, const char *name, char line[KEY_SECRET_MAX], size_t *ret_len, struct err *err)
{
	size_t len = 0;
	char c;

	for (;;) {
		ssize_t n = read(fd, &c, 1);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, ERR_BLOCKED, "cannot read a key from %s", name);
		if (n == 0 && len == 0)
			return 0;
		if (n == 0 || c == '\n')
			break;
		if (!c)
			return err_set(err, ERR_USAGE, "the key in %s has a NUL byte: only passphrases are taken",
				       name);
		if (len == KEY_SECRET_MAX)
			return err_set(err, ERR_USAGE, "the key in %s has more than %d bytes", name, KEY_SECRET_MAX);
		line[len++] = c;
	}
	*ret_len = len;
	return 1;
}

static int add_line(struct keys *k, const char *selector, size_t selector_len, int fd, const char *name,
		    struct err *err)
{
	char line[KEY_SECRET_MAX];
	size_t len = 0;
	int got = read_line(fd, name, line, &len, err), ret = -1;

	if (got == 0 || (got == 1 && len == 0))
		err_set(err, ERR_USAGE, "%s has no key: its line is empty", name);
	else if (got == 1)
		ret = add(k, selector, selector_len, line, len, err);
	explicit_bzero(line, sizeof line);
	return ret;
}

int keys_add_lines(struct keys *k, int fd, struct err *err)
{
	char line[KEY_SECRET_MAX];
	size_t before = k->n, len = 0;
	int got, ret = 0;

	while (ret == 0 && (got = read_line(fd, "standard input", line, &len, err)) != 0)
		ret = got < 0 ? -1 : len ? add(k, "all", 3, line, len, err) : 0;
	explicit_bzero(line, sizeof line);
	if (ret == 0 && k->n == before)
		return err_set(err, ERR_USAGE, "--keys-from-stdin: standard input has no key");
	return ret;
}

/* ---- options ---- */

struct kind {
	const char *name; /* with the colons around it */
	int (*add)(struct keys *k, const char *selector, size_t selector_len, const char *value, struct err *err);
};

static int add_argument(struct keys *k, const char *selector, size_t selector_len, const char *value, struct err *err)
{
	size_t len = strlen(value);

	if (strchr(value, '\n')) /* each is a line where it is handed to another process */
		return err_set(err, ERR_USAGE, "--key %.*s: the passphrase has a line break: none can have one",
			       (int)selector_len, selector);
	if (len > KEY_SECRET_MAX)
		return err_set(err, ERR_USAGE, "--key %.*s: the passphrase has %zu bytes, %d are the most",
			       (int)selector_len, selector, len, KEY_SECRET_MAX);
	return add(k, selector, selector_len, value, len, err);
}

static int add_file(struct keys *k, const char *selector, size_t selector_len, const char *value, struct err *err)
{
	AUTO_FD int fd = open(value, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	char name[PATH_MAX];

	if (fd < 0)
		return err_sys(err, ERR_BLOCKED, "--key %.*s: cannot open '%s'", (int)selector_len, selector, value);
	snprintf(name, sizeof name, "'%s'", value);
	return add_line(k, selector, selector_len, fd, name, err);
}

static int add_descriptor(struct keys *k, const char *selector, size_t selector_len, const char *value, struct err *err)
{
	char *end;
	long fd = strtol(value, &end, 10);
	char name[40];

	if (*end || fd < 0 || fd > INT_MAX)
		return err_set(err, ERR_USAGE, "--key %.*s: 'fd:' needs the number of an open descriptor",
			       (int)selector_len, selector);
	snprintf(name, sizeof name, "descriptor %ld", fd);
	return add_line(k, selector, selector_len, (int)fd, name, err);
}

static const struct kind kinds[] = {{":key:", add_argument}, {":file:", add_file}, {":fd:", add_descriptor}};

/* The kind that comes first in the option: what follows it may hold colons. */
static const struct kind *find_kind(const char *option, const char **ret_at)
{
	const struct kind *ret = NULL;

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		const char *at = strstr(option, kinds[i].name);

		if (at && (!ret || at < *ret_at)) {
			ret = &kinds[i];
			*ret_at = at;
		}
	}
	return ret;
}

int keys_add(struct keys *k, const char *option, struct err *err)
{
	const char *at = NULL, *value;
	const struct kind *kind = find_kind(option, &at);

	/* The option is not shown: what was mistyped may be the passphrase. */
	if (!kind || at == option)
		return err_set(err, ERR_USAGE,
			       "option --key: NAME:key:PASSPHRASE, NAME:file:FILE or NAME:fd:N expected, NAME being a "
			       "device, a LUKS UUID or all");
	value = at + strlen(kind->name);
	if (!*value)
		return err_set(err, ERR_USAGE, "option --key %.*s: nothing stands behind the last colon",
			       (int)(value - option - 1), option);
	return kind->add(k, option, (size_t)(at - option), value, err);
}

static int write_line(int fd, const struct key *key, struct err *err)
{
	return file_write(fd, key->secret, key->len, err) < 0 ? -1 : file_write(fd, "\n", 1, err);
}

int keys_file(const struct keys *k, bool (*wanted)(const struct key *key), struct err *err)
{
	AUTO_FD int fd = memfd_create("keys", MFD_CLOEXEC);

	if (fd < 0)
		return err_sys(err, ERR_INTERNAL, "cannot make a file in memory");
	for (size_t i = 0; i < k->n; i++)
		if ((!wanted || wanted(&k->v[i])) && write_line(fd, &k->v[i], err) < 0)
			return -1;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(err, ERR_INTERNAL, "cannot rewind");
	return take_fd(&fd);
}

void key_hide(char *option)
{
	const char *at = NULL;
	const struct kind *kind = find_kind(option, &at);
	char *secret;

	if (!kind || kind->add != add_argument)
		return;
	secret = option + (at - option) + strlen(kind->name);
	memset(secret, 'x', strlen(secret));
}

/* ---- use ---- */

/* "/dev/vda2", "/dev/xvda2" and "/dev/hda2" mean the disk that the appliance calls "/dev/sda2". */
static const char *place(const char *device)
{
	static const char *const prefixes[] = {"/dev/sd", "/dev/vd", "/dev/xvd", "/dev/hd"};

	for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
		if (!strncmp(device, prefixes[i], strlen(prefixes[i])))
			return device + strlen(prefixes[i]);
	return NULL;
}

bool key_is_for(const struct key *key, const char *device, const char *uuid)
{
	const char *a, *b;

	if (!key->selector || !strcmp(key->selector, device) || (uuid && !strcasecmp(key->selector, uuid)))
		return true;
	a = place(key->selector);
	b = place(device);
	return a && b && !strcmp(a, b);
}

void keys_done(struct keys *k)
{
	for (size_t i = 0; i < k->n; i++) {
		explicit_bzero(k->v[i].secret, k->v[i].len);
		free(k->v[i].secret);
		free(k->v[i].selector);
	}
	*k = (struct keys){0};
}

/* Fuzzes guest/selinux.c: a hostile guest's file_contexts, read and asked for labels. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "guest/selinux.h"

struct fuzz_guest {
	struct guest guest;
	const uint8_t *data;
	size_t size;
};

static int read_file(struct guest *g, const char *path, struct buf *b, struct err *err)
{
	static const char config[] = "SELINUX=enforcing\nSELINUXTYPE=targeted\n";
	const struct fuzz_guest *f = (struct fuzz_guest *)(void *)g;

	if (!strcmp(path, "/etc/selinux/config"))
		return buf_add(b, config, strlen(config));
	if (strstr(path, "/file_contexts"))
		return buf_add(b, f->data, f->size);
	errno = ENOENT;
	return err_sys(err, ERR_UNREADABLE, "cannot open '%s'", path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct guest_ops ops = {.read = read_file};
	struct fuzz_guest f = {.guest = {.ops = &ops}, .data = data, .size = size};
	struct selinux *s;
	struct err err = ERR_INIT;

	if (selinux_open(&f.guest, &s, &err) < 0)
		return 0;
	selinux_label(s, "/etc/systemd/network/10-ens192.link", S_IFREG);
	selinux_label(s, "/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", S_IFDIR);
	selinux_close(s);
	return 0;
}

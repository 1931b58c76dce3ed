/* Small initramfs images of this machine's own kernel modules, made by the scripts in tests/support. */
#ifndef REHOST_TESTS_UNIT_SUPPORT_INITRAMFS_FIXTURE_H
#define REHOST_TESTS_UNIT_SUPPORT_INITRAMFS_FIXTURE_H

#include "tests/unit/guest/folder_fixture.h"

#include <dirent.h>

#include "core/base/child.h"

/* Runs a shell line; its output in the fixture's arena. A missing program skips the test. */
static inline char *shell(struct fixture *f, const char *line)
{
	AUTO(buf_done) struct buf out = BUF_INIT(1 << 20);
	int status = child_run((const char *[]){"sh", "-c", line, NULL}, &out, &f->err);

	if (status == 127) {
		print_message("SKIP: a program is missing: %s\n", buf_str(&out));
		skip();
	}
	if (status)
		fail_msg("%s: exit %d: %s", line, status, buf_str(&out));
	return arena_strdup(&f->arena, buf_str(&out));
}

/* The version of a kernel whose modules are installed here; skips the test when there is none. */
static inline const char *host_kernel(struct fixture *f)
{
	DIR *dir = opendir("/lib/modules");
	const char *ret = NULL;

	for (struct dirent *e; dir && (e = readdir(dir));)
		if (*e->d_name != '.' &&
		    access(arena_printf(&f->arena, "/lib/modules/%s/modules.dep.bin", e->d_name), R_OK) == 0)
			ret = arena_strdup(&f->arena, e->d_name);
	if (dir)
		closedir(dir);
	if (!ret) {
		print_message("SKIP: no kernel modules in /lib/modules\n");
		skip();
	}
	return ret;
}

/* The folder of the scripts, from the repository's root where tests run. */
#define SCRIPTS "tests/support"

/* Makes a tree DIR/NAME; layout and modules as make-initramfs-root takes them. */
static inline void make_root(struct fixture *f, const char *name, const char *layout, const char *modules)
{
	shell(f, arena_printf(&f->arena, SCRIPTS "/make-initramfs-root %s/%s %s %s %s", f->dir, name, layout,
			      host_kernel(f), modules));
}

/* Packs the tree DIR/NAME into the guest path image. */
static inline void pack(struct fixture *f, const char *name, const char *compression, const char *image)
{
	shell(f, arena_printf(&f->arena, "mkdir -p $(dirname %s%s) && " SCRIPTS "/pack-initramfs %s/%s %s >%s%s",
			      f->dir, image, f->dir, name, compression, f->dir, image));
}

#endif

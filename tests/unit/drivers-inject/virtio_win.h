/* Synthetic driver discs (tests/windows/make-virtio-win) for the tests of drivers-inject/windows. */
#ifndef REHOST_TESTS_UNIT_DRIVERS_INJECT_VIRTIO_WIN_H
#define REHOST_TESTS_UNIT_DRIVERS_INJECT_VIRTIO_WIN_H

#include "tests/unit/support/initramfs_fixture.h"

#include "drivers-inject/windows/choose.h"

/* A disc in the fixture's folder, made of one script run for each line of options ("os=w10 ver=…"); its path. */
static inline const char *make_disc(struct fixture *f, const char *name, const char *const *options)
{
	const char *path = arena_printf(&f->arena, "%s/%s", f->dir, name);

	for (; *options; options++)
		shell(f, arena_printf(&f->arena, "mkdir -p %s && tests/windows/make-virtio-win %s %s", path, *options,
				      path));
	return path;
}
#define DISC(f, name, ...) make_disc((f), (name), (const char *const[]){__VA_ARGS__, NULL})

static inline struct driver_catalogue *open_disc(struct fixture *f, const char *path)
{
	struct driver_catalogue *c = NULL;

	if (driver_catalogue_open(path, &c, &f->err) < 0)
		fail_msg("%s", f->err.text);
	assert_non_null(c);
	return c;
}

/* "10.0.19045 x86_64", "6.1.7601 s i386": s is a server. */
static inline struct windows_version windows(struct fixture *f, const char *what)
{
	struct windows_version v = {.role = strstr(what, " s ") ? WINDOWS_SERVER : WINDOWS_CLIENT};

	assert_int_equal(sscanf(what, "%u.%u.%u", &v.major, &v.minor, &v.build), 3);
	v.arch = strrchr(what, ' ') + 1;
	return v;
}

#endif

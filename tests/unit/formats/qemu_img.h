/* qemu-img as the referee of the format tests. */
#ifndef REHOST_TESTS_FORMATS_QEMU_IMG_H
#define REHOST_TESTS_FORMATS_QEMU_IMG_H

#include <stdarg.h>
#include <stdio.h>

#include "core/base/buf.h"
#include "core/base/child.h"

/* Runs argv[0] with up to 15 arguments, the last NULL; prints what it said when it failed. Returns the exit status. */
static inline int run_program(const char *program, ...)
{
	const char *argv[17] = {program};
	struct buf out = BUF_INIT(1 << 16);
	struct err err = ERR_INIT;
	va_list ap;
	int status;

	va_start(ap, program);
	for (int i = 1; i < 16 && (argv[i] = va_arg(ap, const char *)); i++)
		;
	va_end(ap);
	status = child_run(argv, &out, &err);
	if (status)
		fprintf(stderr, "%s %s: status %d\n%s%s\n", argv[0], argv[1], status, buf_str(&out), err.text);
	buf_done(&out);
	return status;
}

static inline bool have_qemu_img(void)
{
	const char *argv[] = {"qemu-img", "--version", NULL};
	struct buf out = BUF_INIT(4096);
	int status = child_run(argv, &out, NULL);

	buf_done(&out);
	if (status)
		print_message("SKIP: qemu-img is not installed\n");
	return status == 0;
}

#endif

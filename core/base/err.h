/* Errors: one fixed-size text that gains context on the way up and is printed once.
 *
 * At the cause:            return err_set(err, ERR_CORRUPT, "grain table %u at 0x%" PRIx64 ": …", …);
 * After a failed syscall:  return err_sys(err, ERR_UNREADABLE, "cannot open '%s'", name);
 * Where more is known:     return err_wrap(err, "disk %u '%s'", n, name);
 *
 * All three return -1, so a failing function is one return a site; err_null() is for functions that
 * return pointers. Nothing is allocated. When the text would not fit, context is shortened, never the cause.
 */
#ifndef REHOST_CORE_BASE_ERR_H
#define REHOST_CORE_BASE_ERR_H

#include <stddef.h>

/* What a caller may decide on; err_exit_status() maps it to the program's exit status. */
enum err_code {
	ERR_NONE = 0,
	ERR_INTERNAL,	 /* our own fault, out of memory           exit 1 */
	ERR_USAGE,	 /* the command line                       exit 2 */
	ERR_BLOCKED,	 /* preflight: no OS, target exists, source in use, unwritable   exit 3 */
	ERR_CORRUPT,	 /* input violates its format or a limit   exit 4 */
	ERR_UNREADABLE,	 /* input can't be read                    exit 4 */
	ERR_UNSUPPORTED, /* input is valid, but not handled        exit 4 */
	ERR_POLICY,	 /* input names what it may not name       exit 4 */
	ERR_CONVERT,	 /* the guest couldn't be converted        exit 5 */
	ERR_VERIFY,	 /* the result isn't what it must be       exit 6 */
	ERR_BOOT,	 /* boot proof not reached                 exit 7 */
	ERR_HOST,	 /* this host lacks something              exit 8 */
	ERR_INCOMPLETE,	 /* a batch: not all machines are done     exit 9 */
	ERR_TEMPFAIL,	 /* full file system, busy: try again      exit 75 */
	ERR_TERMINATED,	 /* SIGTERM, what was begun has ended      exit 143 */
	ERR_INTERRUPTED, /* SIGINT/SIGTERM: resumable              exit 130 */
};

#define ERR_TEXT_MAX 2048

struct err {
	enum err_code code;
	int sys; /* errno at the cause, 0 when none */
	char text[ERR_TEXT_MAX];
};

#define ERR_INIT                                                                                                       \
	{                                                                                                              \
		.code = ERR_NONE                                                                                       \
	}

/* The -1 of a failing function, visible to compilers and analysers at every site. */
static inline int err_failed(void)
{
	return -1;
}

/* Sets code and text; returns -1. err may be NULL when the caller doesn't care. */
#define err_set(...) (err_record(__VA_ARGS__), err_failed())
void err_record(struct err *err, enum err_code code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Like err_set() and adds ": strerror(errno)". ENOSPC and EDQUOT turn any code into ERR_TEMPFAIL. */
#define err_sys(...) (err_record_errno(__VA_ARGS__), err_failed())
void err_record_errno(struct err *err, enum err_code code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Puts "context: " before the text there is; keeps the code; returns -1. */
#define err_wrap(...) (err_add_context(__VA_ARGS__), err_failed())
void err_add_context(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* err_set() for functions that return a pointer. */
#define err_null(...) (err_record(__VA_ARGS__), NULL)

/* Out of memory; returns -1. */
#define err_nomem(err) err_set((err), ERR_INTERNAL, "out of memory")

/* Passes an error on as it is, with its errno; returns -1. */
#define err_pass(err, from) (err_copy((err), (from)), err_failed())
void err_copy(struct err *err, const struct err *from);

/* Forgets an error that was handled. */
void err_clear(struct err *err);

/* The exit status of docs and man page for a code. */
int err_exit_status(enum err_code code);

/* The code's stable name ("corrupt", "blocked" …), for JSON. */
const char *err_code_name(enum err_code code);

#endif

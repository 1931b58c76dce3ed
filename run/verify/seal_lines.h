/* The lines of seal.ndjson and what one of them says: for seal.c, which reads all of them once, and seal_content.c,
 * which comes back for some.
 */
#ifndef REHOST_RUN_VERIFY_SEAL_LINES_H
#define REHOST_RUN_VERIFY_SEAL_LINES_H

#include "run/verify/seal.h"

struct seal {
	int fd;
	struct arena arena;
	char *result;
	VEC(struct seal_file) files;
	VEC(struct seal_disk) disks;
};

struct seal_lines {
	int fd;
	uint64_t at;	   /* of the buffer's first byte, in the file */
	size_t have, next; /* bytes in the buffer; where the next line begins */
	uint64_t number;   /* of the line that was given last, from 1 */
	char buf[2 * SEAL_LINE_MAX];
};

/* The lines of the file from byte `at` on; free() them. NULL: memory is out. */
struct seal_lines *seal_lines_new(int fd, uint64_t at);

struct seal_line {
	const char *text; /* of the lines, until the next one is asked for; with its newline */
	size_t len;
	uint64_t at; /* in the file */
};

/* 1 and a line, 0 at the end, -1: ERR_UNREADABLE, or ERR_CORRUPT for one that is too long or cut off. */
int seal_next_line(struct seal_lines *l, struct seal_line *ret, struct err *err);

/* A line of leaves: how many it has, of which kind, and where it begins. */
struct seal_leaves_line {
	uint64_t at, n;
	const char *hashes; /* NULL: all are zeros */
};

/* ERR_CORRUPT, as of the next two: they lie outside of the file's nleaves, or aren't hashes. */
int seal_take_leaves(const struct json *j, uint64_t nleaves, struct seal_leaves_line *ret, struct err *err);

/* "w128+16 ": one run of a map in sectors, inside the disk of `size` bytes and behind `after` bytes. Advances *text. */
int seal_take_run(const char **text, uint64_t after, uint64_t size, struct seal_run *ret, struct err *err);

/* A line of guest hashes: the first chunk, how many. */
int seal_take_guest(const struct json *j, uint64_t nchunks, uint64_t *ret_at, uint64_t *ret_n, struct err *err);

uint64_t seal_nleaves(const struct seal_file *f);
uint64_t seal_nchunks(const struct seal_disk *d);

#endif

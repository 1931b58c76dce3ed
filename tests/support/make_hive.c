/* make_hive FOLDER PATH < TEXT: makes or changes the hive at a path of a phony guest's folder
 * (tests/support/hive_maker.h). make_hive --print FOLDER PATH [KEY]: prints it, or what is below a key, in the same
 * form. make_hive --dirty FOLDER PATH: makes it look as if its last write had not been finished. */
#include <stdio.h>
#include <string.h>

#include "core/base/file.h"
#include "tests/support/hive_maker.h"

static int print_tree(struct hive *h, const char *key, struct err *err)
{
	AUTO(arena_done) struct arena a = {0};
	AUTO(buf_done) struct buf out = BUF_INIT(64 << 20);
	struct reg_values values;
	struct names keys;

	if (hive_values(h, key, &a, &values, err) < 0 || hive_subkeys(h, key, &a, &keys, err) < 0)
		return -1;
	VEC_FOR (v, &values.list)
		reg_line(&out, v);
	if (*key)
		printf("[%s]\n", key);
	fputs(buf_str(&out), stdout);
	VEC_FOR (k, &keys.list)
		if (print_tree(h, *key ? arena_printf(&a, "%s\\%s", key, *k) : *k, err) < 0)
			return -1;
	return 0;
}

static int print(struct guest *g, const char *path, const char *key, struct err *err)
{
	AUTO(hive_closep) struct hive *h = NULL;

	return hive_open(g, path, "HIVE", HIVE_READ, &h, err) < 0 ? -1 : print_tree(h, key, err);
}

static int soil(struct guest *g, const char *path, struct err *err)
{
	AUTO(buf_done) struct buf b = BUF_INIT(HIVE_FILE_MAX);
	uint8_t *base;

	if (g->ops->read(g, path, &b, err) < 0)
		return -1;
	base = (uint8_t *)b.data;
	put_le32(base + 4, get_le32(base + 4) + 1);
	put_le32(base + 508, hive_header_sum(base));
	return g->ops->write(g, path, b.data, b.len, 0644, err);
}

static int make(struct guest *g, const char *path, struct err *err)
{
	AUTO(buf_done) struct buf text = BUF_INIT(64 << 20);

	return file_slurp_fd(0, "standard input", &text, err) < 0 ? -1 : hive_make(g, path, buf_str(&text), err);
}

int main(int argc, char **argv)
{
	bool option = argc > 1 && strncmp(argv[1], "--", 2) == 0;
	struct err err = ERR_INIT;
	struct guest *g;
	int ret;

	argv += option;
	argc -= option;
	if (argc < 3) {
		fputs("usage: make_hive [--print|--dirty] FOLDER PATH [KEY]\n", stderr);
		return 2;
	}
	if (guest_open_folder(argv[1], &g, &err) < 0) {
		fprintf(stderr, "make_hive: %s\n", err.text);
		return 1;
	}
	if (option && strcmp(argv[0], "--print") == 0)
		ret = print(g, argv[2], argc > 3 ? argv[3] : "", &err);
	else if (option)
		ret = soil(g, argv[2], &err);
	else
		ret = make(g, argv[2], &err);
	guest_close(g);
	if (ret < 0)
		fprintf(stderr, "make_hive: %s\n", err.text);
	return ret < 0;
}

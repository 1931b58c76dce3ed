/* Fuzz target: module indexes as text and binary, chosen by the first byte; what parses is closed over and printed. */
#include <string.h>

#include "guest/files/modules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int parse(struct modules *m, unsigned kind, const char *text, size_t len, struct err *err)
{
	switch (kind) {
	case 0:
		return modules_parse_dep_bin(m, text, len, err);
	case 1:
		return modules_parse_alias_bin(m, text, len, err);
	default:
		if (modules_parse_dep(m, text, err) < 0 || modules_parse_alias(m, text, err) < 0 ||
		    modules_parse_softdep(m, text, err) < 0)
			return -1;
		return modules_parse_builtin(m, text, err);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(modules_freep) struct modules *m = modules_new();
	AUTO(buf_done) struct buf text = BUF_INIT(1 << 20), out = BUF_INIT(64 << 20);
	AUTO(arena_done) struct arena a = {0};
	struct module_list list = {0};
	struct err err = ERR_INIT;

	if (!size || buf_add(&text, data + 1, size - 1) < 0 ||
	    parse(m, data[0] % 3, buf_str(&text), text.len, &err) < 0)
		return 0;
	if (m->list.n)
		modules_closure(m, m->list.v[0].name, &a, &list, &err);
	modules_print(m, "modules.dep.bin", &out, &err);
	modules_print(m, "modules.alias.bin", &out, &err);
	modules_print(m, "modules.softdep", &out, &err);
	return 0;
}

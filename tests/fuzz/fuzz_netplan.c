/* Fuzz: any bytes as netplan's YAML. */
#include "guest/files/yaml.h"
#include "tests/fuzz/text_files.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(arena_done) struct arena a = {0};
	const char *text = fuzz_text(&a, data, size);
	struct lines l;
	struct yaml y;

	fuzz_parser(netplan_parse, text);
	lines_split(&l, &a, text);
	yaml_scan(&l, &y);
	VEC_FOR (n, &y.nodes)
		if (n->depth > YAML_DEPTH || n->line >= l.v.n ||
		    n->value_at.at + n->value_at.len > strlen(l.v.v[n->line].text) ||
		    n->pair_at.at + n->pair_at.len > strlen(l.v.v[n->line].text))
			abort();
	return 0;
}

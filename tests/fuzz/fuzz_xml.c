/* Fuzz: any bytes as XML; what parses is walked. */
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/xml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(xml_freep) struct xml_doc *doc = NULL;
	AUTO(arena_done) struct arena a = {0};
	struct err err = ERR_INIT;

	if (xml_parse(data, size, "fuzz", &doc, &err) < 0)
		return 0;
	for (const struct xml_node *n = xml_root(doc); n; n = xml_child(n, NULL)) {
		xml_text(n, &a);
		xml_attr(n, "id", &a);
		xml_path(n, "a/b");
	}
	return 0;
}

/* The boot proof's part of a report. */
#include <string.h>

#include "core/base/arena.h"
#include "run/report/report.h"

struct json *report_proof(const struct boot_result *r, enum boot_level wanted, const char *shots)
{
	struct json *proof = js_object(), *list;
	struct arena names = {0};

	js_set_str(proof, "level", boot_level_name(r->level));
	js_set_str(proof, "wanted", boot_level_name(wanted));
	js_set_str(proof, "evidence", r->evidence);
	js_set_str(proof, "failure", r->failure);
	js_set_real(proof, "seconds", r->seconds);
	list = js_set(proof, "screenshots", js_array());
	VEC_FOR (path, &r->screenshots) {
		const char *slash = strrchr(*path, '/');

		js_add_str(list, arena_printf(&names, "%s/%s", shots, slash ? slash + 1 : *path));
	}
	list = js_set(proof, "warnings", js_array());
	VEC_FOR (warning, &r->warnings)
		js_add_str(list, *warning);
	arena_done(&names);
	return proof;
}

/* The boot proof's part of a report. */
#include <string.h>

#include "run/report/report.h"

struct json *report_proof(const struct json *boot, const char *folder)
{
	static const char *const keys[] = {"level", "wanted", "evidence", "failure", "seconds", "warnings", NULL};
	const struct json *shots = js_get(boot, "screenshots");
	struct json *proof = js_object(), *list;
	size_t n = strlen(folder);

	for (const char *const *key = keys; *key; key++)
		if (js_get(boot, *key))
			js_set(proof, *key, js_copy(js_get(boot, *key)));
	list = js_set(proof, "screenshots", js_array());
	for (size_t i = 0; i < js_count(shots); i++) {
		const char *path = js_str(js_at(shots, i), "");

		js_add_str(list, !strncmp(path, folder, n) && path[n] == '/' ? path + n + 1 : path);
	}
	return proof;
}

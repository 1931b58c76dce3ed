/* Fuzz: any bytes as dpkg's database, as a list of dependencies behind it, and as versions. */
#include "guest/files/dpkg.h"
#include "tests/fuzz/text_files.h"

static void versions(const char *a, const char *b)
{
	int there = dpkg_compare(a, b), back = dpkg_compare(b, a);

	if (dpkg_compare(a, a) != 0 || (there > 0) != (back < 0) || (there == 0) != (back == 0))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(arena_done) struct arena a = {0};
	AUTO(dpkg_closep) struct dpkg *d = NULL;
	const struct dpkg_further further = {"x", "1:2-3"};
	char *text = arena_strdup(&a, fuzz_text(&a, data, size)), *depends = strstr(text, "\n--\n");
	const char *missing = NULL;

	if (depends) {
		*depends = '\0';
		depends += 4;
	}
	if (dpkg_parse(text, &d, NULL) < 0)
		abort();
	if (!dpkg_satisfied(d, depends ? depends : text, &further, 1, &a, &missing) && !missing)
		abort();
	if (!strstr(dpkg_with(d, "x", "amd64", "Package: x\n", &a), "Package: x\n"))
		abort();
	versions(text, depends ? depends : "1.0-1");
	return 0;
}

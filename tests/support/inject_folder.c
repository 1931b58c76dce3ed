/* inject_folder FOLDER: inspects a folder as a Linux guest and puts virtio into it; prints changes, caps and findings.
 *
 * For the functional tests, which boot what it leaves.
 */
#include <stdio.h>

#include "drivers-inject/inject.h"
#include "inspectors/inspector.h"

static int run(const char *folder, struct inspection *i, struct changelog *log, struct err *err)
{
	AUTO(guest_closep) struct guest *g = NULL;
	AUTO(buf_done) struct buf out = BUF_INIT(1 << 24);
	AUTO(js_freep) struct json *caps_text = NULL;
	struct machine m = {0};
	struct caps caps = {0};

	i->os.family = OS_LINUX;
	if (guest_open_folder(folder, &g, err) < 0 || inspect_guest(g, &m, i, err) < 0 ||
	    inject_linux(g, i, log, &caps, err) < 0 || changelog_print(log, &out) < 0)
		return -1;
	caps_text = caps_json(&caps);
	if (js_print(caps_text, false, &out) < 0)
		return -1;
	puts(buf_str(&out));
	VEC_FOR (f, &i->findings)
		printf("%s: %s\n", f->id, f->text);
	return 0;
}

int main(int argc, char **argv)
{
	AUTO(inspection_freep) struct inspection *i = inspection_new();
	struct changelog log = {0};
	struct err err = ERR_INIT;
	int ret;

	if (argc != 2) {
		fputs("usage: inject_folder FOLDER\n", stderr);
		return 2;
	}
	ret = run(argv[1], i, &log, &err);
	if (ret < 0)
		fprintf(stderr, "%s\n", err.text);
	changelog_done(&log);
	return ret < 0;
}

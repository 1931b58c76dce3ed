/* Fuzz: what a machine may say on its control connection: frames, and inventories, up to its enrolment. */
#include "net/frame.h"
#include "run/serve/enrol.h"
#include "sources/physical.h"
#include "tests/fuzz/memory_stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was taken must be sound: the host trusts it. */
static void check_machine(const struct machine *m)
{
	if (!m->disks.n || m->disks.n > PHYSICAL_DISKS_MAX || m->nics.n > PHYSICAL_NICS_MAX || !m->name)
		abort();
	VEC_FOR (d, &m->disks)
		if (!d->capacity || d->capacity % d->logical_sector || d->folder || d->file)
			abort();
	VEC_FOR (n, &m->nics)
		if (strlen(n->mac) != 17)
			abort();
}

static void enrol(const struct json *inventory, const char *session)
{
	AUTO(enrol_freep) struct enrol *e = NULL;
	const struct token t = {{1}};
	struct enrol_machine *m, *again;
	enum enrol_change change;

	if (enrol_load(-1, &e, NULL) < 0 || enrol_add_token(e, &t, 1, 100, NULL) < 0)
		return;
	if (enrol_machine(e, &t, inventory, session, 1, &m, &change, NULL) < 0 || change != ENROL_NEW)
		abort();
	if (enrol_machine(e, &t, inventory, session, 1, &again, &change, NULL) < 0 || change == ENROL_NEW ||
	    m != again || strchr(m->name, '/') || *m->name == '.')
		abort();
	js_free(enrol_json(m));
}

static void take(const struct json *frame)
{
	AUTO(machine_freep) struct machine *m = machine_new();
	struct err err = ERR_INIT;

	if (physical_parse(frame, m, &err) < 0) {
		if (err.code != ERR_CORRUPT || !*err.text)
			abort();
		return;
	}
	check_machine(m);
	machine_complete(m);
	enrol(frame, "0123456789abcdef0123456789abcdef");
}

/* Frames one behind the other; or one alone without its length, which mutations mostly break. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct stream *s = memory_stream(data, size);
	bool bare = size && *data == '{';

	for (;;) {
		AUTO(js_freep) struct json *frame = NULL;
		struct err err = ERR_INIT;

		if ((bare ? frame_parse((const char *)data, size, &frame, &err)
			  : frame_receive(s, FRAME_MAX, &frame, &err)) < 0) {
			if (!err.code || !*err.text || err.code == ERR_INTERNAL)
				abort();
			break;
		}
		take(frame);
		if (bare)
			break;
	}
	stream_close(s);
	return 0;
}

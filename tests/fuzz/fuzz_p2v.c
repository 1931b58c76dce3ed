/* Fuzz: what a machine may say on its control connection: frames, and inventories, up to its enrolment.
 *
 * Mutations change values inside of the JSON text, which stays JSON most of the time, and the frame's length with it.
 */
#include "core/base/bytes.h"
#include "net/frame.h"
#include "run/serve/enrol.h"
#include "sources/physical.h"
#include "tests/fuzz/memory_stream.h"
#include "tests/fuzz/mutate.h"

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

/* ---- mutations ---- */

/* A value, an element or a member, as bytes of the text. */
struct span {
	size_t at, len;
};

static uint64_t draw(uint64_t *state, uint64_t n)
{
	*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return n ? (*state >> 33) % n : 0;
}

static size_t end_of_string(const uint8_t *t, size_t size, size_t at)
{
	for (at++; at < size && t[at] != '"'; at++)
		at += t[at] == '\\';
	return min_u64(at + 1, size);
}

/* Behind the value that begins at `at`, whatever is nested in it. */
static size_t end_of_value(const uint8_t *t, size_t size, size_t at)
{
	for (unsigned depth = 0; at < size; at++) {
		if (t[at] == '"')
			at = end_of_string(t, size, at) - 1;
		else if (t[at] == '{' || t[at] == '[')
			depth++;
		else if ((t[at] == '}' || t[at] == ']' || t[at] == ',') && !depth)
			return at;
		else if (t[at] == '}' || t[at] == ']')
			depth--;
	}
	return size;
}

/* A value behind a colon, or an element, somewhere in the text; len 0: there is none. */
static struct span pick_value(uint64_t *state, const uint8_t *t, size_t size)
{
	struct span ret = {0};
	uint64_t seen = 0;

	for (size_t at = 0; at < size; at++) {
		if (t[at] == '"') {
			at = end_of_string(t, size, at) - 1;
			continue;
		}
		if (t[at] != ':' && t[at] != '[' && t[at] != ',')
			continue;
		if (draw(state, ++seen))
			continue;
		ret.at = at + 1;
		ret.len = end_of_value(t, size, ret.at) - ret.at;
	}
	return ret;
}

/* Texts that are borders of something here. */
static const char *const borders[] = {
    "0",
    "-1",
    "1",
    "511",
    "512",
    "513",
    "4095",
    "4096",
    "8192",
    "8193",
    "9223372036854775807",
    "9223372036854775296",
    "18446744073709551616",
    "72057594037927936",
    "72057594037928448",
    "1e308",
    "0.5",
    "null",
    "true",
    "false",
    "{}",
    "[]",
    "[[]]",
    "\"\"",
    "\"..\"",
    "\"/\"",
    "\"a/../b\"",
    "\"\\u0000\"",
    "\"\\u001b[2J\"",
    "\"\\ud800\"",
    "\"localtime\"",
    "\"uefi\"",
    "\"nvme\"",
    "\"03000200-0400-0500-0006-000700080009\"",
    "\"ffffffff-ffff-ffff-ffff-ffffffffffff\"",
    "\"52:54:00:11:22:33\"",
};

static size_t replace(uint8_t *t, size_t size, size_t max, struct span what, const void *with, size_t n)
{
	if (size - what.len + n > max)
		return size;
	memmove(t + what.at + n, t + what.at + what.len, size - what.at - what.len);
	memcpy(t + what.at, with, n);
	return size - what.len + n;
}

/* Another value of the same text, a border, nothing, or itself twice as two elements. */
static size_t change_value(uint64_t *state, uint8_t *t, size_t size, size_t max)
{
	struct span to = pick_value(state, t, size), from = pick_value(state, t, size);
	const char *border = borders[draw(state, sizeof borders / sizeof *borders)];
	uint8_t other[4096];
	size_t n = min_u64(from.len, sizeof other - 1);

	if (!to.len)
		return size;
	memcpy(other, t + from.at, n);
	switch (draw(state, 8)) {
	case 0:
		return replace(t, size, max, to, other, n);
	case 1:
		other[n] = ',';
		to.len = 0;
		return replace(t, size, max, to, other, n + 1);
	case 2: /* with the comma behind it, where there is one */
		to.len += to.at + to.len < size && t[to.at + to.len] == ',';
		return replace(t, size, max, to, "", 0);
	case 3:
		LLVMFuzzerMutate(t + to.at, to.len, to.len);
		return size;
	default:
		return replace(t, size, max, to, border, strlen(border));
	}
}

static size_t change_text(uint64_t *state, uint8_t *t, size_t size, size_t max)
{
	for (uint64_t n = 1 + draw(state, 4); n--;)
		size = change_value(state, t, size, max);
	return size;
}

/* The last frame; what is in front stays. */
static size_t last_frame(const uint8_t *data, size_t size)
{
	size_t at = 0;

	while (at + 4 <= size && get_be32(data + at) < size - at - 4)
		at += 4 + get_be32(data + at);
	return at;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed)
{
	uint64_t state = seed;
	size_t at;

	if (!size || !draw(&state, 8))
		return LLVMFuzzerMutate(data, size, max);
	if (*data == '{')
		return change_text(&state, data, size, max);
	at = last_frame(data, size);
	if (at + 4 > size)
		return LLVMFuzzerMutate(data, size, max);
	size = at + 4 + change_text(&state, data + at + 4, size - at - 4, max - at - 4);
	put_be32(data + at, (uint32_t)(size - at - 4));
	return size;
}

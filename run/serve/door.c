/* Places for strangers, and connections of tokens. */
#include "run/serve/door.h"

#include <stddef.h>
#include <string.h>

/* ---- strangers ---- */

static bool is_inside(const struct stranger *s)
{
	return s->taken && !s->evicted;
}

/* How many places an address has; 0 for none in particular: all. */
static unsigned places_of(const struct door *d, uint64_t origin, bool all)
{
	unsigned ret = 0;

	for (unsigned i = 0; i < DOOR_PLACES; i++)
		ret += is_inside(&d->strangers[i]) && (all || d->strangers[i].origin == origin);
	return ret;
}

/* The oldest of an address, or of all that have as many places as the greediest; there is one. */
static unsigned oldest_of(const struct door *d, uint64_t origin, bool all)
{
	unsigned ret = 0, most = 0;

	for (unsigned i = 0; i < DOOR_PLACES; i++) {
		const struct stranger *s = &d->strangers[i];
		unsigned has;

		if (!is_inside(s) || (!all && s->origin != origin))
			continue;
		has = all ? places_of(d, s->origin, false) : 1;
		if (has > most || (has == most && s->since < d->strangers[ret].since)) {
			most = has;
			ret = i;
		}
	}
	return ret;
}

static bool take_place(struct door *d, uint64_t origin, uint64_t now, unsigned *ret)
{
	for (unsigned i = 0; i < DOOR_PLACES; i++) {
		if (d->strangers[i].taken)
			continue;
		d->strangers[i] = (struct stranger){.taken = true, .origin = origin, .since = now};
		*ret = i;
		return true;
	}
	return false;
}

enum door_answer door_knock(struct door *d, uint64_t origin, uint64_t now, unsigned *ret_place, int *ret_evicted)
{
	bool greedy = places_of(d, origin, false) >= DOOR_STRANGERS_OF_ONE;
	bool full = places_of(d, origin, true) >= DOOR_STRANGERS_MAX;
	unsigned oldest;

	*ret_evicted = -1;
	if (greedy || full) {
		oldest = oldest_of(d, origin, !greedy);
		if (now - d->strangers[oldest].since < DOOR_GRACE_MS)
			return greedy ? DOOR_CLOSED : DOOR_FULL;
		*ret_evicted = (int)oldest;
	}
	if (!take_place(d, origin, now, ret_place)) {
		*ret_evicted = -1;
		return DOOR_FULL;
	}
	if (*ret_evicted >= 0)
		d->strangers[*ret_evicted].evicted = true;
	return DOOR_OPEN;
}

void door_leave(struct door *d, unsigned place)
{
	d->strangers[place] = (struct stranger){.taken = false};
}

bool door_evicted(const struct door *d, unsigned place)
{
	return d->strangers[place].evicted;
}

/* ---- tokens ---- */

/* The entry of a token, or a free one. */
static int entry_of(const struct door *d, const char *identity)
{
	int ret = -1;

	for (int i = 0; i < ENROL_TOKENS_MAX; i++) {
		if (d->tokens[i].connections && !strcmp(d->tokens[i].identity, identity))
			return i;
		if (!d->tokens[i].connections)
			ret = i;
	}
	return ret;
}

bool door_admit(struct door *d, const struct token *t, unsigned machines)
{
	char identity[TOKEN_IDENTITY_TEXT];
	int i;

	token_identity(t, identity);
	i = entry_of(d, identity);
	if (i < 0 || d->tokens[i].connections >= (uint64_t)machines + DOOR_TOKEN_SPARE)
		return false;
	memcpy(d->tokens[i].identity, identity, sizeof identity);
	d->tokens[i].connections++;
	return true;
}

void door_dismiss(struct door *d, const struct token *t)
{
	char identity[TOKEN_IDENTITY_TEXT];
	int i;

	token_identity(t, identity);
	i = entry_of(d, identity);
	if (i >= 0 && d->tokens[i].connections)
		d->tokens[i].connections--;
}

/* A fixed address in netplan's YAML: the entry under ethernets is edited in its own lines.
 *
 * Mappings and sequences in braces that stand on one line are first spread over lines of their own, which mean the
 * same; what goes on behind its line is left to people.
 */
#include <string.h>

#include "core/base/buf.h"
#include "guest/files/netaddress.h"
#include "guest/files/yaml.h"

enum {
	UNFOLD_MAX = 1000,   /* items in braces: each becomes a line, and the lines behind it move */
	ITEM_MAX = 64 << 10, /* bytes of an address or a route, which has ten keys */
};

/* The entry: its first line, and the column of its keys. */
struct entry {
	struct lines *lines;
	size_t line;
	size_t indent; /* of the ID */
	size_t inner;  /* of its keys */
};

static bool is_empty(const char *text)
{
	size_t at = line_indent(text);

	return !text[at] || text[at] == '#';
}

/* Line behind the block whose key stands on a line at a column. A sequence may stand at its key's own column. */
static size_t block_end(const struct lines *l, size_t line, size_t indent)
{
	size_t end = line + 1;

	for (size_t i = line + 1; i < l->v.n; i++) {
		const char *text = l->v.v[i].text;
		size_t at = line_indent(text);

		if (is_empty(text))
			continue;
		if (at < indent || (at == indent && !(text[at] == '-' && is_blank(text[at + 1]))))
			break;
		end = i + 1;
	}
	return end;
}

/* The column of what is inside a block: that of its first line that isn't empty or a comment; false: nothing is. */
static bool column_inside(const struct lines *l, size_t line, size_t indent, size_t *ret)
{
	size_t end = block_end(l, line, indent);

	for (size_t i = line + 1; i < end; i++)
		if (!is_empty(l->v.v[i].text)) {
			*ret = line_indent(l->v.v[i].text);
			return true;
		}
	return false;
}

/* "key:" at a column: where its value begins, else 0. */
static size_t key_at(const char *text, size_t indent, const char *key)
{
	size_t at = line_indent(text), n = strlen(key);
	bool quoted = text[at] == '"' || text[at] == '\'';

	if (at != indent)
		return 0;
	at += quoted;
	if (strncmp(text + at, key, n) != 0)
		return 0;
	at += n;
	if (quoted && text[at++] != text[indent])
		return 0;
	if (text[at] != ':' || (text[at + 1] && !is_blank(text[at + 1])))
		return 0;
	return at + 1;
}

/* The line of a key among the lines from, to (exclusive); to when it isn't there. */
static size_t find_key(const struct lines *l, size_t from, size_t to, size_t indent, const char *key)
{
	while (from < to && !key_at(l->v.v[from].text, indent, key))
		from++;
	return from;
}

/* Length of one item in braces: to a comma or the closing bracket; 0 when it doesn't end on the line. */
static size_t item_len(const char *p)
{
	unsigned depth = 0;
	char quote = 0;

	for (size_t i = 0; p[i]; i++) {
		if (quote) {
			quote = p[i] == quote ? 0 : quote;
			continue;
		}
		if (p[i] == '"' || p[i] == '\'')
			quote = p[i];
		else if (strchr("[{", p[i]))
			depth++;
		else if (strchr("]}", p[i]) && !depth--)
			return i;
		else if (p[i] == ',' && !depth)
			return i;
	}
	return 0;
}

/* "key: {a: 1, b: 2}" and "key: [x, y]" on one line become lines of their own; false: it ends on another, or has too
 * many. */
static bool unfold(struct lines *l, size_t line, size_t indent)
{
	const char *text = l->v.v[line].text, *p = strpbrk(text, "[{");
	bool sequence = p && *p == '[';
	size_t at = line + 1;

	if (!p || is_empty(text) || strcspn(text, "#") < (size_t)(p - text))
		return true;
	line_splice(l, line, (size_t)(p - text), strlen(p), "");
	for (p++;; p++) {
		size_t len = item_len(p += line_indent(p));

		if (len)
			lines_insert(l, at++,
				     arena_printf(l->arena, "%*s%s%.*s", (int)indent + 2, "", sequence ? "- " : "",
						  (int)len, p));
		p += len;
		if (*p == ']' || *p == '}')
			return true;
		if (*p != ',' || at - line > UNFOLD_MAX)
			return false;
	}
}

/* --- the entry of the interface --- */

static bool names_card(const struct yaml_node *n, const struct net_address *a)
{
	if (strcmp(n->path[2], a->interface ? a->interface : a->label) == 0)
		return true;
	if (!n->value || n->depth < 4)
		return false;
	if (n->depth == 4 && strcmp(n->path[3], "set-name") == 0)
		return a->interface && strcmp(n->value, a->interface) == 0;
	return n->depth == 5 && strcmp(n->path[3], "match") == 0 &&
	       ((strcmp(n->path[4], "macaddress") == 0 && strcasecmp(n->value, a->mac) == 0) ||
		(strcmp(n->path[4], "name") == 0 && a->interface && strcmp(n->value, a->interface) == 0));
}

static const char *entry_id(struct lines *l, const struct net_address *a)
{
	struct yaml y;

	yaml_scan(l, &y);
	VEC_FOR (n, &y.nodes)
		if (n->depth > 2 && strcmp(n->path[0], "network") == 0 && strcmp(n->path[1], "ethernets") == 0 &&
		    names_card(n, a))
			return n->path[2];
	return NULL;
}

/* A key inside a block, whose own column is that of the first line in it. */
static bool descend(struct lines *l, size_t *line, size_t *indent, const char *key)
{
	size_t end = block_end(l, *line, *indent), at, inner;

	if (!column_inside(l, *line, *indent, &inner))
		return false;
	at = find_key(l, *line + 1, end, inner, key);
	if (at == end || !unfold(l, at, inner))
		return false;
	*line = at;
	*indent = inner;
	return true;
}

static bool find_entry(struct lines *l, const char *id, struct entry *e)
{
	size_t line = find_key(l, 0, l->v.n, 0, "network"), indent = 0;

	if (line == l->v.n || !unfold(l, line, 0) || !descend(l, &line, &indent, "ethernets") ||
	    !descend(l, &line, &indent, id))
		return false;
	*e = (struct entry){.lines = l, .line = line, .indent = indent, .inner = indent + 2};
	column_inside(l, line, indent, &e->inner);
	return true;
}

/* --- its keys --- */

/* "- 10.0.0.5/24" or "- to: default" … "via: 10.0.0.1" */
static bool is_stale_address(const char *item, bool v6)
{
	return net_of_family(item, strcspn(item, "/"), v6);
}

static const char *value_in(struct arena *a, const char *item, const char *key)
{
	const char *p = strstr(item, key);
	size_t n = strlen(key);

	while (p && ((p > item && !strchr(" \t{,\n", p[-1])) || p[n] != ':'))
		p = strstr(p + 1, key);
	if (!p)
		return "";
	p += n + 1;
	p += strspn(p, " \t\"'");
	return arena_strndup(a, p, strcspn(p, " \t\"',}\n"));
}

static bool is_stale_route(struct arena *a, const char *item, bool v6)
{
	const char *to = value_in(a, item, "to"), *via = value_in(a, item, "via");

	return (!strcmp(to, "default") || !strcmp(to, "0.0.0.0/0") || !strcmp(to, "::/0")) &&
	       net_of_family(via, strlen(via), v6);
}

/* The text of the item of a sequence that begins on a line, and its number of lines. Comments behind it stay there.
 * False: it is too long. */
static bool item_text(const struct lines *l, size_t line, size_t end, struct buf *ret, size_t *ret_n)
{
	size_t indent = line_indent(l->v.v[line].text);

	buf_clear(ret);
	buf_adds(ret, l->v.v[line].text + indent + 1);
	*ret_n = 1;
	for (size_t i = line + 1; i < end; i++) {
		const char *text = l->v.v[i].text;

		if (is_empty(text))
			continue;
		if (line_indent(text) <= indent)
			break;
		buf_addf(ret, "\n%s", text);
		*ret_n = i + 1 - line;
	}
	return !ret->failed;
}

/* Takes the items of the family out of a sequence; its key too when none is left. */
static bool drop_items(struct entry *e, const char *key, bool routes, bool v6)
{
	AUTO(buf_done) struct buf item = BUF_INIT(ITEM_MAX);
	struct lines *l = e->lines;
	size_t end = block_end(l, e->line, e->indent), at = find_key(l, e->line + 1, end, e->inner, key), left = 0;

	if (at == end)
		return true;
	if (!unfold(l, at, e->inner))
		return false;
	end = block_end(l, at, e->inner);
	for (size_t i = at + 1; i < end;) {
		const char *text = l->v.v[i].text;
		size_t n, indent = line_indent(text);

		if (is_empty(text)) {
			i++;
			continue;
		}
		if (text[indent] != '-' || !item_text(l, i, end, &item, &n))
			return false;
		if (routes ? is_stale_route(l->arena, buf_str(&item), v6) : is_stale_address(buf_str(&item), v6)) {
			lines_cut(l, i, n);
			end -= n;
		} else {
			left++;
			i += n;
		}
	}
	if (!left)
		lines_remove(l, at);
	return true;
}

static void drop_key(struct entry *e, const char *key)
{
	struct lines *l = e->lines;
	size_t end = block_end(l, e->line, e->indent), at = find_key(l, e->line + 1, end, e->inner, key);

	if (at == end)
		return;
	lines_cut(l, at, block_end(l, at, e->inner) - at);
}

/* Search domains stay where the servers go. */
static bool drop_servers(struct entry *e)
{
	struct lines *l = e->lines;
	size_t end = block_end(l, e->line, e->indent), at = find_key(l, e->line + 1, end, e->inner, "nameservers"),
	       servers, inner = 0;

	if (at == end)
		return true;
	if (!unfold(l, at, e->inner))
		return false;
	end = block_end(l, at, e->inner);
	column_inside(l, at, e->inner, &inner);
	servers = find_key(l, at + 1, end, inner, "addresses");
	if (servers < end)
		lines_cut(l, servers, block_end(l, servers, inner) - servers);
	if (block_end(l, at, e->inner) == at + 1)
		lines_remove(l, at);
	return true;
}

/* --- what is new --- */

/* Puts "- text" as the first item behind a key of the entry, which is made when it isn't there. */
static void add_item(struct entry *e, const char *key, const char *text)
{
	struct lines *l = e->lines;
	size_t end = block_end(l, e->line, e->indent), at = find_key(l, e->line + 1, end, e->inner, key),
	       indent = e->inner;

	if (at == end) {
		at = e->line + 1;
		lines_insert(l, at, arena_printf(l->arena, "%*s%s:", (int)e->inner, "", key));
	} else {
		column_inside(l, at, e->inner, &indent);
	}
	lines_insert(l, at + 1, arena_printf(l->arena, "%*s- %s", (int)indent, "", text));
}

static void add_servers(struct entry *e, const struct static_ip *ip)
{
	struct lines *l = e->lines;
	size_t end = block_end(l, e->line, e->indent), at = find_key(l, e->line + 1, end, e->inner, "nameservers"),
	       indent = e->inner + 2;

	if (at == end) {
		at = e->line + 1;
		lines_insert(l, at, arena_printf(l->arena, "%*snameservers:", (int)e->inner, ""));
	} else {
		column_inside(l, at, e->inner, &indent);
	}
	lines_insert(
	    l, at + 1,
	    arena_printf(l->arena, "%*saddresses: [%s]", (int)indent, "", net_servers(l->arena, ip, "\"", ", ")));
}

/* --- is it what was meant? --- */

/* All items of a sequence of the entry stand at one column; those of addresses and routes have no sequences in them. */
static bool is_even(const struct entry *e, const char *key)
{
	const struct lines *l = e->lines;
	size_t end = block_end(l, e->line, e->indent), at = find_key(l, e->line + 1, end, e->inner, key), column;

	if (at == end || !column_inside(l, at, e->inner, &column))
		return true;
	end = block_end(l, at, e->inner);
	for (size_t i = at + 1; i < end; i++) {
		const char *text = l->v.v[i].text;
		size_t indent = line_indent(text);
		bool item = text[indent] == '-' && is_blank(text[indent + 1]);

		if (!is_empty(text) && (indent < column || item != (indent == column)))
			return false;
	}
	return true;
}

/* Does a key of the entry have the value? The last keys: "nameservers" "addresses", or "routes" "via". */
static bool has_value(const struct yaml *y, const char *id, const char *key, const char *inner, const char *value)
{
	unsigned depth = inner ? 5 : 4;

	VEC_FOR (n, &y->nodes)
		if (n->depth == depth && n->value && strcmp(n->path[1], "ethernets") == 0 &&
		    strcmp(n->path[2], id) == 0 && strcmp(n->path[3], key) == 0 &&
		    (!inner || strcmp(n->path[4], inner) == 0) && strcmp(n->value, value) == 0)
			return true;
	return false;
}

/* Read again, it says what it is to say. */
static bool reads_as(const struct entry *e, const char *id, const struct static_ip *ip)
{
	struct yaml y;

	yaml_scan(e->lines, &y);
	VEC_FOR (server, &ip->dns)
		if (!has_value(&y, id, "nameservers", "addresses", *server))
			return false;
	return is_even(e, "addresses") && is_even(e, "routes") &&
	       has_value(&y, id, "addresses", NULL, arena_printf(e->lines->arena, "%s/%u", ip->address, ip->prefix)) &&
	       (!ip->gateway || has_value(&y, id, "routes", "via", ip->gateway));
}

/* networkd takes the first file that matches a card, in the order of the IDs: this one is before patterns ("all-en").
 */
static void begin_file(struct lines *l, const struct net_address *a)
{
	static const char *const begin[] = {"# Written by rehost.", "network:", "  version: 2", "  ethernets:"};

	for (size_t k = 0; k < sizeof begin / sizeof *begin; k++)
		lines_insert(l, l->v.n, begin[k]);
	lines_insert(l, l->v.n, arena_printf(l->arena, "    0-rehost-%s:", a->label));
	lines_insert(l, l->v.n, "      match:");
	lines_insert(l, l->v.n, arena_printf(l->arena, "        macaddress: \"%s\"", a->mac));
}

bool netplan_set_address(struct lines *l, const struct net_address *a)
{
	const struct static_ip *ip = a->ip;
	struct entry e;
	const char *id;

	if (!l->v.n)
		begin_file(l, a);
	id = entry_id(l, a);
	if (!id || !find_entry(l, id, &e))
		return false;
	if (!drop_items(&e, "addresses", false, ip->v6) || !drop_items(&e, "routes", true, ip->v6) ||
	    (ip->dns.n && !drop_servers(&e)))
		return false;
	drop_key(&e, ip->v6 ? "dhcp6" : "dhcp4");
	drop_key(&e, ip->v6 ? "gateway6" : "gateway4");
	if (ip->dns.n)
		add_servers(&e, ip);
	if (ip->gateway)
		add_item(
		    &e, "routes",
		    arena_printf(l->arena, "{to: \"%s\", via: \"%s\"}", ip->v6 ? "::/0" : "0.0.0.0/0", ip->gateway));
	add_item(&e, "addresses", arena_printf(l->arena, "\"%s/%u\"", ip->address, ip->prefix));
	return reads_as(&e, id, ip);
}

/* VGA text: the characters of a text-mode screen, read from the adapter's memory through qemu's monitor. */
#include "run/proof/vgatext.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS = 80, CELLS = 32768 / 2 };

/* The answer's lines are "ADDRESS: 0xWORD 0xWORD …"; a word is two cells, each a character and its attribute, low byte
 * first. Returns how many characters were found. */
static size_t read_cells(const char *answer, unsigned char *cells)
{
	size_t n = 0;

	for (const char *at = answer; n + 2 <= CELLS && (at = strstr(at, " 0x"));) {
		char *end;
		unsigned long word = strtoul(at + 1, &end, 16);

		cells[n++] = word & 0xff;
		cells[n++] = word >> 16 & 0xff;
		at = end;
	}
	return n;
}

static char printable(unsigned char c)
{
	if (c == 0 || c == 255)
		return ' ';
	if (c >= 0xb0 && c <= 0xdf)
		return '#';
	return c >= ' ' && c < 0x7f ? (char)c : '?';
}

/* Pixels read as cells are mostly outside the printable range; so are the fonts that lie here in planar modes. */
static bool looks_like_text(const unsigned char *cells, size_t n)
{
	size_t odd = 0, inked = 0;

	for (size_t i = 0; i < n; i++) {
		char c = printable(cells[i]);

		odd += c == '?' && cells[i] != '?';
		inked += c != ' ' && c != '#';
	}
	return inked && odd * 20 <= inked;
}

int vgatext_decode(const char *answer, struct buf *rows)
{
	unsigned char cells[CELLS];
	size_t n = read_cells(answer, cells);

	if (!looks_like_text(cells, n))
		return 0;
	for (size_t row = 0; row + COLUMNS <= n; row += COLUMNS) {
		char line[COLUMNS + 1];
		size_t len = COLUMNS;

		for (size_t i = 0; i < COLUMNS; i++)
			line[i] = printable(cells[row + i]);
		while (len && line[len - 1] == ' ')
			len--;
		if (!len)
			continue;
		line[len++] = '\n';
		if (buf_add(rows, line, len) < 0)
			return -1;
	}
	return 0;
}

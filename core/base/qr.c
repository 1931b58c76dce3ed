/* QR codes as half blocks. The only includer of libqrencode. */
#include "core/base/qr.h"

#ifdef REHOST_QRENCODE
#include <qrencode.h>

enum { QUIET = 2 /* light modules around; 4 by the standard, but what surrounds them on a screen is quiet, too */ };

/* Of the least significant bit: dark. What is outside is light. */
static bool is_dark(const QRcode *code, int x, int y)
{
	return x >= 0 && y >= 0 && x < code->width && y < code->width && (code->data[y * code->width + x] & 1);
}

static void print_rows(const QRcode *code, struct buf *to)
{
	/* upper and lower module light: */
	static const char *const blocks[2][2] = {{" ", "▄"}, {"▀", "█"}};

	for (int y = -QUIET; y < code->width + QUIET; y += 2) {
		for (int x = -QUIET; x < code->width + QUIET; x++)
			buf_adds(to, blocks[!is_dark(code, x, y)][!is_dark(code, x, y + 1)]);
		buf_adds(to, "\n");
	}
}

bool qr_print(const char *text, struct buf *to)
{
	/* Letters of one case and digits take less room than bytes: the code gets smaller. */
	QRcode *code = QRcode_encodeString(text, 0, QR_ECLEVEL_L, QR_MODE_8, 0);

	if (!code)
		return false;
	print_rows(code, to);
	QRcode_free(code);
	return true;
}
#else
bool qr_print(const char *text, struct buf *to)
{
	return false;
}
#endif

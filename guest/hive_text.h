/* Registry data as text: UTF-16 both ways, and lines like those of .reg files for records. */
#ifndef REHOST_GUEST_HIVE_TEXT_H
#define REHOST_GUEST_HIVE_TEXT_H

#include "core/base/buf.h"
#include "guest/hive.h"

/* UTF-8 up to the first NUL character, at most len bytes of UTF-16LE; *ret_used: bytes of input, with the NUL. */
char *reg_text_next(struct arena *a, const uint8_t *data, size_t len, size_t *ret_used);

/* Adds text as UTF-16LE with a NUL behind it. ERR_INTERNAL: it is no UTF-8, or too long. */
int reg_text_encode(const char *text, struct buf *out, struct err *err);

/* Adds one line: "Start"=dword:00000000. Text types other than REG_SZ are readable, too ("x"=expand_sz:"%A%\\b",
 * "y"=multi_sz:"a","b"); long binary data are cut. */
void reg_line(struct buf *out, const struct reg_value *v);

#endif

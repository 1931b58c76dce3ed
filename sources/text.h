/* Words and numbers as metadata files write them. */
#ifndef REHOST_SOURCES_TEXT_H
#define REHOST_SOURCES_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/model/machine.h"

/* Decimal digits and nothing else, up to 2^64 - 1. s may be NULL. */
bool text_u64(const char *s, uint64_t *ret);

/* Such a number up to max; 0 for "". what names it in the error, which is ERR_CORRUPT. */
int text_number(const char *what, const char *text, uint64_t max, uint64_t *ret, struct err *err);

/* The unit of a DMTF AllocationUnits text as a factor (DSP0004 annex C, the forms found in the wild): "byte * 2^20",
 * "byte * 2 ^ 20", "MegaBytes", "MB", "hertz * 10^6", "MegaHertz", "byte". False when it isn't known. */
bool text_unit(const char *s, uint64_t *ret_factor);

/* Twelve hex digits with ':' or '-' or nothing between, made lower case with ':'. Multicast and all-zero addresses are
 * not a NIC's. s may be NULL. */
bool text_mac(const char *s, char ret[18]);

/* 32 hex digits with anything of " -{}" between them: VMX's "56 4d …-77 …" and RFC 4122's form alike. s may be NULL. */
bool text_uuid(const char *s, char ret[37]);

/* TRUE, true, 1, yes; everything else is false. */
bool text_true(const char *s);

bool text_ends_with(const char *s, const char *end); /* ignoring case */

/* An absolute path, or one with a ".." in it: not a name beneath a folder. */
bool text_leads_outside(const char *path);

/* The first name of a list ("someother, lsilogic", "VMXNET3 virtio") that we know; unknown when none is. */
enum controller text_scsi_model(const char *list);
enum nic_model text_nic_model(const char *list);

/* VMware's clock is local time for Windows guests, UTC for the others. guest_os: "windows9_64Guest", "winxppro" … */
enum clock_offset text_clock(const char *guest_os);

/* A copy that is UTF-8: as it is, or else taken as Latin-1. NULL gives NULL. */
char *text_utf8(struct arena *a, const char *s);

#endif

/* The changes of a hive on their way into the change log. */
#ifndef REHOST_GUEST_HIVE_RECORD_H
#define REHOST_GUEST_HIVE_RECORD_H

#include "guest/hive.h"

/* One change: of a value, or of a whole key. */
struct hive_edit {
	char *key;	    /* whole: "HKEY_LOCAL_MACHINE\SYSTEM\ControlSet001\Services\viostor" */
	bool before, after; /* was the key there, is it now */
	char *lines_before; /* of reg_line(): what is gone; "" nothing */
	char *lines_after;  /* what is new */
	char *reason;
};

struct hive_edits {
	VEC(struct hive_edit) list;
};

/* Records them as changes of the file at path: neighbours of one reason together. */
void hive_edits_record(const struct hive_edits *edits, struct changelog *log, const char *path);

#endif

/* A manifest's values against the types of their keys. */
#ifndef REHOST_RUN_BATCH_MANIFEST_VALUE_H
#define REHOST_RUN_BATCH_MANIFEST_VALUE_H

#include "run/batch/manifest_key.h"
#include "run/batch/manifest_node.h"

/* 0, or the error that names the key, the value and what was expected. */
int manifest_value_check(const struct manifest_doc *d, const struct manifest_key *key,
			 const struct manifest_node *node);

/* The texts of a checked value, paths made absolute; a list or one. */
struct manifest_texts {
	const char *const *v;
	size_t n;
};
struct manifest_texts manifest_value_texts(struct arena *a, const struct manifest_key *key,
					   const struct manifest_node *node, const char *dir);

bool manifest_value_flag(const struct manifest_node *node);
unsigned manifest_value_number(const struct manifest_node *node);

#endif

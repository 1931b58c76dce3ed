/* What reading an OVF descriptor works with; only sources/ovf*.c include it. */
#ifndef REHOST_SOURCES_OVF_PARSER_H
#define REHOST_SOURCES_OVF_PARSER_H

#include "core/base/xml.h"
#include "sources/ovf.h"

/* CIM_ResourceAllocationSettingData.ResourceType, the values that concern us. */
enum ovf_resource {
	RESOURCE_CPU = 3,
	RESOURCE_MEMORY = 4,
	RESOURCE_IDE = 5,
	RESOURCE_SCSI = 6,
	RESOURCE_ETHERNET = 10,
	RESOURCE_FLOPPY = 14,
	RESOURCE_CD = 15,
	RESOURCE_DVD = 16,
	RESOURCE_DISK = 17,
	RESOURCE_STORAGE_EXTENT = 19, /* XenCenter's disks */
	RESOURCE_STORAGE = 20,	      /* "other storage device": SATA, NVMe */
	RESOURCE_USB = 23,
	RESOURCE_VIDEO = 24,
	RESOURCE_LOGICAL_DISK = 31,
};

struct ovf_item {
	const struct xml_node *node;
	const char *id;	   /* InstanceID */
	const char *words; /* what it is called, for messages */
	uint64_t type;
	bool of_configuration; /* stands only in the chosen deployment option */
	/* of what hangs on it: read once, as many items may name it */
	enum controller controller;
	unsigned bus;
};

struct ovf_parser {
	struct machine *m;
	struct arena *a; /* the machine's */
	struct ovf *ovf;
	const struct source_options *options;
	const char *name;
	const struct xml_node *envelope, *system, *hardware;
	VEC(struct ovf_item) items;
	struct err *err;
};

static inline const char *or_empty(const char *s)
{
	return s ? s : "";
}

bool ovf_is_section(const struct xml_node *n, const char *kind);
/* The child of that kind, NULL when there is none. */
const struct xml_node *ovf_section(const struct xml_node *parent, const char *kind);

/* The text of an item's field, NULL when it has none. */
char *ovf_item_text(struct ovf_parser *p, const struct ovf_item *i, const char *name);
/* By InstanceID; NULL when there is none. */
const struct ovf_item *ovf_find_item(struct ovf_parser *p, const char *id);
/* The value of a vmw:Config beneath n, NULL when it isn't there. */
char *ovf_config(struct ovf_parser *p, const struct xml_node *n, const char *key);

/* Fills controller and bus. */
void ovf_read_controller(struct ovf_parser *p, struct ovf_item *i);
/* Whether its HostResource has the form of a disk or a file. */
bool ovf_is_backed(struct ovf_parser *p, const struct ovf_item *i);
int ovf_read_disk(struct ovf_parser *p, const struct ovf_item *i);
int ovf_read_nic(struct ovf_parser *p, const struct ovf_item *i);
int ovf_read_removable(struct ovf_parser *p, const struct ovf_item *i);
/* VirtualBox states MAC addresses only in its own description beside: the cards get those of the adapters that are
 * enabled there, in the order of their slots, when there are as many. */
void ovf_vbox_macs(struct ovf_parser *p);

#endif

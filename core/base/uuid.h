/* Identities of disks, partitions and images: fresh ones, and their text. The only includer of libuuid. */
#ifndef REHOST_CORE_BASE_UUID_H
#define REHOST_CORE_BASE_UUID_H

enum {
	UUID_BYTES = 16,
	UUID_TEXT = 37, /* with its NUL */
};

/* A random UUID (RFC 4122, version 4), first byte first. */
void uuid_make(unsigned char ret[UUID_BYTES]);

/* The same as Windows keeps a GUID in a file: its first three groups are little-endian numbers. */
void uuid_make_guid(unsigned char ret[UUID_BYTES]);

/* Its text, in lower case: "8be4df61-93ca-11d2-aa0d-00e098032b8c". */
void uuid_guid_text(const unsigned char guid[UUID_BYTES], char ret[UUID_TEXT]);

#endif

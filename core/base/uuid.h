/* Fresh identities for disks. The only includer of libuuid. */
#ifndef REHOST_CORE_BASE_UUID_H
#define REHOST_CORE_BASE_UUID_H

enum { UUID_BYTES = 16 };

/* A random UUID (RFC 4122, version 4), first byte first. */
void uuid_make(unsigned char ret[UUID_BYTES]);

/* The same as Windows keeps a GUID in a file: its first three groups are little-endian numbers. */
void uuid_make_guid(unsigned char ret[UUID_BYTES]);

#endif

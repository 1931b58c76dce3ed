/* Numbers of the NBD protocol (doc/proto.md of the NetworkBlockDevice project); all are big-endian on the wire. */
#ifndef REHOST_NET_NBD_PROTOCOL_H
#define REHOST_NET_NBD_PROTOCOL_H

#include <stdint.h>

/* Newstyle negotiation */
#define NBD_MAGIC	    UINT64_C(0x4e42444d41474943) /* "NBDMAGIC" */
#define NBD_OPTION_MAGIC    UINT64_C(0x49484156454f5054) /* "IHAVEOPT" */
#define NBD_OPT_REPLY_MAGIC UINT64_C(0x0003e889045565a9)

enum { /* handshake flags, both directions */
       NBD_FLAG_FIXED_NEWSTYLE = 1 << 0,
       NBD_FLAG_NO_ZEROES = 1 << 1,
};

enum {
	NBD_OPT_EXPORT_NAME = 1,
	NBD_OPT_ABORT = 2,
	NBD_OPT_LIST = 3,
	NBD_OPT_INFO = 6,
	NBD_OPT_GO = 7,
	NBD_OPT_STRUCTURED_REPLY = 8,
	NBD_OPT_LIST_META_CONTEXT = 9,
	NBD_OPT_SET_META_CONTEXT = 10,
};

#define NBD_REP_ACK	     UINT32_C(1)
#define NBD_REP_SERVER	     UINT32_C(2)
#define NBD_REP_INFO	     UINT32_C(3)
#define NBD_REP_META_CONTEXT UINT32_C(4)
#define NBD_REP_ERR_UNSUP    UINT32_C(0x80000001)
#define NBD_REP_ERR_INVALID  UINT32_C(0x80000003)
#define NBD_REP_ERR_UNKNOWN  UINT32_C(0x80000006)

enum { NBD_INFO_EXPORT = 0, NBD_INFO_BLOCK_SIZE = 3 };

enum { /* transmission flags */
       NBD_FLAG_HAS_FLAGS = 1 << 0,
       NBD_FLAG_READ_ONLY = 1 << 1,
       NBD_FLAG_SEND_FLUSH = 1 << 2,
       NBD_FLAG_SEND_FUA = 1 << 3,
       NBD_FLAG_SEND_TRIM = 1 << 5,
       NBD_FLAG_SEND_WRITE_ZEROES = 1 << 6,
       NBD_FLAG_SEND_DF = 1 << 7,
       NBD_FLAG_CAN_MULTI_CONN = 1 << 8,
};

/* Transmission */
#define NBD_REQUEST_MAGIC	   UINT32_C(0x25609513)
#define NBD_SIMPLE_REPLY_MAGIC	   UINT32_C(0x67446698)
#define NBD_STRUCTURED_REPLY_MAGIC UINT32_C(0x668e33ef)

enum {
	NBD_CMD_READ = 0,
	NBD_CMD_WRITE = 1,
	NBD_CMD_DISC = 2,
	NBD_CMD_FLUSH = 3,
	NBD_CMD_TRIM = 4,
	NBD_CMD_WRITE_ZEROES = 6,
	NBD_CMD_BLOCK_STATUS = 7,
	NBD_CMD_REHOST_SUMS = 0x4001, /* ours, where NBD_CONTEXT_LEDGER was agreed (docs/p2v.md) */
};

enum { /* command flags */
       NBD_CMD_FLAG_FUA = 1 << 0,
       NBD_CMD_FLAG_NO_HOLE = 1 << 1,
       NBD_CMD_FLAG_DF = 1 << 2,
       NBD_CMD_FLAG_REQ_ONE = 1 << 3,
       NBD_CMD_FLAG_REHOST_ZSTD = 1 << 5, /* of NBD_CMD_READ, where NBD_CONTEXT_ZSTD was agreed: data may be packed */
       NBD_CMD_FLAG_REHOST_ANEW = 1 << 4, /* of NBD_CMD_REHOST_SUMS: from the disk, whatever is remembered */
};

enum { NBD_REPLY_FLAG_DONE = 1 << 0 };

enum { /* chunk types */
       NBD_REPLY_TYPE_NONE = 0,
       NBD_REPLY_TYPE_OFFSET_DATA = 1,
       NBD_REPLY_TYPE_OFFSET_HOLE = 2,
       NBD_REPLY_TYPE_BLOCK_STATUS = 5,
       NBD_REPLY_TYPE_REHOST_HASH = 0x4001, /* ours, where NBD_CONTEXT_HASH was agreed (docs/p2v.md) */
       NBD_REPLY_TYPE_REHOST_SUMS = 0x4002,
       NBD_REPLY_TYPE_REHOST_ZSTD = 0x4003,
       NBD_REPLY_TYPE_ERROR = (1 << 15) + 1,
};

#define NBD_CONTEXT_ALLOCATION "base:allocation"
#define NBD_CONTEXT_HASH       "x-rehost:xxh3"
#define NBD_CONTEXT_LEDGER     "x-rehost:ledger"
#define NBD_CONTEXT_ZSTD       "x-rehost:zstd"

/* In a request for sums: a chunk's offset and the bits of its blocks. In the answer: 64 bits each. */
enum { NBD_SUMS_MAX = 32, NBD_SUMS_ENTRY = 8 + 64 };

enum { NBD_STATE_HOLE = 1 << 0, NBD_STATE_ZERO = 1 << 1 }; /* of base:allocation */

enum {
	NBD_EPERM = 1,
	NBD_EIO = 5,
	NBD_ENOMEM = 12,
	NBD_EINVAL = 22,
	NBD_ENOSPC = 28,
	NBD_EBADMSG = 74, /* ours: what came from the machine is wrong time and again (docs/p2v.md) */
	NBD_EOVERFLOW = 75,
	NBD_ENOTSUP = 95,
	NBD_ESHUTDOWN = 108,
};

enum {
	NBD_PAYLOAD_MAX = 32 << 20, /* what every client may send and ask for, by the document */
	NBD_OPTION_MAX = 64 << 10,  /* a name is at most 4 KiB; sixteen times that is generous */
	NBD_NAME_MAX = 4096,
};

#endif

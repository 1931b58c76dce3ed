/* Opening images: a folder that bounds every name an image may follow, the bid of each format, and the registry. */
#ifndef REHOST_FORMATS_OPEN_H
#define REHOST_FORMATS_OPEN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "formats/block.h"

struct open_args;
struct format;
struct image_facts;
struct throttle;
struct check;
struct image_snapshot;
struct keys;
struct charset;

/* A folder that the user allows names inside images to lead to (--allow-parent). */
struct allowed_folder {
	int dirfd;	  /* borrowed; O_PATH is enough */
	const char *path; /* as the user gave it */
};

/* What the user asks for or puts up with, of an image and of all that it names. Borrowed while images are opened. */
struct open_options {
	const struct allowed_folder *allowed;
	size_t nallowed;
	bool allow_truncated;	       /* what a file lacks at its end reads as zeros, with a warning */
	struct throttle *throttle;     /* how fast files are read; NULL: as fast as they can be */
	bool ignore_checksum;	       /* a header whose checksum is wrong counts, with a warning */
	const struct keys *keys;       /* passphrases of encrypted images; NULL: none (core/base/keys.h) */
	bool tables_only;	       /* data won't be read, so an encrypted image opens without its key */
	const struct charset *charset; /* of names in VMDK descriptors that state it; NULL: they are bytes */
	const char *snapshot;	       /* of the top image of a chain: what it was, by ID or name; NULL: what it is */
};

/* Where names inside images lead: beneath one folder, or those that the options allow, never elsewhere. */
struct folder {
	int dirfd;			    /* borrowed; O_PATH is enough */
	const char *path;		    /* for messages */
	const struct open_options *options; /* NULL: none */
	/* NULL, or told of each file of the image when it is opened; fd is borrowed. */
	void (*opened)(int fd, const char *name, void *opaque);
	/* NULL, or told of each image of a chain, the top one first, when its format is known and before it is opened.
	 * Extents and data files are none. */
	void (*image)(const struct open_args *args, const struct format *format, void *opaque);
	void *opaque;
};

enum {
	CHAIN_DEPTH_MAX = 64, /* VMware stops at 32, Hyper-V at 64: deeper is an attack or an accident */
};

/* One file of a chain, so that a loop is found by (device, inode). */
struct chain_link {
	const struct chain_link *above; /* the image that named this one; NULL at the top */
	dev_t dev;
	ino_t ino;
	unsigned depth;
};

/* What a format gets to open. */
struct open_args {
	struct block *file; /* the bytes of the image file; owned by the new block on success, by the caller else */
	const struct folder *folder;	    /* for names inside it; NULL: it may name nothing */
	const struct open_options *options; /* NULL: none */
	const struct chain_link *chain;
	const char *name; /* the file's name in its folder */
};

/* The snapshot that the user wants of this image, which is the top one of its chain; NULL: none. */
static inline const char *open_snapshot(const struct open_args *args)
{
	return args->options && !(args->chain && args->chain->above) ? args->options->snapshot : NULL;
}

static inline const struct charset *open_charset(const struct open_args *args)
{
	return args->options ? args->options->charset : NULL;
}

static inline bool open_allows_truncated(const struct open_args *args)
{
	return args->options && args->options->allow_truncated;
}

static inline bool open_ignores_checksum(const struct open_args *args)
{
	return args->options && args->options->ignore_checksum;
}

enum {
	PROBE_HEAD = 69632,    /* the farthest signature we know ends at 0x1006b: btrfs */
	PROBE_TAIL = 64 << 10, /* VHD_TAIL: something may follow the footer of a VHD */
};

/* First and last bytes, read once for all bids. */
struct probe {
	uint64_t file_size;
	unsigned char head[PROBE_HEAD]; /* zero-filled behind the end of file */
	unsigned char
	    tail[PROBE_TAIL]; /* right-aligned: tail[PROBE_TAIL - 1] is the last byte of the file; zeros before it */
	const char *name;
};

enum {
	BID_NONE = 0,
	BID_RAW_EVIDENCE = 1, /* raw: a partition table or file system is there; wins only alone */
	BID_SURE = 100,	      /* magic and sanity agree */
};

/* What is set aside for data that isn't there. */
enum preallocation {
	PREALLOCATION_OFF = 0,
	PREALLOCATION_METADATA, /* tables as if all were written; the file is sparse */
	PREALLOCATION_FALLOC,	/* and the file system has reserved the room */
	PREALLOCATION_FULL,	/* and zeros are written */
};

/* The variant of a format; each has some of them. */
enum subformat { SUBFORMAT_DEFAULT = 0, SUBFORMAT_DYNAMIC, SUBFORMAT_FIXED, SUBFORMAT_STREAM_OPTIMIZED };

/* The controller that a VMDK says it is for. */
enum adapter { ADAPTER_LSILOGIC = 0, ADAPTER_BUSLOGIC, ADAPTER_IDE, ADAPTER_LEGACY_ESX };

struct create_options {
	uint32_t cluster_size; /* 0: the format's default (qcow2 65536) */
	int codec;	       /* enum codec; CODEC_UNKNOWN: not compressed */
	int level;
	bool resume; /* the file holds data of an earlier run: don't truncate; adopt() will tell what counts */
	uint32_t logical_sector;
	int preallocation;   /* enum preallocation */
	bool extended_l2;    /* qcow2: subclusters */
	bool lazy_refcounts; /* qcow2; never written: ERR_UNSUPPORTED */
	int subformat;	     /* enum subformat */
	int adapter;	     /* VMDK: enum adapter */
	uint32_t block_size; /* VHDX; 0: by the disk's size */
};

struct format {
	const char *name;	 /* "vmdk": the name for -f, docs page, test and fuzz target */
	const char *alias;	 /* what qemu-img calls it, where that differs; NULL: nothing */
	const char *description; /* one line for `rehost formats` */
	/* How sure we are that this is ours. Never reads beyond the probe. */
	int (*bid)(const struct probe *p);
	int (*open)(const struct open_args *args, struct block **ret, struct err *err);
	/* The size of the disk that the first bytes of a file of this format state, bytes, unchecked; 0: they don't.
	 * The probe has no tail. NULL: they never do. */
	uint64_t (*announces)(const struct probe *p);
	/* NULL: read only. fd is an empty file opened read-write, owned by the block on success. */
	int (*create)(int fd, const char *name, uint64_t size, const struct create_options *options, struct block **ret,
		      struct err *err);
	const char *const *create_keys; /* options that create() looks at (formats/create_options.c); NULL: none */
	/* Calls fn for each snapshot inside the image until it returns non-zero, which is returned; open() follows
	 * options->snapshot then. NULL: there are none. formats/facts.h */
	int (*snapshots)(const struct open_args *args,
			 int (*fn)(const struct image_snapshot *s, void *opaque, struct err *err), void *opaque,
			 struct err *err);
	/* NULL: nothing but sizes is known. See formats/facts.h. */
	int (*facts)(const struct open_args *args, struct image_facts *ret, struct err *err);
	/* NULL: there is no structure to check. See formats/check.h. */
	int (*check)(const struct open_args *args, struct check *c, struct err *err);
};

/* All formats, NULL-terminated table of pointers. */
extern const struct format *const formats[];
const struct format *format_by_name(const char *name); /* or by its alias; NULL when unknown */

/* Chooses by bid. Nothing bids: ERR_UNSUPPORTED that names size and first bytes, and the format's name when it is one
 * that we only recognise. Two sure bids, or a sure one and a partition table where a guest could have written both:
 * ERR_CORRUPT. No byte at all: ERR_CORRUPT. */
int format_probe(struct block *file, const char *name, const struct format **ret, struct err *err);

/* The most bytes that a file can have which begins so and isn't at hand as a whole (it is being unpacked); format NULL:
 * what the first bytes say. UINT64_MAX: nothing tells. Image files keep room that is free again, hence four times what
 * their header announces, and 1 GiB. */
uint64_t format_file_bound(const void *head, size_t len, const struct format *format);

/* Opens `ref` as image_resolve() (formats/resolve.h) understands it, as bytes: an extent, an external data file.
 * Regular files only. */
int image_open_beside(const struct open_args *args, const char *ref, struct block **ret, struct err *err);

/* Opens folder/name as a disk image, following what it names inside the folder only. format NULL: by bid. The file is
 * opened read-only through file_open_beneath(). above is NULL for a top image, which may be a block device. */
int image_open(const struct folder *folder, const char *name, const struct format *format,
	       const struct chain_link *above, struct block **ret, struct err *err);

/* The same for len bytes at off inside folder/name (len 0: to the end): a disk inside an OVA. The image may then name
 * nothing outside itself. */
int image_open_window(const struct folder *folder, const char *name, uint64_t off, uint64_t len,
		      const struct format *format, struct block **ret, struct err *err);

/* The same for an open file that has no name in a folder, such as one inflated from an archive; takes the fd on
 * success. name is for messages and bids. The folder is for its options and for whom it tells of images; nothing in it
 * is opened. */
int image_open_fd(int fd, const char *name, const struct format *format, const struct folder *folder,
		  struct block **ret, struct err *err);

/* A regular file or block device as bytes; takes the fd on success. Holes by SEEK_DATA. Format name "file". */
int file_block_open(int fd, const char *name, struct block **ret, struct err *err);

/* The same bytes as `file`, which file_allow_length() may lengthen; owns it on success, and cut_off_give_back() frees
 * it without its file. image_open() and friends do this to every file when the user allows truncated ones. */
int cut_off_open(struct block *file, struct block **ret, struct err *err);
void cut_off_give_back(struct block *b);
/* True when the user allows that `file`, as a format was given it, lacks its end. */
bool file_may_be_cut_off(const struct block *file);
/* How many bytes a file really has, lengthened or not. */
uint64_t file_end(const struct block *file);
/* Warns once that the file is cut off: for a format that doesn't read what isn't there. */
void file_tell_cut_off(struct block *file);
/* What a file may be lengthened to by a format that has no bound of its own: a disk of 64 TiB with its tables. */
#define FILE_LENGTH_MAX (UINT64_C(66) << 40)
/* Then gives it that many bytes, with zeros behind those it has: called once by a format that knows how far its tables
 * may point. Else nothing. */
void file_allow_length(struct block *file, uint64_t size);

/* len bytes at off of another block, as a block; owns `under` on success. */
int window_open(struct block *under, uint64_t off, uint64_t len, struct block **ret, struct err *err);

#endif

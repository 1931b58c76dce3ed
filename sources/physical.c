/* Physical machines as a source: an inventory, and disks behind sockets or in image files beside it. */
#include "sources/physical.h"

#include <ctype.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/checked.h"
#include "core/base/file.h"
#include "sources/host_path.h"

enum {
	CPUS_MAX = 8192,   /* what Linux may be built for */
	CLOCK_SLACK = 120, /* seconds that a clock in order may be off */
	ZONE_STEP = 900,   /* seconds: time zones are multiples */
	ZONE_WEST = 720,   /* minutes */
	ZONE_EAST = 840,
};

#define CLOCK_MAX (UINT64_C(1) << 40) /* seconds since 1970: no clock shows more */
#define DISK_MAX  (UINT64_C(1) << 56) /* bytes: thousands of the largest there are, and the sum of all still fits */

/* ---- texts and numbers ---- */

/* A text of the inventory: NULL when it isn't there. */
static int take_text(const struct json *j, const char *key, struct arena *a, char **ret, struct err *err)
{
	const char *text = js_get_str(j, key, NULL);

	*ret = NULL;
	if (!text || !*text)
		return 0;
	if (strlen(text) > PHYSICAL_TEXT_MAX)
		return err_set(err, ERR_CORRUPT, "'%s' has %zu bytes: %d are the most", key, strlen(text),
			       PHYSICAL_TEXT_MAX);
	for (const char *c = text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return err_set(err, ERR_CORRUPT, "'%s' has a control character", key);
	*ret = arena_strdup(a, text);
	return 0;
}

/* What vendors leave in when nobody sets one; many machines have the same. */
static bool is_filler(const char uuid[37])
{
	static const char *const known[] = {
	    "03000200-0400-0500-0006-000700080009", /* AMI's sample */
	    "00020003-0004-0005-0006-000700080009", /* the same in the other byte order */
	    "12345678-1234-5678-90ab-cddeefaabbcc",
	    "4c4c4544-0000-2010-8020-80c04f202020", /* Dell without a service tag */
	};
	size_t digits = 0;
	bool same = true; /* one byte over and over */

	for (size_t i = 0; i < 36; i++)
		if (uuid[i] != '-')
			same = uuid[i] == uuid[digits++ % 2] && same;
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (!strcmp(uuid, known[i]))
			return true;
	return same;
}

void physical_uuid(const struct json *inventory, char uuid[37])
{
	static const char shape[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
	const char *text = js_get_str(js_get(inventory, "smbios"), "uuid", "");

	*uuid = 0;
	if (strlen(text) != sizeof shape - 1)
		return;
	for (size_t i = 0; i < sizeof shape - 1; i++)
		if (shape[i] == '-' ? text[i] != '-' : !isxdigit((unsigned char)text[i]))
			return;
	for (size_t i = 0; i < sizeof shape; i++)
		uuid[i] = (char)tolower((unsigned char)text[i]);
	if (is_filler(uuid))
		*uuid = 0;
}

/* ---- parts ---- */

static enum controller controller_of(const char *bus, const char *driver)
{
	static const struct {
		const char *word;
		enum controller controller;
	} known[] = {{"nvme", CONTROLLER_NVME},
		     {"ahci", CONTROLLER_SATA},
		     {"ata_piix", CONTROLLER_IDE},
		     {"ata", CONTROLLER_SATA},
		     {"mptspi", CONTROLLER_LSILOGIC},
		     {"mptsas", CONTROLLER_LSISAS},
		     {"mpt3sas", CONTROLLER_LSISAS},
		     {"megaraid_sas", CONTROLLER_LSISAS},
		     {"vmw_pvscsi", CONTROLLER_PVSCSI},
		     {"virtio_blk", CONTROLLER_VIRTIO_BLK},
		     {"virtio_scsi", CONTROLLER_VIRTIO_SCSI}};

	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (!strcmp(driver, known[i].word))
			return known[i].controller;
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (!strcmp(bus, known[i].word))
			return known[i].controller;
	return CONTROLLER_UNKNOWN;
}

/* Images that were written at the machine have zeros where its disk couldn't be read. */
static void note_unreadable(const struct json *unreadable, struct machine *m)
{
	const struct json *first = js_at(js_get(unreadable, "places"), 0);
	uint64_t bytes = js_get_u64(unreadable, "bytes", 0), count = js_get_u64(unreadable, "count", 0);

	if (!bytes || !first)
		return;
	machine_note(m,
		     "disk %zu: %" PRIu64 " bytes in %" PRIu64 " place%s could not be read at the machine and are "
		     "zeros, the first at 0x%" PRIx64,
		     m->disks.n, bytes, count, count == 1 ? "" : "s", js_get_u64(first, "offset", 0));
}

static int add_disk(const struct json *j, struct machine *m, struct err *err)
{
	struct disk d = {.capacity = js_get_u64(j, "size", 0),
			 .logical_sector = (uint32_t)js_get_u64(j, "logical_sector", 512),
			 .controller = controller_of(js_get_str(j, "bus", ""), js_get_str(j, "driver", "")),
			 .unit = (unsigned)m->disks.n};

	if (d.logical_sector != 512 && d.logical_sector != 4096)
		return err_set(err, ERR_CORRUPT, "sectors of %" PRIu32 " bytes: 512 or 4096 are expected",
			       d.logical_sector);
	if (!d.capacity || d.capacity > DISK_MAX || d.capacity % d.logical_sector)
		return err_set(err, ERR_CORRUPT, "a size of %" PRIu64 " bytes is no number of sectors", d.capacity);
	if (take_text(j, "serial", &m->arena, &d.serial, err) < 0)
		return -1;
	*vec_push(&m->arena, &m->disks) = d;
	note_unreadable(js_get(j, "unreadable"), m);
	return 0;
}

static int add_disks(const struct json *list, struct machine *m, struct err *err)
{
	if (!js_count(list) || js_count(list) > PHYSICAL_DISKS_MAX)
		return err_set(err, ERR_CORRUPT, "%zu disks: 1 to %d are expected", js_count(list), PHYSICAL_DISKS_MAX);
	for (size_t i = 0; i < js_count(list); i++)
		if (add_disk(js_at(list, i), m, err) < 0)
			return err_wrap(err, "disk %zu", i + 1);
	return 0;
}

static enum nic_model model_of(const char *driver)
{
	static const struct {
		const char *driver;
		enum nic_model model;
	} known[] = {{"e1000", NIC_E1000},     {"e1000e", NIC_E1000E},	  {"igb", NIC_E1000E},
		     {"8139too", NIC_RTL8139}, {"8139cp", NIC_RTL8139},	  {"pcnet32", NIC_PCNET},
		     {"vmxnet3", NIC_VMXNET3}, {"virtio_net", NIC_VIRTIO}};

	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (!strcmp(driver, known[i].driver))
			return known[i].model;
	return NIC_UNKNOWN;
}

static bool take_mac(const char *text, char mac[18])
{
	if (strlen(text) != 17)
		return false;
	for (unsigned i = 0; i < 17; i++)
		if (i % 3 == 2 ? text[i] != ':' : !isxdigit((unsigned char)text[i]))
			return false;
	for (unsigned i = 0; i < 18; i++)
		mac[i] = (char)tolower((unsigned char)text[i]);
	return true;
}

/* Names of the live system's udev; one that no interface can have is none. */
static void take_names(const struct json *j, struct nic *n, struct arena *a)
{
	static const char *const kinds[NIC_NAMES] = {"onboard", "slot", "path"};

	for (unsigned i = 0; i < NIC_NAMES; i++) {
		const char *name = js_get_str(j, kinds[i], "");
		size_t len = strlen(name);

		if (len && len <= NIC_NAME_MAX && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == len)
			n->names[i] = arena_strdup(a, name);
	}
}

static int add_nic(const struct json *j, struct machine *m, struct err *err)
{
	struct nic n = {.model = model_of(js_get_str(j, "driver", "")),
			.network = arena_strdup(&m->arena, "default"),
			.kind = NET_NETWORK,
			.pci_slot = -1,
			.connected = js_get_bool(j, "link", true)};

	if (!take_mac(js_get_str(j, "mac", ""), n.mac))
		return err_set(err, ERR_CORRUPT, "its address is none");
	take_names(js_get(j, "names"), &n, &m->arena);
	*vec_push(&m->arena, &m->nics) = n;
	return 0;
}

static int add_nics(const struct json *list, struct machine *m, struct err *err)
{
	if (js_count(list) > PHYSICAL_NICS_MAX)
		return err_set(err, ERR_CORRUPT, "%zu network cards: %d are the most", js_count(list),
			       PHYSICAL_NICS_MAX);
	for (size_t i = 0; i < js_count(list); i++)
		if (add_nic(js_at(list, i), m, err) < 0)
			return err_wrap(err, "network card %zu", i + 1);
	return 0;
}

/* Numbers of the whole machine become cores a socket and threads a core, where they divide. */
static int take_cpu(const struct json *cpu, struct machine *m, struct err *err)
{
	uint64_t threads = js_get_u64(cpu, "threads", 0), cores = js_get_u64(cpu, "cores", 0),
		 sockets = js_get_u64(cpu, "sockets", 0);

	if (threads > CPUS_MAX || cores > CPUS_MAX || sockets > CPUS_MAX)
		return err_set(err, ERR_CORRUPT, "more than %d CPUs", CPUS_MAX);
	m->vcpus = (unsigned)max_u64(threads, cores);
	if (!sockets || !cores || !threads || cores % sockets || threads % cores)
		return 0;
	m->sockets = (unsigned)sockets;
	m->cores = (unsigned)(cores / sockets);
	m->threads = (unsigned)(threads / cores);
	return 0;
}

static enum tristate take_bool(const struct json *j, const char *key)
{
	if (js_get_bool(j, key, false))
		return TRI_YES;
	return js_get_bool(j, key, true) ? TRI_UNKNOWN : TRI_NO;
}

/* Time zones are whole or half hours, but for Nepal, Eucla and the Chatham Islands. */
static bool is_zone(int64_t minutes)
{
	return minutes >= -ZONE_WEST && minutes <= ZONE_EAST &&
	       (minutes % 30 == 0 || minutes == 345 || minutes == 525 || minutes == 765 || minutes == 825);
}

/* What the machine's clock showed when the host received the inventory, by the host's. */
static void take_clock(const struct json *inventory, struct machine *m)
{
	const char *clock = js_get_str(inventory, "clock", "");
	uint64_t battery = js_get_u64(inventory, "battery_clock", 0), host = js_get_u64(inventory, "host_clock", 0);
	int64_t ahead, minutes;

	m->clock = !strcmp(clock, "utc") ? CLOCK_UTC : !strcmp(clock, "localtime") ? CLOCK_LOCALTIME : CLOCK_UNKNOWN;
	if (m->clock || !battery || !host || battery > CLOCK_MAX || host > CLOCK_MAX)
		return;
	ahead = (int64_t)battery - (int64_t)host;
	minutes = (ahead + (ahead < 0 ? -ZONE_STEP / 2 : ZONE_STEP / 2)) / ZONE_STEP * (ZONE_STEP / 60);
	if (llabs(ahead - 60 * minutes) > CLOCK_SLACK || !is_zone(minutes)) {
		m->clock_error = ahead;
		return;
	}
	m->clock = minutes ? CLOCK_VARIABLE : CLOCK_UTC;
	m->clock_adjustment = (int32_t)(60 * minutes);
}

int physical_parse(const struct json *inventory, struct machine *m, struct err *err)
{
	if (strcmp(js_get_str(inventory, "schema", ""), "rehost-machine-1") != 0)
		return err_set(err, ERR_CORRUPT, "the inventory is of an unknown kind: rehost-machine-1 is expected");
	if (take_text(inventory, "name", &m->arena, &m->name, err) < 0)
		return -1;
	if (!m->name)
		m->name = arena_strdup(&m->arena, "machine");
	physical_uuid(inventory, m->uuid);
	m->firmware = firmware_by_name(js_get_str(inventory, "firmware", NULL));
	m->secure_boot = take_bool(inventory, "secure_boot");
	m->tpm = js_get_bool(inventory, "tpm", false);
	take_clock(inventory, m);
	m->memory = js_get_u64(inventory, "memory", 0);
	if (take_cpu(js_get(inventory, "cpu"), m, err) < 0 || add_disks(js_get(inventory, "disks"), m, err) < 0)
		return -1;
	return add_nics(js_get(inventory, "nics"), m, err);
}

/* ---- the folder ---- */

static int find_disk(int dirfd, const char *folder, const struct json *j, struct disk *d, struct arena *a,
		     struct err *err)
{
	const char *file = js_get_str(j, "file", NULL), *format = js_get_str(j, "format", "raw");
	struct stat st;

	if (!file || strchr(file, '/') || *file == '.')
		return err_set(err, ERR_POLICY, "its file is none in the machine's folder");
	if (fstatat(dirfd, file, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, ERR_UNREADABLE, "cannot open '%s'", file);
	d->live = S_ISSOCK(st.st_mode);
	if (strcmp(format, "raw") != 0 && (d->live || strcmp(format, "qcow2") != 0))
		return err_set(err, ERR_UNSUPPORTED, "'%s': its format is '%s': raw or qcow2 is expected", file,
			       format);
	if (!d->live && !S_ISREG(st.st_mode))
		return err_set(err, ERR_POLICY, "'%s' is neither a socket nor a file", file);
	d->folder = arena_strdup(a, folder);
	d->file = arena_strdup(a, file);
	d->format = arena_strdup(a, format);
	return 0;
}

static int find_disks(int dirfd, const char *folder, const struct json *list, struct machine *m, struct err *err)
{
	for (size_t i = 0; i < m->disks.n; i++)
		if (find_disk(dirfd, folder, js_at(list, i), &m->disks.v[i], &m->arena, err) < 0)
			return err_wrap(err, "disk %zu", i + 1);
	return 0;
}

static int open_physical(const char *path, const struct source_options *options, struct machine *m, struct err *err)
{
	AUTO(buf_done) struct buf text = BUF_INIT(PHYSICAL_FILE_MAX);
	AUTO(js_freep) struct json *inventory = NULL;
	char *folder, *file;
	AUTO_FD int dirfd = -1;

	if (host_path_split(arena_printf(&m->arena, "%s/" PHYSICAL_INVENTORY, path), &m->arena, &folder, &file, err) <
	    0)
		return -1;
	dirfd = file_open_dir(folder, err);
	if (dirfd < 0 || file_slurp(dirfd, file, &text, err) < 0)
		return -1;
	inventory = js_parse(buf_str(&text), text.len, err);
	if (!inventory || physical_parse(inventory, m, err) < 0 ||
	    find_disks(dirfd, folder, js_get(inventory, "disks"), m, err) < 0)
		return err_wrap(err, "'%s/%s'", folder, file);
	return 0;
}

static int bid(const char *path, const char *head, size_t len)
{
	char name[4096];
	struct stat st;

	if (stat(path, &st) < 0 || !S_ISDIR(st.st_mode) ||
	    (size_t)snprintf(name, sizeof name, "%s/" PHYSICAL_INVENTORY, path) >= sizeof name)
		return 0;
	return stat(name, &st) == 0 ? 60 : 0;
}

const struct source source_physical = {
    .kind = "physical",
    .description = "folder with a physical machine's inventory (machine.json) and its disks",
    .bid = bid,
    .open = open_physical,
};

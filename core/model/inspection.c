/* What is inside the guest: findings, the verdict, and its JSON. */
#include "core/model/inspection.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static const char *const families[] = {
    [OS_UNKNOWN] = "unknown", [OS_LINUX] = "linux", [OS_WINDOWS] = "windows", [OS_OTHER] = "other"};

struct inspection *inspection_new(void)
{
	return calloc(1, sizeof(struct inspection));
}

void inspection_free(struct inspection *i)
{
	if (!i)
		return;
	arena_done(&i->arena);
	free(i);
}

void finding_add(struct inspection *i, const char *id, enum severity severity, const char *evidence, const char *fix,
		 const char *fmt, ...)
{
	struct finding *f = vec_push(&i->arena, &i->findings);
	va_list ap;

	f->id = id;
	f->severity = severity;
	f->evidence = arena_strdup(&i->arena, evidence);
	f->fix = arena_strdup(&i->arena, fix);
	va_start(ap, fmt);
	f->text = arena_vprintf(&i->arena, fmt, ap);
	va_end(ap);
}

bool mountable_is_on(const char *mountable, const char *device)
{
	static const char btrfs[] = "btrfsvol:";
	size_t len = strlen(device);

	if (strncmp(mountable, btrfs, strlen(btrfs)) == 0)
		mountable += strlen(btrfs);
	return len && strncmp(mountable, device, len) == 0 && (!mountable[len] || mountable[len] == '/');
}

const char *inspection_arch(const struct inspection *i)
{
	const char *any = NULL;

	VEC_FOR (k, &i->kernels) {
		if (k->arch && k->bootable)
			return k->arch;
		if (k->arch && !any)
			any = k->arch;
	}
	return any ? any : i->os.arch;
}

void inspection_judge(struct inspection *i)
{
	i->verdict = i->os.family == OS_UNKNOWN ? VERDICT_UNKNOWN : VERDICT_BOOTS;
	VEC_FOR (f, &i->findings) {
		if (f->severity == SEVERITY_BLOCKER) {
			i->verdict = VERDICT_WILL_NOT_BOOT;
			return;
		}
		if (f->severity == SEVERITY_WARNING && !strncmp(f->id, "W-BOOT-", 7))
			i->verdict = VERDICT_MAY_NOT_BOOT;
	}
}

static struct json *os_json(const struct os_info *os)
{
	struct json *j = js_object();

	js_set_str(j, "family", families[os->family]);
	js_set_str(j, "type", os->type);
	js_set_str(j, "distro", os->distro);
	js_set_str(j, "product", os->product);
	js_set_str(j, "arch", os->arch);
	js_set_str(j, "hostname", os->hostname);
	js_set_u64(j, "major", os->major > 0 ? (uint64_t)os->major : 0);
	js_set_u64(j, "minor", os->minor > 0 ? (uint64_t)os->minor : 0);
	js_set_str(j, "package_format", os->package_format);
	js_set_str(j, "osinfo", os->osinfo);
	js_set_str(j, "root", os->root);
	js_set_str(j, "init", os->init);
	js_set_str(j, "clock", clock_name(os->clock));
	js_set_bool(j, "selinux_enforcing", os->selinux_enforcing);
	return j;
}

static struct json *filesystem_json(const struct filesystem *f)
{
	struct json *j = js_object();

	js_set_str(j, "device", f->device);
	js_set_str(j, "type", f->type);
	js_set_str(j, "uuid", f->uuid);
	js_set_str(j, "label", f->label);
	js_set_str(j, "partuuid", f->partuuid);
	js_set_str(j, "mountpoint", f->mountpoint);
	js_set_u64(j, "size", f->size);
	js_set_u64(j, "used", f->used);
	js_set_u64(j, "disk", f->disk);
	js_set_u64(j, "partition", f->partition);
	js_set_bool(j, "trimmed", f->trimmed);
	js_set_bool(j, "encrypted", f->encrypted);
	js_set_bool(j, "hibernated", f->hibernated);
	js_set_bool(j, "unclean", f->unclean);
	return j;
}

static struct json *kernel_json(const struct kernel *k)
{
	struct json *j = js_object();

	js_set_str(j, "version", k->version);
	js_set_str(j, "arch", k->arch);
	js_set_str(j, "vmlinuz", k->vmlinuz);
	js_set_str(j, "initrd", k->initrd);
	js_set_str(j, "config", k->config);
	js_set_str(j, "modules", k->modules);
	js_set_u64(j, "initrd_size", k->initrd_size);
	js_set_str(j, "initrd_compression", k->initrd_compression);
	js_set_str(j, "initrd_generator", k->initrd_generator);
	js_set_bool(j, "virtio_blk_builtin", k->virtio_blk_builtin);
	js_set_bool(j, "virtio_scsi_builtin", k->virtio_scsi_builtin);
	js_set_bool(j, "virtio_net_builtin", k->virtio_net_builtin);
	js_set_bool(j, "virtio_pci_builtin", k->virtio_pci_builtin);
	js_set_bool(j, "virtio_blk_module", k->virtio_blk_module);
	js_set_bool(j, "virtio_scsi_module", k->virtio_scsi_module);
	js_set_bool(j, "virtio_net_module", k->virtio_net_module);
	js_set_bool(j, "virtio_pci_module", k->virtio_pci_module);
	js_set_bool(j, "initrd_has_virtio_blk", k->initrd_has_virtio_blk);
	js_set_bool(j, "initrd_has_virtio_scsi", k->initrd_has_virtio_scsi);
	js_set_bool(j, "initrd_has_virtio_net", k->initrd_has_virtio_net);
	js_set_bool(j, "initrd_has_virtio_pci", k->initrd_has_virtio_pci);
	js_set_bool(j, "bootable", k->bootable);
	js_set_bool(j, "crash", k->crash);
	return j;
}

static struct json *boot_entry_json(const struct boot_entry *b)
{
	struct json *j = js_object();

	js_set_str(j, "title", b->title);
	js_set_str(j, "file", b->file);
	js_set_u64(j, "line", b->line);
	js_set_str(j, "kernel", b->kernel);
	js_set_str(j, "version", b->version);
	js_set_str(j, "initrd", b->initrd);
	js_set_str(j, "cmdline", b->cmdline);
	js_set_bool(j, "default", b->is_default);
	return j;
}

static struct json *device_name_json(const struct device_name *d)
{
	struct json *j = js_object();

	js_set_str(j, "name", d->name);
	js_set_str(j, "used", d->used);
	js_set_str(j, "spec", d->spec);
	if (d->disk >= 0)
		js_set_u64(j, "disk", (uint64_t)d->disk);
	js_set_u64(j, "partition", d->partition);
	js_set_str(j, "reason", d->reason);
	js_set_bool(j, "guessed", d->guessed);
	js_set_bool(j, "optional", d->optional);
	return j;
}

static struct json *network_json(const struct net_config *n)
{
	struct json *j = js_object();

	js_set_str(j, "file", n->file);
	js_set_u64(j, "line", n->line);
	js_set_str(j, "system", n->system);
	js_set_str(j, "interface", n->interface);
	js_set_str(j, "match", n->match);
	js_set_str(j, "mac", n->mac);
	js_set_str(j, "driver", n->driver);
	js_set_str(j, "path", n->path);
	js_set_str(j, "method", n->method);
	js_set_str(j, "address", n->address);
	js_set_bool(j, "gives_name", n->gives_name);
	js_set_bool(j, "virtual", n->is_virtual);
	return j;
}

static struct json *nic_name_json(const struct nic_name *n)
{
	struct json *j = js_object();

	js_set_u64(j, "nic", n->nic);
	js_set_str(j, "name", n->name);
	js_set_str(j, "mac_was", n->mac_was);
	js_set_bool(j, "stated", n->stated);
	js_set_bool(j, "guessed", n->guessed);
	js_set_str(j, "reason", n->reason);
	return j;
}

static struct json *agent_json(const struct agent *a)
{
	struct json *j = js_object();

	js_set_str(j, "id", a->id);
	js_set_str(j, "evidence", a->evidence);
	return j;
}

static struct json *finding_json(const struct finding *f)
{
	struct json *j = js_object();

	js_set_str(j, "id", f->id);
	js_set_str(j, "severity", severity_name(f->severity));
	js_set_str(j, "text", f->text);
	js_set_str(j, "evidence", f->evidence);
	js_set_str(j, "fix", f->fix);
	return j;
}

#define ARRAY_OF(parent, key, vec, one_json)                                                                           \
	do {                                                                                                           \
		struct json *array_ = js_set((parent), (key), js_array());                                             \
		VEC_FOR (it, (vec))                                                                                    \
			js_add(array_, one_json(it));                                                                  \
	} while (0)

struct json *inspection_json(const struct inspection *i)
{
	struct json *j = js_object();

	js_set_str(j, "verdict", verdict_name(i->verdict));
	js_set(j, "os", os_json(&i->os));
	if (i->windows)
		js_set(j, "windows", windows_json(i->windows));
	js_set_str(j, "firmware_disk", firmware_name(i->firmware_disk));
	ARRAY_OF(j, "findings", &i->findings, finding_json);
	ARRAY_OF(j, "filesystems", &i->filesystems, filesystem_json);
	ARRAY_OF(j, "kernels", &i->kernels, kernel_json);
	ARRAY_OF(j, "boot_entries", &i->boot_entries, boot_entry_json);
	ARRAY_OF(j, "device_names", &i->device_names, device_name_json);
	ARRAY_OF(j, "networks", &i->networks, network_json);
	ARRAY_OF(j, "nic_names", &i->nic_names, nic_name_json);
	ARRAY_OF(j, "agents", &i->agents, agent_json);
	return j;
}

static enum os_family family_by_name(const char *name)
{
	for (size_t f = 0; f < sizeof families / sizeof *families; f++)
		if (!strcmp(families[f], name))
			return (enum os_family)f;
	return OS_UNKNOWN;
}

static char *text_of(struct inspection *i, const struct json *j, const char *key)
{
	return arena_strdup(&i->arena, js_get_str(j, key, NULL));
}

struct inspection *inspection_from_json(const struct json *j)
{
	struct inspection *i = inspection_new();
	const struct json *os = js_get(j, "os");

	if (!i)
		return NULL;
	i->os = (struct os_info){
	    .family = family_by_name(js_get_str(os, "family", "")),
	    .type = text_of(i, os, "type"),
	    .distro = text_of(i, os, "distro"),
	    .product = text_of(i, os, "product"),
	    .arch = text_of(i, os, "arch"),
	    .hostname = text_of(i, os, "hostname"),
	    .major = (int)js_get_u64(os, "major", 0),
	    .minor = (int)js_get_u64(os, "minor", 0),
	    .package_format = text_of(i, os, "package_format"),
	    .osinfo = text_of(i, os, "osinfo"),
	    .root = text_of(i, os, "root"),
	    .init = text_of(i, os, "init"),
	    .clock = clock_by_name(js_get_str(os, "clock", NULL)),
	    .selinux_enforcing = js_get_bool(os, "selinux_enforcing", false),
	};
	if (js_get(j, "windows"))
		i->windows = windows_from_json(&i->arena, js_get(j, "windows"));
	i->firmware_disk = firmware_by_name(js_get_str(j, "firmware_disk", NULL));
	i->verdict = verdict_by_name(js_get_str(j, "verdict", NULL));
	return i;
}

/* Parents of VDI images: by the registry of a .vbox file, or by looking at the files of the folders. */
#include "formats/vdi_parent.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/base/checked.h"
#include "core/base/file.h"
#include "core/base/log.h"
#include "core/base/uuid.h"
#include "core/base/xml.h"

enum {
	SEARCH_MAX = 4096,	/* files looked at for a parent: far more than VirtualBox's own chains */
	REGISTRY_MAX = 4 << 20, /* bytes of a .vbox file: one with 100 snapshots takes 1 MiB */
};

struct search {
	const struct open_args *args;
	const unsigned char *uuid;
	char text[UUID_TEXT];
	unsigned left; /* files that may still be looked at */
	bool found;
	struct image_place place;
};

/* A folder that is looked through: sub is "" or its name beneath the root, with a slash behind it. */
struct where {
	struct folder root;
	char sub[4096];
};

typedef int look_fn(struct search *s, const struct image_place *at, struct err *err);

/* A VDI with that UUID; anything else, and what can't be read, is no candidate. */
static bool is_it(const struct search *s, const struct image_place *at)
{
	AUTO_FD int fd = image_place_fd(at, NULL);
	AUTO(block_closep) struct block *file = NULL;
	struct vdi_header h;

	if (fd < 0 || file_block_open(fd, at->name, &file, NULL) < 0)
		return false;
	take_fd(&fd);
	return vdi_header_read(file, &h, NULL) == 0 && !memcmp(h.created, s->uuid, VDI_UUID);
}

static int look_at_image(struct search *s, const struct image_place *at, struct err *err)
{
	if (!is_it(s, at))
		return 0;
	if (s->found)
		return err_set(err, ERR_CORRUPT, "both '%.1000s' and '%.1000s' are it: move the copy away",
			       s->place.name, at->name);
	s->found = true;
	s->place = *at;
	return 0;
}

/* The location that a registry gives for the UUID: HardDisk elements, children inside their parents. */
static const char *location_of(const struct xml_node *disks, const char *uuid)
{
	for (const struct xml_node *d = xml_child(disks, "HardDisk"); d; d = xml_next(d, "HardDisk")) {
		const char *id = xml_attr_raw(d, "uuid"), *deeper;

		if (id && strlen(id) == UUID_TEXT + 1 && !strncasecmp(id + 1, uuid, UUID_TEXT - 1))
			return xml_attr_raw(d, "location");
		deeper = location_of(d, uuid);
		if (deeper)
			return deeper;
	}
	return NULL;
}

/* What a location means, as a name that stands in the registry's folder; one of another computer means nothing. */
static void follow_location(struct search *s, const struct image_place *registry, const char *location)
{
	struct open_args args = *s->args;
	struct image_place at;
	char path[4096];

	if ((size_t)snprintf(path, sizeof path, "%s", location) >= sizeof path)
		return;
	for (char *p = path; *p; p++)
		if (*p == '\\')
			*p = '/';
	args.folder = &registry->folder;
	args.name = registry->name;
	if (image_resolve(&args, path, &at, NULL) == 0 && is_it(s, &at)) {
		s->found = true;
		s->place = at;
	}
}

/* A registry that can't be read only doesn't help. */
static int look_at_registry(struct search *s, const struct image_place *at, struct err *err)
{
	AUTO(buf_done) struct buf text = BUF_INIT(REGISTRY_MAX);
	AUTO(xml_freep) struct xml_doc *doc = NULL;
	AUTO_FD int fd = image_place_fd(at, NULL);
	const struct xml_node *disks;
	const char *location;

	if (s->found || fd < 0 || file_slurp_fd(fd, at->name, &text, NULL) < 0 ||
	    xml_parse(text.data, text.len, at->name, &doc, NULL) < 0)
		return 0;
	disks = xml_path(xml_root(doc), "Machine/MediaRegistry/HardDisks");
	if (!disks)
		disks = xml_path(xml_root(doc), "Global/MediaRegistry/HardDisks");
	location = disks ? location_of(disks, s->text) : NULL;
	if (location)
		follow_location(s, at, location);
	return 0;
}

static bool ends_in(const char *name, const char *suffix)
{
	size_t len = strlen(name), n = strlen(suffix);

	return len > n && !strcasecmp(name + len - n, suffix);
}

static int look_through(struct search *s, const struct where *w, DIR *dir, const char *suffix, look_fn *look,
			struct err *err)
{
	struct image_place at = {.folder = w->root};
	int ret = 0;

	for (struct dirent *d; !ret && (d = readdir(dir));) {
		if (!ends_in(d->d_name, suffix) ||
		    (size_t)snprintf(at.name, sizeof at.name, "%s%s", w->sub, d->d_name) >= sizeof at.name)
			continue;
		if (!s->left--)
			return err_set(err, ERR_CORRUPT, "more than %d %s files in the folder", SEARCH_MAX, suffix);
		ret = look(s, &at, err);
	}
	return ret;
}

static int look_in(struct search *s, const struct where *w, const char *suffix, look_fn *look, struct err *err)
{
	int fd = file_open_dir_beneath(w->root.dirfd, *w->sub ? w->sub : ".", err);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	int ret;

	if (fd < 0)
		return -1;
	if (!dir) {
		close(fd);
		return err_sys(err, ERR_UNREADABLE, "cannot list the folder '%s'", w->sub);
	}
	ret = look_through(s, w, dir, suffix, look, err);
	closedir(dir);
	return ret;
}

/* The image's folder; the one above it, as VirtualBox keeps differencing images in a folder Snapshots; what the user
 * allows. */
static int look_everywhere(struct search *s, const char *suffix, look_fn *look, struct err *err)
{
	const char *slash = strrchr(s->args->name, '/');
	struct where w = {.sub = ""};

	s->left = SEARCH_MAX;
	if (slash) {
		image_root(s->args, 0, &w.root);
		snprintf(w.sub, sizeof w.sub, "%.*s", (int)(slash + 1 - s->args->name), s->args->name);
		if (look_in(s, &w, suffix, look, err) < 0)
			return -1;
		*w.sub = '\0';
	}
	for (size_t i = 0; !s->found && image_root(s->args, i, &w.root); i++)
		if (look_in(s, &w, suffix, look, err) < 0)
			return -1;
	return 0;
}

int vdi_find_parent(const struct open_args *args, const unsigned char uuid[VDI_UUID], struct image_place *ret,
		    struct err *err)
{
	struct search s = {.args = args, .uuid = uuid};

	if (!args->folder)
		return err_set(err, ERR_POLICY, "an image inside an archive may name no file");
	uuid_guid_text(uuid, s.text);
	if (look_everywhere(&s, ".vbox", look_at_registry, err) < 0 ||
	    (!s.found && look_everywhere(&s, ".vdi", look_at_image, err) < 0))
		return -1;
	if (!s.found)
		return err_set(err, ERR_UNREADABLE,
			       "no .vdi file with that UUID in its folder, and no .vbox file there knows one: put the "
			       "parent there, or name its folder with --allow-parent");
	*ret = s.place;
	return 0;
}

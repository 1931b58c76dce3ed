/* Generators whose list is one shell variable: Alpine's mkinitfs (features), SUSE's mkinitrd (INITRD_MODULES), ALT's
 * make-initrd (a makefile); and RHEL 5's mkinitrd, which reads modprobe.conf. */
#include <string.h>

#include "drivers-inject/linux/settings.h"
#include "guest/files/shellvars.h"

/* Adds the words to the value of a variable in a file; *ret_known is false without file or variable. */
static int extend(const struct generator_settings *s, const char *path, const char *variable, bool *ret_known,
		  struct err *err)
{
	AUTO(arena_done) struct arena a = {0};
	struct lines l;
	char *text;

	*ret_known = false;
	if (guest_text(s->g, path, &a, &text, err) < 0)
		return -1;
	lines_split(&l, &a, text ? text : "");
	VEC_FOR (line, &l.v) {
		struct shellvar var;

		if (!shellvar_parse(line->text, &var) || !shellvar_named(line->text, &var, variable))
			continue;
		*ret_known = true;
		line->text = settings_extend_list(s, &a, line->text, var.value.at, var.value.at + var.value.len);
	}
	return *ret_known ? guest_edit(s->g, s->log, path, lines_join(&l), s->reason, err) : 0;
}

int settings_suse(const struct generator_settings *s, bool *ret_known, struct err *err)
{
	return extend(s, "/etc/sysconfig/kernel", "INITRD_MODULES", ret_known, err);
}

/* mkinitfs takes modules by features; its own feature "virtio" has them all. */
int settings_mkinitfs(const struct generator_settings *s, bool *ret_known, struct err *err)
{
	static const char *const feature[] = {"virtio"};
	struct generator_settings virtio = *s;

	virtio.names = feature;
	virtio.n = 1;
	*ret_known = guest_exists(s->g, "/etc/mkinitfs/features.d/virtio.modules");
	return *ret_known ? extend(&virtio, "/etc/mkinitfs/mkinitfs.conf", "features", ret_known, err) : 0;
}

int settings_modprobe_conf(const struct generator_settings *s, bool *ret_known, struct err *err)
{
	*ret_known = guest_exists(s->g, "/etc/modprobe.conf");
	return 0;
}

int settings_make_initrd(const struct generator_settings *s, bool *ret_known, struct err *err)
{
	static const char path[] = "/etc/initrd.mk";
	AUTO(arena_done) struct arena a = {0};
	const char *names = "";
	char *text;

	if (guest_text(s->g, path, &a, &text, err) < 0)
		return -1;
	*ret_known = text != NULL;
	for (size_t k = 0; k < s->n; k++)
		names = arena_printf(&a, "%s %s", names, s->names[k]);
	names = arena_printf(&a, "MODULES_ADD +=%s\n", names);
	if (!text || strstr(text, names))
		return 0;
	return guest_edit(s->g, s->log, path,
			  arena_printf(&a, "%s%s# Drivers of the virtual disks, added by rehost.\n%s", text,
				       *text && text[strlen(text) - 1] != '\n' ? "\n" : "", names),
			  s->reason, err);
}

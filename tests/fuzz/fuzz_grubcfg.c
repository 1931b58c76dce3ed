/* Fuzz: any bytes as grub.cfg, grubenv, menu.lst, and the entries and command lines of other loaders. */
#include "guest/files/grubenv.h"
#include "guest/files/grubvars.h"
#include "guest/files/loaderentries.h"
#include "tests/fuzz/text_files.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(arena_done) struct arena a = {0};
	const char *text = fuzz_text(&a, data, size);
	struct grub_vars vars = {.arena = &a};
	struct grub_entry entry;
	struct grub_menu menu;
	struct lines l;

	fuzz_walker(grubcfg_devices, text);
	fuzz_walker(menulst_devices, text);
	fuzz_walker(grubenv_devices, text);
	fuzz_walker(loader_entry_devices, text);
	fuzz_walker(extlinux_devices, text);
	fuzz_walker(cmdline_devices, text);
	lines_split(&l, &a, text);
	grubcfg_parse(&l, &menu);
	grub_menu_find(&menu, menu.default_entry ? menu.default_entry : "0");
	menulst_parse(&l, &menu);
	grub_menu_find(&menu, "1>0");
	loader_entry_parse(&l, &entry);
	extlinux_parse(&l, &menu);
	extlinux_set_default(&l, "x");
	grub_vars_take_env(&vars, text);
	grub_vars_take_menu(&vars, &l);
	grub_expand(&vars, text);
	grubenv_set(&a, text, "saved_entry", "x");
	return 0;
}

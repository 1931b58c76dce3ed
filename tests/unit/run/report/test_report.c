/* The report: objects made by the model's own functions keep to docs/report.schema.json, and their text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/checked.h"
#include "core/model/caps.h"
#include "core/model/changelog.h"
#include "core/model/inspection.h"
#include "core/model/machine.h"
#include "guest/accel.h"
#include "run/proof/boot.h"
#include "run/report/catalogue.h"
#include "run/report/report.h"
#include "run/verify/seal.h"
#include "tests/unit/run/report/schema.h"

static struct json *some_machine(void)
{
	AUTO(machine_freep) struct machine *m = machine_new();
	struct disk *d = vec_push(&m->arena, &m->disks);
	struct nic *n = vec_push(&m->arena, &m->nics);

	m->source = arena_strdup(&m->arena, "/in/web01.ova");
	m->source_kind = arena_strdup(&m->arena, "ova");
	m->name = arena_strdup(&m->arena, "web01");
	m->memory = GIB;
	m->vcpus = 4;
	m->sockets = 2;
	m->cores = 2;
	m->threads = 1;
	m->firmware = FIRMWARE_BIOS;
	m->clock = CLOCK_UTC;
	d->folder = arena_strdup(&m->arena, "/in");
	d->file = arena_strdup(&m->arena, "web01.ova");
	d->controller = CONTROLLER_PVSCSI;
	d->unit = 1;
	memcpy(n->mac, "00:50:56:aa:00:01", 18);
	n->model = NIC_VMXNET3;
	n->network = arena_strdup(&m->arena, "VM Network");
	n->kind = NET_NETWORK;
	n->pci_slot = 192;
	n->target = arena_strdup(&m->arena, "br0");
	n->target_kind = NET_BRIDGE;
	vec_push(&m->arena, &m->removables)->kind = REMOVABLE_CDROM;
	machine_note(m, "deployment option '%s' was taken", "small\x1b[2J\nBOOTS");
	machine_complete(m);
	return machine_json(m);
}

static struct json *some_inspection(void)
{
	AUTO(inspection_freep) struct inspection *i = inspection_new();
	struct kernel *k = vec_push(&i->arena, &i->kernels);
	struct filesystem *f = vec_push(&i->arena, &i->filesystems);
	struct net_config *n = vec_push(&i->arena, &i->networks);
	struct agent *a = vec_push(&i->arena, &i->agents);
	struct boot_entry *b = vec_push(&i->arena, &i->boot_entries);

	i->os.family = OS_LINUX;
	i->os.product = arena_strdup(&i->arena, "Debian GNU/Linux 12");
	i->os.arch = arena_strdup(&i->arena, "x86_64");
	i->os.hostname = arena_strdup(&i->arena, "web01");
	i->os.init = arena_strdup(&i->arena, "systemd");
	k->version = arena_strdup(&i->arena, "6.1.0-18-amd64");
	k->initrd = arena_strdup(&i->arena, "/boot/initrd.img-6.1.0-18-amd64");
	k->initrd_generator = arena_strdup(&i->arena, "initramfs-tools");
	k->initrd_compression = arena_strdup(&i->arena, "zstd");
	f->device = arena_strdup(&i->arena, "/dev/sda1");
	f->type = arena_strdup(&i->arena, "ext4");
	f->mountpoint = arena_strdup(&i->arena, "/");
	f->size = 512 * MIB;
	n->file = arena_strdup(&i->arena, "/etc/network/interfaces");
	n->system = arena_strdup(&i->arena, "ifupdown");
	n->interface = arena_strdup(&i->arena, "ens192");
	n->address = arena_strdup(&i->arena, "192.0.2.5/24");
	a->id = arena_strdup(&i->arena, "open-vm-tools");
	a->evidence = arena_strdup(&i->arena, "open-vm-tools 12.2");
	b->file = arena_strdup(&i->arena, "/boot/grub/grub.cfg");
	b->line = 12;
	finding_add(i, "W-BOOT-NO-LOADER", SEVERITY_WARNING, "/boot/efi/EFI", "made by the conversion",
		    "there is no fallback loader");
	inspection_judge(i);
	return inspection_json(i);
}

static struct json *some_changes(void)
{
	AUTO(changelog_done) struct changelog log = {.step = "device-names"};

	changelog_text(&log, "/etc/fstab", "/dev/sda1\t/ ext4\n", "UUID=1\t/ ext4\n", "sda1 has another name now");
	log.step = "graft";
	changelog_words(&log, CHANGE_BINARY, "/boot/initrd.img", "virtio is missing", "6 modules appended");
	log.step = NULL;
	changelog_words(&log, CHANGE_TRIM, "/dev/sda1", "free space is not copied", "200 MiB of 512 MiB");
	return changelog_json(&log);
}

static struct json *some_proof(void)
{
	AUTO(boot_result_done) struct boot_result b = {.level = BOOT_KERNEL, .wanted = BOOT_LOGIN, .seconds = 300};
	AUTO(js_freep) struct json *boot = NULL;

	b.evidence = arena_strdup(&b.arena, "serial console: 'Linux version 6.1'");
	b.failure = arena_strdup(&b.arena, "no login prompt");
	*vec_push(&b.arena, &b.screenshots) = arena_strdup(&b.arena, "/job/a/shots/kernel.png");
	*vec_push(&b.arena, &b.screenshots) = arena_strdup(&b.arena, "/elsewhere/failure.png");
	*vec_push(&b.arena, &b.warnings) = arena_strdup(&b.arena, "[FAILED] ssh.service");
	boot = boot_result_json(&b);
	return report_proof(boot, "/job/a");
}

/* Everything that a conversion puts into its report. */
static struct json *whole_report(void)
{
	struct json *r = js_object(), *d, *copy, *t;
	const struct caps caps = {.disk = DISK_BUS_VIRTIO_BLK, .net = NET_BUS_VIRTIO, .board = BOARD_Q35};
	const struct accel accel = {.tcg_ms = 63, .kvm_ms = -1, .reason = "kvm: no such device; tcg took 63 ms"};

	js_set_str(r, "schema", "rehost-report-1");
	js_set_str(r, "rehost", "0.1.0");
	js_set(r, "machine", some_machine());
	d = js_add(js_set(r, "source_disks", js_array()), js_object());
	js_set_str(d, "id", "sda");
	js_set_str(d, "format", "vmdk");
	js_set_u64(d, "size", GIB);
	js_set_u64(d, "allocated", 400 * MIB);
	js_set_str(d, "identity", "1073741824-1700000000-abcd");
	js_set(r, "accelerator", accel_json(&accel));
	js_set(r, "inspection", some_inspection());
	js_set(r, "changes", some_changes());
	js_set(r, "caps", caps_json(&caps));
	js_set_str(r, "firmware", "bios");
	copy = js_set(r, "copy", js_object());
	js_set_u64(copy, "bytes_read", 300 * MIB);
	js_set_u64(copy, "bytes_written", 100 * MIB);
	js_set_u64(copy, "source_read", 310 * MIB);
	js_set_u64(copy, "reused", 0);
	t = js_set(copy, "throughput", js_object());
	js_set_real(t, "interval", 0.25);
	t = js_set(t, "bytes", js_array());
	js_add_u64(t, 100 * MIB);
	js_add_u64(t, 200 * MIB);
	d = js_add(js_set(copy, "read_errors", js_array()), js_object());
	js_set_u64(d, "disk", 0);
	js_set_u64(d, "offset", 4096);
	js_set_u64(d, "length", 512);
	js_set_u64(copy, "read_errors_left_out", 7);
	d = js_add(js_set(copy, "lost_files", js_array()), js_object());
	js_set_str(d, "device", "/dev/sda2");
	js_set_str(d, "mountpoint", "/srv");
	js_set_str(d, "path", "/a\nb");
	js_set_u64(d, "offset", 8192);
	js_set_u64(d, "bytes", 512);
	js_add_str(js_set(copy, "lost_files_notes", js_array()), "btrfs on /dev/sda3: its files can't be listed");
	js_set_u64(r, "manifest_digests", 2);
	d = js_add(js_set(r, "disks", js_array()), js_object());
	js_set_str(d, "file", "web01-sda.qcow2");
	js_set_str(d, "format", "qcow2");
	js_set_u64(d, "size", GIB);
	js_set_str(r, "folder", "/out/web01");
	js_set_str(r, "xml", "/out/web01/web01.xml");
	js_set_str(js_set(r, "verify", js_object()), "seal", "seal.ndjson");
	js_add(js_set(js_held(r, "verify"), "files", js_array()),
	       seal_file_json("web01-sda.qcow2", 100 * MIB, (const unsigned char[HASH128]){1, 2, 3}));
	t = js_add(js_set(r, "timings", js_array()), js_object());
	js_set_str(t, "phase", "copy");
	js_set_real(t, "seconds", 2.25);
	js_set(r, "proof", some_proof());
	return r;
}

static void violates(const struct json *report, const char *says)
{
	AUTO(buf_done) struct buf text = BUF_INIT(1 << 20);
	struct schema s = {.root = json_load_file("docs/report.schema.json", 0, NULL)};
	json_t *value;

	assert_non_null(s.root);
	assert_int_equal(js_print(report, false, &text), 0);
	value = json_loads(buf_str(&text), 0, NULL);
	assert_non_null(value);
	schema_check(&s, s.root, value, "report");
	assert_string_equal(s.error, says);
	json_decref(value);
	json_decref(s.root);
}

static void a_whole_report_keeps_to_the_schema(void **state)
{
	AUTO(js_freep) struct json *r = whole_report();

	violates(r, "");
}

static void the_schema_check_sees_what_is_wrong(void **state)
{
	AUTO(js_freep) struct json *r = whole_report();

	js_set_str(r, "firmware", "coreboot");
	violates(r, "report.firmware: not in the enumeration");
	js_set_str(r, "firmware", "uefi");
	js_set_str((struct json *)js_get(r, "machine"), "colour", "red");
	violates(r, "report.machine.colour: unknown key");
	js_set(r, "machine", js_object());
	violates(r, "report.machine: source");
	js_set(r, "machine", some_machine());
	js_set_str(r, "folder", NULL);
	violates(r, "report.folder: wrong type");
	js_set_str(r, "folder", "/x");
	js_set_str(r, "schema", "2");
	violates(r, "report.schema: not the constant");
}

static void the_text_of_a_whole_report(void **state)
{
	static const char expected[] =
	    "MAY NOT BOOT\n"
	    "\n"
	    "web01: Debian GNU/Linux 12, x86_64\n"
	    "host name web01, init systemd\n"
	    "\n"
	    "Findings\n"
	    "  1. W-BOOT-NO-LOADER [warning] there is no fallback loader\n"
	    "     seen: /boot/efi/EFI\n"
	    "     fix:  made by the conversion\n"
	    "\n"
	    "Hardware\n"
	    "               ova                                          KVM, q35\n"
	    "  memory       1024 MiB                                     1024 MiB\n"
	    "  CPUs         4 (2 sockets of 2 cores)                     4 (2 sockets of 2 cores)\n"
	    "  firmware     bios                                         bios\n"
	    "  secure boot  unknown\n"
	    "  clock        utc\n"
	    "  sda          pvscsi 0:1, vmdk, 1024 MiB                   virtio-blk, qcow2\n"
	    "  network 1    vmxnet3 00:50:56:aa:00:01 on 'VM Network'    virtio 00:50:56:aa:00:01 on 'br0'\n"
	    "  cdrom        empty                                        empty\n"
	    "\n"
	    "About the source\n"
	    "  deployment option 'small?[2J?BOOTS' was taken\n"
	    "\n"
	    "Inside\n"
	    "  /dev/sda1    ext4          512 MiB  /\n"
	    "  kernel 6.1.0-18-amd64, initramfs /boot/initrd.img-6.1.0-18-amd64 (initramfs-tools, zstd)\n"
	    "  network ens192 192.0.2.5/24 (ifupdown, /etc/network/interfaces)\n"
	    "  tool open-vm-tools (open-vm-tools 12.2)\n"
	    "\n"
	    "Changes\n"
	    "  1. edit /etc/fstab (device-names)\n"
	    "     why: sda1 has another name now\n"
	    "       --- a/etc/fstab\n"
	    "       +++ b/etc/fstab\n"
	    "       @@ -1 +1 @@\n"
	    "       -/dev/sda1\t/ ext4\n"
	    "       +UUID=1\t/ ext4\n"
	    "  2. binary /boot/initrd.img (graft)\n"
	    "     why: virtio is missing\n"
	    "       6 modules appended\n"
	    "  3. trim /dev/sda1\n"
	    "     why: free space is not copied\n"
	    "       200 MiB of 512 MiB\n"
	    "\n"
	    "Result\n"
	    "  folder /out/web01\n"
	    "  libvirt: virsh define '/out/web01/web01.xml'\n"
	    "  web01-sda.qcow2  qcow2, 1024 MiB\n"
	    "  copied 300.0 MiB, read 310.0 MiB from the source, wrote 100.0 MiB, reused 0.0 MiB\n"
	    "  UNREADABLE: disk 0 at 0x1000, 512 bytes, written as zeros\n"
	    "  and 7 ranges more\n"
	    "  ZEROS IN: /srv/a?b (/dev/sda2), 512 bytes, first at 0x2000\n"
	    "  not all files may be listed: btrfs on /dev/sda3: its files can't be listed\n"
	    "\n"
	    "Source\n"
	    "  /in/web01.ova\n"
	    "  manifest: 2 files have the digests it states\n"
	    "  sda: 1073741824-1700000000-abcd\n"
	    "\n"
	    "Boot proof\n"
	    "  kernel reached after 300 s (serial console: 'Linux version 6.1')\n"
	    "  NOT PROVEN: login was asked for: no login prompt\n"
	    "  screenshot shots/kernel.png\n"
	    "  screenshot /elsewhere/failure.png\n"
	    "\n"
	    "Time\n"
	    "  copy             2.2 s\n"
	    "  all              2.2 s\n"
	    "  accelerator: kvm: no such device; tcg took 63 ms\n";
	AUTO(js_freep) struct json *r = whole_report();
	AUTO(buf_done) struct buf text = BUF_INIT(1 << 20);
	struct err err = ERR_INIT;

	assert_int_equal(report_text(r, &text, &err), 0);
	assert_string_equal(buf_str(&text), expected);
}

static void a_report_without_an_inspection(void **state)
{
	static const char says[] = "NOT INSPECTED\n\nweb01: taken as it is, nothing inside was looked at\n\nHardware\n";
	AUTO(js_freep) struct json *r = js_object();
	AUTO(buf_done) struct buf text = BUF_INIT(1 << 20);
	struct err err = ERR_INIT;

	js_set(r, "machine", some_machine());
	assert_int_equal(report_text(r, &text, &err), 0);
	assert_int_equal(strncmp(buf_str(&text), says, sizeof says - 1), 0);
	assert_null(strstr(buf_str(&text), "Changes"));
	assert_null(strstr(buf_str(&text), "KVM"));
}

static void fill_windows(struct inspection *i)
{
	struct windows *w = i->windows = arena_alloc(&i->arena, sizeof *i->windows);
	struct windows_nic *fixed = vec_push(&i->arena, &w->nics), *ghost;

	*w = (struct windows){.nics = w->nics,
			      .version = {10, 0, 17763, WINDOWS_SERVER},
			      .update = 2607,
			      .hives = arena_strdup(&i->arena, "clean"),
			      .edition = arena_strdup(&i->arena, "ServerStandard"),
			      .installation = arena_strdup(&i->arena, "Server Core"),
			      .domain = arena_strdup(&i->arena, "corp.example"),
			      .secure_boot = TRI_YES,
			      .space_free = 5 * GIB};
	*vec_push(&i->arena, &w->antivirus) = arena_strdup(&i->arena, "Sophos");
	*vec_push(&i->arena, &w->dynamic) = 1;
	fixed->guid = arena_strdup(&i->arena, "{A}");
	fixed->name = arena_strdup(&i->arena, "Ethernet0");
	fixed->reason = arena_strdup(&i->arena, "the same MAC");
	*vec_push(&i->arena, &fixed->addresses) = (struct windows_address){.address = "10.1.2.3", .prefix = 24};
	*vec_push(&i->arena, &fixed->gateways) = (struct windows_gateway){.address = "10.1.2.1", .metric = 5};
	ghost = vec_push(&i->arena, &w->nics);
	ghost->guid = arena_strdup(&i->arena, "{B}");
	ghost->name = arena_strdup(&i->arena, "old\nBOOTS");
	ghost->slot = ghost->nic = -1;
	ghost->dhcp = true;
}

static void a_windows_guest(void **state)
{
	AUTO(js_freep) struct json *r = whole_report();
	AUTO(buf_done) struct buf text = BUF_INIT(1 << 20);
	AUTO(inspection_freep) struct inspection *i = inspection_new(), *again = NULL;
	struct err err = ERR_INIT;

	i->os.family = OS_WINDOWS;
	i->verdict = VERDICT_BOOTS;
	fill_windows(i);
	js_set(r, "inspection", inspection_json(i));
	violates(r, "");
	assert_int_equal(report_text(r, &text, &err), 0);
	assert_non_null(strstr(buf_str(&text),
			       "  Windows 10.0.17763.2607, ServerStandard Server Core, registry clean, 5120 MiB "
			       "free\n"
			       "  domain corp.example\n"
			       "  connection 'Ethernet0' 10.1.2.3/24, network 1 (the same MAC)\n"
			       "  connection 'old?BOOTS' DHCP, of a card that is gone\n"));
	again = inspection_from_json(js_get(r, "inspection"));
	assert_int_equal(again->windows->version.build, 17763);
	assert_int_equal(again->windows->version.role, WINDOWS_SERVER);
	assert_int_equal(again->windows->secure_boot, TRI_YES);
}

/* ---- the page ---- */

static void page_has(const struct buf *page, const char *text)
{
	if (!strstr(buf_str(page), text))
		fail_msg("'%s' is not in: %s", text, buf_str(page));
}

static void the_page_of_a_whole_report(void **state)
{
	static const char *const texts[] = {
	    "<title>web01: MAY NOT BOOT</title>",
	    "<p class=\"verdict warning\">MAY NOT BOOT</p>",
	    "<p>Debian GNU/Linux 12, x86_64, host name <bdi>web01</bdi>, init systemd</p>",
	    "<li id=\"finding-1\"><a href=\"#about-1\"><code>W-BOOT-NO-LOADER</code></a> <span class=\"severity "
	    "warning\">",
	    "<h3 id=\"about-1\"><code>W-BOOT-NO-LOADER</code></h3>",
	    "<tr><th scope=\"row\">sda</th><td>pvscsi 0:1, vmdk, 1024 MiB</td><td>virtio-blk, qcow2</td></tr>",
	    "<li>deployment option &#39;small[U+001B][2J\nBOOTS&#39; was taken</li>",
	    "<details class=\"change\" id=\"change-1\"><summary>1. edit <code>/etc/fstab</code> (device-names): ",
	    "<span class=\"hunk\">@@ -1 +1 @@\n</span><span class=\"del\">-/dev/sda1\t/ ext4\n</span><span "
	    "class=\"add\">+UUID=1\t/ ext4\n</span></pre>",
	    "<b class=\"severity blocker\">Not proven:</b> no login prompt. Reached: kernel; asked for: login, after 5 "
	    "min 00 s",
	    "<p>Picture not shown: &#39;shots/kernel.png&#39; is not at hand</p>",
	    "<td class=\"n\">0x1000</td>",
	    "<p>and 7 ranges more.</p>",
	    "<li>Not all files may be listed: btrfs on /dev/sda3: its files can&#39;t be listed</li>",
	    "2 files have the digests that the manifest states.",
	    "<td><code>1073741824-1700000000-abcd</code></td>",
	    "Copied bytes over time",
	};
	AUTO(js_freep) struct json *r = whole_report();
	AUTO(buf_done) struct buf page = BUF_INIT(REPORT_MAX);
	struct err err = ERR_INIT;

	assert_int_equal(report_html_machine(r, -1, &page, &err), 0);
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		page_has(&page, texts[i]);
}

/* A copy of value with this word in the place of every other. */
static json_t *say_everywhere(json_t *value, const char *word)
{
	const char *key;
	json_t *one, *ret = json_is_array(value) ? json_array() : json_object();
	size_t i;

	if (json_is_string(value))
		ret = (json_decref(ret), json_string(word));
	else if (!json_is_array(value) && !json_is_object(value))
		ret = (json_decref(ret), json_incref(value));
	json_array_foreach(value, i, one) json_array_append_new(ret, say_everywhere(one, word));
	json_object_foreach(value, key, one) json_object_set_new(ret, key, say_everywhere(one, word));
	return ret;
}

static void render_saying(const char *word, struct buf *page)
{
	AUTO(js_freep) struct json *r = whole_report(), *changed = NULL;
	AUTO(buf_done) struct buf text = BUF_INIT(1 << 20);
	json_t *value, *other;
	char *printed;

	js_print(r, false, &text);
	value = json_loads(buf_str(&text), 0, NULL);
	other = say_everywhere(value, word);
	printed = json_dumps(other, 0);
	changed = js_parse(printed, strlen(printed), NULL);
	assert_int_equal(report_html_machine(changed, -1, page, NULL), 0);
	free(printed);
	json_decref(value);
	json_decref(other);
}

static size_t count_of(const struct buf *page, const char *characters)
{
	size_t n = 0;

	for (size_t i = 0; i < page->len; i++)
		n += page->data[i] && strchr(characters, page->data[i]);
	return n;
}

/* Whatever the words, the markup is the same. */
static void hostile_words_everywhere(void **state)
{
	static const char *const words[] = {"<script>alert(1)</script>", "\" onload=\"x", "'><img src=x onerror=y>",
					    "-->]]></style></script>", "\xe2\x80\xae{{name}}\x1b[2J"};
	AUTO(buf_done) struct buf plain = BUF_INIT(REPORT_MAX);

	render_saying("x", &plain);
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		AUTO(buf_done) struct buf page = BUF_INIT(REPORT_MAX);

		render_saying(words[i], &page);
		assert_int_equal(count_of(&page, "<>"), count_of(&plain, "<>"));
		assert_int_equal(count_of(&page, "\""), count_of(&plain, "\""));
		assert_int_equal(count_of(&page, "\x1b"), 0);
		assert_null(strstr(buf_str(&page), "\xe2\x80\xae"));
	}
}

static void junit_of_a_machine(void **state)
{
	static const char expected[] =
	    "<testsuite name=\"web01\" tests=\"3\" failures=\"1\" errors=\"0\" skipped=\"1\" time=\"302.250\">\n"
	    "  <testcase classname=\"web01\" name=\"conversion\" time=\"2.250\"/>\n"
	    "  <testcase classname=\"web01\" name=\"W-BOOT-NO-LOADER\" time=\"0.000\">\n"
	    "    <skipped type=\"warning\" message=\"there is no fallback loader\">made by the conversion</skipped>\n"
	    "  </testcase>\n"
	    "  <testcase classname=\"web01\" name=\"boots to login\" time=\"300.000\">\n"
	    "    <failure type=\"boot proof\" message=\"no login prompt\">reached kernel</failure>\n"
	    "  </testcase>\n"
	    "</testsuite>\n";
	AUTO(js_freep) struct json *r = whole_report();
	AUTO(buf_done) struct buf xml = BUF_INIT(1 << 20);
	struct err err = ERR_INIT;

	assert_int_equal(report_junit_machine(r, &xml, &err), 0);
	assert_string_equal(buf_str(&xml), expected);
}

static void each_finding_has_a_meaning(void **state)
{
	struct arena a = {0};
	struct finding_meaning m;
	unsigned n = 0;

	for (; finding_meaning_at(n, &a, &m); n++) {
		assert_non_null(strchr("BIW", *m.id));
		assert_true(*m.meaning);
		assert_true(!strcmp(m.severity, "blocker") || !strcmp(m.severity, "warning") ||
			    !strcmp(m.severity, "info"));
	}
	assert_true(n > 80);
	assert_true(finding_meaning("W-UUID-DUPLICATE", &a, &m));
	assert_string_equal(m.fix, "Give one a new UUID, or detach the copy.");
	assert_false(finding_meaning("W-UUID", &a, &m));
	arena_done(&a);
}

static void a_report_that_does_not_fit(void **state)
{
	AUTO(js_freep) struct json *r = whole_report();
	AUTO(buf_done) struct buf text = BUF_INIT(1000);
	struct err err = ERR_INIT;

	assert_int_equal(report_text(r, &text, &err), -1);
	assert_string_equal(err.text, "the report is over 1000 bytes");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_whole_report_keeps_to_the_schema),
	    cmocka_unit_test(the_schema_check_sees_what_is_wrong),
	    cmocka_unit_test(the_text_of_a_whole_report),
	    cmocka_unit_test(a_report_without_an_inspection),
	    cmocka_unit_test(a_windows_guest),
	    cmocka_unit_test(the_page_of_a_whole_report),
	    cmocka_unit_test(hostile_words_everywhere),
	    cmocka_unit_test(junit_of_a_machine),
	    cmocka_unit_test(each_finding_has_a_meaning),
	    cmocka_unit_test(a_report_that_does_not_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* A result's libvirt XML: schema, libvirt's own parser, and the disks that it names. */
#include "run/verify/xml.h"

#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/checked.h"
#include "core/base/child.h"
#include "core/base/file.h"
#include "core/base/utf8.h"
#include "core/base/xml.h"
#include "core/model/machine.h"
#include "run/io_client.h"
#include "run/proof/domain.h"

enum {
	SAID_MAX = 16 << 10, /* of a program: what it says first is the reason */
	TEXT_MAX = 1000,
	DISKS_MAX = 64,	 /* as of run/proof/domain.c */
	TIMED_OUT = 124, /* timeout(1) says so */
};

#define VIRSH_LIMIT "120" /* seconds */

enum verdict { FAILED = 0, OK, SKIPPED };

struct judge {
	const struct verify_xml_job *job;
	struct json *ret;
	struct buf xml;
	struct domain domain;
	char *folder; /* for libvirt's own files, and a copy of the XML; NULL: not made */
};

static void say(struct judge *j, const char *tier, enum verdict v, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

static void say(struct judge *j, const char *tier, enum verdict v, const char *fmt, ...)
{
	static const char *const words[] = {"failed", "ok", "skipped"};
	struct json *to = js_set(j->ret, tier, js_object());
	char text[TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	utf8_defuse(text, true);
	js_set_str(to, "result", words[v]);
	js_set_str(to, "text", text);
}

bool verify_is_verdict(enum err_code code)
{
	return code == ERR_VERIFY || code == ERR_CORRUPT || code == ERR_POLICY;
}

static bool have(const char *program)
{
	char path[PATH_MAX];

	return child_find(program, path, sizeof path);
}

/* What a program said, as one line. */
static const char *one_line(struct buf *said)
{
	while (said->len && said->data[said->len - 1] == '\n')
		said->data[--said->len] = '\0';
	for (size_t i = 0; i < said->len; i++)
		if (said->data[i] == '\n')
			said->data[i] = ' ';
	return said->len ? buf_str(said) : "it said nothing";
}

/* ---- a folder with a copy, which a user without rights can read ---- */

/* Where the first tag says "kvm"; NULL: it doesn't. */
static const char *find_kvm(const char *text)
{
	static const char *const kinds[] = {"type=\"kvm\"", "type='kvm'"};
	const char *tag = strstr(text, "<domain"), *end = tag ? strchr(tag, '>') : NULL;

	for (size_t i = 0; end && i < sizeof kinds / sizeof *kinds; i++) {
		const char *at = strstr(tag, kinds[i]);

		if (at && at < end)
			return strchr(at, 'k');
	}
	return NULL;
}

/* libvirt refuses "kvm" on a host without it, which says nothing of the XML: "qemu" stands in its place. */
static int write_copy(const struct judge *j, const char *path, struct err *err)
{
	AUTO(buf_done) struct buf text = BUF_INIT(j->xml.len + sizeof "qemu");
	AUTO_FD int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	const char *all = buf_str(&j->xml), *kvm = find_kvm(all);

	if (fd < 0)
		return err_sys(err, ERR_HOST, "cannot create '%s'", path);
	if (kvm) {
		buf_add(&text, all, (size_t)(kvm - all));
		buf_adds(&text, "qemu");
		all = kvm + strlen("kvm");
	}
	buf_adds(&text, all);
	return text.failed ? err_nomem(err) : file_pwrite(fd, buf_str(&text), text.len, 0, err);
}

/* path: of the copy, PATH_MAX. */
static int make_folder(struct judge *j, char *path, struct err *err)
{
	const struct passwd *nobody = geteuid() == 0 ? getpwnam("nobody") : NULL;

	if (asprintf(&j->folder, "%s/rehost-verify-XXXXXX", file_tmpdir()) < 0)
		return err_nomem(err);
	if (!mkdtemp(j->folder)) {
		err_sys(err, ERR_HOST, "cannot make a folder in '%s'", file_tmpdir());
		free(take_ptr(&j->folder));
		return -1;
	}
	if (chmod(j->folder, 0755) < 0 || (nobody && chown(j->folder, nobody->pw_uid, nobody->pw_gid) < 0))
		return err_sys(err, ERR_HOST, "cannot hand '%s' over", j->folder);
	snprintf(path, PATH_MAX, "%s/x.xml", j->folder);
	return write_copy(j, path, err);
}

/* ---- by libvirt ---- */

static void judge_schema(struct judge *j, const char *path)
{
	const char *const argv[] = {"virt-xml-validate", path, "domain", NULL};
	AUTO(buf_done) struct buf said = BUF_INIT(SAID_MAX);
	struct err err = ERR_INIT;
	int status;

	if (!have("virt-xml-validate") || !have("xmllint")) {
		say(j, "schema", SKIPPED, "virt-xml-validate is not installed (libvirt-clients, libxml2-utils)");
		return;
	}
	status = child_run(argv, &said, &err);
	if (status < 0)
		say(j, "schema", SKIPPED, "%s", err.text);
	else if (status == 0)
		say(j, "schema", OK, "libvirt's schema has no objection");
	else
		say(j, "schema", FAILED, "%s", one_line(&said));
}

/* Runs virsh with libvirt's QEMU driver in itself: without a daemon, as a user without rights, in our folder, and not
 * for ever: it asks each of the host's emulators what it can do. */
static int virsh(const struct judge *j, const char *const words[3], struct buf *said, struct err *err)
{
	const char *argv[20] = {"runuser", "-u", "nobody", "--"};
	size_t n = geteuid() == 0 ? 4 : 0;
	char home[PATH_MAX], uri[PATH_MAX];
	int status;

	snprintf(home, sizeof home, "HOME=%s", j->folder);
	snprintf(uri, sizeof uri, "qemu:///embed?root=%s/root", j->folder);
	argv[n++] = "env";
	argv[n++] = "-i";
	argv[n++] = "PATH=/usr/bin:/bin";
	argv[n++] = home;
	argv[n++] = "timeout";
	argv[n++] = "--kill-after=5";
	argv[n++] = VIRSH_LIMIT;
	argv[n++] = "virsh";
	argv[n++] = "-c";
	argv[n++] = uri;
	for (size_t i = 0; i < 3; i++)
		argv[n++] = words[i];
	argv[n] = NULL;
	status = child_run(argv, said, err);
	if (status == TIMED_OUT)
		return err_set(err, ERR_HOST, "virsh gave no answer in " VIRSH_LIMIT " s");
	return status;
}

static void judge_libvirt(struct judge *j, const char *path)
{
	AUTO(buf_done) struct buf said = BUF_INIT(SAID_MAX);
	struct err err = ERR_INIT;
	int status;

	if (!have("virsh") || (geteuid() == 0 && (!have("runuser") || !getpwnam("nobody")))) {
		say(j, "libvirt", SKIPPED, "virsh is not installed (libvirt-clients)");
		return;
	}
	status = virsh(j, (const char *const[]){"uri", NULL, NULL}, &said, &err);
	if (status != 0) {
		say(j, "libvirt", SKIPPED, "its QEMU driver can't be had (libvirt-daemon-driver-qemu): %s",
		    status < 0 ? err.text : one_line(&said));
		return;
	}
	buf_clear(&said);
	status = virsh(j, (const char *const[]){"define", "--validate", path}, &said, &err);
	if (status < 0)
		say(j, "libvirt", SKIPPED, "%s", err.text);
	else if (status == 0)
		say(j, "libvirt", OK, "libvirt defines the domain");
	else
		say(j, "libvirt", FAILED, "%s", one_line(&said));
}

static int by_libvirt(struct judge *j, struct err *err)
{
	char path[PATH_MAX];

	if (make_folder(j, path, err) < 0)
		return -1;
	judge_schema(j, path);
	judge_libvirt(j, path);
	return 0;
}

/* ---- by the disks ---- */

/* The seal's disk that the XML means; NULL: none, and why is said. */
static const struct seal_disk *find_disk(struct judge *j, const struct domain_disk *d, struct err *err)
{
	const struct seal_disk *disks;
	size_t n = seal_disks(j->job->seal, &disks);
	const char *slash = strrchr(d->source, '/');
	AUTO_FREE char *folder = strndup(d->source, (size_t)(slash - d->source));
	AUTO_FREE char *theirs = folder ? realpath(*folder ? folder : "/", NULL) : NULL;
	AUTO_FREE char *ours = realpath(j->job->folder, NULL);

	if (!theirs || !ours || strcmp(theirs, ours) != 0)
		return err_null(err, ERR_VERIFY, "disk '%s' is '%s', the result is in '%s'", d->target, d->source,
				j->job->folder);
	for (size_t i = 0; i < n; i++)
		if (!strcmp(disks[i].file, slash + 1))
			return &disks[i];
	return err_null(err, ERR_VERIFY, "disk '%s' is '%s', which is no disk of the result", d->target, d->source);
}

/* Those that the XML names, in the seal's order of files; opened below. */
struct named {
	const struct seal_disk *disks[DISKS_MAX];
	const char *targets[DISKS_MAX];
	size_t n;
};

static int check_named(struct judge *j, struct named *named, struct err *err)
{
	const struct seal_disk *disks;
	size_t n = seal_disks(j->job->seal, &disks);

	VEC_FOR (d, &j->domain.disks) {
		const struct seal_disk *sealed;

		if (!d->source || d->cdrom)
			continue;
		sealed = find_disk(j, d, err);
		if (!sealed)
			return -1;
		if (strcmp(d->format, sealed->format) != 0)
			return err_set(err, ERR_VERIFY, "disk '%s': format '%s', '%s' was written", d->target,
				       d->format, sealed->format);
		for (size_t i = 0; i < named->n; i++)
			if (named->disks[i] == sealed)
				return err_set(err, ERR_VERIFY, "disks '%s' and '%s' are the same file", d->target,
					       named->targets[i]);
		named->targets[named->n] = d->target;
		named->disks[named->n++] = sealed;
	}
	if (named->n != n)
		return err_set(err, ERR_VERIFY, "it names %zu disks, the result has %zu", named->n, n);
	return 0;
}

/* As the io process, which parses images, finds them. */
static int check_opened(struct judge *j, const struct named *named, struct err *err)
{
	AUTO(machine_freep) struct machine *m = machine_new();
	AUTO(io_stopp) struct io_client *io = NULL;
	struct io_options options = {.machine = m};

	if (!m)
		return err_nomem(err);
	for (size_t i = 0; i < named->n; i++) {
		struct disk *d = vec_push(&m->arena, &m->disks);

		d->folder = arena_strdup(&m->arena, j->job->folder);
		d->file = arena_strdup(&m->arena, named->disks[i]->file);
		d->format = arena_strdup(&m->arena, named->disks[i]->format);
	}
	if (io_start(&options, &io, err) < 0)
		return -1;
	for (unsigned i = 0; i < named->n; i++)
		if (io_disk(io, i)->size != named->disks[i]->size)
			return err_set(err, ERR_VERIFY, "disk '%s' has %" PRIu64 " bytes, %" PRIu64 " were published",
				       named->targets[i], io_disk(io, i)->size, named->disks[i]->size);
	return 0;
}

static int parse_named(struct judge *j, struct named *named, struct err *err)
{
	if (domain_parse(buf_str(&j->xml), j->xml.len, j->job->name, &j->domain, err) < 0)
		return -1;
	return check_named(j, named, err);
}

/* What is wrong is said; what couldn't be looked at is an error. */
static int fail(struct judge *j, const char *tier, const struct err *why, struct err *err)
{
	bool verdict = verify_is_verdict(why->code);

	say(j, tier, verdict ? FAILED : SKIPPED, "%s", why->text);
	return verdict ? 0 : err_set(err, why->code, "%s", why->text);
}

static int judge_disks(struct judge *j, struct err *err)
{
	struct named named = {0};
	struct err why = ERR_INIT;

	if (parse_named(j, &named, &why) < 0) {
		if (why.code != ERR_UNSUPPORTED)
			return fail(j, "disks", &why, err);
		say(j, "disks", SKIPPED, "%s", why.text);
		return 0;
	}
	if (check_opened(j, &named, &why) < 0)
		return fail(j, "disks", &why, err);
	say(j, "disks", OK, "%zu disk%s as described", named.n, named.n == 1 ? "" : "s");
	return 0;
}

/* ---- */

static int slurp(struct judge *j, struct err *err)
{
	AUTO_FD int fd = file_open_beneath(j->job->dirfd, j->job->name, false, err);

	return fd < 0 ? -1 : file_slurp_fd(fd, j->job->name, &j->xml, err);
}

/* Our own parser first: what it refuses (a DOCTYPE, for one) is shown to no other. */
static int judge_all(struct judge *j, struct err *err)
{
	AUTO(xml_freep) struct xml_doc *doc = NULL;
	struct err why = ERR_INIT;

	js_set_str(j->ret, "file", j->job->name);
	if (slurp(j, &why) < 0 || xml_parse(buf_str(&j->xml), j->xml.len, j->job->name, &doc, &why) < 0)
		return fail(j, "schema", &why, err);
	return by_libvirt(j, err) < 0 ? -1 : judge_disks(j, err);
}

int verify_xml(const struct verify_xml_job *job, struct json *ret, struct err *err)
{
	struct judge j = {.job = job, .ret = ret, .xml = BUF_INIT(XML_SIZE_MAX)};
	int status = judge_all(&j, err);

	if (j.folder)
		file_remove_tree(AT_FDCWD, j.folder, NULL);
	free(j.folder);
	domain_done(&j.domain);
	buf_done(&j.xml);
	return status;
}

int verify_xml_opens(const struct verify_xml_job *job, struct err *err)
{
	struct judge j = {.job = job, .xml = BUF_INIT(XML_SIZE_MAX)};
	struct named named = {0};
	int status = slurp(&j, err) < 0 || parse_named(&j, &named, err) < 0 ? -1 : check_opened(&j, &named, err);

	domain_done(&j.domain);
	buf_done(&j.xml);
	return status;
}

/* Tests of the driver catalogue: the right package for each Windows, never a wrong one, from folders and images. */
#include "tests/unit/drivers-inject/virtio_win.h"

/* The folder of the package that was chosen ("NetKVM/w10/amd64/"), or why there is none. */
static const char *chosen(struct fixture *f, const struct driver_catalogue *c, const char *what, enum driver_kind k)
{
	struct windows_version v = windows(f, what);
	struct driver_choices choices;

	choose_drivers(c, &v, true, &f->arena, &choices);
	return choices.v[k].package ? choices.v[k].package->folder : choices.v[k].why;
}

/* What a Windows gets of a disc for a device: the package's folder, or why there is none. */
struct wanted {
	const char *windows;
	enum driver_kind kind;
	const char *is;
};

static void expect(struct fixture *f, const char *disc, const struct wanted *rows)
{
	AUTO(driver_catalogue_closep) struct driver_catalogue *c = open_disc(f, disc);

	for (; rows->windows; rows++)
		assert_string_equal(chosen(f, c, rows->windows, rows->kind), rows->is);
}
#define EXPECT(f, disc, ...) expect((f), (disc), (const struct wanted[]){__VA_ARGS__, {0}})

/* The last part of the folder above the processor's and this itself: "w10/amd64", "-" when there is none. */
static const char *place(struct fixture *f, const struct driver_catalogue *c, const char *what, enum driver_kind k)
{
	struct windows_version v = windows(f, what);
	struct driver_choices choices;
	const struct driver_choice *d;
	char *folder;

	choose_drivers(c, &v, true, &f->arena, &choices);
	d = &choices.v[k];
	if (!d->package) {
		assert_non_null(d->why);
		return "-";
	}
	if (d->service)
		assert_string_equal(d->program->binary.arch, v.arch);
	folder = arena_strndup(&f->arena, d->package->folder, strlen(d->package->folder) - 1);
	assert_non_null(strchr(folder, '/'));
	return strchr(folder, '/') + 1;
}

#define OTHERS 10
/* A Windows; the folder for viostor and netkvm; then vioscsi, balloon, vioserial, viorng, vioinput, viofs, viogpudo,
 * pvpanic, fwcfg, qxldod: '=' the same folder, '-' none. */
static const struct {
	const char *windows, *folder, *others;
} rows[] = {
    {"5.1.2600 i386", "xp/x86", "-==-------"},		 {"5.2.3790 x86_64", "2k3/amd64", "-==-------"},
    {"5.2.3790 s i386", "2k3/x86", "-==-------"},	 {"5.2.3790 s x86_64", "2k3/amd64", "-==-------"},
    {"6.0.6002 i386", "2k8/x86", "====---==-"},		 {"6.0.6002 s x86_64", "2k8/amd64", "====---==-"},
    {"6.1.7601 i386", "w7/x86", "=====--==-"},		 {"6.1.7601 x86_64", "w7/amd64", "=====--==-"},
    {"6.1.7601 s x86_64", "2k8R2/amd64", "=====--==-"},	 {"6.2.9200 x86_64", "w8/amd64", "======-==="},
    {"6.2.9200 s x86_64", "2k12/amd64", "======-==="},	 {"6.3.9600 i386", "w8.1/x86", "=========="},
    {"6.3.9600 x86_64", "w8.1/amd64", "=========="},	 {"6.3.9600 s x86_64", "2k12R2/amd64", "=========="},
    {"10.0.10240 i386", "w10/x86", "=========="},	 {"10.0.19045 x86_64", "w10/amd64", "=========="},
    {"10.0.14393 s x86_64", "2k16/amd64", "=========="}, {"10.0.17763 s x86_64", "2k19/amd64", "=========="},
    {"10.0.20348 s x86_64", "2k22/amd64", "=========="}, {"10.0.25398 s x86_64", "2k22/amd64", "=========="},
    {"10.0.26100 s x86_64", "2k25/amd64", "=========="}, {"10.0.22631 x86_64", "w11/amd64", "=========="},
    {"10.0.26100 x86_64", "w11/amd64", "=========="},	 {"10.0.22631 aarch64", "w11/ARM64", "=====-===-"},
};

static void check_table(struct fixture *f, const char *disc)
{
	AUTO(driver_catalogue_closep) struct driver_catalogue *c = open_disc(f, disc);

	assert_int_equal(c->problems.n, 0);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_string_equal(place(f, c, rows[i].windows, DRIVER_VIOSTOR), rows[i].folder);
		assert_string_equal(place(f, c, rows[i].windows, DRIVER_NETKVM), rows[i].folder);
		assert_int_equal(strlen(rows[i].others), OTHERS);
		for (size_t k = 0; k < OTHERS; k++) {
			static const enum driver_kind kinds[OTHERS] = {
			    DRIVER_VIOSCSI, DRIVER_BALLOON,  DRIVER_VIOSERIAL, DRIVER_VIORNG, DRIVER_VIOINPUT,
			    DRIVER_VIOFS,   DRIVER_VIOGPUDO, DRIVER_PVPANIC,   DRIVER_FWCFG,  DRIVER_QXLDOD};

			assert_string_equal(place(f, c, rows[i].windows, kinds[k]),
					    rows[i].others[k] == '=' ? rows[i].folder : "-");
		}
	}
}

static void test_table(void **state)
{
	check_table(*state, DISC(*state, "disc", ""));
}

static void test_table_of_image(void **state)
{
	struct fixture *f = *state;
	const char *disc = DISC(f, "disc", "links=1"), *image = arena_printf(&f->arena, "%s/disc.iso", f->dir);
	AUTO(driver_catalogue_closep) struct driver_catalogue *c = NULL;
	size_t links = 0;

	shell(f, arena_printf(&f->arena, "xorriso -as mkisofs -quiet -J -R -cache-inodes -o %s %s 2>&1", image, disc));
	check_table(f, image);
	c = open_disc(f, image);
	VEC_FOR (file, &c->files)
		links += file->real != file->path;
	assert_true(links > 50);
	/* A folder that holds nothing but the image. */
	shell(f, arena_printf(&f->arena, "mkdir %s/share && mv %s %s/share/virtio-win.iso", f->dir, image, f->dir));
	driver_catalogue_close(take_ptr(&c));
	c = open_disc(f, arena_printf(&f->arena, "%s/share", f->dir));
	assert_true(c->is_iso);
}

/* Discs of which nothing but their making has to be said. */
static void test_discs(void **state)
{
	static const char w10[] = "10.0.19045 x86_64", w11[] = "10.0.22631 x86_64", w7[] = "6.1.7601 x86_64";
	static const struct {
		const char *options[5];
		struct wanted wanted[9];
	} discs[] = {
	    /* The package's folders; both places have all. */
	    {{"layout=rpm"},
	     {{w10, DRIVER_VIOSTOR, "drivers/amd64/Win10/"},
	      {"10.0.20348 s x86_64", DRIVER_NETKVM, "drivers/amd64/Win2k22/"},
	      {"6.1.7601 s x86_64", DRIVER_NETKVM, "drivers/amd64/Win2k8R2/"},
	      {"6.1.7601 i386", DRIVER_BALLOON, "drivers/by-driver/balloon/w7/x86/"}}},
	    /* A newer disc's drivers claim older versions of Windows, too: what their programs were built for tells. Of
	     * two for newer ones the path decides; of older ones the nearest. */
	    {{"os=w11,2k22"},
	     {{w7, DRIVER_VIOSTOR, "'viostor/2k22/amd64/viostor.sys' was built for Windows NT 10.0 and later"},
	      {w7, DRIVER_VIOSCSI, "all packages are for other versions of Windows"},
	      {"5.1.2600 i386", DRIVER_VIOSTOR, "all packages are for other processors"},
	      {"10.0.19045 i386", DRIVER_NETKVM, "all packages are for other processors"},
	      {"10.0.19045 aarch64", DRIVER_VIOSCSI, "all packages are for other versions of Windows"},
	      {"10.0.22631 aarch64", DRIVER_QXLDOD, "all packages are for other processors"},
	      {"10.0.14393 s x86_64", DRIVER_VIOSTOR, "viostor/2k22/amd64/"},
	      {"10.0.26100 s x86_64", DRIVER_VIOSTOR, "viostor/w11/amd64/"}}},
	    /* The nearest older build. */
	    {{"os=w7,w8.1,w10,2k16,2k25 drivers=viostor"},
	     {{"10.0.17763 s x86_64", DRIVER_VIOSTOR, "viostor/2k16/amd64/"},
	      {w11, DRIVER_VIOSTOR, "viostor/2k16/amd64/"},
	      {"6.3.9600 s x86_64", DRIVER_VIOSTOR, "viostor/w8.1/amd64/"},
	      {"6.2.9200 s x86_64", DRIVER_VIOSTOR, "viostor/w7/amd64/"},
	      {"6.0.6002 x86_64", DRIVER_VIOSTOR,
	       "'viostor/2k16/amd64/viostor.sys' was built for Windows NT 10.0 and later"}}},
	    /* The newer DriverVer; the date counts for more than the version. */
	    {{"os=w10 drivers=viostor inner=a ver=01/02/2023,100.99.0.1",
	      "os=w10 drivers=viostor inner=b ver=02/01/2024,100.1.0.1",
	      "os=w10 drivers=viostor inner=c ver=02/01/2024,99.9.9.9",
	      "os=w11 drivers=viostor inner=d ver=01/01/2026,1.1"},
	     {{w10, DRIVER_VIOSTOR, "b/viostor/w10/amd64/"}, {w11, DRIVER_VIOSTOR, "d/viostor/w11/amd64/"}}},
	    /* The tested one of two; a test-signed newer disc beside an older good one. */
	    {{"os=2k22,2k12R2 drivers=viostor inner=new sign=attested sign-old=test ver=01/01/2026,9.9.9.9",
	      "os=2k22,2k12R2 drivers=viostor inner=old"},
	     {{"10.0.20348 s x86_64", DRIVER_VIOSTOR, "old/viostor/2k22/amd64/"},
	      {"6.3.9600 s x86_64", DRIVER_VIOSTOR, "old/viostor/2k12R2/amd64/"}}},
	    {{"os=w10 drivers=viostor checked=1 ver=01/01/2026,9.9.9.9",
	      "os=w10 drivers=netkvm inner=sriov ver=01/01/2026,9.9.9.9", "os=w7 drivers=balloon inner=chk",
	      "os=w10 drivers=netkvm,viorng inner=good"},
	     {{w10, DRIVER_VIOSTOR, "'viostor/w10/amd64/viostor.sys' is a checked build"},
	      {w10, DRIVER_NETKVM, "good/NetKVM/w10/amd64/"},
	      {w7, DRIVER_BALLOON, "is a checked build"},
	      {w10, DRIVER_VIOFS, "no package is for this device"}}},
	    /* fw_cfg has a driver and a package without one; where both are, the driver. */
	    {{"os=2k8,w10"}, {{w10, DRIVER_FWCFG, "fwcfg/w10/amd64/"}}},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof discs / sizeof *discs; i++)
		expect(f, make_disc(f, arena_printf(&f->arena, "disc%zu", i), discs[i].options), discs[i].wanted);
}

/* Folders named for something else, or for nothing, are judged by what is in them. */
static void test_paths_lie(void **state)
{
	struct fixture *f = *state;
	const char *disc = DISC(f, "disc", "os=w7,w10 drivers=viostor,netkvm");

	shell(f, arena_printf(&f->arena,
			      "cd %s/viostor && mv w10/amd64 w10/x && mv w10/x86 w10/amd64 && mv w10/x w10/x86", disc));
	shell(f, arena_printf(&f->arena, "cd %s/NetKVM && mv w10 w7.x && mv w7 w10 && mv w7.x w7", disc));
	EXPECT(f, disc, {"10.0.19045 x86_64", DRIVER_VIOSTOR, "viostor/w10/x86/"},
	       {"10.0.19045 i386", DRIVER_VIOSTOR, "viostor/w10/amd64/"},
	       /* built for 10, in a folder named after 7 */
	       {"6.1.7601 x86_64", DRIVER_NETKVM, "NetKVM/w10/amd64/"});
}

static void test_signatures(void **state)
{
	static const struct {
		const char *sign, *windows, *why;
	} cases[] = {
	    {"sign=attested os=w10,2k16", "10.0.19045 x86_64", NULL},
	    {"sign=attested os=w10,2k16", "10.0.14393 s x86_64", NULL},
	    {"sign=test os=w10", "10.0.19045 x86_64", "is signed by nobody whom this Windows trusts (test)"},
	    {"sign=none os=w10", "10.0.19045 x86_64", "is signed by nobody whom this Windows trusts (none)"},
	    {"sign=test os=w10", "10.0.19045 i386", NULL},
	    {"sign-old=test os=2k12R2", "6.3.9600 s x86_64", "is signed by nobody whom this Windows trusts (test)"},
	    {"sign-old=attested os=2k12R2", "6.3.9600 s x86_64",
	     "is signed by nobody whom this Windows trusts (attested)"},
	    {"sign-old=cross os=2k12R2", "6.3.9600 s x86_64", NULL},
	    {"sign-old=none os=2k3", "5.2.3790 s x86_64", NULL},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		AUTO(driver_catalogue_closep)
		struct driver_catalogue *c =
		    open_disc(f, DISC(f, arena_printf(&f->arena, "disc%zu", i),
				      arena_printf(&f->arena, "%s drivers=viostor", cases[i].sign)));
		const char *got = chosen(f, c, cases[i].windows, DRIVER_VIOSTOR);

		if (cases[i].why)
			assert_string_equal(got, cases[i].why);
		else
			assert_non_null(strstr(got, "viostor/"));
	}
}

/* The name of an .inf file gets into a command file of the guest. */
static void test_odd_name(void **state)
{
	struct fixture *f = *state;
	const char *disc = DISC(f, "disc", "os=w10 drivers=viorng");

	shell(f, arena_printf(&f->arena, "cd %s/viorng/w10/amd64 && mv viorng.inf 'a%%PATH%%.inf'", disc));
	EXPECT(f, disc, {"10.0.19045 x86_64", DRIVER_VIORNG, "has a name that can't be one in Windows"});
}

/* KMDF that this Windows hasn't and no co-installer brings. */
static void test_framework(void **state)
{
	struct fixture *f = *state;
	const char *disc = DISC(f, "disc", "os=w10,w7 drivers=balloon");

	shell(f, arena_printf(&f->arena, "cd %s/Balloon/w10/amd64 && sed -i s/1.15/1.33/ balloon.inf", disc));
	shell(f, arena_printf(&f->arena, "cd %s/Balloon/w7/x86 && sed -i s/1.9/1.11/ balloon.inf", disc));
	EXPECT(f, disc, {"10.0.19045 x86_64", DRIVER_BALLOON, "Balloon/w7/amd64/"},
	       {"10.0.22631 x86_64", DRIVER_BALLOON, "Balloon/w10/amd64/"},
	       {"6.1.7601 i386", DRIVER_BALLOON, "Balloon/w7/x86/"});
	shell(f, arena_printf(&f->arena, "rm -r %s/Balloon/w7", disc));
	EXPECT(f, disc, {"10.0.19045 x86_64", DRIVER_BALLOON, "needs KMDF 1.33, and this Windows has 1.31"});
}

static const char *problem(struct fixture *f, const char *damage)
{
	AUTO(driver_catalogue_closep)
	struct driver_catalogue *c =
	    open_disc(f, DISC(f, damage, arena_printf(&f->arena, "os=w10 drivers=viostor inner=bad damage=%s", damage),
			      "os=w7 drivers=netkvm inner=good"));
	struct windows_version v = windows(f, "10.0.19045 x86_64");
	struct driver_choices choices;

	choose_drivers(c, &v, true, &f->arena, &choices);
	assert_null(choices.v[DRIVER_VIOSTOR].package);
	assert_string_equal(chosen(f, c, "6.1.7601 x86_64", DRIVER_NETKVM), "good/NetKVM/w7/amd64/");
	if (c->problems.n) {
		assert_string_equal(c->problems.v[0].path, "bad/viostor/w10/amd64/viostor.inf");
		return arena_strdup(&f->arena, c->problems.v[0].text);
	}
	if (choices.problems.n)
		return choices.problems.v[0].text;
	return choices.v[DRIVER_VIOSTOR].why;
}

static void test_damage(void **state)
{
	struct fixture *f = *state;

	assert_string_equal(problem(f, "cut"), "no package is for this device");
	assert_string_equal(problem(f, "garbage"), "is no .inf file: [Version] has no Signature of Windows");
	assert_string_equal(problem(f, "empty"), "is no .inf file: [Version] has no Signature of Windows");
	assert_string_equal(problem(f, "no-signature"), "is no .inf file: [Version] has no Signature of Windows");
	assert_non_null(strstr(problem(f, "long"), "bytes long, at most 4194304 are read"));
	assert_string_equal(problem(f, "escape"),
			    "file 'viostor.sys' in folder '..\\..\\elsewhere' leads out of the package");
	assert_string_equal(problem(f, "missing-sys"), "'viostor.sys' of it is missing");
	assert_string_equal(problem(f, "wrong-arch"), "'bad/viostor/w10/amd64/viostor.sys' is for i386");
	assert_string_equal(problem(f, "no-program"), "'bad/viostor/w10/amd64/viostor.sys' is no program");
}

static void test_sources(void **state)
{
	struct fixture *f = *state;
	const char *disc = DISC(f, "disc", "os=w10 drivers=viostor");
	AUTO(driver_catalogue_closep) struct driver_catalogue *c = NULL;
	const char *empty = arena_printf(&f->arena, "%s/empty", f->dir), *identity;

	shell(f, arena_printf(&f->arena, "mkdir %s && ln -s %s/viostor/w10/amd64/viostor.inf %s/", empty, disc, empty));
	setenv("VIRTIO_WIN", disc, 1);
	c = open_disc(f, NULL);
	assert_string_equal(driver_catalogue_path(c), disc);
	identity = arena_strdup(&f->arena, driver_catalogue_identity(c));
	driver_catalogue_close(take_ptr(&c));
	shell(f,
	      arena_printf(&f->arena, "sed -i 's/7/8/' %s/virtio-win_license.txt; echo more >%s/readme", disc, disc));
	c = open_disc(f, NULL);
	assert_string_not_equal(driver_catalogue_identity(c), identity);
	driver_catalogue_close(take_ptr(&c));
	/* A symlink that leads out of the folder is no part of it. */
	setenv("VIRTIO_WIN", empty, 1);
	assert_int_equal(driver_catalogue_open(NULL, &c, &f->err), -1);
	assert_string_equal(f->err.text,
			    arena_printf(&f->arena, "VIRTIO_WIN '%s': there is no .inf file in it", empty));
	assert_int_equal(f->err.code, ERR_USAGE);
	assert_int_equal(driver_catalogue_open("/none", &c, &f->err), -1);
	assert_string_equal(f->err.text, "--virtio-win '/none': cannot open '/none': No such file or directory");
	assert_int_equal(driver_catalogue_open("/etc/passwd", &c, &f->err), -1);
	assert_string_equal(f->err.text,
			    "--virtio-win '/etc/passwd': image '/etc/passwd': Unrecognized archive format");
	unsetenv("VIRTIO_WIN");
}

static void test_agent(void **state)
{
	struct fixture *f = *state;
	AUTO(driver_catalogue_closep)
	struct driver_catalogue *c = open_disc(f, DISC(f, "disc", "os=w10 drivers=viostor"));
	AUTO(buf_done) struct buf b = BUF_INIT(1 << 20), little = BUF_INIT(5);
	const char *name;

	assert_int_equal(driver_catalogue_agent(c, "x86_64", &f->arena, &name, &b, &f->err), 0);
	assert_string_equal(name, "qemu-ga-x86_64.msi");
	assert_non_null(strstr(buf_str(&b), "agent for x86_64"));
	assert_int_equal(driver_catalogue_agent(c, "aarch64", &f->arena, &name, &b, &f->err), 0);
	assert_null(name);
	assert_int_equal(driver_catalogue_agent(c, "i386", &f->arena, &name, &little, &f->err), -1);
	assert_string_equal(f->err.text, "'qemu-ga-i386.msi': is 19 bytes long, at most 5 are read");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    FIXTURE_TEST(test_table),	  FIXTURE_TEST(test_table_of_image), FIXTURE_TEST(test_discs),
	    FIXTURE_TEST(test_paths_lie), FIXTURE_TEST(test_signatures),     FIXTURE_TEST(test_odd_name),
	    FIXTURE_TEST(test_framework), FIXTURE_TEST(test_damage),	     FIXTURE_TEST(test_sources),
	    FIXTURE_TEST(test_agent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

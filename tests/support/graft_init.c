/* The init of a test initramfs: loads modules as a generator's init would, then looks for the disks of the test.
 *
 * With /conf/modules it loads what that names and nothing else, in an image of genkernel what its lists name; without, it
 * loads by the aliases of the devices, as udev does, or as booster's init by booster's own lists. It prints "GRAFT OK: vda sda" on the console when both disks hold their names, else what it lacks.
 */
#include <dirent.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void modprobe(const char *name)
{
	pid_t pid = fork();

	if (pid == 0) {
		execl("/sbin/modprobe", "modprobe", "-b", name, NULL);
		_exit(127);
	}
	waitpid(pid, NULL, 0);
}

static int load_listed(const char *list)
{
	FILE *in = fopen(list, "r");
	char line[128];

	if (!in)
		return -1;
	while (fgets(line, sizeof line, in)) {
		line[strcspn(line, " \n")] = '\0';
		if (*line && *line != '#')
			modprobe(line);
	}
	fclose(in);
	return 0;
}

/* genkernel: the lists of the groups in MY_HWOPTS. */
static void load_groups(void)
{
	FILE *in = fopen("/etc/initrd.defaults", "r");
	char line[512], path[128];

	while (in && fgets(line, sizeof line, in)) {
		if (strncmp(line, "MY_HWOPTS='", 11) != 0)
			continue;
		for (char *word = strtok(line + 11, " '\n"); word; word = strtok(NULL, " '\n")) {
			snprintf(path, sizeof path, "/etc/modules/%s", word);
			load_listed(path);
		}
	}
	if (in)
		fclose(in);
}

#define BOOSTER "/etc/booster.init.yaml"

/* Loads a module of booster's behind what the settings say that it needs. */
static void booster_load(const char *name, int depth)
{
	FILE *in = fopen(BOOSTER, "r");
	char line[256], path[320], key[128] = "";
	int fd;

	while (in && depth < 16 && fgets(line, sizeof line, in)) {
		size_t indent = strspn(line, " ");

		line[strcspn(line, "\n")] = '\0';
		if (!indent)
			snprintf(key, sizeof key, "%.100s", strcmp(line, "moduledependencies:") == 0 ? "?" : "");
		else if (*key && line[indent] != '-')
			snprintf(key, sizeof key, "%.*s", (int)strcspn(line + indent, ":"), line + indent);
		else if (strcmp(key, name) == 0)
			booster_load(line + indent + 2, depth + 1);
	}
	if (in)
		fclose(in);
	snprintf(path, sizeof path, "/usr/lib/modules/%s.ko", name);
	fd = open(path, O_RDONLY);
	if (fd >= 0) {
		syscall(SYS_finit_module, fd, "", 0);
		close(fd);
	}
}

static void booster_alias(const char *alias)
{
	FILE *in = fopen("/usr/lib/modules/booster.alias", "r");
	char line[512];

	while (in && fgets(line, sizeof line, in)) {
		char *pattern = strtok(line, " \n"), *module = strtok(NULL, " \n");

		if (module && fnmatch(pattern, alias, 0) == 0)
			booster_load(module, 0);
	}
	if (in)
		fclose(in);
}

static void load_by_alias(const char *bus)
{
	char path[512], alias[512];
	DIR *dir;

	snprintf(path, sizeof path, "/sys/bus/%s/devices", bus);
	dir = opendir(path);
	for (struct dirent *e; dir && (e = readdir(dir));) {
		FILE *in;

		snprintf(path, sizeof path, "/sys/bus/%s/devices/%.200s/modalias", bus, e->d_name);
		in = fopen(path, "r");
		if (in && fgets(alias, sizeof alias, in)) {
			alias[strcspn(alias, "\n")] = '\0';
			if (access(BOOSTER, R_OK) == 0)
				booster_alias(alias);
			else
				modprobe(alias);
		}
		if (in)
			fclose(in);
	}
	if (dir)
		closedir(dir);
}

static int holds(const char *disk)
{
	char path[32], text[16] = "";
	int fd;

	snprintf(path, sizeof path, "/dev/%s", disk);
	fd = open(path, O_RDONLY);
	if (fd >= 0) {
		if (read(fd, text, 8) < 0)
			*text = '\0';
		close(fd);
	}
	return strncmp(text, disk, strlen(disk)) == 0;
}

/* A file that shares its content with one that was grafted over must be as before. */
static int is_untouched(void)
{
	FILE *in = fopen("/etc/same-content", "r");
	char line[128];
	int found = 0;

	while (in && fgets(line, sizeof line, in))
		found |= strstr(line, "virtio") != NULL;
	if (in)
		fclose(in);
	return !found;
}

int main(void)
{
	static const char *const buses[] = {"pci", "virtio", "scsi"};
	int vda = 0, sda = 0;

	mount("proc", "/proc", "proc", 0, "");
	mount("sysfs", "/sys", "sysfs", 0, "");
	mount("devtmpfs", "/dev", "devtmpfs", 0, "");
	for (int i = 0; i < 40 && !(vda && sda); i++) {
		if (access("/conf/modules", R_OK) == 0) {
			if (i == 0)
				load_listed("/conf/modules");
		} else if (access("/etc/initrd.defaults", R_OK) == 0) {
			if (i == 0)
				load_groups();
		} else {
			for (int b = 0; b < 3; b++)
				load_by_alias(buses[b]);
		}
		usleep(100000);
		vda = holds("vda");
		sda = holds("sda");
	}
	printf("GRAFT %s:%s%s%s\n", vda && sda && is_untouched() ? "OK" : "FAILED", vda ? " vda" : "",
	       sda ? " sda" : "", is_untouched() ? "" : " (another name of a grafted file changed)");
	fflush(stdout);
	sync();
	reboot(RB_POWER_OFF);
	return 0;
}

/* The live system's run: settings, network, the choice of disks, and what happens to the machine afterwards. */
#ifndef REHOST_BOOT_ISO_AGENT_LIVE_H
#define REHOST_BOOT_ISO_AGENT_LIVE_H

/* What /init does next. */
enum live_end { LIVE_AGAIN = 0, LIVE_POWEROFF = 10, LIVE_REBOOT = 11, LIVE_SHELL = 12 };

struct live_options {
	const char *root;  /* "/", or a folder with what is read of the machine, its disks being files in dev/ */
	const char *words; /* more settings, as on the kernel's command line; "" none */
};

enum live_end live_run(const struct live_options *o);

#endif

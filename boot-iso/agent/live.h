/* The live system's run: settings, network, the choice of disks, and what happens to the machine afterwards. */
#ifndef REHOST_BOOT_ISO_AGENT_LIVE_H
#define REHOST_BOOT_ISO_AGENT_LIVE_H

/* What /init does next. */
enum live_end { LIVE_AGAIN = 0, LIVE_POWEROFF = 10, LIVE_REBOOT = 11, LIVE_SHELL = 12 };

enum live_end live_run(void);

#endif

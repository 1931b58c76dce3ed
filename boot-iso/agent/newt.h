/* The process that shows screens on one terminal. */
#ifndef REHOST_BOOT_ISO_AGENT_NEWT_H
#define REHOST_BOOT_ISO_AGENT_NEWT_H

enum {
	NEWT_FD = 3,		   /* the other process, over packets */
	NEWT_PACKET_MAX = 1 << 17, /* a screen of 256 lines */
	NEWT_PROBE_MS = 2000,	   /* for a terminal to tell its size */
};

/* Shows what comes on NEWT_FD, and sends the answers there, until the other side closes it. terminal: a device, or ""
 * for standard input and output. 0, or 1: there is no terminal that could show a screen, or it has gone. */
int newt_main(const char *terminal);

#endif

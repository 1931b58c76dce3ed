/* What the states of a Windows guest's volumes mean for its conversion. */
#include "inspectors/windows.h"

#include <string.h>

#define SHUTDOWN "shutdown /s /f /t 0"

static bool is_system(const struct windows_look *l, const struct filesystem *f)
{
	return l->i->os.root && mountable_is_on(l->i->os.root, f->device);
}

/* The system's own volume: its hiberfil.sys is also what Fast Startup shuts down into. */
static void judge_hibernated(struct windows_look *l, const struct filesystem *f)
{
	if (f->is_readonly)
		finding_add(
		    l->i, "B-WINDOWS-HIBERNATED", SEVERITY_BLOCKER, "/hiberfil.sys",
		    "On the source, in a command prompt of an administrator: powercfg /h off, then " SHUTDOWN
		    "; or convert with --discard-hibernation, which gives up what was not saved.",
		    "Windows is hibernated, or was shut down with Fast Startup, which is the same: %s must not be "
		    "changed while it is",
		    f->device);
	else
		finding_add(
		    l->i, "W-HIBERNATION-DISCARDED", SEVERITY_WARNING, "/hiberfil.sys", NULL,
		    "Windows was hibernated: what it held in memory is given up, and what it had not yet written to "
		    "%s is lost",
		    f->device);
}

static void judge_unclean(struct windows_look *l, const struct filesystem *f)
{
	static const char advice[] =
	    "On the source: start Windows, run chkdsk /f on the volume and restart when it asks "
	    "for it, then " SHUTDOWN;

	if (f->hibernated)
		return;
	if (!is_system(l, f))
		finding_add(l->i, "W-NTFS-UNCLEAN", SEVERITY_WARNING, f->device, advice,
			    "Windows did not finish what it wrote to %s, or wants it checked: it is copied as it is",
			    f->device);
	else if (f->is_readonly)
		finding_add(
		    l->i, "B-NTFS-UNCLEAN", SEVERITY_BLOCKER, f->device, advice,
		    "the Windows volume %s was not shut down cleanly, or Windows wants it checked (chkdsk): it is "
		    "not safe to be changed",
		    f->device);
	else
		finding_add(l->i, "W-NTFS-UNCLEAN", SEVERITY_WARNING, f->device, advice,
			    "the Windows volume %s was not shut down cleanly: its journal was dropped", f->device);
}

static void judge_dynamic(struct windows_look *l)
{
	static const char volume[] = "/dev/mapper/ldm_";
	AUTO(buf_done) struct buf disks = BUF_INIT(1024);

	VEC_FOR (d, &l->w->dynamic)
		buf_addf(&disks, "%s%u", disks.len ? ", " : "", *d + 1);
	if (!disks.len)
		return;
	if (l->i->os.root && strncmp(l->i->os.root, volume, strlen(volume)) == 0)
		finding_add(l->i, "B-DYNAMIC-DISK", SEVERITY_BLOCKER, l->i->os.root,
			    "Copy the system to a basic disk on the source (a backup restored to one), then convert; "
			    "--no-convert copies it as it is.",
			    "Windows itself lies on a dynamic disk (disk %s)", buf_str(&disks));
	else
		finding_add(l->i, "I-DYNAMIC-DISK", SEVERITY_INFO, NULL, NULL,
			    "disk %s is dynamic: its volumes are copied as they are, and Windows finds them again",
			    buf_str(&disks));
}

void windows_volumes(struct windows_look *l)
{
	VEC_FOR (f, &l->i->filesystems) {
		if (f->hibernated && is_system(l, f))
			judge_hibernated(l, f);
		if (f->unclean)
			judge_unclean(l, f);
	}
	judge_dynamic(l);
}

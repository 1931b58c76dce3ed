/* dracut: a file in /etc/dracut.conf.d. add_drivers also adds to an exclusive list in drivers= (dracut.conf(5)). */
#include "drivers-inject/linux/settings.h"

int settings_dracut(const struct generator_settings *s, bool *ret_known, struct err *err)
{
	AUTO(buf_done) struct buf b = BUF_INIT(GUEST_TEXT_MAX);

	*ret_known = true;
	if (buf_adds(&b, "# Drivers of the virtual disks, added by rehost.\nadd_drivers+=\"") < 0)
		return err_nomem(err);
	for (size_t i = 0; i < s->n; i++)
		if (buf_addf(&b, " %s", s->names[i]) < 0)
			return err_nomem(err);
	if (buf_adds(&b, " \"\n") < 0)
		return err_nomem(err);
	return guest_edit(s->g, s->log, "/etc/dracut.conf.d/rehost-virtio.conf", buf_str(&b), s->reason, err);
}

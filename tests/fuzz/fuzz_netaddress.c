/* Fuzz: any bytes as the network files that a fixed address is written into: what is written is what a second run would
 * write. */
#include "guest/files/netaddress.h"
#include "tests/fuzz/text_files.h"

static net_address_writer *const writers[] = {
    netplan_set_address,    nmkeyfile_set_address, networkd_set_address, ifcfg_set_address,
    suse_ifcfg_set_address, suse_ifroute_set,	   suse_routes_drop,	 suse_config_set,
    ifupdown_set_address,   netctl_set_address,	   netifrc_set_address,	 dhcpcd_set_address,
    resolv_conf_set,	    etcnet_options_set,	   etcnet_address_set,	 etcnet_route_set,
};

static const char *const systems[] = {"netplan",  "networkmanager", "networkd", "ifcfg",
				      "ifupdown", "netctl",	    "netifrc",	"etcnet"};

/* False: it can't be edited. */
static bool write_once(struct arena *a, net_address_writer *write, const char *text, const struct static_ip *ip,
		       const char **ret)
{
	const struct net_address address = {"eth0", "eth0", "00:11:22:33:44:55", ip};
	struct lines l;

	lines_split(&l, a, text);
	if (!write(&l, &address))
		return false;
	*ret = lines_join(&l);
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(arena_done) struct arena a = {0};
	const char *text = fuzz_text(&a, data, size), *once, *twice;
	struct static_ip ip = {.address = (char *)"10.0.0.5", .prefix = 24, .gateway = (char *)"10.0.0.1"},
			 v6 = {.address = (char *)"2001:db8::5", .prefix = 64, .v6 = true};
	struct lines l;

	*vec_push(&a, &ip.dns) = (char *)"10.0.0.2";
	for (size_t k = 0; k < sizeof writers / sizeof *writers; k++)
		for (unsigned family = 0; family < 2; family++)
			if (write_once(&a, writers[k], text, family ? &v6 : &ip, &once) &&
			    (!write_once(&a, writers[k], once, family ? &v6 : &ip, &twice) || strcmp(once, twice) != 0))
				abort();
	lines_split(&l, &a, text);
	for (size_t k = 0; k < sizeof systems / sizeof *systems; k++)
		net_is_port(systems[k], &l, "eth0", true);
	return 0;
}

/* Fuzz: any bytes as the network files that a fixed address is written into. */
#include "guest/files/netaddress.h"
#include "tests/fuzz/text_files.h"

/* The first of them put the address itself somewhere. */
static net_address_writer *const writers[] = {
    netplan_set_address,  nmkeyfile_set_address, networkd_set_address, ifcfg_set_address,     suse_ifcfg_set_address,
    ifupdown_set_address, netctl_set_address,	 netifrc_set_address,  dhcpcd_set_address,    etcnet_address_set,
    suse_ifroute_set,	  suse_routes_drop,	 suse_config_set,      resolv_conf_set,	      etcnet_options_set,
    etcnet_route_set,	  ifcfg_global_drop,	 ifcfg_routes_drop,    ifupdown_drop_address,
};

enum { WITH_ADDRESS = 10 };

static const char *const systems[] = {"netplan",  "networkmanager", "networkd", "ifcfg",
				      "ifupdown", "netctl",	    "netifrc",	"etcnet"};

static void write_once(struct arena *a, size_t writer, const char *text, const struct static_ip *ip)
{
	const struct net_address address = {"eth0", "eth0", "00:11:22:33:44:55", ip};
	struct lines l;

	lines_split(&l, a, text);
	if (writers[writer](&l, &address) && writer < WITH_ADDRESS && !strstr(lines_join(&l), ip->address))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(arena_done) struct arena a = {0};
	const char *text = fuzz_text(&a, data, size);
	struct static_ip ip = {.address = (char *)"10.0.0.5", .prefix = 24, .gateway = (char *)"10.0.0.1"},
			 v6 = {.address = (char *)"2001:db8::5", .prefix = 64, .v6 = true};
	struct lines l;

	*vec_push(&a, &ip.dns) = (char *)"10.0.0.2";
	for (size_t k = 0; k < sizeof writers / sizeof *writers; k++) {
		write_once(&a, k, text, &ip);
		write_once(&a, k, text, &v6);
	}
	lines_split(&l, &a, text);
	for (size_t k = 0; k < sizeof systems / sizeof *systems; k++)
		net_is_port(systems[k], &l, "eth0", true);
	return 0;
}

/* Fuzz: any bytes as ifupdown's interfaces, systemd's network files, NetworkManager's keyfiles, udev rules, ifcfg
 * files, profiles. */
#include "tests/fuzz/text_files.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(arena_done) struct arena a = {0};
	const char *text = fuzz_text(&a, data, size);

	fuzz_parser(ifupdown_parse, text);
	fuzz_parser(networkd_parse, text);
	fuzz_parser(nmkeyfile_parse, text);
	fuzz_parser(udevrules_parse, text);
	fuzz_parser(ifcfg_parse, text);
	fuzz_parser(netctl_parse, text);
	fuzz_parser(conf_d_net_parse, text);
	fuzz_parser(dhcpcd_parse, text);
	fuzz_parser(etcnet_parse, text);
	return 0;
}

/* Fuzz: what a guest may write: its serial port, its screen's memory, its agent's channel. */
#include <stdint.h>
#include <stdlib.h>

#include "core/base/checked.h"
#include "core/base/cleanup.h"
#include "run/proof/agent.h"
#include "run/proof/evidence.h"
#include "run/proof/vgatext.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(buf_done) struct buf text = BUF_INIT(16 * MIB);
	AUTO(buf_done) struct buf rows = BUF_INIT(64 * KIB);
	struct agent agent = {.fd = -1, .asked = 3};
	struct evidence e = {0};

	if (buf_add(&text, data, size) < 0)
		return 0;
	evidence_serial(&e, (const char *)data, size);
	agent_take(&agent, (const char *)data, size);
	evidence_cpu(&e, buf_str(&text));
	if (vgatext_decode(buf_str(&text), &rows) < 0)
		abort();
	evidence_screen(&e, buf_str(&rows));
	return 0;
}

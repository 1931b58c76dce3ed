/* Files of the tree that are part of the program. The assembler puts them in, so that no tool but the compiler is
 * needed; the Makefile knows that this object depends on them. */
#include "run/report/files.h"

#include <string.h>

/* Paths are from the root, where everything is built. A NUL ends each, for those who read it as text. */
#define EMBED(symbol, path)                                                                                            \
	__asm__(".pushsection .rodata\n"                                                                               \
		".hidden " #symbol "_begin\n.global " #symbol "_begin\n" #symbol "_begin:\n.incbin \"" path "\"\n"     \
		".hidden " #symbol "_end\n.global " #symbol "_end\n" #symbol "_end:\n.byte 0\n"                        \
		".popsection\n");                                                                                      \
	extern const char symbol##_begin[] __attribute__((visibility("hidden")));                                      \
	extern const char symbol##_end[] __attribute__((visibility("hidden")))

EMBED(report_batch_html, "run/report/batch.html");
EMBED(report_batch_js, "run/report/batch.js");
EMBED(report_findings_md, "docs/findings.md");
EMBED(report_machine_html, "run/report/machine.html");
EMBED(report_machine_js, "run/report/machine.js");
EMBED(report_plot_html, "run/report/plot.html");
EMBED(report_proof_html, "run/report/proof.html");
EMBED(report_style_css, "run/report/style.css");

static const struct {
	const char *name, *begin, *end;
} files[] = {
    {"batch.html", report_batch_html_begin, report_batch_html_end},
    {"batch.js", report_batch_js_begin, report_batch_js_end},
    {"findings.md", report_findings_md_begin, report_findings_md_end},
    {"machine.html", report_machine_html_begin, report_machine_html_end},
    {"machine.js", report_machine_js_begin, report_machine_js_end},
    {"plot.html", report_plot_html_begin, report_plot_html_end},
    {"proof.html", report_proof_html_begin, report_proof_html_end},
    {"style.css", report_style_css_begin, report_style_css_end},
};

bool report_file(const char *name, size_t len, struct template *ret)
{
	for (size_t i = 0; i < sizeof files / sizeof *files; i++)
		if (strlen(files[i].name) == len && !memcmp(files[i].name, name, len)) {
			*ret = (struct template){.name = files[i].name,
						 .text = files[i].begin,
						 .len = (size_t)(files[i].end - files[i].begin)};
			return true;
		}
	return false;
}

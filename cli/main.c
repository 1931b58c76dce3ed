/* The program: finds the command, runs it, prints its error once. */
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/completion.h"
#include "cli/man.h"
#include "cli/terminal.h"
#include "cli/v2v.h"
#include "core/base/err.h"
#include "core/model/version.h"
#include "run/io_client.h"

static void usage(FILE *out)
{
	fputs("rehost moves machines: a VM of another hypervisor becomes a guest that libvirt/KVM boots.\n\n"
	      "usage: rehost COMMAND [options] [INPUT…]\n\n",
	      out);
	command_list(commands, out);
	fputs("\n`rehost COMMAND --help` lists its options; so does `man rehost-COMMAND`.\n", out);
}

static bool wants_help(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h"))
			return true;
	return false;
}

static int run_command(const struct command *c, int argc, char **argv);

static int run_part(const struct command *c, int argc, char **argv)
{
	const struct command *part = argc > 1 ? command_find(c->parts, argv[1]) : NULL;

	if (part)
		return run_command(part, argc - 1, argv + 1);
	if (wants_help(argc, argv)) {
		command_usage(c, stdout);
		return 0;
	}
	if (argc > 1)
		fprintf(stderr, "rehost %s: unknown command '%s'; `rehost %s --help` lists them\n", c->name, argv[1],
			c->name);
	else
		command_usage(c, stderr);
	return err_exit_status(ERR_USAGE);
}

static int run_command(const struct command *c, int argc, char **argv)
{
	struct err err = ERR_INIT;

	if (c->parts)
		return run_part(c, argc, argv);
	if (wants_help(argc, argv)) {
		command_usage(c, stdout);
		return 0;
	}
	terminal_catch_signals();
	if (c->run(c, argc, argv, &err) == 0 && terminal_flush(&err) == 0) {
		terminal_end();
		return 0;
	}
	terminal_error(&err, argv);
	if (err.code == ERR_USAGE)
		fprintf(stderr, "`rehost %s --help` lists the options.\n", c->name);
	return err_exit_status(err.code);
}

/* What the build makes of the tables: pages and completions. */
static int made(int ret, struct err *err)
{
	if (ret == 0 && terminal_flush(err) == 0)
		return 0;
	fprintf(stderr, "rehost: %s\n", err->text);
	return err_exit_status(err->code);
}

/* A standard stream that is closed would be the next file that is opened, and what is told would go into it. */
static void open_streams(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
			_exit(1);
}

int main(int argc, char **argv)
{
	struct err err = ERR_INIT;
	const struct command *c;

	open_streams();
	setlocale(LC_CTYPE, "");
	signal(SIGPIPE, SIG_IGN);
	if (v2v_is_name(argv[0]))
		return v2v_main(argc, argv);
	if (argc > 1 && !strcmp(argv[1], "io"))
		return io_main(argc, argv);
	if (argc < 2 || !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
		usage(argc < 2 ? stderr : stdout);
		return argc < 2 ? err_exit_status(ERR_USAGE) : 0;
	}
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
		puts("rehost " REHOST_VERSION);
		return 0;
	}
	if (argc == 2 && !strncmp(argv[1], "--man=", 6))
		return made(man_page(argv[1] + 6, stdout, &err), &err);
	if (argc == 2 && !strncmp(argv[1], "--completion=", 13))
		return made(completion(argv[1] + 13, stdout, &err), &err);
	c = command_find(commands, argv[1]);
	if (!c) {
		fprintf(stderr, "rehost: unknown command '%s'; `rehost --help` lists them\n", argv[1]);
		return err_exit_status(ERR_USAGE);
	}
	return run_command(c, argc - 1, argv + 1);
}

/* The first boot's command file that gives network cards their settings back: cards are found by MAC with getmac, which
 * every Windows from XP Professional on has, and set with netsh.
 *
 * The file is ASCII, since nobody knows the guest's code page here: names of connections come out of the registry at
 * that time. */
#include "converters/windows/network_script.h"

#include <stdio.h>
#include <string.h>

#define CCS	  "HKLM\\SYSTEM\\CurrentControlSet"
#define NET_CLASS "{4D36E972-E325-11CE-BFC1-08002BE10318}"

static const char head[] = "@echo off\n"
			   "setlocal EnableExtensions DisableDelayedExpansion\n"
			   "set \"failed=\"\n";

static const char tail[] = "ipconfig /all\n"
			   "if defined failed exit /b 1\n"
			   "exit /b 0\n";

/* A driver that the script before this one installed needs a while until its card is there: up to five minutes. No call
 * gets a name, whose percent signs and carets it would take for its own. */
static const char find[] =
    "\n"
    "rem MAC: sets name, and guid when the cable is plugged in; fails when there is no such card.\n"
    ":find\n"
    "set \"name=\"\n"
    "set \"guid=\"\n"
    "set \"tries=0\"\n"
    ":look\n"
    "for /f usebackq^ tokens^=1^,5^,7^ delims^=^\" %%a in (`getmac /v /nh /fo csv`) do if /i \"%%b\"==\"%~1\" if not "
    "defined name (set \"name=%%a\" & set \"transport=%%c\")\n"
    "if defined name goto found\n"
    "set /a tries+=1\n"
    "if %tries% geq 60 exit /b 1\n"
    "ping -n 6 127.0.0.1 >nul\n"
    "goto look\n"
    "\n"
    "rem The transport is \\Device\\Tcpip_{GUID}, or words when it isn't connected.\n"
    ":found\n"
    "for /f \"tokens=2 delims=_\" %%g in (\"%transport%\") do set \"guid=%%g\"\n"
    "exit /b 0\n";
static const char rename_card[] =
    "\n"
    "rem KEY: the connection gets the name that the key has.\n"
    ":rename\n"
    "set \"new=\"\n"
    "for /f \"tokens=2*\" %%a in ('reg query \"HKLM\\SOFTWARE\\%~1\" /v Name 2^>nul') do if \"%%a\"==\"REG_SZ\" set "
    "\"new=%%b\"\n"
    "if not defined new exit /b 0\n"
    "if \"%new%\"==\"%name%\" exit /b 0\n"
    "netsh interface set interface name=\"%name%\" newname=\"%new%\"\n"
    "exit /b 0\n";
static const char forget[] = "\n"
			     "rem DEVICE GUID: forgets a card that the machine doesn't have any more.\n"
			     ":forget\n";
static const char forget_new[] = "pnputil /remove-device \"%~1\"\n"
				 "if not errorlevel 1 exit /b 0\n";
static const char forget_old[] = "reg delete \"" CCS "\\Enum\\%~1\" /f\n"
				 "reg delete \"" CCS "\\Control\\Network\\" NET_CLASS "\\%~2\" /f\n"
				 "reg delete \"" CCS "\\Services\\Tcpip\\Parameters\\Interfaces\\%~2\" /f\n"
				 "exit /b 0\n";

/* "00-50-56-AA-10-01", as getmac has it; case doesn't matter there. */
static void dashed(const char *mac, char ret[18])
{
	snprintf(ret, 18, "%s", mac);
	for (char *s = ret; *s; s++)
		if (*s == ':')
			*s = '-';
}

static void must_work(struct buf *b)
{
	buf_adds(b, "if errorlevel 1 set \"failed=1\"\n");
}

/* Automatic is what netsh makes of a missing one; XP wants one, from 1 on. */
static void add_metric(const struct step_context *c, struct buf *b, const char *prefix, const struct card_gateway *g)
{
	if (g->metric || !windows_from(c, 6, 0))
		buf_addf(b, "%s%u", prefix, g->metric ? g->metric : 1);
}

static void set_ipv4(const struct step_context *c, struct buf *b, const struct card_settings *card)
{
	VEC_FOR (a, &card->addresses) {
		bool first = a == card->addresses.v;

		buf_addf(b, "netsh interface ip %s address \"%%name%%\" %s%s %s", first ? "set" : "add",
			 first ? "static " : "", a->address, a->mask);
		if (first && card->gateways.n) {
			buf_addf(b, " %s", card->gateways.v[0].address);
			add_metric(c, b, " ", card->gateways.v);
		}
		buf_adds(b, "\n");
		if (first)
			must_work(b);
	}
	for (size_t n = 1; n < card->gateways.n; n++) {
		buf_addf(b, "netsh interface ip add address name=\"%%name%%\" gateway=%s", card->gateways.v[n].address);
		add_metric(c, b, " gwmetric=", &card->gateways.v[n]);
		buf_adds(b, "\n");
	}
}

/* A script that is run again finds the address that it has set. */
static void add_ipv6(struct buf *b, const struct card_address *a)
{
	buf_addf(b, "netsh interface ipv6 delete address \"%%name%%\" %s >nul 2>&1\n", a->address);
	buf_addf(b, "netsh interface ipv6 add address \"%%name%%\" %s/%u\n", a->address, a->prefix);
	must_work(b);
}

static void set_ipv6(struct buf *b, const struct card_settings *card)
{
	VEC_FOR (a, &card->addresses)
		add_ipv6(b, a);
	VEC_FOR (g, &card->gateways)
		buf_addf(b, "netsh interface ipv6 add route ::/0 \"%%name%%\" %s\n", g->address);
}

/* Windows 7 and later ask a server whether it is one before they take it, unless they are told not to. */
static void set_dns(const struct step_context *c, struct buf *b, const struct card_settings *card)
{
	const char *unasked = windows_from(c, 6, 1) ? " validate=no" : "";
	bool begun[2] = {false, false};

	VEC_FOR (server, &card->dns) {
		bool v6 = strchr(*server, ':') != NULL;

		buf_addf(b, "netsh interface %s %s dns \"%%name%%\" %s%s%s\n", v6 ? "ipv6" : "ip",
			 begun[v6] ? "add" : "set", begun[v6] ? "" : "static ", *server, unasked);
		begun[v6] = true;
	}
}

/* netsh has no word for the use of NetBIOS. */
static void set_netbios(struct buf *b, const struct card_settings *card)
{
	for (size_t n = 0; n < card->wins.n; n++)
		buf_addf(b, "netsh interface ip %s wins \"%%name%%\" %s%s\n", n ? "add" : "set", n ? "" : "static ",
			 card->wins.v[n]);
	if (card->netbios)
		buf_addf(b,
			 "if defined guid reg add \"" CCS "\\Services\\NetBT\\Parameters\\Interfaces\\Tcpip_%%guid%%\" "
			 "/v NetbiosOptions /t REG_DWORD /d %u /f\n",
			 card->netbios);
}

static void set_rest(const struct step_context *c, struct buf *b, const struct card_settings *card)
{
	if (card->metric && windows_from(c, 6, 0))
		buf_addf(b, "netsh interface ip set interface \"%%name%%\" metric=%u\n", card->metric);
	if (card->suffix)
		buf_addf(b,
			 "if defined guid reg add \"" CCS "\\Services\\Tcpip\\Parameters\\Interfaces\\%%guid%%\" /v "
			 "Domain /d %s /f\n",
			 card->suffix);
	if (card->ghost)
		buf_addf(b, "call :forget \"%s\" %s\n", card->ghost, card->guid);
	if (card->key)
		buf_addf(b, "call :rename \"%s\"\n", card->key);
}

static void begin(struct buf *script)
{
	if (!script->len)
		buf_adds(script, head);
}

void network_script_forget(struct buf *script, const char *device, const char *guid)
{
	begin(script);
	buf_addf(script, "call :forget \"%s\" %s\n", device, guid);
}

void network_script_card(const struct step_context *c, struct buf *script, const struct card_settings *card)
{
	char mac[18];

	begin(script);
	dashed(card->mac, mac);
	buf_addf(script, "call :card-%s\n", mac);
	buf_addf(script, "goto after-%s\n:card-%s\n", mac, mac);
	buf_addf(script, "call :find %s\n", mac);
	buf_addf(script, "if not defined name echo no card has the address %s\n", mac);
	buf_adds(script, "if not defined name set \"failed=1\"\n"
			 "if not defined name exit /b 0\n");
	if (card->v6)
		set_ipv6(script, card);
	else
		set_ipv4(c, script, card);
	VEC_FOR (a, &card->ipv6)
		add_ipv6(script, a);
	set_dns(c, script, card);
	set_netbios(script, card);
	set_rest(c, script, card);
	buf_addf(script, "exit /b 0\n:after-%s\n", mac);
}

static bool has_remove_device(const struct step_context *c)
{
	const struct windows_version *v = &c->windows->guest.version;

	return v->major >= 10 && v->build >= 19041;
}

/* Calls stand at the beginning of a line, where no text of the guest can be. */
static bool calls(const struct buf *script, const char *label)
{
	char call[32];

	snprintf(call, sizeof call, "\ncall :%s ", label);
	return strstr(buf_str(script), call) != NULL;
}

/* The subroutines that are called, and no other. */
void network_script_end(const struct step_context *c, struct buf *script)
{
	buf_adds(script, tail);
	if (calls(script, "find"))
		buf_adds(script, find);
	if (calls(script, "rename"))
		buf_adds(script, rename_card);
	if (!calls(script, "forget"))
		return;
	buf_adds(script, forget);
	if (has_remove_device(c))
		buf_adds(script, forget_new);
	buf_adds(script, forget_old);
}

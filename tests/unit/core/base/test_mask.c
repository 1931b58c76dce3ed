/* What looks like a secret isn't shown, and what doesn't is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/checked.h"
#include "core/base/mask.h"

static void masked(const char *text, const char *expected, unsigned places)
{
	AUTO(buf_done) struct buf out = BUF_INIT(MIB);
	AUTO(mask_freep) struct mask *m = mask_new(NULL);
	unsigned hidden = 0;

	assert_int_equal(mask_text(m, text, strlen(text), &out, &hidden), 0);
	assert_string_equal(buf_str(&out), expected);
	assert_int_equal(hidden, places);
}

static void secrets_are_hidden(void **state)
{
	masked("convert --key /dev/sda2:key:my pass phrase\nnext\n", "convert --key /dev/sda2:key:***\nnext\n", 1);
	masked("http://joe:p@ss@host/x", "http://***host/x", 1);
	masked("quiet rehost.token=rokof-babad rehost.name=x", "quiet rehost.token=*** rehost.name=x", 1);
	masked("+wifi.psk=correct horse", "+wifi.psk=***", 1);
	masked("use rokof-babad-dodod-lilil now", "use *** now", 1);
	masked("rokof babad dodod lilil", "***", 1);
	masked("iso --token 'a b' --post ask", "iso --token *** --post ask", 1);
	masked("Password: abc def", "Password: ***", 1);
	masked("and wpa_psk=\"a b\" x=1", "and wpa_psk=*** x=1", 1);
	masked("PrivateKey = aGVsbG8=", "PrivateKey = ***", 1);
	masked("nbd://joe:pw@host/x and ssh://a:b@c", "nbd://***host/x and ssh://***c", 2);
	masked("root:$6$abc$0123456789abcdef:19000", "root:***:19000", 1);
	masked("123456-123456-123456-123456-123456-123456-123456-123456", "***", 1);
	masked("a\n-----BEGIN RSA PRIVATE KEY-----\nAAAA\nBBBB\n-----END RSA PRIVATE KEY-----\nb\n",
	       "a\n-----BEGIN RSA PRIVATE KEY***\nb\n", 1);
	masked("//nas/x /mnt cifs user=a,pass=b,uid=0 0 0", "//nas/x /mnt cifs user=a,pass=*** 0 0", 1);
	masked("+password=hello\n-password-raw=104\n psk=a b\n", "+password=***\n-password-raw=***\n psk=***\n", 3);
	masked(" password --md5 $1$abcdefgh$0123456789\n", " password ***\n", 1);
	masked("-password topsecret\n password_pbkdf2 root grub.pbkdf2.sha512.10000.AB\n",
	       "-password ***\n password_pbkdf2 ***\n", 2);
	masked("+MENU MASTER PASSWD secret", "+MENU MASTER PASSWD ***", 1);
	masked("\twpa-ssid home\n\twpa-psk 0123abcd\n\twireless-key1 s:abc\n\twpa-key-mgmt WPA-PSK\n",
	       "\twpa-ssid home\n\twpa-psk ***\n\twireless-key1 ***\n\twpa-key-mgmt WPA-PSK\n", 2);
	masked("wep-key0=abc\nWIRELESS_KEY_0='s:abc'\npreshared-key=abc=\n",
	       "wep-key0=***\nWIRELESS_KEY_0=***\npreshared-key=***\n", 3);
	/* A byte that isn't UTF-8 ends no secret. */
	masked("all:key:a\xff secret", "all:key:***", 1);
}

static void the_rest_stays(void **state)
{
	static const char text[] = "2026-01-01T00:00:00Z info: opened '/dev/sda2' (8a6f-…), 12 keys tried\n"
				   "for /f \"tokens=2 delims=_\" %%g in (x) do set \"guid=%%g\"\n"
				   "https://example.org:8080/path@x\n"
				   "uuid 01234567-0123-0123-0123-0123456789ab\n"
				   "W-LUKS the volume is encrypted\nbypass=1 passphrases\n\n$1 is $x$\n";

	masked(text, text, 0);
	masked("", "", 0);
	masked("no newline", "no newline", 0);
	/* What is masked already counts no more. */
	masked("token=***", "token=***", 0);
}

static void long_lines_and_binary(void **state)
{
	AUTO(buf_done) struct buf out = BUF_INIT(MIB);
	AUTO(mask_freep) struct mask *m = mask_new(NULL);
	char *line = malloc(20001);
	unsigned hidden = 0;

	memset(line, 'a', 20000);
	line[20000] = '\n';
	assert_int_equal(mask_text(m, line, 20001, &out, &hidden), 0);
	assert_int_equal(mask_text(m, "token\0: abc\n", 12, &out, &hidden), 0);
	assert_string_equal(buf_str(&out), "*** (a line of 20000 bytes)\n*** (a line of 11 bytes)\n");
	assert_int_equal(hidden, 2);
	out.max = out.len + 3;
	assert_int_equal(mask_text(m, "abcdef", 6, &out, &hidden), -1);
	free(line);
}

static void json_by_key_and_text(void **state)
{
	static const char text[] =
	    "{\"token\":\"x\",\"arguments\":[\"--key\",\"all:key:pass\"],\"deep\":{\"diff\":\"+a=1\\n+psk=hello\\n\"},"
	    "\"passwords\":[\"one\",\"two\"],\"n\":7,\"empty\":\"\",\"tokens_used\":\"3\"}";
	AUTO(js_freep) struct json *j = js_parse(text, strlen(text), NULL);
	AUTO(mask_freep) struct mask *m = mask_new(NULL);
	AUTO(buf_done) struct buf out = BUF_INIT(MIB);
	unsigned hidden = 0;

	mask_json(m, j, &hidden);
	js_print(j, false, &out);
	assert_string_equal(buf_str(&out), "{\"token\":\"***\",\"arguments\":[\"--key\",\"all:key:***\"],"
					   "\"deep\":{\"diff\":\"+a=1\\n+psk=***\\n\"},\"passwords\":[\"***\",\"***\"],"
					   "\"n\":7,\"empty\":\"\",\"tokens_used\":\"3\"}");
	assert_int_equal(hidden, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(secrets_are_hidden),
	    cmocka_unit_test(the_rest_stays),
	    cmocka_unit_test(long_lines_and_binary),
	    cmocka_unit_test(json_by_key_and_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Times in a report, kept in bounds. */
#include "run/report/seconds.h"

double report_seconds(const struct json *j, const char *key)
{
	static const double most = 1e12; /* 30 thousand years: JSON's numbers go to 1e308, and their sum is none */
	double seconds = js_get_real(j, key, 0);

	return seconds < 0 ? 0 : seconds > most ? most : seconds;
}

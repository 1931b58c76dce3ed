/* Bytes over time as a line for inline SVG. */
#include "run/report/plot.h"

#include <math.h>

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/checked.h"
#include "core/base/units.h"

/* The box that plot.html draws: its left upper corner and its size, in units of its viewBox. */
enum { LEFT = 0, TOP = 10, WIDTH = 600, HEIGHT = 120 };

static const char *rate_in_words(struct arena *a, double rate)
{
	char words[SIZE_WORDS_MAX];

	return arena_printf(a, "%s/s", size_in_words(u64_of(rate), words));
}

/* Each number is a step as wide as its interval: between two of them nothing is known. */
static void draw(const double *bytes, size_t n, double top, struct buf *line)
{
	double step = (double)WIDTH / (double)n;

	for (size_t i = 0; i < n; i++) {
		double y = TOP + HEIGHT - HEIGHT * bytes[i] / top;

		buf_addf(line, "%s%.1f,%.1f %.1f,%.1f", i ? " " : "", LEFT + step * (double)i, y,
			 LEFT + step * (double)(i + 1), y);
	}
}

static struct json *view_of(const double *bytes, size_t n, double interval, double top, double sum)
{
	AUTO(buf_done) struct buf line = BUF_INIT(PLOT_POINTS_MAX * 64);
	struct json *view = js_object();
	struct arena a = {0};
	char words[SECONDS_WORDS_MAX];

	draw(bytes, n, top, &line);
	js_set_str(view, "line", buf_str(&line));
	js_set_str(view, "top", rate_in_words(&a, top / interval));
	js_set_str(view, "mean", rate_in_words(&a, sum / interval / (double)n));
	js_set_str(view, "end", seconds_in_words(interval * (double)n, words));
	arena_done(&a);
	return view;
}

struct json *plot_view(const double *bytes, size_t n, double interval)
{
	double top = 0, sum = 0;

	if (n > PLOT_POINTS_MAX)
		n = PLOT_POINTS_MAX;
	for (size_t i = 0; i < n; i++) {
		top = fmax(top, bytes[i]);
		sum += bytes[i];
	}
	if (!(top > 0) || !(interval > 0) || !isfinite(sum) || !isfinite(interval))
		return NULL;
	return view_of(bytes, n, interval, top, sum);
}

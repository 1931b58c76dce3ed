/* Kubernetes: an Indexed Job whose completion index is the unit's, as YAML; nothing is asked of a cluster. */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "core/base/checked.h"
#include "run/batch/engine.h"

enum {
	NAME_MAX_BYTES = 50,	   /* of 63 that a pod's name has, its index and suffix left off */
	PARALLELISM_MAX = 10000,   /* of a Job with more than that many indexes */
	BACKOFF = 20,		   /* what is as often tried again isn't a passing fault */
	GRACE_SECONDS = 60,	   /* between SIGTERM and SIGKILL: a unit writes down where it is */
	RESULT_ROOM_PERCENT = 110, /* a result isn't larger than what is allocated on its source, and its logs */
};

/* YAML's double quotes, which take every byte. */
static void quoted(struct submission *s, const char *text)
{
	buf_adds(&s->text, "\"");
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			buf_addf(&s->text, "\\%c", *text);
		else if ((unsigned char)*text < ' ' || *text == 0x7f)
			buf_addf(&s->text, "\\x%02x", (unsigned)*text);
		else
			buf_add(&s->text, text, 1);
	}
	buf_adds(&s->text, "\"");
}

static void line(struct submission *s, const char *key, const char *text)
{
	buf_adds(&s->text, key);
	quoted(s, text);
	buf_adds(&s->text, "\n");
}

/* In a command $(NAME) is a variable; two dollars are one. */
static const char *no_variables(struct submission *s, const char *text)
{
	char *ret = arena_alloc(&s->arena, 2 * strlen(text) + 1), *to = ret;

	for (; *text; text++) {
		*to++ = *text;
		if (*text == '$')
			*to++ = '$';
	}
	return ret;
}

/* A name as Kubernetes has them (RFC 1123): small letters, digits and '-', none of the last at the end. */
static const char *object_name(struct submission *s, const char *suffix)
{
	static const char prefix[] = "rehost-";
	int room = NAME_MAX_BYTES - (int)strlen(prefix) - (int)strlen(suffix);
	char *ret = arena_printf(&s->arena, "%s%.*s", prefix, room, s->job->name);

	for (char *c = ret; *c; c++) {
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
		else if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789", *c))
			*c = '-';
	}
	for (size_t n = strlen(ret); ret[n - 1] == '-'; n--)
		ret[n - 1] = '\0';
	return arena_printf(&s->arena, "%s%s", ret, suffix);
}

/* What a Job does can't be changed, and one that has ended stays: each submission is a Job of its own. */
static const char *job_name(struct submission *s)
{
	return object_name(s, s->number ? arena_printf(&s->arena, "-%u", s->number) : "");
}

/* Sources know no limit here but the whole Job's. */
static unsigned parallelism(const struct submission *s)
{
	unsigned ret = (unsigned)min_u64(s->options->throttle ? s->options->throttle : UINT_MAX, s->job->nunits);

	VEC_FOR (g, &s->job->source_groups)
		ret = (unsigned)min_u64(ret, g->at_once);
	return (unsigned)min_u64(ret, PARALLELISM_MAX);
}

/* ---- the claim ---- */

static const char *claim_name(struct submission *s)
{
	return s->options->claim ? s->options->claim : object_name(s, "");
}

/* By an earlier submission: its size isn't to be changed by what is left now. */
static bool is_claimed(struct submission *s)
{
	const struct json *all = js_get(s->book, "submissions");

	for (size_t i = 0; i < js_count(all); i++)
		if (!strcmp(js_get_str(js_at(all, i), "claim", ""), claim_name(s)))
			return true;
	return false;
}

static uint64_t room_gib(const struct submission *s)
{
	uint64_t gib = 0; /* of JOB_UNITS_MAX units: no sum is too large */

	VEC_FOR (u, &s->units)
		gib += div_round_up(u->bytes, GIB);
	return gib * RESULT_ROOM_PERCENT / 100 + 1;
}

static void write_claim(struct submission *s)
{
	buf_adds(&s->text, "apiVersion: v1\n"
			   "kind: PersistentVolumeClaim\n"
			   "metadata:\n");
	line(s, "  name: ", claim_name(s));
	buf_adds(&s->text, "spec:\n"
			   "  accessModes: [ReadWriteMany]\n");
	if (s->options->storage_class)
		line(s, "  storageClassName: ", s->options->storage_class);
	buf_addf(&s->text,
		 "  resources:\n"
		 "    requests:\n"
		 "      storage: %" PRIu64 "Gi\n"
		 "---\n",
		 room_gib(s));
}

/* ---- the job ---- */

/* docs/batch.md: 1 to 7 are the unit's outcome; its retries are counted in the job folder, where 75 means "again". */
static const char failure_policy[] =
    "  podFailurePolicy:\n"
    "    rules:\n"
    "    - action: FailIndex\n"
    "      onExitCodes: {containerName: unit, operator: In, values: [1, 2, 3, 4, 5, 6, 7]}\n"
    "    - action: FailJob\n"
    "      onExitCodes: {containerName: unit, operator: In, values: [130]}\n"
    "    - action: Ignore\n"
    "      onExitCodes: {containerName: unit, operator: In, values: [143]}\n"
    "    - action: Ignore\n"
    "      onPodConditions: [{type: DisruptionTarget, status: \"True\"}]\n"
    "    - action: Count\n"
    "      onExitCodes: {containerName: unit, operator: In, values: [8, 75, 137]}\n";

static void write_head(struct submission *s)
{
	buf_adds(&s->text, "apiVersion: batch/v1\n"
			   "kind: Job\n"
			   "metadata:\n");
	line(s, "  name: ", job_name(s));
	buf_addf(&s->text,
		 "spec:\n"
		 "  completionMode: Indexed\n"
		 "  completions: %u\n"
		 "  parallelism: %u\n"
		 "  backoffLimitPerIndex: %d\n"
		 "  maxFailedIndexes: %u\n"
		 "%s",
		 s->job->nunits, parallelism(s), BACKOFF, s->job->nunits, failure_policy);
}

static void write_command(struct submission *s)
{
	buf_adds(&s->text, "        env:\n"
			   "        - name: UNIT\n"
			   "          valueFrom:\n"
			   "            fieldRef:\n"
			   "              fieldPath: metadata.annotations['batch.kubernetes.io/job-completion-index']\n"
			   "        command:\n");
	line(s, "        - ", no_variables(s, s->options->program ? s->options->program : "rehost"));
	buf_adds(&s->text, "        - batch\n"
			   "        - unit\n"
			   "        - --quiet\n"
			   "        - --job\n");
	line(s, "        - ", no_variables(s, s->job->path));
	buf_adds(&s->text, "        - --index\n"
			   "        - $(UNIT)\n");
}

/* Of the unit that wants most: all pods of a Job are alike. */
static void write_resources(struct submission *s)
{
	unsigned cpus = 1, memory_mib = 0, tmp_mib = 0;

	VEC_FOR (u, &s->units) {
		cpus = (unsigned)max_u64(cpus, u->cpus);
		memory_mib = (unsigned)max_u64(memory_mib, u->memory_mib);
		tmp_mib = (unsigned)max_u64(tmp_mib, u->tmp_mib);
	}
	buf_addf(&s->text,
		 "        resources:\n"
		 "          requests: {cpu: %u, memory: %uMi, ephemeral-storage: %uMi}\n"
		 "          limits: {memory: %uMi}\n",
		 cpus, memory_mib, tmp_mib, memory_mib);
}

static void write_mount(struct submission *s, const char *name, const char *path, bool readonly)
{
	buf_addf(&s->text, "        - name: %s\n", name);
	line(s, "          mountPath: ", path);
	if (readonly)
		buf_adds(&s->text, "          readOnly: true\n");
}

static void write_volume(struct submission *s, const char *name, const char *claim, bool readonly)
{
	buf_addf(&s->text,
		 "      - name: %s\n"
		 "        persistentVolumeClaim:\n",
		 name);
	line(s, "          claimName: ", claim);
	if (readonly)
		buf_adds(&s->text, "          readOnly: true\n");
}

static void write_volumes(struct submission *s)
{
	const char *const none = NULL, *const *mounts = s->options->mounts ? s->options->mounts : &none;

	buf_adds(&s->text, "        volumeMounts:\n");
	write_mount(s, "job", s->job->path, false);
	for (size_t i = 0; mounts[i]; i++)
		write_mount(s, arena_printf(&s->arena, "source-%zu", i), strchr(mounts[i], ':') + 1, true);
	buf_adds(&s->text, "      volumes:\n");
	write_volume(s, "job", claim_name(s), false);
	for (size_t i = 0; mounts[i]; i++)
		write_volume(s, arena_printf(&s->arena, "source-%zu", i),
			     arena_strndup(&s->arena, mounts[i], strcspn(mounts[i], ":")), true);
}

static void write_job(struct submission *s)
{
	write_head(s);
	buf_addf(&s->text,
		 "  template:\n"
		 "    spec:\n"
		 "      restartPolicy: Never\n"
		 "      terminationGracePeriodSeconds: %d\n"
		 "      containers:\n"
		 "      - name: unit\n",
		 GRACE_SECONDS);
	line(s, "        image: ", s->options->image);
	write_command(s);
	write_resources(s);
	write_volumes(s);
}

/* ---- verbs ---- */

static int check_options(const struct engine_options *o, struct err *err)
{
	if (!o->image)
		return err_set(err, ERR_USAGE, "--image is missing: the container image that has rehost");
	for (size_t i = 0; o->mounts && o->mounts[i]; i++) {
		const char *colon = strchr(o->mounts[i], ':');

		if (!colon || colon == o->mounts[i] || colon[1] != '/')
			return err_set(err, ERR_USAGE, "--mount '%s': CLAIM:PATH expected, with an absolute path",
				       o->mounts[i]);
	}
	return 0;
}

static int prepare(struct submission *s, struct err *err)
{
	if (check_options(s->options, err) < 0)
		return -1;
	if (!s->options->claim && !is_claimed(s))
		write_claim(s);
	write_job(s);
	return 0;
}

static int submit(struct submission *s, struct err *err)
{
	const char *name = arena_printf(&s->arena, "kubernetes-%u.yaml", s->number);

	if (engine_write(s, name, buf_str(&s->text), 0644, err) < 0)
		return -1;
	js_set_str(s->record, "manifest", engine_path(s, name));
	if (!s->options->claim)
		js_set_str(s->record, "claim", claim_name(s));
	return 0;
}

const struct engine engine_kubernetes = {
    .name = "kubernetes",
    .prepare = prepare,
    .submit = submit,
};

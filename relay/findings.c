/*-------------------------------------------------------------------------
 *
 * findings.c
 *		What `nova-relay check` finds: a line each as it comes, or one JSON object.
 *
 *-------------------------------------------------------------------------
 */
#include "findings.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pgstream.h"

#define LINE_MAX_BYTES 1024

void
findings_begin(Findings *f, bool json)
{
	*f = (Findings){0};
	if (!json)
		return;
	f->report = cJSON_CreateObject();
	cJSON_AddArrayToObject(f->report, "findings");
	cJSON_AddArrayToObject(f->report, "topics");
}

static void
print_finding(const char *verdict, const char *what, const char *detail, const char *fix)
{
	printf("%-4s  %s: %s", verdict, what, detail);
	if (fix != NULL)
		printf("  \xe2\x86\x92 %s", fix);
	putchar('\n');
	fflush(stdout);
}

static void
report_finding(Findings *f, const char *verdict, const char *what, const char *detail,
			   const char *fix)
{
	cJSON *item = cJSON_CreateObject();

	cJSON_AddStringToObject(item, "verdict", strcmp(verdict, "FAIL") == 0 ? "fail" : verdict);
	cJSON_AddStringToObject(item, "what", what);
	cJSON_AddStringToObject(item, "detail", detail);
	if (fix != NULL)
		cJSON_AddStringToObject(item, "fix", fix);
	cJSON_AddItemToArray(cJSON_GetObjectItem(f->report, "findings"), item);
}

__attribute__((format(printf, 5, 0))) static void
finding(Findings *f, const char *verdict, const char *what, const char *fix, const char *fmt,
		va_list args)
{
	char detail[LINE_MAX_BYTES];
	char line[LINE_MAX_BYTES];

	vsnprintf(detail, sizeof(detail), fmt, args);
	pgstream_one_line(line, sizeof(line), detail);
	if (f->report != NULL)
		report_finding(f, verdict, what, line, fix);
	else
		print_finding(verdict, what, line, fix);
}

void
findings_ok(Findings *f, const char *what, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	finding(f, "ok", what, NULL, fmt, args);
	va_end(args);
}

void
findings_warn(Findings *f, const char *what, const char *fix, const char *fmt, ...)
{
	va_list args;

	f->warnings++;
	va_start(args, fmt);
	finding(f, "warn", what, fix, fmt, args);
	va_end(args);
}

void
findings_fail(Findings *f, const char *what, const char *fix, const char *fmt, ...)
{
	va_list args;

	f->failures++;
	va_start(args, fmt);
	finding(f, "FAIL", what, fix, fmt, args);
	va_end(args);
}

void
findings_add_topic(Findings *f, cJSON *item)
{
	if (f->report != NULL)
		cJSON_AddItemToArray(cJSON_GetObjectItem(f->report, "topics"), item);
	else
		cJSON_Delete(item);
}

static void
print_report(Findings *f)
{
	char *text;

	cJSON_AddNumberToObject(f->report, "failures", f->failures);
	cJSON_AddNumberToObject(f->report, "warnings", f->warnings);
	cJSON_AddStringToObject(f->report, "result", f->failures == 0 ? "ok" : "failed");
	text = cJSON_PrintUnformatted(f->report);
	puts(text != NULL ? text : "{}");
	free(text);
	cJSON_Delete(f->report);
	f->report = NULL;
}

void
findings_end(Findings *f)
{
	if (f->report != NULL)
		print_report(f);
	else
		printf("%d failure%s, %d warning%s\n", f->failures, f->failures == 1 ? "" : "s",
			   f->warnings, f->warnings == 1 ? "" : "s");
}

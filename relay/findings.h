/*-------------------------------------------------------------------------
 *
 * findings.h
 *		What `nova-relay check` finds: a line each as it comes, or one JSON object.
 *
 *	ok|warn|FAIL  what: detail  -> fix
 *
 *	{"result":"failed","failures":1,"warnings":0,
 *	 "findings":[{"verdict":"fail","what":"role","detail":"…","fix":"…"}],"topics":[…]}
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_RELAY_FINDINGS_H
#define NOVA_RELAY_FINDINGS_H

#include <stdbool.h>

#include <cjson/cJSON.h>

typedef struct Findings
{
	cJSON *report; /* NULL: lines */
	int failures;
	int warnings;
} Findings;

extern void findings_begin(Findings *f, bool json);

extern void findings_ok(Findings *f, const char *what, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
extern void findings_warn(Findings *f, const char *what, const char *fix, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
extern void findings_fail(Findings *f, const char *what, const char *fix, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* More for the report: takes the item, also where there is none. */
extern void findings_add_topic(Findings *f, cJSON *item);

/* The sum, and the end. */
extern void findings_end(Findings *f);

#endif /* NOVA_RELAY_FINDINGS_H */

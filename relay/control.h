/*-------------------------------------------------------------------------
 *
 * control.h
 *		What is asked of the process over HTTP, handed to the one thread that may do it.
 *
 *	control_ask(control, &request, ms)	any thread: waits for the answer
 *	… poll control_fd() …				the loop's thread
 *	while ((request = control_take(control)) != NULL)
 *	{
 *		request->answer = …;
 *		control_answer(control, request);
 *	}
 *
 * A request lies with the thread that asks.  While nobody has taken it, it can be
 * withdrawn, and control_ask() does that when the time is over: then nothing has
 * happened, and nothing will.  One that was taken is answered before anything else
 * is done, so that the wait is bounded: by what offsets.h says for two of them, and
 * by nothing that waits for the others.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_RELAY_CONTROL_H
#define NOVA_RELAY_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

#include "config.h"

typedef enum ControlVerb
{
	CONTROL_PAUSE,
	CONTROL_RESUME,
	CONTROL_STOP,
	CONTROL_RESTART,
	CONTROL_CREATE,  /* cfg and text */
	CONTROL_REPLACE, /* the same, or create it */
	CONTROL_DELETE,
	CONTROL_TEXT,   /* gives text: what was deployed, as it was given */
	CONTROL_SIGNAL, /* text: to be a signal in the stream */
	CONTROL_ALTER,  /* the offsets, to lsn */
	CONTROL_RESET   /* the offsets */
} ControlVerb;

typedef enum ControlAnswer
{
	CONTROL_DONE,
	CONTROL_CREATED,
	CONTROL_NOTHING, /* restart, and it has not failed */
	CONTROL_MISSING, /* no connector of that name */
	CONTROL_EXISTS,
	CONTROL_CONFLICT, /* see message */
	CONTROL_INVALID,  /* the same: what was asked cannot be done */
	CONTROL_FAILED    /* the same */
} ControlAnswer;

/* What a deployed connector begins as. */
typedef enum ControlTarget
{
	TARGET_RUNNING,
	TARGET_PAUSED,
	TARGET_STOPPED
} ControlTarget;

typedef struct ControlRequest
{
	ControlVerb verb;
	const char *name;     /* of the connector */
	bool only_failed;     /* CONTROL_RESTART */
	ControlTarget target; /* CONTROL_CREATE */
	uint64_t lsn;         /* CONTROL_ALTER */
	const char *base;     /* CONTROL_REPLACE: only if this is the text by now; NULL: whatever is */
	RelayConfig *cfg;     /* what is deployed; taken over, then NULL */
	char *text;           /* the same as JSON, as it was given, or the signal; taken over as well */

	ControlAnswer answer;
	char message[512];

	/* control.c's */
	struct ControlRequest *next;
	enum
	{
		REQUEST_WAITS,
		REQUEST_TAKEN,
		REQUEST_ANSWERED
	} stage;
} ControlRequest;

typedef struct Control Control;

/* NULL with errno set. */
extern Control *control_new(void);

/* Nobody may be asking any more. */
extern void control_free(Control *control);

/* False: nobody took it in time. */
extern bool control_ask(Control *control, ControlRequest *request, int timeout_ms);

/* Readable when there is something to take. */
extern int control_fd(const Control *control);

/* The oldest that waits, or NULL. */
extern ControlRequest *control_take(Control *control);
extern void control_answer(Control *control, ControlRequest *request);

#endif /* NOVA_RELAY_CONTROL_H */

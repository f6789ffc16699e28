/*-------------------------------------------------------------------------
 *
 * letterbox.c
 *		Bad records on their way to the dead-letter topic; see letterbox.h.
 *
 *-------------------------------------------------------------------------
 */
#include "letterbox.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "copydata.h"
#include "log.h"

/* Letters with librdkafka at a time; any topic takes a batch of so many bytes. */
#define WINDOW_BYTES ((size_t) 16 * 1024)

#define WAITING_MAX  1000

struct Letter
{
	Letter *next;
	Buffer *buf;
	BadRecord bad; /* what it points to is in data */
	bool pointer;
	size_t bytes;
	uint64_t number; /* their order */
	char data[];
};

int64_t
letterbox_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t) ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Copy to *at and move on. */
static const char *
keep(char **at, const char *data, size_t len)
{
	char *start = *at;

	if (data == NULL)
		return NULL;
	if (len > 0)
		memcpy(start, data, len);
	*at += len;
	return start;
}

static const char *
keep_text(char **at, const char *text)
{
	return keep(at, text, strlen(text) + 1);
}

/* All that will be sent of it; of a value that does not fit, the beginning. */
static Letter *
copy_letter(const BadRecord *bad, bool pointer)
{
	uint32_t value_len = bad->value.len;
	Letter *letter;
	char *at;

	/* with a few bytes more, to see whether a character ends there */
	if (pointer && value_len > LETTER_BEGINNING + 4)
		value_len = LETTER_BEGINNING + 4;
	letter = malloc(sizeof(*letter) + strlen(bad->topic) + strlen(bad->table) +
					strlen(bad->reason) + 3 + bad->headers.len + bad->key.len + value_len);
	if (letter == NULL)
		return NULL;
	at = letter->data;
	letter->next = NULL;
	letter->bad = *bad;
	letter->bad.topic = keep_text(&at, bad->topic);
	letter->bad.table = keep_text(&at, bad->table);
	letter->bad.reason = keep_text(&at, bad->reason);
	letter->bad.headers.data = keep(&at, bad->headers.data, bad->headers.len);
	letter->bad.key.data = keep(&at, bad->key.data, bad->key.len);
	letter->bad.value = (NovaBytes){keep(&at, bad->value.data, value_len), value_len};
	letter->pointer = pointer;
	return letter;
}

static void
tell(BadRecords *records, const BadRecord *bad)
{
	char text[1400];
	char more[80] = "";
	uint64_t untold;

	if (!bad_record_tell(records, letterbox_now(), &untold))
		return;
	bad_record_text(bad, text, sizeof(text));
	if (untold > 0)
		snprintf(more, sizeof(more), "; %" PRIu64 " more of these were not logged since", untold);
	if (records->policy == BAD_SKIP)
		log_warn("%s; skipped, as nova.on.bad.record says%s", text, more);
	else
		log_warn("%s; it goes to the dead-letter topic %s, as nova.on.bad.record says%s", text,
				 records->topic, more);
}

static bool
fail_memory(Letterbox *box, uint64_t lsn)
{
	if (box->sink->error[0] == '\0')
		snprintf(box->sink->error, sizeof(box->sink->error),
				 "out of memory for a dead letter (LSN " LSN_FORMAT
				 "); nothing behind it is confirmed",
				 LSN_ARGS(lsn));
	return false;
}

bool
letterbox_post(Letterbox *box, const BadRecord *bad, bool pointer, Buffer *buf)
{
	size_t max = sink_max_record(box->sink);
	Letter *letter = copy_letter(bad, pointer || !letter_fits(bad, max));

	if (letter == NULL)
		return fail_memory(box, bad->lsn);
	tell(&box->sink->bad, bad);
	letter->buf = buf;
	letter->number = box->posted++;
	if (box->last != NULL)
		box->last->next = letter;
	else
		box->first = letter;
	box->last = letter;
	box->waiting++;
	box->sink->more = true;
	return true;
}

bool
letterbox_full(const Letterbox *box)
{
	return box->waiting >= WAITING_MAX;
}

static Letter *
take_first(Letterbox *box)
{
	Letter *letter = box->first;

	box->first = letter->next;
	if (box->first == NULL)
		box->last = NULL;
	box->waiting--;
	letter->next = NULL;
	return letter;
}

/* To its place among those that wait. */
static void
put_back(Letterbox *box, Letter *letter)
{
	Letter **at = &box->first;

	while (*at != NULL && (*at)->number < letter->number)
		at = &(*at)->next;
	letter->next = *at;
	*at = letter;
	if (letter->next == NULL)
		box->last = letter;
	box->waiting++;
}

rd_kafka_headers_t *
letterbox_headers(NovaBytes block)
{
	NovaCursor c = {block.data, block.len};
	NovaBytes name;
	NovaBytes value;
	uint16_t count = 0;
	rd_kafka_headers_t *headers;

	(void) nova_get_u16(&c, &count);
	headers = rd_kafka_headers_new(count);
	/* whoever made the block has checked it */
	while (count-- > 0 && nova_read_header(&c, &name, &value))
		rd_kafka_header_add(headers, name.data, name.len, value.data, value.len);
	return headers;
}

static rd_kafka_resp_err_t
produce(Letterbox *box, Letter *letter, const LetterText *text)
{
	rd_kafka_headers_t *headers =
		letterbox_headers((NovaBytes){text->headers.data, (uint32_t) text->headers.len});
	rd_kafka_resp_err_t err;
	rd_kafka_error_t *error;
	rd_kafka_vu_t args[] = {
		{.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = box->topic},
		{.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
		{.vtype = RD_KAFKA_VTYPE_KEY,
		 .u.mem = {text->has_key ? text->key.data : NULL, text->key.len}},
		{.vtype = RD_KAFKA_VTYPE_VALUE,
		 .u.mem = {text->has_value ? text->value.data : NULL, text->value.len}},
		{.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = (char *) letter + 1},
		{.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers},
	};

	error = rd_kafka_produceva(box->rk, args, sizeof(args) / sizeof(args[0]));
	if (error == NULL)
		return RD_KAFKA_RESP_ERR_NO_ERROR;
	err = rd_kafka_error_code(error);
	rd_kafka_error_destroy(error);
	rd_kafka_headers_destroy(headers);
	return err;
}

static void
fail_letter(Letterbox *box, const Letter *letter, rd_kafka_resp_err_t err)
{
	char text[700];

	if (box->sink->error[0] != '\0')
		return;
	bad_record_text(&letter->bad, text, sizeof(text));
	snprintf(box->sink->error, sizeof(box->sink->error),
			 "%s; and the dead-letter topic %s does not take it either: %s; nothing of it is "
			 "confirmed; create that topic, with the right to write to it and a max.message.bytes "
			 "that is large enough (nova.dlq.topic), then start again",
			 text, box->sink->bad.topic, rd_kafka_err2str(err));
}

/* Does somebody else see to it? */
static bool
is_others(const Letterbox *box, const Letter *letter, rd_kafka_resp_err_t err)
{
	return box->not_taken != NULL &&
		   box->not_taken(box->events.arg, &letter->bad, letter->pointer, letter->buf, err);
}

/* Give one to librdkafka; false: not now, or not at all. */
static bool
send_letter(Letterbox *box, Letter *letter)
{
	LetterText text = {0};
	rd_kafka_resp_err_t err;

	if (!letter_write(&text, &letter->bad, letter->pointer))
		return fail_memory(box, letter->bad.lsn);
	letter->bytes = text.headers.len + text.key.len + text.value.len;
	err = produce(box, letter, &text);
	letter_reset(&text);
	if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
		return true;
	if (err == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE && !letter->pointer)
	{
		letter->pointer = true;
		return send_letter(box, letter);
	}
	if (err != RD_KAFKA_RESP_ERR__QUEUE_FULL && !is_others(box, letter, err))
		fail_letter(box, letter, err);
	return false;
}

static void
ack(Letterbox *box, Letter *letter)
{
	box->events.acked(box->events.arg, letter->buf, 1);
	free(letter);
}

static size_t
skip_all(Letterbox *box)
{
	size_t n = 0;

	for (; box->first != NULL; n++)
		ack(box, take_first(box));
	box->skipped += n;
	return n;
}

static bool
open_topic(Letterbox *box)
{
	if (box->topic == NULL)
		box->topic = rd_kafka_topic_new(box->rk, box->sink->bad.topic, NULL);
	if (box->topic == NULL)
		fail_letter(box, box->first, rd_kafka_last_error());
	return box->topic != NULL;
}

/* How much of the window it takes is known once it is written. */
static bool
may_go(const Letterbox *box, const Letter *letter)
{
	size_t about = letter->bad.key.len + letter->bad.value.len + letter->bad.headers.len;

	return box->out_bytes == 0 || box->out_bytes + about <= WINDOW_BYTES;
}

size_t
letterbox_turn(Letterbox *box)
{
	if (box->first == NULL)
		return 0;
	if (box->sink->bad.policy == BAD_SKIP)
		return skip_all(box);
	if (!open_topic(box))
		return 0;
	while (box->first != NULL && may_go(box, box->first))
	{
		Letter *letter = take_first(box);

		if (!send_letter(box, letter))
		{
			put_back(box, letter);
			break;
		}
		box->out_bytes += letter->bytes;
	}
	return 0;
}

size_t
letterbox_report(Letterbox *box, const rd_kafka_message_t *m)
{
	Letter *letter = (Letter *) ((char *) m->_private - 1);

	box->out_bytes -= letter->bytes;
	if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR)
	{
		box->acked++;
		ack(box, letter);
		return 1;
	}
	put_back(box, letter);
	if (is_others(box, letter, m->err))
		return 0;
	if (m->err == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE && !letter->pointer)
		letter->pointer = true;
	else if (m->err != RD_KAFKA_RESP_ERR__PURGE_QUEUE &&
			 m->err != RD_KAFKA_RESP_ERR__PURGE_INFLIGHT)
		fail_letter(box, letter, m->err);
	return 0;
}

size_t
letterbox_drop(Letterbox *box)
{
	size_t n = 0;

	for (; box->first != NULL; n++)
	{
		Letter *letter = take_first(box);

		box->events.given_up(box->events.arg, letter->buf, 1);
		free(letter);
	}
	return n;
}

void
letterbox_close(Letterbox *box)
{
	(void) letterbox_drop(box);
	if (box->topic != NULL)
		rd_kafka_topic_destroy(box->topic);
	box->topic = NULL;
}

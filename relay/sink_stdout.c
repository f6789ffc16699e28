/*-------------------------------------------------------------------------
 *
 * sink_stdout.c
 *		Records as JSON lines on standard output.
 *
 *	{"topic":"cdc.users","op":"c","key":{"id":1},"value":{"id":1,…}}
 *	{"topic":"events","op":"m","key":null,"value":"free text","headers":{"a":"b"}}
 *
 * Keys and values are JSON already and are copied as they are, unless the
 * record is marked opaque: then they become JSON strings.  A record is acked
 * when its line has been written.
 *
 * Traps: the descriptor stays blocking, because it is shared with whoever
 * started us.  A pipe or terminal gets at most PIPE_BUF bytes at a time, and
 * only when poll() says that many fit.
 *
 *-------------------------------------------------------------------------
 */
#include "sink.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "jsontext.h"
#include "log.h"

#define FULL_BYTES      ((size_t) 256 * 1024) /* no more records until written */
#define WRITES_PER_POLL 64
#define MAX_RECORD      ((size_t) 1 << 30)

/* Records of a buffer whose lines end at a place in the output. */
typedef struct PendingAck
{
	Buffer *buf;
	uint32_t n;
	size_t end;
} PendingAck;

typedef struct StdoutSink
{
	Sink sink;
	bool regular; /* a file: never blocks */
	BufferBuilder out;
	size_t written; /* of out */
	PendingAck *pending;
	size_t npending;
	size_t pending_capacity;
	char **topics; /* by route id */
	size_t ntopics;
} StdoutSink;

static StdoutSink *
stdout_sink(Sink *sink)
{
	return (StdoutSink *) sink;
}

static bool
put_text(StdoutSink *s, const char *text)
{
	return builder_append(&s->out, text, strlen(text));
}

static bool
put_string(StdoutSink *s, NovaBytes bytes)
{
	return json_put_string(&s->out, bytes);
}

static bool
put_bytes(StdoutSink *s, NovaBytes bytes, bool opaque)
{
	if (bytes.data == NULL)
		return put_text(s, "null");
	return opaque ? put_string(s, bytes) : builder_append(&s->out, bytes.data, bytes.len);
}

static bool
put_headers(StdoutSink *s, NovaBytes block)
{
	NovaCursor c = {block.data, block.len};
	NovaBytes name;
	NovaBytes value;
	uint16_t count = 0;
	bool ok = put_text(s, ",\"headers\":{");

	(void) nova_get_u16(&c, &count);
	for (uint16_t i = 0; ok && i < count && nova_read_header(&c, &name, &value); i++)
		ok = put_text(s, i > 0 ? "," : "") && put_string(s, name) && put_text(s, ":") &&
			 put_bytes(s, value, true);
	return ok && put_text(s, "}");
}

static bool
put_place(StdoutSink *s, const NovaPlace *place)
{
	char text[80] = "";
	int n = 0;

	if (place->has_partition)
		n = snprintf(text, sizeof(text), ",\"partition\":%" PRId32, place->partition);
	if (place->has_timestamp)
		snprintf(text + n, sizeof(text) - (size_t) n, ",\"timestamp\":%" PRId64, place->timestamp);
	return put_text(s, text);
}

static bool
put_record(StdoutSink *s, const NovaRecord *r)
{
	const char *topic = s->topics[r->route];
	bool opaque = (r->flags & NOVA_RF_OPAQUE) != 0;
	char op[] = {(char) r->op};

	return put_text(s, "{\"topic\":") &&
		   put_string(s, (NovaBytes){topic, (uint32_t) strlen(topic)}) && put_text(s, ",\"op\":") &&
		   put_string(s, (NovaBytes){op, 1}) && put_text(s, ",\"key\":") &&
		   put_bytes(s, r->key, opaque) && put_text(s, ",\"value\":") &&
		   put_bytes(s, r->value, opaque) &&
		   (!(r->flags & NOVA_RF_HEADERS) || put_headers(s, r->headers)) &&
		   put_place(s, &r->place) && put_text(s, "}\n");
}

/* Remember whom to tell when everything up to here is written. */
static bool
expect_ack(StdoutSink *s, Buffer *buf, uint32_t n)
{
	if (s->npending == s->pending_capacity)
	{
		size_t capacity = s->pending_capacity > 0 ? s->pending_capacity * 2 : 256;
		PendingAck *grown = realloc(s->pending, capacity * sizeof(*grown));

		if (grown == NULL)
			return false;
		s->pending = grown;
		s->pending_capacity = capacity;
	}
	s->pending[s->npending++] = (PendingAck){buf, n, s->out.len};
	return true;
}

static SinkStatus
out_of_memory(Sink *sink)
{
	snprintf(sink->error, sizeof(sink->error), "out of memory for standard output");
	return SINK_FAILED;
}

static SinkStatus
stdout_route(Sink *sink, uint32_t id, const char *topic)
{
	StdoutSink *s = stdout_sink(sink);

	if (id >= s->ntopics)
	{
		size_t n = (size_t) id + 64;
		char **grown = realloc(s->topics, n * sizeof(*grown));

		if (grown == NULL)
			return out_of_memory(sink);
		memset(grown + s->ntopics, 0, (n - s->ntopics) * sizeof(*grown));
		s->topics = grown;
		s->ntopics = n;
	}
	free(s->topics[id]);
	s->topics[id] = strdup(topic);
	return s->topics[id] != NULL ? SINK_OK : out_of_memory(sink);
}

static SinkStatus
stdout_produce(Sink *sink, const NovaRecord *records, size_t n, Buffer *buf, size_t *accepted)
{
	StdoutSink *s = stdout_sink(sink);

	*accepted = 0;
	while (*accepted < n && s->out.len - s->written < FULL_BYTES)
	{
		if (!put_record(s, &records[*accepted]))
			return out_of_memory(sink);
		(*accepted)++;
	}
	if (*accepted > 0 && !expect_ack(s, buf, (uint32_t) *accepted))
		return out_of_memory(sink);
	return *accepted == n ? SINK_OK : SINK_FULL;
}

/* A dead letter's line: its headers say what it is about. */
static bool
put_letter(StdoutSink *s, const BadRecord *bad)
{
	LetterText text = {0};
	const char *topic = s->sink.bad.topic;
	bool pointer = !letter_fits(bad, MAX_RECORD);
	bool ok = letter_write(&text, bad, pointer);
	NovaBytes key = {text.key.data, (uint32_t) text.key.len};
	NovaBytes value = {text.value.data, (uint32_t) text.value.len};

	ok = ok && put_text(s, "{\"topic\":") &&
		 put_string(s, (NovaBytes){topic, (uint32_t) strlen(topic)}) &&
		 put_text(s, ",\"op\":\"m\",\"key\":") && put_bytes(s, key, true) &&
		 put_text(s, ",\"value\":") && put_bytes(s, value, !pointer) &&
		 put_headers(s, (NovaBytes){text.headers.data, (uint32_t) text.headers.len}) &&
		 put_text(s, "}\n");
	letter_reset(&text);
	return ok;
}

/* Lines have no limits: these are changes that could not be decoded. */
static bool
stdout_refuse(Sink *sink, const BadRecord *bad, Buffer *buf)
{
	StdoutSink *s = stdout_sink(sink);
	char text[1400];

	bad_record_text(bad, text, sizeof(text));
	log_warn("%s; %s, as nova.on.bad.record says", text,
			 sink->bad.policy == BAD_SKIP ? "skipped" : "a dead letter is written");
	sink->more = true;
	if ((sink->bad.policy == BAD_DLQ && !put_letter(s, bad)) || !expect_ack(s, buf, 1))
	{
		(void) out_of_memory(sink);
		return false;
	}
	if (sink->bad.policy == BAD_DLQ)
		sink->bad.letters++;
	else
		sink->bad.skipped++;
	return true;
}

static void
stdout_heartbeat(Sink *sink, const char *topic, const char *key, const char *value)
{
	StdoutSink *s = stdout_sink(sink);

	if (s->out.len - s->written < FULL_BYTES && put_text(s, "{\"topic\":") &&
		put_string(s, (NovaBytes){topic, (uint32_t) strlen(topic)}) &&
		put_text(s, ",\"op\":\"m\",\"key\":") && put_text(s, key) && put_text(s, ",\"value\":") &&
		put_text(s, value))
		(void) put_text(s, "}\n");
}

/* Tell of what is written, and move the rest to the front. */
static size_t
take_written(StdoutSink *s)
{
	size_t done = 0;
	size_t acks = 0;

	while (done < s->npending && s->pending[done].end <= s->written)
	{
		acks += s->pending[done].n;
		s->sink.events.acked(s->sink.events.arg, s->pending[done].buf, s->pending[done].n);
		done++;
	}
	for (size_t i = done; i < s->npending; i++)
	{
		s->pending[i - done] = s->pending[i];
		s->pending[i - done].end -= s->written;
	}
	s->npending -= done;
	memmove(s->out.data, s->out.data + s->written, s->out.len - s->written);
	s->out.len -= s->written;
	s->written = 0;
	return acks;
}

static bool
writable(void)
{
	struct pollfd fd = {.fd = STDOUT_FILENO, .events = POLLOUT};

	return poll(&fd, 1, 0) > 0;
}

static SinkStatus
stdout_poll(Sink *sink, size_t *acks)
{
	StdoutSink *s = stdout_sink(sink);
	SinkStatus status = SINK_OK;

	*acks = 0;
	for (int i = 0; i < WRITES_PER_POLL && s->written < s->out.len && writable(); i++)
	{
		size_t left = s->out.len - s->written;
		ssize_t n;

		if (!s->regular && left > PIPE_BUF)
			left = PIPE_BUF;
		n = write(STDOUT_FILENO, s->out.data + s->written, left);
		if (n >= 0)
			s->written += (size_t) n;
		else if (errno == EPIPE)
		{
			status = SINK_CLOSED;
			break;
		}
		else if (errno != EINTR && errno != EAGAIN)
		{
			snprintf(sink->error, sizeof(sink->error), "cannot write to standard output: %s",
					 strerror(errno));
			status = SINK_FAILED;
			break;
		}
	}
	sink->more = false;
	if (s->written > 0 || s->npending > 0)
		*acks = take_written(s);
	return status;
}

static struct pollfd
stdout_pollfd(const Sink *sink)
{
	const StdoutSink *s = (const StdoutSink *) sink;

	return (struct pollfd){.fd = s->written < s->out.len ? STDOUT_FILENO : -1, .events = POLLOUT};
}

static size_t
stdout_max_record(const Sink *sink)
{
	(void) sink;
	return MAX_RECORD;
}

static void
stdout_close(Sink *sink)
{
	StdoutSink *s = stdout_sink(sink);

	for (size_t i = 0; i < s->ntopics; i++)
		free(s->topics[i]);
	free(s->topics);
	for (size_t i = 0; i < s->npending; i++)
		sink->events.given_up(sink->events.arg, s->pending[i].buf, s->pending[i].n);
	free(s->pending);
	builder_reset(&s->out);
	free(s);
}

static const SinkOps stdout_ops = {
	.name = "stdout",
	.route = stdout_route,
	.produce = stdout_produce,
	.refuse = stdout_refuse,
	.heartbeat = stdout_heartbeat,
	.poll = stdout_poll,
	.pollfd = stdout_pollfd,
	.max_record = stdout_max_record,
	.close = stdout_close,
};

Sink *
sink_stdout_open(const RelayConfig *cfg, SinkEvents events, char *err, size_t errsize)
{
	StdoutSink *s = calloc(1, sizeof(*s));
	struct stat st;

	if (s == NULL || fstat(STDOUT_FILENO, &st) != 0)
	{
		snprintf(err, errsize, "cannot use standard output: %s", strerror(errno));
		free(s);
		return NULL;
	}
	s->sink.ops = &stdout_ops;
	s->sink.events = events;
	s->sink.bad = (BadRecords){.policy = cfg->bad_records, .topic = cfg->dlq_topic};
	s->regular = S_ISREG(st.st_mode);
	return &s->sink;
}

/*-------------------------------------------------------------------------
 *
 * verify_internal.h
 *		The two sides that verify.c compares.
 *
 *	verify_tables.c		tables at one moment, by way of nova.snapshot_frames()
 *	verify_topics.c		topics from their beginning to an end
 *
 * Everything here blocks, with a time limit.  What returns false has put one
 * line into the side's error.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_RELAY_VERIFY_INTERNAL_H
#define NOVA_RELAY_VERIFY_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "keystates.h"
#include "rowdigest.h"

/*
 * Tables
 */

typedef struct VerifyTable
{
	uint32_t oid;
	char *name;  /* schema.table, of the root where that is what records say */
	char *topic; /* unless a row says otherwise */
	bool keyed;  /* records have keys */
	bool readable;
	bool row_security;    /* it would hide rows */
	int64_t row_estimate; /* -1: not known */
} VerifyTable;

typedef struct TableSide TableSide;

/* A row, as its record would be; nothing of it may be kept. */
typedef void (*TableRowFn)(void *arg, NovaBytes topic, NovaBytes key, NovaBytes value);

extern TableSide *tables_open(const RelayConfig *cfg, int timeout_s);
extern void tables_close(TableSide *t);

/* All captured tables, in the order of their names; what is in the list is the caller's. */
extern bool tables_list(TableSide *t, VerifyTable **list, size_t *n);
extern void tables_free_list(VerifyTable *list, size_t n);

/* Whoever is in the stream already is visible afterwards. */
extern bool tables_settle(TableSide *t);

/* Begin to look at one moment; all that it shows is in the WAL before lsn. */
extern bool tables_moment(TableSide *t, uint64_t *lsn);

/* Until Kafka has everything before lsn: the slot has confirmed it, and not for a spool. */
extern bool tables_wait(TableSide *t, uint64_t lsn);

/* The effective options, as JSON, of the encoder. */
extern bool tables_options(TableSide *t, const VerifyTable *table, RowForm *form);

extern bool tables_read(TableSide *t, const VerifyTable *table, TableRowFn row, void *arg);

extern const char *tables_error(const TableSide *t);

/*
 * Topics
 */

typedef struct TopicEnds
{
	int n;         /* partitions; 0: there is no such topic */
	int64_t *low;  /* where they began */
	int64_t *mark; /* where they ended before the moment */
	int64_t *end;  /* and after all before it had arrived */
} TopicEnds;

typedef struct TopicSide TopicSide;

/* key.data and value.data may be NULL; nothing may be kept.  False ends the reading. */
typedef bool (*TopicRecordFn)(void *arg, NovaBytes key, NovaBytes value, RecordPlace place);

extern TopicSide *topics_open(const RelayConfig *cfg, int timeout_s);
extern void topics_close(TopicSide *t);

/* The first time sets the mark, each time the end. */
extern bool topics_look(TopicSide *t, const char *topic, TopicEnds *ends);
extern void topics_free_ends(TopicEnds *ends);

extern bool topics_read(TopicSide *t, const char *topic, const TopicEnds *ends,
						TopicRecordFn record, void *arg);

/* From the ends' low on, and nothing of a partition whose end is 0. */
extern bool topics_read_from(TopicSide *t, const char *topic, const TopicEnds *ends,
							 TopicRecordFn record, void *arg);

extern const char *topics_error(const TopicSide *t);

#endif /* NOVA_RELAY_VERIFY_INTERNAL_H */

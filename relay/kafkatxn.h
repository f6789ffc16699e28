/*-------------------------------------------------------------------------
 *
 * kafkatxn.h
 *		The calls about transactions that block, in a thread of their own.
 *
 *	t = kafkatxn_new(wake_fd);
 *	kafkatxn_start(t, KAFKATXN_INIT, producers, n);
 *	kafkatxn_outcome(t)		… KAFKATXN_BUSY; a byte to wake_fd says when to ask again
 *	kafkatxn_free(t);
 *
 * One call at a time.  What can be tried again is: beginning without end, the others
 * for as long as a transaction may last (transaction.timeout.ms), for then Kafka gives
 * it up by itself.  After a call that went well every one of its producers has begun a
 * new transaction.
 *
 * Traps: committing and aborting wait until the producer's delivery reports are
 * served, so whoever started the call must go on polling.  While it is busy
 * nothing else may be asked of the producers than to poll, and they must not
 * be destroyed.  An abort purges the queue once and then waits for what is in flight;
 * what fails there and is to be tried again is queued anew, behind the purge, and would
 * be waited for until it is too old (librdkafka 2.0).  So a call comes back after a
 * moment and is resumed, which purges again.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_RELAY_KAFKATXN_H
#define NOVA_RELAY_KAFKATXN_H

#include <stdbool.h>
#include <stddef.h>

#include <librdkafka/rdkafka.h>

#define KAFKATXN_PRODUCERS 2

typedef enum KafkaTxnCall
{
	KAFKATXN_INIT, /* fence whoever had the id before, and end what it left open */
	KAFKATXN_COMMIT,
	KAFKATXN_ABORT
} KafkaTxnCall;

typedef enum KafkaTxnOutcome
{
	KAFKATXN_BUSY,
	KAFKATXN_DONE,
	KAFKATXN_MUST_ABORT, /* the transaction cannot be committed any more */
	KAFKATXN_FENCED,     /* another producer has the id now */
	KAFKATXN_LATE,       /* the time is over: what became of the transaction nobody knows */
	KAFKATXN_FAILED
} KafkaTxnOutcome;

typedef struct KafkaTxn KafkaTxn;

/* NULL with errno set. */
extern KafkaTxn *kafkatxn_new(int wake_fd);

/* The last call must be over. */
extern void kafkatxn_start(KafkaTxn *t, KafkaTxnCall call, rd_kafka_t *const *producers, size_t n);

/* Of the last call; KAFKATXN_DONE before the first. */
extern KafkaTxnOutcome kafkatxn_outcome(KafkaTxn *t);

/* What went wrong with it, and librdkafka's name for that. */
extern const char *kafkatxn_error(const KafkaTxn *t);
extern rd_kafka_resp_err_t kafkatxn_code(const KafkaTxn *t);

/* False if librdkafka does not come back: thread and producers must stay as they are. */
extern bool kafkatxn_free(KafkaTxn *t);

/* Does this error mean that another producer has the id? */
extern bool kafkatxn_means_fenced(rd_kafka_resp_err_t err);

/*
 * Is it this producer alone that cannot go on, because it has lost count of what it
 * sent, or is not where the coordinator is?
 */
extern bool kafkatxn_new_one_helps(rd_kafka_resp_err_t err);

#endif /* NOVA_RELAY_KAFKATXN_H */

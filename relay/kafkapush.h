/*-------------------------------------------------------------------------
 *
 * kafkapush.h
 *		Sends what a producer still keeps for a fuller batch, without waiting.
 *
 *	p = kafkapush_new(rk);
 *	kafkapush_now(p);		nothing more is coming for the moment
 *	kafkapush_free(p);		before the producer is destroyed
 *
 * linger.ms of librdkafka is the same whether more records are coming or not, and
 * cannot be changed while it runs.  But it does not hold while somebody is in
 * rd_kafka_flush(): so a thread goes there for a moment.
 *
 * Traps: only for a producer whose delivery reports are events, of which
 * rd_kafka_flush() takes none.  It may send less than all, when the producer's own
 * threads do not get their turn within the moment; what is left goes after
 * linger.ms.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_RELAY_KAFKAPUSH_H
#define NOVA_RELAY_KAFKAPUSH_H

#include <librdkafka/rdkafka.h>

typedef struct KafkaPush KafkaPush;

/* NULL with errno set. */
extern KafkaPush *kafkapush_new(rd_kafka_t *rk);

/* Returns at once; many calls may become one. */
extern void kafkapush_now(KafkaPush *p);

/* p may be NULL. */
extern void kafkapush_free(KafkaPush *p);

#endif /* NOVA_RELAY_KAFKAPUSH_H */

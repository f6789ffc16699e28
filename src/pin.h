/*-------------------------------------------------------------------------
 *
 * pin.h
 *		Fixed session settings around a type's output function.
 *
 * Output functions of dates, intervals, floats and bytea ask the session how
 * it likes its text.  The same WAL has to give the same bytes in every session,
 * so nova_output() sets what they look at to fixed values and puts the
 * session's own back afterwards, also when the function ends in an ERROR.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_PIN_H
#define NOVA_PIN_H

#include "postgres.h"

#include "fmgr.h"

/* The text of a value, in the current memory context. */
extern char *nova_output(FmgrInfo *outfunc, Datum value);

/* Anything else that may look at them. */
extern void nova_pinned(void (*work)(void *arg), void *arg);

/*
 * Settings that cost more to change: names are written as the search path has
 * it, money as lc_monetary has it.  Around everything that may write either;
 * an ERROR in between undoes it, too, since it ends the (sub)transaction.
 */
extern int nova_pin_names(void);
extern void nova_unpin_names(int level);

#endif /* NOVA_PIN_H */

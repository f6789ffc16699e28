/*-------------------------------------------------------------------------
 *
 * sqltext.h
 *		Pieces of SQL written to a FILE, escaped.
 *
 * For sessions with standard_conforming_strings on, which the relay's are.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_RELAY_SQLTEXT_H
#define NOVA_RELAY_SQLTEXT_H

#include <stdio.h>

#include "config.h"

/* 'text' */
extern void sql_literal(FILE *out, const char *text);

/* '"schema"."name"'::pg_catalog.regclass */
extern void sql_regclass(FILE *out, const char *schema, const char *name);

/* The stream's options as nova.snapshot_frames() takes them. */
extern void sql_options(FILE *out, const RelayConfig *cfg, PublicationUse publication);

/* A session's settings, with which the role's and the database's disturb nothing. */
extern void sql_settings(FILE *out, const char *more);

#endif /* NOVA_RELAY_SQLTEXT_H */

/*-------------------------------------------------------------------------
 *
 * nova_empty.c
 *		An output plugin that emits nothing: the limit that others are held to.
 *
 * What decoding costs with this plugin is the server's own work: reading the
 * WAL, putting transactions together, replaying them.  bench/decode measures
 * every plugin as a multiple of it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "replication/logical.h"
#include "replication/output_plugin.h"

PG_MODULE_MAGIC;

extern PGDLLEXPORT void _PG_output_plugin_init(OutputPluginCallbacks *cb);

static void
empty_startup(LogicalDecodingContext *ctx, OutputPluginOptions *opt, bool is_init)
{
	opt->output_type = OUTPUT_PLUGIN_BINARY_OUTPUT;
}

static void
empty_begin(LogicalDecodingContext *ctx, ReorderBufferTXN *txn)
{
}

static void
empty_change(LogicalDecodingContext *ctx, ReorderBufferTXN *txn, Relation relation,
			 ReorderBufferChange *change)
{
}

static void
empty_commit(LogicalDecodingContext *ctx, ReorderBufferTXN *txn, XLogRecPtr commit_lsn)
{
}

void
_PG_output_plugin_init(OutputPluginCallbacks *cb)
{
	cb->startup_cb = empty_startup;
	cb->begin_cb = empty_begin;
	cb->change_cb = empty_change;
	cb->commit_cb = empty_commit;
}

/*-------------------------------------------------------------------------
 *
 * guard.c
 *		Getting past a change that ends in an ERROR; see guard.h.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#include "guard.h"

/* What a reason may have; it is a line of a log and a header of a record. */
#define REASON_MAX 500

bool
nova_guard_lists(const NovaOptions *options, XLogRecPtr lsn)
{
	for (int i = 0; i < options->nguarded; i++)
		if (options->guarded[i] == lsn)
			return true;
	return false;
}

/* Not the fault of the change: somebody wants us to end, or the machine is in trouble. */
static bool
must_end(int sqlerrcode)
{
	return ERRCODE_TO_CATEGORY(sqlerrcode) == ERRCODE_OPERATOR_INTERVENTION ||
		   ERRCODE_TO_CATEGORY(sqlerrcode) == ERRCODE_INSUFFICIENT_RESOURCES ||
		   ERRCODE_TO_CATEGORY(sqlerrcode) == ERRCODE_SYSTEM_ERROR;
}

/* After an ERROR, outside of the subtransaction: the reason, or the ERROR again. */
static char *
take_reason(ErrorData *error)
{
	char *reason;

	if (must_end(error->sqlerrcode))
		ReThrowError(error);
	reason = psprintf("%.*s (SQLSTATE %s)", REASON_MAX, error->message,
					  unpack_sql_state(error->sqlerrcode));
	FreeErrorData(error);
	return reason;
}

bool
nova_guard_try(void (*work)(void *arg), void *arg, char **reason)
{
	MemoryContext old = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	MemoryContext context;
	ErrorData *volatile error = NULL;

	if (!IsTransactionState())
	{
		*reason = pstrdup("it was not tried, because it is in no transaction");
		return false;
	}
	context = AllocSetContextCreate(old, "nova trial", ALLOCSET_DEFAULT_SIZES);
	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		work(arg);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(old);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(old);
	CurrentResourceOwner = owner;
	MemoryContextDelete(context);
	if (error == NULL)
		return true;
	*reason = take_reason(error);
	return false;
}

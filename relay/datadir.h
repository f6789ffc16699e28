/*-------------------------------------------------------------------------
 *
 * datadir.h
 *		What was deployed over HTTP, in a directory, so that it survives the process.
 *
 *	dir = datadir_open(path, err, sizeof(err));
 *	datadir_read(dir, &json, err, sizeof(err));		at the start
 *	datadir_write(dir, json, err, sizeof(err));		whenever it changed
 *
 * One file, connector.json, which is what would have to be posted to
 * /connectors to get there again: {"name":…,"config":{…},"initial_state":…}.  It
 * is as it was given, with its placeholders, and readable for its owner alone,
 * since it may hold a password.  It is replaced as a whole, so that whoever
 * starts finds the old one or the new one.
 *
 * The directory is locked while it is open: two processes of one directory would
 * be two relays on one slot.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_RELAY_DATADIR_H
#define NOVA_RELAY_DATADIR_H

#include <stdbool.h>
#include <stddef.h>

typedef struct DataDir DataDir;

/* Makes it if it is not there.  NULL after writing one line to err; so below. */
extern DataDir *datadir_open(const char *path, char *err, size_t errsize);
extern void datadir_close(DataDir *dir);

/* *json is the caller's to free; NULL: nothing is deployed. */
extern bool datadir_read(const DataDir *dir, char **json, char *err, size_t errsize);

/* NULL: nothing is deployed any more.  After false it is as it was. */
extern bool datadir_write(const DataDir *dir, const char *json, char *err, size_t errsize);

#endif /* NOVA_RELAY_DATADIR_H */

/*-------------------------------------------------------------------------
 *
 * terminal.h
 *		Is this a terminal on which lines may be drawn anew, and how wide?
 *
 * Who does not want that sets TERM=dumb or NO_COLOR: no control sequence is
 * written then, and lines come one after the other as into a file.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_RELAY_TERMINAL_H
#define NOVA_RELAY_TERMINAL_H

/* Its columns, as they are now; 0: do not draw there. */
extern int terminal_columns(int fd);

#endif /* NOVA_RELAY_TERMINAL_H */

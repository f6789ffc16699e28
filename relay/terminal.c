/*-------------------------------------------------------------------------
 *
 * terminal.c
 *		Is this a terminal on which lines may be drawn anew, and how wide?
 *
 *-------------------------------------------------------------------------
 */
#include "terminal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define COLUMNS_USUAL 80 /* of one that does not know */

int
terminal_columns(int fd)
{
	const char *term = getenv("TERM");
	const char *plain = getenv("NO_COLOR");
	struct winsize size;

	if (!isatty(fd) || term == NULL || term[0] == '\0' || strcmp(term, "dumb") == 0 ||
		(plain != NULL && plain[0] != '\0'))
		return 0;
	if (ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
		return COLUMNS_USUAL;
	return size.ws_col;
}

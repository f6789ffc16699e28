/* The same for machines without vectors. */
#define NOVA_ESCAPE_PORTABLE
#include "fuzz_escape.c"

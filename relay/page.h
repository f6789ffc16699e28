/*-------------------------------------------------------------------------
 *
 * page.h
 *		page.html as a string, which the Makefile makes of it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NOVA_RELAY_PAGE_H
#define NOVA_RELAY_PAGE_H

extern const char page_html[];

#endif /* NOVA_RELAY_PAGE_H */

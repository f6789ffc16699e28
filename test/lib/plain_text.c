/*-------------------------------------------------------------------------
 *
 * plain_text.c
 *		Loaded before a server that runs under AddressSanitizer: its messages stay
 *		untranslated, for their catalogs are never opened.
 *
 * The sanitizer's own beginning, when it is loaded into a program that was not
 * built for it, leaves the lock of libintl's state with one release too many
 * (glibc 2.36), and the first writer waits for ever: that is bindtextdomain() in
 * the server's main().  Readers of the lock do not mind.
 *
 *-------------------------------------------------------------------------
 */
char *bindtextdomain(const char *domain, char *directory);
char *textdomain(char *domain);
char *bind_textdomain_codeset(const char *domain, char *codeset);

char *
bindtextdomain(const char *domain, char *directory)
{
	(void) domain;
	return directory;
}

char *
textdomain(char *domain)
{
	return domain;
}

char *
bind_textdomain_codeset(const char *domain, char *codeset)
{
	(void) domain;
	return codeset;
}

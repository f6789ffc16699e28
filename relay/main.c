/*-------------------------------------------------------------------------
 *
 * main.c
 *		The command line of nova-relay: wiring only.
 *
 * There are two tables, of commands and of options; the help, the parser and the
 * completion for bash are made from them.
 *
 * Traps: a mistake on the command line or in the configuration is EXIT_USAGE
 * and one line, so that a supervisor can tell it from a failure of the stream.
 *
 *-------------------------------------------------------------------------
 */
#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libpq-fe.h>
#include <librdkafka/rdkafka.h>

#include "config.h"
#include "log.h"
#include "metrics.h"
#include "relay.h"
#include "signalcmd.h"
#include "status.h"
#include "tail.h"
#include "topics.h"
#include "verify.h"
#include "worker.h"

#ifndef NOVA_VERSION
#define NOVA_VERSION "unknown"
#endif

#define ERROR_LINE_MAX 1024

/* Bytes: what is given back at once when it is free, and how much may lie about for the next time. */
#define LARGE_PIECE (4 * 1024 * 1024)
#define KEPT_MEMORY (32 * 1024 * 1024)

/* Commands, as bits: an option says which ones have it. */
enum
{
	CMD_RUN = 1 << 0,
	CMD_CHECK = 1 << 1,
	CMD_DOCTOR = 1 << 2,
	CMD_TOPICS = 1 << 3,
	CMD_STATUS = 1 << 4,
	CMD_TAIL = 1 << 5,
	CMD_SNAPSHOT = 1 << 6,
	CMD_VERIFY = 1 << 7,
	CMD_CONFIG = 1 << 8,
	CMD_OPTIONS = 1 << 9,
	CMD_METRICS = 1 << 10,
	CMD_COMPLETION = 1 << 11,
	CMD_HELP = 1 << 12,
	CMD_ALL = (1 << 13) - 1
};

#define CMD_SINK (CMD_RUN | CMD_CHECK | CMD_DOCTOR)
#define CMD_JSON                                                                                   \
	(CMD_CHECK | CMD_DOCTOR | CMD_VERIFY | CMD_TOPICS | CMD_STATUS | CMD_TAIL | CMD_SNAPSHOT)

/* What the command line said. */
typedef struct CommandLine
{
	RelayArgs args;
	LogLevel level;
	LogFormat format;
	char **operands;
	int noperands;
	const char *config_path; /* NULL when the command takes none */
	const char *data_dir;    /* NULL: the connector is in the file */
	bool json;
	long timeout_s; /* 0: the command's own */
	VerifyArgs verify;
	TopicsArgs topics;
	StatusArgs status;
	TailArgs tail;
	const char *signal; /* of `snapshot` */
	bool wait;          /* for its end */
	bool help;
	bool version;
} CommandLine;

typedef enum ConfigPlace
{
	CONFIG_NONE,
	CONFIG_FIRST, /* of the operands */
	CONFIG_LAST
} ConfigPlace;

typedef struct Command
{
	const char *name;
	unsigned bit;
	const char *operands; /* for the help */
	int min;              /* how many */
	int max;              /* -1: any number */
	ConfigPlace place;
	int (*run)(const CommandLine *line);
	const char *help;
	const char *exits; /* exit statuses */
	const char *more;  /* for the command's own help; NULL: nothing */
} Command;

static int command_run(const CommandLine *line);
static int command_check(const CommandLine *line);
static int command_doctor(const CommandLine *line);
static int command_topics(const CommandLine *line);
static int command_status(const CommandLine *line);
static int command_tail(const CommandLine *line);
static int command_snapshot(const CommandLine *line);
static int command_verify(const CommandLine *line);
static int command_config(const CommandLine *line);
static int command_options(const CommandLine *line);
static int command_metrics(const CommandLine *line);
static int command_completion(const CommandLine *line);
static int command_help(const CommandLine *line);

#define EXITS_PLAIN "0 done, 1 failed, 2 usage or configuration"

static const Command commands[] = {
	{"run", CMD_RUN, "CONFIG.json", 1, 1, CONFIG_FIRST, command_run,
	 "Stream changes until SIGTERM or SIGINT.",
	 "0 stopped in order, 1 failed, 2 usage or configuration,\n3 stopped by a second signal", NULL},
	{"check", CMD_CHECK, "CONFIG.json", 1, 1, CONFIG_FIRST, command_check,
	 "Connect to PostgreSQL and Kafka, print what is found and the fix. Changes nothing.",
	 "0 nothing would stop the relay, 1 something would, 2 usage or configuration", NULL},
	{"doctor", CMD_DOCTOR, "CONFIG.json", 1, 1, CONFIG_FIRST, command_doctor,
	 "All that check looks at, and what nova.doctor() in the database says. Changes nothing.",
	 "0 nothing would stop the relay, 1 something would, 2 usage or configuration", NULL},
	{"topics", CMD_TOPICS, "CONFIG.json", 1, 1, CONFIG_FIRST, command_topics,
	 "Compare topics with what topic.creation.* asks for; make and change them if told to.",
	 "0 equal (with --apply: now), 1 different, 2 could not compare",
	 "Without --apply nothing is changed. Partitions are added only with --add-partitions:\n"
	 "afterwards most keys go to another partition than before, so that the order of the\n"
	 "records of a key is lost across that moment.\n"},
	{"status", CMD_STATUS, "URL|CONFIG.json", 1, 1, CONFIG_NONE, command_status,
	 "Show how a running relay is doing; on a terminal until ^C.",
	 "0 RUNNING, 1 another state, 2 it could not be asked", NULL},
	{"tail", CMD_TAIL, "TOPIC... CONFIG.json", 2, -1, CONFIG_LAST, command_tail,
	 "Print records as they come.",
	 "0 done, 1 failed or not enough records in time, 2 usage or configuration", NULL},
	{"snapshot", CMD_SNAPSHOT, "CONFIG.json [TABLE...]", 1, -1, CONFIG_FIRST, command_snapshot,
	 "Have tables (schema.table) sent again while the stream goes on.",
	 "0 signalled (--wait: and complete), 1 failed, 2 usage or configuration, 4 (--wait) over, but "
	 "not complete: stopped, given up, or tables left out",
	 "The signal is a call of nova.signal() in the database; the running relay obeys it.\n"
	 "With --wait, --timeout is how long it may take the relay to take the signal.\n"
	 "--stop without tables stops all incremental snapshots.\n"},
	{"verify", CMD_VERIFY, "CONFIG.json", 1, 1, CONFIG_FIRST, command_verify,
	 "Compare the tables with the last states in their topics. Changes nothing.",
	 "0 equal, 1 different, 2 could not compare", NULL},
	{"config", CMD_CONFIG, "CONFIG.json", 1, 1, CONFIG_FIRST, command_config,
	 "Print the effective settings, secrets masked.", EXITS_PLAIN, NULL},
	{"options", CMD_OPTIONS, NULL, 0, 0, CONFIG_NONE, command_options,
	 "Print every option of the JSON, as Markdown.", EXITS_PLAIN, NULL},
	{"metrics", CMD_METRICS, NULL, 0, 0, CONFIG_NONE, command_metrics,
	 "Print every metric, as Markdown.", EXITS_PLAIN, NULL},
	{"completion", CMD_COMPLETION, "bash", 1, 1, CONFIG_NONE, command_completion,
	 "Print a completion script: source <(nova-relay completion bash)", EXITS_PLAIN, NULL},
	{"help", CMD_HELP, "[COMMAND]", 0, 1, CONFIG_NONE, command_help,
	 "Print this text, or that of a command.", EXITS_PLAIN, NULL},
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

/* How an option's value is taken; false: it is none. */
typedef bool (*SetOption)(CommandLine *line, const char *value);

typedef struct OptionSpec
{
	const char *name;
	char letter;         /* 0: none */
	const char *operand; /* "kafka|stdout": one of these; NULL: takes none */
	unsigned commands;
	SetOption set;
	const char *help;
} OptionSpec;

/* The position of value among "a|b|c", or -1. */
static int
one_of(const char *value, const char *names)
{
	size_t len = strlen(value);

	for (int i = 0;; i++)
	{
		size_t n = strcspn(names, "|");

		if (n == len && strncmp(names, value, n) == 0)
			return i;
		if (names[n] == '\0')
			return -1;
		names += n + 1;
	}
}

/* A whole number from 1 on; false: it is none. */
static bool
set_number(const char *value, long max, long *number)
{
	char *end;

	*number = strtol(value, &end, 10);
	return *value >= '0' && *value <= '9' && *end == '\0' && *number >= 1 && *number <= max;
}

#define SINKS   "kafka|stdout"
#define FORMATS "plain|json"
#define LEVELS  "error|warn|info|debug"

/* clang-format off */
static bool
set_sink(CommandLine *line, const char *value)
{
	line->args.sink = one_of(value, SINKS) == 1 ? SINK_STDOUT : SINK_KAFKA;
	return one_of(value, SINKS) >= 0;
}

static bool
set_format(CommandLine *line, const char *value)
{
	line->format = one_of(value, FORMATS) == 1 ? LOG_JSON : LOG_PLAIN;
	return one_of(value, FORMATS) >= 0;
}

static bool
set_level(CommandLine *line, const char *value)
{
	int n = one_of(value, LEVELS);

	line->level = n < 0 ? LOG_INFO : (LogLevel) n;
	return n >= 0;
}

static bool
set_small(const char *value, long most, uint32_t *to)
{
	long number;
	bool ok = set_number(value, most, &number);

	*to = (uint32_t) number;
	return ok;
}

static bool
set_sample(CommandLine *line, const char *value)
{
	return set_small(value, INT32_MAX, &line->verify.sample);
}

static bool
set_keys(CommandLine *line, const char *value)
{
	return set_small(value, VERIFY_KEYS_MAX, &line->verify.keys);
}

static bool
set_timeout(CommandLine *line, const char *value)
{
	return set_number(value, 86400, &line->timeout_s);
}

static bool
set_count(CommandLine *line, const char *value)
{
	return set_number(value, INT32_MAX, &line->tail.count);
}

static bool
set_signal(CommandLine *line, const char *name)
{
	bool first = line->signal == NULL;

	line->signal = name;
	return first;
}

#define FLAG(function, what)                                                                       \
	static bool function(CommandLine *line, const char *value)                                     \
	{                                                                                              \
		(void) value;                                                                              \
		what;                                                                                      \
		return true;                                                                               \
	}

FLAG(set_embedded, line->args.embedded_broker = true)
FLAG(set_all, line->verify.sample = 1)
FLAG(set_json, line->json = true)
FLAG(set_apply, line->topics.apply = true)
FLAG(set_add_partitions, line->topics.add_partitions = true)
FLAG(set_once, line->status.once = true)
FLAG(set_beginning, line->tail.from_beginning = true)
FLAG(set_wait, line->wait = true)
FLAG(set_stop, return set_signal(line, "stop-snapshot"))
FLAG(set_pause, return set_signal(line, "pause-snapshot"))
FLAG(set_resume, return set_signal(line, "resume-snapshot"))
FLAG(set_help, line->help = true)
FLAG(set_version, line->version = true)
/* clang-format on */

static bool
set_table(CommandLine *line, const char *value)
{
	line->verify.tables = value;
	return true;
}

static bool
set_data_dir(CommandLine *line, const char *value)
{
	line->data_dir = value;
	return true;
}

static bool
set_ca(CommandLine *line, const char *value)
{
	line->status.ca = value;
	return true;
}

static bool
set_cert(CommandLine *line, const char *value)
{
	line->status.cert = value;
	return true;
}

static bool
set_user(CommandLine *line, const char *value)
{
	line->status.user = value;
	return true;
}

static const OptionSpec options[] = {
	{"sink", 0, SINKS, CMD_SINK, set_sink, "where records go (kafka)"},
	{"embedded-broker", 0, NULL, CMD_SINK, set_embedded,
	 "an in-memory broker on loopback, for trying out; it\nloses everything when the relay stops"},
	{"data-dir", 0, "DIR", CMD_RUN, set_data_dir,
	 "a connector is deployed over HTTP, as to Kafka\nConnect, and kept in DIR; CONFIG.json, which "
	 "may be\nmissing "
	 "then, has listeners and bootstrap.servers"},
	{"apply", 0, NULL, CMD_TOPICS, set_apply, "make what is missing and set configs that differ"},
	{"add-partitions", 0, NULL, CMD_TOPICS, set_add_partitions,
	 "with --apply: partitions, too; keys are spread anew"},
	{"ca", 0, "FILE", CMD_STATUS, set_ca, "https: whom to trust (PEM), in place of the system's"},
	{"cert", 0, "FILE", CMD_STATUS, set_cert, "https: the certificate and key to show (PEM)"},
	{"user", 0, "NAME", CMD_STATUS, set_user,
	 "with the password in " STATUS_PASSWORD "; else those\nof the configuration"},
	{"once", 0, NULL, CMD_STATUS, set_once, "print it once, as when stdout is no terminal"},
	{"count", 'n', "COUNT", CMD_TAIL, set_count, "end after so many records"},
	{"from-beginning", 0, NULL, CMD_TAIL, set_beginning, "what is there already, too"},
	{"wait", 0, NULL, CMD_SNAPSHOT, set_wait, "show how far it is, until it is over"},
	{"stop", 0, NULL, CMD_SNAPSHOT, set_stop, "stop that of these tables, or all"},
	{"pause", 0, NULL, CMD_SNAPSHOT, set_pause, "let it rest"},
	{"resume", 0, NULL, CMD_SNAPSHOT, set_resume, "let it go on"},
	{"table", 0, "REGEX", CMD_VERIFY, set_table,
	 "tables (schema.table) to compare; all that are captured"},
	{"sample", 0, "N", CMD_VERIFY, set_sample,
	 "one key of N, always the same ones, in as much less\nmemory"},
	{"all", 0, NULL, CMD_VERIFY, set_all, "every key (that is the default)"},
	{"keys", 0, "N", CMD_VERIFY, set_keys, "of each kind, name the first N keys (10)"},
	{"json", 0, NULL, CMD_JSON, set_json, "print JSON"},
	{"timeout", 0, "SECONDS", CMD_VERIFY | CMD_TOPICS | CMD_STATUS | CMD_TAIL | CMD_SNAPSHOT,
	 set_timeout, "how long to wait for answers; tail: for a record"},
	{"log-format", 0, FORMATS, CMD_ALL, set_format, "lines of the log (plain)"},
	{"log-level", 0, LEVELS, CMD_ALL, set_level, "how much it says (info)"},
	{"help", 'h', NULL, CMD_ALL, set_help, "this text, or that of a command"},
	{"version", 'V', NULL, CMD_ALL, set_version, "print the version"},
};

#define OPTIONS (sizeof(options) / sizeof(options[0]))

static int
usage_error(const char *what, const char *which)
{
	fprintf(stderr, "nova-relay: %s%s; try \"nova-relay --help\"\n", what, which);
	return EXIT_USAGE;
}

/* A report that could not be written (disk full, reader gone) is a failure. */
static int
finish_output(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return EXIT_OK;
	fprintf(stderr, "nova-relay: cannot write to standard output\n");
	return EXIT_FAILED;
}

/*
 * Help and completion
 */

#define HELP_COLUMN 26

/* One option; the lines of its text below each other. */
static void
print_option(const OptionSpec *o)
{
	const char letter[] = {'-', o->letter, ',', ' ', '\0'};
	const char *text = o->help;
	char left[100];

	snprintf(left, sizeof(left), "  %s--%s%s%s", o->letter != 0 ? letter : "", o->name,
			 o->operand ? " " : "", o->operand ? o->operand : "");
	/* one that leaves no room has a line of its own */
	if (strlen(left) >= HELP_COLUMN)
	{
		puts(left);
		left[0] = '\0';
	}
	for (;;)
	{
		size_t n = strcspn(text, "\n");

		printf("%-*s%.*s\n", HELP_COLUMN, left, (int) n, text);
		if (text[n] == '\0')
			return;
		text += n + 1;
		left[0] = '\0';
	}
}

static void
print_options(unsigned bits, const char *of)
{
	printf("\nOptions%s:\n", of);
	for (size_t i = 0; i < OPTIONS; i++)
		if (options[i].commands & bits)
			print_option(&options[i]);
}

static void
print_commands(void)
{
	printf("nova-relay: PostgreSQL changes to Kafka\n\nUsage: nova-relay COMMAND [options]\n\n");
	for (size_t i = 0; i < COMMANDS; i++)
		printf("  %-10s %-22s %s\n", commands[i].name,
			   commands[i].operands ? commands[i].operands : "", commands[i].help);
	print_options(CMD_RUN, " of run");
	printf("\n\"nova-relay COMMAND --help\" has a command's own options and exit statuses.\n"
		   "CONFIG.json is a Debezium connector JSON; \"-\" reads standard input.\n"
		   "Exit status: %s.\n",
		   commands[0].exits);
}

static int
print_help(const Command *c)
{
	if (c == NULL)
	{
		print_commands();
		return finish_output();
	}
	printf("Usage: nova-relay %s%s%s [options]\n\n%s\n%s%s", c->name, c->operands ? " " : "",
		   c->operands ? c->operands : "", c->help, c->more ? "\n" : "", c->more ? c->more : "");
	print_options(c->bit, "");
	printf("\nExit status: %s.\n", c->exits);
	return finish_output();
}

static void
print_command_names(void)
{
	for (size_t i = 0; i < COMMANDS; i++)
		printf("%s ", commands[i].name);
}

/* The words that may stand behind a command, for bash. */
static void
print_completion_case(const Command *c)
{
	printf("\t\t%s) words=\"", c->name);
	for (size_t i = 0; i < OPTIONS; i++)
		if (options[i].commands & c->bit)
			printf("--%s ", options[i].name);
	if (c->bit == CMD_HELP)
		print_command_names();
	printf("%s\" ;;\n", c->bit == CMD_COMPLETION ? "bash" : "");
}

static void
print_completion(void)
{
	printf("# bash completion of nova-relay %s; made by: nova-relay completion bash\n"
		   "_nova_relay()\n{\n"
		   "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} words\n"
		   "\tCOMPREPLY=()\n\tcase $prev in\n",
		   NOVA_VERSION);
	for (size_t i = 0; i < OPTIONS; i++)
		if (options[i].operand != NULL && strchr(options[i].operand, '|') != NULL)
		{
			printf("\t\t--%s) COMPREPLY=($(compgen -W \"", options[i].name);
			for (const char *p = options[i].operand; *p != '\0'; p++)
				putchar(*p == '|' ? ' ' : *p);
			printf("\" -- \"$cur\")); return ;;\n");
		}
	printf("\tesac\n\tif [ \"$COMP_CWORD\" -eq 1 ]\n\tthen\n\t\twords=\"");
	print_command_names();
	printf("--help --version\"\n\telse\n\t\tcase ${COMP_WORDS[1]} in\n");
	for (size_t i = 0; i < COMMANDS; i++)
		print_completion_case(&commands[i]);
	/* two commands have words of their own where the others have files */
	printf("\t\tesac\n\t\tcase ${COMP_WORDS[1]}:$cur in\n\t\t\tcompletion:* | help:* | *:-*) ;;\n"
		   "\t\t\t*) COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n\t\tesac\n\tfi\n"
		   "\tCOMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n}\n"
		   "complete -o filenames -F _nova_relay nova-relay\n");
}

/*
 * The command line
 */

static const Command *
find_command(const char *name)
{
	for (size_t i = 0; i < COMMANDS; i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

#define OPTION_BASE 256 /* above all letters */

/* The table as getopt_long() wants it. */
static void
fill_getopt(struct option longs[OPTIONS + 1], char letters[2 * OPTIONS + 2])
{
	size_t n = 0;

	letters[n++] = ':';
	for (size_t i = 0; i < OPTIONS; i++)
	{
		longs[i] = (struct option){options[i].name,
								   options[i].operand != NULL ? required_argument : no_argument,
								   NULL, OPTION_BASE + (int) i};
		if (options[i].letter == 0)
			continue;
		letters[n++] = options[i].letter;
		if (options[i].operand != NULL)
			letters[n++] = ':';
	}
	longs[OPTIONS] = (struct option){0};
	letters[n] = '\0';
}

static const OptionSpec *
option_of(int c)
{
	for (size_t i = 0; i < OPTIONS; i++)
		if (c == OPTION_BASE + (int) i || c == options[i].letter)
			return &options[i];
	return NULL;
}

/* EXIT_OK, or what is wrong; *given has the options that not every command has. */
static int
parse_options(int argc, char **argv, CommandLine *line, const OptionSpec **given, size_t *ngiven)
{
	struct option longs[OPTIONS + 1];
	char letters[2 * OPTIONS + 2];
	int c;

	fill_getopt(longs, letters);
	opterr = 0;
	while ((c = getopt_long(argc, argv, letters, longs, NULL)) != -1)
	{
		const OptionSpec *o;

		if (c == ':')
			return usage_error("a value is missing after ", argv[optind - 1]);
		if (c == '?' || (o = option_of(c)) == NULL)
			return usage_error("unknown option ", argv[optind - 1]);
		if (!o->set(line, optarg))
			return o->operand != NULL
					   ? usage_error("not a value of that option: ", optarg)
					   : usage_error("an option that excludes another one: --", o->name);
		if (*ngiven < OPTIONS)
			given[(*ngiven)++] = o;
	}
	return EXIT_OK;
}

static int
no_command(void)
{
	char names[256] = "";

	for (size_t i = 0; i < COMMANDS; i++)
		snprintf(names + strlen(names), sizeof(names) - strlen(names), "%s%s", i > 0 ? ", " : "",
				 commands[i].name);
	return usage_error("a command is missing: ", names);
}

static int
check_operands(const Command *c, CommandLine *line)
{
	int n = line->noperands;

	if (n == 0 && line->data_dir != NULL)
		return EXIT_OK;
	if (n < c->min)
	{
		char usage[128];

		if (c->place == CONFIG_FIRST)
			return usage_error("a file is missing after ", c->name);
		snprintf(usage, sizeof(usage), "nova-relay %s %s", c->name, c->operands);
		return usage_error("something is missing: ", usage);
	}
	if (c->max >= 0 && n > c->max)
		return usage_error("one argument too many: ", line->operands[c->max]);
	if (c->place == CONFIG_FIRST)
	{
		line->config_path = line->operands[0];
		line->operands++;
		line->noperands--;
	}
	else if (c->place == CONFIG_LAST)
		line->config_path = line->operands[--line->noperands];
	return EXIT_OK;
}

/* What two options, or an option and the operands, must not be together. */
static int
check_together(const Command *c, const CommandLine *line)
{
	if (line->args.sink == SINK_STDOUT && line->args.embedded_broker)
		return usage_error("--sink stdout and --embedded-broker exclude each other", "");
	if (line->args.sink == SINK_STDOUT && line->data_dir != NULL)
		return usage_error("--sink stdout and --data-dir exclude each other", "");
	if (line->topics.add_partitions && !line->topics.apply)
		return usage_error("--add-partitions needs --apply", "");
	if (line->wait && line->signal != NULL)
		return usage_error("--wait goes without --stop, --pause and --resume", "");
	if (c->bit == CMD_SNAPSHOT && line->signal == NULL && line->noperands == 0)
		return usage_error("a table is missing (schema.table), or --stop, --pause or --resume", "");
	if (c->bit == CMD_SNAPSHOT && line->signal != NULL && line->noperands > 0 &&
		strcmp(line->signal, "stop-snapshot") != 0)
		return usage_error("this option goes without tables: ", line->operands[0]);
	return EXIT_OK;
}

/*
 * Returns EXIT_OK with *command set, or *command NULL when all is done and the
 * return value is the exit status.
 */
static int
parse_command_line(int argc, char **argv, CommandLine *line, const Command **command)
{
	const OptionSpec *given[OPTIONS];
	const Command *found = NULL;
	size_t ngiven = 0;
	int status;

	*command = NULL;
	status = parse_options(argc, argv, line, given, &ngiven);
	if (status != EXIT_OK)
		return status;
	if (line->version)
	{
		printf("nova-relay %s\n", NOVA_VERSION);
		return finish_output();
	}
	if (optind < argc && (found = find_command(argv[optind])) == NULL)
		return usage_error("unknown command ", argv[optind]);
	if (line->help)
		return print_help(found);
	if (found == NULL)
		return no_command();
	line->operands = argv + optind + 1;
	line->noperands = argc - optind - 1;
	if ((status = check_operands(found, line)) != EXIT_OK)
		return status;
	for (size_t i = 0; i < ngiven; i++)
		if (!(given[i]->commands & found->bit))
			return usage_error("this command has no option --", given[i]->name);
	if ((status = check_together(found, line)) == EXIT_OK)
		*command = found;
	return status;
}

/* Read the configuration, or say why not. */
static RelayConfig *
load(const CommandLine *line)
{
	char err[ERROR_LINE_MAX];
	RelayConfig *cfg = config_load(line->config_path, err, sizeof(err));

	if (cfg == NULL)
		log_error("%s", err);
	return cfg;
}

/* Load, see that the sink has somewhere to go; NULL after saying why not. */
static RelayConfig *
load_for_sink(const CommandLine *line)
{
	RelayConfig *cfg = load(line);
	char err[ERROR_LINE_MAX];

	if (cfg == NULL || worker_accepts(cfg, &line->args, err, sizeof(err)))
		return cfg;
	log_error("%s: %s", line->config_path, err);
	config_free(cfg);
	return NULL;
}

/* The same, and start work. */
static int
with_sink(const CommandLine *line, int (*work)(const RelayConfig *, const RelayArgs *, bool))
{
	RelayConfig *cfg = load_for_sink(line);
	int status;

	if (cfg == NULL)
		return EXIT_USAGE;
	status = work(cfg, &line->args, line->json);
	config_free(cfg);
	return status;
}

/*
 * librdkafka writes each batch into a piece of memory of its own, and libpq puts each message
 * into one.  glibc would take the larger ones from the system and give them back each time:
 * 70 page faults for a thousand rows of 0.5 kB, and a tenth of the relay's processor time.
 */
static void
keep_memory(void)
{
#ifdef M_MMAP_THRESHOLD
	(void) mallopt(M_MMAP_THRESHOLD, LARGE_PIECE);
	(void) mallopt(M_TRIM_THRESHOLD, KEPT_MEMORY);
#endif
}

static int
command_run(const CommandLine *line)
{
	RelayConfig *cfg;
	int status;

	keep_memory();
	log_info("nova-relay %s, librdkafka %s, libpq %d.%d", NOVA_VERSION, rd_kafka_version_str(),
			 PQlibVersion() / 10000, PQlibVersion() % 10000);
	if (line->args.sink == SINK_STDOUT && isatty(STDOUT_FILENO))
		log_status_off(); /* it would stand among the records */
	if (line->data_dir != NULL)
		return worker_serve(line->data_dir, line->config_path, &line->args);
	cfg = load_for_sink(line);
	if (cfg == NULL)
		return EXIT_USAGE;
	status = worker_run(cfg, &line->args);
	config_free(cfg);
	return status;
}

static int
command_check(const CommandLine *line)
{
	int status = with_sink(line, relay_check);

	return status == EXIT_OK ? finish_output() : status;
}

static int
command_doctor(const CommandLine *line)
{
	int status = with_sink(line, relay_doctor);

	return status == EXIT_OK ? finish_output() : status;
}

static int
seconds(const CommandLine *line, int usual)
{
	return line->timeout_s != 0 ? (int) line->timeout_s : usual;
}

/* Load, see that there are brokers, and start work; failed: when its output cannot be written. */
static int
with_brokers(const CommandLine *line, int (*work)(const RelayConfig *, const CommandLine *),
			 int failed)
{
	RelayConfig *cfg = load_for_sink(line);
	int status;

	if (cfg == NULL)
		return EXIT_USAGE;
	status = work(cfg, line);
	config_free(cfg);
	return finish_output() == EXIT_OK ? status : failed;
}

static int
work_verify(const RelayConfig *cfg, const CommandLine *line)
{
	VerifyArgs args = line->verify;

	args.json = line->json;
	args.timeout_s = seconds(line, VERIFY_TIMEOUT_S);
	return relay_verify(cfg, &args);
}

static int
command_verify(const CommandLine *line)
{
	return with_brokers(line, work_verify, EXIT_NOT_COMPARABLE);
}

static int
work_topics(const RelayConfig *cfg, const CommandLine *line)
{
	TopicsArgs args = line->topics;

	args.json = line->json;
	args.timeout_s = seconds(line, TOPICS_TIMEOUT_S);
	return relay_topics(cfg, &args);
}

static int
command_topics(const CommandLine *line)
{
	return with_brokers(line, work_topics, EXIT_NOT_COMPARABLE);
}

static int
work_tail(const RelayConfig *cfg, const CommandLine *line)
{
	TailArgs args = line->tail;

	args.topics = line->operands;
	args.ntopics = line->noperands;
	args.json = line->json;
	args.timeout_s = seconds(line, 0);
	return relay_tail(cfg, &args);
}

static int
command_tail(const CommandLine *line)
{
	return with_brokers(line, work_tail, EXIT_FAILED);
}

static int
command_snapshot(const CommandLine *line)
{
	const SignalArgs args = {.type = line->signal != NULL ? line->signal : "execute-snapshot",
							 .tables = line->operands,
							 .ntables = line->noperands,
							 .json = line->json,
							 .wait = line->wait,
							 .timeout_s = seconds(line, SIGNAL_TIMEOUT_S)};
	/* how far it is, the state topic says */
	RelayConfig *cfg = line->wait ? load_for_sink(line) : load(line);
	int status;

	if (cfg == NULL)
		return EXIT_USAGE;
	status = relay_signal(cfg, &args);
	config_free(cfg);
	return finish_output() == EXIT_OK ? status : EXIT_FAILED;
}

static int
command_status(const CommandLine *line)
{
	StatusArgs args = line->status;
	CommandLine with_path = *line;
	RelayConfig *cfg = NULL;
	int status;

	args.json = line->json;
	args.timeout_s = seconds(line, STATUS_TIMEOUT_S);
	if (strstr(line->operands[0], "://") != NULL)
		args.url = line->operands[0];
	else
	{
		with_path.config_path = line->operands[0];
		if ((cfg = load(&with_path)) == NULL)
			return EXIT_USAGE;
	}
	status = relay_status(cfg, &args);
	config_free(cfg);
	return finish_output() == EXIT_OK ? status : EXIT_USAGE;
}

static int
command_completion(const CommandLine *line)
{
	if (strcmp(line->operands[0], "bash") != 0)
		return usage_error("no completion for ", line->operands[0]);
	print_completion();
	return finish_output();
}

static int
command_help(const CommandLine *line)
{
	const Command *c = line->noperands > 0 ? find_command(line->operands[0]) : NULL;

	if (line->noperands > 0 && c == NULL)
		return usage_error("unknown command ", line->operands[0]);
	return print_help(c);
}

static int
command_config(const CommandLine *line)
{
	RelayConfig *cfg = load(line);

	if (cfg == NULL)
		return EXIT_USAGE;
	config_print_effective(cfg, stdout);
	config_free(cfg);
	return finish_output();
}

static int
command_metrics(const CommandLine *line)
{
	(void) line;
	metrics_print_table(stdout);
	return finish_output();
}

static int
command_options(const CommandLine *line)
{
	(void) line;
	config_print_options(stdout);
	return finish_output();
}

int
main(int argc, char **argv)
{
	CommandLine line = {
		.level = LOG_INFO, .format = LOG_PLAIN, .verify = {.sample = 1, .keys = VERIFY_KEYS}};
	const Command *command;
	int status = parse_command_line(argc, argv, &line, &command);

	if (command == NULL)
		return status;
	/* A closed pipe, or a file that may not grow, is an error of that write, not our death. */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	log_setup(line.level, line.format);
	return command->run(&line);
}

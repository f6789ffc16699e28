/*-------------------------------------------------------------------------
 *
 * main.c
 *		The command line of nova-relay: wiring only.
 *
 *	nova-relay run CONFIG.json		stream until told to stop
 *	nova-relay run --data-dir DIR	the same of what is deployed over HTTP
 *	nova-relay check CONFIG.json	look at both sides, change nothing
 *	nova-relay verify CONFIG.json	compare tables and topics
 *	nova-relay config CONFIG.json	print the effective settings
 *	nova-relay options				print the option table as Markdown
 *
 * An option belongs to a group, and a command has groups of options.
 *
 * Traps: a mistake on the command line or in the configuration is EXIT_USAGE
 * and one line, so that a supervisor can tell it from a failure of the stream.
 *
 *-------------------------------------------------------------------------
 */
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "log.h"
#include "metrics.h"
#include "relay.h"
#include "verify.h"
#include "worker.h"

#ifndef NOVA_VERSION
#define NOVA_VERSION "unknown"
#endif

#define ERROR_LINE_MAX 1024

/* What the command line said. */
typedef struct CommandLine
{
	RelayArgs args;
	LogLevel level;
	LogFormat format;
	const char *config_path; /* NULL when the command takes none */
	const char *data_dir;    /* NULL: the connector is in the file */
	VerifyArgs verify;
	unsigned groups;    /* of options that were given */
	const char *option; /* the last one that not every command has */
} CommandLine;

/* Groups of options; those of logging every command has. */
#define OPTIONS_SINK   1 /* --sink and --embedded-broker mean something */
#define OPTIONS_VERIFY 2
#define OPTIONS_DEPLOY 4 /* --data-dir, with which the operand may be missing */

typedef struct Command
{
	const char *name;
	const char *operand; /* "CONFIG.json" or NULL */
	unsigned groups;     /* of options */
	int (*run)(const CommandLine *line);
	const char *help;
} Command;

static int command_run(const CommandLine *line);
static int command_check(const CommandLine *line);
static int command_verify(const CommandLine *line);
static int command_config(const CommandLine *line);
static int command_options(const CommandLine *line);
static int command_metrics(const CommandLine *line);

static const Command commands[] = {
	{"run", "CONFIG.json", OPTIONS_SINK | OPTIONS_DEPLOY, command_run,
	 "Stream changes until SIGTERM or SIGINT."},
	{"check", "CONFIG.json", OPTIONS_SINK, command_check,
	 "Connect to PostgreSQL and Kafka, print what is found and the fix. Changes nothing."},
	{"verify", "CONFIG.json", OPTIONS_VERIFY, command_verify,
	 "Compare the tables with the last states in their topics. Changes nothing."},
	{"config", "CONFIG.json", 0, command_config, "Print the effective settings, secrets masked."},
	{"options", NULL, 0, command_options, "Print every option of the JSON, as Markdown."},
	{"metrics", NULL, 0, command_metrics, "Print every metric, as Markdown."},
};

enum
{
	OPT_SINK = 256,
	OPT_EMBEDDED,
	OPT_DATA_DIR,
	OPT_TABLE,
	OPT_SAMPLE,
	OPT_ALL,
	OPT_JSON,
	OPT_TIMEOUT,
	OPT_LOG_FORMAT,
	OPT_LOG_LEVEL
};

static const struct option long_options[] = {
	{"sink", required_argument, NULL, OPT_SINK},
	{"embedded-broker", no_argument, NULL, OPT_EMBEDDED},
	{"data-dir", required_argument, NULL, OPT_DATA_DIR},
	{"table", required_argument, NULL, OPT_TABLE},
	{"sample", required_argument, NULL, OPT_SAMPLE},
	{"all", no_argument, NULL, OPT_ALL},
	{"json", no_argument, NULL, OPT_JSON},
	{"timeout", required_argument, NULL, OPT_TIMEOUT},
	{"log-format", required_argument, NULL, OPT_LOG_FORMAT},
	{"log-level", required_argument, NULL, OPT_LOG_LEVEL},
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, 'V'},
	{NULL, 0, NULL, 0},
};

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

static void
print_options(unsigned groups)
{
	printf("\nOptions:\n");
	if (groups & OPTIONS_VERIFY)
		printf("  --table REGEX          tables (schema.table) to compare; all that are captured\n"
			   "  --sample N             one key of N, always the same ones, in as much less\n"
			   "                         memory; --all: every key (all)\n"
			   "  --json                 the report as one JSON object\n"
			   "  --timeout SECONDS      for the relay to catch up, and for answers (%d)\n",
			   VERIFY_TIMEOUT_S);
	if (groups & OPTIONS_SINK)
		printf("  --sink kafka|stdout    where records go (kafka)\n"
			   "  --embedded-broker      an in-memory broker on loopback, for trying out; it\n"
			   "                         loses everything when the relay stops\n");
	if (groups & OPTIONS_DEPLOY)
		printf(
			"  --data-dir DIR         a connector is deployed over HTTP, as to Kafka Connect, and\n"
			"                         kept in DIR; CONFIG.json, which may be missing then, has\n"
			"                         listeners and bootstrap.servers\n");
	printf("  --log-format plain|json\n"
		   "  --log-level error|warn|info|debug\n"
		   "  --help, --version\n");
}

static int
print_help(const Command *command)
{
	if (command != NULL)
	{
		printf("Usage: nova-relay %s%s%s [options]\n\n%s\n", command->name,
			   command->operand ? " " : "", command->operand ? command->operand : "",
			   command->help);
		print_options(command->groups);
		if (command->groups & OPTIONS_VERIFY)
			printf("\nExit status: 0 equal, 1 different, 2 could not compare.\n");
	}
	else
	{
		printf(
			"nova-relay: PostgreSQL changes to Kafka\n\nUsage: nova-relay COMMAND [options]\n\n");
		for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
			printf("  %-8s %-12s %s\n", commands[i].name,
				   commands[i].operand ? commands[i].operand : "", commands[i].help);
		print_options(OPTIONS_SINK);
		printf("\nCONFIG.json is a Debezium connector JSON; \"-\" reads standard input.\n"
			   "Exit status: 0 stopped in order, 1 failed, 2 usage or configuration,\n"
			   "3 stopped by a second signal.\n");
	}
	return finish_output();
}

static const Command *
find_command(const char *name)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

/* The position of value among n names, or -1. */
static int
one_of(const char *value, const char *const *names, int n)
{
	for (int i = 0; i < n; i++)
		if (strcmp(value, names[i]) == 0)
			return i;
	return -1;
}

/* A whole number from 1 on; false: it is none. */
static bool
set_number(const char *value, long max, long *number)
{
	char *end;

	*number = strtol(value, &end, 10);
	return *value >= '0' && *value <= '9' && *end == '\0' && *number >= 1 && *number <= max;
}

/* Of the groups that not every command has; false: not a value. */
static bool
set_group_option(CommandLine *line, int which, const char *value)
{
	static const char *const sinks[] = {"kafka", "stdout"};
	long number = 1;
	bool ok = true;

	switch (which)
	{
		case OPT_SINK:
			ok = one_of(value, sinks, 2) >= 0;
			line->args.sink = ok && one_of(value, sinks, 2) == 1 ? SINK_STDOUT : SINK_KAFKA;
			break;
		case OPT_EMBEDDED:
			line->args.embedded_broker = true;
			break;
		case OPT_DATA_DIR:
			line->data_dir = value;
			break;
		case OPT_TABLE:
			line->verify.tables = value;
			break;
		case OPT_SAMPLE:
			ok = set_number(value, INT32_MAX, &number);
			line->verify.sample = (uint32_t) number;
			break;
		case OPT_ALL:
			line->verify.sample = 1;
			break;
		case OPT_JSON:
			line->verify.json = true;
			break;
		case OPT_TIMEOUT:
			ok = set_number(value, 86400, &number);
			line->verify.timeout_s = (int) number;
			break;
		default:
			break;
	}
	return ok;
}

static bool
set_option(CommandLine *line, int which, int index, const char *value)
{
	static const char *const formats[] = {"plain", "json"};
	static const char *const levels[] = {"error", "warn", "info", "debug"};
	int n;

	if (which == OPT_LOG_FORMAT)
	{
		n = one_of(value, formats, 2);
		line->format = n == 1 ? LOG_JSON : LOG_PLAIN;
		return n >= 0;
	}
	if (which == OPT_LOG_LEVEL)
	{
		n = one_of(value, levels, 4);
		line->level = n < 0 ? LOG_INFO : (LogLevel) n;
		return n >= 0;
	}
	line->groups |= which >= OPT_TABLE && which <= OPT_TIMEOUT ? OPTIONS_VERIFY
					: which == OPT_DATA_DIR                    ? OPTIONS_DEPLOY
															   : OPTIONS_SINK;
	line->option = long_options[index].name;
	return set_group_option(line, which, value);
}

/*
 * Returns EXIT_OK with *command set, or *command NULL when all is done and the
 * return value is the exit status.
 */
static int
parse_command_line(int argc, char **argv, CommandLine *line, const Command **command)
{
	const Command *found = NULL;
	bool help = false;
	int index = 0;
	int c;

	*command = NULL;
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":hV", long_options, &index)) != -1)
	{
		if (c == 'V')
		{
			printf("nova-relay %s\n", NOVA_VERSION);
			return finish_output();
		}
		if (c == ':')
			return usage_error("a value is missing after ", argv[optind - 1]);
		if (c == '?')
			return usage_error("unknown option ", argv[optind - 1]);
		if (c == 'h')
			help = true;
		else if (!set_option(line, c, index, optarg))
			return usage_error("not a value of that option: ", optarg);
	}
	if (optind < argc && (found = find_command(argv[optind])) == NULL)
		return usage_error("unknown command ", argv[optind]);
	if (help)
		return print_help(found);
	if (found == NULL)
		return usage_error("a command is missing: run, check, verify, config, options or metrics",
						   "");
	if (found->operand != NULL && line->data_dir == NULL && optind + 1 >= argc)
		return usage_error("a file is missing after ", found->name);
	if (argc > optind + 1 + (found->operand != NULL))
		return usage_error("one argument too many: ",
						   argv[optind + 1 + (found->operand != NULL ? 1 : 0)]);
	if ((line->groups & ~found->groups) != 0)
		return usage_error("this command has no option --", line->option);
	if (line->args.sink == SINK_STDOUT && line->args.embedded_broker)
		return usage_error("--sink stdout and --embedded-broker exclude each other", "");
	if (line->args.sink == SINK_STDOUT && line->data_dir != NULL)
		return usage_error("--sink stdout and --data-dir exclude each other", "");
	if (found->operand != NULL && optind + 1 < argc)
		line->config_path = argv[optind + 1];
	*command = found;
	return EXIT_OK;
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

static int
command_run(const CommandLine *line)
{
	RelayConfig *cfg;
	int status;

	log_info("nova-relay %s", NOVA_VERSION);
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
	RelayConfig *cfg = load_for_sink(line);
	int status;

	if (cfg == NULL)
		return EXIT_USAGE;
	status = relay_check(cfg, &line->args);
	config_free(cfg);
	return status == EXIT_OK ? finish_output() : status;
}

static int
command_verify(const CommandLine *line)
{
	RelayConfig *cfg = load_for_sink(line);
	int status;

	if (cfg == NULL)
		return EXIT_USAGE;
	status = relay_verify(cfg, &line->verify);
	config_free(cfg);
	return finish_output() == EXIT_OK ? status : EXIT_NOT_COMPARABLE;
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
	CommandLine line = {.level = LOG_INFO,
						.format = LOG_PLAIN,
						.verify = {.sample = 1, .timeout_s = VERIFY_TIMEOUT_S}};
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

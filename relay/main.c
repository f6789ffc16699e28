/*-------------------------------------------------------------------------
 *
 * main.c
 *		The command line of nova-relay: wiring only.
 *
 *	nova-relay run CONFIG.json		stream until told to stop
 *	nova-relay check CONFIG.json	look at both sides, change nothing
 *	nova-relay config CONFIG.json	print the effective settings
 *	nova-relay options				print the option table as Markdown
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
#include <string.h>

#include "config.h"
#include "log.h"
#include "relay.h"

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
	const char *option;      /* the first option only "run" and "check" have */
} CommandLine;

typedef struct Command
{
	const char *name;
	const char *operand; /* "CONFIG.json" or NULL */
	bool has_sink;       /* --sink and --embedded-broker mean something */
	int (*run)(const CommandLine *line);
	const char *help;
} Command;

static int command_run(const CommandLine *line);
static int command_check(const CommandLine *line);
static int command_config(const CommandLine *line);
static int command_options(const CommandLine *line);

static const Command commands[] = {
	{"run", "CONFIG.json", true, command_run, "Stream changes until SIGTERM or SIGINT."},
	{"check", "CONFIG.json", true, command_check,
	 "Connect to PostgreSQL and Kafka, print what is found and the fix. Changes nothing."},
	{"config", "CONFIG.json", false, command_config,
	 "Print the effective settings, secrets masked."},
	{"options", NULL, false, command_options, "Print every option of the JSON, as Markdown."},
};

enum
{
	OPT_SINK = 256,
	OPT_EMBEDDED,
	OPT_LOG_FORMAT,
	OPT_LOG_LEVEL
};

static const struct option long_options[] = {
	{"sink", required_argument, NULL, OPT_SINK},
	{"embedded-broker", no_argument, NULL, OPT_EMBEDDED},
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
print_options(bool has_sink)
{
	printf("\nOptions:\n");
	if (has_sink)
		printf("  --sink kafka|stdout    where records go (kafka)\n"
			   "  --embedded-broker      an in-memory broker on loopback, for trying out; it\n"
			   "                         loses everything when the relay stops\n");
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
		print_options(command->has_sink);
	}
	else
	{
		printf(
			"nova-relay: PostgreSQL changes to Kafka\n\nUsage: nova-relay COMMAND [options]\n\n");
		for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
			printf("  %-8s %-12s %s\n", commands[i].name,
				   commands[i].operand ? commands[i].operand : "", commands[i].help);
		print_options(true);
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

static bool
set_option(CommandLine *line, int which, const char *value)
{
	static const char *const sinks[] = {"kafka", "stdout"};
	static const char *const formats[] = {"plain", "json"};
	static const char *const levels[] = {"error", "warn", "info", "debug"};
	int n = 0;

	switch (which)
	{
		case OPT_SINK:
			n = one_of(value, sinks, 2);
			line->args.sink = n == 1 ? SINK_STDOUT : SINK_KAFKA;
			line->option = "--sink";
			break;
		case OPT_EMBEDDED:
			line->args.embedded_broker = true;
			line->option = "--embedded-broker";
			break;
		case OPT_LOG_FORMAT:
			n = one_of(value, formats, 2);
			line->format = n == 1 ? LOG_JSON : LOG_PLAIN;
			break;
		case OPT_LOG_LEVEL:
			n = one_of(value, levels, 4);
			line->level = n < 0 ? LOG_INFO : (LogLevel) n;
			break;
		default:
			break;
	}
	return n >= 0;
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
	int c;

	*command = NULL;
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":hV", long_options, NULL)) != -1)
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
		else if (!set_option(line, c, optarg))
			return usage_error("not a value of that option: ", optarg);
	}
	if (optind < argc && (found = find_command(argv[optind])) == NULL)
		return usage_error("unknown command ", argv[optind]);
	if (help)
		return print_help(found);
	if (found == NULL)
		return usage_error("a command is missing: run, check, config or options", "");
	if (found->operand != NULL && optind + 1 >= argc)
		return usage_error("a file is missing after ", found->name);
	if (argc > optind + 1 + (found->operand != NULL))
		return usage_error("one argument too many: ",
						   argv[optind + 1 + (found->operand != NULL ? 1 : 0)]);
	if (line->option != NULL && !found->has_sink)
		return usage_error("this command has no option ", line->option);
	if (line->args.sink == SINK_STDOUT && line->args.embedded_broker)
		return usage_error("--sink stdout and --embedded-broker exclude each other", "");
	if (found->operand != NULL)
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

static bool
has_brokers(const RelayConfig *cfg)
{
	return config_pair(&cfg->kafka, "bootstrap.servers") != NULL ||
		   config_pair(&cfg->kafka, "metadata.broker.list") != NULL;
}

/* Load, see that the sink has somewhere to go, and start work. */
static int
with_sink(const CommandLine *line, int (*work)(const RelayConfig *, const RelayArgs *))
{
	RelayConfig *cfg = load(line);
	int status;

	if (cfg == NULL)
		return EXIT_USAGE;
	if (line->args.sink == SINK_KAFKA && !line->args.embedded_broker && !has_brokers(cfg))
	{
		log_error("%s: bootstrap.servers is missing; add it (host:port, or ${env:KAFKA_BROKER}), "
				  "or use --sink stdout or --embedded-broker",
				  line->config_path);
		config_free(cfg);
		return EXIT_USAGE;
	}
	if (line->args.embedded_broker && has_brokers(cfg))
		log_warn("--embedded-broker: bootstrap.servers is not used, records go to the in-memory "
				 "broker only");
	status = work(cfg, &line->args);
	config_free(cfg);
	return status;
}

static int
command_run(const CommandLine *line)
{
	log_info("nova-relay %s", NOVA_VERSION);
	return with_sink(line, relay_run);
}

static int
command_check(const CommandLine *line)
{
	int status = with_sink(line, relay_check);

	return status == EXIT_OK ? finish_output() : status;
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
command_options(const CommandLine *line)
{
	(void) line;
	config_print_options(stdout);
	return finish_output();
}

int
main(int argc, char **argv)
{
	CommandLine line = {.level = LOG_INFO, .format = LOG_PLAIN};
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

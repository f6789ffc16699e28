#
# What a stream of nova.stream() says of positions while nothing comes: the slot moves on
# over WAL of which a relay gets nothing, before the end of it; and where a standby
# must have the WAL first (17), to wait for it is not to be at the end.
#
use strict;
use warnings;

use CopyBoth;
use E2E;
use JSON::PP ();
use Nova;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('primary', conf => "autovacuum = off\n");
my $kafka = kafka_start();
my $version = int($node->safe_psql('postgres', 'SHOW server_version_num') / 10000);
my $prefix = topic_prefix();

sub sql { return $node->safe_psql('postgres', join ' ', @_) }

sub relay
{
	my ($name, %more) = @_;
	my $relay = start_relay($name, $node, $kafka, { 'topic.prefix' => $prefix, 'nova.stream.mode' => 'direct', 'nova.position.interval.ms' => 50, %more });

	like($relay->wait_for_line(qr/streaming from slot/), qr/by the direct road/, "$name: by the direct road");
	return $relay;
}

sql('CREATE EXTENSION nova_decoder; CREATE TABLE seldom (id serial PRIMARY KEY, v text)');

#
# Rows that a publication leaves out, each after a millisecond or more.
#
SKIP:
{
	skip 'publications have no row filters before 15', 4 if $version < 15;
	sql(q{CREATE PUBLICATION filtered FOR TABLE seldom WHERE (md5(repeat(v, 1000000)) = '') WITH (publish = 'insert')});
	my %quiet = ('publication.name' => 'filtered', 'table.include.list' => 'public[.]seldom');
	is(relay('quiet', %quiet)->term, 0, 'a slot is made');
	my $start = confirmed($node, 'nova_quiet');
	sql(q{DO $$ BEGIN FOR i IN 1 .. 600 LOOP INSERT INTO seldom (v) VALUES ('x'); COMMIT; END LOOP; END $$});
	my $end = sql('SELECT pg_current_wal_flush_lsn()');
	my $relay = relay('quiet', %quiet);
	wait_until('the slot moves on', sub { sql("SELECT '" . confirmed($node, 'nova_quiet') . "'::pg_lsn > '$start'") eq 't' });
	my $moved = confirmed($node, 'nova_quiet');
	is(sql("SELECT '$moved'::pg_lsn < '$end'"), 't', "the slot has moved on ($start, $moved) before all is decoded ($end)");
	is($relay->kill9, -9, 'killed on the way');
}

#
# A standby that must have the WAL first.
#
SKIP:
{
	skip 'no failover slots before 17', 5 if $version < 17;
	my $standby = PostgreSQL::Test::Cluster->new('standby');

	sql(q{SELECT pg_create_physical_replication_slot('standby')});
	$node->backup('base');
	$standby->init_from_backup($node, 'base', has_streaming => 1);
	$standby->append_conf('postgresql.conf', join "\n", q{primary_slot_name = 'standby'}, '');
	$standby->start;
	sql(q{ALTER SYSTEM SET synchronized_standby_slots = 'standby'});
	$node->reload;
	$node->wait_for_catchup($standby);
	sql(q{SELECT pg_create_logical_replication_slot('failover', 'nova_decoder', false, false, true)});
	$standby->stop;

	my $log = -s $node->logfile;
	sql(q{INSERT INTO seldom (v) VALUES ('late')});
	my $client = copyboth($node, [ '--stats', '--confirm' ], stream_command('direct', 'failover'));
	$client->streaming;
	$node->wait_for_log(qr/"standby" specified in parameter "synchronized_standby_slots"/, $log);
	# two keepalives are a second apart
	is(join(' ', map { $client->line('keepalive')->{asks} ? 'asks' : 'end' } 1 .. 2), 'asks asks',
		'while a standby is waited for, no keepalive says that there is no more');
	is($client->{out} =~ /"write"/ ? 'data' : 'none', 'none', 'and nothing comes');
	is(() = slurp_file($node->logfile, $log) =~ /"standby" specified in parameter/g, 1, 'the log has it once');
	$standby->start;
	ok(defined $client->line('write'), 'with the standby the change comes');
	ok(!$client->line('keepalive')->{asks}, 'and then a keepalive says that it was all');
	$client->kill9;
}

done_testing();

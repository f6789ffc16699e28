#
# Databases that are not UTF-8, over the replication protocol: text becomes
# UTF-8 on the way, also where the first thing streamed stands in no transaction
# (a non-transactional message), in which no catalog can be read.
#
use strict;
use warnings;
use utf8;

use Encode ();
use JSON::PP ();
use Nova;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = new_node('primary');
my $json = JSON::PP->new->utf8;

sub records
{
	my ($relay) = @_;
	return map { $json->decode($_) } split /\n/, slurp_file($relay->{out});
}

for my $case ([ 'LATIN1', '\xe9', 'é' ], [ 'EUC_JP', '\xa4\xa2', 'あ' ], [ 'SQL_ASCII', '\xff', "\x{FFFD}" ])
{
	my ($encoding, $stored, $expected) = @$case;
	my $db = lc $encoding;

	$node->safe_psql('postgres',
		"CREATE DATABASE $db ENCODING '$encoding' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0");
	$node->safe_psql($db, qq{
		CREATE EXTENSION nova_decoder;
		CREATE TABLE t (id int PRIMARY KEY, v text);
		SELECT pg_create_logical_replication_slot('$db', 'nova_decoder');
		SELECT nova.publish('events', 'k', E'$stored', transactional => false);
		INSERT INTO t VALUES (1, E'$stored')});

	my $relay = start_relay($db, $node, undef,
		{ 'database.dbname' => $db, 'slot.name' => $db, 'topic.prefix' => 'cdc' },
		'--sink', 'stdout');
	my $end = $node->safe_psql($db, 'SELECT pg_current_wal_lsn()');
	ok($node->poll_query_until($db, "SELECT confirmed_flush_lsn >= '$end' FROM pg_replication_slots WHERE slot_name = '$db'"),
		"$encoding: the slot advances");
	is($relay->term, 0, "$encoding: the relay stops in order");
	my ($message, $row) = grep { $_->{topic} !~ /heartbeat/ } records($relay);
	is($message->{value}, $expected, "$encoding: a message outside of any transaction");
	is($row->{value}{v}, $expected, "$encoding: a row");
}

unlike(slurp_file($node->logfile), qr/terminated by signal/, 'no server process crashed');
$node->stop;
done_testing();
